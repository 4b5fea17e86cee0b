"""Check a function's gradients against central differences: `check_grads(f, (2.0, -4.0))`.

>>> from micrograd.check import check_grads
>>> print(check_grads(lambda x, y: x / (x + y), (2.0, -4.0)))
2 derivatives agree with central differences
  inputs[0]  analytic -1  numeric -1
  inputs[1]  analytic -0.5  numeric -0.5
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.coerce import float_of, is_array
from micrograd.engine import Value
from micrograd.modes import no_grad
from micrograd.transforms import gradients, map_numbers, value_and_grad
from micrograd.words import count


@dataclass(frozen=True)
class Comparison:
    """One derivative, computed in two ways: by backward, and by moving the input a little to each side."""

    name: str
    analytic: float
    numeric: float
    agrees: bool

    def __str__(self) -> str:
        line = f"  {self.name}  analytic {self.analytic:.8g}  numeric {self.numeric:.8g}"
        return line if self.agrees else f"{line}  difference {abs(self.analytic - self.numeric):.3g}"


@dataclass(frozen=True)
class Report:
    """What `check_grads` compared; prints one line for each derivative."""

    comparisons: tuple[Comparison, ...]

    @property
    def failures(self) -> tuple[Comparison, ...]:
        return tuple(c for c in self.comparisons if not c.agrees)

    def __str__(self) -> str:
        if not self.failures:
            agree = "agrees" if len(self.comparisons) == 1 else "agree"
            lines = [f"{count(len(self.comparisons), 'derivative')} {agree} with central differences"]
            lines += map(str, self.comparisons)
        else:
            lines = [f"{len(self.failures)} of {len(self.comparisons)} derivatives disagree with central differences"]
            lines += map(str, self.failures)
        return "\n".join(lines)


def check_grads(
    f: Callable[..., Any], inputs: Sequence[Any], *, step: float = 6e-6, rtol: float = 1e-5, atol: float = 1e-7
) -> Report:
    """Compare every derivative of `f(*inputs)`, a function that returns one number, with central differences.

    An input is a number, or nested lists, tuples, dicts and arrays of them; or a Value, which is passed to `f` itself
    with its `data` moved, so that `check_grads(lambda *p: loss(net), net.parameters())` checks a whole net. Each
    number is moved by `step * max(1, |x|)`; a pair agrees when it is within `atol + rtol * |numeric|`. The cube root
    of the machine epsilon, 6e-6, is the step of least error (Nocedal and Wright, Numerical Optimization, section 8.1).

    Raises AssertionError with both numbers of each pair that disagrees; returns the report of what was compared.
    """
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(f"check_grads: the inputs are a tuple of f's arguments, such as (2.0,), not {inputs!r}")
    analytic: list[float] = []
    map_numbers(lambda g: analytic.append(float_of(g)), _gradients(f, inputs))
    points: list[float] = []
    map_numbers(lambda x: points.append(float_of(x)), tuple(inputs))
    comparisons = []
    for i, (name, derivative) in enumerate(zip(_names(inputs), analytic)):
        h = step * max(1.0, abs(points[i]))
        above, below = points[i] + h, points[i] - h
        numeric = (_at(f, inputs, i, above) - _at(f, inputs, i, below)) / (above - below)
        agrees = abs(derivative - numeric) <= atol + rtol * abs(numeric)
        comparisons.append(Comparison(name, derivative, numeric, agrees))
    report = Report(tuple(comparisons))
    if report.failures:
        raise AssertionError(str(report))
    return report


def _gradients(f: Callable[..., Any], inputs: Sequence[Any]) -> Any:
    if not any(isinstance(x, Value) for x in inputs):
        with no_grad():  # numbers are enough, even where f uses Values from outside
            return value_and_grad(f, range(len(inputs)))(*inputs)[1]
    if not all(isinstance(x, Value) for x in inputs):
        raise TypeError("check_grads: the inputs are either all Values or all plain numbers")
    return gradients(f(*inputs), inputs)


def _at(f: Callable[..., Any], inputs: Sequence[Any], position: int, number: float) -> float:
    """`f` with `number` in place of the input at `position`, counted through all nesting."""
    if isinstance(inputs[0], Value):
        moved, before = inputs[position], inputs[position].data
        try:
            moved.data = number
            return float_of(f(*inputs))
        finally:
            moved.data = before
    count = itertools.count()

    def lift(x: Any) -> Value:
        return Value(number if next(count) == position else x)

    return float_of(f(*map_numbers(lift, tuple(inputs))))


def _names(tree: Any, path: str = "inputs") -> list[str]:
    """`inputs[0]` for the first input, `inputs[0][2]` for the third number of a list there; or a Value's label."""
    if isinstance(tree, dict):
        return [name for key, x in tree.items() for name in _names(x, f"{path}[{key!r}]")]
    if isinstance(tree, (list, tuple)) or (is_array(tree) and tree.ndim):
        return [name for i, x in enumerate(tree) for name in _names(x, f"{path}[{i}]")]
    return [str(getattr(tree, "label", "")) or path]
