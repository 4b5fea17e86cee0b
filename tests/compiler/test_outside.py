"""Places outside that a recorded function reads: they are found, named with their line, and their changes followed."""

from __future__ import annotations

import collections
import operator
import random
import threading
import types
from functools import partial

import numpy as np
import pytest
from helpers import outside_numbers

from micrograd import Value, fit, jit, tanh, train_step
from micrograd.errors import TraceError
from micrograd.losses import mse
from micrograd.nn import MLP, Layer, Module
from micrograd.optim import SGD

T = 2.0
TABLE = {"t": 2.0, "other": 0.0}
NUMBERS = [2.0, 5.0]
ARRAY = np.array([2.0, 5.0])
PAIRS = [(2.0, 1.0)]
DEFAULTS = collections.defaultdict(float, t=2.0)
NAMES = ["temperature"]
VIEW, USER, CHAIN = types.MappingProxyType(TABLE), collections.UserDict(t=2.0), collections.ChainMap(TABLE)
LOCAL = threading.local()
LOCAL.t = 2.0
settings = types.SimpleNamespace(deep=types.SimpleNamespace(t=2.0), **{"lambda": 2.0})


class Slotted:
    __slots__ = ("t",)


class Model(Module):
    """A net with a setting, a flag and a counter."""

    shared = 2.0

    def __init__(self):
        self.net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
        self.temperature, self.training = 2.0, True
        self.slotted = Slotted()
        self.slotted.t = 2.0

    def __call__(self, x):
        out = self.net(x) / self.temperature
        return out * 0.5 if self.training else out


def set_global(x):
    global T
    T = x


def places():
    """Functions that read 2.0 somewhere outside, each with a function that sets another number there."""
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

    def by_names(x):
        for name in ("shared", "temperature"):
            x = x * getattr(model, name)
        return x * 0.5

    def by_import(x):
        from helpers.outside_numbers import T

        return x * T

    def by_keyword(x):
        return x * getattr(settings, "lambda")  # as argparse has it for an option --lambda

    yield "pairs", by_pairs, lambda number: PAIRS.__setitem__(0, (number, 1.0))
    yield "dict.get()", lambda x: x * TABLE.get("t"), partial(TABLE.__setitem__, "t")
    yield "dict.values()", lambda x: x * max(TABLE.values()), partial(TABLE.__setitem__, "t")
    yield "defaultdict", lambda x: x * DEFAULTS["t"], partial(DEFAULTS.__setitem__, "t")
    yield "array's method", lambda x: x * ARRAY.tolist()[0], partial(ARRAY.__setitem__, 0)
    yield "getattr()", lambda x: x * getattr(model, "temperature"), partial(setattr, model, "temperature")  # noqa: B009
    yield "getattr() in a loop", by_names, partial(setattr, model, "temperature")
    yield "getattr() by a list", lambda x: x * getattr(model, NAMES[0]), partial(setattr, model, "temperature")
    yield "attribute of __class__", lambda x: x * model.__class__.shared, partial(setattr, Model, "shared")
    yield "import inside", by_import, partial(setattr, outside_numbers, "T")
    yield "of this thread", lambda x: x * LOCAL.t, partial(setattr, LOCAL, "t")
    yield "view of a dict", lambda x: x * VIEW["t"], partial(TABLE.__setitem__, "t")
    yield "UserDict", lambda x: x * USER["t"], partial(USER.__setitem__, "t")
    yield "ChainMap", lambda x: x * CHAIN["t"], partial(TABLE.__setitem__, "t")
    yield "attribute with a keyword's name", by_keyword, partial(setattr, settings, "lambda")
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


class First:
    t = 2.0

    def two(self, x):
        return 2.0 * x

    def three(self, x):
        return 3.0 * x


class Second:
    t = 3.0


def changes():
    """Functions that give 2 x, each with a function that puts another object in a place, so that they give 3 x."""
    first, cls, table, absent = First(), [First], {}, types.SimpleNamespace()
    first.act, first.cls = first.two, First
    operation = {"of": operator.add}

    def missing(x):
        try:
            return x * table["k"]
        except KeyError:
            return x * 2.0

    def no_attribute(x):
        try:
            return x * absent.scale
        except AttributeError:
            return x * 2.0

    class Patched:
        def __call__(self, x):
            return 2.0 * x

    patched = Patched()
    yield "a bound method", lambda x: first.act(x), lambda: setattr(first, "act", first.three)
    yield "a class", lambda x: x * first.cls.t, lambda: setattr(first, "cls", Second)
    yield "a class in a list", lambda x: x * cls[0].t, lambda: cls.__setitem__(0, Second)
    yield "a method of a class", lambda x: patched(x), lambda: setattr(Patched, "__call__", lambda self, x: 3.0 * x)
    yield "an object made inside", lambda x: x * First().t, lambda: setattr(First, "t", 3.0)
    yield "a builtin", lambda x: operation["of"](x, x), lambda: operation.update(of=lambda x, y: 3.0 * x)
    yield "an item that was not there", missing, lambda: table.update(k=3.0)
    yield "an attribute that was not there", no_attribute, lambda: setattr(absent, "scale", 3.0)
    yield "a default", default, lambda: default.__defaults__[0].__setitem__(0, 3.0)


def default(x, scales=[2.0]):  # noqa: B006
    for scale in scales:
        x = x * scale
    return x


@pytest.mark.parametrize(("f", "change"), [pytest.param(f, change, id=name) for name, f, change in changes()])
def test_another_object_in_a_place_is_followed(f, change):
    fast = jit(lambda x: f(x))
    try:
        assert fast(1.5) == f(1.5) == 3.0
        change()
        assert fast(1.5) == f(1.5) == 4.5
    finally:
        First.t = 2.0


def test_layers_and_weights_replaced_in_place_are_followed():
    net = MLP(2, [3, 1], rng=random.Random(0))
    fast, row = jit(net), [1.0, 2.0]
    fast(row)
    for change in (
        lambda: net.layers[0].neurons[0].w.__setitem__(0, Value(5.0)),
        lambda: net.layers.__setitem__(0, Layer(2, 3, rng=random.Random(5))),
        lambda: net.layers.insert(1, Layer(3, 3, rng=random.Random(6))),
        lambda: net.layers.pop(1),
        lambda: setattr(net.layers[0].neurons[0], "activation", tanh),
    ):
        change()
        assert fast(row).data == pytest.approx(net(row).data, rel=1e-12)


class Settings(dict):
    __getattr__ = dict.__getitem__  # raises KeyError for what is not there


def test_objects_whose_getattr_raises_are_looked_at_without_asking_it():
    settings = Settings(t=2.0, deep=Settings(t=1.0))
    fast = jit(lambda x: x * settings.t * settings.deep.t)
    assert fast(3.0) == 6.0
    settings["t"] = 5.0
    assert fast(3.0) == 15.0
    settings["deep"]["t"] = 2.0
    assert fast(3.0) == 30.0


def test_static_objects_that_are_equal_are_told_apart():
    class Setting:
        def __init__(self, t):
            self.t = t

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

    fast = jit(lambda x, setting: x * setting.t)
    assert (fast(1.0, Setting(2.0)), fast(1.0, Setting(3.0))) == (2.0, 3.0)


def test_a_function_that_sets_a_number_outside_is_refused():
    w = Value(3.0)

    def f(x):
        w.data = 7.0
        return w * x

    with pytest.raises(TraceError, match=r"the function sets w\.data, at .*test_outside.py"):
        jit(f)(2.0)
    assert w.data == 3.0


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
