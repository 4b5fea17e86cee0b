"""Choose the backend that is faster on this machine, eager or compiled: `backend_for("auto", ...)`.

    >>> from micrograd.training.choice import about
    >>> about(0.04), about(39), about(250), about(54_000)
    ('less than 1 s', 'about 39 s', 'about 4 minutes', 'about 15 hours')

Compiling takes time for each instruction of one row; running eagerly takes time for each row of each epoch. They are
estimated as multiples of the times to record and to run one operation, which are measured once, on this machine.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from micrograd.compiler.tape.recorder import Recorder
from micrograd.engine import Value
from micrograd.modes import plainly
from micrograd.optim import Optimizer
from micrograd.training.backends import Backend, Compiled, Eager, Either, Function, missing_package
from micrograd.words import first_clause

SHORT = 1.0  # seconds of compiling that are always worth it
# Measured on nets, whose tapes fold into loops where they are long: the length of a tape, and the time to compile each
# of its instructions. The greater part is Python's, so it is counted in operations recorded once, which is Python's
# with both cores; so are the time to record and check an instruction, and to run it compiled, for each row.
COMPILING = ((1_500, 21.0), (3_000, 15.0), (10_000, 11.5), (100_000, 9.0))
RECORDING, COMPILED = 6.0, 0.0001
FORWARD_AND_BACKWARD, FORWARD = 0.5, 0.2  # the time to run an instruction eagerly, in eager operations
FOR_EACH_PARAMETER = 4.0  # instructions, at least, in most nets: a product and a sum forward, and backward


@dataclass(frozen=True)
class Work:
    """The work to do: the data, how many epochs, and the batch size."""

    X: Any
    y: Any
    held_out: tuple[Any, Any] | None
    epochs: int
    batch_size: int

    def eagerly(self, length: float, parameters: int, *, measures: bool) -> float:
        """Seconds for all the work, if a row's tape has `length` instructions."""
        rows, others = len(self.X), len(self.held_out[0]) if self.held_out else 0
        passes = FORWARD_AND_BACKWARD * rows + FORWARD * (rows * measures + others)
        steps = math.ceil(rows / self.batch_size)
        return one_operation() * self.epochs * (length * passes + steps * parameters)

    def compiled(self, lengths: list[int]) -> float:
        """Seconds for all the work once compiled, given the lengths of the tapes of the loss and the metrics."""
        rows = len(self.X) + (len(self.held_out[0]) if self.held_out else 0)
        return one_recorded() * COMPILED * self.epochs * rows * sum(lengths)


def backend_for(
    name: str, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function], work: Work
) -> Backend:
    """The backend of that name; for "auto" the faster one. Its `why` says in one line what was chosen and why."""
    if name not in ("eager", "auto", "jit"):
        raise ValueError(f"backend must be 'auto', 'eager' or 'jit', not {name!r}")
    eager = Eager(model, loss, optimizer, metrics)
    missing = missing_package()
    if name == "eager":
        return _because(eager, "eager, as asked")
    if name == "auto" and missing:
        return _because(eager, f"eager: compiling needs {missing}, which the extra jit installs")
    count, measures = len(optimizer.parameters), bool(metrics)
    least = FOR_EACH_PARAMETER * count  # a net too large to compile in time takes long even to record
    if name == "auto" and compiling([int(least)]) > SHORT:
        told = work.eagerly(least, count, measures=measures)
        if told < compiling([int(least)]) + least * RECORDING * one_recorded():
            return _because(eager, _eagerly(told, work, f"a net of {count:,} parameters", compiling([int(least)])))
    try:
        compiled = Compiled(model, loss, optimizer, metrics)
        compiled.take_in(work.X, work.y, *(work.held_out or ()))
    except (TypeError, ValueError) as error:  # rows of different lengths, or not of numbers
        if name == "jit":
            raise
        return _because(eager, f"eager: {first_clause(error)}")
    try:
        lengths = compiled.trace(work.X[:1], work.y[:1], work.held_out)
    except TypeError as error:  # a TraceError; any other TypeError is raised again by eager training
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
    """A time in words: `about 39 s`, `about 4 minutes`."""
    if seconds < 1:
        return "less than 1 s"
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:,.0f} {unit}"
    return f"about {seconds:.0f} s"


def compiling(lengths: list[int]) -> float:
    """Estimated seconds to compile tapes of these lengths here."""
    return one_recorded() * sum(length * _for_each(length) for length in lengths)


def forward_alone(length: float, rows: int) -> float:
    """Seconds to compute so many rows eagerly, without a graph, if a row's tape has `length` instructions."""
    return one_operation() * FORWARD * length * rows


def _for_each(length: int) -> float:
    """The multiple for a length: constant up to the first measured length, then a power law between each two."""
    if length <= COMPILING[0][0]:
        return COMPILING[0][1]
    i = next((i for i, (n, _) in enumerate(COMPILING[1:-1]) if length <= n), len(COMPILING) - 2)
    (low, at_low), (high, at_high) = COMPILING[i : i + 2]
    power = math.log(at_high / at_low) / math.log(high / low)
    return at_low * (length / low) ** power


@functools.cache
def one_operation() -> float:
    """Seconds that one eager operation takes on this machine, forward and backward."""
    with plainly():
        return _shortest(lambda: _chain(Value(0.5)).backward())


@functools.cache
def one_recorded() -> float:
    """Seconds that it takes here to record one operation."""

    def record() -> None:
        recorder = Recorder()
        with recorder.recording():
            _chain(recorder.argument("w"))

    with plainly():
        return _shortest(record)


OPERATIONS = 300


def _chain(w: Any) -> Any:
    x = w
    for _ in range(OPERATIONS // 2):
        x = x * w + 0.25
    return x


def _shortest(work: Callable[[], None]) -> float:
    """Seconds for each of the operations, the shortest of several times: other programs slowed the longer ones."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) / OPERATIONS
