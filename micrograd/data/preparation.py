"""Turn rows of a table into numbers for a net, and the net's outputs back into answers.

    >>> from micrograd.data.preparation import Preparation
    >>> from micrograd.data.tables import table_of
    >>> table = table_of([[20.0, "red"], [30.0, "blue"], [40.0, "red"]], ["no", "yes", "no"], task="classes")
    >>> preparation = Preparation.fit(table)
    >>> preparation.inputs
    ['x0', 'x1=blue', 'x1=red']
    >>> preparation.row({"x0": 30, "x1": "red"})
    [0.0, 0.0, 1.0]
    >>> preparation.answer([-1.0, 2.5])
    'yes'

Numbers are standardised: the mean of the training rows is subtracted, and the result is divided by their standard
deviation. A column of categories becomes one input for each category: 1 for the row's own, 0 for the others. Where
numbers are to be predicted, the targets are standardised too. All this is saved with the model: `to_dict` gives it
ready for JSON.
"""

from __future__ import annotations

import math
import numbers
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.coerce import float_of
from micrograd.data.cells import complaint, read_cells, reading
from micrograd.data.tables import Column, Table, label_text
from micrograd.errors import DataError
from micrograd.schema import FINITE, POSITIVE, TEXT, check, texts, with_key
from micrograd.words import nearest, quoted


@dataclass(frozen=True)
class Scale:
    """What standardises a column of numbers."""

    mean: float
    scale: float

    def down(self, x: float) -> float:
        """How many standard deviations x is above the mean."""
        z = (x - self.mean) / self.scale
        return z if math.isfinite(z) else x / self.scale - self.mean / self.scale

    def up(self, z: float) -> float:
        """The number that is z standard deviations above the mean."""
        return z * self.scale + self.mean


def scale_of(values: Sequence[float]) -> Scale:
    """The mean and standard deviation of numbers; for a constant the scale is 1."""
    low, high = min(values), max(values)
    if low == high:
        return Scale(low, 1.0)
    largest = max(-low, high, -high, low)  # divided by this, no sum of squares overflows
    parts = [x / largest for x in values]
    mean = math.fsum(parts) / len(parts)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in parts) / len(parts))
    return Scale(mean * largest, deviation * largest or 1.0)


SCALED = {"name": TEXT, "mean": FINITE, "scale": POSITIVE}
SHAPE: dict[str, Any] = {  # of `to_dict()`
    "columns": [with_key("categories", {"name": TEXT, "categories": texts(1)}, SCALED)],
    "target": with_key("classes", {"name": TEXT, "classes": texts(2)}, SCALED),
}


class Preparation:
    """The columns that a net was trained on, how they become its inputs, and what its outputs mean."""

    columns: tuple[Column, ...]
    scales: tuple[Scale | None, ...]
    target: str
    classes: tuple[str, ...]
    target_scale: Scale | None

    def __init__(
        self,
        columns: Sequence[Column],
        scales: Sequence[Scale | None],
        *,
        target: str,
        classes: Sequence[str] = (),
        target_scale: Scale | None = None,
    ):
        self.columns, self.scales = tuple(columns), tuple(scales)  # a column of categories has no scale
        self.target, self.classes, self.target_scale = target, tuple(classes), target_scale
        self._names = [column.name for column in self.columns]

    @classmethod
    def fit(cls, table: Table) -> Preparation:
        """Learn means and scales from a table of training rows; categories and classes are those of the whole table."""
        scales = [
            None if column.categories else scale_of([float(row[j]) for row in table.rows])
            for j, column in enumerate(table.columns)
        ]
        target_scale = scale_of(table.targets) if table.task == "numbers" else None
        return cls(table.columns, scales, target=table.target, classes=table.classes, target_scale=target_scale)

    @property
    def task(self) -> str:
        return "classes" if self.classes else "numbers"

    @property
    def inputs(self) -> list[str]:
        """The names of the net's inputs, in order: `age`, `colour=blue`, `colour=red`."""
        return [f"{c.name}={x}" if c.categories else c.name for c in self.columns for x in c.categories or [""]]

    @property
    def outputs(self) -> int:
        """The number of outputs that the net has: a score for each class, or 1 for a number."""
        return len(self.classes) or 1

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else "numbers"
        return f"Preparation({len(self._names)} columns to {len(self.inputs)} inputs; {self.target}: {kind})"

    def row(self, row: Mapping[str, Any] | Sequence[Any], *, where: str = "the row") -> list[float]:
        """The inputs of one row: a dict by column names, in which other keys are ignored, or a list in column order.

        A pandas Series counts as a dict where its labels are column names, else as a list.
        """
        if not isinstance(row, Mapping) and hasattr(row, "keys") and set(self._names) & set(row.keys()):
            row = dict(zip(row.keys(), row))
        if isinstance(row, Mapping):
            for name in self._names:
                if name not in row:
                    raise DataError(f"{where} has no column {quoted(name)}{_near(name, list(row))}")
            values = [row[name] for name in self._names]
        else:
            if isinstance(row, str) or not hasattr(row, "__len__"):
                raise DataError(f"{where} is a dict or a list, not {quoted(row)}")
            if len(row) != len(self._names):
                raise DataError(f"{where} has {len(row)} values for the columns {', '.join(map(repr, self._names))}")
            values = list(row)
        inputs: list[float] = []
        for column, scale, x in zip(self.columns, self.scales, values):
            place = f"{where}, column {quoted(column.name)}"
            if scale is None:
                inputs += _one_hot(column, x, place)
            else:
                inputs.append(_standardised(scale, x, place))
        return inputs

    def rows(self, table: Table) -> list[list[float]]:
        """The inputs of all rows of a table, which may have more columns, in another order."""
        names = [column.name for column in table.columns]
        places = self._places(table.name, names)
        return [self.row([row[j] for j in places], where=table.place(i)) for i, row in enumerate(table.rows)]

    def read_csv(self, path: str | os.PathLike[str]) -> list[list[float]]:
        """The inputs of all rows of a CSV file, which needs no target. Raises DataError as `tables.read_csv` does."""
        rows, wrong = self.read_csv_in_part(path)
        for said in wrong.values():
            raise DataError(said)
        return [row for row in rows if row is not None]

    def read_csv_in_part(self, path: str | os.PathLike[str]) -> tuple[list[list[float] | None], dict[int, str]]:
        """The inputs of each row of a CSV file, None for a bad row; and the errors of the bad rows, by row index.

        Raises DataError where the whole file is wrong, for a missing column, say.
        """
        wrong: dict[int, str] = {}
        cells = read_cells(path, wrong=wrong)
        places = self._places(cells.name, cells.header)
        rows: list[list[float] | None] = []
        for i, (row, line) in enumerate(zip(cells.rows, cells.lines)):
            found = None
            if i not in wrong:
                try:
                    found = self.row([row[j] for j in places], where=f"{cells.name}, line {line}")
                except DataError as error:
                    wrong[i] = str(error)
            rows.append(found)
        return rows, dict(sorted(wrong.items()))

    def _places(self, where: str, names: Sequence[str]) -> list[int]:
        """Where the columns are in a table. Raises DataError for a missing one."""
        for name in self._names:
            if name not in names:
                raise DataError(f"{where} has no column {quoted(name)}{nearest(name, names)}")
        return [names.index(name) for name in self._names]

    def targets(self, table: Table) -> list[Any]:
        """The targets of a table as the net learns them: indices of classes, or standardised numbers."""
        if table.target != self.target or table.task != self.task:
            raise DataError(
                f"{table.name} has the target {quoted(table.target)} ({table.task}), but this was prepared for "
                f"{quoted(self.target)} ({self.task})"
            )
        if self.target_scale is not None:
            return [self.target_scale.down(t) for t in table.targets]
        index = {name: i for i, name in enumerate(self.classes)}
        for i, t in enumerate(table.targets):
            if (name := table.classes[t]) not in index:
                raise DataError(f"{table.place(i)}: {quoted(name)} is a new class{nearest(name, self.classes)}")
        return [index[table.classes[t]] for t in table.targets]

    def answer(self, output: Any) -> str | float:
        """What a net's output means: the name of the class with the greatest score, or a number in the target's unit.

        A single score chooses between two classes by its sign.
        """
        scores = [float_of(x) for x in (output if hasattr(output, "__len__") else [output])]
        if any(math.isnan(x) for x in scores):
            raise ValueError(f"the net gave nan, which is not an answer: {scores}")
        if self.target_scale is not None and len(scores) == 1:
            return self.target_scale.up(scores[0])
        if len(scores) == 1 and len(self.classes) == 2:
            return self.classes[scores[0] > 0]
        if len(scores) != self.outputs:
            raise ValueError(f"there are {len(scores)} outputs, but {self!r} takes {self.outputs}")
        return self.classes[scores.index(max(scores))]

    def to_dict(self) -> dict[str, Any]:
        """This as dicts, lists, texts and numbers, ready for JSON."""
        columns = [
            {"name": c.name, "categories": list(c.categories)} if s is None else {"name": c.name, **vars(s)}
            for c, s in zip(self.columns, self.scales)
        ]
        told = {"classes": list(self.classes)} if self.target_scale is None else vars(self.target_scale)
        return {"columns": columns, "target": {"name": self.target, **told}}

    @classmethod
    def from_dict(cls, kept: Any) -> Preparation:
        """A Preparation from its `to_dict()`. Raises DataError for anything else."""
        check(kept, SHAPE, "preparation", DataError)
        target, columns = kept["target"], kept["columns"]
        for name, times in Counter(column["name"] for column in (target, *columns)).items():
            if times > 1:
                raise DataError(f"preparation: two columns are called {quoted(name)}")
        return cls(
            [Column(column["name"], tuple(column.get("categories", ()))) for column in columns],
            [_scale(column) for column in columns],
            target=target["name"],
            classes=target.get("classes", ()),
            target_scale=_scale(target),
        )


def _scale(kept: dict[str, Any]) -> Scale | None:
    return Scale(float(kept["mean"]), float(kept["scale"])) if "scale" in kept else None


def _near(name: str, keys: Sequence[Any]) -> str:
    names = [str(key) for key in keys]
    return nearest(name, names) if names else ": it is empty"


def _one_hot(column: Column, x: Any, place: str) -> list[float]:
    text = "" if x is None else str(x).strip()
    text = text if text in column.categories else "" if x is None else label_text(x)
    if text not in column.categories:
        if not text:
            raise DataError(f"{place}: {complaint('missing', text)}")
        raise DataError(f"{place}: {quoted(text)} is a new category{nearest(text, column.categories)}")
    return [float(text == category) for category in column.categories]


def _standardised(scale: Scale, x: Any, place: str) -> float:
    found = _number(x)
    if isinstance(found, str):
        raise DataError(f"{place}: {complaint(found, '' if x is None else str(x).strip())}")
    z = scale.down(found)
    if not math.isfinite(z):
        raise DataError(f"{place}: {quoted(x)} is too far from the numbers in the training rows")
    return z


def _number(x: Any) -> float | str:
    """The number that x is, or what it is instead, as `reading` says it; nan is a missing value."""
    if x is None:
        return "missing"
    if isinstance(x, str):
        return reading(x.strip())
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        return "text"
    try:
        number = float(x)
    except OverflowError:
        return "infinite"
    return number if math.isfinite(number) else "missing" if math.isnan(number) else "infinite"
