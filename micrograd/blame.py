"""Say which operation made a loss, or a gradient, nan or inf: `first_guilty(loss, rows, parameters)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from micrograd.engine import Value
from micrograd.modes import detect_anomaly
from micrograd.transforms import gradients

FEW = 1000  # rows among which one that is refused comes before one that is nan: of more, to look takes too long


def first_guilty(
    loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]], parameters: Sequence[Value]
) -> str:
    """The first of the numbered rows whose loss or gradients go wrong, and the operation where they do.

    Each row is what `loss` is called with; it is run again, forward and backward, inside `detect_anomaly`. No `grad` is
    changed. Where the loss refuses a row, as one with a wrong label, that is raised, with the row's index; before any
    nan of an earlier row is told of, as in eager code, which finds a nan when all rows are summed.
    """
    rows = list(rows)
    if said := first_refused(loss, rows[:FEW]):  # as it is at first: nan may go in, and only then be refused
        return said
    for i, (number, row) in enumerate(rows):
        if i >= FEW and (said := first_refused(loss, [(number, row)])):
            return said
        try:
            with detect_anomaly():
                gradients(loss(*row), parameters)
        except (ArithmeticError, ValueError) as error:
            return f"the row at index {number}: {error}"
    return (
        "no single row does that when run eagerly: their sum is too large, or the norm of the gradients to clip is, or "
        "it is rounding"
    )


def first_refused(loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]) -> str:
    """What eager code says of the first of the numbered rows in which an operation fails; empty where none does.

    Where the loss refuses a row, that is raised, with the row's index.
    """
    for number, row in rows:
        try:
            loss(*row)
        except (ArithmeticError, ValueError, LookupError) as error:
            if isinstance(error, ArithmeticError) or hasattr(error, "failed"):
                return f"the row at index {number}: {error}"
            raise of_row(error, number) from None
    return ""


def of_row(error: Exception, number: int) -> Exception:
    """The same error, which says of which row it is."""
    if type(error) in (ValueError, IndexError, KeyError):
        return type(error)(f"row {number}: {error}")
    error.add_note(f"in the row at index {number}")
    return error


def not_finite(step: int, said: str) -> FloatingPointError:
    """The error for a training step that was left undone."""
    return FloatingPointError(
        f"step {step} was not taken, for its loss or a gradient is nan or inf; {said}. The parameters are as they were "
        "before it"
    )
