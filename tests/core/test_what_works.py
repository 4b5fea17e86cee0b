"""What Python does with objects, and that it works with Values on both cores."""

from __future__ import annotations

import abc
import collections
import copy
import dataclasses
import functools
import gc
import inspect
import numbers
import pickle
import pydoc
import sys
import types
import weakref
from collections.abc import Callable, Hashable, Iterable, Sized

import numpy
from helpers.other_core import assert_same
from helpers.subclasses import Sub
from helpers.works import Works, raised

import micrograd
from micrograd import Value, maximum, tanh
from micrograd.engine import record
from micrograd.node import Node
from micrograd.number import Number
from micrograd.table import FLOAT, TABLE

case = Works()


@case
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


@case
def a_weak_reference_sees_the_number_until_the_node_is_gone():
    x = Value(1.0)
    seen = []
    z = (x * 2.0).tanh()
    inner = z._prev[0]
    reference = weakref.ref(inner, lambda _: seen.append((z_kept(), x.data)))
    z_kept = weakref.ref(z)
    del inner, z
    return seen == [(None, 1.0)], reference() is None


@case
def a_value_that_was_never_begun():
    x = Value.__new__(Value)
    return [raised(getattr, x, name) for name in ("data", "grad", "label", "_operation", "_op")]


@case
def numbers_that_a_user_assigns():
    out = []
    for number in (numpy.float64(2.5), 3, True, numpy.float32(1.5), numpy.int64(4), 10**400, "2"):
        for f in (lambda v: v * 2.0, lambda v: v**2, lambda v: 2**v, tanh, lambda v: maximum(v, 1), lambda v: v / 0.0):
            v = Value(1.0, label="v")
            v.data = number
            try:
                z = f(v)
                z.backward()
                out.append((type(z.data).__name__, z.data.hex(), v.grad.hex(), type(v.data).__name__))
            except Exception as error:
                out.append((type(error).__name__, str(error)))
    return out


@case
def gradients_that_a_user_assigns():
    out = []
    for grad in (None, False, True, 0, 3, numpy.float64(0), numpy.float64(2.5), numpy.float32(1), "a"):
        v, w = Value(2.0), Value(3.0)
        z = v * w
        v.grad = w.grad = z.grad = grad
        try:
            z.backward()
            out.append([(type(x.grad).__name__, x.grad.hex()) for x in (v, w, z)])
        except Exception as error:
            out.append((type(error).__name__, str(error)))
    return out


@case
def what_layers_note():
    v, Pair = Value(1.0), collections.namedtuple("Pair", "x y")
    v._prev = Pair(Value(1.0), Value(2.0))
    v._call, v._position = 1, 2**32 + 7
    return [x.data for x in v._prev], v._position


@case
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


@case
def shown_names():
    ours = ("_call", "_memory", "_position", "__weakref__", "__sizeof__", "__slotnames__")  # copyreg sets the last
    rows = [name for name, entry in TABLE.items() if not entry.built_in]  # which other tests entered
    return [name for name in sorted({*dir(Value(1.0))}) if name not in ours and name not in rows]


@case
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


@case
def deleting_what_a_node_keeps():
    said = []
    for name in ("data", "grad", "label", "_operation", "_local"):
        x = Value(1.0) * 2.0
        delattr(x, name)
        said.append((name, raised(getattr, x, name), raised(delattr, x, name)))
        setattr(x, name, {"_operation": TABLE["mul"], "_local": (1.0, 2.0)}.get(name, 0.5))
        x.backward()
        said.append((x.data, x.grad, x._local, x._op))
    return said, [raised(delattr, Value(1.0), name) for name in ("_call", "_op", "_backward")]


@case
def reaching_attributes_from_the_class():
    x = Value(2.0)
    Value.data.__set__(x, 3.0)
    object.__setattr__(x, "grad", 4)
    assert object.__getattribute__(x, "data") == 3.0 and getattr(x, "nothing", "no") == "no"
    assert not hasattr(Value, "nothing") and hasattr(x, "_prev")
    return Value.data.__get__(x), Value.grad.__get__(x), x.__getattribute__("label"), raised(Value.data.__get__, 3)[0]


@case
def what_it_is():
    x = Value(1.0)
    kinds = (numbers.Number, numbers.Real, numbers.Complex, Hashable, Sized, Iterable, Callable, float, Node, Number)
    return [isinstance(x, kind) for kind in kinds], [issubclass(Value, kind) for kind in kinds], callable(tanh)


@case
def registered_as_a_number():
    class Base(abc.ABC):  # noqa: B024
        """A class of its own, to which Value is registered."""

    Base.register(Value)
    return isinstance(Value(1.0), Base), issubclass(Sub, Base)


@case
def equality_and_containers():
    x, y = Value(1.0), Value(1.0)
    assert x == x and x != y and hash(x) != hash(y) and x in [x] and x not in [y] and {x, y, x} == {y, x}
    assert {x: 1, y: 2}[y] == 2 and [x, y, x].index(y) == 1 and collections.Counter([x, y, x])[x] == 2
    assert sorted([Value(3.0), Value(1.0)])[0].data == 1.0 and max(x, Value(2.0)).data == 2.0
    return x == 1.0, x != 1.0, x < 2, x <= y, x > y, x >= 1, bool(x), raised(lambda: x < "1"), raised(lambda: x[0])


@case
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


@case
def as_a_float():
    x = Value(2.0)
    z = x * 1.0
    return [raised(float, value) for value in (x, z)], raised(int, z), raised(round, z), float(z._prev[1])


@case
def signatures():
    given = inspect.signature(Value)
    assert str(inspect.signature(tanh)) == "(x, /)" and str(inspect.signature(Value(1.0).maximum)) == "(y, /)"
    assert str(inspect.signature(micrograd.leaky_relu)) == "(x, /, *, slope=0.01)"
    rows = {name: str(inspect.signature(entry.function)) for name, entry in TABLE.items()}
    methods = {name: str(inspect.signature(getattr(Value, name))) for name in rows if hasattr(Value, name)}
    return [(p.name, str(p.kind), p.default) for p in given.parameters.values()], rows, methods


@case
def help_texts():
    pages = [pydoc.render_doc(f, renderer=pydoc.plaintext).split("\n", 1) for f in (tanh, micrograd.leaky_relu)]
    assert pages[0][1].strip().startswith("tanh(x, /)\n    Hyperbolic tangent")
    return [page[1] for page in pages], tanh.__doc__, Value.tanh.__doc__, Value.__doc__, inspect.getdoc(maximum)


@case
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


@case
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


@case
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


@case
def other_numbers_that_take_over():
    class Left:
        def __add__(self, other):
            return "left"

        def __radd__(self, other):
            return "right", type(other).__name__

    return Left() + Value(1.0), Value(1.0) + Left(), raised(lambda: Value(1.0) - Left())


@case
def the_size_of_a_node():
    x = Value(2.0)
    z = x * x
    z.backward()
    assert micrograd.core == "python" or sys.getsizeof(z) <= 112
    assert sys.getsizeof(micrograd.where(x > 1, x, 2.0)) > 0 and x.__sizeof__() <= sys.getsizeof(x)
    return gc.is_tracked(z), gc.is_tracked(x), len(gc.get_referents(z)) > 2


@case
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


@case
def records_by_hand():
    x = Value(0.5)
    z = record(TABLE["tanh"], (x,), (FLOAT, x.data))
    z.backward()
    return z.data, x.grad, type(z).__name__


@case
def rows_replaced_in_the_table():
    x, said = Value(0.5), []
    for name in ("power", "pow", "add", "tanh", "sigmoid"):
        row, before = TABLE[name], [v.data for v in (x**3, x**x, x + 1, x.tanh(), x.silu())]

        @functools.wraps(row.rule)
        def other(m, *operands, **settings):
            return 42.0, lambda: (7.0,) * len(operands)

        TABLE.update({name: dataclasses.replace(row, rule=other)})
        said.append([v.data for v in (x**3, x**2.0, x**x, 2**x, x + 1, tanh(x), x.tanh(), x.silu())])
        assert TABLE.pop(name).rule is other
        said.append(raised(x.silu) if name == "sigmoid" else None)
        TABLE[name] = row
        assert before == [v.data for v in (x**3, x**x, x + 1, x.tanh(), x.silu())]
    return said


@case.tests
def test_it_works_on_both_cores(entered):
    assert_same(entered)
