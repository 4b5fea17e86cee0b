"""step.run: data of every kind, shuffles, callbacks, long runs, and what is refused."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from helpers.eagerly import SIGNS, X2, eager_training, pair, small
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograd import Value, exp, jit, log, sqrt, train_step
from micrograd.compiler.native.shuffle import Twister, generator
from micrograd.losses import cross_entropy, mse
from micrograd.nn import MLP
from micrograd.optim import (
    SGD,
    Adam,
)


def test_data_of_every_kind_gives_the_same_losses():
    wanted = None
    for X, y in [
        (X2, SIGNS),
        (X2.tolist(), SIGNS.tolist()),
        ([tuple(row) for row in X2.tolist()], tuple(SIGNS.tolist())),
        (np.asfortranarray(X2), SIGNS.astype("i1")),
        (np.repeat(X2, 2, axis=0)[::2], SIGNS.astype(float)),
    ]:
        _, _, step = small()
        losses = [step(X, y), step(X, y), *step.run(X, y, epochs=2, batch_size=6)]
        wanted = wanted or losses
        assert losses == wanted


def test_arrays_may_change_between_steps():
    net, _, step = small(lambda p: SGD(p, lr=0.0))
    X, y = X2.copy(), SIGNS.copy()
    before = step(X, y)
    X[:] = X[::-1].copy()
    y[:] = y[::-1].copy()
    assert step(X, y) == pytest.approx(before, rel=1e-12)
    y[:] = -y
    assert step(X, y) != pytest.approx(before, rel=1e-3)
    assert step(X[:5], y[:5]) == pytest.approx(mse([net(r) for r in X[:5]], y[:5].tolist()).data, rel=1e-12)


@given(seed=st.integers(0, 2**40), n=st.integers(1, 200))
@settings(max_examples=25)
def test_shuffles_are_pythons_own(seed, n):
    """Each row has its own loss, so losses show the order; the generator goes on from where it was left."""
    w = Value(0.0)
    step = train_step(lambda x: w * 0.0 + x, SGD([w], lr=0.0))
    rows = np.arange(float(n))
    given_rng, wanted_rng = random.Random(seed), random.Random(seed)
    wanted = []
    for _ in range(3):
        order = list(range(n))
        wanted_rng.shuffle(order)
        wanted += order
    assert step.run(rows, epochs=3, batch_size=1, shuffle=given_rng).tolist() == wanted
    assert given_rng.random() == wanted_rng.random()
    assert step.run(rows, epochs=1, batch_size=1).tolist() == list(range(n))


def test_what_shuffle_may_be():
    assert generator(None) is None and generator(False) is None
    assert generator(3).random() == random.Random(3).random()
    for wrong in ("0", 0.5, True, np.random.default_rng(0)):
        with pytest.raises(TypeError, match="shuffle must be a seed such as 0"):
            generator(wrong)
    r = random.Random(1)
    twister = Twister()
    for _ in range(2):  # reading its words from memory, then through NumPy
        twister.take_over(r)
        r.random()
        twister.put_back(r)
        assert r.random() == random.Random(1).random()
        r, twister._words = random.Random(1), None


def test_callbacks():
    net, optimizer, step = small()
    seen = []
    losses = step.run(X2, SIGNS, steps=10, batch_size=5, callback=lambda n, loss: seen.append((n, loss)), every=4)
    assert [n for n, _ in seen] == [4, 8, 10]
    assert [loss for _, loss in seen] == [losses[3], losses[7], losses[9]]
    assert len(step.run(X2, SIGNS, epochs=5, callback=lambda n, loss: n < 3)) == 3
    assert optimizer.steps == 13

    def lower(n, loss):
        optimizer.lr = 0.0

    parameters = None
    step.run(X2, SIGNS, epochs=5, callback=lower)
    parameters = [p.data for p in net.parameters()]
    step.run(X2, SIGNS, epochs=5)
    assert [p.data for p in net.parameters()] == parameters

    def fails(n, loss):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        step.run(X2, SIGNS, epochs=5, callback=fails)
    assert optimizer.steps == 24


def test_long_runs_are_cut_without_a_trace():
    """More steps than one call takes, and a budget that ends within a step."""
    eager, compiled = pair(lambda r: MLP(2, [3, 1], activation="tanh", rng=r), lambda p: Adam(p, lr=0.01))
    step = train_step(lambda x, y: mse(compiled[0](x), y), compiled[1])
    step(X2, SIGNS)
    for _, optimizer in (eager, compiled):
        optimizer.steps = 0
    for p, q in zip(eager[0].parameters(), compiled[0].parameters()):
        q.data = p.data
    for name in compiled[1].state:
        compiled[1].state[name] = [0.0] * len(compiled[0].parameters())
    program = step._last()
    program.context.allowance = 1  # a pause after each block
    losses = step.run(X2, SIGNS, steps=40, batch_size=7, shuffle=3)
    wanted = eager_training(lambda x, y: mse(eager[0](x), y), eager[1], X2, SIGNS, epochs=14, batch_size=7, seed=3)
    assert losses.tolist() == pytest.approx(wanted[:40], rel=1e-12)
    assert len(step.run(X2, SIGNS, steps=10_000)) == 10_000


@pytest.mark.parametrize(
    "options, said",
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"every": True}, "every must be a whole number"),
        ({"epochs": 1, "steps": 1}, "give epochs or steps, not both"),
    ],
)
def test_bad_options(options, said):
    _, _, step = small()
    with pytest.raises(ValueError, match=said):
        step.run(X2, SIGNS, **options)


def test_bad_data_and_losses():
    net, optimizer, step = small()
    before = net.state_dict()
    with pytest.raises(ValueError, match="x has 20 rows but y has 3"):
        step(X2, [1, 2, 3])
    with pytest.raises(ValueError, match=r"takes 2 inputs, got 1"):
        step(X2[:, :1], SIGNS)
    with pytest.raises(RuntimeError, match="nothing has been compiled yet"):
        _ = small()[2].tape
    with pytest.raises(TypeError, match="must return one number for a row, not list"):
        train_step(lambda x, y: [net(x)], optimizer)(X2, SIGNS)
    with pytest.raises(TypeError, match="takes a loss function and an optimizer"):
        train_step(optimizer, lambda x: x)
    classes = train_step(lambda x, y: cross_entropy([net(x), 0.0], y), optimizer)
    with pytest.raises(IndexError, match=r"row 3: take: index 2 is out of range for 2 values: use 0 to 1"):
        classes(X2[:5], np.array([0, 1, 0, 2, 1]))
    with pytest.raises(IndexError, match=r"row 4: take: index -1 is out"):
        classes.run(X2[:5], [0, 1, 0, 1, -1], epochs=3)
    assert net.state_dict() == before and optimizer.steps == 0


def test_a_step_that_is_not_finite_is_not_taken_and_says_why():
    w = Value(1.0, label="w")
    optimizer = SGD([w], lr=0.1)
    for f, rows, said in [
        (
            lambda x: log(w * x),
            [1.0, 2.0, -1.0],
            r"step 1 was skipped.*index 2: log\(w \* \(-1\)\), where w \* \(-1\) = -1.0: needs",
        ),
        (lambda x: exp(w * x), [1.0, 1000.0], r"index 1: exp\(w \* 1000\).*too large"),
        (lambda x: w * x * 1e300, [1.0, 1e200], r"index 1: .*gave inf"),
        (lambda x: sqrt(w - x), [0.0, 1.0], r"index 1: backward through sqrt"),
        (lambda x: w * 0.0 + x, [1e308, 1e308], r"no single row does that when run eagerly"),
        (lambda x: w * x, [math.nan], r"index 0: .*gave nan"),
    ]:
        with pytest.raises(FloatingPointError, match=said):
            train_step(f, optimizer)(rows)
        assert w.data == 1.0 and optimizer.steps == 0 and w.grad == 0.0
    growing = train_step(lambda x: exp(-w * w * x), optimizer)
    optimizer.lr = -300.0
    with pytest.raises(FloatingPointError, match=r"step \d+ was skipped"):
        train_step(lambda x: exp(w * x), optimizer).run([1.0], steps=100)
    assert 0 < optimizer.steps < 100 and math.isfinite(w.data)
    assert growing([1.0]) == pytest.approx(math.exp(-(w.data**2)), abs=1e-12) or w.data > 1


def test_jitted_functions_inside_a_loss_and_on_the_same_parameters():
    net, _, _ = small()
    fast = jit(net)
    before = fast([0.5, 1.0]).data
    inside = train_step(lambda x, y: mse(fast(x), y), SGD(net.parameters(), lr=0.1))
    wanted = mse([net(row) for row in X2], SIGNS.tolist()).data
    assert inside(X2, SIGNS) == pytest.approx(wanted, rel=1e-12)
    assert fast([0.5, 1.0]).data == net([0.5, 1.0]).data != before


def test_the_tape_may_be_looked_at_in_a_callback():
    _, _, step = small()
    lengths = []
    step.run(X2, SIGNS, steps=2, callback=lambda n, loss: lengths.append(len(step.trace(X2, SIGNS))))
    assert lengths == [len(step.tape)] * 2
