"""Any mix of compiled and eager training, copies, pickles and changes gives what plain NumPy gives.

Hypothesis chooses the mix. `STATEFUL_EXAMPLES=500 python -m pytest tests/compiler/test_stateful.py` tries more.
To test something else, add a `@rule` that does the same to the package's objects and to the plain numbers; after each
rule, all numbers are compared.
"""

from __future__ import annotations

import copy
import functools
import os
import pickle
import random
import warnings
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers import plain
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from micrograd import Value, train_step
from micrograd.data import batches
from micrograd.losses import mse
from micrograd.nn import MLP, Module
from micrograd.optim import SGD, Adam, AdamW, RMSProp, cosine_decay, exponential_decay, linear_decay, step_decay

EXAMPLES = os.environ.get("STATEFUL_EXAMPLES")
MOST = 4  # trainers at a time


class Line(Module):
    """A plain list of Values."""

    def __init__(self, rng):
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(3)]

    def __call__(self, x):
        return self.w[0] * x[0] + self.w[1] * x[1] + self.w[2]


def own_schedule(t):
    return 0.02 if t < 4 else 0.005


class Gains(SGD):
    """A user's own optimizer, with a list as a setting."""

    def __init__(self, parameters, lr, *, factors):
        super().__init__(parameters, lr)
        self.factors = list(factors)

    def update(self, m, x, grad, *state, lr, t):
        return x - lr * self.factors[0] * grad, *state


MODELS = {
    "line": (Line, plain.line),
    "net": (lambda rng: MLP(2, [3, 1], activation="tanh", rng=rng), plain.net),
}
CLASSES = {"SGD": SGD, "RMSProp": RMSProp, "Adam": Adam, "AdamW": AdamW, "Gains": Gains}
OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"clip": 0.25}),
    ("RMSProp", {"decay": 0.9}),
    ("Adam", {"betas": (0.9, 0.99), "weight_decay": 0.01}),
    ("Adam", {"betas": (0.5, 0.9), "clip": 0.5}),
    ("AdamW", {"betas": (0.9, 0.999), "weight_decay": 0.1}),
    ("Gains", {"factors": [0.5]}),
]
RATES = [  # as the package takes them, and as plain functions of the number of steps taken
    (0.01, lambda t: 0.01),
    (0.003, lambda t: 0.003),
    (step_decay(0.02, every=3, factor=0.5), lambda t: 0.02 * 0.5 ** (t // 3)),
    (exponential_decay(0.02, factor=0.9), lambda t: 0.02 * 0.9**t),
    (cosine_decay(0.02, steps=9), lambda t: 0.01 * (1 + np.cos(np.pi * min(t / 9, 1)))),
    (linear_decay(0.02, steps=9), lambda t: 0.02 * (1 - min(t / 9, 1))),
    (own_schedule, own_schedule),
]


@dataclass
class Trained:
    """A model, and its numbers, loss and gradient in plain NumPy. Several trainers may train it."""

    model: Any
    numbers: Any
    loss: Any


@dataclass
class Trainer:
    """An optimizer of some of a model's parameters, its compiled step, and the same in plain NumPy."""

    of: Trained
    optimizer: Any
    plain: plain.Optimizer
    X: Any
    y: Any
    step: Any = None

    def __post_init__(self):
        model = self.of.model
        self.step = train_step(lambda x, y: mse(model(x), y), self.optimizer)

    def plain_step(self, rows=slice(None)):
        X, y = np.asarray(self.X, dtype=float)[rows], np.asarray(self.y, dtype=float)[rows]
        loss, gradient = self.of.loss(self.of.numbers, X, y)
        self.plain.step(self.of.numbers, gradient)
        return loss

    def order(self, batch_size, seed):
        """The rows of each step of an endless run."""
        count, rng = len(self.y), None if seed is None else random.Random(seed)
        size = min(batch_size or count, count)
        while True:
            rows = list(range(count))
            parts = (
                batches(rows, rows, size, rng=rng) if rng else [(rows[i : i + size],) for i in range(0, count, size)]
            )
            yield from (part[0] for part in parts)

    @property
    def is_in_place(self):
        """Whether the data are arrays that can be changed in place."""
        return all(type(x) is np.ndarray and x.flags.owndata and x.flags.c_contiguous for x in (self.X, self.y))


def between_steps(change):
    """A rule that runs between two compiled steps: the second must see what has changed since the first."""

    @functools.wraps(change)
    def changed(self, which, **given):
        t = self.trainer(which)
        self.check_step(t)
        change(self, t, **given)
        self.check_step(t)

    return changed


KINDS = st.sampled_from(["f8", "f8", "f4", "list", "whole", "slices"])
SEEDS, COUNTS = st.integers(0, 99), st.integers(1, 9)
WHICH = st.integers(0, MOST - 1)


class Training(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.trainers = []
        self.saved = []

    def trainer(self, which):
        return self.trainers[which % len(self.trainers)]

    def add(self, of, places, optimizer, rate, X, y):
        kind, given = optimizer
        pool = of.model.parameters()
        real = CLASSES[kind]([pool[i] for i in places], lr=rate[0], **copy.deepcopy(given))
        self.trainers.append(Trainer(of, real, plain.Optimizer(kind, places, rate[1], **copy.deepcopy(given)), X, y))

    @initialize(
        model=st.sampled_from(sorted(MODELS)),
        optimizer=st.sampled_from(OPTIMIZERS),
        rate=st.sampled_from(RATES),
        seed=SEEDS,
    )
    def start(self, model, optimizer, rate, seed):
        make, loss = MODELS[model]
        made = make(random.Random(seed))
        numbers = np.array([p.data for p in made.parameters()])
        self.add(Trained(made, numbers, loss), range(len(numbers)), optimizer, rate, *plain.made_data(seed, 5, "f8"))

    # Training.

    @rule(which=WHICH, times=st.integers(1, 3))
    def take_steps(self, which, times):
        for _ in range(times):
            self.check_step(self.trainer(which))

    def check_step(self, t):
        assert t.step(t.X, t.y) == pytest.approx(t.plain_step(), rel=1e-9, abs=1e-12)

    @rule(
        which=WHICH,
        steps=st.integers(1, 12),
        epochs=st.booleans(),
        batch_size=st.none() | st.integers(1, 6),
        seed=st.none() | SEEDS,
        every=st.integers(1, 4),
        end=st.none() | st.integers(1, 6),
        rate=st.none() | st.sampled_from(RATES),
    )
    def run(self, which, steps, epochs, batch_size, seed, every, end, rate):
        """A run with a callback, which may change the learning rate and may end it."""
        t, called = self.trainer(which), []
        size = min(batch_size or len(t.y), len(t.y))
        total = min(steps, 4) * -(-len(t.y) // size) if epochs else steps

        def callback(taken, loss):
            called.append((taken, loss))
            if rate and taken >= 3:
                t.optimizer.lr = rate[0]
            return end is None or taken < end

        given = {"epochs": min(steps, 4)} if epochs else {"steps": steps}
        losses = t.step.run(t.X, t.y, **given, batch_size=batch_size, shuffle=seed, callback=callback, every=every)
        wanted = []
        for taken, rows in zip(range(1, total + 1), t.order(batch_size, seed)):
            wanted.append(t.plain_step(rows))
            if taken % every == 0 or taken == total:
                assert called.pop(0) == (taken, losses[taken - 1])
                t.plain.lr = rate[1] if rate and taken >= 3 else t.plain.lr
                if end is not None and taken >= end:
                    break
        assert not called and losses.tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-12)

    @rule(which=WHICH)
    def train_eagerly(self, which):
        t = self.trainer(which)
        out = sum(mse(t.of.model(x), y) for x, y in zip(t.X, t.y)) / len(t.y)
        t.of.model.zero_grad()
        out.backward()
        t.optimizer.step()
        assert out.data == pytest.approx(t.plain_step(), rel=1e-9, abs=1e-12)

    # What may be done to models and optimizers between two steps.

    @precondition(lambda self: len(self.trainers) < MOST)
    @rule(which=WHICH, optimizer=st.sampled_from(OPTIMIZERS), rate=st.sampled_from(RATES), places=st.data())
    def share_parameters(self, which, optimizer, rate, places):
        """Another optimizer for some of the same parameters, in another order."""
        t = self.trainer(which)
        count = len(t.of.numbers)
        chosen = places.draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
        self.add(t.of, chosen, optimizer, rate, t.X, t.y)

    @rule(which=WHICH, how=st.sampled_from(["deepcopy", "pickle"]))
    def go_on_with_copies(self, which, how):
        """Copy models and optimizers together; the copies go on, the originals are dropped."""
        of = self.trainer(which).of
        mine = [t for t in self.trainers if t.of is of]
        whole = of.model, [t.optimizer for t in mine]
        if how == "pickle" and not any(callable(t.optimizer.lr) for t in mine):  # nested functions cannot be pickled
            model, optimizers = pickle.loads(pickle.dumps(whole))
        else:
            model, optimizers = copy.deepcopy(whole)
        new = Trained(model, of.numbers.copy(), of.loss)
        self.trainers = [t for t in self.trainers if t.of is not of]
        plains = copy.deepcopy([t.plain for t in mine])
        self.trainers += [Trainer(new, o, p, t.X, t.y) for o, p, t in zip(optimizers, plains, mine)]

    @precondition(lambda self: len(self.trainers) < MOST)
    @rule(which=WHICH)
    def copy_optimizer(self, which):
        """A shallow copy trains the same parameters, but has its own state."""
        t = self.trainer(which)
        real, same = copy.copy(t.optimizer), copy.copy(t.plain)
        real.parameters, same.places, same.state = list(real.parameters), list(same.places), dict(same.state)
        self.trainers.append(Trainer(t.of, real, same, t.X, t.y))

    @rule(which=WHICH)
    def make_step_anew(self, which):
        self.trainer(which).__post_init__()

    @rule(which=WHICH)
    def save(self, which):
        t = self.trainer(which)
        self.saved.append(
            (t, t.of.model.state_dict(), t.optimizer.state_dict(), t.of.numbers.copy(), copy.deepcopy(t.plain))
        )

    @precondition(lambda self: self.saved)
    @rule(which=WHICH, model=st.booleans(), optimizer=st.booleans())
    def load(self, which, model, optimizer):
        t, of_model, of_optimizer, numbers, kept = self.saved[which % len(self.saved)]
        if model:
            t.of.model.load_state_dict(of_model)
            t.of.numbers[:] = numbers
        sizes = {len(numbers) for numbers in of_optimizer["state"].values()}
        if optimizer and sizes == {len(t.optimizer.parameters)}:  # none was appended since
            t.optimizer.load_state_dict(of_optimizer)
            t.plain.steps, t.plain.state = kept.steps, dict(kept.state)

    @rule(which=WHICH, seed=SEEDS)
    @between_steps
    def set_a_number(self, t, seed):
        """Set by hand, maybe to a NumPy scalar."""
        rng = random.Random(seed)
        place, number = rng.randrange(len(t.of.numbers)), rng.choice([0.5, np.float32(0.25), np.float64(-0.5), 1])
        t.of.model.parameters()[place].data = number
        t.of.numbers[place] = number

    @rule(which=WHICH, seed=SEEDS)
    @between_steps
    def append_a_parameter(self, t, seed):
        left = sorted(set(range(len(t.of.numbers))) - set(t.plain.places))
        if left:
            place = random.Random(seed).choice(left)
            t.optimizer.parameters.append(t.of.model.parameters()[place])
            t.plain.append(place)

    @rule(which=WHICH, seed=SEEDS)
    @between_steps
    def replace_a_parameter(self, t, seed):
        """Replaced in the optimizer's list: the state stays with the place."""
        rng = random.Random(seed)
        left = sorted(set(range(len(t.of.numbers))) - set(t.plain.places))
        if left:
            at, place = rng.randrange(len(t.plain.places)), rng.choice(left)
            t.optimizer.parameters[at] = t.of.model.parameters()[place]
            t.plain.places[at] = place

    @rule(which=WHICH, rate=st.sampled_from(RATES))
    @between_steps
    def change_rate(self, t, rate):
        t.optimizer.lr, t.plain.lr = rate

    @rule(which=WHICH, clip=st.sampled_from([None, 0.1, 1.0]))
    @between_steps
    def change_clip(self, t, clip):
        t.optimizer.clip = t.plain.clip = clip

    @rule(which=WHICH, other=st.sampled_from([0.25, 0.5, 0.75]))
    @between_steps
    def change_settings(self, t, other):
        """Change the optimizer's settings; a list is changed in place."""
        for optimizer in (t.optimizer, t.plain):
            if t.plain.kind == "SGD":
                optimizer.momentum, optimizer.weight_decay = other, other / 100
            elif t.plain.kind == "RMSProp":
                optimizer.decay = other
            elif t.plain.kind == "Gains":
                optimizer.factors[0] = other
            else:
                optimizer.betas = (other, 0.95)

    # What may be done to data between two steps.

    @rule(which=WHICH, seed=SEEDS, count=COUNTS, kind=KINDS)
    @between_steps
    def give_other_data(self, t, seed, count, kind):
        t.X, t.y = plain.made_data(seed, count, kind)

    @rule(which=WHICH, seed=SEEDS)
    @between_steps
    def change_contents(self, t, seed):
        t.X[:], t.y[:] = plain.made_data(seed, len(t.y), "whole" if t.is_in_place and t.y.dtype.kind in "iu" else "f4")

    @rule(which=WHICH, count=COUNTS, large=st.booleans())
    @between_steps
    def resize(self, t, count, large):
        """In place: the numbers move in memory, even if the shape ends up the same."""
        if t.is_in_place:
            for size in ([100_000] * large + [count]) if count != len(t.y) else [100_000, count]:
                t.X.resize((size, 2), refcheck=False)
                t.y.resize(size, refcheck=False)

    @rule(which=WHICH, what=st.sampled_from(["dtype", "strides"]))
    @between_steps
    def read_otherwise(self, t, what):
        """The same memory, as numbers of another type, or with every row at the place of the first."""
        if t.is_in_place:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy advises against it
                if what == "strides":
                    t.X.strides = (0, t.X.itemsize)
                elif t.y.dtype == np.int64 and not any(t.y < 0):
                    t.y.dtype = np.float64  # numbers as small as 5e-324

    @invariant()
    def all_numbers_agree(self):
        for t in self.trainers:
            where = {"rel": 1e-9, "abs": 1e-9}
            assert [p.data for p in t.of.model.parameters()] == pytest.approx(t.of.numbers.tolist(), **where)
            state = t.optimizer.state_dict()
            assert state["steps"] == t.plain.steps
            for name, numbers in t.plain.state.items():
                found = state["state"][name]
                found += [0.0] * (len(numbers) - len(found))  # of parameters appended since the last step
                assert found == pytest.approx(numbers.tolist(), **where)


TestTraining = Training.TestCase
TestTraining.settings = settings(
    max_examples=int(EXAMPLES or 60), stateful_step_count=30, deadline=None, derandomize=not EXAMPLES
)
