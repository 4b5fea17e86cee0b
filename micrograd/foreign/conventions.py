"""Why other numbers than the table's may be right too: a kink, another formula, another default of a setting.

>>> from micrograd import Value
>>> from micrograd.foreign.conventions import convention
>>> from micrograd.foreign.engines import Engine
>>> from micrograd.foreign.trials import Trial
>>> from micrograd.table import TABLE
>>> at_0 = Trial("relu(x)", {"x": 0.0}, None, TABLE["relu"])
>>> convention(Engine(Value), at_0, {"data": 0.0, "x": 0.0}, {"data": 0.0, "x": 1.0})[:22]
'there is a kink there:'
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from types import CodeType

from micrograd.coerce import float_of
from micrograd.foreign.engines import Engine
from micrograd.foreign.recognition import close
from micrograd.foreign.source import code_of
from micrograd.foreign.trials import Trial
from micrograd.table import FLOAT, Op
from micrograd.words import short

Numbers = dict[str, float]  # the result's, under "data", and the gradients of the inputs

OTHER_FORMULAS: dict[str, list[tuple[str, Callable[[float], float]]]] = {
    "gelu": [
        (
            "this is the approximation with tanh, up to 0.0005 from the exact function, which the table has",
            lambda x: 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))),
        ),
        (
            "this is the approximation with a sigmoid, x * sigmoid(1.702 * x), up to 0.02 from the exact function, "
            "which the table has",
            lambda x: x * (0.5 + 0.5 * math.tanh(0.851 * x)),
        ),
    ]
}


def convention(engine: Engine, trial: Trial, wanted: Numbers, found: Numbers) -> str:
    """Why other numbers than the table's are right too; empty where they are not."""
    entry = trial.entry
    if entry is None:
        return ""
    if close(wanted["data"], found["data"]) and (between := _slopes(trial)):
        theirs = [found[name] - trial.added for name in trial.inputs]
        if all(low - 1e-9 <= x <= high + 1e-9 for x, (low, high) in zip(theirs, between)):
            return (
                "there is a kink there: any slope between those of its two sides is right, and the table takes the one "
                "that PyTorch takes"
            )
    if len(entry.operands) != 1 or len(trial.inputs) > 2:
        return ""
    x, upstream = [*trial.inputs.values(), 1.0][:2]
    if trial.added:
        found = {"data": found["data"] - x, "x": found["x"] - 1.0}
    for why, function in OTHER_FORMULAS.get(entry.name, ()):
        slope = (function(x + 1e-6) - function(x - 1e-6)) / 2e-6
        if close(found["data"], function(x) * upstream) and math.isclose(found["x"], slope * upstream, rel_tol=1e-4):
            return why
    return "" if entry.static else _other_default(engine, entry, x, upstream, found)


def _other_default(engine: Engine, entry: Op, x: float, upstream: float, found: Numbers) -> str:
    """Both numbers are the table's own, with another number for a setting that is not given."""
    for name, default in entry.defaults.items():
        for number in _numbers_in(engine, engine.method_of(entry)):
            try:
                data, derivatives = entry.rule(FLOAT, x, **{name: number})
                (slope,) = map(float_of, derivatives())
            except (ArithmeticError, ValueError, TypeError):
                continue
            if close(found["data"], data * upstream) and close(found["x"], slope * upstream):
                return (
                    f"yours takes {short(number)} for {name}, the table {short(float(default))} where none is given: "
                    "the rule is right, and any number is"
                )
    return ""


def _numbers_in(engine: Engine, name: str) -> Iterator[float]:
    """The numbers in a method: the defaults of its arguments, and those that stand in its code."""
    method = engine.method(name)
    code = code_of(method)
    if code is None:
        return
    found = [parameter.default for parameter in inspect.signature(method).parameters.values()]
    codes: list[CodeType] = [code]
    for inner in codes:  # grows, by the functions inside
        found += inner.co_consts
        codes += [x for x in inner.co_consts if isinstance(x, CodeType)]
    for x in found:
        if isinstance(x, (int, float)) and not isinstance(x, bool):
            yield float(x)


def _slopes(trial: Trial) -> list[tuple[float, float]] | None:
    """For each operand the derivatives a little to either side; None where they are the same, so there is no kink."""
    entry, point = trial.entry, list(trial.inputs.values())
    if entry is None or len(entry.operands) != len(point):
        return None
    found = []
    for i in range(len(point)):
        sides = []
        for step in (-1e-6, 0.0, 1e-6):
            moved = [x + step * (i == j) for j, x in enumerate(point)]
            try:
                sides.append(float_of(entry.rule(FLOAT, *moved)[1]()[i]))
            except (ArithmeticError, ValueError, TypeError):  # TypeError: a row without its settings, as in x**2
                return None
        found.append((min(sides), max(sides)))
    return found if any(high - low > 1e-3 for low, high in found) else None
