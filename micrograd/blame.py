"""Say which operation made a loss, or a gradient, nan or inf: `first_bad_row(loss, rows, parameters)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from micrograd.engine import Value
from micrograd.modes import detect_anomaly, no_grad
from micrograd.transforms import gradients

FEW = 1000  # rows among which one that is refused comes before one that is nan: of more, to look takes too long


class Guilty(NamedTuple):
    """The row in which something goes wrong, None where no single row does it, and what is said of it."""

    row: int | None
    said: str


def first_bad_row(
    loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]], parameters: Sequence[Value]
) -> Guilty:
    """The first of the numbered rows whose loss or gradients go wrong, and the operation where they do.

    Each row is what `loss` is called with; it is run again, forward and backward, inside `detect_anomaly`. No `grad` is
    changed. Where the loss refuses a row, as one with a wrong label, that is raised, with the row's index; before any
    nan of an earlier row is told of, as in eager code, which finds a nan when all rows are summed.
    """
    rows = list(rows)
    if refused := first_refused(loss, rows[:FEW]):  # as it is at first: nan may go in, and only then be refused
        return refused
    for i, (number, row) in enumerate(rows):
        if i >= FEW and (refused := first_refused(loss, [(number, row)])):
            return refused
        try:
            with detect_anomaly():
                gradients(loss(*row), parameters)
        except (ArithmeticError, ValueError) as error:
            return Guilty(number, str(error))
    return Guilty(
        None,
        "no single row does that when run eagerly: their sum is too large, or the norm of the gradients to clip is, or "
        "it is rounding",
    )


def first_refused(loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]) -> Guilty | None:
    """The first of the numbered rows in which an operation fails, and what eager code says of it.

    Where the loss refuses a row, that is raised, with the row's index.
    """
    for number, error in _failures(loss, rows):
        if is_refusal(error):
            raise of_row(error, number) from None
        return Guilty(number, str(error))
    return None


def raise_refusal(loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]) -> None:
    """Raise what the loss says of the first row that it refuses, whatever fails before, as `fit` does at first."""
    with no_grad():
        for number, error in _failures(loss, rows):
            if is_refusal(error):
                raise of_row(error, number) from None


def _failures(
    loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]
) -> Iterator[tuple[int, ArithmeticError | ValueError | LookupError]]:
    """The numbered rows that the loss cannot be computed for, each with its error."""
    for number, row in rows:
        try:
            loss(*row)
        except (ArithmeticError, ValueError, LookupError) as error:
            yield number, error


def is_refusal(error: Exception) -> bool:
    """Whether an error is about the data, a wrong label, say, and not about an operation that failed on them."""
    return not isinstance(error, ArithmeticError) and not hasattr(error, "failed")


def of_row(error: Any, number: int) -> Exception:
    """The same error, which says of which row it is: in its words, and to programs as `error.row`."""
    if type(error) in (ValueError, IndexError, KeyError):
        error = type(error)(f"row {number}: {error}")
    elif len(error.args) == 1 and not hasattr(error, "failed"):
        error.args = (f"row {number}: {error.args[0]}",)
    else:  # of an operation, which says where it was by itself
        error.add_note(f"in the row at index {number}")
    error.row = number
    return error


def not_finite(step: int, guilty: Guilty) -> FloatingPointError:
    """The error for a training step that was left undone."""
    said = guilty.said if guilty.row is None else f"the row at index {guilty.row}: {guilty.said}"
    error: Any = FloatingPointError(
        f"step {step} was not taken, for its loss or a gradient is nan or inf; {said}. The parameters are as they were "
        "before it"
    )
    error.row = guilty.row
    return error


def renumber(error: Any, places: Sequence[int] | None, prefix: str) -> None:
    """Let an error that names a row by its index name it by its place in the data that were given."""
    row, text = getattr(error, "row", None), error.args[0] if len(error.args) == 1 else None
    if row is None or not isinstance(text, str):
        return
    error.row = places[row] if places else row
    said = f"row {row}:" if text.startswith(f"row {row}:") else f"row at index {row}:"
    error.args = (prefix + text.replace(said, said.replace(str(row), str(error.row)), 1),)


def not_connected(total: Any) -> TypeError:
    """The error for a loss from which no gradient comes."""
    return TypeError(
        f"the loss gave {total}, which no gradient goes through: it must compute with the model's output as it is, by "
        "micrograd.exp(x) rather than math.exp(x), and without float(x) or x.data"
    )
