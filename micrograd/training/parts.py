"""The rows to train on, and those held out: `divided(X, y, validation, rng)`.

    >>> import random
    >>> from micrograd.training.parts import divided
    >>> parts = divided([[0], [1], [2], [3]], [0, 1, 2, 3], 0.25, random.Random(0))
    >>> sorted([*parts.y, *parts.held_out[1]]), parts.y == parts.places
    ([0, 1, 2, 3], True)

An error names a row by its index; `with parts.of_training():` makes that the index in the data as given.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from micrograd.blame import renumber
from micrograd.data.batching import split
from micrograd.intake import plain, taken


class Parts(NamedTuple):
    """Rows and targets, and their places in the data as given."""

    X: Any
    y: Any
    held_out: tuple[Any, Any] | None = None
    places: list[int] | None = None  # None: all rows, in their order
    held_out_places: list[int] | None = None
    prefix: str = ""  # of errors about held-out rows that were given apart

    def of_training(self) -> contextlib.AbstractContextManager[None]:
        return _renumbered(self.places, "")

    def of_validation(self) -> contextlib.AbstractContextManager[None]:
        return _renumbered(self.held_out_places, self.prefix)


@contextlib.contextmanager
def _renumbered(places: list[int] | None, prefix: str) -> Iterator[None]:
    """Let errors that name a row, `row 3: ...`, give its index in the data as given."""
    try:
        yield
    except (ArithmeticError, ValueError, LookupError) as error:
        renumber(error, places, prefix)
        raise


def pair(X: Any, y: Any) -> tuple[Any, Any]:
    """Rows and targets as training reads them. Raises ValueError if there are none, or not as many of each."""
    return _pair("X and y", plain(X, "fit: X"), plain(y, "fit: y"))


def _pair(name: str, X: Any, y: Any) -> tuple[Any, Any]:
    if not len(X) or len(X) != len(y):
        raise ValueError(
            f"fit: {name} must have as many rows as targets, and at least one, not {len(X)} rows and {len(y)} targets"
        )
    return X, y


def divided(X: Any, y: Any, validation: Any, rng: random.Random) -> Parts:
    """Split a `pair`: hold out a fraction of the rows, other rows and targets, or nothing."""
    if validation is None:
        return Parts(X, y)
    if isinstance(validation, (tuple, list)):
        if len(validation) != 2:
            raise ValueError(
                f"fit: validation must be a fraction, or a pair of rows and targets, not {len(validation)} items"
            )
        others = plain(validation[0], "fit: validation's X"), plain(validation[1], "fit: validation's y")
        return Parts(X, y, _pair("validation", *others), prefix="validation ")
    if not isinstance(validation, (int, float)) or not 0 < validation < 1:
        raise ValueError(
            f"fit: validation must be a fraction between 0 and 1, or a pair of rows and targets, not {validation!r}"
        )
    train, _, test, _ = split(range(len(X)), y, held_out=validation, rng=rng)
    if not train or not test:
        raise ValueError(
            f"fit: validation={validation} of {len(X)} rows leaves one side empty: choose another fraction"
        )
    return Parts(taken(X, train), taken(y, train), (taken(X, test), taken(y, test)), train, test)
