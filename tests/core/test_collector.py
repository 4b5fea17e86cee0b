"""What is dropped is freed, in whatever circle it stands and however deep.

Each case runs on both cores.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest
from helpers.other_core import assert_same
from helpers.subclasses import Slotted, Sub

import micrograd
from micrograd import Value, jit, tanh
from micrograd.modes import collector_paused

CIRCLES = []
SMALL = 2**18 if sys.version_info < (3, 13) else 2**23  # since then Python itself goes 10,000 objects deep


def circle(make):
    """A case: `make()` gives Values that hold themselves; nothing of them may be left after a collection."""
    CIRCLES.append(pytest.param(make, id=make.__name__))
    return make


class Label(str):
    """A label with attributes."""


class Number(float):
    """A number with attributes."""


@circle
def through_an_attribute():
    x = Value(1.0)
    z = x * 2.0
    x.result = z
    return x, z


@circle
def through_its_own_dict():
    x = Value(1.0)
    vars(x)["itself"] = vars(x)
    x.me = x
    return (x,)


@circle
def through_a_slot_of_a_subclass():
    x = Slotted(1.0)
    z = x + 1.0
    x.first = [z]
    return x, z


@circle
def through_an_attribute_of_a_subclass():
    x = Sub(1.0)
    x.result = z = tanh(x)
    return x, z


@circle
def through_a_backward_written_by_hand():
    x = Value(1.0)
    z = Value(2.0, (x,), "f")

    def step():
        x.grad += 3.0 * z.grad

    z._backward = step
    z.backward()
    assert x.grad == 3.0
    return x, z


@circle
def through_gradients_that_are_graphs():
    x, y = Value(2.0), Value(3.0)
    z = x * y * x
    z.backward(create_graph=True)
    assert x.grad.data == 12.0
    return x, y, z, x.grad


@circle
def through_a_label():
    x = Value(1.0)
    x.label = Label("x")
    x.label.owner = x
    return (x,)


@circle
def through_data():
    x = Value(1.0)
    x.data = Number(2.0)
    x.data.owner = z = x * 2.0
    return x, z


@circle
def through_a_gradient():
    x = Value(1.0)
    z = x * 2.0
    x.grad = Number(2.0)
    x.grad.owner = z
    return x, z


@circle
def through_derivatives():
    x = Value(1.0)
    z = x * 2.0
    z._local = (Number(1.0), 0.0)
    z._local[0].owner = z
    return x, z


@circle
def through_the_operands():
    x = Value(1.0)
    z = x * 2.0
    x._prev, x._local = (z, z, z), (0.0, 0.0, 0.0)
    return x, z


@circle
def through_two_operands():
    x, y = Value(1.0), Value(2.0)
    z = x * y
    x._prev = (z, y)
    return x, y, z


@circle
def through_an_operation():
    x = Value(1.0)
    f = jit(lambda a: a * a)
    z = f(x)
    f.__dict__["last"] = z
    x.made = f
    return x, z, f


@circle
def through_many_operands():
    values = [Value(float(i)) for i in range(5)]
    z = micrograd.logsumexp(values)
    w = micrograd.where(z > 0, z, values[0])
    values[0].results = values[1].results = [z, w]
    return (*values, z, w)


@circle
def through_a_row_of_the_user():
    x = Value(1.0)
    y = micrograd.maximum(x, 3.0)
    y.called = x.called = y.tanh  # a method that is bound holds its node
    return x, y


@circle
def through_its_operation():
    x = Value(1.0)
    x._operation = (x,)
    return (x,)


def left_over(make):
    """How many of the objects of a circle are alive after they are dropped, and after a collection."""
    was = gc.isenabled()
    gc.disable()
    try:
        kept = [weakref.ref(x) for x in make()]
        before = [reference() is not None for reference in kept]
        gc.collect()
        return any(before), sum(reference() is not None for reference in kept)
    finally:
        if was:
            gc.enable()


@pytest.mark.parametrize("make", CIRCLES)
def test_a_circle_is_collected(make):
    assert assert_same(left_over, make) == (True, 0)


def chain(kind, length):
    """A result of `length` operations, one after the other."""
    x = total = kind(0.5)
    for i in range(length):
        total = total + 1.0 if i % 2 else x + total
    return total


def attributes(length):
    """Values that hold each other by an attribute only."""
    last = Value(0.0)
    for _ in range(length):
        new = Value(1.0)
        new.before = last
        last = new
    return last


def mixed(length):
    """A chain through operands, attributes, lists, subclasses and gradients in turn."""
    last = Value(0.0)
    for i in range(length):
        kind = (Value, Sub, Slotted)[i % 3]
        new = kind(1.0)
        if i % 5 == 0:
            new.first = [last]
        elif i % 5 == 1:
            new.grad = last
        elif i % 5 == 2:
            new._prev = (last, last, last)
        elif i % 5 == 3:
            new._local = lambda last=last: last
        else:
            new = last.tanh() if i % 2 else Sub(0.5) * last
        last = new
    return last


def wide(count):
    """A sum of many, each of which has many results."""
    x = Value(0.5)
    middle = [x * float(i) for i in range(count)]
    return micrograd.logsumexp([m.tanh() for m in middle]), middle[::2]


def dropped(make, *args):
    """Make a graph and drop it; give how many Values are left."""
    made = make(*args)
    assert made is not None
    reference = weakref.ref(made if isinstance(made, Value) else made[0])
    del made
    return reference() is None


DEEP = [(chain, Value, 10**6), (chain, Sub, 10**5), (attributes, 10**5), (mixed, 10**5), (wide, 10**5)]


@pytest.mark.parametrize("made", DEEP, ids=lambda made: " ".join(getattr(x, "__name__", str(x)) for x in made))
def test_dropping_a_graph_of_any_depth_does_not_recurse(made):
    with collector_paused():
        assert assert_same(dropped, *made)


def in_a_small_stack(f, *args):
    """What f gives in a thread whose stack is small."""
    out = []
    before = threading.stack_size(SMALL)
    try:
        thread = threading.Thread(target=lambda: out.append(f(*args)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    return out


@pytest.mark.parametrize("made", DEEP[1:], ids=lambda made: " ".join(getattr(x, "__name__", str(x)) for x in made))
def test_a_small_stack_is_enough(made):
    assert assert_same(in_a_small_stack, dropped, *made) == [True]


def collected_deep(length):
    """A deep chain in a circle, which the collector frees, and backward through it before."""
    x = Value(1.0)
    total = x
    for _ in range(length):
        total = total + x
    total.backward()
    grad, reference = x.grad, weakref.ref(total)
    x.circle = total
    del x, total
    gc.collect()
    return grad, reference() is None


def test_a_deep_circle_is_collected():
    assert assert_same(collected_deep, 10**5) == (100001.0, True)
    assert assert_same(in_a_small_stack, collected_deep, 10**5) == [(100001.0, True)]


def dropping_in_del(count):
    """Values whose __del__ computes, sweeps and collects while a graph is freed."""
    done = []

    class Ending(Value):
        def __del__(self):
            x = Value(2.0)
            (x * x + self).backward()
            done.append((x.grad, self.data))
            if len(done) % 10 == 0:
                gc.collect()

    total = Value(0.0)
    for i in range(count):
        total = total + Ending(float(i)) * 2.0
    del total
    return sorted(done)


def test_code_of_the_user_while_a_graph_is_freed():
    assert len(assert_same(dropping_in_del, 200)) == 200


def callbacks(count):
    """Weak references whose callbacks run while a graph is freed, or collected."""
    seen = []
    x = Value(1.0)
    total, kept = x, []
    for i in range(count):
        total = total * 1.0 + x
        kept.append(weakref.ref(total, lambda _, i=i: seen.append((i, (x + 1.0).data))))
    total.circle = total
    del total
    gc.collect()
    return sorted(seen)


def test_callbacks_of_weak_references_while_a_circle_is_collected():
    assert len(assert_same(callbacks, 100)) == 100
