"""What a training run measured, epoch by epoch: print it, take a column, plot it, save it.

>>> from micrograd.training.history import History
>>> history = History([{"epoch": 1, "loss": 0.75}, {"epoch": 2, "loss": 0.5}])
>>> history["loss"], history[-1]
([0.75, 0.5], {'epoch': 2, 'loss': 0.5})
>>> print(history)
epoch    loss
    1  0.7500
    2  0.5000

Of a long run `print` shows the first epochs and the last. A notebook shows a picture of it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.training.curves import curves, whole_ticks
from micrograd.training.plots import legend, named, save_figure
from micrograd.views.small import Picture
from micrograd.words import number_text, printable

Record = dict[str, float]
FIRST, LAST = 4, 4  # epochs that are printed of a long run
TURNED = 0.05  # of the lowest loss: a smaller rise is noise


class History:
    """A list of records, one for each epoch.

    `history["loss"]` is a column and `history[-1]` a record. `backend` is what computed it, and `why` says why in one
    line. `stopped` says why training ended before the last epoch, if it did. `best` is the epoch of the lowest loss, on
    the validation rows if there are any; `turned` says so if the validation loss has risen since.
    """

    backend: str
    stopped: str
    best: int
    why: str

    def __init__(self, records: list[Record] | None = None, *, backend: str = "", stopped: str = ""):
        self.records: list[Record] = list(records or [])
        self.backend, self.stopped, self.best, self.why = backend, stopped, 0, ""

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return self.records[key]
        if key not in self.columns:
            raise KeyError(f"there is no column {key!r}: the columns are {', '.join(self.columns)}")
        return [record.get(key, math.nan) for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    @property
    def columns(self) -> list[str]:
        """The names of what was measured."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    @property
    def turned(self) -> str:
        """The epoch of the lowest validation loss, in a sentence, if the loss has risen since; otherwise empty."""
        losses = self["validation loss"] if "validation loss" in self.columns else []
        lowest = min(losses, default=math.nan)
        place = losses.index(lowest) if lowest in losses else 0
        is_long_ago = len(losses) - 1 - place >= max(2, len(losses) // 10)
        if not is_long_ago or not losses[-1] - lowest > TURNED * abs(lowest):
            return ""
        epoch = number_text(self.records[place].get("epoch"))
        return f"the validation loss was lowest at epoch {epoch}, {number_text(lowest)}; now {number_text(losses[-1])}"

    def _is_steady(self, name: str) -> bool:
        """Whether this is the learning rate, and it never changed: then it is not worth a column."""
        return name == "learning rate" and len(set(self[name])) == 1

    def __str__(self) -> str:
        if not self.records:
            return "no epochs yet"
        left_out = len(self) - FIRST - LAST
        is_long = left_out > 2
        shown = [*self.records[:FIRST], *self.records[-LAST:]] if is_long else self.records
        names = [name for name in self.columns if not self._is_steady(name)]
        rows = [names, *([number_text(record.get(name)) for name in names] for record in shown)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
        if is_long:
            more = f"{left_out:,} more epochs: history[i], history[name] or history.to_csv(path)"
            lines.insert(1 + FIRST, f"{'⋮':>{widths[0]}}  {more}")
        if self.turned:
            lines.append(f"{self.turned}: keep_best=True keeps the net of that epoch, patience= stops in time")
        return printable("\n".join(lines))

    def __repr__(self) -> str:
        last = self.records[-1] if self.records else {}
        said = ", ".join(f"{name} {number_text(x)}" for name, x in last.items() if name != "seconds")
        return f"History({said or 'no epochs'})"

    def picture(self, *, theme: str = "auto") -> Picture | None:
        """What a notebook shows: the curves, or None before there are any; `theme` as in `draw_dot`."""
        return curves({name: self[name] for name in self.columns}, best=self.best, theme=theme)

    def _repr_svg_(self) -> str | None:
        picture = self.picture()
        return picture.svg if picture else None

    _repr_html_ = _repr_svg_  # inline, in the colours of the notebook's theme

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV file with a header and a line for each epoch; every number reads back unchanged."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self.records)
        write_whole(path, text.getvalue().encode())

    def plot(self, path: str | Path) -> None:
        """Plot every column over the epochs, columns of one kind together, and save the picture."""
        if not self.records:
            raise ValueError("plot: there are no epochs to draw yet")
        kinds: dict[str, list[str]] = {}
        for name in self.columns:
            if name not in ("epoch", "seconds") and not self._is_steady(name):
                kinds.setdefault(name.removeprefix("validation "), []).append(name)
        figure = require("matplotlib.figure", extra="train").Figure(figsize=(6, 2.2 * len(kinds)), layout="constrained")
        axes = figure.subplots(len(kinds), sharex=True, squeeze=False)
        for axis, (kind, names) in zip(axes[:, 0], kinds.items()):
            marker = "." if len(self) < 30 else None
            lines = [axis.plot(self["epoch"], self[name], marker=marker)[0] for name in names]
            named(axis.yaxis.label, kind)
            axis.grid(alpha=0.3)
            if len(names) > 1:
                legend(axis, lines, names)
        axes[-1, 0].set_xlabel("epoch")
        axes[-1, 0].set_xticks(whole_ticks(self["epoch"][0], self["epoch"][-1]))
        save_figure(figure, path)
