"""`auto` takes the faster backend, says why in one line, and goes on eagerly if a recording is refused later."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest
from helpers.fitting import X, Y, assert_alike, net_of, numbers_of, run

from micrograd.compiler import estimate
from micrograd.compiler.estimate import compiling
from micrograd.compiler.jit import BatchJitted
from micrograd.compiler.train_step import TrainStep
from micrograd.errors import TraceError
from micrograd.losses import mse
from micrograd.metrics import is_right
from micrograd.nn import MLP
from micrograd.optim import Adam
from micrograd.training import backends, progress
from micrograd.training.backends import Compiled
from micrograd.training.choice import Work, backend_for
from micrograd.training.predict import is_worth_compiling, outputs_of


@pytest.fixture(autouse=True)
def _a_machine(monkeypatch):
    monkeypatch.setattr(estimate, "one_operation", lambda: 2e-6)
    monkeypatch.setattr(estimate, "one_recorded", lambda: 12e-6)


def chosen(sizes, rows, epochs, name="auto", metrics=None):
    net = MLP(sizes[0], sizes[1:], rng=random.Random(0))
    data, targets = np.zeros((rows, sizes[0])), [0.0] * rows
    work = Work(data, targets, None, epochs, 32)
    return backend_for(name, net, mse, Adam(net.parameters()), metrics or {}, work)


@pytest.mark.parametrize(
    "sizes, rows, epochs, name, said",
    [
        ([100, 16, 16, 1], 6_000, 100, "jit", r"^compiling 8,\d{3} instructions, about 1 s; eagerly the 100 epochs"),
        ([100, 16, 16, 1], 20, 1, "eager", "^eager: the epoch in less than 1 s; compiling a net of 1,905 parameters"),
        ([100, 16, 16, 1], 20, 1_000, "jit", "eagerly the 1,000 epochs would take about 3 minutes"),
        ([2, 4, 1], 4, 1, "jit", "less than 1 s; eagerly the epoch would take less than 1 s"),
    ],
)
def test_the_faster_backend_is_chosen_and_explained_in_a_line(sizes, rows, epochs, name, said):
    backend = chosen(sizes, rows, epochs)
    assert backend.name == name and re.search(said, backend.why) and "\n" not in backend.why
    for asked in ("eager", "jit"):
        assert chosen(sizes, rows, epochs, asked).name == asked


def test_hours_of_eager_work_are_avoided_and_a_large_net_is_not_recorded_in_vain(monkeypatch):
    assert compiling([100_000]) == pytest.approx(10.8) and compiling([100]) == pytest.approx(100 * 21 * 12e-6)
    assert 3 < compiling([500_000]) / compiling([100_000]) < 5 and compiling([900, 900]) == 2 * compiling([900])
    backend = chosen([415, 16, 16, 1], 6_341, 100)
    assert backend.name == "jit" and backend.why.endswith("hours")
    monkeypatch.setattr(Compiled, "__init__", None)
    backend = chosen([415, 100, 1], 10, 1)
    assert backend.name == "eager" and re.search(r"compiling a net of 41,701 parameters .* about \d+ s$", backend.why)


def test_metrics_and_validation_rows_are_work_as_well():
    backend = chosen([100, 16, 16, 1], 170, 1, metrics={"a": mse, "b": mse})
    assert re.search(r"^eager: the epoch in about 2 s; compiling 1\d,\d{3} instructions .* about \d s$", backend.why)
    net, held_out = net_of(), (X[:10], Y[:10])
    plain = Work(X, Y, None, 2, 8).eagerly(1000, 25, measures=False)
    assert Work(X, Y, None, 2, 8).eagerly(1000, 25, measures=True) > plain
    assert Work(X, Y, held_out, 2, 8).eagerly(1000, 25, measures=False) > plain
    compiled = Compiled(net, mse, Adam(net.parameters()), {"accuracy": is_right})
    assert len(compiled.trace(X[:1], Y[:1])) == 2 and len(compiled.trace(X[:1], Y[:1], held_out)) == 3


def test_the_history_and_the_display_say_it(capfd):
    whys = {"eager": "eager, as asked", "jit": "compiled, as asked: compiling 1", "auto": "compiling 1"}
    for backend, why in whys.items():
        history = run(backend=backend, epochs=1)[1]
        assert history.why.startswith(why) and history.backend == ("eager" if backend == "eager" else "jit")
    run(epochs=1, progress=True)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == history.why and lines[1].startswith("epoch 1/1  loss")
    run(epochs=1, progress=True, backend="eager")
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_recording_that_is_refused_is_said_with_its_line(capfd):
    def branching(out, target):
        return mse(out, target) if out > 0 else mse(out * 2, target)

    history = run(loss=branching, epochs=1, progress=True)[1]
    why = capfd.readouterr().err.splitlines()[0]
    assert history.backend == "eager" and history.why == why
    assert re.fullmatch(r"eager: .* has no value while jit runs .*test_choice\.py:\d+ in branching: return .*", why)


@pytest.mark.parametrize("missing", ["llvmlite", "numpy"])
def test_without_the_compiler_it_is_eager(missing, monkeypatch):
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: name != missing)
    assert backends.missing_package() == missing and not backends.has_compiler()
    assert chosen([2, 1], 4, 1).why == f"eager: compiling needs {missing}, which the extra jit installs"


def test_rows_of_different_lengths_are_trained_on_eagerly():
    class Sum(MLP):
        def __call__(self, row):
            return super().__call__([sum(row), len(row)])

    def trained(backend):
        model = Sum(2, [3, 1], rng=random.Random(0))
        rows = [[1.0], [1.0, 2.0], [3.0, 1.0, 2.0], [0.5]]
        held_out = ([[1.0, 2.0], [2.0]], [0.0, 1.0])
        history = run(model, loss=mse, X=rows, y=[0.0, 1.0, 0.0, 1.0], validation=held_out, backend=backend)[1]
        return numbers_of(model), history

    numbers, history = trained("auto")
    assert history.why == "eager: X: the rows must all have the same length and hold numbers"
    assert numbers == trained("eager")[0]
    with pytest.raises(ValueError, match="the rows must all have the same length"):
        trained("jit")


def test_a_trained_net_is_compiled_where_the_rows_are_many(monkeypatch):
    from micrograd.compiler import jit as compiler

    compiled = []
    real = compiler.jit
    monkeypatch.setattr(compiler, "jit", lambda net: compiled.append(net) or real(net))
    small, large = MLP(2, [3, 1], rng=random.Random(0)), MLP(200, [60, 1], rng=random.Random(0))
    for net, count, backend, wanted in [
        (small, 2, "auto", True), (small, 1, "auto", False), (small, 2, "eager", False),
        (large, 5, "auto", False), (large, 2, "eager", False),
    ]:  # fmt: skip
        compiled.clear()
        rows = [[0.5] * len(net.layers[0].neurons[0].w)] * count
        found = outputs_of(net, rows, backend=backend)
        assert found == pytest.approx([net(row).data for row in rows]) and bool(compiled) == wanted
    assert is_worth_compiling(large, 10_000) and not is_worth_compiling(large, 50)


# ------------------------------------------------------------------ a recording that is refused later


@pytest.mark.parametrize("at", ["step", "metric"])
def test_training_goes_on_eagerly_if_a_recording_is_refused_during_the_run(at, monkeypatch, capfd):
    """The third call finds that a constant has changed; the epoch begun is undone."""
    kind, name = (TrainStep, "run") if at == "step" else (BatchJitted, "__call__")
    call, calls = getattr(kind, name), []

    def failing(self, *args, **options):
        calls.append(None)
        out = call(self, *args, **options)
        if len(calls) == 3:
            raise TraceError("model.temperature was 1.0, at loss.py:3; pass it as an argument")
        return out

    options = {"epochs": 5, "metrics": {"accuracy": is_right}}
    wanted_net, wanted = run(backend="eager", **options)
    monkeypatch.setattr(kind, name, failing)
    model, history = run(backend="auto", progress=True, **options)
    assert_alike(wanted, history)
    assert numbers_of(model) == pytest.approx(numbers_of(wanted_net), rel=1e-9) and len(calls) == 3
    why = "eager from here on: model.temperature was 1.0, at loss.py:3"
    assert (history.backend, history.why) == ("eager", why) and capfd.readouterr().err.splitlines().count(why) == 1
    calls.clear()
    with pytest.raises(TraceError, match="temperature was"):
        run(backend="jit", **options)


# ------------------------------------------------------------------ within an epoch


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_long_epoch_says_how_far_it_is(backend, monkeypatch, capfd):
    now = [0.0]

    def clock():
        now[0] += 0.2  # a machine that is slow, so that the epoch takes minutes
        return now[0]

    monkeypatch.setattr(progress.time, "monotonic", clock)
    monkeypatch.setattr(backends, "CHUNK", 1e-9)
    quiet = run(backend=backend, epochs=2, batch_size=1)[1]
    shown = run(backend=backend, epochs=2, batch_size=1, progress=True)[1]
    assert_alike(quiet, shown)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in lines if re.search(r"  loss [\d.]+$", line)] == ["epoch 1/2", "epoch 2/2"]
    within = [line for line in lines if " step " in line]
    assert 2 <= len(within) < 20 and re.fullmatch(r"epoch 1/2  step \d+ of 60, loss [\d.]+", within[0])


def test_a_small_net_is_not_interrupted_to_show_how_far_it_is():
    net = net_of()
    compiled = Compiled(net, mse, Adam(net.parameters()), {})
    compiled.trace(X[:1], Y[:1])
    assert compiled._told(60, 8, print) == {} and compiled._told(10**9, 8, None) == {}
    assert compiled._told(10**9, 8, print)["every"] > 1000


# ------------------------------------------------------------------ what a run leaves behind


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_ends_a_run_carries_its_history(error):
    def stop(record):
        if record["epoch"] == 3:
            raise error

    with pytest.raises(error) as caught:
        run(callbacks=[stop])
    assert len(caught.value.history) == 3 and caught.value.history["loss"][0] > 0
    with pytest.raises(FloatingPointError) as caught:
        run(y=[math.inf] * len(Y), loss=mse)
    assert len(caught.value.history) == 0
