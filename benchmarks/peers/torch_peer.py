"""PyTorch: eager, with its own optimizers, and torch.compile of one whole step."""

from __future__ import annotations

import os
import tempfile

import torch
from torch.nn import functional

from benchmarks.peers.arrays import loss_of
from benchmarks.workloads import POINT

torch.set_num_threads(1)
CACHE = tempfile.TemporaryDirectory(prefix="inductor-")  # empty, so that nothing is compiled before it is timed
os.environ["TORCHINDUCTOR_CACHE_DIR"] = CACHE.name
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

NAMES = {"eager": "PyTorch eager", "compile": "torch.compile"}
LOOPS = set()
SLOW = set()


def version():
    return torch.__version__


class Functions:
    linear = staticmethod(functional.linear)
    sigmoid = staticmethod(torch.sigmoid)
    relu = staticmethod(torch.relu)
    cross_entropy = staticmethod(functional.cross_entropy)
    where, array = staticmethod(torch.where), staticmethod(torch.from_numpy)
    softmax = staticmethod(lambda x: torch.softmax(x, -1))
    log_softmax = staticmethod(lambda x: torch.log_softmax(x, -1))


class Trainer:
    def __init__(self, net):
        self.net = net
        self.batches = [tuple(map(torch.from_numpy, batch)) for batch in net.batches()]
        self.loss = loss_of(net, Functions)
        self.arrays = [torch.from_numpy(array) for array in net.parameters()]

    def parameters(self):
        return [array.detach().numpy().copy() for array in self.arrays]

    def run(self, steps):
        out = []
        while len(out) < steps:
            for batch in self.batches[: steps - len(out)]:
                out.append(self.step(*batch))
        return out


class Eager(Trainer):
    def start(self):
        self.arrays = [torch.from_numpy(array).requires_grad_() for array in self.net.parameters()]
        if self.net.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(self.arrays, lr=self.net.lr)
        else:
            self.optimizer = torch.optim.Adam(self.arrays, lr=self.net.lr, betas=self.net.betas)

    def step(self, *batch):
        self.optimizer.zero_grad()
        loss = self.loss(self.arrays, *batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Compiled(Trainer):
    """The update is by hand, so that torch.compile makes one function of forward, backward and update."""

    def __init__(self, net):
        super().__init__(net)
        value_and_gradients = torch.func.grad_and_value(self.loss)
        lr, (keep, keep_square) = net.lr, net.betas
        self.state = []

        def sgd(parameters, state, *batch):
            gradients, loss = value_and_gradients(parameters, *batch)
            for p, g in zip(parameters, gradients):
                p.sub_(g, alpha=lr)
            return loss

        def adam(parameters, state, *batch):
            gradients, loss = value_and_gradients(parameters, *batch)
            powers, *moments = state
            powers.mul_(powers.new_tensor([keep, keep_square]))
            for p, g, mean, square in zip(parameters, gradients, moments[::2], moments[1::2]):
                mean.mul_(keep).add_(g, alpha=1 - keep)
                square.mul_(keep_square).add_(g * g, alpha=1 - keep_square)
                p.sub_(lr / (1 - powers[0]) * mean / ((square / (1 - powers[1])).sqrt() + 1e-8))
            return loss

        self.compiled = torch.compile(sgd if net.optimizer == "sgd" else adam)

    def start(self):
        for array, first in zip(self.arrays, self.net.parameters()):
            array.copy_(torch.from_numpy(first))
        if self.net.optimizer == "adam" and not self.state:
            moments = [torch.zeros_like(array) for array in self.arrays for _ in range(2)]
            self.state = [torch.ones(2, dtype=torch.float64), *moments]
        for i, array in enumerate(self.state):
            array.fill_(float(i == 0))

    def step(self, *batch):
        return self.compiled(self.arrays, self.state, *batch)


def train(net, variant):
    return {"eager": Eager, "compile": Compiled}[variant](net)


train_gpt = train


class Evaluator:
    def __init__(self, expression):
        self.f = lambda x, y: expression.f(torch, x, y)
        self.point = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in POINT]

    def run(self, calls):
        f, (x, y) = self.f, self.point
        for _ in range(calls):
            x.grad = y.grad = None
            self.out = f(x, y)
            self.out.backward()

    def result(self):
        return self.out.item(), *(x.grad.item() for x in self.point)


class CompiledEvaluator(Evaluator):
    def __init__(self, expression):
        super().__init__(expression)
        self.point = [torch.tensor(x, dtype=torch.float64) for x in POINT]
        self.f = torch.compile(torch.func.grad_and_value(self.f, (0, 1)))

    def run(self, calls):
        f, (x, y) = self.f, self.point
        for _ in range(calls):
            self.out = f(x, y)

    def result(self):
        (dx, dy), value = self.out
        return value.item(), dx.item(), dy.item()


def evaluate(expression, variant):
    return {"eager": Evaluator, "compile": CompiledEvaluator}[variant](expression)
