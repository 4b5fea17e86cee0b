"""Take a function's arguments apart into numbers and a structure, and put symbols together in that structure.

    >>> from micrograd.compiler.arguments import flatten, rebuild
    >>> numbers = []
    >>> structure = flatten([1.5, (2, "mean")], numbers)
    >>> structure, numbers
    (('list', 'number', ('tuple', 'whole', ('static', <class 'str'>, 'mean'))), [1.5, 2])
    >>> rebuild(structure, "x", lambda name, kind: name)
    ['x[0]', ('x[1][0]', 'mean')]

Two calls with equal structures run the same compiled code. Arguments that are not numbers, such as strings, None and
functions, belong to the structure, and so do True and False.
"""

from __future__ import annotations

import contextlib
import inspect
import numbers as number_types
import sys
from collections.abc import Callable, Iterable
from typing import Any

from micrograd.coerce import as_float, is_array
from micrograd.engine import Value
from micrograd.intake import not_numbers

Structure = Any  # a word for a number, else a tuple that begins with a word
Leaf = Callable[[str, str], Any]  # given an input's name and kind, what stands for that input
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def flatten(x: Any, numbers: list[Any]) -> Structure:
    """Append the numbers and Values in x to `numbers`; return the structure that they were in."""
    kind = type(x)
    if kind is float:
        numbers.append(x)
        return "number"
    if isinstance(x, Value):
        numbers.append(x)
        return "value"
    if kind is int:
        numbers.append(x)
        return "whole"
    if kind is list:
        return ("list", *[flatten(item, numbers) for item in x])
    if isinstance(x, tuple):
        return ("tuple" if kind is tuple else kind, *[flatten(item, numbers) for item in x])
    if kind is dict:
        return ("dict", *[(key, flatten(item, numbers)) for key, item in x.items()])
    if is_array(x):
        if x.dtype == object:
            return ("array", x.shape, *[flatten(item, numbers) for item in x.flat])
        if x.dtype.kind not in "fiub":
            raise TypeError(f"jit takes arrays of real numbers, not of {not_numbers(x)}")
        numbers += x.ravel().astype(float).tolist()
        return ("array", x.shape, *(["number" if x.dtype.kind in "fb" else "whole"] * x.size))
    if isinstance(x, number_types.Integral) and kind is not bool:
        numbers.append(int(x))
        return "whole"
    if isinstance(x, number_types.Real) and kind is not bool:
        numbers.append(as_float(x, "jit"))
        return "number"
    return static(x)


def static(x: Any) -> Structure:
    """An argument that is part of the structure: another value compiles new code."""
    if hasattr(x, "__next__"):
        raise TypeError(
            f"jit: {type(x).__name__} is an iterator, which can be used only once, but jit may run the function again; "
            "give a list: list(...)"
        )
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"jit: {x!r} is a {type(x).__name__}, which is neither numbers nor hashable; give lists, tuples, dicts, "
            "arrays of numbers, or hashable objects"
        ) from None
    return ("static", _exactly(x), x)


def _exactly(x: Any) -> Any:
    """A key that differs for values that are equal but not the same: 1 and True, 0.0 and -0.0."""
    if isinstance(x, float):
        return x.hex()
    if type(x) is tuple:
        return tuple(map(_exactly, x))
    # Objects of a user's class may be equal but have different attributes.
    return type(x) if type(x).__module__ == "builtins" else (type(x), id(x))


def rebuild(structure: Structure, name: str, leaf: Leaf) -> Any:
    """Put `leaf(name, kind)` where each number was in the structure; names look like `x[0][1]`."""
    if isinstance(structure, str):
        return leaf(name, structure)
    kind, *rest = structure
    if kind == "static":
        return rest[1]
    if kind == "dict":
        return {key: rebuild(item, f"{name}[{key!r}]", leaf) for key, item in rest}
    if kind == "array":
        shape, *items = rest
        return array_of(shape, [rebuild(item, f"{name}{_place(i, shape)}", leaf) for i, item in enumerate(items)])
    items = [rebuild(item, f"{name}[{i}]", leaf) for i, item in enumerate(rest)]
    if kind == "list":
        return items
    if kind == "tuple":
        return tuple(items)
    return kind(*items) if hasattr(kind, "_fields") else kind(items)  # a namedtuple, or another subclass of tuple


def array_of(shape: tuple[int, ...], items: Iterable[Any]) -> Any:
    """An array of objects, filled in order: what a function sees in place of an array of numbers."""
    numpy = sys.modules["numpy"]
    out = numpy.empty(shape, dtype=object)
    for i, item in enumerate(items):
        out.flat[i] = item
    return out


def _place(i: int, shape: tuple[int, ...]) -> str:
    out = ""
    for size in reversed(shape):
        i, at = divmod(i, size)
        out = f"[{at}]{out}"
    return out


def names_of(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the function's first `count` arguments."""
    named: list[str] = []
    with contextlib.suppress(TypeError, ValueError):
        named = [p.name for p in inspect.signature(f).parameters.values() if p.kind in POSITIONAL]
    return [*named, *(f"x{i}" for i in range(len(named), count))][:count]
