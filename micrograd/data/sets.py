"""Get examples to learn from: `iris()`, `moons()` and others, and the means to split and batch them.

    >>> from micrograd.data import batches, spirals, xor
    >>> import random
    >>> X, y = [[0.0], [1.0], [2.0]], [0, 1, 2]
    >>> [labels for rows, labels in batches(X, y, 2, rng=random.Random(0))]
    [[0, 2], [1]]

    >>> spirals(3, classes=3, noise=0.0)[1], xor()[1]
    ([0, 1, 2], [0, 1, 1, 0])

A data set is a pair: X, a list of rows of floats, and y, a list with one target for each row. `SETS` lists them by
name; `named("iris")` is the same as a table, which `micrograd.data.tables.read_csv` makes of a file of your own.
"""

from __future__ import annotations

import http.client
import importlib.util
import math
import numbers
import random
import urllib.error
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.data.tables import Table, table_of
from micrograd.errors import DataError
from micrograd.extras import require
from micrograd.intake import rows_of
from micrograd.words import nearest, unwrapped

MNIST_SIZE = 70_000


def iris() -> tuple[list[list[float]], list[int]]:
    """150 irises: petal and sepal sizes in cm (4 inputs), and the species, 0 to 2 (Fisher 1936)."""
    found = require("sklearn.datasets", extra="train").load_iris()
    return found.data.tolist(), found.target.tolist()


def moons(n: int = 100, *, noise: float = 0.1, seed: int = 0) -> tuple[list[list[float]], list[int]]:
    """Two interleaved half circles of n points in all: two coordinates, and a label of -1 or 1."""
    X, y = require("sklearn.datasets", extra="train").make_moons(n_samples=n, noise=noise, random_state=seed)
    return X.tolist(), [2 * int(label) - 1 for label in y]


def circles(n: int = 100, *, noise: float = 0.1, seed: int = 0) -> tuple[list[list[float]], list[int]]:
    """A circle within a circle, n points in all: two coordinates, and a label of -1 outside or 1 inside."""
    make = require("sklearn.datasets", extra="train").make_circles
    X, y = make(n_samples=n, noise=noise, factor=0.5, random_state=seed)
    return X.tolist(), [2 * int(label) - 1 for label in y]


def spirals(
    n: int = 200, *, classes: int = 2, noise: float = 0.05, seed: int = 0
) -> tuple[list[list[float]], list[int]]:
    """Spirals of one turn about a common centre, n points in all: two coordinates, and the spiral, 0 to classes - 1."""
    if classes < 2 or n < classes:
        raise ValueError(f"spirals: there are at least 2 classes, and a point of each, not {classes} and {n} points")
    rng = random.Random(seed)
    X, y = [], []
    for i in range(n):
        label = i % classes
        radius = (i // classes + 1) / math.ceil(n / classes)
        angle = 2 * math.pi * (radius + label / classes)
        x0, x1 = radius * math.cos(angle), radius * math.sin(angle)
        X.append([x0 + rng.gauss(0.0, noise), x1 + rng.gauss(0.0, noise)])
        y.append(label)
    return X, y


def xor() -> tuple[list[list[float]], list[int]]:
    """Exclusive or: its four rows of two inputs, and 1 where they differ."""
    return [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]


def digits() -> tuple[list[list[float]], list[int]]:
    """1797 handwritten digits in 8 by 8 pixels: 64 inputs from 0, white, to 1, and the digit."""
    found = require("sklearn.datasets", extra="train").load_digits()
    return (found.data / 16).tolist(), found.target.tolist()


def diabetes() -> tuple[list[list[float]], list[float]]:
    """442 patients with diabetes: 10 standardised inputs, and how the disease went on in a year (Efron et al. 2004)."""
    found = require("sklearn.datasets", extra="train").load_diabetes()
    return found.data.tolist(), found.target.tolist()


def mnist(n: int = MNIST_SIZE, *, folder: str | None = None) -> tuple[list[list[float]], list[int]]:
    """The first n of MNIST's 70,000 handwritten digits in 28 by 28 pixels: 784 inputs from 0 to 1, and the digit.

    The first 60,000 are its training set. They are fetched from openml.org once (15 MB) and kept in `folder`,
    scikit-learn's data folder by default. Raises ConnectionError where the network does not give them.
    """
    if not 1 <= n <= MNIST_SIZE:
        raise ValueError(f"mnist has {MNIST_SIZE:,} rows: n is from 1 to that, not {n}")
    fetch = require("sklearn.datasets", extra="train").fetch_openml
    # The parser that scikit-learn prefers needs pandas, which this does without.
    parser = "pandas" if importlib.util.find_spec("pandas") else "liac-arff"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of trying again, before the error says it
            found = fetch(
                "mnist_784", version=1, as_frame=False, parser=parser, data_home=folder, n_retries=1, delay=1.0
            )
    except (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException) as error:
        reason = unwrapped(getattr(error, "reason", error)) or type(error).__name__
        raise ConnectionError(
            f"MNIST comes from openml.org by the network, which failed ({reason}): connect and try again, or take "
            "digits(), which comes with scikit-learn"
        ) from None
    shades = [shade / 255 for shade in range(256)]  # each shared by all its pixels: 55 million floats would be 1.3 GB
    X = [[shades[pixel] for pixel in row] for row in found.data[:n].astype("uint8").tolist()]
    return X, [int(label) for label in found.target[:n]]


@dataclass(frozen=True)
class NamedSet:
    """A data set by name: how to load it, its task, "classes" or "numbers", and what it is, in a line."""

    load: Callable[..., tuple[list[list[float]], list[Any]]]
    task: str
    about: str
    seeded: bool = False  # made by chance: load takes seed=
    columns: tuple[str, ...] | None = None
    target: str = "label"
    classes: tuple[str, ...] | None = None


SETS = {
    "iris": NamedSet(
        iris,
        "classes",
        "150 irises of 3 species, by 4 sizes in cm",
        columns=("sepal length", "sepal width", "petal length", "petal width"),
        target="species",
        classes=("setosa", "versicolor", "virginica"),
    ),
    "moons": NamedSet(moons, "classes", "2 interleaved half circles, 100 points", seeded=True),
    "circles": NamedSet(circles, "classes", "a circle within a circle, 100 points", seeded=True),
    "spirals": NamedSet(spirals, "classes", "2 spirals, 200 points", seeded=True),
    "xor": NamedSet(xor, "classes", "exclusive or, 4 rows"),
    "digits": NamedSet(digits, "classes", "1,797 handwritten digits of 8 by 8 pixels", target="digit"),
    "diabetes": NamedSet(
        diabetes,
        "numbers",
        "442 patients with diabetes: how the disease went on in a year, by 10 measurements",
        columns=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        target="progression",
    ),
    "mnist": NamedSet(mnist, "classes", "70,000 handwritten digits of 28 by 28 pixels, by the network", target="digit"),
}


def named(name: str, *, seed: int = 0) -> Table:
    """A set of `SETS` as a table; `seed` is for those made by chance. Raises DataError for a name that is not there."""
    if name not in SETS:
        raise DataError(f"no data set is called {name!r}{nearest(name, list(SETS))}")
    kind = SETS[name]
    X, y = kind.load(seed=seed) if kind.seeded else kind.load()
    return table_of(X, y, task=kind.task, name=name, columns=kind.columns, target=kind.target, classes=kind.classes)


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
    # Each row's place within its own class, as a fraction: the first of these from all classes are the held-out rows.
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


Batch = tuple[list[Any], list[Any]]


def batch_indices(count: int, size: int, *, rng: random.Random) -> Iterator[list[int]]:
    """The numbers of the rows in each batch, once through the data in a shuffled order."""
    if size < 1:
        raise ValueError(f"a batch holds at least 1 row, not {size}")
    order = list(range(count))
    rng.shuffle(order)
    for start in range(0, count, size):
        yield order[start : start + size]


def batches(X: Sequence[Any], y: Sequence[Any], size: int, *, rng: random.Random) -> Iterator[Batch]:
    """Pairs of `size` rows and their targets, once through the data in a shuffled order; the last may be smaller."""
    X, y = _pair(X, y)
    for chosen in batch_indices(len(X), size, rng=rng):
        yield [X[i] for i in chosen], [y[i] for i in chosen]


def _pair(X: Any, y: Any) -> tuple[Any, Any]:
    X, y = rows_of(X, "X"), rows_of(y, "y")
    if len(X) != len(y):
        raise ValueError(f"there are {len(X)} rows but {len(y)} targets")
    return X, y
