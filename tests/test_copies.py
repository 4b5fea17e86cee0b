"""Copies and pickles of graphs: of any depth, and what is shared stays shared."""

from __future__ import annotations

import collections
import copy
import io
import itertools
import pickle
import random

import pytest

from micrograd import Value, jit, op, tanh, topological_order
from micrograd.losses import mse
from micrograd.nn import MLP, call_of
from micrograd.node import UNREACHED
from micrograd.table import TABLE

DEPTH = 5_000


def pythons_pickle(x):
    """Pickle's own code in Python, which recurses more deeply than the one in C."""
    return pickle._loads(pickle._dumps(x))


WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x)), "in Python": pythons_pickle}
WAYS |= {f"protocol {n}": lambda x, n=n: pickle.loads(pickle.dumps(x, n)) for n in (0, 1, 2)}
EACH_WAY = pytest.mark.parametrize("twin_of", WAYS.values(), ids=WAYS)


def chain(start, length=DEPTH):
    out = [start]
    for _ in range(length):
        out.append(out[-1] * 1.0001 + start)
    return out


def is_a_chain(nodes):
    return all(after._prev[0]._prev[0] is before for before, after in itertools.pairwise(nodes))


@EACH_WAY
def test_a_deep_graph(twin_of):
    x = Value(1.0, label="x")
    z = chain(x)[-1]
    twin = twin_of(z)
    twin.backward()
    z.backward()
    order = topological_order(twin)
    assert len(order) == len(topological_order(z))
    assert (order[0].label, order[0].grad, twin.data) == ("x", x.grad, z.data)
    assert type(twin) is Value and order[0] is not x


@EACH_WAY
@pytest.mark.parametrize("arrange", [list, lambda xs: xs[::-1], lambda xs: [xs[-1], *xs[:-1]], lambda xs: [xs, xs[0]]])
def test_results_that_share_values_share_their_copies(twin_of, arrange):
    nodes = chain(Value(1.0), 2000)
    twins = twin_of([nodes, arrange(nodes), collections.OrderedDict(last=nodes[-1])])
    assert is_a_chain(twins[0])
    again, wanted = twins[1], arrange(twins[0])
    assert all(a is b for a, b in zip(again, wanted)) or again[0] is twins[0]
    assert twins[2]["last"] is twins[0][-1]


@EACH_WAY
def test_in_any_order(twin_of):
    nodes = chain(Value(1.0), 3000)
    order = list(range(len(nodes)))
    random.Random(0).shuffle(order)
    twins = dict(zip(order, twin_of([nodes[i] for i in order])))
    assert is_a_chain([twins[i] for i in range(len(nodes))])


@pytest.mark.parametrize("twin_of", [copy.deepcopy, WAYS["pickle"], pythons_pickle])
def test_a_model_with_its_loss(twin_of):
    net = MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
    loss = mse([net([1.0, 2.0]), net([0.5, -1.0])], [0.5, 1.0])
    state = {"loss": loss, "net": net, "parameters": net.parameters()}
    twin = twin_of(state)
    assert all(a is b for a, b in zip(twin["net"].parameters(), twin["parameters"]))
    twin["loss"].backward()
    loss.backward()
    assert [p.grad for p in twin["parameters"]] == [p.grad for p in net.parameters()]
    call = next(call for v in topological_order(twin["loss"]) if (call := call_of(v)))
    assert any(call.neuron is n for layer in twin["net"].layers for n in layer.neurons)


@EACH_WAY
def test_gradients_that_are_graphs(twin_of):
    def deep():
        x = Value(0.5)
        y = x
        for _ in range(300):
            y = tanh(y * 1.5)
        y.backward(create_graph=True)
        return x, y

    x, y = deep()
    twin = twin_of(y)
    leaf = topological_order(twin)[0]
    for a in (x, leaf):
        assert isinstance(a.grad, Value)
        first, a.grad = a.grad, 0.0
        first.backward()
    assert leaf.grad == x.grad
    assert twin_of([x.grad, y])[1].data == y.data


@EACH_WAY
def test_what_a_value_carries(twin_of):
    reached, unreached = Value(1.0), Value(2.0)
    reached.grad, reached.note = 3.0, {"of": unreached}
    loop = Value(4.0)
    loop.itself = [loop]
    for twin in (twin_of(reached), twin_of([reached])[0]):
        assert (twin.grad, twin.note["of"].data, twin.note["of"].grad) == (3.0, 2.0, 0.0)
        assert twin.note["of"].grad is UNREACHED  # which drawings show as a dot
    z = reached * 2
    z.note = z
    twin = twin_of(z)
    assert twin.note is twin and twin._prev[0].note["of"].data == 2.0
    assert (twin := twin_of(loop)).itself[0] is twin


class Slotted(Value):
    __slots__ = ("extra",)


class Telling(Value):
    """A subclass that itself defines what is copied."""

    def __getstate__(self):
        return {"kept": self.kept}

    def __setstate__(self, state):
        self.__init__(7.0)
        self.kept = state["kept"]


@EACH_WAY
def test_subclasses(twin_of):
    v, t = Slotted(2.0, label="v"), Telling(1.0)
    v.extra, v.note, t.kept = [v * 3.0], "n", "k"
    out = v * t
    a, b = twin_of(out)._prev
    assert type(a) is Slotted and (a.data, a.label, a.note) == (2.0, "v", "n")
    assert a.extra[0]._prev[0] is a
    assert type(b) is Telling and (b.data, b.kept) == (7.0, "k")


def test_a_shallow_copy_shares_what_is_behind():
    x = Slotted(2.0)
    x.extra, x.note = [1], [2]
    twin = copy.copy(x)
    assert type(twin) is Slotted and twin.extra is x.extra and twin.note is x.note and twin is not x
    z = chain(Value(1.0))[-1]
    assert copy.copy(z)._prev[0] is z._prev[0]
    x.note.append(x)
    assert copy.copy(x).note[1] is x


@EACH_WAY
def test_nodes_of_jitted_functions_and_of_ones_own_operations(twin_of):
    @op("doubled", cases=[(2.0,)])
    def doubled(m, x):
        return 2.0 * x, lambda: (2.0,)

    try:
        x = Value(3.0)
        z = jit(lambda a, b: a * b)(x.doubled(), x)
        several = jit(lambda a: [a * a, a * 3.0])(z)
        for out in (z, several[0] + several[1]):
            x.grad = 0.0
            twin = twin_of(out)
            out.backward()
            twin.backward()
            leaf = next(v for v in topological_order(twin) if v.data == 3.0)
            assert leaf.grad == x.grad
    finally:
        del TABLE["doubled"], Value.doubled


def test_one_pickler_for_several_objects_and_several_picklers_for_one():
    nodes = chain(Value(1.0), 2000)
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.dump(nodes[1000])
    other = pickle.dumps(nodes[1500])
    pickler.dump(nodes[-1])
    buffer.seek(0)
    unpickler = pickle.Unpickler(buffer)
    middle, last = unpickler.load(), unpickler.load()
    assert any(v is middle for v in topological_order(last))
    assert pickle.loads(other).data == nodes[1500].data


def test_what_cannot_be_pickled_says_so_and_the_next_pickle_works():
    nodes = chain(Value(1.0))
    nodes[100].note = lambda: None
    for _ in range(2):
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(nodes[-1])
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle._dumps(nodes[-1])
    del nodes[100].note
    assert pickle.loads(pickle.dumps(nodes[-1])).data == nodes[-1].data
    assert is_a_chain(pickle.loads(pickle.dumps(nodes[2_000:][::-1]))[::-1])
