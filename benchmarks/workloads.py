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
from pathlib import Path
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


class Training:
    """What is trained: a net or a GPT, from its first parameters. `betas` are Adam's."""

    betas = (0.9, 0.999)

    def batches(self) -> list[tuple[np.ndarray, ...]]:
        """The data of each step, in arrays of its own."""
        raise NotImplementedError

    def parameters(self) -> list[np.ndarray]:
        raise NotImplementedError

    def in_shape(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Copies of flat parameters in the shapes of `parameters()`."""
        shapes = [array.shape for array in self.parameters()]
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        return [part.reshape(shape).copy() for part, shape in zip(np.split(numbers[: ends[-1]], ends), shapes)]


@dataclass(frozen=True)
class Net(Training):
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


@dataclass(frozen=True)
class GPT(Training):
    """`demos/microgpt.py`, one document a step.

    `tokens` and `targets` have a row of whole numbers for each document, as long as its `block` of positions; `weights`
    has the weight of each position in the loss, 0 after the document's end. `arrays` are the first parameters by name.
    """

    name: str
    letters: int
    block: int
    size: int
    heads: int
    lr: float
    tokens: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    arrays: dict[str, np.ndarray]
    steps: int
    optimizer = "adam"
    betas = (0.9, 0.99)

    @property
    def text(self) -> str:
        return (
            f"a GPT of one layer, {self.size} numbers a position, {self.heads} heads, {self.block} positions, "
            f"{self.letters} letters; Adam {self.lr}, one document a step"
        )

    def batches(self) -> list[tuple[np.ndarray, ...]]:
        return [tuple(x.copy() for x in document) for document in zip(self.tokens, self.targets, self.weights)]

    def parameters(self) -> list[np.ndarray]:
        return [array.copy() for array in self.arrays.values()]


def _microgpt():
    letters, block, size, rng = 27, 8, 16, np.random.default_rng(5)
    words = (Path(__file__).parent.parent / "demos" / "words.txt").read_text().split()[:64]
    coded = [[0, *(ord(letter) - 96 for letter in word), 0][: block + 1] for word in words]
    tokens, targets = np.zeros((2, len(words), block), np.int64)
    weights = np.zeros((len(words), block))
    for i, code in enumerate(coded):
        count = len(code) - 1
        tokens[i, :count], targets[i, :count], weights[i, :count] = code[:-1], code[1:], 1 / count
    shapes = {"tokens": (letters, size), "positions": (block, size)}
    shapes |= dict.fromkeys(("query", "key", "value"), (size, size))
    shapes |= {"up": (2 * size, size), "out": (size, size), "down": (size, 2 * size), "scores": (letters, size)}
    arrays = {name: rng.normal(0.0, 0.2, shape) for name, shape in shapes.items()}
    return GPT("microgpt", letters, block, size, 4, 0.01, tokens, targets, weights, arrays, 200)


NAMES = [*EXPRESSIONS, *NETS, "microgpt"]


def net(name: str) -> Net:
    return NETS[name]()


def workload(name: str) -> Expression | Net | GPT:
    """The workload of that name."""
    return _microgpt() if name == "microgpt" else EXPRESSIONS[name] if name in EXPRESSIONS else net(name)
