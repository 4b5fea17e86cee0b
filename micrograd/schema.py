"""Check what a file holds against a declared shape: `check(found, shape, "recipe")`.

    >>> from micrograd.schema import check, one_of, whole
    >>> shape = {"kind": one_of("MLP"), "layers": [whole(1)]}
    >>> check({"kind": "MLP", "layers": [16, 1]}, shape, "recipe")
    >>> check({"kind": "MLP", "layers": [16, 0]}, shape, "recipe")
    Traceback (most recent call last):
      ...
    ValueError: recipe.layers[1] must be a whole number of at least 1, not 0

A shape is a pair of a description and a test; or a list of one shape, for lists of at least one such item; or a dict of
shapes, for dicts of these keys (`...` is the shape of any other key); or a function from what was found to its shape.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable
from typing import Any

from micrograd.words import quoted

Kind = tuple[str, Callable[[Any], bool]]


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()  # stands for the value of a key that is not there
ANYTHING: Kind = "there", lambda x: x is not MISSING
NOTHING: Kind = "left out", lambda x: x is MISSING
BOOL: Kind = "true or false", lambda x: isinstance(x, bool)
TEXT: Kind = "a text that is not empty", lambda x: isinstance(x, str) and x != ""
NUMBER: Kind = "a number", lambda x: isinstance(x, numbers.Real) and not isinstance(x, bool)
FINITE: Kind = "a finite number", lambda x: NUMBER[1](x) and abs(x) <= sys.float_info.max
POSITIVE: Kind = "a finite number above 0", lambda x: FINITE[1](x) and float(x) > 0


def whole(least: int) -> Kind:
    return f"a whole number of at least {least}", lambda x: type(x) is int and x >= least


def one_of(*choices: str) -> Kind:
    return " or ".join(map(repr, choices)), lambda x: x in choices


def texts(least: int) -> Kind:
    what = f"a list of at least {least} texts, all different and none empty"
    return what, lambda x: isinstance(x, list) and all(map(TEXT[1], x)) and len(set(x)) == len(x) >= least


def with_key(key: str, shape: Any, other: Any) -> Callable[[Any], Any]:
    """One shape for a dict that has the key, and another for anything else."""
    return lambda x: shape if isinstance(x, dict) and key in x else other


def check(found: Any, shape: Any, place: str, error: type[Exception] = ValueError) -> None:
    """Raise the error unless what was found has this shape: it says where, what must be there, and what is there."""
    shape = shape(found) if callable(shape) else shape
    if isinstance(shape, dict):
        what, is_right = "a dict", isinstance(found, dict)
    elif isinstance(shape, list):
        of = f", each {shape[0][0]}" if isinstance(shape[0], tuple) else ""
        what, is_right = f"a list of at least 1{of}", isinstance(found, list) and bool(found)
    else:
        what, is_right = shape[0], shape[1](found)
    if not is_right:
        raise error(f"{place} must be {what}, not {quoted(found)}")
    if isinstance(shape, list):
        for i, item in enumerate(found):
            check(item, shape[0], f"{place}[{i}]", error)
    elif isinstance(shape, dict):
        for key in dict.fromkeys([*shape, *found]):
            if key is not ...:
                where = f"{place}.{key}" if key in shape else f"{place}[{quoted(key)}]"
                check(found.get(key, MISSING), shape.get(key, shape.get(..., NOTHING)), where, error)
