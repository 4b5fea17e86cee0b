"""Compiling that takes longer than a second says so, once while it records and once after."""

from __future__ import annotations

import gc
import random

import pytest

from micrograd import Value, jit, train_step
from micrograd.compiler import estimate, notice
from micrograd.compiler.native import beside
from micrograd.compiler.paused import paused
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD
from micrograd.training.fit import fit

ROWS, TARGETS = [[0.5, 1.0], [1.0, -1.0], [0.0, 2.0]], [1.0, 0.0, 0.5]


def step_of(width):
    net = MLP(2, [width, 1], rng=random.Random(0))
    return net, train_step(lambda x, y: mse(net(x), y), SGD(net.parameters()))


@pytest.fixture
def at_once(monkeypatch):
    """The clock goes so fast that all compiling takes longer than the silence."""
    monkeypatch.setattr(notice, "SILENCE", 0.0)
    monkeypatch.setattr(beside, "LISTEN", 0.0001)


def test_quick_compiling_says_nothing(capsys):
    step_of(3)[1](ROWS, TARGETS)
    jit(lambda x: x * x)(Value(2.0))
    assert capsys.readouterr().err == ""


def test_long_compiling_says_so_once(at_once, capsys):
    _, step = step_of(19)
    step(ROWS, TARGETS)
    said = capsys.readouterr().err
    assert said == f"compiling {len(step.tape)} instructions, less than 1 s ...\n"
    step(ROWS, TARGETS)
    step.run(ROWS, TARGETS, epochs=3)
    assert capsys.readouterr().err == ""


def test_what_was_recorded_before_is_counted_as_well(at_once, capsys):
    _, step = step_of(20)
    length = len(step.trace(ROWS, TARGETS))
    assert capsys.readouterr().err == ""
    step(ROWS, TARGETS)
    assert capsys.readouterr().err.startswith(f"compiling {length} instructions, ")


def test_it_says_once_how_long_it_takes_in_all(monkeypatch, capsys):
    times = iter([0.0])
    monkeypatch.setattr(notice.time, "monotonic", lambda: next(times, 100.0))
    with notice.compiling():
        notice.look()  # nothing is known yet
        notice.look(recorded=1_024)
        notice.look(recorded=2_048)
        notice.known(lambda passed: f"compiling 120,000 instructions, about {passed:.0f} s")
        notice.look()
        notice.look()
        notice.look(recorded=3_072)  # of another function, which this one calls
    said = ["compiling 1,024 instructions so far ...", "compiling 120,000 instructions, about 100 s ..."]
    assert capsys.readouterr().err.splitlines() == said


@pytest.mark.parametrize("of_step", [True, False])
def test_a_recording_counts_so_far_and_then_its_whole_length_and_time(at_once, monkeypatch, capsys, of_step):
    monkeypatch.setattr(estimate, "one_recorded", lambda: 1e-3)

    def f(x):
        for _ in range(700):
            x = x * 0.5 + 1.0
        return x

    if of_step:
        w = Value(1.0)
        of_w = train_step(lambda x: f(w * x), SGD([w]))
        of_w([1.0])
    else:
        of_w = jit(f)
        of_w(Value(1.0))
    length = len(of_w.tape)
    assert capsys.readouterr().err.splitlines() == [
        "compiling 1,024 instructions so far ...",
        f"{estimate.said([length])} ...",
    ]
    assert estimate.said([length]) == f"compiling {length:,} instructions, about {estimate.compiling([length]):.0f} s"


def test_functions_say_it_once_with_their_derivatives_or_without(at_once, capsys):
    def long(x):
        for k in range(300):
            x = (x * 0.517 + k).tanh()
        return x

    for f, given in ((jit(long), Value(1.0)), (jit(long, batch=True), [1.0, 2.0])):
        f(given)
        assert capsys.readouterr().err.count("compiling") == 1
        f(given)
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["1", "yes"])
def test_the_environment_silences_it(at_once, monkeypatch, capsys, text):
    monkeypatch.setenv("MICROGRAD_QUIET", text)
    step_of(23)[1](ROWS, TARGETS)
    assert capsys.readouterr().err == ""


def test_code_silences_it_and_so_does_fit_without_progress(at_once, capsys):
    with notice.quietly():
        step_of(29)[1](ROWS, TARGETS)
    net, _ = step_of(31)
    fit(net, mse, ROWS, TARGETS, optimizer=SGD(net.parameters()), epochs=2, backend="jit", progress=False)
    assert capsys.readouterr().err == ""
    fit(net, mse, ROWS, TARGETS, optimizer=SGD(net.parameters()), epochs=2, backend="jit")
    assert " ..." not in capsys.readouterr().err  # the display says how it goes


def test_no_stderr_is_no_error(at_once, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    step_of(41)[1](ROWS, TARGETS)


def test_what_was_made_while_compiling_is_old_for_the_collector_and_what_was_frozen_stays_frozen():
    gc.collect()
    with paused():
        kept = [[i] for i in range(50_000)]
    assert gc.get_count()[0] < 10_000 < len(kept)  # the next collection does not walk them
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with paused():
            pass
        assert gc.get_freeze_count() >= frozen - 1000
    finally:
        gc.unfreeze()
