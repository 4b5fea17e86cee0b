"""The two ways to train: operation by operation on Values, or compiled. `backend_for(...)` chooses.

Both go through the same batches in the same order and have the same methods, so that `train.fit` need not know which it
has. `outputs_of(net, rows)` is for trained nets.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.blame import first_guilty, not_finite
from micrograd.data import batch_indices
from micrograd.engine import Value
from micrograd.intake import number_of, rows_of
from micrograd.modes import no_grad
from micrograd.optim import Optimizer
from micrograd.transforms import map_numbers

LONGEST = 20_000  # instructions of one row that are compiled unasked: a few seconds' work
Function = Callable[[Any, Any], Any]


class SavedState:
    """The numbers of an optimizer and its parameters, to put back. `now` gives those of the parameters."""

    def __init__(self, optimizer: Optimizer, now: Callable[[], list[float]]):
        self.optimizer, self.now, self.numbers, self.steps = optimizer, now, now(), optimizer.steps
        self.state = {name: list(numbers) for name, numbers in optimizer.state.items()}

    def is_finite(self) -> bool:
        """Whether the parameters are finite as they are now."""
        return all(map(math.isfinite, self.now()))

    def put_back(self) -> None:
        self.optimizer.steps, self.optimizer.state = self.steps, self.state
        for p, x in zip(self.optimizer.parameters, self.numbers):
            p.data = x


class Backend:
    """What both have: the loss and the metrics by name, as functions of (output, target) in `of_output`."""

    name = ""

    def __init__(self, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function]):
        self.model, self.optimizer = model, optimizer
        self.metrics, self.of_output = list(metrics), {"loss": loss, **metrics}

    def of_row(self, name: str) -> Function:
        """One of them as a function of (row, target)."""
        f = self.of_output[name]
        return lambda row, target: f(self.model(row), target)

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random
    ) -> tuple[list[float], list[float]]:
        """Train once through the rows, in an order that `rng` chooses; gives each step's loss and gradient norm."""
        raise NotImplementedError

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        """The mean of each of these over the rows, without training."""
        raise NotImplementedError


class Eager(Backend):
    """Operation by operation: slow, and there is nothing it cannot run."""

    name = "eager"

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random
    ) -> tuple[list[float], list[float]]:
        losses: list[float] = []
        norms: list[float] = []
        loss, optimizer = self.of_row("loss"), self.optimizer
        for chosen in batch_indices(len(X), batch_size, rng=rng):
            step, total = len(losses) + 1, None
            try:
                total = functools.reduce(operator.add, [loss(X[i], y[i]) for i in chosen]) / len(chosen)
            except (ArithmeticError, ValueError) as error:
                if not hasattr(error, "failed"):  # data that cannot be, and no operation without a result
                    raise
            if total is not None and not isinstance(total, Value):
                raise TypeError(
                    f"the loss gave {total!r}, which no gradient goes through: it must compute with the model's output "
                    "as it is, by micrograd.exp(x) rather than math.exp(x), and without float(x)"
                )
            gradients = [math.nan] if total is None else self._backward(total)
            norm, now = math.sqrt(sum(g * g for g in gradients)), math.nan if total is None else total.data
            if not all(map(math.isfinite, [now, *gradients])) or (optimizer.scales and math.isinf(norm)):
                rows = [(i, (X[i], y[i])) for i in chosen]
                raise not_finite(step, first_guilty(loss, rows, optimizer.parameters))
            before = SavedState(optimizer, lambda: [p.data for p in optimizer.parameters])
            optimizer.step()
            if not before.is_finite():
                before.put_back()
                raise FloatingPointError(
                    f"step {step} was not taken, for it would make a parameter inf or nan: the learning rate is "
                    f"{optimizer.learning_rate():g}, and the norm of the gradient {norm:g}"
                )
            losses.append(now)
            norms.append(norm)
        return losses, norms

    def _backward(self, total: Any) -> list[float]:
        """The gradients; nan where one does not exist."""
        self.optimizer.zero_grad()
        try:
            total.backward()
        except (ArithmeticError, ValueError):
            return [math.nan]
        return [float(p.grad) for p in self.optimizer.parameters]

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        if not names:
            return []
        found: list[list[float]] = [[] for _ in names]
        with no_grad():
            for row, target in zip(X, y):
                output = self.model(row)
                for name, numbers in zip(names, found):
                    numbers.append(number_of(self.of_output[name](output, target)))
        return [math.fsum(numbers) / len(X) for numbers in found]


class Compiled(Backend):
    """By native code, from the same functions."""

    name = "jit"

    def __init__(self, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function]):
        super().__init__(model, loss, optimizer, metrics)
        from micrograd.compiler.jit import jit
        from micrograd.compiler.training import train_step

        self.step = train_step(self.of_row("loss"), optimizer)
        self._means = {name: jit(self.of_row(name), batch=True) for name in self.of_output}
        self._kept: dict[int, tuple[Any, Any]] = {}

    def trace(self, X: Sequence[Any], y: Sequence[Any]) -> int:
        """Record everything without compiling it yet; gives the number of the loss's instructions."""
        for name in self.metrics:
            self._means[name].trace(X, y)
        return len(self.step.trace(X, y))

    def _taken_in(self, x: Any, name: str) -> Any:
        """The data as native code reads it, taken in once for all epochs."""
        from micrograd.compiler.rows import KeptRows

        if id(x) not in self._kept:
            self._kept[id(x)] = x, KeptRows(x, name)
        return self._kept[id(x)][1]

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random
    ) -> tuple[list[float], list[float]]:
        before, order = SavedState(self.optimizer, self.step.numbers), rng.getstate()
        try:
            losses = self.step.run(self._taken_in(X, "X"), self._taken_in(y, "y"), batch_size=batch_size, shuffle=rng)
            is_finite = before.is_finite()
        except FloatingPointError:
            if before.is_finite():
                raise
            is_finite = False
        if not is_finite:  # some step made a parameter inf or nan; eagerly we see which, and stop before it
            before.put_back()
            rng.setstate(order)
            return Eager(self.model, self.of_output["loss"], self.optimizer, {}).epoch(X, y, batch_size, rng)
        return losses.tolist(), self.step.norms.tolist()

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        with no_grad():
            return [number_of(self._means[name](self._taken_in(X, "X"), self._taken_in(y, "y"))) for name in names]


def backend_for(
    name: str, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function], X: Any, y: Any
) -> Backend:
    """The backend of that name. "auto" is the compiled one where it is installed, and can record the loss in short."""
    if name not in ("eager", "auto", "jit"):
        raise ValueError(f"backend is 'auto', 'eager' or 'jit', not {name!r}")
    eager = Eager(model, loss, optimizer, metrics)
    if name == "eager" or (name == "auto" and not has_compiler()):
        return eager
    try:
        compiled = Compiled(model, loss, optimizer, metrics)
        length = compiled.trace(X[:1], y[:1])
    except TypeError:  # of a TraceError; or else eagerly it is raised again
        if name == "jit":
            raise
        return eager
    return eager if name == "auto" and length > LONGEST else compiled


def missing_package() -> str | None:
    """The first package of the extra `jit` that is not installed, or None where the compiler can be used."""
    return next((module for module in ("llvmlite", "numpy") if not importlib.util.find_spec(module)), None)


def has_compiler() -> bool:
    """Whether the extra `jit` is installed."""
    return missing_package() is None


def outputs_of(net: Callable[[Any], Any], rows: Sequence[Any], *, backend: str = "auto") -> list[Any]:
    """A net's outputs for many rows, without graphs: a list of floats, or of lists of them."""
    rows = rows_of(rows, "rows")
    if backend != "eager" and len(rows) > 1 and has_compiler():
        from micrograd.compiler.jit import jit

        net = jit(net)
    with no_grad():
        return [map_numbers(number_of, net(row)) for row in rows]
