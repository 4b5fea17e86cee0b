"""Read a table of your own to learn from: `read_csv("flowers.csv", target="species")`.

    >>> from micrograd.data.tables import table_of
    >>> table = table_of([[1.5], [2.5], [3.5]], ["red", "blue", "red"], task="classes", name="marbles")
    >>> print(table)
    marbles: 3 rows of 1 input (x0), to predict target: blue, red
    >>> table.targets
    [1, 0, 1]

The kind of a column is read from its cells:

- numbers, if all cells are numbers: 3, -2.5, 1e-3;
- categories, if at least nine in ten cells are text, or if you name the column in `categorical`;
- anything between is an error that names the line of the first cell of text.

A missing value, which is an empty cell or one of NA, N/A, NaN, null and ?, is refused in every column. In a column
named in `categorical` only an empty cell is missing.

The task is read from the target, unless you give it:

- "classes", if the target is text; or whole numbers, if only two are different, or at most 20 that appear in two rows
  or more on average;
- "numbers", if it is other numbers.
"""

from __future__ import annotations

import math
import numbers
import os
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from micrograd.coerce import is_bool
from micrograd.data.cells import Cells, complaint, read_cells, reading
from micrograd.errors import DataError
from micrograd.intake import rows_of
from micrograd.words import count, listed, nearest, quoted, text_of

TASKS = ("classes", "numbers")
MOSTLY_TEXT = 0.9
MAX_NUMBERED_CLASSES = 20
MAX_CATEGORIES = 1_000
MAX_INPUTS = 10_000


@dataclass(frozen=True)
class Column:
    """An input: a name, and the categories in order; a column of numbers has none."""

    name: str
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The number of inputs that it becomes: one for each category."""
        return len(self.categories) or 1


@dataclass(frozen=True)
class Table:
    """Rows of inputs, each a number or a category's text, and their targets.

    The targets are indices into `classes` where the task is "classes", otherwise numbers. `lines` are the rows' lines
    in the file, or their places from 1 where there is no file; `unit` says which.
    """

    name: str
    columns: tuple[Column, ...]
    rows: list[list[float | str]] = field(repr=False)
    target: str
    task: str
    classes: tuple[str, ...]
    targets: list[Any] = field(repr=False)
    lines: list[int] = field(repr=False)
    unit: str = "line"

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        width = sum(column.width for column in self.columns)
        names = [
            text_of(c.name) + (f" of {len(c.categories)} categories" if c.categories else "") for c in self.columns
        ]
        told = f"predict {text_of(self.target)}: {listed([text_of(c) for c in self.classes])}"
        told = told if self.classes else f"predict {text_of(self.target)}"
        return f"{self.name}: {count(len(self), 'row')} of {count(width, 'input')} ({listed(names)}), to {told}"

    def take(self, places: Sequence[int]) -> Table:
        """The table with only these rows, in this order; the categories and classes stay."""
        return replace(
            self,
            rows=[self.rows[i] for i in places],
            targets=[self.targets[i] for i in places],
            lines=[self.lines[i] for i in places],
        )

    def place(self, i: int) -> str:
        """Where row i is, as an error says it: `flowers.csv, line 7`."""
        return f"{self.name}, {self.unit} {self.lines[i]}"


def read_csv(
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    task: str | None = None,
    categorical: Collection[str] = (),
    ignore: Collection[str] = (),
) -> Table:
    """The table in a CSV file; `target` is the name of the column to learn, by default the last that is not ignored.

    Columns of text, and those that are `categorical`, hold categories; those to `ignore` are left out.

    Raises DataError, one line that says what is wrong and where, for a file that holds no table to learn from;
    FileNotFoundError where there is no file.
    """
    _check_task(task)
    cells = read_cells(path)
    if len(cells.header) == 1:
        raise DataError(
            f"{cells.name} has one column, {quoted(cells.header[0])}: a table to learn from has inputs and a target, "
            "separated by commas, semicolons or tabs"
        )
    for column in [*([target] if target is not None else []), *categorical, *ignore]:
        if column not in cells.header:
            raise DataError(f"{cells.name} has no column {quoted(column)}{nearest(column, cells.header)}")
    left = [column for column in cells.header if column not in ignore]
    target = left[-1] if target is None and left else target
    if target not in left or len(left) == 1:
        what = "the target" if target in ignore else "all but the target" if left else "all"
        raise DataError(f"{cells.name}: {what} is ignored, but a table to learn from has a target and inputs")
    columns, parts = [], []
    for j, column in enumerate(cells.header):
        if column in left and column != target:
            found = _input(cells, j, forced=column in categorical)
            columns.append(Column(column, _categories(cells, column, found, forced=column in categorical)))
            parts.append(found)
    _check_width(cells.name, columns)
    targets: list[float] | list[str] = _target(cells, cells.header.index(target), task, forced=target in categorical)
    if isinstance(targets[0], str) and task is None and target not in categorical:
        _check_not_names("target", cells, target, targets)
    return table_of(
        [list(row) for row in zip(*parts)],
        targets,
        task=task or _task_of(targets),
        name=cells.name,
        columns=columns,
        target=target,
        lines=cells.lines,
    )


def table_of(
    X: Sequence[Sequence[float | str]],
    y: Sequence[Any],
    *,
    task: str,
    name: str = "the table",
    columns: Sequence[Column] | Sequence[str] | None = None,
    target: str = "target",
    classes: Sequence[str] | None = None,
    lines: list[int] | None = None,
) -> Table:
    """A table of rows that you have. `columns` are called x0, x1, ... unless given.

    `classes` are names for the labels in order; by default a label's text is its name.
    """
    _check_task(task)
    X, y = rows_of(X, "X"), rows_of(y, "y")
    if len(X) == 0 or len(X) != len(y):
        raise DataError(
            f"{name} has {count(len(X), 'row')} and {count(len(y), 'target')}: give as many of each, at least one"
        )
    if not all(hasattr(row, "__len__") and not isinstance(row, str) for row in X):
        raise DataError(f"{name}: each row must be a list of inputs, even of one, as in [[1.0], [2.0]]")
    given = [Column(f"x{j}") for j in range(len(X[0]))] if columns is None else [*map(_as_column, columns)]
    if any(len(row) != len(given) for row in X):
        raise DataError(f"{name}: each row must have as many inputs as there are columns, {len(given)}")
    if len({target, *(c.name for c in given)}) <= len(given):
        raise DataError(f"{name}: the columns and the target must have {len(given) + 1} different names")
    targets, names = _labels(name, target, task, y, classes)
    rows: list[Any] = [list(row) for row in X] if lines is None else list(X)  # a file's rows are new lists: no copy
    return Table(
        name=name,
        columns=tuple(given if lines is not None or _all_finite(rows) else _columns(name, given, rows)),
        rows=rows,
        target=target,
        task=task,
        classes=names,
        targets=targets,
        lines=list(range(1, len(X) + 1)) if lines is None else lines,
        unit="row" if lines is None else "line",
    )


def _labels(
    name: str, target: str, task: str, y: Sequence[Any], classes: Sequence[str] | None
) -> tuple[list[Any], tuple[str, ...]]:
    """The targets as a table has them, and the names of their classes."""
    if any(isinstance(t, str) for t in y):
        y = [label_text(t) for t in y]
    if not all(isinstance(t, str) or is_bool(t) or (isinstance(t, numbers.Real) and math.isfinite(t)) for t in y):
        raise DataError(f"{name}: every target must be a text or a finite number")
    if task == "numbers" and any(isinstance(t, str) for t in y):
        raise DataError(f"{name}: where the task is 'numbers', every target must be a finite number")
    labels = sorted(set(y))
    if len(labels) == 1:
        what = "one class" if task == "classes" else "one number"
        only = quoted(label_text(labels[0]))
        raise DataError(f"{name}: target {quoted(target)} has only {what}, {only}: there is nothing to learn")
    if task == "numbers":
        return [float(t) for t in y], ()
    _check_number_of("target", name, target, labels)
    index = {label: i for i, label in enumerate(labels)}
    names = tuple(label_text(label) for label in labels) if classes is None else tuple(classes)
    if len(names) != len(labels):
        raise DataError(f"{name}: {len(names)} names for the {len(labels)} classes of target {quoted(target)}")
    return [index[label] for label in y], names


def _as_column(given: Column | str) -> Column:
    return given if isinstance(given, Column) else Column(given)


def _all_finite(rows: list[list[Any]]) -> bool:
    try:
        return all(all(map(math.isfinite, row)) for row in rows)
    except (TypeError, OverflowError):
        return False


def _columns(name: str, columns: Sequence[Column], rows: list[list[Any]]) -> list[Column]:
    """The columns, with categories where some of their cells are text."""
    found = []
    for j, column in enumerate(columns):
        cells = [row[j] for row in rows]
        if any(isinstance(x, str) for x in cells):
            for row in rows:
                row[j] = label_text(row[j])
            column = Column(column.name, column.categories or tuple(sorted({label_text(x) for x in cells})))
        for i, x in enumerate(cells, start=1):
            ok = bool(x.strip()) if isinstance(x, str) else isinstance(x, numbers.Real) and _all_finite([[x]])
            if not ok:
                raise DataError(f"{name}, row {i}, column {quoted(column.name)}: {x!r} is neither a number nor a text")
        found.append(column)
    return found


def label_text(x: object) -> str:
    """A category or a class as text: 3.0 and 3 are "3"."""
    if isinstance(x, float) and x.is_integer() and abs(x) < 1e15:
        return str(int(x))
    return str(x).strip()


def _check_task(task: str | None) -> None:
    if task is not None and task not in TASKS:
        raise ValueError(f"a task is 'classes' or 'numbers', not {task!r}")


def _place(cells: Cells, i: int, j: int) -> str:
    return f"{cells.name}, line {cells.lines[i]}, column {quoted(cells.header[j])}"


def _check_none_missing(cells: Cells, j: int, missing: Collection[str | float], found: Sequence[str | float]) -> None:
    for i, x in enumerate(found):
        if x in missing:
            gaps = sum(x in missing for x in found)
            verb = "is" if gaps == 2 else "are"
            more = f"; {gaps - 1:,} more of the column's {len(found):,} {verb} missing too" if gaps > 1 else ""
            raise DataError(f"{_place(cells, i, j)}: {complaint('missing', cells.rows[i][j])}{more}")


def _input(cells: Cells, j: int, *, forced: bool) -> list[float] | list[str]:
    """The column's numbers, or its texts where it is a column of categories."""
    text = [row[j] for row in cells.rows]
    if forced:
        _check_none_missing(cells, j, [""], text)
        return text
    known = {cell: reading(cell) for cell in set(text)}
    found = [known[cell] for cell in text]  # equal cells share one number
    del known
    _check_none_missing(cells, j, ["missing"], found)
    texts = found.count("text")
    if texts >= MOSTLY_TEXT * len(found):
        return text
    figures = [x for x in found if isinstance(x, float)]
    if len(figures) < len(found):
        # Text is reported first: in a column with text, a badly written number may be text too.
        kind = "text" if texts else next(x for x in found if isinstance(x, str))
        i = found.index(kind)
        more = ""
        if kind == "text":
            more = (
                f" ({texts:,} of {len(found):,} cells are text): correct it, or read the column as categories, "
                f"--categorical {cells.header[j]} (categorical=[{quoted(cells.header[j])}])"
            )
        raise DataError(f"{_place(cells, i, j)}: {complaint(kind, text[i])}{more}")
    return figures


def _target(cells: Cells, j: int, task: str | None, *, forced: bool) -> list[float] | list[str]:
    if forced or task != "classes":
        found = _input(cells, j, forced=forced)
        if task == "numbers" and isinstance(found[0], str):
            kind = reading(found[0])
            what = complaint("text" if isinstance(kind, float) else kind, found[0])
            raise DataError(f"{_place(cells, 0, j)}: {what}, and the task is 'numbers'")
        return found
    readings = [reading(row[j]) for row in cells.rows]
    _check_none_missing(cells, j, ["missing"], readings)
    figures = [x for x in readings if isinstance(x, float)]
    return figures if len(figures) == len(readings) else [row[j] for row in cells.rows]


def _task_of(targets: Sequence[float | str]) -> str:
    different = set(targets)
    if any(isinstance(t, str) for t in different):
        return "classes"
    few = len(different) <= 2 or (len(different) <= MAX_NUMBERED_CLASSES and 2 * len(different) <= len(targets))
    return "classes" if few and all(float(t).is_integer() for t in different) else "numbers"


def _categories(cells: Cells, column: str, found: Sequence[float | str], *, forced: bool) -> tuple[str, ...]:
    if not isinstance(found[0], str):
        return ()
    if not forced:
        _check_not_names("column", cells, column, found)
    categories = sorted({str(x) for x in found})
    _check_number_of("column", cells.name, column, categories)
    return tuple(categories)


def _check_not_names(what: str, cells: Cells, column: str, found: Sequence[float | str]) -> None:
    """Refuse texts that are nearly all different: names, dates, or numbers with signs and units."""
    different = len(set(found))
    if different > MAX_NUMBERED_CLASSES and 2 * different > len(found):
        if what == "target":
            advice = "write numbers without signs and units; or name the task, --task classes (task='classes')"
        else:
            left_out = f"--ignore {shlex.quote(column)} (ignore=[{quoted(column)}])"
            advice = f"leave it out, {left_out}, or insist with --categorical"
        raise DataError(
            f"{cells.name}: {what} {quoted(column)} has {different:,} different texts in {len(found):,} rows, such as "
            f"{quoted(found[0])}, from which little can be learned: {advice}"
        )


def _check_number_of(what: str, name: str, column: str, different: Sequence[Any]) -> None:
    if len(different) > MAX_CATEGORIES:
        raise DataError(
            f"{name}: {what} {quoted(column)} has {len(different):,} different values, more than {MAX_CATEGORIES:,}: "
            "names or numbers of the rows teach nothing; leave the column out, or join some values"
        )


def _check_width(name: str, columns: Sequence[Column]) -> None:
    width = sum(column.width for column in columns)
    if width > MAX_INPUTS:
        raise DataError(
            f"{name} has {width:,} inputs (each category is one), and at most {MAX_INPUTS:,} are read: leave out the "
            "columns with the most categories"
        )
