"""A user's CSV: what is read, what is refused and in which words, and that nothing else ever comes out."""

from __future__ import annotations

import csv
import io
import os
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd import data
from micrograd.data import cells, tables
from micrograd.data.cells import read_cells, reading
from micrograd.data.tables import Column, read_csv, table_of
from micrograd.errors import DataError

FLOWERS = "petal,sepal,colour,species\n1.5,2,red,setosa\n2.5,3,blue,virginica\n3.5,4,red,setosa\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(path, **options):
    """The one line of the error, after the path."""
    with pytest.raises(DataError) as raised:
        read_csv(path, **options)
    said = str(raised.value)
    assert said.isprintable() and said.startswith(str(path))
    return said.removeprefix(str(path)).lstrip(", ")


def test_a_table_of_numbers_and_categories(write):
    table = read_csv(write(FLOWERS))
    assert table.columns == (Column("petal"), Column("sepal"), Column("colour", ("blue", "red")))
    assert table.rows == [[1.5, 2.0, "red"], [2.5, 3.0, "blue"], [3.5, 4.0, "red"]]
    assert (table.target, table.task, table.classes) == ("species", "classes", ("setosa", "virginica"))
    assert table.targets == [0, 1, 0] and table.lines == [2, 3, 4]
    assert str(table).endswith(
        "t.csv: 3 rows of 4 inputs (petal, sepal, colour of 2 categories), to predict species: setosa, virginica"
    )
    assert table.place(1).endswith("t.csv, line 3")


def test_the_target_is_named(write):
    table = read_csv(write(FLOWERS), target="petal")
    assert [c.name for c in table.columns] == ["sepal", "colour", "species"]
    assert (table.task, table.classes, table.targets) == ("numbers", (), [1.5, 2.5, 3.5])
    assert str(table).endswith("to predict petal")
    assert refused(write(FLOWERS), target="speceis") == "has no column 'speceis': did you mean 'species'?"
    assert "there are 'petal', 'sepal', 'colour', 'species'" in refused(write(FLOWERS), target="zzz")


@pytest.mark.parametrize(
    "targets, task, classes",
    [
        (["0", "1", "0"], "classes", ("0", "1")),
        (["2.0", "1", "2"], "classes", ("1", "2")),
        (["10", "9", "9", "10", "8", "8"], "classes", ("8", "9", "10")),
        (["1", "2", "3"], "numbers", ()),
        (["0.5", "1", "1"], "numbers", ()),
        (["no", "yes", "no"], "classes", ("no", "yes")),
        ([str(i) for i in range(20)] * 2, "classes", tuple(str(i) for i in range(20))),
        ([str(i) for i in range(21)] * 2, "numbers", ()),
    ],
)
def test_the_task_is_read_from_the_target(write, targets, task, classes):
    table = read_csv(write("x,y\n" + "".join(f"{i},{t}\n" for i, t in enumerate(targets))))
    assert (table.task, table.classes) == (task, classes)
    named = [classes[t] for t in table.targets] if classes else table.targets
    assert [float(t) for t in named] == [float(t) for t in targets] if targets[0] != "no" else named == targets


def test_the_task_is_given(write):
    whole = write("x,y\n1,0\n2,1\n3,0\n")
    assert read_csv(whole, task="numbers").targets == [0.0, 1.0, 0.0]
    assert read_csv(write("x,y\n1,0.5\n2,1e20\n"), task="classes").classes == ("0.5", "1e+20")
    assert read_csv(write("x,y\n1,2\n2,3b\n3,4\n"), task="classes").classes == ("2", "3b", "4")
    says = refused(write(FLOWERS), task="numbers")
    assert says == "line 2, column 'species': 'setosa' is text in a column of numbers, and the task is 'numbers'"
    with pytest.raises(ValueError, match=r"^a task is 'classes' or 'numbers', not 'regression'$"):
        read_csv(whole, task="regression")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(write, delimiter, end):
    text = FLOWERS.replace("petal", '"petal, in cm; of all"' if delimiter != "\t" else "petal, cm")
    head, body = text.split("sepal", 1)  # the separators within the name stay as they are
    path = write((head.rstrip(",") + delimiter + "sepal" + body.replace(",", delimiter)).replace("\n", end))
    table = read_csv(path)
    assert len(table.columns) == 3 and table.rows[1] == [2.5, 3.0, "blue"] and table.lines == [2, 3, 4]


def test_spaces_blank_lines_quotes_and_the_byte_order_mark(write):
    path = write(b'\xef\xbb\xbf\r\n a , "b",y\r\n\r\n1 , "2",  "yes, a ""lot""\nof it"\r\n  \r\n 3,4,\xc3\xa9\r\n\r\n')
    table = read_csv(path)
    assert [c.name for c in table.columns] == ["a", "b"]
    assert table.rows == [[1.0, 2.0], [3.0, 4.0]]
    assert table.classes == ('yes, a "lot"\nof it', "é")
    assert table.lines == [4, 7]  # as an editor counts them


def test_columns_read_as_categories_when_asked(write):
    path = write("zip,n,y\n0123,1,a\nNA,2,b\n0123,3,a\n")
    assert read_csv(path, categorical=["zip"]).rows == [["0123", 1.0], ["NA", 2.0], ["0123", 3.0]]
    assert "has no column 'zap': did you mean 'zip'?" in refused(path, categorical=["zap"])
    assert read_csv(write("x,y\n1,3\n2,4a\n3,5\n"), categorical=["y"]).classes == ("3", "4a", "5")
    says = refused(write("zip,y\n1,a\n,b\n"), categorical=["zip"])
    assert says == "line 3, column 'zip': the value is missing: fill it in, or delete the row"


def test_a_column_mostly_of_text_is_one_of_categories(write):
    rows = [f"size {i % 3},{i}\n" for i in range(19)]
    table = read_csv(write("s,y\n" + "".join(rows) + "7,1\n"))
    assert table.columns[0].categories == ("7", "size 0", "size 1", "size 2")
    says = refused(write("s,y\n" + "".join(rows[:5]) + "7,1\n8,2\n"))
    assert says.startswith("line 2, column 's': 'size 0' is text in a column of numbers (5 of 7 cells are text)")


@pytest.mark.parametrize("marker", sorted(cells.MISSING))
@pytest.mark.parametrize("column", ["a", "b", "y"])
def test_missing_values_are_refused_with_line_and_column(write, marker, column):
    row = {"a": "1", "b": "red", "y": "no", column: marker}
    says = refused(write(f"a,b,y\n2,blue,yes\n\n{row['a']},{row['b']},{row['y']}\n"))
    held = f" ({marker!r})" if marker else ""
    assert says == f"line 4, column {column!r}: the value is missing{held}: fill it in, or delete the row"


# Each bad file, and the error that says so in one line.
BAD = {
    "": "is empty",
    " \n\r\n\n": "is empty",
    "\ufeff": "is empty",
    '""\n': "is empty",
    "a,b\n": "has a header and no rows",
    "a,b\n1,2\n3\n": "line 3: 1 cell separated by commas, but the header has 2 columns",
    "a;b\n\n1;2\n3;4;5\n": "line 4: 3 cells separated by semicolons, but the header has 2 columns",
    "a,b\n1,yes\n2,yes\n": "target 'b' has only one class, 'yes': there is nothing to learn",
    "a,b\n1,3\n2,3\n": "target 'b' has only one class, '3': there is nothing to learn",
    "a,b\n1,3.5\n2,3.5\n": "target 'b' has only one number, '3.5': there is nothing to learn",
    "a,b\n1,2\nx,3\n3,4\n": "line 3, column 'a': 'x' is text in a column of numbers (1 of 3 cells are text): "
    "correct it, or read the column as categories, --categorical a (categorical=['a'])",
    "a,b,a\n1,2,3\n": "line 1: columns 1 and 3 are both called 'a'",
    "a,,c\n1,2,3\n": "line 1: column 2 of the header has no name; extra commas at an end of the line, or an "
    "index that a program has written, make such a column",
    "\t\tb\n1\t2\t3\n": "line 1: column 1 of the header has no name; extra tabs at an end of the line, or an "
    "index that a program has written, make such a column",
    "5.1,3.5,setosa\n4.9,3,setosa\n": "line 1: 5.1 stands where the name of a column should be: is the header missing?",
    "a\n1\n2\n": "has one column, 'a': a table to learn from has inputs and a target, separated by commas, "
    "semicolons or tabs",
    "a,b\n1,2\n3,inf\n": "line 3, column 'b': 'inf' is not a finite number",
    "a,b\n1,2\n1e999,4\n": "line 3, column 'a': '1e999' is not a finite number",
    "a,b\n1,2\n-nan,4\n": "line 3, column 'a': '-nan' is not a finite number",
    "a;b\n3,14;1\n2,5;2\n": "line 2, column 'a': '3,14' is not a number: write a point before the decimals, and "
    "nothing between the thousands",
    'a,b\n1,1\n2,"1,000,000.5"\n': "line 3, column 'b': '1,000,000.5' is not a number: write a point before the "
    "decimals, and nothing between the thousands",
    "a;b\n1;1\n2;1.234.567,89\n": "line 3, column 'b': '1.234.567,89' is not a number: write a point before the "
    "decimals, and nothing between the thousands",
    "a,b\n1_000,1\n2,2\n3,3\n": "line 2, column 'a': '1_000' is text in a column of numbers (1 of 3 cells are text): "
    "correct it, or read the column as categories, --categorical a (categorical=['a'])",
    "a,b\n1,٣\n2,2\n": "line 2, column 'b': '٣' is text in a column of numbers (1 of 2 cells are text): "
    "correct it, or read the column as categories, --categorical b (categorical=['b'])",
    'a,b\n1,2\n"3,4\n5,6\n': 'line 3: a quote (") opens in this row and never closes',
    'a,b\n1,"2"x\n': 'line 2: a closing quote (") ends the cell, and more follows: a quote within a quoted '
    'cell is written twice ("")',
    "a,b\n1,2\0\n": "line 2: a NUL byte: this is not UTF-8 text; if it is UTF-16, save it as 'CSV UTF-8', or run: "
    "iconv -f UTF-16 -t UTF-8 old.csv > new.csv",
    "a,b\n1," + "x" * 200_000 + "\n": 'line 2: a cell of more than 131,072 characters; perhaps a quote (") that never '
    "closes",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text[:20]))
def test_a_bad_file_is_one_line(write, text):
    assert refused(write(text)).lstrip(": ") == BAD[text]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_wide_encodings_are_told_apart(write, encoding):
    says = refused(write(FLOWERS.encode(encoding)))
    assert "iconv -f UTF-16 -t UTF-8 old.csv > new.csv" in says and "UTF-8" in says


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_other_encodings_are_told_with_the_line(write, encoding):
    says = refused(write(FLOWERS.replace("blue", "grün").encode(encoding)))
    assert says == (
        "line 3: byte 0xfc is not UTF-8; if the file is in Latin-1 or Windows-1252, save it as 'CSV UTF-8', or run: "
        "iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv"
    )


def test_files_of_other_kinds(write):
    import gzip
    import zipfile

    sheet = io.BytesIO()
    with zipfile.ZipFile(sheet, "w") as archive:
        archive.writestr("sheet.xml", FLOWERS)
    assert "save the sheet as CSV" in refused(write(sheet.getvalue()))
    assert "gunzip" in refused(write(gzip.compress(FLOWERS.encode())))


def test_paths_that_are_no_files(tmp_path):
    assert refused(tmp_path) == "is a directory, not a file"
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"is not the path of a file") as raised:
        read_csv("a\0b\n.csv")
    assert str(raised.value).isprintable()
    odd = tmp_path / "two\nlines.csv"
    odd.write_text("a\n1\n")
    with pytest.raises(DataError, match="has one column") as raised:
        read_csv(odd)
    assert str(raised.value).isprintable()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert refused(tmp_path / "pipe.csv") == "is a pipe or a device, not a file"


def test_a_file_of_200_mb_is_refused_unread(tmp_path):
    path = tmp_path / "large.csv"
    with open(path, "wb") as file:
        file.truncate(200_000_000)
    assert refused(path) == (
        "has 200 MB, and at most 100 MB are read, because a table in memory is many times larger than its text; take a "
        "sample of the rows"
    )


def test_columns_and_categories_are_limited(write):
    names = [f"c{j}" for j in range(cells.MAX_COLUMNS + 1)]
    assert refused(write(",".join(names) + "\n")) == "has 5,001 columns, and at most 5,000 are read: leave some out"
    wide = write(",".join(names[1:]) + "\n" + "".join(",".join([i] * len(names[1:])) + "\n" for i in "121"))
    assert len(read_csv(wide).columns) == cells.MAX_COLUMNS - 1
    rows = "".join(f"id {i},{i % 7}.5\n" for i in range(tables.MAX_CATEGORIES + 1))
    says = refused(write("id,y\n" + rows), categorical=["id"])
    assert says.lstrip(": ").startswith("column 'id' has 1,001 different values, more than 1,000")
    says = refused(write("id,y\n" + rows), target="id", task="classes")
    assert says.lstrip(": ").startswith("target 'id' has 1,001 different values")
    many = "".join(",".join([f"t{i}"] * 11) + f",{i % 2}\n" for i in [*range(1000)] * 2)
    assert refused(write(",".join(names[:12]) + "\n" + many)).startswith(
        "has 11,000 inputs (each category is one), and"
    )


def test_names_of_the_rows_are_no_categories(write):
    days = "".join(f"{i},2026-01-{i + 1:02},${i % 3}{i}\n" for i in range(24))
    path = write("n,day,price\n" + days)
    says = refused(path).lstrip(": ")
    assert says.startswith(
        "column 'day' has 24 different texts in 24 rows, such as '2026-01-01', from which little can"
    )
    assert "leave it out, --ignore day (ignore=['day']), or insist with --categorical" in says
    says = refused(path, ignore=["day"]).lstrip(": ")
    assert says.startswith("target 'price' has 24 different texts in 24 rows, such as '$00', from which little can be")
    assert "write numbers without signs and units; or name the task, --task classes" in says
    assert len(read_csv(path, ignore=["day"], task="classes").classes) == 24
    assert [c.name for c in read_csv(path, target="n", categorical=["day"], ignore=["price"]).columns] == ["day"]
    assert "has no column 'dya': did you mean 'day'?" in refused(path, ignore=["dya"])
    assert "all but the target is ignored" in refused(path, ignore=["day", "price"])
    assert "the target is ignored, but a table to learn from has" in refused(path, target="n", ignore=["n"])
    assert "all is ignored" in refused(path, ignore=["n", "day", "price"])
    twenty = write("kind,y\n" + "".join(f"k{i},{i % 2}\n" for i in range(20)))
    assert len(read_csv(twenty).columns[0].categories) == 20  # few enough to be meant


def test_how_many_are_missing_is_said(write):
    says = refused(write("a,b\n1,2\n,3\nNA,1\n4,5\n"))
    assert says.startswith("line 3, column 'a': the value is missing")
    assert says.endswith("; 1 more of the column's 4 is missing too")


def test_reading():
    assert [reading(x) for x in ("1", "-2.50", "+.5", "1e-3", "7.")] == [1.0, -2.5, 0.5, 0.001, 7.0]
    assert {reading(x) for x in ("x", "1_0", "1 2", "0x10", "1.2.3", "12a", "--1", "none", "Na")} == {"text"}
    assert {reading(x) for x in ("1,5", "-1,000", "1.000,5", "1,000.5", "2,5e3")} == {"comma"}
    assert {reading(x) for x in ("inf", "-Infinity", "1e400", "-nan")} == {"infinite"}


def test_table_of_rows_of_one_s_own():
    table = table_of([[1, "b"], [2, "a"]], ["x", "y"], task="classes")
    assert table.columns == (Column("x0"), Column("x1", ("a", "b"))) and table.place(1) == "the table, row 2"
    assert table_of([[1], [2]], [-1, 1], task="classes").classes == ("-1", "1")
    assert table_of([[1], [2]], [1, "a"], task="classes").classes == ("1", "a")
    part = table.take([1])
    assert str(part).startswith("the table: 1 row of 3 inputs (x0, x1 of 2 categories), to predict target: x, y")
    assert (part.rows, part.targets, part.lines, part.classes) == ([[2, "a"]], [1], [2], ("x", "y"))
    for X, y, options, says in [
        ([], [], {}, "0 rows and 0 targets"),
        ([[1]], [1, 2], {}, "1 row and 2 targets"),
        ([[1], [2, 3]], [1, 2], {}, "as many inputs as there are columns, 1"),
        ([[1], [2]], [1, 2], {"columns": ["target"]}, "2 different names"),
        ([[1], [2]], [1, 2], {"classes": ["a"]}, "1 names for the 2 classes"),
        ([[1], [float("nan")]], [1, 2], {}, "row 2, column 'x0': nan is neither a number nor a text"),
        ([["a"], [None]], [1, 2], {}, "row 2, column 'x0': None is neither"),
        ([["a"], [" "]], [1, 2], {}, "row 2, column 'x0': ' ' is neither"),
    ]:
        with pytest.raises(DataError, match=re.escape(says)):
            table_of(X, y, task="classes", **options)
    with pytest.raises(DataError, match="every target must be a finite number"):
        table_of([[1], [2]], ["a", "b"], task="numbers")


def test_a_table_is_split_by_a_seed(write):
    rows = "".join(f"{i},{'abc'[i % 3]}\n" for i in range(60))
    table = read_csv(write("x,y\n" + rows))
    train, test = data.split_table(table, held_out=0.25, rng=random.Random(0))
    assert (len(train), len(test)) == (45, 15) and [test.targets.count(c) for c in range(3)] == [5, 5, 5]
    assert sorted(train.lines + test.lines) == table.lines
    for part in (train, test):
        assert all(row == [line - 2.0] for row, line in zip(part.rows, part.lines))
        assert all(t == (line - 2) % 3 for t, line in zip(part.targets, part.lines))
    assert data.split_table(table, held_out=0.25, rng=random.Random(0))[1].lines == test.lines
    with pytest.raises(DataError, match="2 rows, too few to hold out 10% of them"):
        data.split_table(table.take([0, 1]), held_out=0.1, rng=random.Random(0))


# Nothing but the documented errors comes out.


def read_bytes(folder, content):
    path = folder / "any.csv"
    path.write_bytes(content)
    for read in (read_cells, read_csv):
        try:
            read(path)
        except DataError as error:
            assert str(error).isprintable(), error


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


@given(st.binary(max_size=200))
def test_any_bytes(folder, content):
    read_bytes(folder, content)


@given(st.text(alphabet="a1.-,;\t\"\n\r 'é_\x00\x85\u2028?neE", max_size=80))
def test_any_text(folder, text):
    read_bytes(folder, ("a,b\n" + text).encode())
    read_bytes(folder, text.encode())


@given(st.lists(st.lists(st.text(max_size=4), max_size=4), max_size=5), st.sampled_from(",;\t"))
def test_any_cells(folder, rows, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    read_bytes(folder, out.getvalue().encode(errors="replace"))


NAMES = st.lists(
    st.from_regex(r"[A-Za-z][A-Za-z ,;\"'é\n-]{0,8}[a-z]", fullmatch=True), min_size=2, max_size=5, unique=True
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(NAMES, st.data(), st.sampled_from(",;\t"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_a_table_that_csv_writes_reads_back(folder, names, draw, delimiter, quoting):
    rows = draw.draw(st.lists(st.lists(FINITE, min_size=len(names), max_size=len(names)), min_size=2, max_size=6))
    if len({row[-1] for row in rows}) == 1:
        rows[0][-1] = 0.5 if rows[0][-1] != 0.5 else 1.5
    path = folder / "written.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
        writer.writerow(names)
        writer.writerows(rows)
    table = read_csv(path, task="numbers")
    assert [c.name for c in table.columns] + [table.target] == names
    assert [row + [t] for row, t in zip(table.rows, table.targets)] == rows


def test_nine_cells_of_ten_are_a_column_of_text_and_eight_are_not(write):
    text = "a,y\n" + "".join(f"t{i % 3},{i % 2}\n" for i in range(9)) + "7,1\n"
    assert read_csv(write(text)).columns[0].categories == ("7", "t0", "t1", "t2")
    assert "is text in a column of numbers" in refused(write(text.replace("t0,0", "8,0", 1)))
