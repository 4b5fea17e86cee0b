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
from micrograd.modes import no_grad
from micrograd.optim import Optimizer
from micrograd.transforms import map_numbers

LONGEST = 20_000  # instructions of one row that are compiled unasked: a few seconds' work
Function = Callable[[Any, Any], Any]


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
        loss = self.of_row("loss")
        for chosen in batch_indices(len(X), batch_size, rng=rng):
            try:
                total = functools.reduce(operator.add, [loss(X[i], y[i]) for i in chosen]) / len(chosen)
                self.optimizer.zero_grad()
                total.backward()
                norm = math.sqrt(sum(float(p.grad) ** 2 for p in self.optimizer.parameters))
                is_finite = math.isfinite(total.data) and math.isfinite(norm)
            except (ArithmeticError, ValueError):
                is_finite = False
            if not is_finite:
                rows = [(i, (X[i], y[i])) for i in chosen]
                said = first_guilty(loss, rows, self.optimizer.parameters)
                raise not_finite(len(losses) + 1, said)
            self.optimizer.step()
            losses.append(total.data)
            norms.append(norm)
        return losses, norms

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        if not names:
            return []
        found: list[list[float]] = [[] for _ in names]
        with no_grad():
            for row, target in zip(X, y):
                output = self.model(row)
                for name, numbers in zip(names, found):
                    numbers.append(float(self.of_output[name](output, target)))
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

    def _taken_in(self, x: Any, name: str) -> Any:
        """The data as native code reads it, taken in once for all epochs."""
        from micrograd.compiler.rows import Kept

        if id(x) not in self._kept:
            self._kept[id(x)] = x, Kept(x, name)
        return self._kept[id(x)][1]

    def epoch(
        self, X: Sequence[Any], y: Sequence[Any], batch_size: int, rng: random.Random
    ) -> tuple[list[float], list[float]]:
        losses = self.step.run(self._taken_in(X, "X"), self._taken_in(y, "y"), batch_size=batch_size, shuffle=rng)
        return losses.tolist(), self.step.norms.tolist()

    def means(self, names: Sequence[str], X: Sequence[Any], y: Sequence[Any]) -> list[float]:
        with no_grad():
            return [float(self._means[name](self._taken_in(X, "X"), self._taken_in(y, "y"))) for name in names]


def backend_for(
    name: str, model: Any, loss: Function, optimizer: Optimizer, metrics: dict[str, Function], X: Any, y: Any
) -> Backend:
    """The backend of that name. "auto" is the compiled one where it is installed, and can record the loss in short."""
    if name == "eager":
        return Eager(model, loss, optimizer, metrics)
    if name not in ("auto", "jit"):
        raise ValueError(f"backend is 'auto', 'eager' or 'jit', not {name!r}")
    if name == "auto" and not has_compiler():
        return Eager(model, loss, optimizer, metrics)
    from micrograd.compiler.symbols import TraceError

    try:
        compiled = Compiled(model, loss, optimizer, metrics)
        length = len(compiled.step.trace(X[:1], y[:1]))
    except TraceError:
        if name == "jit":
            raise
        return Eager(model, loss, optimizer, metrics)
    return Eager(model, loss, optimizer, metrics) if name == "auto" and length > LONGEST else compiled


def missing_package() -> str | None:
    """The first package of the extra `jit` that is not installed, or None where the compiler can be used."""
    return next((module for module in ("llvmlite", "numpy") if not importlib.util.find_spec(module)), None)


def has_compiler() -> bool:
    """Whether the extra `jit` is installed."""
    return missing_package() is None


def outputs_of(net: Callable[[Any], Any], rows: Sequence[Any], *, backend: str = "auto") -> list[Any]:
    """A net's outputs for many rows, without graphs: a list of floats, or of lists of them."""
    if backend != "eager" and len(rows) > 1 and has_compiler():
        from micrograd.compiler.jit import jit

        net = jit(net)
    with no_grad():
        return [map_numbers(float, net(row)) for row in rows]
