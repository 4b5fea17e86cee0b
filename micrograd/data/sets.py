"""Get examples to learn from: `iris()`, `moons()` and others.

    >>> from micrograd.data import spirals, xor
    >>> spirals(3, classes=3, noise=0.0)[1], xor()[1]
    ([0, 1, 2], [0, 1, 1, 0])

A data set is a pair: X, a list of rows of floats, and y, a list with one target for each row. `SETS` lists them by
name; `named("iris")` is the same set as a table, which `micrograd.data.tables.read_csv` makes of your own file.
"""

from __future__ import annotations

import http.client
import importlib.util
import math
import random
import urllib.error
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from micrograd.data.tables import Table, table_of
from micrograd.errors import DataError
from micrograd.extras import require
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
        raise ValueError(f"spirals: there must be at least 2 classes and a point of each, not {classes} and {n} points")
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
    """442 patients with diabetes: 10 standardised inputs, and disease progression after a year (Efron et al. 2004)."""
    found = require("sklearn.datasets", extra="train").load_diabetes()
    return found.data.tolist(), found.target.tolist()


def mnist(n: int = MNIST_SIZE, *, folder: str | None = None) -> tuple[list[list[float]], list[int]]:
    """The first n of MNIST's 70,000 handwritten digits in 28 by 28 pixels: 784 inputs from 0 to 1, and the digit.

    The first 60,000 are its training set. They are downloaded from openml.org once (15 MB) and kept in `folder`,
    scikit-learn's data folder by default. Raises ConnectionError when the download fails.
    """
    if not 1 <= n <= MNIST_SIZE:
        raise ValueError(f"mnist has {MNIST_SIZE:,} rows: n must be from 1 to that, not {n}")
    fetch = require("sklearn.datasets", extra="train").fetch_openml
    # The parser that scikit-learn prefers needs pandas, which this does without.
    parser = "pandas" if importlib.util.find_spec("pandas") else "liac-arff"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a retry: the error says enough
            found = fetch(
                "mnist_784", version=1, as_frame=False, parser=parser, data_home=folder, n_retries=1, delay=1.0
            )
    except (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException) as error:
        reason = unwrapped(getattr(error, "reason", error)) or type(error).__name__
        raise ConnectionError(
            f"MNIST is downloaded from openml.org, which failed ({reason}): connect and try again, or take "
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
    seeded: bool = False  # random: load takes seed=
    columns: tuple[str, ...] | None = None
    target: str = "label"
    classes: tuple[str, ...] | None = None


SETS = {
    "iris": NamedSet(
        iris,
        "classes",
        "150 irises of 3 species, with 4 sizes in cm",
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
        "442 patients with diabetes: disease progression after a year, from 10 measurements",
        columns=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        target="progression",
    ),
    "mnist": NamedSet(mnist, "classes", "70,000 handwritten digits of 28 by 28 pixels, downloaded", target="digit"),
}


def named(name: str, *, seed: int = 0) -> Table:
    """A set of `SETS` as a table; `seed` is for random sets. Raises DataError for an unknown name."""
    if name not in SETS:
        raise DataError(f"no data set is called {name!r}{nearest(name, list(SETS))}")
    kind = SETS[name]
    X, y = kind.load(seed=seed) if kind.seeded else kind.load()
    return table_of(X, y, task=kind.task, name=name, columns=kind.columns, target=kind.target, classes=kind.classes)
