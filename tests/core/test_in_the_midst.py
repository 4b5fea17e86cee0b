"""Code of the user runs in the midst of a sweep and changes the graph: both cores give the same, and nothing breaks."""

from __future__ import annotations

import gc
import random
import weakref

import pytest
from helpers.other_core import assert_same
from helpers.subclasses import Sub

import micrograd
from micrograd import Value, jit, no_grad, train_step
from micrograd.optim import SGD


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
    for seed in range(10):
        assert_same(random_surgery, seed)


def cut_while_freed(count):
    """Values whose end sets again what is being set."""
    seen = []

    class Ending(Value):
        def __del__(self):
            node = self.node()
            if node is not None:
                node._prev, node._local = (Value(1.0),) * (len(seen) % 4), (0.5,) * (len(seen) % 4)
                node.grad, node.data = self.data, Value(2.0)
            seen.append(len(node._prev))

    gc.collect()
    before = sum(isinstance(x, Value) for x in gc.get_objects())
    for i in range(count):
        x = Ending(float(i))
        node = x * 2.0 if i % 2 else micrograd.where(1.0, x, x)
        x.node = lambda node=node: node
        held, x = weakref.ref(x), None
        node._prev = (Value(3.0),) * (i % 4)
        node.__dict__.clear()
        del node
        gc.collect()
        assert held() is None
    return seen, sum(isinstance(x, Value) for x in gc.get_objects()) - before


def test_what_is_set_again_while_it_is_being_set():
    """`_prev` is another after code of the user set it in the midst of setting it; no reference is lost."""
    seen, left = assert_same(cut_while_freed, 12)
    assert len(seen) == 12 and left == 0


def step_freed_while_recording(kind):
    """A training step in a circle, which the collector frees while another function is recorded."""
    x = kind(2.0)
    step = train_step(lambda a: (a * x - 1.0) ** 2, SGD([x], lr=0.25))
    step([0.5])
    trained = x.data
    circle = [step]
    circle.append(circle)
    del step, circle
    out = jit(lambda a: (gc.collect(), a * 2.0)[1])(1.5)
    return trained, type(x.data) is float, x.data, type(x) is kind, out


@pytest.mark.parametrize("kind", [Value, Sub])
def test_a_number_comes_home_while_a_function_is_recorded(kind):
    trained, is_float, now, same, out = assert_same(step_freed_while_recording, kind)
    assert is_float and trained == now and same and out == 3.0
