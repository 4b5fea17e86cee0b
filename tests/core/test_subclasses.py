"""Subclasses of Value work on both cores, whatever they add or override."""

from __future__ import annotations

import copy
import gc
import inspect

from helpers.other_core import assert_same
from helpers.subclasses import (
    SUBCLASSES,
    Abstract,
    Bare,
    Clipped,
    Doubled,
    Equal,
    Holder,
    Late,
    Mixed,
    MixedLast,
    Named,
    Own,
    Slotted,
    Sub,
)
from helpers.works import Works, raised

import micrograd
from micrograd import Value, maximum, tanh
from micrograd.node import UNREACHED

case = Works()


@case
def class_assignment():
    x = Value(2.0, label="x")
    x.__class__ = Sub
    y = x * 3.0
    assert isinstance(x, Sub) and y._prev[0] is x
    y.backward()
    x.__class__ = Value
    z = x * x
    z.backward()
    assert type(x) is Value and type(y) is Value
    y.__class__ = Bare
    said = [raised(setattr, x, "__class__", kind) for kind in (Slotted, int, object)]
    return x.grad, y.data, type(y).__name__, said


@case
def operations_with_subclasses():
    said = []
    for kind in SUBCLASSES:
        x = kind(0.5)
        for z in (x * 2.0, 2.0 - x, x / x, -x, abs(x), x**2, x**x, 2.0**x, tanh(x), x.relu(), maximum(x, 0.1)):
            z.backward()
            said.append((type(z).__name__, z.data, type(z._prev[0]).__name__))
        said.append((kind.__name__, x.grad, x.label, x._op))
    return said


@case
def subclasses_with_slots():
    x = Slotted(1.0)
    said = [raised(getattr, x, "first")]
    x.first, x.second, x.third = [1], Value(2.0), "in __dict__"
    y = copy.deepcopy(x)
    assert y.first == [1] and y.first is not x.first and y.second.data == 2.0 and y.third == "in __dict__"
    del x.first
    return said, raised(getattr, x, "first"), vars(x)


@case
def subclasses_with_del():
    ended = []

    class Ending(Value):
        def __del__(self):
            ended.append(self.data)

    class Kept(Value):
        def __del__(self):
            ended.append("kept")
            saved.append(self)

    saved = []
    x = Ending(1.0)
    y = x * 2.0
    del x
    assert ended == []
    del y
    assert ended == [1.0]
    Kept(2.0) * 3.0
    assert saved[0].data == 2.0 and len(saved) == 1
    z = saved[0] + 1.0
    z.backward()
    grad = saved[0].grad
    del z
    saved.clear()
    gc.collect()
    return ended, grad


@case
def a_del_given_to_value_itself():
    ended = []
    Value.__del__ = lambda self: ended.append(self.data)
    try:
        x = Value(1.0)
        y = x * 2.0
        del x, y
    finally:
        del Value.__del__
    del_is_gone = Value(5.0) * 1.0
    del del_is_gone
    return ended


@case
def subclasses_with_their_own_beginning():
    x, y, z = Named("x"), Late(2), Own(3.0, "more")
    assert (x.name, x.label, x.data) == ("x", "x", 0.5) and (y.before, y._op) == ("set", "late")
    assert z.made_with == ("more",) and inspect.signature(Named).parameters.keys() == {"name", "data"}
    w = x * y + z
    w.backward()
    x.__init__("again", 7.0)
    assert x.data == 7.0 and x.grad is UNREACHED and x._prev == ()
    w.__init__(1.0)
    return w._prev, w.data, w._op, x.label, raised(Named), raised(Late, "2"), raised(Own)


@case
def several_bases():
    class Other:
        __slots__ = ("other",)

    said = [raised(type, "Both", (Value, base), {}) for base in (int, float, Exception, Other, list, str)]
    return said, Mixed(1.0).twice().data, MixedLast(2.0).twice().data, Holder[int](3.0).data, Abstract(4.0).data


@case
def subclasses_whose_attributes_are_properties():
    x, y = Clipped(2.0), Value(3.0)
    z = x * y
    z.backward()
    z.backward()
    assert x.grad == 1.0 and y.grad == 4.0  # each time cut to 1
    w = Doubled(2.0)
    return x.grad, y.grad, (w * 1.0).data, (w + y).data, w.tanh().data, tanh(w).data, (w**2).data


@case
def a_subclass_that_compares_by_its_number():
    x, y, z = Equal(1.0), Equal(1.0), Equal(2.0)
    out = x * y + z
    order = micrograd.topological_order(out)
    out.backward()
    return [node.data for node in order], x.grad, y.grad, z.grad


@case
def operators_of_subclasses():
    class Loud(Value):
        def __add__(self, other):
            return "loud", super().__add__(other).data

        __radd__ = __add__

        def __mul__(self, other):
            return NotImplemented

    x, y = Loud(2.0), Value(1.0)
    return x + 1, 1 + x, y + x, x + y, raised(lambda: x * 2.0)[0], (2.0 * x).data, (y * x).data, (x - y).data


@case.tests
def test_it_works_on_both_cores(entered):
    assert_same(entered)
