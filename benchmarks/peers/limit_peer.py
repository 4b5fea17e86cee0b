"""The yardstick: `benchmarks/limit.c`, compiled here and called through ctypes, many steps per call."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.workloads import POINT

NAMES = {"loop": "limit.c"}
LOOPS = {"loop"}
SLOW = set()
FLAGS = "-O3 -march=native -ffast-math -fPIC".split()
NAMES_IN_C = {"xor": "xor_net", "sigmoids": "sigmoids_expression"}  # C reserves the name, or the file uses it


def sizes(net):
    """The compiler's options for a net of sigmoids with biases, of any size; for the others none are needed."""
    if not is_digits(net):
        return []
    return [f"-D{name}={size}" for name, size in zip(("INPUTS", "HIDDEN", "BATCH"), (*net.sizes[:2], net.batch))]


def is_digits(net):
    return net.loss == "half_squared_sum" and net.layers[0][1] is not None


def version():
    return subprocess.run([_compiler(), "--version"], capture_output=True, text=True).stdout.partition("\n")[0]


def _compiler():
    found = os.environ.get("CC") or shutil.which("cc")
    if not found:
        raise RuntimeError("there is no C compiler: install one, or set CC to its name")
    return found


def library(name="limit.c", flags=FLAGS):
    """Compile a file afresh, so that the compile time is measured for each net."""
    source = Path(__file__).parent.parent / name
    with tempfile.TemporaryDirectory() as folder:
        middle, out = Path(folder) / "library.o", Path(folder) / "library.so"
        # Link in a step without -ffast-math: with it, this whole process would treat denormal numbers as zero.
        for command in (
            [_compiler(), *flags, "-c", str(source), "-o", str(middle)],
            [_compiler(), "-shared", str(middle), "-o", str(out), "-lmvec", "-lm"],
        ):
            said = subprocess.run(command, capture_output=True, text=True)
            if said.returncode:
                raise RuntimeError(
                    f"{command[0]} could not compile {name}: {said.stderr.strip().rpartition(chr(10))[2]}"
                )
        return ctypes.CDLL(str(out))


def aligned(array):
    """A copy at an address that is a multiple of 64, as vectors need."""
    array = np.asarray(array, float)
    room = np.zeros(array.size + 8)
    start = -room.ctypes.data // 8 % 8
    out = room[start : start + array.size].reshape(array.shape)
    out[...] = array
    return out


def address(array):
    return ctypes.c_void_p(array.ctypes.data)


class Trainer:
    """Batches are stored unit by unit, rows innermost; parameters in the order of `Net.parameters`."""

    def __init__(self, net):
        name = "digits" if is_digits(net) else NAMES_IN_C.get(net.name, net.name)
        self.net, self.function = net, getattr(library(flags=[*FLAGS, *sizes(net)]), name)
        y = np.eye(3)[net.y] if net.loss == "cross_entropy" else net.y
        self.X, self.Y = (aligned(_unit_by_unit(array, net.batch)) for array in (net.X, y))
        self.start()

    def start(self):
        self.memory = aligned(np.concatenate([array.ravel() for array in self.net.parameters()]))
        state = [np.zeros(self.memory.size), np.zeros(self.memory.size), np.ones(2)]
        self.state = [aligned(array) for array in state] if self.net.optimizer == "adam" else []

    def run(self, steps):
        losses = np.empty(steps)
        counts = ctypes.c_long(len(self.X)), ctypes.c_long(steps), ctypes.c_double(self.net.lr)
        self.function(*map(address, (self.memory, self.X, self.Y)), *counts, *map(address, (losses, *self.state)))
        return losses

    def parameters(self):
        return self.net.in_shape(self.memory)


def _unit_by_unit(array, rows):
    return array.reshape(-1, rows, array.shape[1]).transpose(0, 2, 1)


class Evaluator:
    def __init__(self, name, source="limit.c", flags=FLAGS):
        self.function = getattr(library(source, flags), name)
        self.point, self.out = np.array(POINT), np.zeros(3)

    def run(self, calls):
        self.function(address(self.point), address(self.out), ctypes.c_long(calls))

    def result(self):
        return self.out.tolist()


def train(net, variant):
    return Trainer(net)


def evaluate(expression, variant):
    return Evaluator(NAMES_IN_C.get(expression.name, expression.name))


class DocumentTrainer:
    """The documents of a GPT, one a step, in `benchmarks/limit_gpt.c`."""

    def __init__(self, gpt):
        sizes = gpt.letters, gpt.block, gpt.size, gpt.heads
        if sizes != (27, 8, 16, 4):
            raise ValueError(f"limit_gpt.c is for 27 letters, 8 positions of 16 numbers and 4 heads, not for {sizes}")
        self.gpt, self.function = gpt, library("limit_gpt.c").microgpt
        self.tokens, self.targets = (np.ascontiguousarray(x, ctypes.c_long) for x in (gpt.tokens, gpt.targets))
        self.weights = aligned(gpt.weights)
        self.start()

    def start(self):
        self.memory = aligned(np.concatenate([array.ravel() for array in self.gpt.parameters()]))
        state = np.zeros(self.memory.size), np.zeros(self.memory.size), np.ones(2)
        self.state = [aligned(array) for array in state]

    def run(self, steps):
        losses = np.empty(steps)
        counts = ctypes.c_long(len(self.tokens)), ctypes.c_long(steps), ctypes.c_double(self.gpt.lr)
        data = map(address, (self.memory, self.tokens, self.targets, self.weights))
        self.function(*data, *counts, *map(address, (losses, *self.state)))
        return losses

    def parameters(self):
        return self.gpt.in_shape(self.memory)


def train_gpt(gpt, variant):
    return DocumentTrainer(gpt)
