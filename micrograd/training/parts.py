"""The rows to train on, and those held out: `divided(X, y, validation, rng)`.

    >>> import random
    >>> from micrograd.training.parts import divided
    >>> parts = divided([[0], [1], [2], [3]], [0, 1, 2, 3], 0.25, random.Random(0))
    >>> sorted([*parts.y, *parts.held_out[1]]), parts.y == parts.places
    ([0, 1, 2, 3], True)

An error names a row by its index; `with parts.of_training():` makes that the index among the data given.
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
    """Rows and targets, and where they were among the data given."""

    X: Any
    y: Any
    held_out: tuple[Any, Any] | None = None
    places: list[int] | None = None  # None: all of them, as they were given
    held_out_places: list[int] | None = None
    prefix: str = ""  # of errors of rows held out, where these were given by themselves

    def of_training(self) -> contextlib.AbstractContextManager[None]:
        return _renumbered(self.places, "")

    def of_validation(self) -> contextlib.AbstractContextManager[None]:
        return _renumbered(self.held_out_places, self.prefix)


@contextlib.contextmanager
def _renumbered(places: list[int] | None, prefix: str) -> Iterator[None]:
    """Say of errors that name a row by its index, `row 3: ...`, which row of the data given that is."""
    try:
        yield
    except (ArithmeticError, ValueError, LookupError) as error:
        renumber(error, places, prefix)
        raise


def pair(X: Any, y: Any) -> tuple[Any, Any]:
    """Rows and targets as training reads them. Raises ValueError unless they are as many, and at least one."""
    return _pair("X and y", plain(X, "fit: X"), plain(y, "fit: y"))


def _pair(name: str, X: Any, y: Any) -> tuple[Any, Any]:
    if not len(X) or len(X) != len(y):
        raise ValueError(f"fit: {name} must be as many rows as targets, and at least one, not {len(X)} and {len(y)}")
    return X, y


def divided(X: Any, y: Any, validation: Any, rng: random.Random) -> Parts:
    """The parts of a `pair`: held out are a fraction of the rows, or other rows and targets, or none."""
    if validation is None:
        return Parts(X, y)
    if isinstance(validation, (tuple, list)):
        if len(validation) != 2:
            raise ValueError(
                f"fit: validation is a fraction, or a pair of rows and targets, not {len(validation)} things"
            )
        others = plain(validation[0], "fit: validation's X"), plain(validation[1], "fit: validation's y")
        return Parts(X, y, _pair("validation", *others), prefix="validation ")
    train, _, test, _ = split(range(len(X)), y, held_out=validation, rng=rng)
    if not train or not test:
        raise ValueError(f"fit: validation={validation} of {len(X)} rows leaves none on one side")
    return Parts(taken(X, train), taken(y, train), (taken(X, test), taken(y, test)), train, test)
