"""Value and backward: what is recorded, what is added up, what is refused."""

from __future__ import annotations

import copy
import fractions
import gc
import math
import pickle
import re
import weakref

import pytest
from helpers.graphs import programs, run
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, no_grad, op, tanh, topological_order
from micrograd.derivatives import local_derivatives
from micrograd.table import CONSTANT, DETACHED, TABLE


def test_a_node_records_operands_in_order_with_repeats():
    a, b = Value(2.0, label="a"), Value(3.0)
    assert (a + a)._prev == (a, a)
    assert (b - a)._prev == (b, a)
    assert (a * 4)._prev[1].data == 4.0
    assert (a * 4)._prev[1]._operation is CONSTANT
    assert (a + b)._op == "+"
    assert (a**-1)._op == "**-1"
    assert a._prev == ()
    assert a._op == ""


def test_gradients_add_up_where_branches_meet():
    x, y = Value(2.0), Value(-4.0)
    z = x / (x + y)
    z.backward()
    assert (x.grad, y.grad, z.grad) == (-1.0, -0.5, 1.0)
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2.0


def test_backward_twice_doubles_the_leaves_and_nothing_else():
    x = Value(3.0)
    y = x * x
    z = y * 2.0
    z.backward()
    once = (x.grad, y.grad, z.grad)
    z.backward()
    assert (x.grad, y.grad, z.grad) == (2 * once[0], once[1], once[2])
    leaf = Value(1.0)
    leaf.backward()
    leaf.backward()
    assert leaf.grad == 2.0


def test_operators_both_ways_round():
    x = Value(2.0)
    cases = [(3 + x, 5), (3 - x, 1), (3 * x, 6), (3 / x, 1.5), (3**x, 9), (x**3, 8), (-x, -2), (abs(-x), 2), (x**x, 4)]
    for out, wanted in cases:
        assert out.data == wanted
    assert sum([x, x, 1]).data == 5


def test_comparisons_compare_data_and_equality_is_identity():
    a, b, c = Value(1.0), Value(2.0), Value(1.0)
    assert a < b and a <= b and b > a and b >= 2 and 3 > b and a <= c
    assert a != c
    assert len({a, c}) == 2
    assert max([a, b, c]) is b
    with pytest.raises(TypeError):
        a < "x"  # noqa: B015


def test_conversions_and_printing():
    v = Value(2)
    assert repr(v) == str(v) == f"{v}" == "Value(data=2.0, grad=0.0)"
    assert f"{Value(math.pi):.4f}" == "3.1416"
    x = Value(3.0)
    (x * x).backward(create_graph=True)
    assert repr(x) == "Value(data=3.0, grad=6.0)"
    for odd in (None, "text", [1]):  # a repr never raises, whatever was assigned
        v.data = odd
        assert "Value(" in repr(v)


def test_create_graph_gives_gradients_that_are_graphs():
    x = Value(2.0)
    y = x**3
    y.backward(create_graph=True)
    first = x.grad
    assert isinstance(first, Value) and first.data == 12.0
    x.grad = 0.0
    first.backward(create_graph=True)
    second = x.grad
    assert second.data == 12.0
    x.grad = 0.0
    second.backward()
    assert x.grad == 6.0


def test_create_graph_draws_no_sums_with_nothing():
    x = Value(2.0)
    (x * x).backward(create_graph=True)
    assert [node._op for node in topological_order(x.grad) if node._prev] == ["*", "*", "+"]


def test_any_attribute_may_be_set_and_a_value_may_be_referenced_weakly():
    v = Value(1.0)
    v.data, v.grad, v.label, v.anything = 3.0, 4.0, "name", object()
    assert weakref.ref(v)() is v


def test_a_step_of_backward_by_hand():
    x = Value(2.0)
    out = Value(x.data**2, (x,), "square")

    def step():
        x.grad += 2 * x.data * out.grad

    out._backward = step
    assert out._backward is step
    (out * 10.0).backward()
    assert x.grad == 40.0
    with pytest.raises(TypeError, match=r"made by hand \(operation 'square'\).*@micrograd\.op"):
        (out * 10.0).backward(create_graph=True)
    assert x.grad == 40.0


def test_backward_of_single_nodes_is_callable_everywhere():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    c.grad = 1.0
    for node in (c, b, a):
        node._backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


def test_a_hand_made_node_without_backward_sends_nothing():
    x = Value(2.0)
    Value(4.0, (x,), "f").backward()
    assert x.grad == 0.0


@pytest.mark.parametrize(
    "data, says",
    [
        ("2", "text"),
        (None, "return"),
        (1j, "real numbers"),
        ([1.0], r"\[Value\(v\) for v in row\]"),
        ((1.0,), "one number"),
        ({}, "one number"),
        (object(), "give a number"),
        (Value(1.0) * 2, "value.data"),
    ],
)
def test_data_that_is_no_number_is_refused_with_advice(data, says):
    with pytest.raises(TypeError, match=says) as caught:
        Value(data)
    assert type(data).__name__ in str(caught.value)


def test_data_may_be_any_real_number():
    for number in (2, 2.0, fractions.Fraction(4, 2)):
        assert type(Value(number).data) is float
    with pytest.raises(OverflowError, match="too large"):
        Value(10**400)


@pytest.mark.parametrize("other", ["2", None, 1j, [1.0]])
def test_operands_that_are_no_number_are_refused_with_advice(other):
    for attempt in (lambda: Value(2.0) * other, lambda: other * Value(2.0), lambda: Value(2.0) ** other):
        with pytest.raises(TypeError, match=type(other).__name__):
            attempt()


def test_other_classes_may_answer_an_operator_themselves():
    class Answering:
        def __rmul__(self, other):
            return "answered"

    assert Value(2.0) * Answering() == "answered"
    with pytest.raises(TypeError, match="unsupported operand"):
        Value(2.0) * object.__new__(type("Silent", (), {}))


@pytest.mark.parametrize(
    "attempt, kind, says",
    [
        (lambda x: (x * 0).log(), ValueError, r"log\(price \* 0\), where price \* 0 = 0\.0: needs price \* 0 > 0"),
        (lambda x: (x - 3).log(), ValueError, r"log\(price - 3\), where price - 3 = -1\.0: needs price - 3 > 0"),
        (lambda x: (x.sin() - 3).log(), ValueError, r"log\(x\), where x = -2\.09.*: needs x > 0"),
        (lambda x: x / 0, ZeroDivisionError, r"price / right, where price = 2\.0, right = 0\.0: needs right != 0"),
        (lambda x: 1 / (x - 2), ZeroDivisionError, r"left / \(price - 2\), where left = 1\.0, price - 2 = 0\.0"),
        (lambda x: (x * -4) ** (1 / 3), ValueError, r"= -8\.0: needs price \* \(-4\) > 0, or a whole-number exponent"),
        (lambda x: (x * -4) ** Value(1 / 3), ValueError, r"= -8\.0.*needs price \* \(-4\) > 0"),
        (lambda x: (x - 2) ** -1, ZeroDivisionError, r"price - 2 != 0 for a negative one"),
        (
            lambda x: (x * 500).exp(),
            OverflowError,
            r"exp\(price \* 500\), where price \* 500 = 1000\.0: the result is too large",
        ),
        (lambda x: (x * 1e200) ** 2, OverflowError, r"\(price \* 1e\+200\)\*\*2, where price \* 1e\+200 = 2e\+200"),
        (lambda x: x.asin(), ValueError, r"asin\(price\), where price = 2\.0: needs -1 <= price <= 1"),
        (lambda x: (-x).sqrt(), ValueError, r"sqrt\(-price\), where -price = -2\.0: needs -price >= 0"),
        (lambda x: tanh(x, x), TypeError, r"tanh\(x\) takes 1 operand by position; got 2"),
    ],
)
def test_errors_name_the_operation_its_operands_and_what_it_needs(attempt, kind, says):
    with pytest.raises(kind, match=says):
        attempt(Value(2.0, label="price"))


def test_a_derivative_that_does_not_exist_stops_backward_and_loses_nothing():
    x, w = Value(0.0, label="x"), Value(5.0)
    w.grad = x.grad = 7.0
    out = x.sqrt() + w * 2
    assert out.data == 10.0
    with pytest.raises(ZeroDivisionError, match=r"backward through sqrt\(x\), where x = 0\.0.*does not exist"):
        out.backward()
    assert (x.grad, w.grad) == (7.0, 7.0)
    with pytest.raises(ZeroDivisionError, match="backward through"):
        out.backward(create_graph=True)
    assert (x.grad, w.grad) == (7.0, 7.0)
    with pytest.raises(ZeroDivisionError):
        local_derivatives(x.sqrt())


def test_topological_order_visits_each_once_operands_first():
    x = Value(1.0)
    a = x * 2.0
    b = a + x
    c = b * a
    order = topological_order(c)
    assert len(order) == len(set(order)) == 5
    assert all(order.index(p) < order.index(node) for node in order for p in node._prev)
    assert order[-1] is c
    assert topological_order(c, inputs=[a]) == [x, b, c]
    assert topological_order(x, inputs=[x]) == []


@given(programs(), st.tuples(*[st.floats(-2, 2)] * 3))
def test_random_graphs_agree_with_forward_mode(program, point):
    """Reverse mode against forward mode, an independent way through the same graph."""
    leaves = [Value(x) for x in point]
    out = run(program, leaves)
    out.backward()
    for leaf in leaves:
        tangent = dict.fromkeys(topological_order(out), 0.0)
        if leaf not in tangent:
            assert leaf.grad == 0.0
            continue
        for node in topological_order(out):
            tangent[node] = sum(d * tangent[p] for d, p in zip(local_derivatives(node), node._prev))
            if node is leaf:
                tangent[node] = 1.0
        assert leaf.grad == pytest.approx(tangent[out], rel=1e-9, abs=1e-9)


def test_copies_and_pickles_of_values_and_graphs():
    x = Value(2.0, label="x")
    x.note = "kept"
    z = (x * 3.0) ** 2
    for twin in (copy.deepcopy(z), pickle.loads(pickle.dumps(z))):
        leaf = topological_order(twin)[0]
        twin.backward()
        assert (twin.data, leaf.grad, leaf.label, leaf.note) == (36.0, 36.0, "x", "kept")
        assert twin._op == "**2"
        assert topological_order(twin)[1]._operation is CONSTANT
        twin.backward(create_graph=True)


def test_dropping_a_graph_frees_it_at_once_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = Value(1.0)
        z = x
        for _ in range(1000):
            z = (z + x).tanh()
        z.backward()
        watched = weakref.ref(z), weakref.ref(z._prev[0]), weakref.ref(topological_order(z)[5])
        del z
        assert [ref() for ref in watched] == [None] * 3
    finally:
        gc.enable()


def test_a_hand_written_step_may_wrap_the_one_before():
    x = Value(2.0)
    y = x * 3.0
    before, seen = y._backward, []
    y._backward = lambda: (seen.append(y.grad), before())
    (y * 1.0).backward()
    assert (x.grad, seen) == (3.0, [1.0])


def test_a_gradient_of_numpys_prints_as_a_number():
    numpy = pytest.importorskip("numpy")
    x = Value(2.0)
    x.grad = numpy.float64(3)
    assert repr(x) == "Value(data=2.0, grad=3.0)"


@pytest.mark.parametrize("between", [False, True])
def test_create_graph_refuses_every_node_made_by_hand(between):
    x = Value(3.0)
    y = x * 2 if between else x
    with pytest.raises(TypeError, match="made by hand"):
        Value(9.0, (y,), "f").backward(create_graph=True)
    assert x.grad == 0.0 and y.grad == 0.0


def test_a_pending_derivative_and_a_hand_made_node_survive_copies():
    twin = pickle.loads(pickle.dumps(Value(0.0).sqrt()))
    with pytest.raises(ZeroDivisionError, match="backward through sqrt"):
        twin.backward()
    assert copy.deepcopy(Value(4.0, (Value(2.0),), "relu"))._op == "relu"
    with no_grad():
        assert copy.deepcopy(Value(1.0) * 2)._operation is DETACHED


def test_gradients_of_graphs_make_cycles_as_documented():
    gc.collect()
    gc.disable()
    try:
        x = Value(1.0)
        a = x.tanh()
        b = a.tanh()
        b.backward(create_graph=True)
        watched = weakref.ref(a)
        x.grad = 0.0
        del b
        a.grad = 0.0
        del a
        assert watched() is None
    finally:
        gc.enable()


def test_an_operand_without_a_name_is_not_mistaken_for_one_with():
    with pytest.raises(ZeroDivisionError, match=r"left / x, where left = 1\.0, x = 0\.0"):
        Value(1.0) / Value(0.0, label="x")
    with pytest.raises(OverflowError, match=r"exp needs x < 709\.78"):
        Value(1000.0).exp()


@pytest.mark.parametrize(
    "attempt, end",
    [
        (lambda: Value(1e200) ** 2, ""),
        (lambda: Value(1e200) ** Value(2.0), ""),
        (lambda: 2 ** Value(5000.0), ""),
        (lambda: Value(1e-200) ** -2, ""),
        (lambda: Value(800.0).expm1(), "; expm1 needs x < 709.78"),
        (lambda: Value(800.0).sinh(), "; sinh needs -710.47 < x < 710.47"),
        (lambda: Value(-800.0).cosh(), "; cosh needs -710.47 < x < 710.47"),
    ],
)
def test_an_overflow_tells_what_an_operation_needs_where_that_would_have_helped(attempt, end):
    with pytest.raises(OverflowError) as caught:
        attempt()
    assert str(caught.value).endswith(": the result is too large for a float (the largest is about 1.8e308)" + end)


def test_an_operation_of_ones_own_says_after_an_overflow_what_it_needs_if_that_is_a_bound():
    for needs, end in (("{0} <= 2", "1.8e308); tower needs x <= 2"), ("{0} > 0", "about 1.8e308)")):

        @op("tower", cases=[(1.0,)], needs=needs)
        def tower(m, x):
            out = m.exp(m.exp(m.exp(x)))
            return out, lambda: (out * m.exp(m.exp(x)) * m.exp(x),)

        try:
            with pytest.raises(OverflowError, match=r"^tower\(x\), where x = 9\.0: .*" + re.escape(end) + "$"):
                tower(Value(9.0))
        finally:
            del TABLE["tower"], Value.tower
