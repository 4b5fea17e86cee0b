"""Training steps that C takes again, those that Python takes, and what both change."""

from __future__ import annotations

import contextlib
import random

import numpy as np

from micrograd import train_step
from micrograd.compiler.train_step import TrainStep
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 2)), rng.normal(size=20)


def xor(optimizer=lambda p: SGD(p, lr=0.1), *, in_c=True, **options):
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    step = train_step(lambda x, y: mse(net(x), y), optimizer(net.parameters()), **options)
    if not in_c:
        step._prepared = in_python(step)
    return step


def in_python(step):
    """The step's `_prepared`, after which C does not take the step."""

    def prepared(*args, **options):
        batches = TrainStep._prepared(step, *args, **options)
        batches = batches._replace(again=False)
        if step._last_batches is not None:
            step._last_batches = batches
        return batches

    return prepared


@contextlib.contextmanager
def python_steps(step):
    """A list of the data of steps that Python prepared meanwhile."""
    seen = []
    before = vars(step).get("_prepared")

    def prepared(data, *args, **options):
        seen.append(data)
        return (before or TrainStep._prepared.__get__(step))(data, *args, **options)

    step._prepared = prepared
    try:
        yield seen
    finally:
        del step._prepared
        if before:
            step._prepared = before


def quickly(step, *data):
    """The loss of a step that C takes."""
    with python_steps(step) as seen:
        out = step(*data)
    assert not seen, "the step went through Python"
    return out


def slowly(step, *data):
    """The loss of a step that Python has to take."""
    with python_steps(step) as seen:
        out = step(*data)
    assert seen, "C took the step"
    return out


def ready(step, *data):
    for _ in range(3):
        step(*data)
    return step


def state_of(step):
    """Everything that steps change, to the last bit."""
    optimizer = step.optimizer
    states = {name: [x.hex() for x in numbers] for name, numbers in optimizer.state.items()}
    return [p.data.hex() for p in optimizer.parameters], states, optimizer.steps
