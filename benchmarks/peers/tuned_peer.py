"""The nets written for the registers of this machine: `benchmarks/tuned.c`, many steps per call."""

from __future__ import annotations

import ctypes

import numpy as np

from benchmarks.peers.limit_peer import Evaluator as EvaluatorInC
from benchmarks.peers.limit_peer import address, aligned, library, version

__all__ = ["LOOPS", "NAMES", "SLOW", "evaluate", "train", "version"]
NAMES = {"loop": "tuned.c"}
LOOPS = {"loop"}
SLOW = set()
FLAGS = "-O3 -march=native -mprefer-vector-width=512 -ffast-math -fno-associative-math -fPIC".split()


class Trainer:
    """The base of all nets: `place` lays out the parameters as the C code needs them, `parameters` reads them back."""

    def __init__(self, net):
        self.net, self.function = net, getattr(library("tuned.c", FLAGS), self.name)
        self.start()

    def start(self):
        self.memory = aligned(self.place(*self.net.parameters()))

    def run(self, steps):
        losses = np.empty(steps)
        middle = self.arguments(ctypes.c_long(steps))
        self.function(address(self.memory), *middle, ctypes.c_double(self.net.lr), address(losses))
        return losses


class Xor(Trainer):
    name = "xor_net"

    def __init__(self, net):
        self.x = aligned(np.tile(net.X.T, 2))
        self.y = aligned(np.tile(net.y.T, 2))
        super().__init__(net)

    def place(self, w, v):
        each = np.hstack([w, v.T])  # for each hidden unit its three input weights and its output weight
        return np.repeat(np.stack([each[[0, 1]].T, each[[2, 3]].T]), 4, axis=-1)

    def parameters(self):
        each = self.memory[..., ::4].transpose(0, 2, 1).reshape(4, 4)
        return [each[:, :3].copy(), each[:, 3:].T.copy()]

    def arguments(self, steps):
        return address(self.x), address(self.y), steps


class Iris(Trainer):
    name = "iris"

    def __init__(self, net):
        self.X = aligned(net.X)
        self.Y = aligned(np.eye(3)[net.y].reshape(-1, 8, 3).transpose(0, 2, 1))
        super().__init__(net)

    def start(self):
        super().start()
        self.mean, self.square = aligned(np.zeros((8, 24))), aligned(np.zeros((8, 24)))
        self.powers = np.ones(2)

    def place(self, w, b, v, c):
        return _place(w, b, v, c, 24)

    def parameters(self):
        return _read(self.memory, 4, 20)

    def arguments(self, steps):
        batches = ctypes.c_long(len(self.Y))
        memories = [self.mean, self.square, self.powers, self.X, self.Y]
        return *map(address, memories), batches, steps


class Moons(Trainer):
    name = "moons"

    def __init__(self, net):
        padded = [np.pad(column, (0, 4)) for column in [*net.X.T, net.y[:, 0], np.ones(100)]]
        self.columns = [aligned(column) for column in padded]
        super().__init__(net)

    def place(self, *arrays):
        return np.pad(np.concatenate([array.ravel() for array in arrays]), (0, 7))

    def parameters(self):
        return self.net.in_shape(self.memory)

    def arguments(self, steps):
        return *map(address, self.columns), steps


class Digits(Trainer):
    name = "digits"

    def __init__(self, net):
        self.X = aligned(net.X)
        self.Y = aligned(np.pad(net.y.reshape(-1, 100), [(0, 0), (0, 4)], constant_values=0.5))
        super().__init__(net)

    def place(self, w, b, v, c):
        return _place(w, b, v, c, 32)

    def parameters(self):
        return _read(self.memory, 64, 30)

    def arguments(self, steps):
        return address(self.X), address(self.Y), ctypes.c_long(len(self.Y)), steps


def _place(w, b, v, c, wide):
    """Rows of `wide` places: the weights of each input, the biases, the weights of each output with its bias."""
    (units, inputs), outputs = w.shape, len(v)
    out = np.zeros((inputs + 1 + outputs, wide))
    out[:inputs, :units], out[inputs, :units] = w.T, b
    out[inputs + 1 :, :units], out[inputs + 1 :, units] = v, c
    return out


def _read(memory, inputs, units):
    last = memory[inputs + 1 :]
    return [
        memory[:inputs, :units].T.copy(),
        memory[inputs, :units].copy(),
        last[:, :units].copy(),
        last[:, units].copy(),
    ]


def train(net, variant):
    kinds = {"xor": Xor, "iris": Iris, "moons": Moons, "digits": Digits}
    return kinds[net.name](net) if net.name in kinds else None


def evaluate(expression, variant):
    return EvaluatorInC(expression.name, "tuned.c", FLAGS)
