"""Hold rows out for a test, and take the others in batches, in an order drawn from a random number generator.

>>> from micrograd.data import batches
>>> import random
>>> X, y = [[0.0], [1.0], [2.0]], [0, 1, 2]
>>> [labels for rows, labels in batches(X, y, 2, rng=random.Random(0))]
[[0, 2], [1]]
"""

from __future__ import annotations

import numbers
import random
from collections.abc import Iterator, Sequence
from typing import Any

from micrograd.data.tables import Table
from micrograd.errors import DataError
from micrograd.intake import rows_of

Batch = tuple[list[Any], list[Any]]


def split(X: Sequence[Any], y: Sequence[Any], *, held_out: float, rng: random.Random) -> tuple[list[Any], ...]:
    """`X_train, y_train, X_test, y_test`, each shuffled; `held_out` is the fraction of the rows kept for the test.

    Every class of whole-number targets keeps its share in both parts.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is a fraction between 0 and 1, not {held_out}")
    X, y = _pair(X, y)
    groups: dict[Any, list[int]] = {}
    for i, target in enumerate(y):
        groups.setdefault(target if isinstance(target, numbers.Integral) else None, []).append(i)
    # Each row gets its place within its class, as a fraction; the rows with the least fractions are held out.
    places = []
    for group in groups.values():
        rng.shuffle(group)
        places += [((k + 0.5) / len(group), rng.random(), i) for k, i in enumerate(group)]
    order = [i for _, _, i in sorted(places)]
    cut = round(len(order) * held_out)
    test, train = order[:cut], order[cut:]
    rng.shuffle(train)
    rng.shuffle(test)
    return [X[i] for i in train], [y[i] for i in train], [X[i] for i in test], [y[i] for i in test]


def split_table(table: Table, *, held_out: float, rng: random.Random) -> tuple[Table, Table]:
    """The table to train on and the one held out, each shuffled; every class keeps its share in both."""
    train, _, test, _ = split(range(len(table)), table.targets, held_out=held_out, rng=rng)
    if not train or not test:
        raise DataError(f"{table.name} has {len(table)} rows, too few to hold out {held_out:.0%} of them")
    return table.take(train), table.take(test)


def batch_indices(count: int, size: int, *, rng: random.Random) -> Iterator[list[int]]:
    """The indices of the rows in each batch of one epoch, in a shuffled order."""
    if size < 1:
        raise ValueError(f"a batch holds at least 1 row, not {size}")
    order = list(range(count))
    rng.shuffle(order)
    for start in range(0, count, size):
        yield order[start : start + size]


def batches(X: Sequence[Any], y: Sequence[Any], size: int, *, rng: random.Random) -> Iterator[Batch]:
    """Pairs of `size` rows and their targets for one epoch, in a shuffled order; the last batch may be smaller."""
    X, y = _pair(X, y)
    for chosen in batch_indices(len(X), size, rng=rng):
        yield [X[i] for i in chosen], [y[i] for i in chosen]


def _pair(X: Any, y: Any) -> tuple[Any, Any]:
    X, y = rows_of(X, "X"), rows_of(y, "y")
    if len(X) != len(y):
        raise ValueError(f"there are {len(X)} rows but {len(y)} targets")
    return X, y
