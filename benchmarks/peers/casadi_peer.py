"""CasADi: loss, gradient and update of a whole batch as one function of scalars (SX), in its virtual machine.

It is called through buffers, which avoid conversions: one for each batch, all on the same parameters.
"""

from __future__ import annotations

from array import array

import casadi
import numpy as np

from benchmarks.workloads import POINT

NAMES = {"": "CasADi SX"}
LOOPS = set()
SLOW = set()


def version():
    return casadi.__version__


class Functions:
    relu = staticmethod(lambda z: casadi.fmax(z, 0.0))
    sigmoid = staticmethod(lambda z: 1.0 / (1.0 + casadi.exp(-z)))
    linear = staticmethod(lambda z: z)


def _loss(net, parameters, X, y):
    """The loss of a batch from flat vectors, rows one after the other. CasADi stores matrices column by column."""
    place, out = 0, casadi.reshape(X, net.sizes[0], net.batch)
    for (W, b), activation in zip(net.layers, net.activations):
        units, inputs = W.shape
        out = casadi.reshape(parameters[place : place + W.size], inputs, units).T @ out
        place += W.size
        if b is not None:
            out += casadi.repmat(parameters[place : place + units], 1, net.batch)
            place += units
        out = getattr(Functions, activation)(out)
    if net.loss == "hinge":
        return casadi.sum1(Functions.relu(1.0 - y * out.T)) / net.batch
    y = casadi.reshape(y, net.sizes[-1], net.batch)
    if net.loss == "cross_entropy":  # y is one 1 among zeros
        total = casadi.SX(0.0)
        for row in range(net.batch):
            total += casadi.logsumexp(out[:, row]) - casadi.dot(out[:, row], y[:, row])
        return total / net.batch
    return casadi.sumsqr(out - y) * (0.5 / net.batch)


class Trainer:
    def __init__(self, net):
        self.net, adam = net, net.optimizer == "adam"
        batches = net.batches()
        if net.loss == "cross_entropy":
            batches = [(X, np.eye(net.sizes[-1])[y]) for X, y in batches]
        size = sum(p.size for p in net.parameters())
        # What changes in a step: parameters, then for Adam the mean, the square, and the powers of the two betas.
        self.before = np.zeros(3 * size + 2 if adam else size)
        self.after, self.loss = np.zeros_like(self.before), np.zeros(1)
        X, y = batches[0]
        symbols = [("state", self.before.size), ("X", X.size), ("y", y.size)]
        state, X, y = (casadi.SX.sym(name, size) for name, size in symbols)
        p = state[:size]
        loss = _loss(net, p, X, y)
        g = casadi.gradient(loss, p)
        if adam:
            mean = 0.9 * state[size : 2 * size] + 0.1 * g
            square = 0.999 * state[2 * size : 3 * size] + 0.001 * g * g
            first, second = 0.9 * state[-2], 0.999 * state[-1]
            root = casadi.sqrt(square * (1 / (1 - second))) + 1e-8
            new = casadi.vertcat(p - net.lr / (1 - first) * mean / root, mean, square, first, second)
        else:
            new = p - net.lr * g
        self.function = casadi.Function("step", [state, X, y], [loss, new])
        self.buffers = []
        for X, y in batches:
            buffer, trigger = self.function.buffer()
            for i, given in enumerate([self.before, X, y]):
                buffer.set_arg(i, memoryview(given.ravel()))
            for i, result in enumerate([self.loss, self.after]):
                buffer.set_res(i, memoryview(result))
            self.buffers.append((trigger, buffer, X, y))

    def start(self):
        flat = np.concatenate([p.ravel() for p in self.net.parameters()])
        self.before[:] = 0.0
        self.before[: len(flat)] = flat
        if self.net.optimizer == "adam":
            self.before[-2:] = 1.0

    def parameters(self):
        return self.net.in_shape(self.before)

    def run(self, steps):
        out, before, after, loss = [], self.before, self.after, self.loss
        while len(out) < steps:
            for trigger, *_ in self.buffers[: steps - len(out)]:
                trigger()
                before[:] = after
                out.append(loss.item())
        return out


def train(net, variant):
    return Trainer(net)


class Evaluator:
    def __init__(self, expression):
        v = casadi.SX.sym("v", 2)
        value = expression.f(Functions, v[0], v[1])
        self.function = casadi.Function("f", [v], [value, casadi.gradient(value, v)])
        self.point, self.value, self.gradient = array("d", POINT), array("d", [0.0]), array("d", [0.0, 0.0])
        self.buffer, self.trigger = self.function.buffer()
        self.buffer.set_arg(0, memoryview(self.point))
        self.buffer.set_res(0, memoryview(self.value))
        self.buffer.set_res(1, memoryview(self.gradient))

    def run(self, calls):
        trigger, point, value, gradient = self.trigger, self.point, self.value, self.gradient
        x, y = POINT
        for _ in range(calls):
            point[0], point[1] = x, y
            trigger()
            self.out = value[0], gradient[0], gradient[1]

    def result(self):
        return self.out


def evaluate(expression, variant):
    return Evaluator(expression)
