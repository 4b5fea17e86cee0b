"""Show how training goes: one line that updates itself in a terminal or a notebook, a few lines elsewhere, or nothing.

`progress(epochs, show)` gives a `Display`, inside a `with` block: call it with each epoch's record.

>>> from micrograd.training.progress import brief
>>> brief({"epoch": 3, "loss": 0.25, "gradient norm": 1.5, "validation accuracy": 0.75, "seconds": 0.1})
'loss 0.2500  validation accuracy 0.7500'
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

from micrograd.training.history import Record
from micrograd.words import cut, number_text, printable

LINES = 10  # of text at most for the epochs of a run
SILENCE = (5.0, 300.0)  # longest time without a line, in seconds: at first, and later in a long run
REFRESH = 0.1  # seconds at least between two changes of a line that updates itself
BAR = 20  # characters


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
    """A display: silent if `show` is False, otherwise one line in a notebook or terminal, and few lines elsewhere."""
    if not show:
        yield Display()
    elif _in_notebook():
        with contextlib.closing(InNotebook(epochs)) as line:
            yield line
    elif sys.stderr.isatty() and importlib.util.find_spec("rich"):
        with _bar(epochs, done) as bar:
            yield bar
    elif sys.stderr.isatty():
        with contextlib.closing(InTerminal(epochs)) as line:
            yield line
    else:
        lines = Lines(epochs)
        yield lines
        lines.end()


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, whose outputs can be replaced."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def said(record: Record) -> str:
    """A record in one line, without its epoch and its time."""
    return "  ".join(f"{name} {number_text(x)}" for name, x in record.items() if name not in ("epoch", "seconds"))


def brief(record: Record) -> str:
    """What a reader wants to know of a record: the loss, and how good the net is on rows that it did not learn from."""
    return "  ".join(f"{name} {number_text(record[name])}" for name in _foremost(record))


def _foremost(record: Record) -> list[str]:
    """The loss, a metric on the validation rows if there are, and the validation loss, which says when to stop."""
    beside = ("epoch", "seconds", "loss", "gradient norm", "learning rate", "validation loss")
    metrics = [name for name in record if name not in beside]
    main = next((name for name in metrics if name.startswith("validation ")), (*metrics, "")[0])
    return [name for name in ("loss", main, "validation loss") if name in record]


class Lines(Display):
    """At most LINES lines for the epochs, and more if it would be silent for long."""

    is_on = True
    epochs: int
    every: int
    next: float

    def __init__(self, epochs: int):
        self.epochs, self.every = epochs, max(1, -(-epochs // LINES))
        self.began: float = time.monotonic()
        self.next = self.began + SILENCE[0]
        self.unsaid: Record = {}

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        now = time.monotonic()
        self.next = now + min(max(SILENCE[0], (now - self.began) / 2), SILENCE[1])

    def __call__(self, record: Record) -> None:
        self.unsaid = record
        if record["epoch"] % self.every == 0:
            self.end()

    def end(self) -> None:
        """Show the last epoch, if it was not shown yet: training may have stopped early."""
        if self.unsaid:
            self.say(f"{_place(self.unsaid['epoch'], self.epochs)}  {brief(self.unsaid)}")
            self.unsaid = {}

    def within(self, epoch: int, step: int, steps: int, loss: float) -> None:
        if time.monotonic() >= self.next:
            self.say(f"{_place(epoch, self.epochs)}  step {step:,} of {steps:,}, loss {number_text(loss)}")


def _place(epoch: float, epochs: int) -> str:
    return f"epoch {epoch:{len(str(epochs))}}/{epochs}"


class OneLine(Display):
    """A line that updates itself, at most every REFRESH seconds, and ends as a summary. Subclasses show a text."""

    is_on = True
    epochs: int
    began: float
    shown: float

    def __init__(self, epochs: int):
        self.epochs, self.began, self.shown = epochs, time.monotonic(), 0.0
        self.last: Record = {}

    def show(self, text: str) -> None:
        """Put a text in the place of what is there."""
        raise NotImplementedError

    def __call__(self, record: Record) -> None:
        self.last = record
        self._update(record["epoch"], record["epoch"], brief(record))

    def within(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self._update(epoch, epoch - 1 + step / steps, f"loss {number_text(loss)}")

    def _update(self, epoch: float, done: float, text: str) -> None:
        now = time.monotonic()
        if now - self.shown >= REFRESH:
            self.shown, filled = now, round(BAR * done / self.epochs)
            self.show(f"{_place(epoch, self.epochs)} {'━' * filled}{'╌' * (BAR - filled)} {text}")

    def close(self) -> None:
        """Show where training ended, and how long it took."""
        if self.last:
            took = f"in {time.monotonic() - self.began:.1f} s"
            self.show(f"{_place(self.last['epoch'], self.epochs)}  {brief(self.last)}  {took}")


class InNotebook(OneLine):
    """An output of the cell, which each update replaces."""

    def __init__(self, epochs: int):
        super().__init__(epochs)
        self.output: Any = None
        self.notes: list[str] = []

    def say(self, text: str) -> None:
        if self.last:  # what happens during training stays readable; why it began as it did is in `history.why`
            self.notes.append(text)
        self.show("" if self.last else text)

    def show(self, text: str) -> None:
        from IPython.display import display

        data = {"text/plain": "\n".join([*self.notes, *filter(None, [text])])}
        if self.output is None:
            self.output = display(data, raw=True, display_id=True)
        else:
            self.output.update(data, raw=True)


class InTerminal(OneLine):
    """A line of a terminal, where the library rich is not installed."""

    def say(self, text: str) -> None:
        self.show("")
        print(f"\r{text}", file=sys.stderr, flush=True)

    def show(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{printable(cut(text, width), sys.stderr):{width}}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        super().close()
        if self.last or self.shown:
            print(file=sys.stderr, flush=True)


def in_width(record: Record, width: int) -> str:
    """What matters most in a record, in at most `width` characters: loss, a metric, learning rate, then the rest."""
    names = [name for name in record if name not in ("epoch", "seconds")]
    first = [*_foremost(record), *(["learning rate"] if "learning rate" in record else [])]
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
    bar: Any
    task: Any
    width: int

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
