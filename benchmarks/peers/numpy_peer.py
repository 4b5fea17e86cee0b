"""NumPy by hand: forward, backward and update with matrices, as one writes them without an engine.

Expressions are plain Python with `math`, in a row of their own: for one point, arrays do not pay.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.peers import gpt_numpy
from benchmarks.workloads import POINT

NAMES = {"arrays": "NumPy by hand", "math": "Python by hand"}
LOOPS = set()
SLOW = set()


def version():
    return np.__version__


def _sigmoid(z):
    np.negative(z, z)
    np.exp(z, z)
    z += 1.0
    return np.divide(1.0, z, z)


def _relu(z):
    return np.maximum(z, 0.0, out=z)


FORWARD = {"sigmoid": _sigmoid, "relu": _relu, "linear": lambda z: z}
SLOPE = {"sigmoid": lambda a: a * (1.0 - a), "relu": lambda a: a > 0.0}  # from the activation's output


def _half_squared_sum(out, y):
    """The loss, and its derivatives with respect to the outputs."""
    error = out - y
    flat = error.ravel()
    return 0.5 / len(y) * (flat @ flat), error / len(y)


def _hinge(out, y):
    margin = np.maximum(1.0 - y * out, 0.0)
    return margin.sum() / len(y), (margin > 0.0) * y * (-1.0 / len(y))


def _cross_entropy(out, y):
    rows = np.arange(len(y))
    out -= out.max(axis=1, keepdims=True)
    picked = out[rows, y]
    p = np.exp(out)
    total = p.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - picked).sum() / len(y)
    p /= total
    p[rows, y] -= 1.0
    p /= len(y)
    return loss, p


LOSSES = {"half_squared_sum": _half_squared_sum, "hinge": _hinge, "cross_entropy": _cross_entropy}


class Trainer:
    def __init__(self, net):
        self.net, self.batches = net, net.batches()
        self.forward = [FORWARD[name] for name in net.activations]
        self.slopes = [SLOPE.get(name) for name in net.activations]
        self.loss = LOSSES[net.loss]
        self.start()

    def start(self):
        arrays = self.net.parameters()
        sizes = [array.size for array in arrays]
        # All parameters are in one array, and so are their gradients: an update is a few operations on whole arrays.
        self.flat, self.flat_gradient = np.concatenate([array.ravel() for array in arrays]), np.zeros(sum(sizes))
        cuts = np.cumsum(sizes)[:-1]
        shapes = [array.shape for array in arrays]
        self.arrays = [x.reshape(shape) for x, shape in zip(np.split(self.flat, cuts), shapes)]
        gradients = [x.reshape(shape) for x, shape in zip(np.split(self.flat_gradient, cuts), shapes)]
        both = list(zip(self.arrays, gradients))
        self.layers = [
            (both.pop(0), both.pop(0) if bias is not None else None) for _, bias in self.net.layers
        ]  # (W, its gradient), and (b, its gradient) or None
        self.mean, self.square, self.t = np.zeros_like(self.flat), np.zeros_like(self.flat), 0

    def parameters(self):
        return [array.copy() for array in self.arrays]

    def run(self, steps):
        losses = []
        while len(losses) < steps:
            for X, y in self.batches[: steps - len(losses)]:
                losses.append(self.step(X, y))
        return losses

    def step(self, X, y):
        outs = [X]
        for ((W, _), bias), activation in zip(self.layers, self.forward):
            z = outs[-1] @ W.T
            if bias is not None:
                z += bias[0]
            outs.append(activation(z))
        loss, d = self.loss(outs[-1], y)
        for i in range(len(self.layers) - 1, -1, -1):
            (W, W_gradient), bias = self.layers[i]
            if self.slopes[i] is not None:
                d *= self.slopes[i](outs[i + 1])
            np.matmul(d.T, outs[i], out=W_gradient)
            if bias is not None:
                d.sum(axis=0, out=bias[1])
            if i:
                d = d @ W
        self.update()
        return loss

    def update(self):
        gradient, lr = self.flat_gradient, self.net.lr
        if self.net.optimizer == "sgd":
            gradient *= lr
            self.flat -= gradient
            return
        self.t += 1
        self.mean *= 0.9
        self.mean += 0.1 * gradient
        self.square *= 0.999
        gradient *= gradient
        gradient *= 0.001
        self.square += gradient
        root = np.sqrt(self.square / (1 - 0.999**self.t))
        root += 1e-8
        np.divide(self.mean, root, root)
        root *= lr / (1 - 0.9**self.t)
        self.flat -= root


def train(net, variant):
    return Trainer(net) if variant == "arrays" else None


def _quotient(x, y):
    inverse = 1.0 / (x + y)
    f = x * inverse
    return f, (1.0 - f) * inverse, -f * inverse


def _sigmoids(x, y):
    a, b, s = 1.0 / (1.0 + math.exp(-x)), 1.0 / (1.0 + math.exp(-y)), x + y
    inverse = 1.0 / (a + s * s)
    f = (x + b) * inverse
    return f, inverse * (1.0 - f * (a * (1.0 - a) + 2.0 * s)), inverse * (b * (1.0 - b) - f * 2.0 * s)


class Evaluator:
    def __init__(self, f):
        self.f = f

    def run(self, calls):
        f, (x, y) = self.f, POINT
        for _ in range(calls):
            self.out = f(x, y)

    def result(self):
        return self.out


def evaluate(expression, variant):
    return Evaluator({"quotient": _quotient, "sigmoids": _sigmoids}[expression.name]) if variant == "math" else None


def train_gpt(gpt, variant):
    return gpt_numpy.Trainer(gpt) if variant == "arrays" else None
