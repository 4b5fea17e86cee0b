"""Read the cells of a CSV file as text, each row with its line: `read_cells("flowers.csv")`.

    >>> from micrograd.data.cells import reading
    >>> reading("2.5"), reading("NA"), reading("2,5"), reading("inf"), reading("red")
    (2.5, 'missing', 'comma', 'infinite', 'text')

The file is UTF-8 text whose first line names the columns. The delimiter is the comma, semicolon or tab that splits this
line and the next into equally many cells. If several do, or none does, it is the one that gives the first line the most
cells; on a tie, the first of the three. Cells may be quoted with ". Spaces around a cell do not count, and blank lines
are skipped. Anything else that is wrong with a file is a DataError: one line that says where.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import stat
from dataclasses import dataclass
from typing import NoReturn

from micrograd.errors import DataError
from micrograd.words import count, quoted, text_of

MAX_BYTES = 100_000_000
MAX_COLUMNS = 5_000
MAX_SAMPLE = 1_000_000  # characters that are searched for the delimiter
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MISSING = frozenset(["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "?"])
COMMA_NUMBER = re.compile(r"[+-]?[0-9]+(,[0-9]+)+(\.[0-9]*)?([eE][+-]?[0-9]+)?|[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+")
FRAME = "in Python, pandas.read_{}(path).to_csv(new, index=False) writes it as CSV"
# First bytes of files often mistaken for CSV.
FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet's own file: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet's own file: save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first, with gunzip",
    b"BZh": "compressed with bzip2: unpack it first, with bunzip2",
    b"\xfd7zXZ\0": "compressed with xz: unpack it first, with unxz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first, with unzstd",
    b"PAR1": f"a Parquet file: {FRAME.format('parquet')}",
    b"ARROW1": f"a Feather file: {FRAME.format('feather')}",
    b"SQLite format 3\0": "an SQLite database: export the table as CSV, with .mode csv and .headers on",
    b"\x89HDF": f"an HDF5 file: {FRAME.format('hdf')}",
    b"\x93NUMPY": "a NumPy array: give it to fit, or save it with numpy.savetxt, a header and delimiter=','",
    b"%PDF": "a PDF: extract the table first, as CSV",
}


@dataclass(frozen=True)
class Cells:
    """The text of a file: the names of the columns, the rows, and the line on which each row starts."""

    name: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def reading(cell: str) -> float | str:
    """The finite number that a cell holds, or what it holds instead: "missing", "comma", "infinite" or "text".

    "comma" is a number such as 2,5 or 1,000,000. Python's own extras, such as 1_000 and digits of other scripts, are
    text.
    """
    try:
        x = float(cell)
    except ValueError:
        if cell in MISSING:
            return "missing"
        return "comma" if COMMA_NUMBER.fullmatch(cell) else "text"
    if "_" in cell or not cell.isascii():
        return "text"
    if math.isfinite(x):
        return x
    return "missing" if cell in MISSING else "infinite"


def complaint(kind: str, cell: str) -> str:
    """What to say about a cell that ought to be a number."""
    if kind == "missing":
        held = f" ({cell!r})" if cell else ""
        return f"the value is missing{held}: fill it in, or delete the row"
    if kind == "comma":
        return f"{quoted(cell)} is not a number: write a point before the decimals, and nothing between the thousands"
    if kind == "infinite":
        return f"{quoted(cell)} is not a finite number"
    return f"{quoted(cell)} is text in a column of numbers"


def read_cells(path: str | os.PathLike[str], *, wrong: dict[int, str] | None = None) -> Cells:
    """All cells of a CSV file. Raises DataError for a file that is not a table, FileNotFoundError for no file.

    Rows with too many or too few cells are refused; if `wrong` is given, it gets their errors by row index instead.
    """
    data = _bytes(path)
    name = text_of(path)
    delimiter = _checked(name, data)
    # Decoded while it is read: one string of all may take four bytes a character.
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    rows: list[list[str]] = []
    lines: list[int] = []
    records = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    header, line = None, 1  # the line on which the next record starts
    same: dict[str, str] = {}  # equal cells share one string
    try:
        for record in records:
            start, line = line, records.line_num + 1
            stripped = [cell.strip() for cell in record]
            if not stripped or stripped == [""]:
                continue
            if header is None:
                header = _header(name, start, stripped, delimiter)
                continue
            if len(stripped) != len(header):
                said = (
                    f"{name}, line {start}: {count(len(stripped), 'cell')} separated by {DELIMITERS[delimiter]}, but "
                    f"the header has {count(len(header), 'column')}"
                )
                if wrong is None:
                    raise DataError(said)
                wrong[len(rows)] = said
            rows.append([same.setdefault(cell, cell) for cell in stripped])
            lines.append(start)
    except csv.Error as error:
        _broken_quotes(name, line, error)
    if header is None:
        raise DataError(f"{name} is empty")
    if not rows:
        raise DataError(f"{name} has a header and no rows")
    return Cells(name, header, rows, lines)


def _bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        found = os.stat(path)
    except ValueError as error:  # a NUL in the path, or characters that no file name holds
        raise DataError(f"{text_of(path)} is not the path of a file: {error}") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise DataError(f"{text_of(path)} is {kind}, not a file")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1) if found.st_size <= MAX_BYTES else b""
    size = max(found.st_size, len(data))
    if size > MAX_BYTES:
        raise DataError(
            f"{text_of(path)} has {size / 1e6:,.0f} MB, and at most {MAX_BYTES / 1e6:.0f} MB are read, because a table "
            "in memory is many times larger than its text; take a sample of the rows"
        )
    return data


def _checked(name: str, data: bytes) -> str:
    """The delimiter of a file that is text in UTF-8."""
    for start, what in FOREIGN.items():
        if data.startswith(start):
            raise DataError(f"{name} is not text, but {what}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is in UTF-16 and must be in UTF-8: {_conversion('UTF-16')}")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"{name}, line {line}: a NUL byte: this is not UTF-8 text; if it is UTF-16, {_conversion('UTF-16')}"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8; if the file is in Latin-1 or "
            f"Windows-1252, {_conversion('WINDOWS-1252')}"
        ) from None
    found = re.search(r"\S", text)
    if found is None:
        raise DataError(f"{name} is empty")
    begin = max(text.rfind("\n", 0, found.start()), text.rfind("\r", 0, found.start())) + 1
    sample = text[begin : begin + MAX_SAMPLE]
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))  # on a tie, the first


def _fit(sample: str, delimiter: str) -> tuple[bool, int]:
    """Whether a delimiter gives header and first row equally many cells, more than one; and how many in the header."""
    sizes: list[int] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True):
            if any(cell.strip() for cell in record):
                sizes.append(len(record))
            if len(sizes) == 2:
                break
    except csv.Error:  # reported when the file is read
        pass
    return len(sizes) == 2 and sizes[0] == sizes[1] > 1, sizes[0] if sizes else 0


def _conversion(encoding: str) -> str:
    return f"save it as 'CSV UTF-8', or run: iconv -f {encoding} -t UTF-8 old.csv > new.csv"


def _header(name: str, line: int, header: list[str], delimiter: str) -> list[str]:
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{name} has {len(header):,} columns, and at most {MAX_COLUMNS:,} are read: leave some out")
    places: dict[str, int] = {}
    for place, column in enumerate(header, start=1):
        where = f"{name}, line {line}"
        if not column:
            raise DataError(
                f"{where}: column {place} of the header has no name; extra {DELIMITERS[delimiter]} at an end of the "
                "line, or an index that a program has written, make such a column"
            )
        if column in places:
            raise DataError(f"{where}: columns {places[column]} and {place} are both called {quoted(column)}")
        if isinstance(reading(column), float) and "." in column:
            raise DataError(f"{where}: {column} stands where the name of a column should be: is the header missing?")
        places[column] = place
    return header


def _broken_quotes(name: str, line: int, error: csv.Error) -> NoReturn:
    said = str(error)
    if "unexpected end" in said:
        what = 'a quote (") opens in this row and never closes'
    elif "field limit" in said:
        what = f'a cell of more than {csv.field_size_limit():,} characters; perhaps a quote (") that never closes'
    elif "expected after" in said:
        what = 'a closing quote (") ends the cell, and more follows: a quote within a quoted cell is written twice ("")'
    else:
        what = said
    raise DataError(f"{name}, line {line}: {what}") from None
