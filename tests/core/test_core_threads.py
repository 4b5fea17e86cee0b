"""Threads that build, sweep and drop graphs with the same leaves: every sum is exact, on both cores."""

from __future__ import annotations

import gc
import sys
import threading
import time

import pytest
from helpers.other_core import assert_same

import micrograd
from micrograd import Value, no_grad, tanh


def in_threads(count, work):
    """Run work(i) in threads, all at once; give the errors."""
    errors, start = [], threading.Barrier(count)

    def run(i):
        try:
            start.wait()
            work(i)
        except BaseException as error:
            errors.append(repr(error))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return errors


def one_graph(rounds):
    """Four threads that sweep one graph: every sweep counts."""
    x, y = Value(2.0), Value(3.0)
    z = x * y + tanh(x) * 0.0
    errors = in_threads(4, lambda _: [z.backward() for _ in range(rounds)])
    return errors, x.grad, y.grad


def shared_leaves(rounds):
    """Each thread has its own graph, of the same leaves."""
    x, y = Value(2.0), Value(3.0)

    def work(i):
        for _ in range(rounds):
            z = x * y + x * float(i)
            for _ in range(20):
                z = z + 1.0
            z.backward()

    return in_threads(4, work), x.grad, y.grad


def own_graphs(rounds):
    """Each thread has all its own."""
    sums = [0.0] * 4

    def work(i):
        for n in range(rounds):
            x, y = Value(float(i)), Value(float(n))
            z = x * y + x
            z.backward()
            sums[i] += x.grad

    return in_threads(4, work), sums


def a_slow_sweep(rounds):
    """One thread is in a sweep written by hand, which lets others run; they sweep the same leaves."""
    x, y = Value(2.0), Value(3.0)
    slow = Value(1.0, (x, y), "slow")

    def step():
        time.sleep(0.0005)
        x.grad += slow.grad
        time.sleep(0.0005)
        y.grad += slow.grad

    slow._backward = step
    top = slow * 1.0

    def work(i):
        for _ in range(rounds):
            if i == 0:
                top.backward()
            else:
                (x * y).backward()

    return in_threads(4, work), x.grad, y.grad


def with_modes(rounds):
    """Threads in no_grad() and detect_anomaly() beside threads that are not."""
    x = Value(2.0)
    out = [0] * 4

    def work(i):
        for _ in range(rounds):
            if i == 0:
                with no_grad():
                    out[i] += len((x * 2.0)._prev)
            elif i == 1:
                with micrograd.detect_anomaly():
                    out[i] += len((x * 2.0)._prev)
            else:
                out[i] += len((x * 2.0)._prev)

    return in_threads(4, work), out


def chain(length):
    """A result of so many operations, one after the other."""
    total = Value(0.5)
    for _ in range(length):
        total = total + 1.0
    return total


def dropped_by_another(rounds):
    """Graphs made in one thread are dropped in another, while a third collects."""
    made, done = [], []

    def work(i):
        for _ in range(rounds):
            if i == 0:
                z = chain(20)
                z.backward()
                z.circle = z
                made.append(z)
            elif i == 1:
                while made:
                    done.append(made.pop().data)
            elif i == 2:
                gc.collect(0)
            else:
                [list(z._prev) for z in made[-1:]]

    return in_threads(4, work), len(made) + len(done) == rounds


@pytest.mark.parametrize("case", [one_graph, shared_leaves, own_graphs, with_modes, dropped_by_another])
def test_threads(case):
    assert assert_same(case, 300)[0] == []


def test_sums_of_threads_are_exact():
    assert one_graph(500)[1:] == (500 * 4 * 3.0, 500 * 4 * 2.0)
    assert shared_leaves(300)[1:] == (300 * (4 * 3.0 + 0 + 1 + 2 + 3), 300 * 4 * 2.0)


def test_a_slow_sweep_loses_nothing():
    errors, x, y = assert_same(a_slow_sweep, 20)
    assert (errors, x, y) == ([], 20 + 20 * 3 * 3.0, 20 + 20 * 3 * 2.0)
