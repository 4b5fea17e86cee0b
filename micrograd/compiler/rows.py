"""Turn data into arrays that native code can read; each row is one example.

    >>> from micrograd.compiler.rows import as_rows
    >>> data = as_rows([[[0.0, 1.0], [2.0, 3.0]], [1, 0]], ["X", "y"])
    >>> data.count, data.structures
    (2, (('list', (2,), 'f8'), ('list', (), 'i8')))

NumPy arrays are read in place, whatever their number type; lists become arrays first.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.coerce import is_array
from micrograd.compiler.arguments import array_of
from micrograd.compiler.native.spec import READ
from micrograd.engine import Value
from micrograd.extras import require
from micrograd.intake import not_numbers, of_objects, refuse_masked

RowStructure = tuple[str, tuple[int, ...], str]  # "list" or "array", a row's shape, and the type of its numbers


class LoadedRows:
    """Rows loaded once, for many calls: `LoadedRows(X, "X")` stands in for X, frozen as it was."""

    array: Any
    kind: str

    def __init__(self, x: Any, name: str):
        rows = as_rows([x], [name])
        self.array, self.kind = rows.arrays[0], rows.structures[0][0]


class WholeNumber(float):
    """A float that can be an index: what a function run eagerly gets for a number from an integer array.

    Compiled code computes with floats only, and so does this; with Python's ints, 10 ** (10 ** 9) would take forever.
    """

    def __index__(self) -> int:
        return int(self)

    def __repr__(self) -> str:
        return repr(int(self))


class Rows:
    """Arrays with `count` rows each. `structures` describes one row of each array."""

    __slots__ = ("are_arrays", "arrays", "count", "structures")
    arrays: list[Any]
    count: int
    structures: tuple[RowStructure, ...]

    def __init__(self, arrays: list[Any], structures: tuple[RowStructure, ...], count: int, *, are_arrays: bool = True):
        self.arrays, self.structures, self.count = arrays, structures, count
        self.are_arrays: bool = are_arrays  # as given: none was made from a list for this call

    def row(self, i: int) -> list[Any]:
        """The function's arguments for row i, to run it eagerly."""
        out = []
        for rows, (kind, shape, numbers) in zip(self.arrays, self.structures):
            row = rows[i].astype(float)
            if numbers[0] in "iu":
                row = array_of(shape, map(WholeNumber, row.ravel()))
            out.append(row if kind == "array" and shape else row.tolist())
        return out


def as_rows(args: Sequence[Any], names: Sequence[str]) -> Rows:
    """The arguments as arrays of rows.

    Raises ValueError if they are ragged, empty or of unequal lengths, TypeError if they do not hold numbers.
    """
    arrays, structures, count = [], [], -1
    (types, ndarray), are_arrays = _types(), True
    for x, name in zip(args, names):
        kind = "array"
        if x.__class__ is ndarray:
            pass
        elif isinstance(x, LoadedRows):
            x, kind = x.array, x.kind
        else:
            x, kind = (_plain_array(x, name), kind) if is_array(x) else _array_of_list(x, name)
            are_arrays = False
        numbers = types.get(x.dtype)
        if numbers is None or (x.ndim > 1 and not x.flags.c_contiguous):
            x = _readable(x, name)
            numbers, are_arrays = types[x.dtype], False
        shape = x.shape
        if not shape:
            raise TypeError(f"{name} must be rows of numbers, not a single number")
        if shape[0] != count and count >= 0:
            hint = f"; for a single row write [{names[0]}]" if shape[0] == 1 else ""
            raise ValueError(f"{names[0]} has {count} rows but {name} has {shape[0]}: give as many of each{hint}")
        count = shape[0]
        arrays.append(x)
        structures.append((kind, shape[1:], numbers))
    if not count:
        raise ValueError(f"{names[0]} has no rows")
    return Rows(arrays, tuple(structures), count, are_arrays=are_arrays)


@functools.cache
def _types() -> tuple[dict[Any, str], type]:
    """The number types that native code reads, by NumPy dtype, and the class of NumPy arrays."""
    numpy = require("numpy", extra="jit")
    return {numpy.dtype(kind): kind for kind in READ}, numpy.ndarray


def _plain_array(x: Any, name: str) -> Any:
    """An array of a subclass as a plain NumPy array. Raises ValueError if rows are masked."""
    refuse_masked(x, name)
    return require("numpy", extra="jit").asarray(x)


def _array_of_list(x: Any, name: str) -> tuple[Any, str]:
    """An array, and "list" or "array": what the function gets for a row."""
    numpy = require("numpy", extra="jit")
    if not isinstance(x, (list, tuple)):
        if hasattr(x, "__array__") or isinstance(x, (range, array, memoryview)):  # pandas, PyTorch and others
            return numpy.asarray(x), "array"
        hint = f"; for a single row write [{name}]" if isinstance(x, (int, float)) else ""
        hint += ", and options such as epochs by name" if isinstance(x, int) else ""
        raise TypeError(f"{name} must be rows of numbers, a list or an array, not {type(x).__name__}{hint}")
    if any(isinstance(item, Value) for row in x for item in (row if isinstance(row, (list, tuple)) else [row])):
        raise TypeError(f"{name}: rows must be plain numbers; use a Value that all rows share inside the function")
    try:
        return numpy.array(x), "array" if len(x) and is_array(x[0]) else "list"
    except ValueError:
        raise ValueError(
            f"{name}: the rows must all have the same length and hold numbers; give inputs and targets as two arguments"
        ) from None


def _readable(x: Any, name: str) -> Any:
    """A copy that native code can read: contiguous, with numbers of a type that it knows."""
    numpy = require("numpy", extra="jit")
    if x.dtype == object and x.ndim:
        x = of_objects(x, name)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name}: rows must be real numbers, not {not_numbers(x)}")
    return numpy.ascontiguousarray(x, dtype=x.dtype if x.dtype in _types()[0] else float)


def row_symbols(structure: RowStructure, name: str, leaf: Callable[[str, str], Any]) -> Any:
    """One row with `leaf(name, kind)` in place of each number; called in memory order."""
    kind, shape, numbers = structure
    number = "whole" if numbers[0] in "iu" else "number"
    places = itertools.product(*map(range, shape))
    items = [leaf(name + "".join(f"[{i}]" for i in place), number) for place in places]
    if not shape:
        return items[0]
    array = array_of(shape, items)
    return array.tolist() if kind == "list" else array


_addressof, _first_byte = ctypes.addressof, ctypes.c_char.from_buffer


def address_of(array: Any) -> int:
    """The address of an array's first number."""
    try:
        return _addressof(_first_byte(array))
    except (TypeError, ValueError, BufferError):  # read-only, or with gaps between its rows
        return array.__array_interface__["data"][0]


class Watch:
    """Arrays where they are now: `are_in_place()` says whether each is still there, with the same shape.

    `X.resize(n, refcheck=False)` moves an array's numbers but keeps its object. The object holds their address, and the
    address of its dimensions and strides (PyArrayObject in NumPy's C API); reading these takes a tenth of the time of
    asking NumPy. `places` are the addresses of these bytes, with the bytes; None if we cannot know where they are.
    Dimensions and strides are read last: their address is valid only if the object has not changed.
    """

    def __init__(self, arrays: Sequence[Any]):
        objects = [(id(x) + object.__basicsize__, 48) for x in arrays]
        self.places: tuple[tuple[int, bytes], ...] | None = None
        if _is_laid_out_as_known():
            fields = [(ctypes.c_size_t * 4).from_address(at) for at, _ in objects]  # data, number of dimensions, ...
            if all(each[3] == each[2] + 8 * x.ndim for each, x in zip(fields, arrays)):  # dimensions, strides
                shapes = [(each[2], 16 * x.ndim) for each, x in zip(fields, arrays)]
                self.places = tuple([(at, ctypes.string_at(at, size)) for at, size in [*objects, *shapes]])
        self.are_in_place: Callable[[], bool] = (
            _same_bytes(self.places) if self.places is not None else _as_numpy_tells(arrays)
        )


def _same_bytes(places: Sequence[tuple[int, bytes]]) -> Callable[[], bool]:
    join, half = b"".join, len(places) // 2
    views, then = [(ctypes.c_char * len(x)).from_address(at) for at, x in places], [x for _, x in places]
    objects, shapes, objects_then, shapes_then = views[:half], views[half:], join(then[:half]), join(then[half:])
    return lambda: join(objects) == objects_then and join(shapes) == shapes_then


def _as_numpy_tells(arrays: Sequence[Any]) -> Callable[[], bool]:
    def layouts() -> Any:
        return [(address_of(x), x.shape, x.strides, x.dtype) for x in arrays]

    then = layouts()
    return lambda: layouts() == then


@functools.cache
def _is_laid_out_as_known() -> bool:
    """Whether an array's object begins with the fields that `Watch` reads."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    x = require("numpy", extra="jit").zeros((3, 5))
    fields = (ctypes.c_size_t * 4).from_address(id(x) + object.__basicsize__)
    if fields[0] != x.ctypes.data or fields[1] & 0xFFFFFFFF != 2:
        return False
    return list((ctypes.c_size_t * 4).from_address(fields[2])) == [3, 5, 40, 8]
