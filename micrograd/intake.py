"""Take rows by position from any container: `rows_of(frame, "X")`, `plain(labels, "y")`.

    >>> from micrograd.intake import plain, rows_of
    >>> rows_of(range(3), "X")
    [0, 1, 2]
    >>> plain([True, False], "y")
    [1, 0]

A pandas Series answers `y[0]` with the row labelled 0, wherever a shuffle has put it; a DataFrame answers `X[0]` with a
column; a masked array with the number under the mask. After `rows_of`, `x[i]` is row i and nothing else.
"""

from __future__ import annotations

import importlib
import numbers
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from micrograd.coerce import Recordable, is_array, is_bool
from micrograd.words import shown

MAX_DENSE = 100_000_000  # the most numbers that a sparse matrix may have as a dense array: 800 MB
SIMPLE = frozenset([float, int, str])  # items that need no conversion
SINGLE = (str, bytes, Mapping, Set, Iterator, numbers.Number)  # these are not rows, though some have a length


def rows_of(x: Any, name: str) -> Any:
    """The rows, with row i at `x[i]`: a list, or a plain array; any other container with a length stays as it is.

    Series and DataFrames of pandas, polars and others, tensors and sparse matrices become arrays. Raises ValueError for
    masked rows, missing values, and a sparse matrix too large for a dense array; TypeError for what holds no rows.
    """
    if isinstance(x, list):
        return [_item(row, f"{name}: row {i}") for i, row in enumerate(x)] if _odd(x) else x
    if isinstance(x, SINGLE) or not (hasattr(x, "__len__") or hasattr(x, "shape")):
        advice = "; write list(...) around it" if isinstance(x, (Iterator, Set)) else ""
        raise TypeError(f"{name} must be a list or an array of rows, not {type(x).__name__}{advice}")
    array = _array(x, name)
    if array is not None:
        if not array.ndim:
            raise TypeError(f"{name} must be a list or an array of rows, not a single number")
        return array
    return rows_of(list(x), name) if isinstance(x, Sequence) else x


def plain(x: Any, name: str) -> Any:
    """The rows as eager and compiled training read them: numbers of 64 bits, True and False as 1 and 0."""
    x = rows_of(x, name)
    if is_array(x):
        x = _wide(x)
        return x if x.ndim > 1 else x.tolist()
    return [_without_bools(row) for row in x] if isinstance(x, list) and _odd(x) else x


def taken(x: Any, places: list[int]) -> Any:
    """These rows, in this order."""
    return x[places] if is_array(x) else [x[i] for i in places]


def refuse_masked(x: Any, name: str) -> None:
    """Raise ValueError for a NumPy array with masked numbers: what is under a mask is not data to learn from."""
    if not hasattr(x, "mask") or not is_array(x):
        return
    mask = importlib.import_module("numpy").ma.getmaskarray(x)
    if not mask.any():
        return
    what = "is masked" if ": row " in name or not x.ndim else ""
    if not what:
        rows = mask.reshape(len(mask), -1).any(axis=1)
        what = f"row {int(rows.argmax())} is masked ({int(rows.sum()):,} of {len(rows):,} rows are)"
    raise ValueError(
        f"{name} {what}: leave out the rows with masked numbers, in X and y alike, or put numbers in their place with "
        "filled(...)"
    )


def _odd(rows: Sequence[Any]) -> bool:
    """Whether a list may hold anything but numbers and text; one test for a whole row, which is quick."""
    return not SIMPLE.issuperset(map(type, rows))


def _array(x: Any, name: str) -> Any:
    """A plain array from a container of NumPy, pandas, SciPy, PyTorch or the like; None for anything else."""
    if is_array(x):
        refuse_masked(x, name)
    elif hasattr(x, "toarray") and hasattr(x, "nnz"):
        size = 1
        for n in x.shape:
            size *= int(n)
        if size > MAX_DENSE:
            raise ValueError(
                f"{name} is a sparse matrix of {' x '.join(f'{n:,}' for n in x.shape)} numbers, too many for a dense "
                "array: give fewer rows, or reduce the columns with sklearn.decomposition.TruncatedSVD"
            )
        x = x.toarray()
    elif hasattr(x, "to_numpy"):
        x = x.to_numpy()
    elif not hasattr(x, "__array__") or isinstance(x, Recordable):
        return None
    numpy = importlib.import_module("numpy")
    array = numpy.asarray(x)  # a numpy.matrix too, whose rows would be matrices
    return of_objects(array, name) if array.dtype == object and array.ndim else array


def of_objects(array: Any, name: str) -> Any:
    """An array of Python objects, as pandas gives for columns of several kinds, as numbers where all are numbers."""
    numpy = importlib.import_module("numpy")
    items = array.ravel().tolist()
    for place, item in enumerate(items):
        if item is None or type(item).__name__ in ("NAType", "NaTType"):
            raise ValueError(
                f"{name}: row {place // max(1, array.size // len(array))} has a missing value ({item!r}): fill it in, "
                "or leave the row out, in X and y alike"
            )
    if not all(isinstance(item, numbers.Real) or is_bool(item) for item in items):
        return array
    whole = (isinstance(item, numbers.Integral) or is_bool(item) for item in items)
    if all(whole) and all(-(2**63) <= int(item) < 2**63 for item in items):
        return numpy.array([int(item) for item in items]).reshape(array.shape)
    return numpy.array([float(item) for item in items]).reshape(array.shape)


def not_numbers(x: Any) -> str:
    """What an array holds instead of numbers, with the first such item, and what to do."""
    items = x.ravel().tolist()
    odd = [item for item in items if isinstance(item, (str, bytes))]
    if not odd:
        item = next((item for item in items if not isinstance(item, numbers.Real)), None)
        return f"{x.dtype}" if x.dtype != object else f"{type(item).__name__} ({shown(item)})"
    words = [item for item in odd if not _reads_as_a_number(item)]
    if not words:
        return f"text ({shown(odd[0])}): convert it with float(...) first"
    return f"text ({shown(words[0])}); turn labels into numbers: sorted(set(y)).index(label)"


def _reads_as_a_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _item(x: Any, name: str) -> Any:
    """A row or a number of a list, freed of pandas' and NumPy's own types."""
    if isinstance(x, (list, tuple)):
        return type(x)(_item(item, name) for item in x) if _odd(x) and not hasattr(x, "_fields") else x
    if type(x).__module__ == "numpy" and not is_array(x) and hasattr(x, "item"):
        return x.item()  # a number
    array = _array(x, name) if hasattr(x, "__array__") or hasattr(x, "nnz") or hasattr(x, "to_numpy") else None
    return x if array is None else array if array.ndim else array.item()


def _wide(x: Any) -> Any:
    if x.dtype.kind == "f" or (x.dtype.kind == "u" and x.size and x.max() >= 2**63):
        return x.astype(float)
    return x.astype(int) if x.dtype.kind in "iub" else x


def _without_bools(x: Any) -> Any:
    if is_bool(x):
        return int(x)
    if isinstance(x, (list, tuple)):
        return [_without_bools(item) for item in x] if _odd(x) else x
    return _wide(x) if is_array(x) else x
