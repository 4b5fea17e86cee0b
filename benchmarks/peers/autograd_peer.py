"""HIPS autograd: value_and_grad of a loss in its own NumPy, and the update in plain NumPy."""

from __future__ import annotations

from importlib.metadata import version as version_of

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from benchmarks.peers.arrays import batch_loss
from benchmarks.workloads import POINT

NAMES = {"": "HIPS autograd"}
LOOPS = set()
SLOW = set()


def version():
    return version_of("autograd")


class Functions:
    relu = staticmethod(lambda z: anp.maximum(z, 0.0))
    sigmoid = staticmethod(lambda z: 1.0 / (1.0 + anp.exp(-z)))

    @staticmethod
    def linear(x, W, b):
        return anp.dot(x, W.T) if b is None else anp.dot(x, W.T) + b

    @staticmethod
    def cross_entropy(scores, y):
        top = anp.max(scores, axis=1)
        total = anp.log(anp.sum(anp.exp(scores - top[:, None]), axis=1)) + top
        return anp.mean(total - scores[np.arange(len(y)), y])


class Trainer:
    def __init__(self, net):
        self.net, self.batches = net, net.batches()
        self.value_and_gradients = value_and_grad(batch_loss(net, Functions))

    def start(self):
        self.arrays = self.net.parameters()
        self.mean, self.square = ([np.zeros_like(array) for array in self.arrays] for _ in range(2))
        self.t = 0

    def parameters(self):
        return [array.copy() for array in self.arrays]

    def run(self, steps):
        out = []
        while len(out) < steps:
            for X, y in self.batches[: steps - len(out)]:
                loss, gradients = self.value_and_gradients(self.arrays, X, y)
                self.update(gradients)
                out.append(loss)
        return out

    def update(self, gradients):
        lr = self.net.lr
        self.t += 1
        for p, g, mean, square in zip(self.arrays, gradients, self.mean, self.square):
            if self.net.optimizer == "sgd":
                p -= lr * g
                continue
            mean *= 0.9
            mean += 0.1 * g
            square *= 0.999
            square += 0.001 * g * g
            p -= lr / (1 - 0.9**self.t) * mean / (np.sqrt(square / (1 - 0.999**self.t)) + 1e-8)


def train(net, variant):
    return Trainer(net)


class Evaluator:
    def __init__(self, expression):
        self.f = value_and_grad(lambda v: expression.f(Functions, v[0], v[1]))
        self.point = np.array(POINT)

    def run(self, calls):
        f, point = self.f, self.point
        for _ in range(calls):
            self.out = f(point)

    def result(self):
        value, (dx, dy) = self.out
        return float(value), float(dx), float(dy)


def evaluate(expression, variant):
    return Evaluator(expression)
