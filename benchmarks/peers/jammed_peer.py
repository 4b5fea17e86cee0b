"""Two layers of sigmoids as loops by hand: `benchmarks/jammed.c`, many steps per call, rows as they come."""

from __future__ import annotations

import ctypes

import numpy as np

from benchmarks.peers.limit_peer import address, aligned, is_digits, library, sizes, version

__all__ = ["LOOPS", "NAMES", "SLOW", "evaluate", "train", "version"]
NAMES = {"loop": "jammed.c"}
LOOPS = {"loop"}
SLOW = set()
FLAGS = "-O3 -march=native -mprefer-vector-width=512 -ffast-math -fPIC".split()


class Trainer:
    def __init__(self, net):
        self.net, self.function = net, library("jammed.c", [*FLAGS, *sizes(net)]).digits
        self.function.restype = ctypes.c_long
        self.X, self.Y = aligned(net.X), aligned(net.y)
        self.start()

    def start(self):
        self.memory = aligned(np.concatenate([array.ravel() for array in self.net.parameters()]))

    def run(self, steps):
        losses = np.empty(steps)
        counts = ctypes.c_long(len(self.net.X) // self.net.batch), ctypes.c_long(steps), ctypes.c_double(self.net.lr)
        taken = self.function(*map(address, (self.memory, self.X, self.Y)), *counts, address(losses))
        if taken < steps:
            raise FloatingPointError(f"jammed.c: the loss of step {taken + 1} is {losses[taken]}")
        return losses

    def parameters(self):
        return self.net.in_shape(self.memory)


def train(net, variant):
    return Trainer(net) if is_digits(net) else None


def evaluate(expression, variant):
    return None
