"""Say how often a net is right: `accuracy(net, X, y)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from micrograd.modes import no_grad


def predict(net: Callable[[Any], Any], row: Any) -> int:
    """The class that a net's scores choose: the index of the greatest; from a single score its sign, -1 or 1."""
    scores = net(row)
    if isinstance(scores, (list, tuple)):
        return max(range(len(scores)), key=lambda i: float(scores[i]))
    return 1 if float(scores) > 0 else -1


def accuracy(net: Callable[[Any], Any], X: Sequence[Any], y: Sequence[int]) -> float:
    """The fraction of rows whose class the net predicts, from 0 to 1."""
    if len(X) == 0 or len(X) != len(y):
        raise ValueError(f"accuracy needs as many rows as labels, and at least one, not {len(X)} and {len(y)}")
    with no_grad():
        return sum(predict(net, row) == label for row, label in zip(X, y)) / len(X)
