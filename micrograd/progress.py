"""Show how training goes: a bar in a terminal, plain lines elsewhere, nothing when asked.

`progress(epochs, show)` gives a function to call with each epoch's record, inside a `with` block.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

from micrograd.history import Record, number_text

LINES = 20  # of plain text, at most, for a whole run


@contextlib.contextmanager
def progress(epochs: int, show: bool, *, done: int = 0) -> Iterator[Callable[[Record], None]]:
    """`show` is False for silence; else there is a bar in a terminal, and lines where the output goes to a file."""
    if not show:
        yield lambda record: None
    elif sys.stderr.isatty() and importlib.util.find_spec("rich"):
        with _bar(epochs, done) as update:
            yield update
    else:
        yield _lines(epochs)


def said(record: Record) -> str:
    """A record in one line, without its number and its time."""
    return "  ".join(f"{name} {number_text(x)}" for name, x in record.items() if name not in ("epoch", "seconds"))


def _lines(epochs: int) -> Callable[[Record], None]:
    every = max(1, -(-epochs // LINES))

    def update(record: Record) -> None:
        if record["epoch"] % every == 0 or record["epoch"] == epochs:
            print(f"epoch {record['epoch']:{len(str(epochs))}}/{epochs}  {said(record)}", file=sys.stderr, flush=True)

    return update


def in_width(record: Record, width: int) -> str:
    """What matters most of a record, in at most so many characters: loss, a metric, the learning rate, then others."""
    names = [name for name in record if name not in ("epoch", "seconds")]
    metrics = [name for name in names if name not in ("loss", "gradient norm", "learning rate", "validation loss")]
    main = next((name for name in metrics if name.startswith("validation ")), (*metrics, "validation loss")[0])
    first = [name for name in ("loss", main, "learning rate") if name in record]
    out = ""
    for name in [*first, *(name for name in names if name not in first)]:
        short = name.replace("validation ", "val. ").replace("learning rate", "rate")
        longer = f"{out} {short} {number_text(record[name])}".lstrip()
        if len(longer) > width:
            break
        out = longer
    return out


@contextlib.contextmanager
def _bar(epochs: int, done: int) -> Iterator[Callable[[Record], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    wide = 20 if console.width >= 110 else 10
    columns: list[Any] = [
        "epoch",
        MofNCompleteColumn(),
        BarColumn(wide),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}", markup=False),
    ]
    left = console.width - len(f"epoch {epochs}/{epochs}  0:00:00 ") - wide
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=epochs, completed=done, said="")
        yield lambda record: bar.update(task, completed=int(record["epoch"]), said=in_width(record, left))
