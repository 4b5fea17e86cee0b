"""Decide what counts as a number, and which float it stands for.

    >>> from micrograd.coerce import as_float
    >>> as_float(True, "a score"), as_float(2, "a score")
    (1.0, 2.0)
    >>> as_float("2", "a score")
    Traceback (most recent call last):
      ...
    TypeError: a score: '2' is a str; convert text with float(...) first

NumPy need not be installed: its arrays and scalars are recognized by their attributes.
"""

from __future__ import annotations

import math
import numbers
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
from micrograd.words import shown

# What Values and symbols tell NumPy, so that it leaves its operators with one of them to that one: it would turn a
# result into an array, and a longdouble would call itself without end.
ARRAY_PRIORITY = 1000.0


class Recordable:
    """What operations take besides numbers, and record: a Value, or a symbol while jit records. Three hooks:

    `_apply_op(entry, operands, static)` is the result of an operation of the table that this is an operand of;
    `_as_index(count)` is what `take` chooses by, and `_require()` notes a condition that a loss refuses rows by: both
    are None where the number is known at once.
    """

    __slots__ = ()

    _apply_op: Any
    _as_index: Any = None
    _require: Any = None


def is_array(x: Any) -> TypeGuard[Any]:
    """Whether x is a NumPy array; NumPy scalars do not count, and NumPy may be absent."""
    kind = getattr(sys.modules.get("numpy"), "ndarray", None)  # None too while another thread is importing NumPy
    return kind is not None and isinstance(x, kind)


def elementwise(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """Apply to each element of NumPy arrays, broadcasting; floats come back as a float array."""
    numpy = sys.modules["numpy"]
    for x in operands:
        if is_masked(x):
            raise TypeError(MASKED)
    out = numpy.frompyfunc(function, len(operands), 1)(*operands)
    if not is_array(out) or any(isinstance(x, Recordable) for x in out.flat):  # 0-dimensional arrays give a number
        return out
    return out.astype(float)


def is_bool(x: Any) -> bool:
    """Whether x is True or False, Python's or NumPy's."""
    return isinstance(x, bool) or type(x).__name__ in ("bool", "bool_")


def as_count(n: Any, what: str) -> int:
    """The whole number of at least 1 that a user gave for `what`; anything else is a ValueError."""
    if is_bool(n) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"{what} must be a whole number of at least 1, not {n!r}")
    return operator.index(n)


def as_count_or_none(n: Any, what: str) -> int | None:
    """The same for what need not be given: None stays None."""
    return None if n is None else as_count(n, what)


MASKED = "a masked entry is not a number: give it one with array.filled(value), or drop it with array.compressed()"


def is_masked(x: Any) -> bool:
    """Whether x is a NumPy array with a masked entry."""
    masked: Any = sys.modules.get("numpy.ma")
    kind = getattr(masked, "MaskedArray", None)
    return kind is not None and isinstance(x, kind) and bool(masked.is_masked(x))


def holds_one(x: Any) -> bool:
    """Whether x is an array, or a tensor, of exactly one number."""
    shape, kind = getattr(x, "shape", None), getattr(getattr(x, "dtype", None), "kind", "f")
    return isinstance(shape, tuple) and math.prod(shape) == 1 and hasattr(x, "item") and kind in "biufO"


def as_float(x: Any, where: str) -> float:
    """The float that a user's number stands for; anything else is a TypeError that says what to write.

    Bools count as 0.0 and 1.0, and an array or tensor of exactly one number as that number.
    """
    if isinstance(x, float):
        return float(x)  # a numpy.float64 is a float too, and would print as np.float64(...)
    if isinstance(x, numbers.Real):
        try:
            return float(x)
        except OverflowError:
            raise OverflowError(f"{where}: this {type(x).__name__} is too large for a float") from None
    if is_masked(x):
        raise TypeError(f"{where}: {MASKED}")
    if is_bool(x):
        return float(bool(x))
    if holds_one(x):
        return as_float(x.item(), where)
    advice = "give a number such as 2.0"
    if isinstance(x, str):
        advice = "convert text with float(...) first"
    elif isinstance(x, type):
        advice = f"it is the class itself: write {x.__name__}(...) for an object of it"
    elif x is None:
        advice = "give a number (does the function that made it lack a return?)"
    elif isinstance(x, numbers.Complex):
        advice = "micrograd works on real numbers only"
    elif isinstance(x, Recordable):
        advice = "use the Value itself, or its number, value.data"
    elif isinstance(x, (list, tuple, set, dict)) or hasattr(x, "__array__"):
        advice = "a Value holds one number: make one for each, as in [Value(v) for v in row]"
    raise TypeError(f"{where}: {shown(x)} is a {type(x).__name__}; {advice}")


def float_of(x: Any) -> float:
    """The float of a number, or of a Value whose graph is not needed: to print, to compare, to store."""
    return float(x.data if hasattr(x, "_prev") else x)
