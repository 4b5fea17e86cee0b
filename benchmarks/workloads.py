"""The work that is timed: two expressions, and nets with their data, first parameters and optimizer.

    >>> from benchmarks.workloads import net
    >>> xor = net("xor")
    >>> xor.sizes, xor.batches()[0][1].ravel()
    ((3, 4, 1), array([0., 1., 1., 0.]))

Every engine gets the same float64 arrays and takes the batches in this order, without shuffling.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

POINT = (2.0, -4.0)  # where expressions are evaluated


@dataclass(frozen=True)
class Expression:
    """A function of a namespace that has `sigmoid`, x and y."""

    name: str
    f: Callable[[Any, Any, Any], Any]
    text: str


def _quotient(m, x, y):
    return x / (x + y)


def _sigmoids(m, x, y):
    return (x + m.sigmoid(y)) / (m.sigmoid(x) + (x + y) ** 2)


EXPRESSIONS = {
    "quotient": Expression("quotient", _quotient, "x / (x + y)"),
    "sigmoids": Expression("sigmoids", _sigmoids, "(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)"),
}


@dataclass(frozen=True)
class Net:
    """A net to train. `layers` are pairs of weights, one row for each unit, and biases or None.

    `loss` is a name from micrograd.losses, and the loss of a batch is the mean over its rows. `y` holds classes for
    cross_entropy, else one row of targets for each row of X. `steps` is how many steps a native loop takes in one call.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    loss: str
    optimizer: str
    lr: float
    X: np.ndarray
    y: np.ndarray
    batch: int
    layers: tuple[tuple[np.ndarray, np.ndarray | None], ...]
    steps: int

    @property
    def text(self) -> str:
        size = "-".join(map(str, self.sizes))
        return f"{size}, {self.hidden}, {self.loss}, {self.optimizer.upper()} {self.lr}, batches of {self.batch} rows"

    @property
    def activations(self) -> list[str]:
        return [self.hidden] * (len(self.layers) - 1) + [self.output]

    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The data cut into batches, each in arrays of its own."""
        starts = range(0, len(self.X), self.batch)
        return [(self.X[i : i + self.batch].copy(), self.y[i : i + self.batch].copy()) for i in starts]

    def parameters(self) -> list[np.ndarray]:
        """Fresh copies of the first parameters: weights and biases, layer after layer."""
        return [array.copy() for layer in self.layers for array in layer if array is not None]

    def in_shape(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Copies of flat parameters in the shapes of `parameters()`."""
        shapes = [array.shape for array in self.parameters()]
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        return [part.reshape(shape).copy() for part, shape in zip(np.split(numbers[: ends[-1]], ends), shapes)]


def _layers(sizes, rng, bias=True):
    """Weights uniform in +-sqrt(6 / (inputs + outputs)), as nn.xavier draws them; biases of zero."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = math.sqrt(6 / (inputs + outputs))
        layers.append((rng.uniform(-bound, bound, (outputs, inputs)), np.zeros(outputs) if bias else None))
    return tuple(layers)


def _xor():
    X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], float)
    y = np.array([[0], [1], [1], [0]], float)
    layers = _layers((3, 4, 1), np.random.default_rng(1), bias=False)
    return Net("xor", (3, 4, 1), "sigmoid", "sigmoid", "half_squared_sum", "sgd", 4.0, X, y, 4, layers, 20_000)


def _iris():
    from sklearn.datasets import load_iris

    rng = np.random.default_rng(2)
    data = load_iris()
    order = rng.permutation(150)[:96]  # whole batches: no engine has to compile for a smaller last one
    X, y = data.data[order].astype(float), data.target[order].astype(np.int64)
    layers = _layers((4, 20, 3), rng)
    return Net("iris", (4, 20, 3), "relu", "linear", "cross_entropy", "adam", 0.003, X, y, 8, layers, 5_000)


def _moons():
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=100, noise=0.1, random_state=0)
    y = (2.0 * y - 1.0)[:, None]
    layers = _layers((2, 16, 16, 1), np.random.default_rng(3))
    return Net("moons", (2, 16, 16, 1), "relu", "linear", "hinge", "sgd", 0.1, X, y, 100, layers, 2_000)


def _digits(name, sizes, batch, lr, steps):
    """The first 1000 of scikit-learn's digits, of 8 x 8 pixels; for 784 inputs enlarged to 28 x 28."""
    from sklearn.datasets import load_digits

    data = load_digits()
    X, y = data.data[:1000] / 16.0, np.eye(10)[data.target[:1000]]
    if sizes[0] == 784:
        X = enlarged(X.reshape(-1, 8, 8)).reshape(-1, 784)
    layers = _layers(sizes, np.random.default_rng(4))
    return Net(name, sizes, "sigmoid", "sigmoid", "half_squared_sum", "sgd", lr, X, y, batch, layers, steps)


def enlarged(images):
    """Pictures of 8 x 8 pixels as 28 x 28, straight lines between the pixels' middles."""
    at = (np.arange(28) + 0.5) * 8 / 28 - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(at.clip(0, 7)[:, None] - np.arange(8)))
    return weights @ images @ weights.T


NETS = {
    "xor": _xor,
    "iris": _iris,
    "moons": _moons,
    "digits": lambda: _digits("digits", (64, 30, 10), 10, 3.0, 500),
    "digits-100": lambda: _digits("digits-100", (64, 30, 10), 100, 3.0, 100),
    "784-30": lambda: _digits("784-30", (784, 30, 10), 10, 0.5, 100),
    "784-30-100": lambda: _digits("784-30-100", (784, 30, 10), 100, 0.5, 20),
    "784-100": lambda: _digits("784-100", (784, 100, 10), 10, 0.5, 50),
    "784-100-100": lambda: _digits("784-100-100", (784, 100, 10), 100, 0.5, 10),
}
NAMES = [*EXPRESSIONS, *NETS]


def net(name: str) -> Net:
    return NETS[name]()


def workload(name: str) -> Expression | Net:
    """The workload of that name."""
    return EXPRESSIONS[name] if name in EXPRESSIONS else net(name)
