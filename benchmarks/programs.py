"""The eager programs that are timed, as people write them: one class for each, the same lines for every engine.

A program is made from an `Engine` by a worker (worker.py). `results()` are numbers by name that must be equal in all
engines that give them, and `block()` measures once: what was measured by name, in seconds a step or in bytes.
"""

from __future__ import annotations

import gc
import importlib.util
import itertools
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass
class Engine:
    """One engine, loaded: its Value, its nets if it has some, and which of ours it is, "native" or "python"."""

    name: str
    Value: Any
    MLP: Any = None
    core: str = ""
    home: str = ""  # where its package is

    @property
    def is_ours(self) -> bool:
        return bool(self.core)


class Program:
    """The base of all. `unit` is that of its measures; `engines` are those that it is measured with."""

    unit = "s"
    rounds = 0  # blocks of each engine; 0: as many as were asked for
    engines = ("native", "python", "original")

    def __init__(self, engine: Engine, quick: bool):
        self.engine, self.quick = engine, quick

    def results(self) -> dict[str, list[float]]:
        return {}

    def block(self) -> dict[str, float]:
        raise NotImplementedError


def timed(f: Any, count: int = 1) -> float:
    """Seconds for one of `count` calls."""
    began = time.perf_counter()
    for _ in range(count):
        f()
    return (time.perf_counter() - began) / count


def with_and_without_collector(f: Any) -> dict[str, float]:
    """Seconds that `f()` gives, with Python's cyclic garbage collector on and paused."""
    found = {}
    for name, change in (("collector on", gc.enable), ("collector paused", gc.disable)):
        gc.collect()
        change()
        found[name] = f()
    gc.enable()
    return found


class Training(Program):
    """Steps of an ordinary training loop: the last graph lives while the next is built."""

    target = 0.3  # seconds a block
    loss: Any = None

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        self.steps = 0

    def step(self) -> None:
        raise NotImplementedError

    def parameters(self) -> list[Any]:
        raise NotImplementedError

    def results(self) -> dict[str, list[float]]:
        found = {}
        for number in range(1, 4):
            self.step()
            found[f"loss and gradients of step {number}"] = [self.loss.data, *(p.grad for p in self.parameters())]
        return found

    def block(self) -> dict[str, float]:
        if not self.steps:
            self.steps = 1 if self.quick else max(2, round(self.target / timed(self.step)))
        return with_and_without_collector(lambda: timed(self.step, self.steps))


class Moons(Training):
    """The original's own demo: MLP(2, [16, 16, 1]) on 100 examples, of each engine's nn."""

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        rng = random.Random(1337)
        random.seed(1337)
        self.model = engine.MLP(2, [16, 16, 1])
        self.X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(100)]
        self.y = [1 if a * b > 0 else -1 for a, b in self.X]

    def parameters(self) -> list[Any]:
        return self.model.parameters()

    def step(self) -> None:
        inputs = [list(map(self.engine.Value, row)) for row in self.X]
        scores = list(map(self.model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(self.y, scores)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in self.model.parameters())
        self.model.zero_grad()
        loss.backward()
        for p in self.model.parameters():
            p.data -= 0.1 * p.grad
        self.loss = loss


class Lecture(Training):
    """The net of Karpathy's lecture: the classes and tanh written by hand, 41 parameters, 4 rows."""

    X = ([2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0])
    y = (1.0, -1.0, -1.0, 1.0)

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        self.Value, sizes, rng = engine.Value, [3, 4, 4, 1], random.Random(0)
        self.layers = [
            [([self.Value(rng.uniform(-1, 1)) for _ in range(n)], self.Value(rng.uniform(-1, 1))) for _ in range(m)]
            for n, m in itertools.pairwise(sizes)
        ]

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for w, b in layer for p in [*w, b]]

    def tanh(self, x: Any) -> Any:
        t = (math.exp(2 * x.data) - 1) / (math.exp(2 * x.data) + 1)
        out = self.Value(t, (x,), "tanh")

        def _backward():
            x.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def net(self, x: Any) -> Any:
        for layer in self.layers:
            x = [self.tanh(sum((wi * xi for wi, xi in zip(w, x)), b)) for w, b in layer]
        return x[0]

    def step(self) -> None:
        outputs = [self.net(x) for x in self.X]
        loss = sum((out - wanted) ** 2 for wanted, out in zip(self.y, outputs))
        for p in self.parameters():
            p.grad = 0.0
        loss.backward()
        for p in self.parameters():
            p.data += -0.05 * p.grad
        self.loss = loss


class LectureTanh(Lecture):
    """The same with each engine's own tanh, if it has one."""

    def tanh(self, x: Any) -> Any:
        return x.tanh() if self.engine.is_ours else super().tanh(x)


class LectureNet(Lecture):
    """The same rows through each engine's nn, with ReLU."""

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        random.seed(0)
        self.model = engine.MLP(3, [4, 4, 1])

    def parameters(self) -> list[Any]:
        return self.model.parameters()

    def net(self, x: Any) -> Any:
        return self.model(x)


class MicroGPT(Training):
    """A step of `demos/microgpt.py` on one word, with our own take, softmax, cross_entropy and Adam."""

    engines = ("native", "python")
    words = ("agnes", "emma", "isabella")

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        spec = importlib.util.spec_from_file_location("demo", ROOT / "demos" / "microgpt.py")
        self.demo = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.demo)
        self.adapt()
        alphabet = [self.demo.END, *"abcdefghijklmnopqrstuvwxyz"]
        self.tokens, self.targets, self.weights = self.demo.encode(self.words[0], alphabet, 16, pad=False)
        self.gpt = self.demo.GPT(len(alphabet), block=16, size=16, heads=4, layers=1, rng=random.Random(0))
        self.optimizer = self.make_optimizer()

    def adapt(self) -> None:
        """Change what the program imports."""

    def parameters(self) -> list[Any]:
        return self.gpt.parameters()

    def make_optimizer(self) -> Any:
        return self.demo.Adam(self.parameters(), lr=0.01, betas=(0.9, 0.99))

    def step(self) -> None:
        demo, gpt = self.demo, self.gpt
        memory = [([], []) for _ in gpt.layers]
        rows = enumerate(zip(self.tokens, self.targets))
        loss = demo.dot(self.weights, [demo.cross_entropy(gpt(t, i, memory), y) for i, (t, y) in rows])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.loss = loss


class MicroGPTScript(MicroGPT):
    """The same net as a script has it that brings its own Value: softmax, the loss and Adam of plain operations."""

    engines = ("native", "python", "slotted")

    def adapt(self) -> None:
        demo = self.demo
        demo.Value, demo.take = self.engine.Value, lambda values, index: values[index]
        demo.softmax, demo.cross_entropy = script_softmax, lambda scores, target: -script_softmax(scores)[target].log()

    def parameters(self) -> list[Any]:
        gpt = self.gpt
        matrices = [gpt.tokens, gpt.positions, gpt.scores]
        for layer in gpt.layers:
            matrices += [layer.query, layer.key, layer.value, layer.up, layer.out, layer.down]
        return [p for matrix in matrices for row in matrix for p in row]

    def make_optimizer(self) -> Any:
        return ScriptAdam(self.parameters())


def script_softmax(scores: Any) -> list[Any]:
    top = max(score.data for score in scores)
    exps = [(score - top).exp() for score in scores]
    total = sum(exps)
    return [e / total for e in exps]


class ScriptAdam:
    """Adam as a script has it: two lists of moments and a loop."""

    def __init__(self, parameters: list[Any]):
        self.parameters, self.steps = parameters, 0
        self.m, self.v = [0.0] * len(parameters), [0.0] * len(parameters)

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = 0.0

    def step(self) -> None:
        self.steps += 1
        for i, p in enumerate(self.parameters):
            self.m[i] = 0.9 * self.m[i] + 0.1 * p.grad
            self.v[i] = 0.99 * self.v[i] + 0.01 * p.grad**2
            m_hat, v_hat = self.m[i] / (1 - 0.9**self.steps), self.v[i] / (1 - 0.99**self.steps)
            p.data -= 0.01 * m_hat / (v_hat**0.5 + 1e-8)
