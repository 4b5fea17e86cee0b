"""What is dropped is freed, in whatever circle it stands and however deep; user's code in the midst of it does no harm.

Each case runs on both cores.
"""

from __future__ import annotations

import gc
import random
import sys
import threading
import time
import weakref

import pytest
from helpers.other_core import assert_same

import micrograd
from micrograd import Value, jit, no_grad, tanh
from micrograd.modes import collector_paused

CIRCLES = []


def circle(make):
    """A case: `make()` gives Values that hold themselves; nothing of them may be left after a collection."""
    CIRCLES.append(pytest.param(make, id=make.__name__))
    return make


class Sub(Value):
    """A subclass."""


class Slotted(Value):
    """A subclass with a slot."""

    __slots__ = ("more",)


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
    x.more = [z]
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
            new.more = [last]
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
    before = threading.stack_size(256 * 1024)
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


# ------------------------------------------------------------------------- user's code in the midst of a sweep


def with_step(step):
    """x and z = f(x * y) + w * x, where f has a `_backward` written by hand."""
    x, y, w = Value(2.0), Value(3.0), Value(5.0)
    inner = x * y
    f = Value(1.0, (inner,), "f")
    z = f + w * x
    names = {"x": x, "y": y, "w": w, "inner": inner, "f": f, "z": z}
    f._backward = lambda: step(names)
    return names


def grads(names):
    """The gradients of what is left, to the bit."""
    return {name: float(v.grad).hex() for name, v in names.items() if isinstance(v, Value)}


def sends(n):
    n["inner"].grad += 10.0 * n["f"].grad


def drops_nodes(n):
    sends(n)
    for name in ("inner", "y", "w", "z"):
        del n[name]
    gc.collect()


def changes_operands(n):
    sends(n)
    n["z"]._prev = ()
    n["inner"]._prev = (n["y"],)
    n["f"]._prev = ()


def has_more_operands(n):
    sends(n)
    n["inner"]._prev = (n["x"], n["y"], Value(1.0), n["x"])


def changes_derivatives(n):
    sends(n)
    n["inner"]._local = (100.0, 200.0, 300.0)


def begins_again(n):
    sends(n)
    n["inner"].__init__(4.0)


def starts_another_sweep(n):
    sends(n)
    if len(n) < 8:
        n[f"again{len(n)}"] = n["x"]
        n["z"].backward()


def sweeps_a_part(n):
    sends(n)
    n["inner"].backward()
    (n["x"] * n["w"]).backward()


def raises(n):
    sends(n)
    raise ValueError("in the midst")


def is_interrupted(n):
    sends(n)
    raise KeyboardInterrupt


def sets_what_is_not_a_number(n):
    n["inner"].grad = "text"


def collects(n):
    sends(n)
    for _ in range(3):
        gc.collect()


def records_more(n):
    sends(n)
    n["more"] = n["x"] * n["inner"]
    n["x"].data = 7.0


def enters_a_mode(n):
    sends(n)
    with no_grad():
        n["none"] = n["x"] * 2.0


def changes_its_class(n):
    sends(n)
    n["inner"].__class__ = n["x"].__class__ = Sub


STEPS = [sends, drops_nodes, changes_operands, has_more_operands, changes_derivatives, begins_again]
STEPS += [starts_another_sweep, sweeps_a_part, raises, is_interrupted, sets_what_is_not_a_number, collects]
STEPS += [records_more, enters_a_mode, changes_its_class]


def swept(step):
    """The gradients after a sweep in whose midst `step` runs, and after another; what it raised."""
    names = with_step(step)
    names["x"].grad, names["y"].grad = 0.5, 2
    x, z = names["x"], names["z"]
    out = []
    for _ in range(2):
        try:
            z.backward()
        except (Exception, KeyboardInterrupt) as error:
            out.append((type(error).__name__, str(error)))
        out.append((grads(names), float(x.grad).hex()))
    (x * x).backward()  # all goes on
    return out, x.grad


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_code_of_the_user_in_the_midst_of_a_sweep(step):
    assert_same(swept, step)


def test_leaves_keep_what_they_had_when_a_sweep_fails():
    for step in (raises, is_interrupted, sets_what_is_not_a_number):
        out, _ = assert_same(swept, step)
        (kind, _), (found, _) = out[:2]
        assert kind in ("ValueError", "KeyboardInterrupt", "TypeError")
        assert found["x"] == (0.5).hex() and found["y"] == (2.0).hex() and found["f"] == (0.0).hex()


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


# ------------------------------------------------------------------------- threads


def in_threads(count, work):
    """Run work(i) in threads, all at once; give the errors."""
    errors, start = [], threading.Barrier(count)

    def run(i):
        try:
            start.wait()
            work(i)
        except BaseException as error:
            errors.append(repr(error))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return errors


def one_graph(rounds):
    """Four threads that sweep one graph: every sweep counts."""
    x, y = Value(2.0), Value(3.0)
    z = x * y + tanh(x) * 0.0
    errors = in_threads(4, lambda _: [z.backward() for _ in range(rounds)])
    return errors, x.grad, y.grad


def shared_leaves(rounds):
    """Each thread has its own graph, of the same leaves."""
    x, y = Value(2.0), Value(3.0)

    def work(i):
        for _ in range(rounds):
            z = x * y + x * float(i)
            for _ in range(20):
                z = z + 1.0
            z.backward()

    return in_threads(4, work), x.grad, y.grad


def own_graphs(rounds):
    """Each thread has all its own."""
    sums = [0.0] * 4

    def work(i):
        for n in range(rounds):
            x, y = Value(float(i)), Value(float(n))
            z = x * y + x
            z.backward()
            sums[i] += x.grad

    return in_threads(4, work), sums


def a_slow_sweep(rounds):
    """One thread is in a sweep written by hand, which lets others run; they sweep the same leaves."""
    x, y = Value(2.0), Value(3.0)
    slow = Value(1.0, (x, y), "slow")

    def step():
        time.sleep(0.0005)
        x.grad += slow.grad
        time.sleep(0.0005)
        y.grad += slow.grad

    slow._backward = step
    top = slow * 1.0

    def work(i):
        for _ in range(rounds):
            if i == 0:
                top.backward()
            else:
                (x * y).backward()

    return in_threads(4, work), x.grad, y.grad


def with_modes(rounds):
    """Threads in no_grad() and detect_anomaly() beside threads that are not."""
    x = Value(2.0)
    out = [0] * 4

    def work(i):
        for _ in range(rounds):
            if i == 0:
                with no_grad():
                    out[i] += len((x * 2.0)._prev)
            elif i == 1:
                with micrograd.detect_anomaly():
                    out[i] += len((x * 2.0)._prev)
            else:
                out[i] += len((x * 2.0)._prev)

    return in_threads(4, work), out


def dropped_by_another(rounds):
    """Graphs made in one thread are dropped in another, while a third collects."""
    made, done = [], []

    def work(i):
        for _ in range(rounds):
            if i == 0:
                z = chain(Value, 20)
                z.backward()
                z.circle = z
                made.append(z)
            elif i == 1:
                while made:
                    done.append(made.pop().data)
            elif i == 2:
                gc.collect(0)
            else:
                [list(z._prev) for z in made[-1:]]

    return in_threads(4, work), len(made) + len(done) == rounds


@pytest.mark.parametrize("case", [one_graph, shared_leaves, own_graphs, with_modes, dropped_by_another])
def test_threads(case):
    assert assert_same(case, 300)[0] == []


def test_sums_of_threads_are_exact():
    assert one_graph(500)[1:] == (500 * 4 * 3.0, 500 * 4 * 2.0)
    assert shared_leaves(300)[1:] == (300 * (4 * 3.0 + 0 + 1 + 2 + 3), 300 * 4 * 2.0)


def test_a_slow_sweep_loses_nothing():
    errors, x, y = assert_same(a_slow_sweep, 20)
    assert (errors, x, y) == ([], 20 + 20 * 3 * 3.0, 20 + 20 * 3 * 2.0)


def random_surgery(seed):
    """Cut, join and drop at random, and sweep in between: what a node keeps is always whole."""
    rng = random.Random(seed)
    nodes, seen = [Value(1.0)], []
    for _ in range(400):
        x, y = rng.choice(nodes), rng.choice(nodes)
        kind = rng.randrange(9)
        if kind < 4:
            nodes.append([x + y, x * 0.5, micrograd.maximum(x, y), micrograd.logsumexp([x, y, 1.0])][kind])
        elif kind == 4:
            x._prev = tuple(rng.sample(nodes, min(len(nodes), rng.randrange(4))))
        elif kind == 5:
            x._local = tuple(rng.random() for _ in range(rng.randrange(5)))
        elif kind == 6:
            nodes = rng.sample(nodes, (len(nodes) + 1) // 2) or [Value(0.5)]
        elif kind == 7:
            x.grad = rng.choice([0, 0.0, Value(1.0), 2.5])
            x.grad = 0.0
        else:
            x.backward()
            seen.append([float(n.grad).hex() for n in nodes])
        if rng.random() < 0.01:
            gc.collect()
    return seen


def test_random_surgery():
    for seed in range(20):
        assert_same(random_surgery, seed)
