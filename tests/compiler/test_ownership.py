"""Who owns what: addresses, parameters trained by several steps, threads, forks, and interrupts at any moment."""

from __future__ import annotations

import copy
import itertools
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers.interrupts import interrupted

from micrograd import Value, jit, tanh, train_step
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam


def mean_step(rate=0.0, **options):
    w = Value(0.5)
    return w, train_step(lambda x: (w * x - 1) ** 2, SGD([w], lr=rate), **options)


# --------------------------------------------------------------------- arrays


def test_an_array_that_moves_in_memory_is_found_again():
    _, step = mean_step()
    X = np.ones(10**6)
    step(X)
    X.resize(5 * 10**7, refcheck=False)
    X.resize(10**6, refcheck=False)
    X[:] = 1.0
    assert step(X) == 0.25


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda x: x.__setitem__(slice(None), 2.0), [2.0, 2.0]),
        (lambda x: setattr(x, "strides", (16,)), None),
        (lambda x: setattr(x, "dtype", np.int64), None),
        (lambda x: setattr(x, "shape", (2, 1)), None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(strides|dtype|shape).*:DeprecationWarning")
def test_arrays_that_are_changed_in_place_are_read_as_they_are(change, wanted):
    w = Value(1.0)
    step = train_step(lambda x: w * (x if not hasattr(x, "sum") else x.sum()), SGD([w], lr=0.0))
    base = np.array([1.0, 5.0, 7.0, 9.0])
    x = base[:2]
    assert step(x) == 3.0
    change(x)
    assert step(x) == float(np.mean(x.astype(float)))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_masked_rows_are_refused_and_other_subclasses_are_arrays():
    w = Value(0.5)
    step = train_step(lambda x: w * x, SGD([w]))
    with pytest.raises(ValueError, match="x row 1 is masked"):
        step(np.ma.array([1.0, 1e6], mask=[0, 1]))
    with pytest.raises(ValueError, match="masked"):
        jit(lambda x: w * x, batch=True)(np.ma.array([[1.0], [1e6]], mask=[[0], [1]])[:, 0])
    assert step(np.ma.array([1.0, 2.0])) == 0.75
    rows = train_step(lambda row: w * sum(row), SGD([w], lr=0.0))
    assert rows(np.matrix([[1.0, 2.0], [3.0, 4.0]])) == rows([[1.0, 2.0], [3.0, 4.0]])


def test_whole_numbers_outside_compiled_code_are_floats():
    big = np.array([2**63 + 5], dtype="u8")
    assert jit(lambda x: x * 1e300, batch=True)(big) == float("inf")
    with pytest.raises(OverflowError):
        jit(lambda x, y: x**y, batch=True)(np.array([10]), np.array([10**9]))
    with pytest.raises(OverflowError):
        jit(lambda x, y: x**y)(10, 10**9)


def test_norms_after_an_error_are_those_of_the_steps_taken():
    _, step = mean_step(rate=0.1)
    with pytest.raises(FloatingPointError, match="step 3 was skipped"):
        step.run(np.array([1.0, 2.0, np.nan, 1.0, 1.0]), batch_size=1)
    _, other = mean_step(rate=0.1)
    other.run(np.array([1.0, 2.0]), batch_size=1)
    assert step.norms.tolist() == other.norms.tolist() and len(step.norms) == 2


# ----------------------------------------------------------------- parameters


@pytest.mark.parametrize("way", ["append", "extend", "+=", "assigned"])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_parameters_added_to_an_optimizer_train(way, kind):
    found = []
    for compiled in (False, True):
        w, v = Value(1.0), Value(2.0)
        optimizer = kind([w], lr=0.1)
        step = train_step(lambda x, w=w, v=v: w * v * x, optimizer)
        for added in (False, True):
            if added and way == "append":
                optimizer.parameters.append(v)
            elif added and way == "extend":
                optimizer.parameters.extend([v])
            elif added and way == "+=":
                optimizer.parameters += [v]
            elif added:
                optimizer.parameters = [w, v]
            for _ in range(2):
                if compiled:
                    step([1.0])
                else:
                    optimizer.zero_grad()
                    (w * v).backward()
                    optimizer.step()
        found.append([w.data, v.data])
    assert found[0][1] != 2.0 and found[1] == pytest.approx(found[0], rel=1e-12)


def test_parameters_replaced_or_taken_out():
    w, v = Value(1.0), Value(2.0)
    optimizer = SGD([w], lr=0.1, momentum=0.9)
    step = train_step(lambda x: w * v * x, optimizer)
    step([1.0])
    optimizer.parameters[0] = v
    before = w.data
    step([1.0])
    assert w.data == before and v.data != 2.0
    optimizer.parameters.append(v)
    for call in (optimizer.step, lambda: step([1.0])):
        with pytest.raises(ValueError, match="a parameter is in the list twice"):
            call()
    del optimizer.parameters[:]
    optimizer.parameters.append(w)
    before = w.data
    assert step([1.0]) == before * v.data != w.data * v.data
    two = SGD([w, v], lr=0.1)
    two.parameters.pop()
    with pytest.raises(ValueError, match="cannot know which were removed"):
        two.step()


def test_a_setting_changed_in_place_counts():
    class Gained(SGD):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.gains, self.table = [1.0], {"of": np.array([1.0])}

        def update(self, m, x, grad, *state, lr, t):
            return x - lr * self.gains[0] * float(self.table["of"][0]) * grad, state[0]

    w = Value(1.0)
    optimizer = Gained([w], lr=0.1)
    step = train_step(lambda x: w * x, optimizer)
    step([1.0])
    optimizer.gains[0] = 100.0
    step([1.0])
    assert w.data == pytest.approx(0.9 - 10.0)
    optimizer.table["of"][0] = 0.0
    step([1.0])
    assert w.data == pytest.approx(0.9 - 10.0)


class Tagged(Value):
    __slots__ = ("tag",)


def test_copies_of_trained_parameters_keep_what_a_subclass_has():
    p = Tagged(2.0)
    p.tag, p.note = 5, "kept"
    train_step(lambda x: p * x, SGD([p], lr=0.1))([1.0])
    for again in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert (type(again), again.tag, again.note, again.data) == (Tagged, 5, "kept", p.data)
        assert isinstance(p, Tagged)


def test_a_step_is_copied_with_its_model():
    net = MLP(1, [1], rng=random.Random(0))
    step = train_step(Loss(net), SGD(net.parameters(), lr=0.1))
    step([1.0])
    both = copy.deepcopy({"net": net, "step": step})
    again = pickle.loads(pickle.dumps((net, step)))
    for other, its in ((both["net"], both["step"]), again):
        before = [p.data for p in net.parameters()]
        its([1.0])
        assert [p.data for p in other.parameters()] != before == [p.data for p in net.parameters()]


class Loss:
    def __init__(self, net):
        self.net = net

    def __call__(self, x):
        return self.net([x]) ** 2


# -------------------------------------------------------------------- threads


def test_updates_of_two_steps_in_two_threads_are_all_there():
    """On one list of parameters, and on lists that share one parameter."""
    w, v = Value(0.0), Value(0.0)
    steps = [
        train_step(lambda x: w * x, SGD([w], lr=1.0)),
        train_step(lambda x: w * x * 1.0, SGD([w], lr=1.0)),
        train_step(lambda x: w * x + v * 0.0, SGD([w, v], lr=1.0)),
    ]
    X = np.full(100_000, -1.0)
    for step in steps:
        step(X[:4])
    w.data = 0.0

    def work(k):
        for i in range(60):
            steps[k].run(X, steps=2) if i % 2 else steps[k](X[:4])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.data == 3 * (30 + 60)


def test_threads_that_ask_for_derivatives_at_once_all_have_them():
    for _ in range(10):

        def body(x):
            for _ in range(100):
                x = tanh(x) * 1.01
            return x

        f, found = jit(body), []
        f(1.0)
        barrier = threading.Barrier(4)

        def go(f=f, found=found, barrier=barrier):
            barrier.wait()
            x = Value(0.5)
            f(x).backward()
            found.append(x.grad)

        threads = [threading.Thread(target=go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4 and len(set(found)) == 1


FORK = """
import os, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import numpy as np
from micrograd import Value, exp, jit, sin, tanh, train_step
from micrograd.optim import SGD

w = Value(0.5)
step = train_step(lambda x: (w * x - 1) ** 2, SGD([w], lr=0.0))
X = np.ones(300_000)
shared = jit(lambda x: tanh(x) + x)
def compile_for_ever():
    i = 0
    while True:
        i += 1
        jit(lambda x: tanh(x) * i + exp(x))(1.0)
def train_for_ever():
    while True:
        step.run(X, steps=10)
for target in (compile_for_ever, train_for_ever):
    threading.Thread(target=target, daemon=True).start()
time.sleep(0.5)
hung = 0
for k in range(6):
    child = os.fork()
    if child == 0:
        ok = jit(lambda x: x * k + sin(x))(1.0) and shared(Value(1.0)).data and step(X[:4]) == 0.25
        os._exit(0 if ok else 1)
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, status
            break
        time.sleep(0.02)
    else:
        hung += 1
        os.kill(child, 9)
        os.waitpid(child, 0)
print("hung", hung)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_forks_while_other_threads_compile_and_train():
    found = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=False)
    assert found.stdout == "hung 0\n", found


# ----------------------------------------------------------------- interrupts


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python drops some interrupts itself
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
def test_a_compilation_that_is_interrupted_leaves_the_function_as_it_was():
    """At many moments: while it is recorded, while derivatives are taken, while LLVM works."""

    def body(x):
        for _ in range(150):
            x = tanh(x) * 1.01
        return x

    began = time.perf_counter()
    jit(body)(Value(0.5))
    took = time.perf_counter() - began
    wanted, stopped = body(0.5), 0
    for k in itertools.count():
        f = jit(body)
        stopped += interrupted(lambda f=f: f(Value(0.5)), took * (k % 25 + 1) / 25)
        x = Value(0.5)
        z = f(x)
        z.backward()
        assert z.data == pytest.approx(wanted, rel=1e-12) and x.grad
        assert (Value(2.0) * 3.0)._prev and not sys.gettrace()
        if k >= 50 and stopped >= 5:
            break
    assert stopped


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
def test_a_step_that_is_interrupted_has_taken_whole_steps():
    rng = random.Random(0)
    X = np.linspace(0.5, 1.5, 4000)
    _, step = mean_step(rate=1e-3)
    step(X)
    for _ in range(25):
        w, step = mean_step(rate=1e-3)
        interrupted(lambda step=step: step.run(X, steps=100_000), rng.uniform(1e-4, 0.02))
        taken = step.optimizer.steps
        plain = 0.5
        for _ in range(min(taken, 3000)):
            plain -= 1e-3 * float(np.mean(2 * (plain * X - 1) * X))
        if taken <= 3000:
            assert w.data == pytest.approx(plain, rel=1e-9)
        assert step(X) > 0.0  # and can go on


def test_parameters_added_to_an_optimizer_of_an_older_pickle_are_trained():
    """It held a plain list, which does not count its changes."""
    w, more = Value(1.0), Value(1.0)
    optimizer = SGD([w], lr=0.1)
    vars(optimizer)["parameters"] = list(optimizer.parameters)
    w, optimizer = pickle.loads(pickle.dumps((w, optimizer)))
    step = train_step(lambda x: (w + more) * x, optimizer)
    step([1.0])
    optimizer.parameters.append(more)
    step([1.0])
    assert (w.data, more.data) == (pytest.approx(0.8), 0.9)


def test_a_step_that_goes_while_another_function_is_recorded_leaves_no_trace():
    """Python's collector may drop a step at any moment; its numbers come home without being recorded."""
    dropped, (w,) = [], [Value(2.0)]
    dropped.append(train_step(lambda x: w * x, SGD([w], lr=0.5)))
    dropped[0]([1.0])

    f = jit(lambda x: x * x + 1.0 if dropped.clear() is None else x)
    assert f(2.0) == 5.0 and len(f.tape.inputs) == 1
    assert type(w) is Value and w.data == 1.5 and type(w.data) is float
