"""Native training can be stopped, leaves other threads alone, and gives the same in several threads as in one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from micrograd import train_step
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam

X2 = np.random.default_rng(0).normal(size=(20, 2))
SIGNS = np.where(X2[:, 0] * X2[:, 1] > 0, 1, -1)


def small(rate=0.1):
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    optimizer = SGD(net.parameters(), lr=rate)
    return net, optimizer, train_step(lambda x, y: mse(net(x), y), optimizer)


PROGRAM = """
import os, random, signal, sys, threading, time
import numpy as np
from micrograd import train_step
from micrograd.losses import hinge
from micrograd.nn import MLP
from micrograd.optim import SGD

rows = int(sys.argv[1])
net = MLP(2, [16, 16, 1], rng=random.Random(0))
optimizer = SGD(net.parameters(), lr=1e-3)
step = train_step(lambda x, y: hinge(net(x), y), optimizer)
X = np.random.default_rng(0).normal(size=(rows, 2))
y = np.sign(X[:, 0])
step(X[:64], y[:64])
before, steps = net.state_dict(), optimizer.steps
sent = []
def interrupt():
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.7, interrupt).start()
try:
    step.run(X, y, steps=10**9)
    print("not stopped")
except KeyboardInterrupt:
    late = time.perf_counter() - sent[0]
    after, taken = net.state_dict(), optimizer.steps - steps
    net.load_state_dict(before)
    step.run(X, y, steps=taken) if taken else None
    print(late, taken, net.state_dict() == after)
"""


@pytest.mark.parametrize("rows", [100, 3_000_000])
def test_ctrl_c_stops_between_two_steps(rows):
    """With a step of microseconds, and with one longer than the promised tenth of a second."""
    found = subprocess.run([sys.executable, "-c", PROGRAM, str(rows)], capture_output=True, text=True, check=True)
    late, taken, same = found.stdout.split()
    assert float(late) < 0.5  # 0.1 s is promised, on a machine that does nothing else
    assert same == "True" and (int(taken) > 1000) == (rows == 100)


def test_four_threads_train_as_one():
    def made(i):
        net = MLP(2, [6, 1], activation="tanh", rng=random.Random(i))
        return net, train_step(lambda x, y: mse(net(x), y), Adam(net.parameters(), lr=0.01))

    def work(step, out):
        for _ in range(50):
            out.append(step(X2, SIGNS))
        out += step.run(X2, SIGNS, epochs=50, batch_size=7, shuffle=1).tolist()

    results = []
    for run in (lambda work_all: [w() for w in work_all], in_threads):
        found: list = [[] for _ in range(4)]
        steps = [made(i)[1] for i in range(4)]
        run([lambda s=s, out=out: work(s, out) for s, out in zip(steps, found)])
        results.append(found)
    assert results[0] == results[1]


def in_threads(work):
    threads = [threading.Thread(target=w) for w in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_other_threads_run_while_native_code_does():
    _, _, step = small()
    ticks = []
    done = threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    big = np.random.default_rng(0).normal(size=(200_000, 2))
    began = time.perf_counter()
    step.run(big, np.sign(big[:, 0]), steps=20)
    ended = time.perf_counter()
    done.set()
    thread.join()
    inside = [t for t in ticks if began < t < ended]
    assert len(inside) >= 3


def test_one_step_from_several_threads_is_one_after_the_other():
    net, optimizer, step = small(0.01)
    in_threads([lambda: [step(X2, SIGNS) for _ in range(100)]] * 4)
    again, _, alone = small(0.01)
    alone.run(X2, SIGNS, steps=400)
    assert optimizer.steps == 400
    assert [p.data for p in net.parameters()] == pytest.approx([p.data for p in again.parameters()], rel=1e-12)


def test_signal_handlers_are_as_they_were():
    before = signal.getsignal(signal.SIGINT)
    _, _, step = small()
    step.run(X2, SIGNS, epochs=3)
    assert signal.getsignal(signal.SIGINT) is before
