"""Say which operation made a loss, or a gradient, nan or inf: `first_bad_row(loss, rows, parameters)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from micrograd.coerce import float_of
from micrograd.engine import Value
from micrograd.modes import detect_anomaly, no_grad
from micrograd.transforms import gradients

FEW = 1000  # rows in which a refused one is reported before an earlier nan; looking through more takes too long


class Guilty(NamedTuple):
    """The index of the row that goes wrong, None where no single row does, and the message about it."""

    row: int | None
    said: str
    grew: bool  # whether finite numbers became too large, as they do when training diverges


def first_bad_row(
    loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]], parameters: Sequence[Value]
) -> Guilty:
    """The first of the numbered rows whose loss or gradient is nan or inf, and the operation that made it so.

    Each row holds the arguments of `loss`, which runs again, forward and backward, inside `detect_anomaly`. No `grad`
    is changed. Where the loss refuses a row, for a wrong label, say, that error is raised with the row's index, even if
    an earlier row gives nan: eager code too finds a nan only after all rows are summed.
    """
    rows = list(rows)
    if refused := first_refused(loss, rows[:FEW]):  # without detect_anomaly: a later operation may refuse a nan
        return refused
    for i, (number, row) in enumerate(rows):
        if i >= FEW and (refused := first_refused(loss, [(number, row)])):
            return refused
        try:
            with detect_anomaly():
                gradients(loss(*row), parameters)
        except (ArithmeticError, ValueError) as error:
            return Guilty(number, str(error), _grew(error))
    return Guilty(
        None,
        "no single row does that when run eagerly: the sum over the rows or the norm of the gradients to clip is too "
        "large, or eager code rounds differently",
        grew=True,
    )


def _grew(error: Exception) -> bool:
    """Whether an operation on finite numbers gave one that is too large for a float."""
    _, operands = getattr(error, "failed", (None, ()))
    if isinstance(error, FloatingPointError):  # of detect_anomaly
        return all(math.isfinite(float_of(x)) for x in operands)
    return isinstance(error, OverflowError)


def first_refused(loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]) -> Guilty | None:
    """The first of the numbered rows in which an operation fails, with eager code's message.

    Where the loss refuses a row, that error is raised, with the row's index.
    """
    for number, error in _failures(loss, rows):
        if is_refusal(error):
            raise of_row(error, number) from None
        return Guilty(number, str(error), _grew(error))
    return None


def raise_refusal(loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]) -> None:
    """Raise the loss's error for the first row that it refuses, even where an operation fails in an earlier row."""
    with no_grad():
        for number, error in _failures(loss, rows):
            if is_refusal(error):
                raise of_row(error, number) from None


def _failures(
    loss: Callable[..., Any], rows: Iterable[tuple[int, Sequence[Any]]]
) -> Iterator[tuple[int, ArithmeticError | ValueError | LookupError]]:
    """The numbers of the rows for which the loss fails, each with its error."""
    for number, row in rows:
        try:
            loss(*row)
        except (ArithmeticError, ValueError, LookupError) as error:
            yield number, error


def is_refusal(error: Exception) -> bool:
    """Whether an error is about bad data, such as a wrong label, rather than a failed operation."""
    return not isinstance(error, ArithmeticError) and not hasattr(error, "failed")


def of_row(error: Any, number: int) -> Exception:
    """The same error, naming its row: in the message, and for programs as `error.row`."""
    if type(error) in (ValueError, IndexError, KeyError):
        error = type(error)(f"row {number}: {error}")
    elif len(error.args) == 1 and not hasattr(error, "failed"):
        error.args = (f"row {number}: {error.args[0]}",)
    else:  # an operation's error already says where it was
        error.add_note(f"in the row at index {number}")
    error.row = number
    return error


def not_finite(step: int, guilty: Guilty, optimizer: Any) -> FloatingPointError:
    """The error for a training step that was skipped; where steps before it made numbers grow, with their rate."""
    said = guilty.said if guilty.row is None else f"the row at index {guilty.row}: {guilty.said}"
    advice = ""
    if guilty.grew and optimizer.steps and (rate := optimizer.learning_rate()):
        advice = f"; if the loss grew until here, the learning rate may be too large: it is {rate:g}"
    error: Any = FloatingPointError(
        f"step {step} was skipped: its loss or a gradient is nan or inf; {said}. The parameters are as they were "
        f"before it{advice}"
    )
    error.row = guilty.row
    return error


def renumber(error: Any, places: Sequence[int] | None, prefix: str) -> None:
    """Change the row that an error names, an index, to its place in the data that the user gave."""
    row, text = getattr(error, "row", None), error.args[0] if len(error.args) == 1 else None
    if row is None or not isinstance(text, str):
        return
    error.row = places[row] if places else row
    said = f"row {row}:" if text.startswith(f"row {row}:") else f"row at index {row}:"
    error.args = (prefix + text.replace(said, said.replace(str(row), str(error.row)), 1),)


def not_a_number(out: Any) -> TypeError:
    """The error for a function that returns something else than one number for a row."""
    hint = "; does it lack a return?" if out is None else ""
    return TypeError(f"the function must return one number for a row, not {type(out).__name__}: {out!r}{hint}")


def not_connected(total: Any) -> TypeError:
    """The error for a loss that gives no gradient."""
    return TypeError(
        f"the loss gave {total}, which is not connected to the parameters: compute with the model's output itself, "
        "with micrograd.exp(x) rather than math.exp(x), and without float(x) or x.data"
    )
