"""Calls that C does notice whatever changed since the last one: programs, what is outside, modes, parameters."""

from __future__ import annotations

import gc
import random
import threading

import pytest
from helpers.calls import NATIVE_ONLY, quickly, ready

import micrograd
from micrograd import Value, detect_anomaly, jit, no_grad
from micrograd.compiler.jit import MOST_STRUCTURES, Jitted
from micrograd.optim import SGD

pytestmark = NATIVE_ONLY


def test_the_program_of_another_structure_comes_between():
    fast = jit(lambda x, y: x * y)
    x, y = Value(2.0), Value(3.0)
    for _ in range(5):
        assert fast(x, y)._prev == (x, y)
        assert fast(2.0, 3.0) == 6.0
        assert len(fast.tape.outputs) == 1
        assert [each._operation.name for each in fast(x, 3.0)._prev] == ["", "constant"]
        assert len(fast.tape.outputs) == 2  # the tape of the last call


def test_a_call_that_fails_was_the_last_call():
    fast = ready(lambda x, y: 1.0 / (x - y), Value(2.0), 1.0)
    with pytest.raises(ZeroDivisionError):
        fast(1.0, 1.0)
    assert len(fast.tape.outputs) == 1
    assert fast(Value(2.0), 1.0).data == 1.0 and len(fast.tape.outputs) == 2


def test_more_structures_than_are_kept():
    fast = jit(lambda *xs: sum(xs[1:], xs[0]))
    for count in range(1, MOST_STRUCTURES + 10):
        xs = [float(i) for i in range(count)]
        assert [fast(*xs) for _ in range(3)] == [sum(xs)] * 3
    assert len(fast._programs) == MOST_STRUCTURES
    assert fast(4.0) == 4.0 and fast(1.0, 2.0) == 3.0


scale = 2.0
leaf = Value(2.0)


def test_numbers_outside_are_checked(monkeypatch):
    fast = ready(lambda x: x * scale, Value(3.0))
    assert quickly(fast, Value(3.0)).data == 6.0 and [c.value for c in fast.constants] == [2.0]
    monkeypatch.setitem(globals(), "scale", 5.0)
    assert fast(Value(3.0)).data == 15.0 and [c.value for c in fast.constants] == [5.0]
    assert quickly(ready(fast, Value(3.0)), Value(3.0)).data == 15.0
    monkeypatch.setitem(globals(), "scale", 2.0)
    assert fast(Value(3.0)).data == 6.0
    monkeypatch.delitem(globals(), "scale")
    with pytest.raises(NameError, match="scale"):
        fast(Value(3.0))


def test_attributes_cells_and_lists_outside_are_checked():
    class Model:
        rate, sizes = 2.0, [1.0, 2.0]

    model, offset = Model(), 1.0

    def f(x):
        return x * model.rate + offset + sum(model.sizes)

    fast = ready(f, 3.0)
    assert quickly(fast, 3.0) == 10.0
    model.rate = 3.0
    assert fast(3.0) == 13.0 and quickly(ready(fast, 3.0), 3.0) == 13.0
    offset = 2.0
    assert fast(3.0) == 14.0 and quickly(ready(fast, 3.0), 3.0) == 14.0
    Model.sizes.append(6.0)
    assert fast(3.0) == 20.0 and quickly(ready(fast, 3.0), 3.0) == 20.0


def test_values_outside_are_read_at_each_call(monkeypatch):
    fast = ready(lambda x: x * leaf, 3.0)
    assert quickly(fast, 3.0)._prev[1] is leaf
    monkeypatch.setattr(leaf, "data", 7.0)
    assert quickly(fast, 3.0).data == 21.0
    other = Value(11.0)
    monkeypatch.setitem(globals(), "leaf", other)
    assert fast(3.0).data == 33.0 and quickly(ready(fast, 3.0), 3.0)._prev[1] is other


def test_nets_outside_are_checked():
    net = micrograd.nn.MLP(2, [2, 1], rng=random.Random(0))
    fast = ready(lambda x, y: net([x, y]), 1.0, 2.0)
    assert quickly(fast, 1.0, 2.0).data == net([1.0, 2.0]).data
    net.layers[0] = micrograd.nn.Layer(2, 2, rng=random.Random(5))
    assert fast(1.0, 2.0).data == net([1.0, 2.0]).data
    net.zero_grad()
    assert quickly(ready(fast, 1.0, 2.0), 1.0, 2.0).data == net([1.0, 2.0]).data


def test_modes_are_seen():
    x = Value(2.0)
    fast = ready(lambda x: x * x, x)
    with no_grad():
        assert fast(x)._prev == ()
    with detect_anomaly():
        assert fast(x)._op == "*"
    outer = jit(lambda x: fast(x) * 2.0)
    assert outer(x).data == 8.0 and "jit" not in str(outer.tape)
    done = threading.Event(), threading.Event()

    def in_another_thread():
        with no_grad():
            done[0].set()
            done[1].wait()

    thread = threading.Thread(target=in_another_thread)
    thread.start()
    done[0].wait()
    assert quickly(fast, x)._prev == (x,)  # that is another thread's mode
    done[1].set()
    thread.join()
    assert quickly(fast, x).data == 4.0


def test_parameters_that_are_trained_are_read_where_they_are():
    w = Value(3.0)
    fast = ready(lambda x: x * w, 2.0)
    step = micrograd.train_step(lambda x: (w * x - 1.0) ** 2, SGD([w], lr=0.1))
    for _ in range(3):
        step([1.0])
        assert fast(2.0).data == 2.0 * w.data
    assert type(w) is Value and quickly(ready(fast, 2.0), 2.0).data == 2.0 * w.data
    fast = ready(lambda x, y: x * y, w, 2.0)
    step([1.0])
    assert quickly(fast, w, 2.0).data == 2.0 * w.data


def test_what_a_value_became():
    x, y = Value(2.0), Value(3.0)
    fast = ready(lambda x, y: x * y, x, y)

    class Doubled(Value):
        __slots__ = ()
        data = property(lambda self: 2.0 * Value.data.__get__(self))

    x.__class__ = Doubled
    assert fast(x, y).data == Jitted._called(fast, x, y).data == 12.0


def test_a_check_of_what_is_outside_may_do_anything(monkeypatch):
    """Python that runs within the call, here `holds`, may call the function again, or raise."""
    fast = ready(lambda x: x * scale, Value(3.0))
    outside = fast._programs.latest.outside
    kept = fast._code

    def nested():
        monkeypatch.setattr(outside, "unmoved", lambda: True)
        assert fast(3.0) == 6.0 and fast._code is not kept
        gc.collect()
        return True

    monkeypatch.setattr(outside, "unmoved", nested)
    assert fast(Value(3.0)).data == 6.0
    monkeypatch.setattr(outside, "unmoved", lambda: 1 / 0)
    fast._code = kept
    with pytest.raises(ZeroDivisionError):
        fast(Value(3.0))
