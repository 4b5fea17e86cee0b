"""jit(f): a drop-in for f, on every row of the table, on random graphs, in every structure and mode."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import random
import resource
import threading
from typing import NamedTuple

import numpy as np
import pytest
from helpers.cases import CASES, ROWS, draw_operands, of_numbers
from helpers.native import assert_same
from hypothesis import given
from hypothesis import strategies as st

import micrograd
from micrograd import (
    Value,
    check_grads,
    detect_anomaly,
    draw_dot,
    grad,
    hessian,
    jit,
    no_grad,
    tanh,
    trace,
    value_and_grad,
    where,
)
from micrograd.compiler.jit import MOST_STRUCTURES
from micrograd.losses import cross_entropy, hinge, mse
from micrograd.nn import MLP


def both_ways(f, operands):
    """The value and gradients of f at Values, eagerly and compiled."""
    found = []
    for way in (f, jit(f)):
        values = [Value(x) for x in operands]
        out = way(*values)
        out.backward()
        found.append([out.data, *(v.grad for v in values)])
    return found


def check_row(entry, operands, static):
    f, at = of_numbers(entry, operands, static)
    eager, compiled = both_ways(f, at)
    scale = 1e-2 if entry.name in ("gelu", "silu") else 0.0  # their derivatives cross zero, where terms cancel
    for wanted, got in zip(eager, compiled):
        assert_same(got, wanted, scale=scale, what=(entry.name, operands))


@pytest.mark.parametrize("entry, operands, static", CASES)
def test_every_case_of_the_table(entry, operands, static):
    check_row(entry, operands, static)


@pytest.mark.parametrize("entry", ROWS)
@given(data=st.data())
def test_every_row_over_its_domain(entry, data):
    check_row(entry, *draw_operands(data, entry))


def random_expression(rng, size):
    """A function of two numbers made of `size` random operations that stay finite, with shared parts."""
    unary = "tanh sigmoid sin cos relu leaky_relu elu softplus silu gelu erf atan abs neg".split()
    steps = []
    for i in range(size):
        steps.append((rng.choice([*unary, "add", "sub", "mul", "maximum", "minimum", "div"]), rng.randrange(i + 2),
                      rng.randrange(i + 2)))  # fmt: skip

    def f(x, y):
        terms = [x, y]
        for name, a, b in steps:
            a, b = terms[a], terms[b]
            if name in unary:
                terms.append(-a if name == "neg" else getattr(micrograd, name)(a))
            elif name == "div":
                terms.append(a / (b * b + 1.0))
            else:
                pair = {"add": a + b, "sub": a - b, "mul": (a * b) * 0.25}
                terms.append(pair[name] if name in pair else getattr(micrograd, name)(a, b))
        return terms[-1] * terms[-2] + terms[-1]

    return f


@given(seed=st.integers(0, 10**9), x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_random_graphs(seed, x, y):
    """Equal to 1e-12 relative to the size of the terms, because terms may cancel."""
    f = random_expression(random.Random(seed), 12)
    eager, compiled = both_ways(f, [x, y])
    scale = max(1.0, *(abs(v) for v in eager))
    for wanted, got in zip(eager, compiled):
        assert abs(got - wanted) <= 1e-12 * scale


SPECIAL_CASES = [
    (lambda x, y: x * y, (math.inf, 0.0)),
    (lambda x, y: x - y, (math.inf, math.inf)),
    (lambda x, y: micrograd.maximum(x, y), (math.nan, 1.0)),
    (lambda x, y: micrograd.relu(x) * y, (-0.0, -1.0)),
    (lambda x, y: x * y, (5e-324, 0.5)),
    (lambda x, y: x + y, (5e-324, 5e-324)),
    (lambda x, y: micrograd.where(x > y, x, y), (math.nan, 2.0)),
    (lambda x, y: micrograd.sigmoid(x) + y, (-math.inf, 1.0)),
    (lambda x, y: micrograd.tanh(x) / y, (math.inf, math.inf)),
]


@pytest.mark.parametrize("f, operands", SPECIAL_CASES)
def test_nan_inf_zeros_and_denormals(f, operands):
    eager, compiled = both_ways(f, operands)
    for wanted, got in zip(eager, compiled):
        assert_same(got, wanted)


@pytest.mark.parametrize(
    "f, x, error",
    [
        (micrograd.log, -1.0, ValueError),
        (lambda x: 1 / x, 0.0, ZeroDivisionError),
        (micrograd.exp, 1000.0, OverflowError),
    ],
)
def test_errors_are_those_of_the_function(f, x, error):
    with pytest.raises(error) as eager:
        f(Value(x))
    with pytest.raises(error) as compiled:
        jit(f)(Value(x))
    assert str(compiled.value) == str(eager.value)
    out = jit(micrograd.sqrt)(Value(0.0))  # a value without a derivative is a value
    with pytest.raises(ZeroDivisionError, match=r"backward through sqrt\(x\)"):
        out.backward()


# ------------------------------------------------------------------- structures


class Point(NamedTuple):
    x: float
    y: float


def test_arguments_in_every_structure():
    seen = []

    def f(a, b, *, scale=1.0, mode="plain"):
        seen.append(mode)
        return (a[0] * b["w"] + a[1][0]) * scale + (1.0 if mode == "plain" else 2.0)

    fast = jit(f)
    w = Value(3.0)
    for _ in range(3):
        assert fast([2.0, (5.0,)], {"w": w}, scale=2.0).data == 23.0
    assert fast([2.0, (5.0,)], {"w": 3.0}, mode="other") == 13.0
    assert fast([2.0, (5.0,)], {"w": w}).data == 12.0
    assert seen == ["plain", "plain", "other", "other", "plain", "plain"]  # recorded, twice, for each structure
    assert jit(lambda p: p.x - p.y)(Point(5.0, Value(2.0))).data == 3.0
    assert jit(lambda x: x[1, 0])(np.array([[1.0, 2.0], [3.0, 4.0]])) == 3.0
    assert jit(lambda x, i: micrograd.take(list(x), i))(np.array([1.5, 2.5]), np.int64(1)) == 2.5
    assert jit(lambda x: x * 2)(np.float32(0.5)) == 1.0


def test_results_in_every_arrangement():
    f = lambda x, y: {"sum": x + y, "rest": [x * y, (x, 7, "text")]}  # noqa: E731
    out = jit(f)(Value(2.0), 5.0)
    assert out["sum"].data == 7.0 and out["rest"][0].data == 10.0
    assert out["rest"][1][0].data == 2.0 and out["rest"][1][1:] == (7, "text")
    assert jit(f)(2.0, 5.0) == f(2.0, 5.0)
    assert jit(lambda x: 4.0)(1.0) == 4.0 and jit(lambda x: None)(1.0) is None


def test_many_results_have_their_own_derivatives():
    net = MLP(3, [4, 2], activation="tanh", rng=random.Random(0))
    fast = jit(net)
    x = [Value(0.5), Value(-1.0), 2.0]
    found = []
    for way in (net, fast):
        net.zero_grad()
        for v in x[:2]:
            v.grad = 0.0
        a, b = way(x)
        (a * b + a).backward()
        found.append([a.data, b.data, x[0].grad, x[1].grad, *(p.grad for p in net.parameters())])
    assert found[1] == pytest.approx(found[0], rel=1e-12)


def test_a_static_argument_is_part_of_the_code():
    f = jit(lambda x, n: sum(x**i for i in range(n)), static="n")
    assert [f(2.0, n) for n in (1, 3, 5)] == [1.0, 7.0, 31.0]
    assert f(2.0, n=3) == 7.0
    with pytest.raises(ValueError, match="has no argument 'm' to be static"):
        jit(lambda x: x, static="m")


def test_the_cache_is_bounded_and_drops_what_was_not_used_for_longest():
    recorded = []
    f = jit(lambda x, n: recorded.append(n) or x * n, static="n")
    for n in range(MOST_STRUCTURES + 10):
        f(1.0, n)
        f(1.0, 0)
    assert len(f._programs) == MOST_STRUCTURES
    assert recorded == [n for n in range(MOST_STRUCTURES + 10) for _ in range(2)]


def test_inside_other_jitted_functions():
    inner = jit(lambda x: x * x)
    outer = jit(lambda x: inner(x) + inner(x + 1))
    x = Value(3.0)
    outer(x).backward()
    assert x.grad == 14.0
    assert "jit" not in str(outer.tape) and len(outer._programs) == 1 and not inner._programs


def test_as_a_decorator_and_a_method():
    class Model:
        def __init__(self):
            self.w = Value(2.0)

        @jit
        def __call__(self, x):
            """Twice x."""
            return self.w * x

    model = Model()
    assert model(3.0).data == 6.0
    assert Model.__call__.__doc__ == "Twice x." and repr(Model.__call__) == "jit(__call__)"


# ------------------------------------------------------------------------ modes


def test_one_node_of_the_eager_graph():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = jit(lambda x, y: x / (x + y))(x, y)
    assert z._prev == (x, y) and z._op == "jit"

    @jit
    def quotient(x, y):
        return x / (x + y)

    z = quotient(x, y) * 2
    z.backward()
    assert (x.grad, y.grad) == (-2.0, -1.0)
    assert "quotient" in draw_dot(z).source
    graph = trace(z).graph
    formulas = [formula for node in graph.nodes for formula, _ in graph.locals_of(node)]
    assert formulas[:2] == ["1 / (x + y) + -(x / (x + y)) / (x + y)", "-(x / (x + y)) / (x + y)"]
    assert pickle.loads(pickle.dumps(z)).data == copy.deepcopy(z).data == z.data


def test_second_and_third_derivatives():
    f = lambda x: x**3 * micrograd.sin(x)  # noqa: E731
    assert grad(grad(jit(f)))(0.7) == pytest.approx(grad(grad(f))(0.7), rel=1e-12)
    assert grad(grad(grad(jit(f))))(0.7) == pytest.approx(grad(grad(grad(f)))(0.7), rel=1e-12)
    assert jit(grad(grad(f)))(0.7) == pytest.approx(grad(grad(f))(0.7), rel=1e-12)
    g = lambda v: v[0] ** 2 * v[1] + micrograd.where(v[0] > v[1], v[0], v[1] * v[0])  # noqa: E731
    assert hessian(jit(g))([0.3, 0.7]) == hessian(g)([0.3, 0.7])
    assert jit(hessian(g))([0.3, 0.7]) == hessian(g)([0.3, 0.7])
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    fast = jit(net)
    x = [Value(0.5), Value(-0.2)]
    fast(x).backward(create_graph=True)
    assert isinstance(x[0].grad, Value)
    assert check_grads(fast, ([0.5, -0.2],))
    assert jit(value_and_grad(f))(0.7) == pytest.approx(value_and_grad(f)(0.7))


def test_a_batch_says_that_it_keeps_no_graph():
    w = Value(2.0)
    f = jit(lambda x: x * w, batch=True)
    with pytest.raises(
        TypeError, match=r"create_graph=True\) through jit\(<lambda>, batch=True\).*use jit\(<lambda>\)"
    ):
        f([1.0, 2.0]).backward(create_graph=True)


def test_modes():
    w = Value(2.0)
    f = jit(lambda x: x * w)
    with no_grad():
        out = f(3.0)
    assert out.data == 6.0 and out._prev == ()
    with pytest.raises(RuntimeError, match="no_grad"):
        out.backward()
    assert f(3.0)._prev
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"\*.*gave inf"):
        jit(lambda x: x * x)(Value(1e200))
    with no_grad():
        g = jit(lambda x: x * w)
        g(1.0)
    g(1.0).backward()
    assert w.grad == 1.0


def test_indices_are_checked_at_each_call():
    f = jit(lambda scores, target: cross_entropy(scores, target))
    scores = [Value(1.0), Value(2.0)]
    assert f(scores, 1).data == pytest.approx(cross_entropy(scores, 1).data)
    for bad in (2, -1):
        with pytest.raises(IndexError, match=rf"take: index {bad} is out of range for 2 values: use 0 to 1"):
            f(scores, bad)


def test_looking_inside():
    f = jit(lambda x, y: x / (x + y))
    with pytest.raises(RuntimeError, match="has not been compiled yet"):
        _ = f.tape
    lowered = f.lower(2.0, -4.0)
    assert str(lowered.tape) == str(f.tape) == "%0 = input x\n%1 = input y\n%2 = add %0 %1\n%3 = div %0 %2\nvalue %3"
    assert "fadd contract double" in f.llvm_ir and lowered.llvm_ir == f.llvm_ir
    assert "call:" in f.assembly
    f(Value(2.0), Value(-4.0))
    assert f.lower().tape is f.tape and "d/dy %6" in str(f.tape)


# ---------------------------------------------------------- threads and memory


def test_four_threads_give_what_one_gives():
    nets = [MLP(2, [6, 1], activation="tanh", rng=random.Random(i)) for i in range(4)]
    X = np.random.default_rng(0).normal(size=(50, 2))
    y = np.sign(X[:, 0])
    shared = jit(lambda x, y: x * y + x)

    def work(net, out):
        fast = jit(lambda x, y: hinge(net(x), y), batch=True)
        one = jit(lambda x, y: mse(net(x), y))
        for i in range(200):
            out.append((fast(X, y).data, one(list(X[i % 50]), float(y[i % 50])).data, shared(float(i), 2.0)))

    alone: list = [[] for _ in nets]
    for net, out in zip(nets, alone):
        work(net, out)
    together: list = [[] for _ in nets]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(nets, together)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_memory_of_compilations_is_given_back():
    """A thousand compilations after a warm-up; ten thousand, as a user of long sessions might, are in benchmarks."""

    def compile_many(count):
        for i in range(count):
            jit(lambda x, i=i: x * float(i) + micrograd.exp(x))(1.0)
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = compile_many(200)
    after = compile_many(600)
    assert after - before < 30_000  # kilobytes; kept code would be more than 60 kB each


def test_a_derivative_that_only_a_condition_depends_on_is_a_number_of_the_recording():
    def f(x):
        return 2.0 * grad(lambda u: tanh(u * where(x > 0.0, 3.0, 5.0)))(0.5) + x

    fast = jit(f)
    for x in (1.0, -1.0):
        assert fast(x) == pytest.approx(f(x), rel=1e-14)
