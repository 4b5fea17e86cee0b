"""LLVM works beside the thread that waits: a real Ctrl-C is heard at once, and everything works afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from helpers.interrupts import interrupted

from micrograd.compiler.native import beside as module
from micrograd.compiler.native.beside import beside
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.native import CALL, Native


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python drops some interrupts itself
def test_an_interrupt_at_any_moment_leaves_no_thread_that_waits_for_ever():
    """Inside `Thread.start` it would: Python would then never end, for it waits for its threads."""
    rng = random.Random(0)
    assert sum(interrupted(lambda: beside(lambda go_on: 1), rng.uniform(1e-5, 3e-4)) for _ in range(3000))
    deadline = time.monotonic() + 10.0  # the last ones may only be starting
    while (
        left := [x for x in threading.enumerate() if x.name == "micrograd: compiling"]
    ) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


BEGINNING = '''
import os, random, signal, sys, threading, time
from micrograd import Value, jit, train_step
from micrograd.compiler.native import native
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.native import CALL, Native

sent = []
cut = native.modules_of

def modules_of(text):
    """LLVM begins: send Ctrl-C a little later."""
    if waiting and text.count("\\n") > 20_000:
        threading.Thread(target=send, args=(waiting.pop(),)).start()
    return cut(text)

def send(seconds):
    time.sleep(seconds)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

waiting = []
native.modules_of = modules_of

def long_text(lines, seed):
    rng = random.Random(seed)
    body = [f"  %v{i} = fadd double %v{max(0, i - rng.randint(1, 40))}, %v{max(0, i - 9)}" for i in range(1, lines)]
    out = [f"  store double %v{lines - 1}, ptr %numbers", "  ret void", "}"]
    return "\\n".join(["define void @call(ptr %numbers) {", "  %v0 = load double, ptr %numbers", *body, *out, ""])

def long_function(length):
    rng = random.Random(length)
    plan = [(rng.randrange(i + 2), max(0, i + 1 - rng.randrange(40))) for i in range(length)]
    def f(x, y):
        values = [x, y]
        for i, j in plan:
            values.append(values[i] * values[j] * 0.5 + 0.25)
        return sum(values[-40:], 0.0)
    return f

def heard(do, after):
    """Seconds from a Ctrl-C until it is heard, in the midst of LLVM's work."""
    waiting.append(after)
    try:
        do()
    except KeyboardInterrupt:
        return time.monotonic() - sent.pop()
    raise AssertionError("it was not interrupted")
'''
EMPTY = "define void @call(ptr %numbers) {\n  ret void\n}\n"
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to itself")


def run(script, *, code=0, limit=120):
    """Run a script in a process of its own; return what it prints, and its messages."""
    text = BEGINNING + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], capture_output=True, text=True, timeout=limit, check=False
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


@needs_signals
def test_ctrl_c_is_heard_while_llvm_works_and_everything_works_afterwards():
    out, messages = run("""
        os.environ["MICROGRAD_QUIET"] = "1"
        texts = [long_text(60_000, seed) for seed in range(3)]
        found = [heard(lambda: Native(text, this_machine(), call=CALL), 0.1 + 0.2 * k) for k, text in enumerate(texts)]
        f = jit(long_function(5_000), exact=True)
        x = [Value(0.5), Value(-0.25)]
        found.append(heard(lambda: f(*x).backward(), 0.2))
        w = Value(0.5)
        from micrograd.optim import SGD
        g = long_function(5_000)
        step = train_step(lambda row: g(w, row), SGD([w]))
        found.append(heard(lambda: step([1.0, 2.0]), 0.2))
        assert (w.data, step.optimizer.steps) == (0.5, 0)

        assert f(*x).data == f.f(*x).data  # the same function, compiled at last
        wanted = (g(0.5, 1.0) + g(0.5, 2.0)) / 2
        assert abs(step([1.0, 2.0]) - wanted) < 1e-12 and step.optimizer.steps == 1
        print(min(found), max(found))
    """)
    least, most = map(float, out.split())
    assert least < 0.2
    assert most < 2.0  # on a busy machine
    assert not messages


@needs_signals
def test_a_process_that_ctrl_c_ends_while_compiling_ends_soon_and_in_order():
    _, messages = run(
        """
        os.environ["MICROGRAD_QUIET"] = "1"
        waiting.append(0.3)
        import atexit
        atexit.register(lambda: print(f"took {time.monotonic() - sent[0]:.1f}", file=sys.stderr))
        Native(long_text(150_000, 0), this_machine(), call=CALL)
        """,
        code=-signal.SIGINT,
    )
    assert "KeyboardInterrupt" in messages and "Fatal" not in messages and "Exception ignored" not in messages
    assert float(messages.split("took ")[1].split()[0]) < 2.0  # not the ten seconds that were left


@needs_signals
def test_threads_compile_at_the_same_time_while_one_is_interrupted():
    run("""
        os.environ["MICROGRAD_QUIET"] = "1"
        functions = [jit(long_function(200 + k), exact=True) for k in range(6)]
        right = []
        def work(f):
            x, y = Value(0.5), Value(-0.25)
            right.append(f(x, y).data == f.f(x, y).data)
        threads = [threading.Thread(target=work, args=(f,)) for f in functions]
        def main():
            for thread in threads:
                thread.start()
            Native(long_text(100_000, 1), this_machine(), call=CALL)
        heard(main, 0.3)
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert right == [True] * 6, right
    """)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
def test_a_fork_waits_for_llvm_and_both_sides_can_compile():
    run("""
        import warnings
        warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
        os.environ["MICROGRAD_QUIET"] = "1"
        begun = threading.Event()
        native.modules_of = lambda text: (begun.set(), cut(text))[1]
        thread = threading.Thread(target=Native, args=(long_text(40_000, 0), this_machine()), kwargs={"call": CALL})
        this_machine()
        begun.clear()
        thread.start()
        begun.wait(30)
        child = os.fork()
        f = jit(lambda x: x * x + 1.0)
        assert f(Value(3.0)).data == 10.0
        if child == 0:
            os._exit(7)
        thread.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    """)


def test_errors_come_to_the_caller_and_leave_no_lock():
    for text in ("no module", "define void @call(ptr %x) { ret i64 0 }"):
        with pytest.raises(RuntimeError):
            Native(text, this_machine(), call=CALL)
    thread = threading.Thread(target=Native, args=(EMPTY, this_machine()), kwargs={"call": CALL}, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_work_within_work_stays_in_its_thread():
    def outer(go_on):
        here = threading.current_thread()
        return beside(lambda go_on: threading.current_thread() is here)

    assert beside(outer)


def test_without_another_thread_the_work_is_done_here(monkeypatch):
    def none_left(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module._Beside, "start", none_left)
    assert beside(lambda go_on: threading.current_thread()) is threading.current_thread()


def test_work_that_nobody_waits_for_ends_at_its_next_piece():
    pieces, ended = [], threading.Event()

    def work(go_on):
        try:
            while True:
                go_on()
                pieces.append(1)
                time.sleep(0.01)
        finally:
            ended.set()

    def interrupt():
        if len(pieces) > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        beside(work, waiting=interrupt)
    assert ended.wait(10)
    count = len(pieces)
    assert beside(lambda go_on: 5) == 5
    assert len(pieces) == count
