"""grad, value_and_grad, jacobian and hessian: what they give, that they compose, that they leave no trace."""

from __future__ import annotations

import collections
import math
import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, exp, grad, hessian, jacobian, sin, tanh, value_and_grad


def test_grad_of_numbers_is_a_float():
    out = grad(lambda x: x**3)(2.0)
    assert out == 12.0 and type(out) is float
    assert value_and_grad(lambda x: x**3)(2) == (8.0, 12.0)
    assert grad(lambda x, y: x * y, 1)(2.0, 5.0) == 2.0
    assert grad(lambda x, y: x * y, (0, 1))(2.0, 5.0) == (5.0, 2.0)
    assert grad(lambda x, y: x * y, -1)(2.0, 5.0) == 2.0
    assert grad(lambda x, *, power: x**power)(2.0, power=3) == 12.0


def test_gradients_come_back_in_the_arguments_arrangement():
    Point = collections.namedtuple("Point", "x y")
    tree = {"w": [1.0, 2.0], "p": Point(3.0, 4.0), "t": (5.0,)}
    f = lambda d: d["w"][0] * d["w"][1] + d["p"].x * d["p"].y + d["t"][0] ** 2  # noqa: E731
    assert grad(f)(tree) == {"w": [2.0, 1.0], "p": Point(4.0, 3.0), "t": (10.0,)}


def test_arrays_in_arrays_out():
    x = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    g = grad(lambda a: (a * a).sum())(x)
    assert g.dtype == float
    numpy.testing.assert_array_equal(g, 2 * x)
    A = numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    numpy.testing.assert_array_equal(jacobian(lambda v: A @ v)(numpy.ones(3)), A)
    H = hessian(lambda v: (v * v * v).sum())(numpy.array([1.0, 2.0]))
    numpy.testing.assert_array_equal(H, numpy.diag([6.0, 12.0]))


def test_hessian_and_jacobian_of_lists():
    f = lambda v: v[0] ** 2 * v[1] + sin(v[1])  # noqa: E731
    assert hessian(f)([3.0, 5.0]) == [[10.0, 6.0], [6.0, -math.sin(5.0)]]
    assert jacobian(lambda v: [v[0] * v[1], v[0], 7.0])([2.0, 3.0]) == [[3.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda x: x**4)(2.0) == 48.0


@given(st.floats(-2, 2))
def test_they_compose(x):
    third = grad(grad(grad(tanh)))(x)
    t = math.tanh(x)
    assert third == pytest.approx(-2 * (1 - t * t) * (1 - 3 * t * t), abs=1e-12)
    assert jacobian(jacobian(tanh))(x) == pytest.approx(-2 * t * (1 - t * t), abs=1e-12)


def test_inner_variables_are_not_confused_with_outer_ones():
    assert grad(lambda y: grad(lambda x: x * y)(2.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * x * y)(x))(3.0) == 6.0
    assert grad(lambda x: value_and_grad(lambda y: y**3)(x)[0])(2.0) == 12.0


def test_values_as_arguments_stay_connected():
    x = Value(2.0)
    g = grad(lambda v: v**3)(x)
    assert isinstance(g, Value) and g.data == 12.0
    g.backward()
    assert x.grad == 12.0


def test_no_trace_is_left():
    w, x = Value(3.0), Value(2.0)
    w.grad, x.grad = 5.0, 6.0
    kept = w * 2.0
    kept.grad = 9.0
    assert grad(lambda v: v * w * kept * x)(1.0) == 36.0
    grad(lambda v: v * w)(x)
    assert (w.grad, x.grad, kept.grad) == (5.0, 6.0, 9.0)
    with pytest.raises(ZeroDivisionError):
        grad(lambda v: (v * w * 0.0).sqrt())(1.0)
    assert (w.grad, x.grad, kept.grad) == (5.0, 6.0, 9.0)


def test_a_constant_has_gradient_zero():
    assert grad(lambda x: 3.0)(2.0) == 0.0
    assert grad(lambda x: x)(2.0) == 1.0
    assert grad(grad(lambda x: x))(2.0) == 0.0
    assert grad(lambda x, y: exp(y))(2.0, 1.0) == 0.0


def test_errors_say_what_to_do():
    with pytest.raises(TypeError, match="several outputs use jacobian"):
        grad(lambda x: [x, x])(1.0)
    with pytest.raises(TypeError, match="return"):
        grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda x: x, 3)(1.0)
    with pytest.raises(TypeError, match="'a' is a str"):
        grad(lambda x: x)("a")


def test_an_error_inside_leaves_the_nesting_as_it_was():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: x / 0)(1.0)
    assert type(grad(lambda x: x * x)(1.0)) is float


def test_jacobian_of_mixed_arrangements():
    J = jacobian(lambda v: numpy.array([v[0] * v[1], v[0]]))([2.0, 3.0])
    assert J.tolist() == [[3.0, 2.0], [1.0, 0.0]]
    assert jacobian(lambda x, y: [x * y, x], (0, 1))(2.0, 3.0) == [(3.0, 2.0), (1.0, 0.0)]


@pytest.mark.parametrize("out", [None, "text", ["text", None]])
def test_jacobian_of_no_numbers_is_refused(out):
    with pytest.raises(TypeError, match="must return numbers"):
        jacobian(lambda x: out)(2.0)


def test_a_function_that_leaves_the_graph_is_told_so():
    with pytest.raises(TypeError, match=r"lost the graph.*micrograd\.sin"):
        grad(math.sin)(1.0)
    with pytest.raises(TypeError, match="lost the graph"):
        grad(lambda x: float(x) ** 2)(3.0)
    assert grad(lambda x: x * x if float(x) > 0 else 0.0)(3.0) == 6.0


def test_several_threads_may_differentiate_with_a_shared_value():
    w, results = Value(2.0), []
    w.grad = 5.0

    def work():
        results.extend(grad(lambda v: (v * w).tanh() * w)(0.1) for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1 and len(results) == 800
    assert w.grad == 5.0
