"""Show how training goes: a bar in a terminal, plain lines elsewhere, or nothing.

`progress(epochs, show)` gives a `Display`, inside a `with` block: call it with each epoch's record.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Iterator
from typing import Any

from micrograd.training.history import Record
from micrograd.words import number_text

LINES = 20  # of text at most for the epochs of a run


SILENCE = (5.0, 300.0)  # longest time without a line, in seconds: at first, and later in a long run


class Display:
    """Shows nothing; the base of the displays that do."""

    is_on = False

    def __call__(self, record: Record) -> None:
        """Show an epoch that has ended."""

    def within(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Show the progress within an epoch, if nothing was shown for some time."""

    def say(self, text: str) -> None:
        """Show a line."""


@contextlib.contextmanager
def progress(epochs: int, show: bool, *, done: int = 0) -> Iterator[Display]:
    """A display: silent if `show` is False, otherwise a bar in a terminal, and lines if the output goes elsewhere."""
    if not show:
        yield Display()
    elif sys.stderr.isatty() and importlib.util.find_spec("rich"):
        with _bar(epochs, done) as bar:
            yield bar
    else:
        yield Lines(epochs)


def said(record: Record) -> str:
    """A record in one line, without its epoch and its time."""
    return "  ".join(f"{name} {number_text(x)}" for name, x in record.items() if name not in ("epoch", "seconds"))


class Lines(Display):
    """At most LINES lines for the epochs, and more if it would be silent for long."""

    is_on = True

    def __init__(self, epochs: int):
        self.epochs, self.every = epochs, max(1, -(-epochs // LINES))
        self.began = time.monotonic()
        self.next = self.began + SILENCE[0]

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        now = time.monotonic()
        self.next = now + min(max(SILENCE[0], (now - self.began) / 2), SILENCE[1])

    def __call__(self, record: Record) -> None:
        if record["epoch"] % self.every == 0 or record["epoch"] == self.epochs:
            self.say(f"{self._epoch(record['epoch'])}  {said(record)}")

    def within(self, epoch: int, step: int, steps: int, loss: float) -> None:
        if time.monotonic() >= self.next:
            self.say(f"{self._epoch(epoch)}  step {step:,} of {steps:,}, loss {number_text(loss)}")

    def _epoch(self, epoch: float) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}"


def in_width(record: Record, width: int) -> str:
    """What matters most in a record, in at most `width` characters: loss, a metric, learning rate, then the rest."""
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


class Bar(Display):
    """A bar of the library rich, with what matters most in the last record."""

    is_on = True

    def __init__(self, bar: Any, task: Any, width: int):
        self.bar, self.task, self.width = bar, task, width

    def say(self, text: str) -> None:
        self.bar.console.print(text, markup=False, highlight=False)

    def __call__(self, record: Record) -> None:
        self.bar.update(self.task, completed=int(record["epoch"]), said=in_width(record, self.width))

    def within(self, epoch: int, step: int, steps: int, loss: float) -> None:
        share = step / steps
        text = in_width({"loss": loss}, self.width - 9)
        self.bar.update(self.task, completed=epoch - 1 + share, said=f"{share:4.0%} of it {text}" if text else "")


@contextlib.contextmanager
def _bar(epochs: int, done: int) -> Iterator[Bar]:
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
        yield Bar(bar, task, left)
