"""What an engine is tried on: every operation of the table that it has, and every way in which branches meet.

    >>> from micrograd import Value
    >>> from micrograd.foreign.engines import Engine
    >>> from micrograd.foreign.trials import trials_of
    >>> names = [trial.name for trial in trials_of(Engine(Value))]
    >>> len(names) > 150, names[:3], "x * x" in names, "x * y + x" in names
    (True, ['x + y', 'x + y', 'x + y'], True, True)

A trial is a small program: it runs on their Values and on ours, and must give the same number and gradients.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.engine import Value
from micrograd.foreign.engines import Engine, operator_of
from micrograd.table import TABLE, Op, split_case
from micrograd.words import short

# Those first of which engines make the others: a wrong product would make a quotient look wrong.
FIRST = ("add", "mul", "power", "neg", "sub", "div")
LETTERS = ("x", "y", "z", "w", "a", "b")


@dataclass(frozen=True)
class Trial:
    """A program: `build` makes its result from Values, with the engine that it is given; `inputs` are their numbers."""

    name: str
    inputs: dict[str, float]
    build: Callable[..., Any]
    entry: Op | None = None  # the row that is tried, if it is one
    method: str = ""  # the method of the class that it is about
    optional: bool = False  # a form that a class need not have, such as 2 - x
    added: bool = False  # whether its operands are added to the row's result

    @property
    def place(self) -> str:
        """Where: `x = 2, y = -3`."""
        return ", ".join(f"{name} = {short(x)}" for name, x in self.inputs.items())


class Ours(Engine):
    """The table itself, as an engine."""

    def __init__(self) -> None:
        super().__init__(Value)

    def apply(self, entry: Op, operands: Sequence[Any], static: dict[str, Any]) -> Any:
        return entry.apply(operands, static)


def rows(engine: Engine, chosen: Collection[str] | None = None) -> list[Op]:
    """The rows that an engine has, in the order in which they are tried."""
    names = [*FIRST, *(name for name in TABLE if name not in FIRST)]
    return [TABLE[name] for name in names if engine.has(TABLE[name]) and (chosen is None or name in chosen)]


def trials_of(engine: Engine, chosen: Collection[str] | None = None, *, with_numbers: bool = True) -> Iterator[Trial]:
    """Every trial: operations alone, with plain numbers, with more computed from them, on one operand twice; merges."""
    found = rows(engine, chosen)
    for entry in found:
        yield from _alone(engine, entry)
    for entry in found if with_numbers else ():
        yield from _with_numbers(engine, entry)
    for entry in found:
        yield from _under(engine, entry)
    for entry in found:
        yield from _repeated(engine, entry)
    yield from _merges(engine)
    for entry in found:
        yield from _beside_its_operands(engine, entry)


def _named(numbers: Sequence[float]) -> dict[str, float]:
    """The numbers, each with a name: a letter, or x0, x1, ... where there are many."""
    return dict(zip(LETTERS if len(numbers) <= len(LETTERS) else [f"x{i}" for i in range(len(numbers))], numbers))


def _points(entry: Op) -> Iterator[tuple[tuple[float, ...], dict[str, Any]]]:
    """The row's own cases, and a point inside its domain, away from where numbers coincide."""
    cases = [split_case(case) for case in entry.cases]
    yield from cases
    size = len(cases[0][0])
    if entry.name not in ("where", "take"):
        ranges = entry.domain if isinstance(entry.domain[0], tuple) else [entry.domain] * size
        inside = (0.37, 0.66, 0.23)
        yield tuple(round(low + (high - low) * inside[i % 3], 2) for i, (low, high) in enumerate(ranges)), cases[0][1]


def _alone(engine: Engine, entry: Op) -> Iterator[Trial]:
    for numbers, static in _points(entry):
        inputs = _named([float(x) for x in numbers])
        bound = entry.bind(**static)

        def build(engine: Engine, *xs: Any, entry: Op = entry, static: dict[str, Any] = static) -> Any:
            return engine.apply(entry, xs, static)

        required = bool(operator_of(entry)) and entry.name != "pow" and not static
        yield Trial(bound.formula(list(inputs)), inputs, build, bound, engine.method_of(entry), optional=not required)


# Plain numbers beside a Value: the text, the row, the method, and what is computed.
FORMS: list[tuple[str, str, str, Callable[[Any], Any]]] = [
    ("x + 2", "add", "__add__", lambda x: x + 2),
    ("x * 2", "mul", "__mul__", lambda x: x * 2),
    ("x - 2", "sub", "__sub__", lambda x: x - 2),
    ("x / 2", "div", "__truediv__", lambda x: x / 2),
    ("2 + x", "add", "__radd__", lambda x: 2 + x),
    ("2 * x", "mul", "__rmul__", lambda x: 2 * x),
    ("2 - x", "sub", "__rsub__", lambda x: 2 - x),
    ("2 / x", "div", "__rtruediv__", lambda x: 2 / x),
    ("x + 2.5", "add", "__add__", lambda x: x + 2.5),
    ("2.5 * x", "mul", "__rmul__", lambda x: 2.5 * x),
    ("x**2", "power", "__pow__", lambda x: x**2),
    ("x**0.5", "power", "__pow__", lambda x: x**0.5),
    ("x**-1", "power", "__pow__", lambda x: x**-1),
    ("2**x", "pow", "__rpow__", lambda x: 2**x),
    ("x += 1", "add", "__iadd__", lambda x: operator.iadd(x, 1)),
    ("x -= 1", "sub", "__isub__", lambda x: operator.isub(x, 1)),
    ("x *= 3", "mul", "__imul__", lambda x: operator.imul(x, 3)),
    ("x /= 4", "div", "__itruediv__", lambda x: operator.itruediv(x, 4)),
    ("sum([x, x, 2])", "add", "__radd__", lambda x: sum([x, x, 2])),
]


def _with_numbers(engine: Engine, entry: Op) -> Iterator[Trial]:
    for name, row, method, compute in FORMS:
        if row == entry.name:
            method = method if hasattr(engine.kind, method) else operator_of(entry)
            yield Trial(name, {"x": 3.0}, _of_inputs(compute), entry, method, optional=True)


def _of_inputs(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda engine, *xs: compute(*xs)


def _under(engine: Engine, entry: Op) -> Iterator[Trial]:
    """The row with more computed from it: its own gradient is 3 then, not 1."""
    if not engine.has(TABLE["mul"]):
        return
    numbers, static = next(_points(entry))
    inputs = _named([float(x) for x in numbers])
    bound = entry.bind(**static)

    def build(engine: Engine, *xs: Any) -> Any:
        return engine.apply(entry, xs[:-1], static) * xs[-1]

    upstream = next(name for name in "wuvk" if name not in inputs)
    name = TABLE["mul"].formula([bound.formula(list(inputs)), upstream])
    yield Trial(name, {**inputs, upstream: 3.0}, build, bound, engine.method_of(entry), optional=True)


def _repeated(engine: Engine, entry: Op) -> Iterator[Trial]:
    if len(entry.operands) == 2 and not entry.prepare and not entry.operands[-1].startswith("*"):
        name = entry.formula(["x", "x"])
        build: Callable[..., Any] = lambda engine, x: engine.apply(entry, (x, x), {})  # noqa: E731
        yield Trial(name, {"x": 3.0}, build, entry, engine.method_of(entry), optional=entry.name == "pow")


def _beside_its_operands(engine: Engine, entry: Op) -> Iterator[Trial]:
    """The row, added to its operands: each gradient has two parts, in either order, so one that is set loses one."""
    if entry.operands[0].startswith("*") or entry.prepare or not engine.has(TABLE["add"]):
        return
    points = list(_points(entry))
    numbers, static = points[0 if len(entry.operands) > 1 else -1]  # one operand: not where there is a kink
    bound = entry.bind(**static)
    inputs = _named([float(x) for x in numbers])
    formula = bound.formula(list(inputs))
    for first in (False, True):

        def build(engine: Engine, *xs: Any, first: bool = first) -> Any:
            result = engine.apply(entry, xs, static)
            return functools.reduce(operator.add, [*xs, result] if first else [result, *xs])

        last = f"({formula})" if entry.name in ("add", "sub", "neg") else formula
        terms = [*inputs, last] if first else [formula, *inputs]
        yield Trial(" + ".join(terms), inputs, build, bound, engine.method_of(entry), optional=True, added=True)


def _diamond(x: Any, y: Any) -> Any:
    left = x * y
    return (left + x) * (left + y)


def _doubled(x: Any) -> Any:
    for _ in range(8):
        x = x + x
    return x


def _ladders(x: Any, y: Any) -> Any:
    """Each value is used by the next two. Four times, because in a set operands are in the right order by chance."""
    ends = []
    for _ in range(4):
        a, b = x, y
        for _ in range(6):
            a, b = b, a * b + a
        ends.append(b)
    return ends[0] + ends[1] + ends[2] + ends[3]


# Where branches meet: the text, the inputs, and what is computed, from + and * only.
MERGES: list[tuple[str, dict[str, float], Callable[..., Any]]] = [
    ("x * y + x", {"x": 2.0, "y": -3.0}, lambda x, y: x * y + x),
    ("x + x * y", {"x": 2.0, "y": -3.0}, lambda x, y: x + x * y),
    ("x * x * x", {"x": 3.0}, lambda x: x * x * x),
    ("x + x + x", {"x": 3.0}, lambda x: x + x + x),
    ("(x * y) * (x + y)", {"x": 2.0, "y": -3.0}, lambda x, y: (x * y) * (x + y)),
    ("p * p, where p = x * y", {"x": 2.0, "y": -3.0}, lambda x, y: operator.mul(*[x * y] * 2)),
    ("p + p * x, where p = x * y", {"x": 2.0, "y": -3.0}, lambda x, y: (p := x * y) + p * x),
    ("p * x + p, where p = x * y", {"x": 2.0, "y": -3.0}, lambda x, y: (p := x * y) * x + p),
    ("(p + x) * (p + y), where p = x * y", {"x": 2.0, "y": -3.0}, _diamond),
    ("x doubled 8 times as x = x + x", {"x": 1.5}, _doubled),
    ("four ladders of x, y = y, x * y + x", {"x": 0.7, "y": -0.6}, _ladders),
]


def _merges(engine: Engine) -> Iterator[Trial]:
    if all(engine.has(TABLE[name]) for name in ("add", "mul")):
        for name, inputs, compute in MERGES:
            yield Trial(name, inputs, _of_inputs(compute))
