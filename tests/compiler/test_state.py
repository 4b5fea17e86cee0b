"""What changes from run to run is refused with its line, and restored; what a model keeps of a recording."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import sys
import threading

import numpy as np
import pytest

from micrograd import Value, fit, jit, tanh, train_step
from micrograd.errors import TraceError
from micrograd.losses import mse
from micrograd.nn import MLP, Module
from micrograd.optim import SGD

T = 2.0


class Model(Module):
    """A net that counts its calls."""

    def __init__(self):
        self.net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
        self.calls, self._table = 0, None

    def counted(self, x):
        self.calls += 1
        return self.net(x) if self.calls < 100 else 2.0 * self.net(x)


def generators():
    numpys = np.random.default_rng(0)
    yield "random.Random", random.Random(0).random
    yield "random.Random.gauss", random.Random(0).gauss
    yield "numpy Generator", numpys.random
    yield "RandomState", np.random.RandomState(0).normal
    yield "the module", random.random
    yield "numpy's own", np.random.rand


@pytest.mark.parametrize("draw", [pytest.param(draw, id=name) for name, draw in generators()])
@pytest.mark.parametrize("thread", [False, True])
def test_random_numbers_are_refused_with_their_line_and_put_back(draw, thread):
    generator = draw.__self__
    state = pickle.dumps(generator)
    said = []

    def try_it():
        for f in (lambda x: x + draw(), lambda x: x * (2.0 if draw() < 0.5 else 0.0)):
            for compiled, given in ((jit(f), 1.0), (jit(f, batch=True), [1.0])):
                with pytest.raises(
                    TraceError, match=r"drew random numbers .* at .*test_state.py:\d+ in .*draw\(\)"
                ) as e:
                    compiled(given)
                said.append(str(e.value))

    if thread:
        worker = threading.Thread(target=try_it)
        worker.start()
        worker.join()
    else:
        try_it()
    assert len(said) == 4 and pickle.dumps(generator) == state


def test_a_module_whose_generator_is_an_attribute_trains_the_same_eagerly_and_by_auto():
    class Dropout(Module):
        def __init__(self):
            self.net, self.rng = MLP(2, [8, 1], activation="tanh", rng=random.Random(1)), random.Random(2)

        def __call__(self, x):
            return self.net([xi * (2.0 if self.rng.random() < 0.5 else 0.0) for xi in x])

    rows, targets = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 4, [0.0, 1.0, 1.0, 0.0] * 4
    found = []
    for backend in ("eager", "auto"):
        net = Dropout()
        options = {"optimizer": SGD(net.parameters(), lr=0.1), "epochs": 5, "backend": backend}
        found.append(fit(net, mse, rows, targets, progress=False, **options))
    assert found[1].backend == "eager" and found[1]["loss"] == found[0]["loss"]
    assert "random numbers" in found[1].why


def test_numbers_drawn_where_python_does_not_see_it_differ_from_run_to_run():
    class Hidden(random.SystemRandom):
        """Has no state to look at."""

    rng = Hidden()
    with pytest.raises(TraceError, match=r"does not do the same each time it runs.* at .*test_state.py:\d+ in .*rng"):
        jit(lambda x: x + rng.random())(1.0)


def test_other_threads_may_draw_random_numbers():
    stop = []

    def draw():
        while not stop:
            random.random()

    def long(x):
        for _ in range(300):
            x = tanh(x)
        return x

    worker = threading.Thread(target=draw)
    worker.start()
    try:
        for _ in range(3):
            assert jit(long)(1.0) == long(1.0)
    finally:
        stop.append(1)
        worker.join()


def test_a_function_that_counts_its_calls_is_refused_and_not_counted():
    model = Model()
    with pytest.raises(TraceError, match=r"changes self.calls each time it runs \(1, then 2\), at .*self.calls \+= 1"):
        jit(model.counted)([1.0, 2.0])
    assert model.calls == 0
    history = fit(Counting(), mse, [[0.0, 1.0]] * 3, [1.0] * 3, epochs=60, batch_size=3, progress=False)
    assert history.backend == "eager"
    assert (
        history["loss"]
        == fit(Counting(), mse, [[0.0, 1.0]] * 3, [1.0] * 3, epochs=60, batch_size=3, progress=False, backend="eager")[
            "loss"
        ]
    )


class Counting(Model):
    __call__ = Model.counted


def test_running_means_and_counters_in_dicts_cells_and_globals_are_refused():
    model, state, count = Model(), {"n": 0}, 0
    model.mean = 0.0

    def mean(x):
        model.mean = 0.9 * model.mean + 0.1 * x.data
        return x - model.mean

    def item(x):
        state["n"] += 1
        return x

    def cell(x):
        nonlocal count
        count += 1
        return x

    def of_the_module(x):
        global T
        T += 1.0
        return x

    for f in (mean, item, cell, of_the_module):
        with pytest.raises(TraceError, match="each time it runs"):
            jit(f)(Value(1.0))
    assert (model.mean, state, count, T) == (0.0, {"n": 0}, 0, 2.0)


def test_what_is_prepared_once_may_be():
    """A table made at the first call differs between the first two runs, but not after that."""
    model = Model()

    def with_table(x):
        if model._table is None:
            model._table = [1.0, 2.0, 3.0]
        return x * model._table[1]

    f = jit(with_table)
    assert f(2.0) == 4.0
    model._table[1] = 7.0
    assert f(2.0) == 14.0


def test_objects_made_inside_are_no_state():
    class Running:
        def __init__(self):
            self.total = 0.0

    def f(x):
        running, seen = Running(), []
        for _ in range(3):
            running.total += 1.0
            seen.append(x * running.total)
        return sum(seen)

    fast = jit(f)
    assert fast(2.0) == 12.0 and not fast.constants


class Keeping(Module):
    def __init__(self):
        self.net, self.all = MLP(2, [2, 1], activation="tanh", rng=random.Random(0)), []

    def __call__(self, x):
        self.last_input = x
        self.last = self.net(x)
        self.all.append(self.last)
        self.all.append(x[0])
        return self.last


def test_a_value_of_a_recording_that_a_model_keeps_is_not_a_parameter():
    net = Keeping()
    count = len(net.parameters())
    fit(net, mse, [[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0], epochs=2, batch_size=1, progress=False, backend="jit")
    assert len(net.parameters()) == count == len(net.state_dict())
    assert not hasattr(net, "last_input")  # it was a number of the recording
    again = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    assert len(again.parameters()) == count
    with pytest.raises(TraceError, match="after the recording ended"):
        again.all[0] + 1.0
    optimizer = SGD(net.parameters(), lr=0.1)
    mse(net([0.0, 1.0]), 0.0).backward()
    optimizer.step()
    Keeping().load_state_dict(net.state_dict())


def test_the_number_of_a_trained_parameter_is_read_afresh_at_each_step():
    """`w.data` is a constant to backward, but a different number at each step."""
    for steps in (1, 5):
        eager, compiled = Value(2.0), Value(2.0)
        optimizer = SGD([eager], lr=0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            (eager * eager.data).backward()
            optimizer.step()
        train_step(lambda x, w=compiled: w * w.data * x, SGD([compiled], lr=0.1)).run([1.0], steps=steps)
        assert compiled.data == pytest.approx(eager.data, rel=1e-12)


def test_iterators_are_refused():
    with pytest.raises(TypeError, match="list_iterator is an iterator, which can be used only once"):
        jit(sum)(iter([Value(0.0)]))


def test_a_debugger_keeps_its_trace_function():
    seen = []

    def tracer(frame, event, argument):
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        jit(lambda x: x * T)(1.0)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_functions_that_the_collector_calls_are_not_the_functions_own():
    counted = {"n": 0}

    def callback(phase, info):
        counted["n"] += 1

    def f(x):
        for _ in range(300):
            x = tanh(x)
        return x

    gc.callbacks.append(callback)
    threshold = gc.get_threshold()
    gc.set_threshold(10)
    try:
        assert jit(f)(0.5) == f(0.5)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(callback)
    assert gc.isenabled()


def test_a_list_of_parameters_that_was_replaced_or_changed_is_looked_at_again():
    """Also one that has as many changes behind it, and as many parameters."""
    w, other = Value(1.0), Value(5.0)
    optimizer = SGD([w], lr=0.5)
    step = train_step(lambda x: (w - x) ** 2 + (other - x) ** 2, optimizer)
    step.run([0.0], steps=1)
    assert (w.data, other.data) == (0.0, 5.0)
    optimizer.parameters = type(optimizer.parameters)([other])
    step.run([0.0], steps=1)
    assert (w.data, other.data) == (0.0, 0.0)
    optimizer.parameters[0] = w
    step.run([1.0], steps=1)
    assert (w.data, other.data) == (1.0, 0.0)
