"""JAX: one jitted step per call, and the same step inside lax.scan."""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.arrays import batch_loss
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
        value_and_gradients = jax.value_and_grad(batch_loss(net, Functions))

        def step(carry, X, y):
            parameters, (mean, square, powers) = carry
            loss, gradients = value_and_gradients(parameters, X, y)
            if net.optimizer == "sgd":
                parameters = [p - net.lr * g for p, g in zip(parameters, gradients)]
            else:
                powers = powers * np.array([0.9, 0.999])
                mean = [0.9 * m + 0.1 * g for m, g in zip(mean, gradients)]
                square = [0.999 * s + 0.001 * g * g for s, g in zip(square, gradients)]
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
            for X, y in self.batches[: steps - len(out)]:
                carry, loss = compiled(carry, X, y)
                out.append(loss.block_until_ready())
        self.carry = carry
        return out


class Scan(Trainer):
    def __init__(self, net):
        super().__init__(net)
        self.X, self.y = (jnp.stack(arrays) for arrays in zip(*self.batches))
        count, step = len(self.batches), self.step

        def loop(carry, X, y, steps):
            if count == 1:
                return lax.scan(lambda carry, _: step(carry, X[0], y[0]), carry, length=steps)
            order = jnp.arange(steps) % count
            return lax.scan(lambda carry, i: step(carry, X[i], y[i]), carry, order)

        self.loop = jax.jit(loop, static_argnums=3)

    def run(self, steps):
        self.carry, losses = self.loop(self.carry, self.X, self.y, steps)
        return losses.block_until_ready()


def train(net, variant):
    return {"jit": Trainer, "scan": Scan}[variant](net)


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
