"""tinygrad on the CPU: forward, gradient and update of a batch in one TinyJit, called once for each step.

It compiles with `clang`, which has to be on PATH. Its kernels run on a thread of its own; they use one core.
"""

from __future__ import annotations

import os
from importlib.metadata import version as version_of

os.environ.setdefault("DEV", "CPU")
os.environ.setdefault("THREADS", "0")  # one core, as all others
os.environ.setdefault("CACHELEVEL", "0")  # nothing is compiled before it is timed

import numpy as np
from tinygrad import Tensor, TinyJit, dtypes

from benchmarks.peers.arrays import loss_of
from benchmarks.workloads import POINT

Tensor.ones(2).contiguous().realize()  # start the device before any compilation is timed

NAMES = {"": "tinygrad TinyJit"}
LOOPS = set()
SLOW = set()


def version():
    return version_of("tinygrad")


def tensor(array):
    return Tensor(np.asarray(array)).clone().realize()


class Functions:
    sigmoid = staticmethod(Tensor.sigmoid)
    relu = staticmethod(Tensor.relu)

    @staticmethod
    def linear(x, W, b):
        return x @ W.T if b is None else x @ W.T + b

    @staticmethod
    def cross_entropy(scores, y):
        return (scores.logsumexp(1) - (scores * y).sum(1)).mean()  # y is one 1 among zeros


class Trainer:
    def __init__(self, net):
        self.net = net
        batches = net.batches()
        if net.loss == "cross_entropy":
            batches = [(X, np.eye(net.sizes[-1])[y]) for X, y in batches]
        self.batches = [tuple(map(tensor, batch)) for batch in batches]
        self.arrays = [tensor(array) for array in net.parameters()]
        self.moments = [tensor(np.zeros(array.shape)) for array in self.arrays for _ in range(2)]
        self.powers = tensor(np.ones(2))
        self.loss, self.compiled = loss_of(net, Functions), TinyJit(self.step)

    def start(self):
        fresh = [*self.net.parameters(), *(np.zeros(moment.shape) for moment in self.moments), np.ones(2)]
        for array, first in zip([*self.arrays, *self.moments, self.powers], fresh):
            array.assign(tensor(first)).realize()

    def step(self, X, y):
        loss, arrays = self.loss(self.arrays, X, y), self.arrays
        gradients = loss.gradient(*arrays)
        if self.net.optimizer == "sgd":
            changed = [p.assign(p - self.net.lr * g) for p, g in zip(arrays, gradients)]
        else:
            changed = self.adam(gradients)
        Tensor.realize(loss, *changed)
        return loss

    def adam(self, gradients):
        keep, keep_square = self.net.betas
        powers = self.powers * Tensor(list(self.net.betas), dtype=dtypes.float64)
        changed = [self.powers.assign(powers)]
        for p, g, mean, square in zip(self.arrays, gradients, self.moments[::2], self.moments[1::2]):
            m, s = keep * mean + (1 - keep) * g, keep_square * square + (1 - keep_square) * g * g
            update = self.net.lr / (1 - powers[0]) * m / ((s / (1 - powers[1])).sqrt() + 1e-8)
            changed += [p.assign(p - update), mean.assign(m), square.assign(s)]
        return changed

    def parameters(self):
        return [array.numpy() for array in self.arrays]

    def run(self, steps):
        out = []
        while len(out) < steps:
            for batch in self.batches[: steps - len(out)]:
                out.append(self.compiled(*batch).item())  # the next call writes to the same memory
        return out


def train(net, variant):
    return Trainer(net)


class Evaluator:
    def __init__(self, expression):
        def f(x, y):
            value = expression.f(Tensor, x, y)
            return value.stack(*value.gradient(x, y)).realize()

        self.f = TinyJit(f)
        self.point = [tensor(np.float64(x)) for x in POINT]

    def run(self, calls):
        f, (x, y) = self.f, self.point
        for _ in range(calls):
            self.out = f(x, y)
            self.found = self.out.tolist()

    def result(self):
        return tuple(self.found)


def evaluate(expression, variant):
    return Evaluator(expression)
