"""Say how often a net is right: `accuracy(net, X, y)`."""

from __future__ import annotations

import functools
import numbers
import operator
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.coerce import float_of
from micrograd.intake import rows_of
from micrograd.modes import no_grad
from micrograd.ops import take, where


def predict(net: Callable[[Any], Any], row: Any) -> int:
    """The class that a net's scores choose: the index of the greatest; from a single score its sign, -1 or 1."""
    scores = net(row)
    if isinstance(scores, (list, tuple)):
        return max(range(len(scores)), key=lambda i: float_of(scores[i]))
    return 1 if float_of(scores) > 0 else -1


def _is_right(predicted: int, label: int, *, sign: bool) -> bool:
    return (predicted > 0) == (label > 0) if sign else predicted == label


def is_right(scores: Any, label: Any) -> Any:
    """1.0 where the scores choose the label, 0.0 elsewhere: the metric whose mean is the accuracy.

    Scores choose as in `predict`: of several scores the greatest counts (on a tie the first), of a single one the sign.
    It can be compiled, and takes Values and numbers.
    """
    if not isinstance(scores, (list, tuple)):
        both = (scores > 0) & (label > 0) | (scores <= 0) & (label <= 0)
        return where(both, 1.0, 0.0)
    chosen = []
    for i, score in enumerate(scores):
        greatest = functools.reduce(
            operator.and_,
            [score > other for other in scores[:i]] + [score >= other for other in scores[i + 1 :]],
        )
        chosen.append(where(greatest, 1.0, 0.0))
    return take(chosen, label)


def accuracy(net: Callable[[Any], Any], X: Sequence[Any], y: Sequence[int]) -> float:
    """The fraction of rows whose class the net predicts, from 0 to 1.

    Labels are class indices; for a net with a single score -1 and 1, or 0 and 1. Raises TypeError for other labels.
    """
    X, y = rows_of(X, "X"), rows_of(y, "y")
    if len(X) == 0 or len(X) != len(y):
        raise ValueError(f"accuracy needs as many rows as labels, and at least one, not {len(X)} and {len(y)}")
    for label in y:
        if not isinstance(label, numbers.Real):
            raise TypeError(f"accuracy: a label is a whole number, not {label!r}")
    with no_grad():
        sign = not isinstance(net(X[0]), (list, tuple))
        right = sum(bool(_is_right(predict(net, row), label, sign=sign)) for row, label in zip(X, y))
    return right / len(X)
