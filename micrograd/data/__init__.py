"""Rows to learn from: named data sets, a CSV of your own, and the numbers that a net is given.

    >>> from micrograd.data import iris
    >>> X, y = iris()
    >>> len(X), X[0], y[0]
    (150, [5.1, 3.5, 1.4, 0.2], 0)

Read in this order:

    cells, tables   a CSV file: what one cell holds, and the table of all cells
    preparation     from a table's columns to the numbers that a net is given, and back
    sets            the named sets
    batching        how rows are held out, and taken in batches
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
from micrograd.data.batching import Batch, batch_indices, batches, split, split_table
from micrograd.data.sets import (
    SETS,
    NamedSet,
    circles,
    diabetes,
    digits,
    iris,
    mnist,
    moons,
    named,
    spirals,
    xor,
)

__all__ = [
    "SETS",
    "Batch",
    "NamedSet",
    "batch_indices",
    "batches",
    "circles",
    "diabetes",
    "digits",
    "iris",
    "mnist",
    "moons",
    "named",
    "spirals",
    "split",
    "split_table",
    "xor",
]
