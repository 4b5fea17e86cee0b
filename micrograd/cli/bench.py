"""Time a step of training on this machine, eager and compiled: `micrograd bench` prints the lines of `timing()`.

Eager steps run on the core that is named: the native one, or Python's.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from typing import Any

from micrograd import in_c
from micrograd.c_core import described
from micrograd.data.sets import spirals
from micrograd.engine import Value
from micrograd.extras import how_to_get
from micrograd.losses import binary_cross_entropy
from micrograd.nn import MLP
from micrograd.optim import SGD
from micrograd.training.backends import missing_package
from micrograd.words import count


def timing(rows: int = 32) -> Iterator[str]:
    """Time a step of training a net of 2-16-16-1 on this machine, eager and compiled: a few lines."""
    X, y = spirals(rows)

    def net_and_optimizer() -> tuple[Any, Any]:
        net = MLP(2, [16, 16, 1], activation="tanh", init="xavier", rng=random.Random(0))
        return net, SGD(net.parameters(), lr=0.01)

    net, optimizer = net_and_optimizer()

    def step() -> None:
        total = sum((binary_cross_entropy(net(row), target) for row, target in zip(X, y)), Value(0.0)) / rows
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    yield (
        f"a step of training: a net of 2-16-16-1, {count(len(net.parameters()), 'parameter')}, {rows} rows, forward, "
        "backward and SGD"
    )
    yield f"on the {'; '.join(described(in_c.changed).splitlines())}"
    eager = _best(step, repeats=5)
    yield f"eager     {eager * 1e3:10.3f} ms a step"
    if missing := missing_package():
        yield f"compiled  needs {missing}: {how_to_get('jit')}"
        return
    from micrograd.compiler.train_step import train_step

    net, optimizer = net_and_optimizer()
    train = train_step(lambda row, target: binary_cross_entropy(net(row), target), optimizer)
    began = time.perf_counter()
    train.run(X, y, epochs=1, batch_size=rows)
    compiling = time.perf_counter() - began
    steps = 2000
    compiled = _best(lambda: train.run(X, y, epochs=steps, batch_size=rows), repeats=3) / steps
    yield f"compiled  {compiled * 1e3:10.4f} ms a step, {eager / compiled:,.0f} times as fast"
    yield f"compiling {compiling * 1e3:10.0f} ms, once; as long as {math.ceil(compiling / eager):,} eager steps"


def _best(f: Any, repeats: int) -> float:
    """The shortest of several times: other programs slowed the longer ones."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        f()
        times.append(time.perf_counter() - began)
    return min(times)
