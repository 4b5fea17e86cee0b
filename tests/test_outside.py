"""What a recorded function reads outside, and what changes from run to run: found, named with its line, followed."""

from __future__ import annotations

import collections
import copy
import pickle
import random
import threading
import types
from functools import partial

import numpy as np
import pytest

from micrograd import Value, fit, jit, tanh, train_step
from micrograd.compiler.symbols import TraceError
from micrograd.losses import mse
from micrograd.nn import MLP, Module
from micrograd.optim import SGD

T = 2.0
TABLE = {"t": 2.0, "other": 0.0}
NUMBERS = [2.0, 5.0]
ARRAY = np.array([2.0, 5.0])
PAIRS = [(2.0, 1.0)]
DEFAULTS = collections.defaultdict(float, t=2.0)
settings = types.SimpleNamespace(deep=types.SimpleNamespace(t=2.0))


class Slotted:
    __slots__ = ("t",)


class Model(Module):
    """A net with a setting, a flag and a counter."""

    shared = 2.0

    def __init__(self):
        self.net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
        self.temperature, self.training, self.calls = 2.0, True, 0
        self.slotted = Slotted()
        self.slotted.t = 2.0
        self._table = None

    def __call__(self, x):
        out = self.net(x) / self.temperature
        return out * 0.5 if self.training else out

    def counted(self, x):
        self.calls += 1
        return self.net(x) if self.calls < 100 else 2.0 * self.net(x)


def set_global(x):
    global T
    T = x


def places():
    """Functions that read 2.0 somewhere outside, with what sets another number there."""
    model, cell = Model(), 2.0

    def set_cell(x):
        nonlocal cell
        cell = x

    def in_a_loop(x):
        for t in NUMBERS[:1]:
            x = x * t
        return x

    def by_alias(x):
        deep = settings.deep
        return x * deep.t

    yield "global", lambda x: x * T, set_global
    yield "cell", lambda x: x * cell, set_cell
    yield "attribute", lambda x: x * model.temperature, partial(setattr, model, "temperature")
    yield "attribute of a class", lambda x: x * model.shared, partial(setattr, Model, "shared")
    yield "attribute in the place of a class's", lambda x: x * Model.shared, partial(setattr, Model, "shared")
    yield "slot", lambda x: x * model.slotted.t, partial(setattr, model.slotted, "t")
    yield "attribute of an attribute", lambda x: x * settings.deep.t, partial(setattr, settings.deep, "t")
    yield "through a local name", by_alias, partial(setattr, settings.deep, "t")
    yield "item of a dict", lambda x: x * TABLE["t"], partial(TABLE.__setitem__, "t")
    yield "item of a list", lambda x: x * NUMBERS[0], partial(NUMBERS.__setitem__, 0)
    yield "list", lambda x: x * sum(NUMBERS[:1]), partial(NUMBERS.__setitem__, 0)
    yield "loop over a list", in_a_loop, partial(NUMBERS.__setitem__, 0)
    yield "array", lambda x: x * float(np.take(ARRAY, 0)), partial(ARRAY.__setitem__, 0)

    def get():
        return settings

    def by_pairs(x):
        for t, one in PAIRS:
            x = x * t * one
        return x

    yield "pairs", by_pairs, lambda number: PAIRS.__setitem__(0, (number, 1.0))
    yield "dict.get()", lambda x: x * TABLE.get("t"), partial(TABLE.__setitem__, "t")
    yield "dict.values()", lambda x: x * max(TABLE.values()), partial(TABLE.__setitem__, "t")
    yield "defaultdict", lambda x: x * DEFAULTS["t"], partial(DEFAULTS.__setitem__, "t")
    yield "array's method", lambda x: x * ARRAY.tolist()[0], partial(ARRAY.__setitem__, 0)
    yield "getattr()", lambda x: x * getattr(model, "temperature"), partial(setattr, model, "temperature")  # noqa: B009
    yield "vars()", lambda x: x * vars(model)["temperature"], partial(setattr, model, "temperature")
    yield "what a call returns", lambda x: x * get().deep.t, partial(setattr, settings.deep, "t")
    yield "one of two", lambda x: x * (model if T else settings).temperature, partial(setattr, model, "temperature")
    yield "in another function", lambda x: of_another(x), set_global
    yield "in a condition", lambda x: x * 2.0 if T == 2.0 else x * T, set_global


def of_another(x):
    return (lambda y: y * T)(x)


@pytest.mark.parametrize(("f", "change"), [pytest.param(f, change, id=name) for name, f, change in places()])
def test_a_number_that_changes_outside_is_followed(f, change):
    fast, w = jit(f), Value(1.0)
    steps = train_step(lambda x: w * 0.0 + f(x), SGD([w], lr=0.0))
    batch = jit(f, batch=True)
    try:
        for number in [2.0] * 100 + [3.0, 2.0, 3.0]:
            change(number)
            assert fast(1.5) == f(1.5) == 1.5 * number
            assert steps([1.5]) == batch([1.5]) == 1.5 * number
        assert steps.run([1.5], steps=2).tolist() == [1.5 * 3.0] * 2
        found = [constant.value for constant in fast.constants]
        assert found and "3." in repr(found)
        assert all("test_outside.py" in constant.line for constant in fast.constants)
        assert steps.constants and batch.constants
    finally:
        change(2.0)


def test_what_is_read_is_named_with_its_line():
    model = Model()
    step = train_step(lambda x, y: mse(model(x), y), SGD(model.parameters(), lr=0.1))
    step([[0.0, 1.0]], [1.0])
    found = {constant.name: constant for constant in step.constants}
    assert found["self.temperature"].value == 2.0 and found["self.training"].value is True
    assert "out = self.net(x) / self.temperature" in str(found["self.temperature"])


def test_other_values_and_models_in_the_place_of_those_recorded_are_followed():
    w = Value(2.0)
    f = jit(lambda x: w * x)
    assert f(3.0).data == 6.0
    w = Value(5.0)
    z = f(3.0)
    z.backward()
    assert z.data == 15.0 and w.grad == 3.0
    nets = [MLP(2, [1], rng=random.Random(seed)) for seed in (0, 1)]
    net = nets[0]
    g = jit(lambda x: net(x))
    assert g([1.0, 2.0]).data == nets[0]([1.0, 2.0]).data
    net = nets[1]
    assert g([1.0, 2.0]).data == pytest.approx(nets[1]([1.0, 2.0]).data, rel=1e-15)
    net.layers[0].neurons[0].nonlin = True
    assert g([-9.0, -9.0]).data == nets[1]([-9.0, -9.0]).data


def test_other_functions_and_longer_lists_are_followed():
    double, functions, values = (lambda x: 2 * x), [lambda x: x + 1], [Value(1.0)]
    f = jit(lambda x: double(x) + sum(v.data for v in values) + len(functions) + functions[-1](x))
    assert f(1.0) == 6.0
    double = lambda x: 3 * x  # noqa: E731
    assert f(1.0) == 7.0
    functions.append(lambda x: x + 5)
    assert f(1.0) == 12.0
    values.append(Value(4.0))
    assert f(1.0) == 16.0


def test_a_flag_that_goes_on_and_off_is_compiled_for_twice():
    model, seen = Model(), []
    fast = jit(lambda x: seen.append(1) or model(x))
    for _ in range(20):
        model.training = not model.training
        assert fast([1.0, 2.0]).data == pytest.approx(model([1.0, 2.0]).data, rel=1e-15)
    assert len(seen) == 4  # recorded twice each


def test_what_changes_at_each_call_is_refused_in_the_end_with_its_line():
    counter = 0
    f = jit(lambda x: x * 2 if counter < 100 else x * 3)
    with pytest.raises(TraceError, match=r"counter has changed \d+ times since.* is \d+, at .*test_outside.py:\d+ in"):
        for i in range(200):
            counter = i
            assert f(1.0) == (2.0 if i < 100 else 3.0)


def test_a_callback_that_changes_what_was_taken_as_a_constant_is_refused():
    model = Model()
    step = train_step(lambda x, y: mse(model(x), y), SGD(model.parameters(), lr=0.1))

    def anneal(taken, loss):
        model.temperature *= 0.9

    with pytest.raises(TraceError, match=r"self.temperature was changed by a callback.*it was 2.0 .* is 1.8, at "):
        step.run([[0.0, 1.0]], [1.0], steps=5, callback=anneal)


@pytest.mark.parametrize("change", ["temperature", "training"])
def test_fit_gives_one_history_where_a_callback_changes_the_model(change):
    rows, targets = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 0.0, 1.0]

    def run(backend):
        model = Model()

        def callback(record):
            if record["epoch"] in (100, 103):
                setattr(model, change, 1.5 if change == "temperature" else not model.training)

        options = {
            "optimizer": SGD(model.parameters(), lr=0.1),
            "epochs": 106,
            "batch_size": 2,
            "callbacks": [callback],
        }
        return fit(model, mse, rows, targets, backend=backend, progress=False, **options)

    assert run("jit")["loss"] == pytest.approx(run("eager")["loss"], rel=1e-9)


def test_fit_goes_on_eagerly_where_something_changes_in_each_epoch():
    rows, targets = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 0.0, 1.0]
    found = {}
    for backend in ("eager", "auto"):
        model = Model()
        anneal = lambda record, model=model: setattr(model, "temperature", model.temperature * 0.99)  # noqa: E731
        options = {"optimizer": SGD(model.parameters(), lr=0.1), "epochs": 60, "callbacks": [anneal]}
        found[backend] = fit(model, mse, rows, targets, backend=backend, progress=False, **options)
    assert found["auto"]["loss"] == pytest.approx(found["eager"]["loss"], rel=1e-9)


# ------------------------------------------------- what changes from run to run


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
                    TraceError, match=r"drew random numbers .* at .*test_outside.py:\d+ in .*draw\(\)"
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
    with pytest.raises(TraceError, match=r"does not do the same each time it runs.* at .*test_outside.py:\d+ in .*rng"):
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
    """A table that is made at the first call differs between the first two runs, and no more after that."""
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

    assert jit(f)(2.0) == 12.0 and not jit(f)._programs.latest


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
    assert not hasattr(net, "last_input") or all(isinstance(x, float) for x in net.last_input)
    again = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    assert len(again.parameters()) == count
    with pytest.raises(TraceError, match="after the recording ended"):
        again.all[0] + 1.0
    optimizer = SGD(net.parameters(), lr=0.1)
    mse(net([0.0, 1.0]), 0.0).backward()
    optimizer.step()
    Keeping().load_state_dict(net.state_dict())


def test_the_number_of_a_trained_parameter_is_read_afresh_at_each_step():
    """`w.data` is a constant to backward, and yet another number at each step."""
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
    with pytest.raises(TypeError, match="list_iterator is an iterator, which can be gone through only once"):
        jit(sum)(iter([Value(0.0)]))


def test_a_debugger_keeps_its_trace_function():
    import sys

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
