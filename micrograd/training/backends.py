"""The two ways to train: operation by operation on Values, or compiled. `choice.backend_for(...)` chooses.

Both go through the same batches in the same order and have the same methods, so that `fit` need not know which it has.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import math
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.blame import first_bad_row, is_refusal, not_a_number, not_connected, not_finite, of_row, raise_refusal
from micrograd.coerce import float_of
from micrograd.data.batching import batch_indices
from micrograd.engine import Value, topological_order
from micrograd.errors import TraceError
from micrograd.modes import no_grad
from micrograd.optim import Optimizer
from micrograd.words import first_clause

Function = Callable[[Any, Any], Any]
Within = Callable[[int, int, float], None]  # called within an epoch with steps taken, steps in all, the last loss
CHUNK = 0.5  # seconds at most between two progress reports of compiled training
SLOWEST = 2e-9  # seconds at most that compiled code takes per instruction and row


class SavedState:
    """The state of an optimizer and its parameters, to put back. `now` returns the parameters' numbers."""

    optimizer: Optimizer
    numbers: list[float]
    steps: int
    now: Callable[[], list[float]]

    def __init__(self, optimizer: Optimizer, now: Callable[[], list[float]]):
        self.optimizer, self.now, self.numbers, self.steps = optimizer, now, now(), optimizer.steps
        self.state: dict[str, list[Any]] = {name: list(numbers) for name, numbers in optimizer.state.items()}

    def is_finite(self) -> bool:
        """Whether the parameters are finite now."""
        return all(map(math.isfinite, self.now()))

    def put_back(self) -> None:
        self.optimizer.steps, self.optimizer.state = self.steps, self.state
        for p, x in zip(self.optimizer.parameters, self.numbers):
            p.data = x


class Backend:
    """The base of both. `of_output` holds the loss and the metrics by name, as functions of (output, target)."""

    name = ""
    why = ""  # in one line, why it was chosen
    compiling: float = 0.0  # estimated seconds before the first step
    model: Any
    optimizer: Optimizer
    metrics: list[str]
    of_output: dict[str, Function]

    def __init__(self, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function]):
        self.model, self.optimizer = model, optimizer
        self.metrics, self.of_output = list(metrics), {"loss": loss, **metrics}

    def of_row(self, name: str) -> Function:
        """The loss or a metric as a function of (row, target)."""
        f = self.of_output[name]
        return lambda row, target: f(self.model(row), target)

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random, within: Within | None = None
    ) -> tuple[list[float], list[float]]:
        """Train for one pass over the rows, in an order that `rng` chooses; returns each step's loss and gradient norm.

        Raises ValueError or IndexError for the first row that the loss refuses, and then changes nothing.
        """
        raise NotImplementedError

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        """The mean of each named function over the rows, without training."""
        raise NotImplementedError


class _Young:
    """Making one lets Python's collector run, if it is on and due: it looks only where an object is made."""


class Eager(Backend):
    """Operation by operation: slow, but it runs everything.

    Python's cyclic collector waits while a step is taken, because it would walk all nodes of the graph, several times;
    they are freed without it. Between two steps it is on, by its own rules, so what a loss leaves in cycles is found.
    """

    name = "eager"

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random, within: Within | None = None
    ) -> tuple[list[float], list[float]]:
        losses: list[float] = []
        norms: list[float] = []
        steps, order, at_first = -(-len(X) // batch_size), rng.getstate(), SavedState(self.optimizer, self._numbers)
        connected = False

        def undo() -> None:
            at_first.put_back()
            rng.setstate(order)

        collects = gc.isenabled()
        try:
            for chosen in batch_indices(len(X), batch_size, rng=rng):
                if collects:
                    gc.disable()
                now, norm, is_connected = self._step(len(losses) + 1, X, y, chosen, undo, connected=connected)
                if collects:
                    gc.enable()
                    _Young()
                connected = is_connected
                losses.append(now)
                norms.append(norm)
                if within:
                    within(len(losses), steps, now)
        finally:
            if collects:
                gc.enable()
        if not connected:
            at_first.put_back()
            raise not_connected(losses[-1])
        return losses, norms

    def _step(
        self, step: int, X: Sequence[Any], y: Sequence[Any], chosen: Any, undo: Callable[[], None], *, connected: bool
    ) -> tuple[float, float, bool]:
        """Take one step; returns the loss, the gradient's norm, and whether a loss has come from a parameter yet.

        The graph is gone when this returns, so that the collector finds nothing of it.
        """
        loss, optimizer, total = self.of_row("loss"), self.optimizer, None
        try:
            terms = [loss(X[i], y[i]) for i in chosen]
            if any(term is None for term in terms):
                raise not_a_number(None)
            total = functools.reduce(operator.add, terms) / len(chosen)
        except (ArithmeticError, ValueError, LookupError) as error:
            if is_refusal(error):
                undo()
                raise_refusal(loss, enumerate(zip(X, y)))
                raise
        if total is not None and not isinstance(total, Value):
            raise not_connected(total)
        connected = connected or self._is_connected(total)
        gradients = [math.nan] if total is None else self._backward(total)
        norm, now = math.sqrt(sum(g * g for g in gradients)), math.nan if total is None else total.data
        if not all(map(math.isfinite, [now, *gradients])) or (optimizer.scales and math.isinf(norm)):
            rows = [(i, (X[i], y[i])) for i in chosen]
            raise not_finite(step, first_bad_row(loss, rows, optimizer.parameters), optimizer)
        before = SavedState(optimizer, self._numbers)
        optimizer.step()
        if not before.is_finite():
            before.put_back()
            raise FloatingPointError(
                f"step {step} was skipped: it would make a parameter inf or nan; the learning rate is "
                f"{optimizer.learning_rate():g} and the norm of the gradient is {norm:g}"
            )
        return now, norm, connected

    def _numbers(self) -> list[float]:
        return [p.data for p in self.optimizer.parameters]

    def _is_connected(self, total: Value | None) -> bool:
        """Whether a loss was computed from a parameter; otherwise nothing would be trained."""
        return total is not None and not {*self.optimizer.parameters}.isdisjoint(topological_order(total))

    def _backward(self, total: Any) -> list[float]:
        """The gradients; nan if backward fails."""
        self.optimizer.zero_grad()
        try:
            total.backward()
        except (ArithmeticError, ValueError):
            return [math.nan]
        return [float_of(p.grad) for p in self.optimizer.parameters]

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        if not names:
            return []
        found: list[list[float]] = [[] for _ in names]
        with no_grad():
            for i, (row, target) in enumerate(zip(X, y)):
                try:
                    output = self.model(row)
                    for name, numbers in zip(names, found):
                        numbers.append(float_of(self.of_output[name](output, target)))
                except (ArithmeticError, ValueError, LookupError) as error:
                    raise of_row(error, i) from None
        return [math.fsum(numbers) / len(X) for numbers in found]


class Compiled(Backend):
    """By native code, from the same functions."""

    name = "jit"

    def __init__(self, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function]):
        super().__init__(model, loss, optimizer, metrics)
        from micrograd.compiler.jit import jit
        from micrograd.compiler.train_step import train_step

        self.step: Any = train_step(self.of_row("loss"), optimizer)
        self._means = {name: jit(self.of_row(name), batch=True) for name in self.of_output}
        self._kept: dict[int, tuple[Any, Any]] = {}
        self._length = 0  # of the loss's tape

    def trace(self, X: Sequence[Any], y: Sequence[Any], held_out: tuple[Any, Any] | None = None) -> list[int]:
        """Record the loss and metrics for such rows, without compiling; returns the tapes' lengths, the loss's first.

        Raises TypeError if a function asks for a number while it is recorded.
        """
        try:
            self._length = len(self.step.trace(X, y))
            lengths = [self._length, *(len(self._means[name].trace(X, y)) for name in self.metrics)]
        except (ValueError, LookupError):
            raise_refusal(self.of_row("loss"), enumerate(zip(X, y)))  # names the row
            raise
        if held_out:
            lengths.append(len(self._means["loss"].trace(held_out[0][:1], held_out[1][:1])))
        return lengths

    def take_in(self, *data: Any) -> None:
        """Take in rows and targets, so that bad data raise an error before anything else is done."""
        for x, name in zip(data, ("X", "y", "X", "y")):
            self._taken_in(x, name)

    def _taken_in(self, x: Any, name: str) -> Any:
        """The data as native code reads it, taken in once for all epochs."""
        from micrograd.compiler.rows import LoadedRows

        if id(x) not in self._kept:
            self._kept[id(x)] = x, LoadedRows(x, name)
        return self._kept[id(x)][1]

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random, within: Within | None = None
    ) -> tuple[list[float], list[float]]:
        before, order = SavedState(self.optimizer, self.step.numbers), rng.getstate()
        try:
            losses = self.step.run(
                self._taken_in(X, "X"),
                self._taken_in(y, "y"),
                batch_size=batch_size,
                shuffle=rng,
                **self._told(len(X), batch_size, within),
            )
            is_finite = before.is_finite()
        except FloatingPointError:
            if before.is_finite():
                raise
            is_finite = False
        except (TraceError, ValueError, LookupError) as error:  # undo the epoch
            before.put_back()
            rng.setstate(order)
            if not isinstance(error, TraceError):  # bad data: name the first bad row, as eager training does
                raise_refusal(self.of_row("loss"), enumerate(zip(X, y)))
            raise
        if not is_finite:  # a step made a parameter inf or nan: run eagerly, to stop before it
            before.put_back()
            rng.setstate(order)
            return Eager(self.model, self.of_output["loss"], self.optimizer, {}).epoch(X, y, batch_size, rng, within)
        return losses.tolist(), self.step.norms.tolist()

    def _told(self, rows: int, batch_size: int, within: Within | None) -> dict[str, Any]:
        """The options that make a run report progress; none if it ends before the first report."""
        steps = -(-rows // batch_size)
        every = max(1, int(CHUNK / (SLOWEST * max(1, self._length) * min(batch_size, rows))))
        if within is None or every >= steps:
            return {}
        return {"callback": lambda step, loss: within(step, steps, loss), "every": every}

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        with no_grad():
            return [float_of(self._means[name](self._taken_in(X, "X"), self._taken_in(y, "y"))) for name in names]


class Either(Backend):
    """Compiled, until something that the recording took as constant has changed too often; from then on eager."""

    compiled: Compiled
    eager: Eager
    metrics: list[str]

    def __init__(self, compiled: Compiled, eager: Eager):
        self.compiled, self.eager = compiled, eager
        self.now: Backend = compiled
        self.metrics, self.compiling = compiled.metrics, compiled.compiling

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.now.name

    def _try(self, do: Callable[[Backend], Any]) -> Any:
        if self.now is self.compiled:
            try:
                return do(self.compiled)
            except TraceError as error:
                self.now = self.eager
                self.why: str = f"eager from here on: {first_clause(error)}"
        return do(self.eager)

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random, within: Within | None = None
    ) -> tuple[list[float], list[float]]:
        return self._try(lambda backend: backend.epoch(X, y, batch_size, rng, within))

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        return self._try(lambda backend: backend.means(names, X, y))


def missing_package() -> str | None:
    """The first package of the extra `jit` that is not installed; None if the compiler can be used."""
    return next((module for module in ("llvmlite", "numpy") if not importlib.util.find_spec(module)), None)


def has_compiler() -> bool:
    """Whether the extra `jit` is installed."""
    return missing_package() is None
