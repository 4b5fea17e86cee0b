"""JAX: one jitted step per call, and the same step inside lax.scan."""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.arrays import loss_of
from benchmarks.workloads import POINT

jax.config.update("jax_enable_x64", True)
jnp.zeros(1).block_until_ready()  # start the backend before any compilation is timed

NAMES = {"jit": "jax.jit", "scan": "jax.jit of lax.scan"}
LOOPS = {"scan"}
SLOW = set()


def version():
    return jax.__version__


class Functions:
    sigmoid = staticmethod(jax.nn.sigmoid)
    relu = staticmethod(lambda z: jnp.maximum(z, 0.0))
    softmax, log_softmax = staticmethod(jax.nn.softmax), staticmethod(jax.nn.log_softmax)
    where, array = staticmethod(jnp.where), staticmethod(jnp.asarray)

    @staticmethod
    def linear(x, W, b):
        return x @ W.T if b is None else x @ W.T + b

    @staticmethod
    def cross_entropy(scores, y):
        picked = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
        return (jax.nn.logsumexp(scores, axis=1) - picked).mean()


class Trainer:
    def __init__(self, net):
        self.net, self.batches = net, [tuple(map(jnp.asarray, batch)) for batch in net.batches()]
        value_and_gradients = jax.value_and_grad(loss_of(net, Functions))

        keep, keep_square = net.betas

        def step(carry, *batch):
            parameters, (mean, square, powers) = carry
            loss, gradients = value_and_gradients(parameters, *batch)
            if net.optimizer == "sgd":
                parameters = [p - net.lr * g for p, g in zip(parameters, gradients)]
            else:
                powers = powers * np.array(net.betas)
                mean = [keep * m + (1 - keep) * g for m, g in zip(mean, gradients)]
                square = [keep_square * s + (1 - keep_square) * g * g for s, g in zip(square, gradients)]
                rate, correction = net.lr / (1 - powers[0]), 1 / (1 - powers[1])
                parameters = [
                    p - rate * m / (jnp.sqrt(s * correction) + 1e-8) for p, m, s in zip(parameters, mean, square)
                ]
            return (parameters, (mean, square, powers)), loss

        self.step = step
        self.compiled = jax.jit(step)

    def start(self):
        parameters = [jnp.asarray(array) for array in self.net.parameters()]
        state = ([], [], jnp.ones(2))
        if self.net.optimizer == "adam":
            state = ([jnp.zeros_like(p) for p in parameters], [jnp.zeros_like(p) for p in parameters], jnp.ones(2))
        self.carry = parameters, state

    def parameters(self):
        return [np.array(array) for array in self.carry[0]]

    def run(self, steps):
        out, compiled, carry = [], self.compiled, self.carry
        while len(out) < steps:
            for batch in self.batches[: steps - len(out)]:
                carry, loss = compiled(carry, *batch)
                out.append(loss.block_until_ready())
        self.carry = carry
        return out


class Scan(Trainer):
    def __init__(self, net):
        super().__init__(net)
        self.data = tuple(jnp.stack(arrays) for arrays in zip(*self.batches))
        count, step = len(self.batches), self.step

        def loop(carry, data, steps):
            if count == 1:
                return lax.scan(lambda carry, _: step(carry, *(x[0] for x in data)), carry, length=steps)
            order = jnp.arange(steps) % count
            return lax.scan(lambda carry, i: step(carry, *(x[i] for x in data)), carry, order)

        self.loop = jax.jit(loop, static_argnums=2)

    def run(self, steps):
        self.carry, losses = self.loop(self.carry, self.data, steps)
        return losses.block_until_ready()


def train(net, variant):
    return {"jit": Trainer, "scan": Scan}[variant](net)


train_gpt = train


class Evaluator:
    def __init__(self, expression):
        self.f = jax.jit(jax.value_and_grad(lambda x, y: expression.f(jax.nn, x, y), (0, 1)))
        self.point = [jnp.asarray(x) for x in POINT]

    def run(self, calls):
        f, (x, y) = self.f, self.point
        for _ in range(calls):
            self.out = f(x, y)
            self.out[0].block_until_ready()

    def result(self):
        value, (dx, dy) = self.out
        return float(value), float(dx), float(dy)


def evaluate(expression, variant):
    return Evaluator(expression) if variant == "jit" else None
