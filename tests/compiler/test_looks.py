"""Checking places outside a compiled function: what counts as the same, what a check costs, what is refused."""

from __future__ import annotations

import dataclasses
import functools
import math
import random
import types
from collections import deque

import numpy as np
import pytest

from micrograd import Value, fit, jit
from micrograd.errors import TraceError
from micrograd.losses import cross_entropy
from micrograd.nn import MLP, Module


@pytest.mark.parametrize(
    ("before", "after"), [((1,), (True,)), ((0.0,), (-0.0,)), ([1.0], [1]), ({"t": (0.0,)}, {"t": (-0.0,)})]
)
def test_equal_numbers_that_are_not_the_same_are_another_thing(before, after):
    def first(x):
        number = x["t"][0] if isinstance(x, dict) else x[0]
        return math.copysign(1.0 + isinstance(number, bool) + 2 * isinstance(number, int), number)

    held = types.SimpleNamespace(x=before)
    f = lambda y: y * first(held.x)  # noqa: E731
    fast = jit(f)
    assert fast(1.0) == f(1.0)
    held.x = after
    assert fast(1.0) == f(1.0)


@dataclasses.dataclass
class Weight:
    t: float


def test_an_equal_object_in_a_list_is_another_one():
    weights = [Weight(2.0)]
    fast = jit(lambda x: x * weights[0].t)
    assert fast(1.0) == 2.0
    weights[0] = Weight(2.0)
    assert fast(1.0) == 2.0
    weights[0].t = 3.0
    assert fast(1.0) == 3.0


def test_methods_of_nets_are_looked_at_without_comparing_all_that_is_in_them():
    net = MLP(2, [8, 1], rng=random.Random(0))
    fast = jit(lambda x: x * sum(p * p for p in net.parameters()))
    fast(1.0)
    (program,) = fast._programs.ready.values()
    looks = []
    program.outside.changed = lambda: looks.append(1)  # the second look
    for _ in range(3):
        fast(1.0)
    assert not looks
    Module().other = 1.0  # of another model: one more look, and not one for each call from now on
    for _ in range(3):
        fast(1.0)
    assert len(looks) == 1


def test_looking_up_a_number_is_refused_and_fit_goes_on_eagerly():
    """A dict or a set cannot find what has no value yet; `W.get(t, 0.0)` would give 0.0 for every row."""
    weights, X, y = {0: 1.0, 1: 2.0}, [[0.5, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4
    for lookup in (lambda t: weights[t], lambda t: weights.get(t, 0.0), lambda t: float(t in weights)):
        with pytest.raises(TraceError, match=r"x has no value .* a dict or a set cannot find it, at .*test_looks.py"):
            jit(lambda x, lookup=lookup: x * lookup(x))(1)
        nets = [MLP(2, [3, 2], rng=random.Random(0)) for _ in range(2)]
        loss = lambda out, t, lookup=lookup: lookup(t) * cross_entropy(out, t)  # noqa: E731
        found = [
            fit(net, loss, X, y, epochs=2, backend=backend, progress=False)["loss"]
            for net, backend in zip(nets, ("eager", "auto"))
        ]
        assert found[0] == found[1]
        with pytest.raises(TraceError, match="a dict or a set cannot find it"):
            fit(nets[0], loss, X, y, epochs=1, backend="jit", progress=False)


@dataclasses.dataclass
class Pair:
    t: float
    other: float = 0.0


@pytest.mark.parametrize("kind", ["list", "rows", "dict", "objects"])
def test_what_is_read_in_part_and_then_as_a_whole_is_looked_at_as_a_whole(kind):
    if kind == "list":
        held = [1.0, 2.0]
        f, change = lambda x: x * held[0] + sum(held[1:]), lambda: held.__setitem__(1, 10.0)
    elif kind == "rows":
        held = [[1.0], [2.0]]
        f, change = lambda x: x * held[0][0] + sum(sum(row) for row in held), lambda: held[1].append(5.0)
    elif kind == "dict":
        held = {"a": 1.0, "b": 2.0}
        f, change = lambda x: x * held["a"] + len(held), lambda: held.update(c=3.0)
    else:
        held = {"k": Pair(1.0)}
        f, change = lambda x: x * held.get("k").t, lambda: setattr(held["k"], "t", 7.0)
    fast, before = jit(f), f(1.0)
    assert fast(1.0) == before
    change()
    assert fast(1.0) == f(1.0) != before


def keeping(x, *, scale=[1.0]):  # noqa: B006
    return x * sum(scale)


def matched(x, pair):
    match pair:
        case Pair(t=t):
            return x * t
    return x


class Base:
    def scale(self):
        return 2.0


class Child(Base):
    pass


def test_defaults_partials_patterns_and_methods_of_subclasses_are_looked_at():
    given, pair, child = [1.0], Pair(1.0), Child()
    of_partial = functools.partial(lambda c, x: x * sum(c), given)
    cases = [
        (lambda x: keeping(x), lambda: keeping.__kwdefaults__["scale"].append(1.0), 2.0),
        (of_partial, lambda: given.append(2.0), 3.0),
        (lambda x: matched(x, pair), lambda: setattr(pair, "t", 4.0), 4.0),
        (lambda x: x * child.scale() * 0.5, lambda: setattr(Child, "scale", lambda self: 10.0), 5.0),
    ]
    for f, change, wanted in cases:
        fast = jit(f)
        assert fast(1.0) == 1.0
        change()
        assert fast(1.0) == f(1.0) == wanted


def test_parameters_that_a_walk_through_the_net_finds_are_those_of_now():
    net = MLP(2, [2, 1], rng=random.Random(0))
    f = lambda x: x * sum(p * p for p in net.parameters())  # noqa: E731
    fast = jit(f)
    for change in (
        lambda: None,
        lambda: net.layers[0].neurons[0].w.__setitem__(0, Value(5.0)),
        lambda: setattr(net.layers[1].neurons[0], "b", Value(-3.0)),
        lambda: setattr(net, "scale", Value(2.0)),
        lambda: net.layers.pop(0),
    ):
        change()
        assert fast(1.0).data == pytest.approx(f(1.0).data, rel=1e-12)


class Settings(dict):
    """A dict whose own methods must not be called: they could import a package, or count."""

    def _refused(self, *_):
        raise AssertionError("its own method was called")

    values = items = keys = __iter__ = __len__ = _refused


class Numbers(list):
    __iter__ = __len__ = Settings._refused


def test_containers_of_ones_own_are_looked_at_without_asking_their_methods():
    settings, numbers = Settings(t=2.0), Numbers([1.0, 3.0])
    held = {"settings": settings, "numbers": numbers}
    fast = jit(lambda x: x * held["settings"].get("t") * list.__getitem__(held["numbers"], 0))
    assert fast(1.0) == 2.0
    dict.__setitem__(settings, "t", 5.0)
    assert fast(1.0) == 5.0
    list.__setitem__(numbers, 0, 10.0)
    assert fast(1.0) == 50.0


def around(outer, inner):
    """A container that contains another one, which contains the first."""
    outer[1] = (inner,)
    inner[1] = outer
    return outer


def first_numbers(items):
    return float(items[0]) * float(items[1][0][0])


@pytest.mark.parametrize(
    "items",
    [
        around([2.0, None], [3.0, None]),
        around(["2", None], ["3", None]),
        around({0: 2.0}, {0: 3.0}),
        around([2.0, None], deque([3.0, None])),
        around(np.array([2.0, None]), [3.0, None]),
    ],
    ids=["lists", "texts", "dicts", "deque", "array"],
)
def test_a_container_that_is_within_itself_is_looked_at_once(items):
    fast = jit(lambda x: x * first_numbers(items))
    assert fast(1.0) == 6.0
    items[0] = type(items[0])(5)
    assert fast(1.0) == 15.0
    items[1][0][0] = type(items[0])(7)
    assert fast(1.0) == fast(1.0) == 35.0


def test_a_container_within_itself_may_be_set_while_recording():
    class Box:
        made = None

    def f(x):
        Box.made = [1.0]
        Box.made.append(Box.made)
        return x * 2.0

    assert jit(f)(3.0) == 6.0
