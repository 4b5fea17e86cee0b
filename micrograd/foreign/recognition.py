"""Which row of the table somebody's node is, and its operands in order, with repeats: from its symbol and its number.

    >>> from micrograd.foreign.recognition import rows_of
    >>> [entry.name for entry in rows_of("-")], [entry.symbol for entry in rows_of("**-1")], rows_of("ln")[0].name
    (['sub', 'neg'], ['**-1', '**'], 'log')

A set of operands has lost their order and how often each is used. Both are found again by trying: the right arrangement
is one from which the table's rule computes the node's own number.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from micrograd.foreign.reading import Theirs
from micrograd.table import FLOAT, TABLE, Op

# What engines write where the table writes otherwise.
ALIASES = {"\N{GREEK SMALL LETTER SIGMA}": "sigmoid", "logistic": "sigmoid", "ln": "log", "^": "**"}
ALIASES |= {"\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*", "\N{DIVISION SIGN}": "/", "\N{MINUS SIGN}": "-"}
ALIASES |= {"truediv": "div", "max": "maximum", "min": "minimum", "negative": "neg", "swish": "silu", "plus": "add"}
ALIASES |= {
    "minus": "sub",
    "times": "mul",
    "multiply": "mul",
    "divide": "div",
    "subtract": "sub",
    "leakyrelu": "leaky_relu",
}
POWER = re.compile(r"(?:\*\*|\^|pow(?:er)?)[ _(]*(.+?)\)?")
MOST = 200  # arrangements that are tried


class Recognised(NamedTuple):
    """A row of the table with its settings, and the operands in the rule's order; plain numbers are floats."""

    entry: Op
    operands: tuple[Any, ...]
    derivatives: Any  # the rule's closure


def rows_of(symbol: str) -> list[Op]:
    """The rows that a symbol or a method's name may mean."""
    name = symbol.strip().strip("_").removesuffix("()").lower()
    if name[:1] == "r" and name[1:] in ("add", "sub", "mul", "truediv", "pow"):
        name = name[1:]
    name = ALIASES.get(name, name)
    found = [entry for entry in TABLE.values() if name in (entry.name.lower(), entry.symbol.lower())]
    power = POWER.fullmatch(name)
    if power and (exponent := _as_number(power[1])) is not None:
        found = [TABLE["power"].bind(exponent=exponent)]
    if name in ("**", "pow", "power") or power:
        found += [entry for entry in (TABLE["pow"],) if entry not in found]
    return [entry for entry in found if entry is not TABLE["power"]]


def _as_number(text: str) -> float | None:
    top, _, bottom = text.partition("/")
    try:
        x = float(top) / float(bottom) if bottom else float(top)
    except (ValueError, ZeroDivisionError):
        return None
    return int(x) if x.is_integer() else x


def rows_of_class(kind: type) -> list[Op]:
    """The rows that a class has as operators or methods; a power last, because some exponent fits most numbers."""
    found = [e for e in TABLE.values() if callable(getattr(kind, e.method or e.name, None)) and e.name != "pow"]
    return found + [TABLE["power"]] if hasattr(kind, "__pow__") else found


def close(x: float, y: float) -> bool:
    """Equal but for how it was computed, for adopt and for check_engine: engines write tanh in different ways."""
    return math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))


def recognised(node: Theirs) -> Iterator[Recognised]:
    """The rows, each with operands in order, from which the table computes the number of somebody's node.

    The likeliest is first; there are several where numbers coincide, as in 2**x and x**2 at x = 2.
    """
    constants = [x for x in node.cells.values() if isinstance(x, (int, float)) and not isinstance(x, bool)]
    known = node.reader.rows
    for symbol in (node.symbol, node.method):
        if symbol not in known:
            known[symbol] = rows_of(symbol)
        # With one operand, - is rather -x than x - x.
        for entry in sorted(known[symbol], key=lambda entry: len(entry.operands) != len(node._prev)):
            for bound in _bound(entry, constants):
                for operands in _arrangements(node, bound, constants):
                    yield from computed(node, bound, operands)
    yield from _by_local_derivatives(node)


def _bound(entry: Op, constants: Sequence[float]) -> Iterator[Op]:
    """The row with the settings that it may have had: its own defaults, or a number that the step reads."""
    if entry.name == "pow":
        for x in constants:
            yield TABLE["power"].bind(exponent=x)
    if set(entry.settings) <= {*entry.defaults, *dict(entry.static)}:
        yield entry
    if not entry.static:
        for name, x in itertools.product(entry.settings, constants):
            yield entry.bind(**{name: x})


def _arrangements(node: Theirs, entry: Op, constants: Sequence[float]) -> Iterator[tuple[Any, ...]]:
    """Orders in which the operands may have stood, the likeliest first; each uses all of them."""
    size = len(entry.operands)
    if (node.ordered and len(node._prev) == size) or (size and entry.operands[-1].startswith("*")):
        yield node._prev
    own = list(dict.fromkeys(node._prev))
    # The step's variables say it too: `self` is on the left.
    by_id = {id(operand.theirs): operand for operand in own}
    pool = [by_id[id(x)] for x in node.cells.values() if id(x) in by_id]
    if len(pool) == size:
        yield tuple(pool)
    own.sort(key=lambda x: pool.index(x) if x in pool else len(pool))
    if not own or len(own) > size:
        return
    candidates = own + list(constants) if len(own) < size else own
    for operands in itertools.islice(itertools.product(candidates, repeat=size), MOST):
        if all(x in operands for x in own):
            yield operands


def _number(x: Any) -> float:
    return x.number() if isinstance(x, Theirs) else float(x)


def computed(node: Theirs, entry: Op, operands: tuple[Any, ...]) -> Iterator[Recognised]:
    """The row on these operands, if it gives the node's number."""
    try:
        data, derivatives = entry.rule(FLOAT, *map(_number, operands))
    except (ArithmeticError, ValueError, TypeError):
        return
    if close(data, node.number()):
        yield Recognised(entry, operands, derivatives)


def _by_local_derivatives(node: Theirs) -> Iterator[Recognised]:
    """An engine that keeps local derivatives may keep no symbol: which of its operations gives both numbers?"""
    theirs = node.locals
    if node.symbol or not theirs:
        return
    for entry in rows_of_class(type(node.theirs)):
        if len(entry.operands) == len(theirs):
            for static in _exponents(node, theirs[0]) if entry.name == "power" else [{}]:
                for found in computed(node, entry.bind(**static), node._prev):
                    if agree(found, theirs):
                        yield found


def _exponents(node: Theirs, local: float) -> Iterator[dict[str, Any]]:
    """The exponents n for which x**n has this number and this derivative, n * x**(n - 1): the shortest first."""
    data = node.number()
    n = local * node._prev[0].number() / data if data else math.nan
    for digits in range(13) if math.isfinite(n) else ():
        exponent = round(n, digits)
        yield {"exponent": int(exponent) if exponent.is_integer() else exponent}


def agree(found: Recognised, theirs: Sequence[float]) -> bool:
    """Whether the table's local derivatives are theirs."""
    try:
        return all(map(close, found.derivatives(), theirs))
    except (ArithmeticError, ValueError):
        return False
