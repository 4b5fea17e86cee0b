"""The original micrograd 0.1.0. Functions that it lacks are added in its own way: a Value with a _backward."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.original import REQUIREMENT, original
from benchmarks.workloads import POINT

NAMES = {"": "micrograd 0.1.0"}
LOOPS = set()
SLOW = {""}

Value = original()[0].Value


def version():
    return REQUIREMENT.partition("==")[2]


def _made(x, data, local, name):
    out = Value(data, (x,), name)

    def _backward():
        x.grad += local * out.grad

    out._backward = _backward
    return out


class Functions:
    """The functions that expressions use."""

    @staticmethod
    def sigmoid(x):
        s = 1.0 / (1.0 + math.exp(-x.data))
        return _made(x, s, s * (1.0 - s), "sigmoid")


def _exp(x):
    e = math.exp(x.data)
    return _made(x, e, e, "exp")


def _log(x):
    return _made(x, math.log(x.data), 1.0 / x.data, "log")


ACTIVATIONS = {"sigmoid": Functions.sigmoid, "relu": Value.relu, "linear": lambda x: x}


def _half_squared_sum(out, y):
    return sum((o - t) ** 2 for o, t in zip(out, y)) * 0.5


def _hinge(out, y):
    return (1 + -y[0] * out[0]).relu()


def _cross_entropy(out, y):
    top = max(o.data for o in out)
    return _log(sum(_exp(o - top) for o in out)) + top - out[y]


LOSSES = {"half_squared_sum": _half_squared_sum, "hinge": _hinge, "cross_entropy": _cross_entropy}


class Trainer:
    def __init__(self, net):
        self.net, self.batches = net, [(X.tolist(), y.tolist()) for X, y in net.batches()]
        self.activations = [ACTIVATIONS[name] for name in net.activations]
        self.loss = LOSSES[net.loss]
        self.start()

    def start(self):
        self.arrays = [_values(array) for array in self.net.parameters()]
        self.flat = [p for array in self.arrays for p in array.ravel()]
        rest = list(self.arrays)
        self.layers = [(rest.pop(0), None if b is None else rest.pop(0)) for _, b in self.net.layers]
        self.mean, self.square, self.t = [0.0] * len(self.flat), [0.0] * len(self.flat), 0

    def parameters(self):
        return [np.array([p.data for p in array.ravel()]).reshape(array.shape) for array in self.arrays]

    def out(self, x):
        for (W, b), activation in zip(self.layers, self.activations):
            firsts = [Value(0.0)] * len(W) if b is None else b
            x = [activation(sum((w * xi for w, xi in zip(row, x)), first)) for row, first in zip(W, firsts)]
        return x

    def run(self, steps):
        out = []
        for i in range(steps):
            X, y = self.batches[i % len(self.batches)]
            loss = sum(self.loss(self.out(row), target) for row, target in zip(X, y)) * (1.0 / len(X))
            for p in self.flat:
                p.grad = 0.0
            loss.backward()
            self.update()
            out.append(loss.data)
        return out

    def update(self):
        lr = self.net.lr
        self.t += 1
        for i, p in enumerate(self.flat):
            if self.net.optimizer == "sgd":
                p.data -= lr * p.grad
                continue
            self.mean[i] = 0.9 * self.mean[i] + 0.1 * p.grad
            self.square[i] = 0.999 * self.square[i] + 0.001 * p.grad**2
            root = math.sqrt(self.square[i] / (1 - 0.999**self.t)) + 1e-8
            p.data -= lr * self.mean[i] / (1 - 0.9**self.t) / root


def _values(array):
    out = np.empty(array.shape, object)
    out.ravel()[:] = [Value(x) for x in array.ravel().tolist()]
    return out


def train(net, variant):
    return Trainer(net)


class Evaluator:
    def __init__(self, expression):
        self.f = expression.f

    def run(self, calls):
        f = self.f
        for _ in range(calls):
            self.x, self.y = map(Value, POINT)
            self.out = f(Functions, self.x, self.y)
            self.out.backward()

    def result(self):
        return self.out.data, self.x.grad, self.y.grad


def evaluate(expression, variant):
    return Evaluator(expression)
