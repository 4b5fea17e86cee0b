"""Choose how to compute: compiled where that is sooner, by what it takes on this machine. `backend_for("auto", ...)`.

    >>> from micrograd.training.choice import about
    >>> about(0.04), about(39), about(250), about(54_000)
    ('less than 1 s', 'about 39 s', 'about 4 minutes', 'about 15 hours')

Compiling takes time for each instruction of one row, and more for each where they are many; running eagerly takes time
for each row of each epoch. Neither is guessed in seconds: both are so many times what one operation takes here and now,
which is measured once.
"""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import Any

from micrograd.engine import Value
from micrograd.modes import plainly
from micrograd.optim import Optimizer
from micrograd.training.backends import Backend, Compiled, Eager, Either, Function, missing_package
from micrograd.words import first_clause

SHORT = 1.0  # seconds of compiling that are not worth a thought
# Measured: what compiling takes for each instruction of a tape of such length, as a multiple of one eager operation.
COMPILING = ((1_000, 40.0), (3_000, 50.0), (16_000, 95.0), (96_000, 200.0))
# And what an instruction of the tape stands for eagerly and, for each row, compiled.
FORWARD_AND_BACKWARD, FORWARD, COMPILED = 0.5, 0.2, 0.0002
RECORDING = 15.0
FOR_EACH_PARAMETER = 4.0  # instructions at least in most nets: two products and sums, forward and backward


@dataclass(frozen=True)
class Work:
    """What is to be done: data, how often, and in what batches."""

    X: Any
    y: Any
    held_out: tuple[Any, Any] | None
    epochs: int
    batch_size: int

    def eagerly(self, length: float, parameters: int, *, measures: bool) -> float:
        """Seconds for all of it, where a row's tape has so many instructions."""
        rows, others = len(self.X), len(self.held_out[0]) if self.held_out else 0
        passes = FORWARD_AND_BACKWARD * rows + FORWARD * (rows * measures + others)
        steps = math.ceil(rows / self.batch_size)
        return one_operation() * self.epochs * (length * passes + steps * parameters)

    def compiled(self, lengths: list[int]) -> float:
        """Seconds for all of it once it is compiled, where the loss and each measure have so many instructions."""
        rows = len(self.X) + (len(self.held_out[0]) if self.held_out else 0)
        return one_operation() * COMPILED * self.epochs * rows * sum(lengths)


def backend_for(
    name: str, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function], work: Work
) -> Backend:
    """The backend of that name; for "auto" the one that will be done sooner. Its `why` says in a line what and why."""
    if name not in ("eager", "auto", "jit"):
        raise ValueError(f"backend is 'auto', 'eager' or 'jit', not {name!r}")
    eager = Eager(model, loss, optimizer, metrics)
    missing = missing_package()
    if name == "eager":
        return _because(eager, "eager, as asked")
    if name == "auto" and missing:
        return _because(eager, f"eager: to compile needs {missing}, which the extra jit brings")
    count, measures = len(optimizer.parameters), bool(metrics)
    least = FOR_EACH_PARAMETER * count  # a net that is too large to compile in time takes long to record too
    if name == "auto" and compiling([int(least)]) > SHORT:
        told = work.eagerly(least, count, measures=measures)
        if told < compiling([int(least)]) + least * RECORDING * one_operation():
            return _because(eager, _eagerly(told, work, f"a net of {count:,} parameters", compiling([int(least)])))
    try:
        compiled = Compiled(model, loss, optimizer, metrics)
        compiled.take_in(work.X, work.y, *(work.held_out or ()))
    except (TypeError, ValueError) as error:  # rows of different lengths, or of what are no numbers
        if name == "jit":
            raise
        return _because(eager, f"eager: {first_clause(error)}")
    try:
        lengths = compiled.trace(work.X[:1], work.y[:1], work.held_out)
    except TypeError as error:  # of a TraceError; or else eagerly it is raised again
        if name == "jit":
            raise
        return _because(eager, f"eager: {first_clause(error)}")
    seconds = compiling(lengths)
    what = f"compiling {sum(lengths):,} instructions, {about(seconds)}"
    compiled.compiling = seconds
    if name == "jit":
        return _because(compiled, f"compiled, as asked: {what}")
    told = work.eagerly(lengths[0], count, measures=measures)
    if seconds > SHORT and told < seconds + work.compiled(lengths):
        return _because(eager, _eagerly(told, work, f"{sum(lengths):,} instructions", seconds))
    return _because(Either(compiled, eager), f"{what}; eagerly {_epochs(work)} would take {about(told)}")


def _because(backend: Backend, why: str) -> Backend:
    backend.why = why
    return backend


def _eagerly(seconds: float, work: Work, what: str, compiling: float) -> str:
    return f"eager: {_epochs(work)} in {about(seconds)}; compiling {what} would take {about(compiling)}"


def _epochs(work: Work) -> str:
    return f"the {work.epochs:,} epochs" if work.epochs > 1 else "the epoch"


def about(seconds: float) -> str:
    """A length of time as one says it: `about 39 s`, `about 4 minutes`."""
    if seconds < 1:
        return "less than 1 s"
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:,.0f} {unit}"
    return f"about {seconds:.0f} s"


def compiling(lengths: list[int]) -> float:
    """Seconds that compiling tapes of so many instructions is likely to take here."""
    return one_operation() * sum(length * _for_each(length) for length in lengths)


def forward_alone(length: float, rows: int) -> float:
    """Seconds to compute so many rows eagerly, without a graph, where a row's tape has so many instructions."""
    return one_operation() * FORWARD * length * rows


def _for_each(length: int) -> float:
    """Between two measured lengths as a power of the length, as beyond the last two; below the first the same."""
    if length <= COMPILING[0][0]:
        return COMPILING[0][1]
    i = next((i for i, (n, _) in enumerate(COMPILING[1:-1]) if length <= n), len(COMPILING) - 2)
    (low, at_low), (high, at_high) = COMPILING[i : i + 2]
    power = math.log(at_high / at_low) / math.log(high / low)
    return at_low * (length / low) ** power


@functools.cache
def one_operation() -> float:
    """Seconds that one operation takes eagerly on this machine, forward and backward."""
    count, best = 300, math.inf
    with plainly():
        for _ in range(3):  # the shortest: the others were disturbed
            began = time.perf_counter()
            w = x = Value(0.5)
            for _ in range(count // 2):
                x = x * w + 0.25
            x.backward()
            best = min(best, time.perf_counter() - began)
    return best / count
