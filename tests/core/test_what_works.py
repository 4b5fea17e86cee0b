"""What Python does with objects, and that it works with Values on both cores: each case runs in both processes."""

from __future__ import annotations

import abc
import base64
import collections
import copy
import functools
import gc
import inspect
import json
import numbers
import pickle
import pydoc
import sys
import types
import weakref
from collections.abc import Callable, Hashable, Iterable, Sized
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from helpers.described import described
from helpers.other_core import OTHER, OtherCore, assert_same

import micrograd
from micrograd import Value, maximum, tanh
from micrograd.engine import record
from micrograd.node import UNREACHED, Node
from micrograd.number import Number
from micrograd.table import FLOAT, TABLE

PICKLES = json.loads(Path(__file__).parents[1].joinpath("old_pickles.json").read_text())
CASES = []


def works(case):
    """A case of the table: what it gives is compared between the cores, and it checks itself too."""
    CASES.append(pytest.param(case, id=case.__name__))
    return case


def raised(f, *args, **settings):
    """The kind and the words of the error that f raises."""
    with pytest.raises(Exception) as error:
        f(*args, **settings)
    return type(error.value).__name__, str(error.value)


class Sub(Value):
    """A subclass with nothing of its own."""


class Slotted(Value):
    """A subclass with slots."""

    __slots__ = ("first", "second")


class Bare(Value):
    """A subclass that adds no place."""

    __slots__ = ()


class Mixin:
    """Another base."""

    def twice(self):
        return self + self


class Mixed(Mixin, Value):
    """A subclass of two."""


class MixedLast(Value, Mixin):
    """The same in the other order."""


class Holder(Generic[TypeVar("T")], Value):
    """A generic subclass."""


class Abstract(Value, abc.ABC):
    """A subclass whose class is of another class."""


class Named(Value):
    """A subclass with its own __init__."""

    def __init__(self, name, data=0.5):
        super().__init__(data, label=name)
        self.name = name


class Late(Value):
    """A subclass that sets something before its number."""

    def __init__(self, data):
        self.before = "set"
        Value.__init__(self, data, (), "late")


class Own(Value):
    """A subclass with its own __new__."""

    def __new__(cls, data, *more):
        self = super().__new__(cls)
        self.made_with = more
        return self

    def __init__(self, data, *more):
        super().__init__(data)


class Equal(Value):
    """A subclass that compares by its number."""

    def __eq__(self, other):
        return self.data == getattr(other, "data", other)

    def __hash__(self):
        return hash(self.data)


class Clipped(Value):
    """A subclass whose gradient is a property."""

    @property
    def grad(self):
        return self.__dict__.get("kept", UNREACHED)

    @grad.setter
    def grad(self, x):
        self.__dict__["kept"] = x if isinstance(x, Value) else max(-1.0, min(1.0, x))


class Doubled(Value):
    """A subclass whose number is a property."""

    @property
    def data(self):
        return 2.0 * Value.data.__get__(self)

    @data.setter
    def data(self, x):
        Value.data.__set__(self, x)


SUBCLASSES = [Sub, Slotted, Bare, Mixed, MixedLast, Holder, Abstract, Late, Own]


def graph():
    """A graph of most kinds of node, after backward."""
    x, y = Value(0.5, label="x"), Value(-2.0)
    z = (x * y + tanh(x) ** 3) / (y - 1.0) + micrograd.logsumexp([x, y, 2.0]) * micrograd.where(x > y, x, 3)
    z.backward()
    x.note = ["kept", 1]
    return z


@works
def weak_references():
    x, y = Value(1.0), Value(2.0)
    z, called = x * y, []
    kept = weakref.ref(z, called.append), weakref.ref(x, called.append)
    named = weakref.WeakValueDictionary(x=x, z=z)
    keys = weakref.WeakKeyDictionary({z: "z"})
    finalized = weakref.finalize(z, called.append, "finalized")
    assert weakref.getweakrefcount(z) == 4 and kept[0]() is z
    del z
    assert not finalized.alive and kept[0]() is None and kept[1]() is x and len(keys) == 0
    return [str(type(one).__name__) for one in called], sorted(named)


@works
def a_weak_reference_sees_the_number_until_the_node_is_gone():
    x = Value(1.0)
    seen = []
    z = (x * 2.0).tanh()
    inner = z._prev[0]
    reference = weakref.ref(inner, lambda _: seen.append((z_kept(), x.data)))
    z_kept = weakref.ref(z)
    del inner, z
    return seen == [(None, 1.0)], reference() is None


@works
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


@works
def operations_with_subclasses():
    said = []
    for kind in SUBCLASSES:
        x = kind(0.5)
        for z in (x * 2.0, 2.0 - x, x / x, -x, abs(x), x**2, x**x, 2.0**x, tanh(x), x.relu(), maximum(x, 0.1)):
            z.backward()
            said.append((type(z).__name__, z.data, type(z._prev[0]).__name__))
        said.append((kind.__name__, x.grad, x.label, x._op))
    return said


@works
def subclasses_with_slots():
    x = Slotted(1.0)
    said = [raised(getattr, x, "first")]
    x.first, x.second, x.third = [1], Value(2.0), "in __dict__"
    y = copy.deepcopy(x)
    assert y.first == [1] and y.first is not x.first and y.second.data == 2.0 and y.third == "in __dict__"
    del x.first
    return said, raised(getattr, x, "first"), vars(x)


@works
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


@works
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


@works
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


@works
def a_value_that_was_never_begun():
    x = Value.__new__(Value)
    return [raised(getattr, x, name) for name in ("data", "grad", "label", "_operation", "_op")]


@works
def several_bases():
    class Other:
        __slots__ = ("other",)

    said = [raised(type, "Both", (Value, base), {}) for base in (int, float, Exception, Other, list, str)]
    return said, Mixed(1.0).twice().data, MixedLast(2.0).twice().data, Holder[int](3.0).data, Abstract(4.0).data


@works
def subclasses_whose_attributes_are_properties():
    x, y = Clipped(2.0), Value(3.0)
    z = x * y
    z.backward()
    z.backward()
    assert x.grad == 1.0 and y.grad == 4.0  # each time cut to 1
    w = Doubled(2.0)
    return x.grad, y.grad, (w * 1.0).data, (w + y).data, w.tanh().data, tanh(w).data, (w**2).data


@works
def a_subclass_that_compares_by_its_number():
    x, y, z = Equal(1.0), Equal(1.0), Equal(2.0)
    out = x * y + z
    order = micrograd.topological_order(out)
    out.backward()
    return [node.data for node in order], x.grad, y.grad, z.grad


@works
def any_new_attribute():
    x = Value(1.0)
    assert vars(x) == {}
    x.mine, x.callback, x._hidden = 1, len, [x]
    setattr(x, "with space", 2)
    object.__setattr__(x, "set", 3)
    assert sorted(vars(x)) == ["_hidden", "callback", "mine", "set", "with space"]
    del x.mine
    delattr(x, "set")
    x._hidden.clear()
    said = [raised(delattr, x, name) for name in ("mine", "never")] + [raised(getattr, x, "mine")]
    x.__dict__ = {"whole": 1}
    assert x.whole == 1
    said.append(raised(setattr, x, "__dict__", 3))
    return said, vars(x), x.data


@works
def shown_names():
    return [name for name in sorted({*dir(Value(1.0))}) if name not in ("_memory", "__weakref__", "__sizeof__")]


@works
def setting_what_a_node_keeps():
    x, y = Value(2.0), Value(3.0)
    z = x * y
    z._prev, z._local = (x,), (7.0,)
    z.backward()
    assert (x.grad, y.grad) == (7.0, 0.0)
    z._prev, z._local = (x, y, x), (1.0, 2.0, 4.0)
    z.backward()
    assert (x.grad, y.grad) == (12.0, 2.0)
    z._local = (1.0, 2.0)  # what is missing sends nothing
    z.backward()
    z._prev, z._local = (x, y), (1.0, 2.0, 3.0, 4.0)
    z.backward()
    z._local = ()
    z.backward()
    z._local = (1, True)
    z.backward()
    z._local = lambda: (0.5, 0.25)
    z.backward()
    z._prev = ()
    z.backward()
    before = z._operation
    z._operation = TABLE["tanh"]
    assert z._op == "tanh" and before.name == "mul"
    z._op = "other"
    z.label = 3
    z._backward = lambda: None
    z.data = "text"
    return x.grad, y.grad, z.grad, z._op, z._operation.name, z.label, z.data, raised(lambda: z * 2.0)


@works
def deleting_what_a_node_keeps():
    said = []
    for name in ("data", "grad", "label", "_operation", "_local"):
        x = Value(1.0) * 2.0
        delattr(x, name)
        said.append((name, raised(getattr, x, name)))
        setattr(x, name, {"_operation": TABLE["mul"], "_local": (1.0, 2.0)}.get(name, 0.5))
        x.backward()
        said.append((x.data, x.grad, x._local, x._op))
    return said, raised(delattr, Value(1.0), "_op"), raised(delattr, Value(1.0), "_backward")


@works
def reaching_attributes_from_the_class():
    x = Value(2.0)
    Value.data.__set__(x, 3.0)
    object.__setattr__(x, "grad", 4)
    assert object.__getattribute__(x, "data") == 3.0 and getattr(x, "nothing", "no") == "no"
    assert not hasattr(Value, "nothing") and hasattr(x, "_prev")
    return Value.data.__get__(x), Value.grad.__get__(x), x.__getattribute__("label"), raised(Value.data.__get__, 3)[0]


@works
def what_it_is():
    x = Value(1.0)
    kinds = (numbers.Number, numbers.Real, numbers.Complex, Hashable, Sized, Iterable, Callable, float, Node, Number)
    return [isinstance(x, kind) for kind in kinds], [issubclass(Value, kind) for kind in kinds], callable(tanh)


@works
def registered_as_a_number():
    class Base(abc.ABC):  # noqa: B024
        """A class of its own, to which Value is registered."""

    Base.register(Value)
    return isinstance(Value(1.0), Base), issubclass(Sub, Base)


@works
def equality_and_containers():
    x, y = Value(1.0), Value(1.0)
    assert x == x and x != y and hash(x) != hash(y) and x in [x] and x not in [y] and {x, y, x} == {y, x}
    assert {x: 1, y: 2}[y] == 2 and [x, y, x].index(y) == 1 and collections.Counter([x, y, x])[x] == 2
    assert sorted([Value(3.0), Value(1.0)])[0].data == 1.0 and max(x, Value(2.0)).data == 2.0
    return x == 1.0, x != 1.0, x < 2, x <= y, x > y, x >= 1, bool(x), raised(lambda: x < "1"), raised(lambda: x[0])


@works
def as_text():
    x = Value(1 / 3, label="x")
    x.grad = 2
    z = x.tanh()
    z.backward(create_graph=True)
    return (
        repr(x),
        str(z),
        f"{x:.3f}",
        f"{x}",
        format(x, ">8.2"),
        "".join(map(str, [z])),
        raised(format, x, "q"),
        f"{Sub(1.0)}",
    )


@works
def as_a_float():
    x = Value(2.0)
    z = x * 1.0
    return [raised(float, value) for value in (x, z)], raised(int, z), raised(round, z), float(z._prev[1])


@works
def signatures():
    given = inspect.signature(Value)
    assert str(inspect.signature(tanh)) == "(x)" and str(inspect.signature(Value(1.0).maximum)) == "(y)"
    assert str(inspect.signature(micrograd.leaky_relu)) == "(x, *, slope=0.01)"
    rows = {name: str(inspect.signature(entry.function)) for name, entry in TABLE.items()}
    methods = {name: str(inspect.signature(getattr(Value, name))) for name in rows if hasattr(Value, name)}
    return [(p.name, str(p.kind), p.default) for p in given.parameters.values()], rows, methods


@works
def help_texts():
    pages = [pydoc.render_doc(f, renderer=pydoc.plaintext).split("\n", 1) for f in (tanh, micrograd.leaky_relu)]
    assert pages[0][1].strip().startswith("tanh(x)\n    Hyperbolic tangent")
    return [page[1] for page in pages], tanh.__doc__, Value.tanh.__doc__, Value.__doc__, inspect.getdoc(maximum)


@works
def functions_of_the_table():
    kept = [(f.__name__, f.__qualname__, f.__module__, f.op.name) for f in (tanh, micrograd.where, micrograd.exp)]
    assert pickle.loads(pickle.dumps(tanh)) is tanh and copy.copy(tanh) is tanh and copy.deepcopy([tanh])[0] is tanh
    assert functools.partial(maximum, Value(3.0))(2.0).data == 3.0 and tanh == tanh and len({tanh, tanh}) == 1
    assert weakref.ref(tanh)() is tanh and inspect.isroutine(tanh) and tanh.__wrapped__
    tanh.mine = 1
    assert tanh.mine == 1 and vars(tanh)["mine"] == 1
    del tanh.mine
    held = types.SimpleNamespace(activation=tanh, list=[tanh])
    assert held.activation(1.0) == tanh(1.0) == held.list[0](1.0)
    return kept, [pickle.dumps(tanh, protocol) for protocol in range(6)], repr(tanh).split(" at ")[0]


@works
def methods():
    x = Value(0.5)
    bound = x.tanh
    assert bound.__self__ is x and bound.__name__ == "tanh" and bound == x.tanh and bound().data == tanh(0.5)
    assert [y.data for y in map(Value.tanh, [x, Value(1.0)])] == [tanh(0.5), tanh(1.0)]
    assert hasattr(type(Value.__dict__["tanh"]), "__get__") and Value.maximum(x, 2.0).data == 2.0

    class Activated:
        """A class that has a function of the table as its method, or keeps one."""

        call = Value.tanh
        kept = staticmethod(tanh)

        def _apply_op(self, *args):
            raise AssertionError

    assert Activated.kept(x).data == bound().data
    return (
        raised(Activated().call),
        raised(x.tanh, 1.0),
        raised(Value.tanh),
        raised(bound, slope=1.0),
        raised(tanh, x=x),
    )


@works
def changing_the_class():
    x, y = Value(2.0), Value(3.0)
    said = []
    original = Value.__add__
    Value.__add__ = lambda self, other: "changed"
    said += [x + y, x + 1, (1 + x).data]
    Value.__add__ = original
    said += [(x + y).data, (x + 1)._op]
    kept = Value.__dict__["tanh"]
    Value.tanh = lambda self: "mine"
    said += [x.tanh(), tanh(x).data]
    Value.tanh = kept
    said.append(x.tanh().data)
    Value.__radd__, before = (lambda self, other: ("reflected", other)), Value.__radd__
    said += [1 + x, (x + y).data]
    Value.__radd__ = before
    Value.extra = property(lambda self: self.data + 1)
    said += [x.extra, raised(setattr, x, "extra", 1)]
    del Value.extra
    Value.__getattr__ = lambda self, name: name.upper()
    said.append(x.nothing)
    del Value.__getattr__
    begin = Value.__init__
    Value.__init__ = lambda self, data, *more: begin(self, data + 1.0, *more)
    said.append(Value(1.0).data)
    Value.__init__ = begin
    Value.__repr__, before = (lambda self: "short"), Value.__repr__
    said.append(repr(x))
    Value.__repr__ = before
    return [*said, raised(getattr, x, "nothing"), Value(1.0).data, (x + y + 1).data, repr(x)]


@works
def operators_of_subclasses():
    class Loud(Value):
        def __add__(self, other):
            return "loud", super().__add__(other).data

        __radd__ = __add__

        def __mul__(self, other):
            return NotImplemented

    x, y = Loud(2.0), Value(1.0)
    return x + 1, 1 + x, y + x, x + y, raised(lambda: x * 2.0)[0], (2.0 * x).data, (y * x).data, (x - y).data


@works
def other_numbers_that_take_over():
    class Left:
        def __add__(self, other):
            return "left"

        def __radd__(self, other):
            return "right", type(other).__name__

    return Left() + Value(1.0), Value(1.0) + Left(), raised(lambda: Value(1.0) - Left())


@works
def the_size_of_a_node():
    x = Value(2.0)
    z = x * x
    z.backward()
    assert micrograd.core == "python" or sys.getsizeof(z) <= 144
    assert sys.getsizeof(micrograd.where(x > 1, x, 2.0)) > 0 and x.__sizeof__() <= sys.getsizeof(x)
    return gc.is_tracked(z), gc.is_tracked(x), len(gc.get_referents(z)) > 2


@works
def references_that_the_collector_sees():
    x, y = Value(2.0), Value(3.0)
    for z in (x * y, micrograd.where(x, y, x), micrograd.logsumexp([x, y])):
        seen, todo = set(), [z]
        for one in todo:  # the tuple of operands, too
            new = [a for a in gc.get_referents(one) if isinstance(a, (tuple, Value)) and id(a) not in seen]
            seen |= {id(a) for a in new}
            todo += new
        assert id(x) in seen and id(y) in seen
    return True


@works
def copies():
    x = Value(2.0, label="x")
    x.note = [1]
    z = x * x
    z.backward()
    shallow, deep = copy.copy(z), copy.deepcopy(z)
    assert shallow._prev[0] is x and deep._prev[0] is deep._prev[1] is not x and deep._prev[0].note is not x.note
    both = copy.deepcopy({"a": [z, x]})["a"]
    assert both[0]._prev[0] is both[1]
    replaced = copy.copy(Slotted(1.0)), copy.copy(Named("n"))
    return described(shallow), described(deep), [type(one).__name__ for one in replaced]


@works
def records_by_hand():
    x = Value(0.5)
    z = record(TABLE["tanh"], (x,), (FLOAT, x.data))
    z.backward()
    return z.data, x.grad, type(z).__name__


@works
def pickles():
    out = []
    for protocol in range(6):
        z = pickle.loads(pickle.dumps(graph(), protocol))
        z.backward()
        out.append(described(z))
    return out


@works
def pickles_of_subclasses():
    values = [Sub(1.0), Slotted(2.0), Named("n"), Late(3.0), Mixed(4.0), Bare(5.0)]
    values[1].first = values[0]
    again = pickle.loads(pickle.dumps([v * 2.0 for v in values]))
    return described(*again), again[1]._prev[0].first is again[0]._prev[0]


@works
def pickles_made_before():
    return [described(pickle.loads(base64.b64decode(PICKLES[name]))) for name in ("graph",)], [
        p.data for p in pickle.loads(base64.b64decode(PICKLES["net"])).parameters()
    ]


@pytest.mark.parametrize("case", CASES)
def test_it_works_on_both_cores(case):
    assert_same(case)


def pickled(protocol):
    return pickle.dumps(graph(), protocol)


def described_pickle(data):
    z = pickle.loads(data)
    z.backward()
    return described(z)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_one_core_are_read_by_the_other(protocol):
    here, there = pickled(protocol), OTHER.call(pickled, protocol)
    assert described_pickle(there) == OTHER.call(described_pickle, here)


def test_the_other_core_is_another():
    assert OTHER.call(core) == OTHER.name != micrograd.core
    with pytest.raises(Exception, match="ValueError: from there"):
        OTHER.call(failing)
    assert OTHER.call(core) == OTHER.name


def test_a_process_that_ends_is_told_and_started_again():
    own = OtherCore()
    with pytest.raises(AssertionError, match=f"process of the {own.name} core ended with 3"):
        own.call(ending)
    assert own.call(core) == own.name
    own.stop()


def core():
    return micrograd.core


def failing():
    raise ValueError("from there")


def ending():
    import os

    os._exit(3)
