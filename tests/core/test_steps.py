"""Steps that C takes again on the same arrays are the steps that Python takes."""

from __future__ import annotations

import contextlib
import copy
import gc
import math
import pickle
import random
import signal
import sys
import threading
import weakref

import numpy as np
import pytest
from helpers.calls import NATIVE_ONLY
from helpers.eagerly import OPTIMIZERS
from helpers.steps import X, Y, python_steps, quickly, ready, slowly, state_of, xor

from micrograd import Value, train_step
from micrograd.compiler.native.context import PAUSED
from micrograd.losses import cross_entropy, mse
from micrograd.nn import MLP
from micrograd.optim import SGD

pytestmark = NATIVE_ONLY

# ------------------------------------------------------------------ equal to Python's


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("data", [(X, Y), (X[:1], Y[:1]), (X[:7].astype("f4"), Y[:7])])
def test_steps_are_those_of_python(name, data):
    steps = [xor(OPTIMIZERS[name], in_c=in_c) for in_c in (True, False)]
    for _ in range(20):
        assert steps[0](*data).hex() == steps[1](*data).hex()
        assert state_of(steps[0]) == state_of(steps[1])
    if not callable(steps[0].optimizer.lr):
        quickly(steps[0], *data)
    else:
        slowly(steps[0], *data)  # the schedule is Python's
    slowly(steps[1], *data)


def test_a_loss_without_data_and_one_with_an_index():
    w = Value(2.0)
    step = ready(train_step(lambda: (w - 1.0) ** 2, SGD([w], lr=0.1)))
    with python_steps(step) as seen:
        step()
    assert not seen and w.data == pytest.approx(1.0 + 0.8**4)
    net = MLP(2, [3], rng=random.Random(0))
    labels = np.array([0, 1, 2, 1])
    step, data = train_step(lambda x, y: cross_entropy(net(x), y), SGD(net.parameters())), (X[:4], labels)
    assert quickly(ready(step, *data), *data) < 2.0
    labels[2] = 3
    kept = state_of(step)
    with pytest.raises((ValueError, IndexError), match="3"):
        step(*data)
    assert state_of(step) == kept
    labels[2] = 0
    quickly(step, *data)


def test_numbers_that_are_not_finite_raise_the_same_error():
    errors = []
    for in_c in (True, False):
        x, step = X.copy(), xor(in_c=in_c)
        ready(step, x, Y)
        x[3, 1] = math.nan
        kept = state_of(step)
        with pytest.raises(FloatingPointError) as caught:
            step(x, Y)
        assert state_of(step) == kept
        x[3, 1] = 0.5
        step(x, Y)
        errors.append((str(caught.value), state_of(step)))
    assert errors[0] == errors[1]
    assert "step 1 was skipped" in errors[0][0]


def test_a_long_step_pauses_and_goes_on_in_python():
    many = np.random.default_rng(0).normal(size=(200_000, 2))
    targets = many[:, 0] * many[:, 1]
    steps = [xor(in_c=in_c) for in_c in (True, False)]
    for _ in range(5):
        assert steps[0](many, targets).hex() == steps[1](many, targets).hex()
    assert state_of(steps[0]) == state_of(steps[1])
    program = steps[0]._last_batches.program
    program.context.allowance = 3  # blocks
    seen, go_on = [], program.go_on
    program.go_on = lambda status: seen.append(status) or go_on(status)
    assert quickly(steps[0], many, targets).hex() == steps[1](many, targets).hex() and seen == [PAUSED]
    assert state_of(steps[0]) == state_of(steps[1])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
def test_an_interrupt_leaves_whole_steps():
    step = xor(OPTIMIZERS["Adam"])
    many, targets = np.tile(X, (500, 1)), np.tile(Y, 500)
    ready(step, many, targets)

    class Stop(Exception):
        pass

    def handler(*_):
        raise Stop

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for n in range(60):
            with contextlib.suppress(Stop):
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + n * 1e-5)
                while True:
                    step(many, targets)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    other = xor(OPTIMIZERS["Adam"], in_c=False)
    other.run(many, targets, steps=step.optimizer.steps)
    assert state_of(step) == state_of(other)


# -------------------------------------------------------------------- memory, threads


MODEL = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))


def loss_of_a_model(x, y):
    return mse(MODEL(x), y)


def test_copies_and_pickles_of_a_step_are_their_own():
    step = ready(train_step(loss_of_a_model, SGD(MODEL.parameters(), lr=0.1)), X, Y)
    for copied in (copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))):
        other = copied(step)
        assert repr(other) == repr(step) and other._last_batches is None
        quickly(step, X, Y)


def test_reference_counts_and_memory_stay_level():
    step = ready(xor(OPTIMIZERS["Adam"]), X, Y)
    again = step._last_batches.again
    watched = [
        X,
        Y,
        step,
        step.optimizer,
        again,
        step.optimizer.state,
        step._last_batches.program.outside.unmoved,
        True,
    ]
    before = [sys.getrefcount(each) for each in watched]
    blocks = sys.getallocatedblocks()
    for _ in range(100_000):
        step(X, Y)
    assert [sys.getrefcount(each) for each in watched] == before
    assert sys.getallocatedblocks() - blocks < 50


def test_a_step_is_collected_with_its_arrays():
    def one():
        x = X.copy()
        step = ready(xor(), x, Y)
        step.optimizer.kept = step
        return weakref.ref(x), weakref.ref(step)

    found = one()
    gc.collect()
    assert found[0]() is None and found[1]() is None


def test_an_allocation_that_fails_takes_the_step_or_does_not():
    failing = pytest.importorskip("_testcapi")
    step, other, outcomes = xor(), xor(), set()
    for each in (step, other):
        each.optimizer.steps = 10**6  # a number that Python has to make
        ready(each, X, Y)
    for n in range(30):
        taken = step.optimizer.steps
        failing.set_nomemory(n, n + 1)
        try:
            step(X, Y)
        except MemoryError:
            outcomes.add("MemoryError")
        else:
            outcomes.add("step")
        finally:
            failing.remove_mem_hooks()
        for _ in range(step.optimizer.steps - taken):
            other(X, Y)
        assert state_of(step) == state_of(other)
    assert outcomes == {"MemoryError", "step"}


def test_threads_may_share_a_step():
    step = xor(lambda p: SGD(p, lr=0.01))
    x, y = X[:10].copy(), Y[:10].copy()

    def work():
        for n in range(2000):
            step(*((X, Y) if n % 50 < 40 else (x, y)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert step.optimizer.steps == 8000 and all(math.isfinite(p.data) for p in step.optimizer.parameters)


def test_native_steps_run_beside_python():
    """C lets other threads run while native code computes."""
    many = np.tile(X, (20_000, 1)), np.tile(Y, 20_000)
    step = ready(xor(), *many)
    step._last_batches.program.context.allowance = 10**9  # one call of native code for the whole step
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1

    before = sys.getswitchinterval()
    sys.setswitchinterval(1.0)  # only what releases the lock lets others run
    thread = threading.Thread(target=count)
    try:
        thread.start()
        start = counted[0]
        for _ in range(20):  # a busy machine may not run the other thread at once
            quickly(step, *many)
            if counted[0] - start > 100:
                break
        assert counted[0] - start > 100
    finally:
        done.set()
        sys.setswitchinterval(before)
        thread.join()
