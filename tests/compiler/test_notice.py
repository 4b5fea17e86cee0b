"""Compiling that takes longer than a second says so, once."""

from __future__ import annotations

import random

import pytest

from micrograd import Value, jit, train_step
from micrograd.compiler import notice
from micrograd.compiler.native import beside
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
    assert said == f"compiling {len(step.tape)} operations ...\n"
    step(ROWS, TARGETS)
    step.run(ROWS, TARGETS, epochs=3)
    assert capsys.readouterr().err == ""


def test_the_number_of_operations_is_that_of_the_tape(monkeypatch, capsys):
    times = iter([0.0])
    monkeypatch.setattr(notice.time, "monotonic", lambda: next(times, 100.0))
    notice.known(0)
    with notice.compiling:
        notice.known(120_000)
        notice.look()
        notice.look()
    assert capsys.readouterr().err == "compiling 120,000 operations ...\n"


def test_a_recording_counts_so_far(monkeypatch, capsys):
    monkeypatch.setattr(notice, "SILENCE", 1e-9)

    def f(x):
        for _ in range(3000):
            x = x * 0.5 + 1.0
        return x

    jit(f)(Value(1.0))
    assert capsys.readouterr().err == "compiling 1,024 operations so far ...\n"


def test_functions_say_it_once_with_their_derivatives_or_without(at_once, capsys):
    for f, given in ((jit(lambda x: x.tanh() * 3.5), Value(1.0)), (jit(lambda x: x * 1.5, batch=True), [1.0, 2.0])):
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
    assert "operations" not in capsys.readouterr().err  # the display says how it goes


def test_no_stderr_is_no_error(at_once, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    step_of(41)[1](ROWS, TARGETS)
