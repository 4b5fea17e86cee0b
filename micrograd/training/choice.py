"""Choose the backend that is faster on this machine, eager or compiled: `backend_for("auto", ...)`.

    >>> from micrograd.training.choice import Work
    >>> work = Work(X=[[0.0]] * 1000, y=[0.0] * 1000, held_out=None, epochs=100, batch_size=32)
    >>> 0 < work.compiled([500]) < work.eagerly(500, 50, measures=False)
    True

Compiling takes time for each instruction of one row; running eagerly takes time for each row of each epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from micrograd.compiler import estimate
from micrograd.compiler.estimate import about
from micrograd.optim import Optimizer
from micrograd.training.backends import Backend, Compiled, Eager, Either, Function, missing_package
from micrograd.words import first_clause

SHORT = 1.0  # seconds of compiling that are always worth it
# The time to record and check an instruction, and to run it compiled, for each row, in operations recorded once.
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
        return estimate.one_operation() * self.epochs * (length * passes + steps * parameters)

    def compiled(self, lengths: list[int]) -> float:
        """Seconds for all the work once compiled, given the lengths of the tapes of the loss and the metrics."""
        rows = len(self.X) + (len(self.held_out[0]) if self.held_out else 0)
        return estimate.one_recorded() * COMPILED * self.epochs * rows * sum(lengths)


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
    if name == "auto" and estimate.compiling([int(least)]) > SHORT:
        told = work.eagerly(least, count, measures=measures)
        if told < estimate.compiling([int(least)]) + least * RECORDING * estimate.one_recorded():
            return _because(
                eager, _eagerly(told, work, f"a net of {count:,} parameters", estimate.compiling([int(least)]))
            )
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
    seconds, what = estimate.compiling(lengths), estimate.said(lengths)
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


def forward_alone(length: float, rows: int) -> float:
    """Seconds to compute so many rows eagerly, without a graph, if a row's tape has `length` instructions."""
    return estimate.one_operation() * FORWARD * length * rows
