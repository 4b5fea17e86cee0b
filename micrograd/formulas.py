"""Write an operation with its operands' names: as a formula, and as the error when it fails.

>>> from micrograd.formulas import formula
>>> from micrograd.table import TABLE
>>> formula(TABLE["mul"], ["a + b", "2"]), formula(TABLE["tanh"], ["x"])
('(a + b) * 2', 'tanh(x)')

An operation is an `Op`, a row of the table; its symbol, its settings and its `needs` say how it reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from micrograd.coerce import Recordable, as_float


def formula(entry: Any, names: Sequence[str]) -> str:
    """How an operation reads with the operands' names or numbers put in: `x * y`, `tanh(x)`, `x**3`."""
    names = [*names]
    leads_with_minus = len(names) == 2 and names[0].startswith("-") and entry.symbol != "**"
    if not entry.symbol.isidentifier() and not leads_with_minus:  # -6 + 2, but (-6)**2
        names[0] = _in_parentheses(names[0])
    if entry.static and not entry.symbol.isidentifier():
        return names[0] + entry.symbol
    if len(names) == 1 and entry.symbol.startswith("**"):  # by hand: "**2", or "**" with an exponent that nobody kept
        return names[0] + (entry.symbol if entry.symbol != "**" else "**…")
    if len(names) == 2 and not entry.symbol.isidentifier():
        symbol = entry.symbol if entry.symbol.startswith("**") else f" {entry.symbol} "
        return names[0] + symbol + _in_parentheses(names[1])
    if len(names) == 1 and not entry.symbol.isidentifier():
        return entry.symbol + names[0]
    return f"{entry.name}({', '.join([*names, *(f'{key}={value!r}' for key, value in entry.static)])})"


def _in_parentheses(name: str) -> str:
    return name if name.isidentifier() or re.fullmatch(r"[\w.\[\]]+|[\d.]+e[+-]\d+|\w+\(.*\)", name) else f"({name})"


def in_words(error: Exception, entry: Any, operands: Sequence[Any], *, doing: str = "") -> Exception:
    """The same kind of error, in the user's words: the operation, its operands' labels and values, what it needs.

    Its `failed` holds the operation and the operands, so that the graph up to there can be drawn: set for forward
    failures only, where `doing` is empty.
    """
    said = _explanation(error, entry, operands, doing)
    if not doing:
        said.failed = (entry, tuple(operands))  # type: ignore[attr-defined]
    return said


class Failing(NamedTuple):
    """What the error of an operation says besides the operands' numbers: the pieces that `_explanation` joins."""

    formula: str  # with the operands' names put in
    names: tuple[str, ...]
    needs: str  # how a domain error ends: "needs x > 0"; empty where Python's own words stand
    needs_at_most: str  # what follows TOO_LARGE: "; exp needs x < 709.78"; empty where `needs` bounds no operand's size


BOUNDS_THE_SIZE = re.compile(r"\{\d+\} <")  # a `needs` such as "{0} < 709.78": it helps after an overflow too
TOO_LARGE = "the result is too large for a float (the largest is about 1.8e308)"
LONGEST = 30  # characters of a formula that stands for an operand
MISSING = "the derivative does not exist there ({})"  # with Python's own words


def failing(entry: Any, operands: Sequence[Any]) -> Failing:
    """The pieces of an operation's errors.

    An operand is called by its label, or by how it was computed from values with labels, as in `x - 2`, or by what the
    operation calls it.
    """
    names: list[str] = []
    labels = {str(getattr(x, "label", "")) for x in operands}
    for position, x in enumerate(operands):
        own = entry.operands[min(position, len(entry.operands) - 1)]
        if own.startswith("*"):
            own = f"{own[1:]}[{position}]"
        elif len(entry.operands) == 2 and not entry.symbol.isidentifier():
            own = ("left", "right")[position]  # x / y would look like variables of the user's
        names.append(_named(x) or (own if own not in labels else f"the other {own}"))
    needs = f"needs {entry.needs.format(*names)}" if entry.needs else ""
    at_most = f"; {entry.name} {needs}" if BOUNDS_THE_SIZE.search(entry.needs) else ""
    return Failing(entry.formula(names), tuple(names), needs, at_most)


def _named(x: Any) -> str:
    """A value's label, or how it was computed, if all its operands have labels or are plain numbers; else nothing."""
    label: str = str(getattr(x, "label", ""))
    entry: Any = getattr(x, "_operation", None)
    operands: Sequence[Any] = getattr(x, "_prev", ())
    if label or not operands or getattr(entry, "by_hand", True):
        return label
    names = [str(y.label) or (f"{y.data:g}" if y._operation.name == "constant" else "") for y in operands]
    text = entry.formula(names) if all(names) else ""
    return text if len(text) <= LONGEST else ""


def _explanation(error: Exception, entry: Any, operands: Sequence[Any], doing: str) -> Exception:
    of = failing(entry, operands)
    seen = [f"{name} = {_plain(getattr(x, 'data', x))!r}" for name, x in zip(of.names, operands)]
    said = f"{doing}{of.formula}, where {', '.join(dict.fromkeys(seen))}: "
    if isinstance(error, OverflowError):
        return OverflowError(said + TOO_LARGE + ("" if doing else of.needs_at_most))
    kind = ZeroDivisionError if isinstance(error, ZeroDivisionError) else ValueError
    return kind(said + (MISSING.format(error) if doing else of.needs or str(error)))


def _plain(x: Any) -> Any:
    """A number as Python prints it; a symbol stays as it is."""
    return x if isinstance(x, Recordable) else as_float(x, "an operand")
