"""Training that is interrupted at any moment, or shared by threads, has always taken a whole number of steps.

The moment of an interrupt depends on the clock, so this is not part of the machine in test_stateful.py. The numbers are
compared with plain NumPy's after `optimizer.steps` steps.
"""

from __future__ import annotations

import math
import random
import signal
import threading

import numpy as np
import pytest
from helpers import plain
from helpers.interrupts import interrupted, threads_that_stay

from micrograd import Value, jit, train_step
from micrograd.compiler.batch import BatchProgram
from micrograd.data import batches
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread(),
    reason="needs a timer's signal, which the main thread gets",
)

DATA = np.random.default_rng(0)
X, Y = DATA.normal(size=(20, 2)), DATA.normal(size=20)
EVERYTHING = iter(lambda: slice(None), None)  # the rows of steps on all of them, without end


def made(kind):
    """A net, its optimizer and step, and the same in plain NumPy."""
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    numbers = np.array([p.data for p in net.parameters()])
    if kind == "Adam":
        optimizer = Adam(net.parameters(), lr=0.001, clip=0.5)
        same = plain.Optimizer("Adam", range(len(numbers)), lambda t: 0.001, betas=(0.9, 0.999), clip=0.5)
    else:
        optimizer = SGD(net.parameters(), lr=0.01, momentum=0.9)
        same = plain.Optimizer("SGD", range(len(numbers)), lambda t: 0.01, momentum=0.9)
    return net, optimizer, train_step(lambda x, y: mse(net(x), y), optimizer), numbers, same


def catch_up(optimizer, numbers, same, order):
    """As many plain steps as the optimizer has taken since, each on the next rows of `order`."""
    for _ in range(optimizer.steps - same.steps):
        rows = next(order)
        same.step(numbers, plain.net(numbers, X[rows], Y[rows])[1])


def order_of(size, seed):
    rng, rows = random.Random(seed), list(range(len(Y)))
    while True:
        yield from (part for part, _ in batches(rows, rows, size, rng=rng))


def assert_same(net, optimizer, numbers, same):
    assert optimizer.steps == same.steps
    assert [p.data for p in net.parameters()] == pytest.approx(numbers.tolist(), rel=1e-9, abs=1e-9)
    for name, found in optimizer.state_dict()["state"].items():
        assert found == pytest.approx(same.state[name].tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_runs_interrupted_at_any_moment(kind):
    net, optimizer, step, numbers, same = made(kind)
    step(X, Y)  # compiling has its own test
    catch_up(optimizer, numbers, same, EVERYTHING)
    rng, stopped = random.Random(kind), 0
    for seed in range(25):
        run = lambda seed=seed: step.run(X, Y, steps=1000, batch_size=7, shuffle=seed)  # noqa: E731
        stopped += interrupted(run, rng.choice([1e-5, 1e-4, 5e-4, 1e-3]) * rng.uniform(0.5, 1.5))
        catch_up(optimizer, numbers, same, order_of(7, seed))
        assert_same(net, optimizer, numbers, same)
    assert stopped
    step.run(X, Y, steps=10, batch_size=7, shuffle=1)
    catch_up(optimizer, numbers, same, order_of(7, 1))
    assert_same(net, optimizer, numbers, same)


def test_single_steps_and_callbacks_interrupted_at_any_moment():
    net, optimizer, step, numbers, same = made("SGD")  # ten thousand steps of Adam would amplify rounding by themselves
    step(X, Y)
    rng = random.Random(1)

    def single_steps():
        for _ in range(500):
            step(X, Y)

    def with_callback():
        step.run(X, Y, steps=500, callback=lambda taken, loss: None, every=3)

    for i in range(40):
        interrupted((single_steps, with_callback)[i % 2], rng.uniform(1e-5, 3e-3))
        catch_up(optimizer, numbers, same, EVERYTHING)
        assert_same(net, optimizer, numbers, same)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of llvmlite's objects, half made
def test_compiling_interrupted_at_any_moment():
    """Afterwards the step, or the jitted function, is what it would have been."""
    rng = random.Random(2)
    jit(lambda x: x + 1.0)(2.0)  # imports what it needs
    for i in range(12):
        width = 3 + i  # a net of another size each time, whose code is not there yet
        net = MLP(2, [width, 1], activation="tanh", rng=random.Random(0))
        optimizer = SGD(net.parameters(), lr=0.01)
        step = train_step(lambda x, y, net=net: mse(net(x), y), optimizer)
        f = jit(lambda x, net=net: net(x))
        calls = [lambda step=step: step(X, Y), lambda f=f: f([Value(1.0), 2.0]).backward()]
        for call in calls:
            for _ in range(4):
                interrupted(call, rng.uniform(1e-3, 0.08))
        steps, before = optimizer.steps, net.state_dict()
        wanted = sum(mse(net(x), y).data for x, y in zip(X, Y)) / len(Y)
        assert f([1.0, 2.0]).data == pytest.approx(net([1.0, 2.0]).data, rel=1e-12)
        assert step(X, Y) == pytest.approx(wanted, rel=1e-12)
        assert optimizer.steps == steps + 1 and net.state_dict() != before
    net, optimizer, step, numbers, same = made("SGD")
    interrupted(lambda: step(X, Y), 0.01)
    step(X, Y)
    catch_up(optimizer, numbers, same, EVERYTHING)
    assert_same(net, optimizer, numbers, same)


@pytest.mark.parametrize("how", ["steps", "runs", "both"])
@pytest.mark.parametrize("shared", ["all", "some"])
def test_two_threads_that_train_one_parameter_lose_no_step(how, shared):
    """Each waits for the other. Whole eighths are exact."""
    w, v = Value(0.0), Value(0.0)
    optimizers = SGD([w], lr=0.125), SGD([w] if shared == "all" else [v, w], lr=0.125)
    rows = -np.ones(20_000 if how == "steps" else 4)
    steps = [train_step(lambda x: w * x, optimizers[0]), train_step(lambda x: w * x + v * 0.0, optimizers[1])]
    for step in steps:
        step(rows)
    together = threading.Barrier(2)

    def train(step, runs):
        together.wait()
        for _ in range(20 if runs else 1000):
            step.run(rows, steps=30_000) if runs else step(rows)

    runs = {"steps": (False, False), "runs": (True, True), "both": (False, True)}[how]
    threads = [threading.Thread(target=train, args=given) for given in zip(steps, runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.data == 0.125 * sum(optimizer.steps for optimizer in optimizers)


def test_an_interrupt_before_native_code_begins_leaves_the_count_of_steps(monkeypatch):
    """Other code has taken steps since this one's last: Ctrl-C must not set the optimizer back to what it knew."""
    _, optimizer, step, *_ = made("Adam")
    step(X, Y)
    for _ in range(5):
        optimizer.step()

    def interrupt(program, steps):
        raise KeyboardInterrupt

    monkeypatch.setattr(BatchProgram, "run", interrupt)
    for take in (step, step.run):
        with pytest.raises(KeyboardInterrupt):
            take(X, Y)
        assert optimizer.steps == 6


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python drops some interrupts itself
def test_steps_on_several_threads_that_are_interrupted_at_any_moment_leave_no_helper():
    """One that stays would join the next steps, which would then wait for ever; code of two sizes takes turns."""
    rng = random.Random(1)
    net = MLP(8, [16, 16, 1], activation="tanh", rng=random.Random(0))
    step = train_step(lambda x, t: mse(net(x), t), SGD(net.parameters(), lr=0.001), loops=True, threads=4)
    X = [[rng.random() for _ in range(8)] for _ in range(256)]
    y = [rng.random() for _ in range(256)]
    step.run(X, y, epochs=3)
    threads = threading.active_count()

    def seconds():
        return rng.choice([0.0001, 0.0003, 0.001, 0.003]) * rng.random() + 1e-6

    def train():
        step.run(X, y, epochs=rng.choice([2, 20]), batch_size=rng.choice([2, 64, 256]))

    assert sum(interrupted(train, seconds()) for _ in range(400)) > 50
    assert math.isfinite(step.run(X, y, epochs=1)[-1])
    assert threads_that_stay(threads) == threads
