"""Several threads, and forks: no gradient is lost, and no thread waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from micrograd import Value, detect_anomaly, grad, jit, modes
from micrograd.transforms import gradients


@pytest.fixture
def switching():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(count, work):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_hand(x):
    """A node whose `_backward` takes its time between reading a gradient and writing it."""
    out = Value(x.data, (x,), "slow")

    def step():
        before = x.grad
        time.sleep(1e-4)
        x.grad = before + out.grad

    out._backward = step
    return out


@pytest.mark.parametrize("node", [by_hand, lambda x: sum([x] * 50, 0.0)], ids=["by hand", "a long sum"])
def test_backward_in_several_threads_adds_up_in_a_shared_leaf(switching, node):
    w, rounds = Value(2.0), 50
    wanted = gradients(node(w), [w])[0]

    def work():
        for _ in range(rounds):
            node(w).backward()

    in_threads(4, work)
    assert w.grad == 4 * rounds * wanted


def test_derivatives_through_a_hand_written_step_lose_nothing_beside_backward(switching):
    w, rounds = Value(2.0), 100
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            gradients(by_hand(w), [w])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for _ in range(rounds):
            (w * 1.0).backward()
    finally:
        stop.set()
        thread.join()
    assert w.grad == rounds


def test_a_hand_written_step_may_call_backward_itself():
    x, inner = Value(2.0), Value(3.0)
    out = Value(4.0, (x,), "nested")

    def step():
        (inner * 2.0).backward()
        x.grad += inner.grad * out.grad

    out._backward = step
    (out * 1.0).backward()
    assert (x.grad, inner.grad) == (2.0, 2.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_fork_does_not_wait_for_a_thread_it_does_not_have():
    holds, done = threading.Event(), threading.Event()

    def hold():
        with modes.one_sweep:
            holds.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    child = os.fork()
    if child == 0:
        x = Value(3.0)
        with detect_anomaly():
            (x * x).backward()
        os._exit(0 if x.grad == 6.0 else 1)
    try:
        deadline = time.monotonic() + 20
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(child, 9)
            os.waitpid(child, 0)
    finally:
        done.set()
        thread.join()
    assert ended == (child, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
def test_a_fork_inside_backward_ends_well_on_both_sides():
    x = Value(2.0)
    out = Value(4.0, (x,), "forks")
    children = []

    def step():
        children.append(os.fork())
        x.grad += out.grad

    out._backward = step
    out.backward()
    if children[0] == 0:
        (x * 1.0).backward()
        os._exit(0 if x.grad == 2.0 else 1)
    assert os.waitpid(children[0], 0) == (children[0], 0)
    (x * 1.0).backward()
    assert x.grad == 2.0


def test_a_recording_does_not_wait_for_a_thread_that_sweeps():
    """That thread may be waiting for the code that is being recorded."""
    x = Value(2.0)
    out = Value(4.0, (x,), "waits")
    found = []

    def compile_another():
        f = jit(lambda v: v.exp() * 3.0)
        y = Value(1.0)
        found.append(f(y)._local)

    def step():
        thread = threading.Thread(target=compile_another)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
        x.grad += out.grad

    out._backward = step
    out.backward()
    assert len(found) == 1 and x.grad == 1.0


def test_a_derivative_taken_in_a_thread_of_its_own_belongs_to_the_function_around_it():
    def f(x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(grad(lambda y: x * y * y), 2.0).result()

    assert grad(f)(3.0) == 4.0  # of 2 * x * y with respect to x


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
def test_a_child_of_fork_needs_no_import_that_another_thread_had_begun():
    """Several times, in new processes: the first compilation imports LLVM and more, and the fork comes midway."""
    code = """
import os, sys, threading, time
import numpy as np
from micrograd import Value, train_step
from micrograd.optim import SGD
def work():
    w = Value(0.5)
    train_step(lambda x: (w * x - 1) ** 2, SGD([w], lr=0.1))(np.ones(4))
thread = threading.Thread(target=work)
thread.start()
time.sleep(float(sys.argv[1]))
child = os.fork()
if not child:
    work()
    os._exit(0)
thread.join()
print(os.waitpid(child, 0)[1])
"""
    for pause in (0.0, 0.01, 0.05, 0.1):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, str(pause)], capture_output=True, text=True, timeout=60
        )
        assert done.stdout == "0\n", done.stderr
