"""Several results of one compiled call: one product backward, equal to eager in every mode, on both cores."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import weakref

import pytest
from helpers.other_core import assert_same
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, detect_anomaly, draw_dot, grad, hessian, jacobian, jit, no_grad, sigmoid, tanh, trace, tree
from micrograd.c_core import native
from micrograd.compiler.program import FEW
from micrograd.compiler.several import ResultsOfCall
from micrograd.results import OneOf

NATIVE_ONLY = pytest.mark.skipif(native is None, reason="there is no native core: backward is Python's")
HIDDEN, GIVEN = 3, 2


def lstm(weights, x, h, c):
    """One step: the next h and c."""
    sums = [sum(w * v for w, v in zip(row, [*x, *h, 1.0])) for row in weights]
    i, f, o = ([sigmoid(s) for s in sums[k * HIDDEN : (k + 1) * HIDDEN]] for k in range(3))
    new = [f_ * c_ + i_ * tanh(s) for f_, c_, i_, s in zip(f, c, i, sums[3 * HIDDEN :])]
    return [o_ * tanh(c_) for o_, c_ in zip(o, new)], new


def numbers(seed, count):
    rng = random.Random(seed)
    return [rng.uniform(-1.0, 1.0) for _ in range(count)]


def unrolled(step, *, steps=4, seed=0, create_graph=False):
    """All gradients of a loss of a recurrent net, in hexadecimal, and its value."""
    width = GIVEN + HIDDEN + 1
    weights = [[Value(w) for w in numbers(seed + k, width)] for k in range(4 * HIDDEN)]
    x = [[Value(v) for v in numbers(seed + 100 + t, GIVEN)] for t in range(steps)]
    h, c = ([Value(v) for v in numbers(seed + k, HIDDEN)] for k in (50, 51))
    leaves = [v for part in (*weights, *x, h, c) for v in part]
    loss = Value(0.0)
    for t in range(steps):
        h, c = step(weights, x[t], h, c)
        loss = loss + h[0] * h[0] * c[1] + h[t % HIDDEN]
    (loss + c[0] * h[1]).backward(create_graph=create_graph)
    return loss.data, [v.grad for v in leaves], leaves


def test_a_recurrent_net_has_the_gradients_of_eager_code():
    """The results of one call are operands of the next, and of the loss as well."""
    fast = jit(lstm)
    wanted = unrolled(lstm)
    for _ in range(3):  # the first time it is compiled meanwhile
        found = unrolled(fast)
        assert found[0] == pytest.approx(wanted[0], rel=1e-12)
        assert found[1] == pytest.approx(wanted[1], rel=1e-12, abs=1e-14)


def test_the_tape_grows_with_the_function_and_not_with_the_number_of_results():
    fast = jit(lstm)
    unrolled(fast, steps=1)
    tape = fast.tape
    assert [name for name in tape.inputs if name.startswith("upstream")] == [f"upstream[{k}]" for k in range(6)]
    assert len(tape.outputs) == 6 + len(tape.inputs) - 6
    assert len(tape) < 5 * len(fast._programs.latest.values)


@NATIVE_ONLY
def test_with_the_native_core_backward_is_done_in_c(monkeypatch):
    fast, wanted = jit(lstm), unrolled(lstm)[1]
    unrolled(fast)

    def refused(*_):
        raise AssertionError("backward went through Python")

    monkeypatch.setattr(ResultsOfCall, "product", refused)
    assert unrolled(fast)[1] == pytest.approx(wanted, rel=1e-12, abs=1e-14)


def gradients_in_hex(seed):
    fast, found = jit(lstm), []
    for _ in range(2):
        loss, grads, _ = unrolled(fast, seed=seed)
        found.append((loss.hex(), [x.hex() for x in grads]))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_both_cores_give_the_same_to_the_bit(seed):
    first, second = assert_same(gradients_in_hex, seed)
    assert first == second


def many(x, y):
    """More results than are differentiated at once."""
    shared = tanh(x * y)
    return [shared * (0.1 * k) + x / (y + k + 2.0) for k in range(FEW)]


USES = [
    lambda z: z[0],
    lambda z: z[3] * z[3] + z[5],
    lambda z: (z[0] * z[1]).tanh() + sum(z) * z[2],
    lambda z: sum(z[k] * z[-k] for k in range(9)),
]


@pytest.mark.parametrize("use", USES)
def test_results_used_at_several_places(use):
    fast, found = jit(many), []
    for way in (many, fast, fast):
        x, y = Value(0.7), Value(-0.4)
        x.grad = 10.0  # leaves add up
        for _ in range(2):
            use(way(x, y)).backward()
        found.append((x.grad, y.grad))
    assert found[1:] == [pytest.approx(found[0], rel=1e-12)] * 2


@given(seed=st.integers(0, 10**9), x=st.floats(-2, 2), y=st.floats(-1.5, 2))
def test_random_uses(seed, x, y):
    """Random operations on the results of two calls, the second on results of the first."""
    rng = random.Random(seed)
    steps = [(rng.choice("+-*t"), rng.random(), rng.random()) for _ in range(12)]
    found = []
    for f in (many, FAST, FAST):
        a, b = Value(x), Value(y)
        z = f(a, b)
        terms = [*z, *f(tanh(z[steps[0][0] == "+"]), b)]
        for name, i, j in steps:
            p, q = terms[int(i * len(terms))], terms[int(j * len(terms))]
            terms.append({"+": lambda p, q: p + q, "-": lambda p, q: p - q, "*": lambda p, q: p * q * 0.5,
                          "t": lambda p, q: tanh(p)}[name](p, q))  # fmt: skip
        sum(terms[-4:]).backward()
        found.append((a.grad, b.grad))
    scale = max(1.0, *(abs(v) for v in found[0]))
    for got in found[1:]:
        assert got == pytest.approx(found[0], abs=1e-11 * scale)


FAST = jit(many)


def test_an_argument_given_twice_and_plain_numbers():
    def f(a, b, c):
        return [a * b + k * c for k in range(FEW)]

    fast, found = jit(f), []
    for way in (f, fast, fast):
        x = Value(3.0)
        (way(x, x, 5.0)[4] * 2.0).backward()
        found.append(x.grad)
        (way(2.0, x, x)[1] * x).backward()
        found.append(x.grad)
    assert found[2:] == found[:2] * 2


def test_one_operand_with_many_results():
    f = jit(lambda x: [x * float(k) for k in range(40)])
    for _ in range(2):
        x = Value(2.0)
        z = f(x)
        (z[3] + z[30]).backward()
        assert x.grad == 33.0 and z[3]._prev == (x,)


def test_results_that_are_not_values():
    f = jit(lambda x, y: [x > y, x.data, 7, *[x * k + y for k in range(FEW)]])
    for _ in range(2):
        x, y = Value(2.0), Value(1.0)
        above, plain, seven, *rest = f(x, y)
        assert (above, plain, seven) == (True, 2.0, 7)
        (rest[2] * rest[3]).backward()
        assert (x.grad, y.grad) == (2 * 7.0 + 3 * 5.0, 12.0)


# -------------------------------------------------- where derivatives do not exist


def with_a_corner(x, y):
    return [x.sqrt(), *[x * y + k for k in range(FEW)]]


def test_a_derivative_that_does_not_exist_matters_only_where_it_is_asked_for():
    fast, away = jit(with_a_corner), Value(1.0)
    sum(fast(away, Value(1.0))).backward()  # compiled, so that C tries first
    x, y = Value(0.0, label="x"), Value(2.0)
    x.grad = y.grad = 1.0
    z = fast(x, y)
    (z[1] + z[2] * x).backward()
    assert (x.grad, y.grad) == (1.0 + 2.0 + 1.0, 1.0)  # not added twice
    with pytest.raises(ZeroDivisionError, match=r"backward through sqrt\(x\)"):
        (z[1] + z[0]).backward()
    assert (x.grad, y.grad) == (4.0, 1.0)
    z[1].backward()
    assert (x.grad, y.grad) == (6.0, 1.0)


def test_an_upstream_gradient_that_is_infinite():
    found = []
    for f in (many, FAST, FAST):
        x, y = Value(0.5), Value(0.25)
        (f(x, y)[1] * 1e300 * 1e300).backward()
        found.append(f"{x.grad} {y.grad}")
    assert "inf" in found[0] and found == [found[0]] * 3


# ------------------------------------------------------------------- modes and views


def test_second_derivatives():
    f = lambda x, y: USES[2](many(x, y))  # noqa: E731
    g = lambda x, y: USES[2](FAST(x, y))  # noqa: E731
    assert grad(grad(g))(0.3, 0.7) == pytest.approx(grad(grad(f))(0.3, 0.7), rel=1e-12)

    def rows(transformation, way):
        return [x for row in transformation(lambda v: way(v[0], v[1]))([0.3, 0.7]) for x in row]

    assert rows(hessian, g) == pytest.approx(rows(hessian, f), rel=1e-12)
    assert rows(jacobian, FAST) == pytest.approx(rows(jacobian, many), rel=1e-12)


def test_gradients_that_are_graphs_of_a_recurrent_net():
    found = []
    for step in (lstm, jit(lstm)):
        _, grads, leaves = unrolled(step, steps=2, create_graph=True)
        for v in leaves:
            v.grad = 0.0
        sum(g * g for g in grads if isinstance(g, Value)).backward()
        found.append([float(v.grad) for v in leaves])
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-12)


def test_an_upstream_gradient_that_depends_on_a_leaf_of_the_function():
    """What flows back through w itself is not part of the derivative by w through the call."""
    w = Value(0.5)
    f = lambda x: [w * x + k * x * x for k in range(FEW)]  # noqa: E731
    found = []
    for way in (f, jit(f)):
        x = Value(0.75)
        w.grad = 0.0
        z = way(x)
        (z[1] * w * w + z[2]).backward(create_graph=True)
        first = w.grad
        w.grad = x.grad = 0.0
        first.backward()
        found.append((first.data, w.grad, x.grad))
    assert found[1] == pytest.approx(found[0], rel=1e-12)


def test_inside_no_grad_and_detect_anomaly():
    x, y = Value(0.5), Value(0.25)
    with no_grad():
        assert {z._prev for z in FAST(x, y)} == {()}
    z = FAST(x, y)
    with detect_anomaly():
        (z[1] + z[2]).backward()
    found, x.grad, y.grad = (x.grad, y.grad), 0.0, 0.0
    (z[1] + z[2]).backward()
    assert (x.grad, y.grad) == pytest.approx(found, rel=1e-14)
    steep = jit(lambda x, y: [x * y * 1e10 + k * x for k in range(FEW)])(x, y)[1]
    with (
        detect_anomaly(),
        pytest.raises(FloatingPointError, match=r"<lambda>.*it sends 25\d*.0 .* \* 1e\+300 \(upstream"),
    ):
        ((steep - steep.data) * 1e300).backward()


def test_views_show_each_result_with_all_operands():
    x, y = Value(0.5, label="x"), Value(0.25, label="y")
    z = FAST(x, y)
    assert z[1]._prev == z[2]._prev == (x, y) and z[1]._op == "many"
    out = z[1] * z[2]
    assert draw_dot(out).source.count("many") >= 2 and tree(out).count("many") >= 2
    t = trace(out)
    out.backward()
    assert [t.grads(len(t.steps))[i] for i, node in enumerate(t.graph.nodes) if node.name == "x"] == [
        pytest.approx(x.grad, rel=1e-14)
    ]
    assert z[1]._local() == pytest.approx(jacobian(lambda v: many(v[0], v[1])[1])([0.5, 0.25]), rel=1e-12)


def test_copies_and_pickles_go_back_by_themselves():
    x, y = Value(0.5), Value(0.25)
    z = FAST(x, y)
    out = z[1] * z[2] + z[3]
    again, once_more = copy.deepcopy((out, x, y)), pickle.loads(pickle.dumps((out, x, y)))
    (out + again[0] * 2.0 + once_more[0] * 4.0).backward()
    assert (again[1].grad, again[2].grad) == pytest.approx((2 * x.grad, 2 * y.grad), rel=1e-14)
    assert (once_more[1].grad, once_more[2].grad) == pytest.approx((4 * x.grad, 4 * y.grad), rel=1e-13)
    found, x.grad, y.grad = (x.grad, y.grad), 0.0, 0.0
    twin = copy.copy(z[1])
    (twin * z[2] + z[3]).backward()
    assert (x.grad, y.grad) == found
    x.grad = y.grad = 0.0
    (twin + z[1]).backward()
    found, x.grad, y.grad = (x.grad, y.grad), 0.0, 0.0
    (z[1] * 2.0).backward()
    assert (x.grad, y.grad) == found


def test_a_result_whose_operands_or_derivatives_were_set():
    x, y, u, v = Value(0.5), Value(0.25), Value(1.0), Value(2.0)
    z = FAST(x, y)
    row = z[1]._local()
    z[1]._prev = (u, v)
    (z[1] + z[2]).backward()
    assert (u.grad, v.grad) == row and (x.grad, y.grad) == z[2]._local()
    z[2]._local = (7.0, 8.0)
    x.grad = y.grad = 0.0
    (z[2] + z[3]).backward()
    wanted = z[3]._local()
    assert (x.grad, y.grad) == (7.0 + wanted[0], 8.0 + wanted[1])


def test_exact_derivatives_of_each_result_alone():
    fast = jit(many, exact=True)
    for k in range(FEW):
        found = []
        for way in (many, fast):
            x, y = Value(0.3), Value(-0.7)
            way(x, y)[k].backward()
            found.append((x.grad, y.grad))
        assert found[0] == found[1]


def test_a_record_goes_with_its_results():
    def f(x, y):
        return many(x, y)

    x = Value(0.5)
    fast = jit(f)
    for _ in range(2):
        z = fast(x, Value(0.25))
        sum(z).backward()
    assert isinstance(z[0]._local, OneOf)
    gone = weakref.ref(z[0]._local.results)
    del z
    assert gone() is None  # nothing is kept in a cycle
    z = fast(x, Value(0.25))
    z[0].label = holder = [z[1]]
    holder.append(holder)
    gone = weakref.ref(z[0]._local.results)
    del z, holder
    gc.collect()
    assert gone() is None


def test_a_chain_of_many_calls_is_freed():
    fast = jit(lambda x, y: [x * 0.5 + y * (0.1 * k) for k in range(FEW)])
    x, y = Value(1.0), Value(2.0)
    for _ in range(20_000):
        x, y = fast(x, y)[:2]
    x.backward()
    del x, y
