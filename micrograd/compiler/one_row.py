"""Tell whoever wrote a loss for many rows that it gets one at a time: `with noted("train_step", loss, names, rows):`.

    >>> from micrograd.compiler.one_row import noted
    >>> from micrograd.compiler.rows import as_rows
    >>> def loss(rows, targets):
    ...     return sum((x - t) ** 2 for x, t in zip(rows, targets)) / len(rows)
    >>> names = ["rows", "targets"]
    >>> data = as_rows([[1.0, 2.0], [3.0, 5.0]], names)
    >>> try:
    ...     with noted("train_step", loss, names, data):
    ...         loss(*data.row(0))
    ... except TypeError as error:
    ...     print(*error.__notes__, sep="\\n")
    train_step calls the loss with one row at a time: rows is one number, targets is one number
    this loss works on several rows: write it for one, as in `lambda row, target: mse(net(row), target)`

Whether a loss works on several rows is tried, not guessed: it is called with the first two, and the advice is given
only if it returns a number for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from micrograd.coerce import float_of
from micrograd.compiler.rows import Rows
from micrograd.errors import TraceError
from micrograd.modes import no_grad
from micrograd.words import count

FOR_ONE_ROW = "this loss works on several rows: write it for one, as in `lambda row, target: mse(net(row), target)`"


@contextlib.contextmanager
def noted(
    who: str, loss: Callable[..., Any], names: Sequence[str], rows: Rows, *, always: bool = True
) -> Iterator[None]:
    """Add notes to an error of the user's function: what a row is, and that the function was written for several.

    The first note is for an error that does not name its row, and only where `always`; the second for a `loss` that
    works on several rows. Errors of other kinds than a wrong argument's pass unchanged.
    """
    try:
        yield
    except (ArithmeticError, ValueError, TypeError, LookupError) as error:
        for_many = not isinstance(error, TraceError) and _takes_several(loss, rows)
        if for_many or (always and not hasattr(error, "row")):
            described = ", ".join(_said(name, shape) for name, (_, shape, _) in zip(names, rows.structures))
            error.add_note(f"{who} calls the loss with one row at a time: {described}")
        if for_many:
            error.add_note(FOR_ONE_ROW)
        raise


def _takes_several(loss: Callable[..., Any], rows: Rows) -> bool:
    """Whether the loss gives a number for the first rows all at once."""
    several = [x[:2] if kind == "array" else x[:2].tolist() for x, (kind, _, _) in zip(rows.arrays, rows.structures)]
    try:
        with no_grad():
            float_of(loss(*several))
    except Exception:  # whatever a user's function raises where it gets what it was not made for
        return False
    return bool(several)


def _said(name: str, shape: tuple[int, ...]) -> str:
    if not shape:
        return f"{name} is one number"
    return f"{name} holds {count(shape[0], 'number') if len(shape) == 1 else ' x '.join(map(str, shape)) + ' numbers'}"
