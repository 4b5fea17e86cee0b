"""Our GPT: that of `demos/microgpt.py`, compiled, eager, and eager on the Python core in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import pickle
import random
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np

from micrograd import train_step
from micrograd.optim import Adam

ROOT = Path(__file__).parent.parent.parent
LAYER = "query", "key", "value", "up", "out", "down"


def demo():
    spec = importlib.util.spec_from_file_location("microgpt", ROOT / "demos" / "microgpt.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Trainer:
    """The base of all: the net, the loss of one document, and the optimizer."""

    def __init__(self, gpt):
        self.gpt, self.demo = gpt, demo()
        sizes = {"block": gpt.block, "size": gpt.size, "heads": gpt.heads, "layers": 1}
        self.net = self.demo.GPT(gpt.letters, **sizes, rng=random.Random(0))
        self.optimizer = Adam(self.net.parameters(), lr=gpt.lr, betas=(0.9, 0.99))
        self.fresh = self.optimizer.state_dict()
        self.documents = gpt.tokens.tolist(), gpt.targets.tolist(), gpt.weights.tolist()

    def matrices(self):
        (layer,) = self.net.layers
        return [getattr(layer if name in LAYER else self.net, name) for name in self.gpt.arrays]

    def start(self):
        for matrix, array in zip(self.matrices(), self.gpt.arrays.values()):
            for row, numbers in zip(matrix, array.tolist()):
                for value, number in zip(row, numbers):
                    value.data = number
        self.optimizer.load_state_dict(self.fresh)

    def parameters(self):
        return [np.array([[value.data for value in row] for row in matrix]) for matrix in self.matrices()]

    def loss(self, tokens, targets, weights):
        demo, memory = self.demo, [([], [])]
        rows = enumerate(zip(tokens, targets))
        return demo.dot(weights, [demo.cross_entropy(self.net(t, i, memory), y) for i, (t, y) in rows])


class Run(Trainer):
    def __init__(self, gpt):
        super().__init__(gpt)
        self.step = train_step(self.loss, self.optimizer)

    def run(self, steps):
        return self.step.run(*self.documents, steps=steps, batch_size=1)


class Eager(Trainer):
    def run(self, steps):
        out, documents = [], list(zip(*self.documents))
        for i in range(steps):
            loss = self.loss(*documents[i % len(documents)])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            out.append(loss.data)
        return out


class Elsewhere:
    """An eager trainer on the Python core: a process that is asked over pipes."""

    def __init__(self, gpt):
        variables = {**os.environ, "MICROGRAD_PURE": "1"}
        command = [sys.executable, "-m", "benchmarks.peers.gpt_ours"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, env=variables, **pipes)
        weakref.finalize(self, _end, self.process)
        self.ask(gpt)

    def ask(self, *question):
        pickle.dump(question, self.process.stdin)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)

    def start(self):
        self.ask("start")

    def run(self, steps):
        return self.ask("run", steps)

    def parameters(self):
        return self.ask("parameters")


def _end(process):
    process.stdin.close()
    process.wait()
    process.stdout.close()


def main():
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    trainer = None
    while True:
        try:
            name, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if trainer is None:
            trainer, out = Eager(name), None
        else:
            out = getattr(trainer, name)(*arguments)
        pickle.dump(out, answers)
        answers.flush()


if __name__ == "__main__":
    main()
