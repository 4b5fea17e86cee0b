"""Ours: the native loop `step.run`, one native step per call from Python, and micrograd without the compiler."""

from __future__ import annotations

import random
from functools import partial

import numpy as np

import micrograd
from benchmarks.peers import gpt_ours
from benchmarks.workloads import POINT
from micrograd import Value, value_and_grad
from micrograd.cli.recipe import LOSSES as BY_NAME
from micrograd.compiler.jit import jit
from micrograd.compiler.native.native import native_of
from micrograd.compiler.train_step import train_step
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam

NAMES = {
    "run": "micrograd step.run",
    "step": "micrograd step(X, y)",
    "jit": "micrograd jit(f)(x, y)",
    "grad": "micrograd jit(value_and_grad(f))",
    "backward": "micrograd jit(f)(x, y).backward()",
    "eager": "micrograd eager",
    "python": "micrograd eager, Python core",
}
LOOPS = {"run"}
SLOW = {"eager", "python"}

LARGEST = 500_000  # weights times rows that are still trained without compiling: each is a few nodes

LOSSES = {**BY_NAME, "half_squared_sum": half_squared_sum}


def version():
    return micrograd.__version__


def build(net):
    """The net with the workload's first parameters."""
    model = MLP(
        net.sizes[0],
        list(net.sizes[1:]),
        activation=net.hidden,
        output=net.output,
        bias=net.layers[0][1] is not None,
        rng=random.Random(0),
    )
    set_parameters(model, net)
    return model


def set_parameters(model, net):
    for layer, (W, b) in zip(model.layers, net.layers):
        for i, neuron in enumerate(layer.neurons):
            for w, x in zip(neuron.w, W[i]):
                w.data = float(x)
            if b is not None:
                neuron.b.data = float(b[i])


class Trainer:
    """The base of all three: the loss of one row, and the optimizer."""

    def __init__(self, net):
        self.net, self.model = net, build(net)
        parameters = self.model.parameters()
        self.optimizer = SGD(parameters, lr=net.lr) if net.optimizer == "sgd" else Adam(parameters, lr=net.lr)
        self.fresh = self.optimizer.state_dict()
        of_row, model = LOSSES[net.loss], self.model
        if net.sizes[-1] == 1:
            self.loss = lambda x, y: of_row(model(x), y[0])
        else:
            self.loss = lambda x, y: of_row(model(x), y)

    def start(self):
        set_parameters(self.model, self.net)
        self.optimizer.load_state_dict(self.fresh)

    def parameters(self):
        out = []
        for layer in self.model.layers:
            out.append(np.array([[w.data for w in neuron.w] for neuron in layer.neurons]))
            if layer.neurons[0].b is not None:
                out.append(np.array([neuron.b.data for neuron in layer.neurons]))
        return out


class Run(Trainer):
    def __init__(self, net):
        super().__init__(net)
        self.step = train_step(self.loss, self.optimizer)

    def run(self, steps):
        return self.step.run(self.net.X, self.net.y, steps=steps, batch_size=self.net.batch)


class Step(Run):
    def __init__(self, net):
        super().__init__(net)
        self.batches = net.batches()

    def run(self, steps):
        step, out = self.step, []
        while len(out) < steps:
            for X, y in self.batches[: steps - len(out)]:
                out.append(step(X, y))
        return out


class Eager(Trainer):
    def __init__(self, net):
        super().__init__(net)
        self.batches = [(X.tolist(), y.tolist()) for X, y in net.batches()]

    def run(self, steps):
        out = []
        for i in range(steps):
            rows = [self.loss(x, y) for x, y in zip(*self.batches[i % len(self.batches)])]
            loss = sum(rows[1:], rows[0]) / len(rows)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            out.append(loss.data)
        return out


def train(net, variant):
    native_of.cache_clear()  # compile each row afresh, to time it
    kinds = {"run": Run, "step": Step}
    if net.batch * sum(W.size for W, _ in net.layers) <= LARGEST:
        kinds["eager"] = Eager
    return kinds[variant](net) if variant in kinds else None


def train_gpt(gpt, variant):
    native_of.cache_clear()
    kinds = {"run": gpt_ours.Run, "eager": gpt_ours.Eager, "python": gpt_ours.Elsewhere}
    return kinds[variant](gpt) if variant in kinds else None


class Evaluator:
    """Evaluates f(x, y) on two Values, `calls` times."""

    def __init__(self, expression):
        self.f = partial(expression.f, micrograd)  # compiled, it reads nothing outside that a user's own would not
        self.x, self.y = map(Value, POINT)

    def result(self):
        """Value and derivatives, from fresh Values: the timed ones have accumulated gradients."""
        self.x, self.y = map(Value, POINT)
        self.run(1)
        return self.out.data, self.x.grad, self.y.grad


class Call(Evaluator):
    """The result is a Value that holds both derivatives; backward() would only hand them to x and y."""

    def __init__(self, expression):
        super().__init__(expression)
        self.f = jit(self.f)

    def run(self, calls):
        f, x, y = self.f, self.x, self.y
        for _ in range(calls):
            self.out = f(x, y)

    def result(self):
        super().result()
        self.out.backward()
        return self.out.data, self.x.grad, self.y.grad


class Backward(Evaluator):
    def __init__(self, expression, compiled):
        super().__init__(expression)
        self.f = jit(self.f) if compiled else self.f

    def run(self, calls):
        f, x, y = self.f, self.x, self.y
        for _ in range(calls):
            self.out = f(x, y)
            self.out.backward()


class Grad(Evaluator):
    def __init__(self, expression):
        super().__init__(expression)
        self.f = jit(value_and_grad(self.f, (0, 1)))

    def run(self, calls):
        f, (x, y) = self.f, POINT
        for _ in range(calls):
            self.out = f(x, y)

    def result(self):
        value, (dx, dy) = self.out
        return value, dx, dy


def evaluate(expression, variant):
    native_of.cache_clear()
    kinds = {
        "jit": Call,
        "grad": Grad,
        "backward": lambda e: Backward(e, compiled=True),
        "eager": lambda e: Backward(e, compiled=False),
    }
    return kinds[variant](expression) if variant in kinds else None
