"""Where a derivative does not exist: backward goes on if it is not needed, and says so if it is."""

from __future__ import annotations

import copy
import pickle

import pytest

from micrograd import Value, detect_anomaly, grad, hessian, jit, op, where
from micrograd.table import TABLE
from micrograd.text import derivative_formulas

CONSTANT_FAILS = [  # the operand that fails is a constant: f, the point, and the derivative there
    (lambda x: 0.0**x, 0.5, 0.0),
    (lambda x: 0.0**x + 3.0 * x, 0.25, 3.0),
    (lambda x: where(1.0, x, Value(1.0).data) * 0.0**x, 0.5, 0.0),
]


@pytest.mark.parametrize("f, point, slope", CONSTANT_FAILS)
def test_a_constant_needs_no_derivative(f, point, slope):
    x = Value(point)
    f(x).backward()
    assert x.grad == slope
    assert grad(f)(point) == slope
    assert jit(grad(f))(point) == slope
    x.grad = 0.0
    f(x).backward(create_graph=True)
    assert x.grad.data == slope
    assert hessian(f)(point) == hessian(f)(point + 1e-3) == 0.0
    with detect_anomaly():
        assert grad(f)(point) == slope


def test_copies_know_it_too():
    x = Value(0.5)
    for twin in (copy.deepcopy(0.0**x), pickle.loads(pickle.dumps(0.0**x))):
        twin.backward()
        assert twin._prev[1].grad == 0.0


def test_an_operand_that_is_asked_for_still_raises():
    for x, y in [(Value(0.0), Value(0.5)), (Value(0.0), 0.5)]:
        for create_graph in (False, True):
            with pytest.raises(ZeroDivisionError, match=r"backward through .*the derivative does not exist there"):
                (x**y).backward(create_graph=create_graph)
            assert x.grad == 0.0


def test_an_operation_of_ones_own_may_fail_for_a_constant():
    @op("halved", cases=[(2.0, 4.0)])
    def halved(m, x, y):
        return x * m.sqrt(y), lambda: (m.sqrt(y), 0.5 * x / m.sqrt(y))

    try:
        x = Value(3.0)
        halved(x, 0.0).backward()
        assert x.grad == 0.0
        with pytest.raises(ZeroDivisionError, match="backward through halved"):
            halved(3.0, Value(0.0)).backward()
        with pytest.raises(ValueError, match="math domain"):  # forward is as strict as ever
            halved(x, -1.0)
    finally:
        del TABLE["halved"], Value.halved


@pytest.mark.parametrize("x, y", [(0.0, 0.0), (0.0, 2.0), (0.0, 1.0), (2.0, 0.0), (-2.0, 0.0), (0.5, -1.5)])
def test_a_power_has_the_derivative_of_a_constant_exponent(x, y):
    constant, w, e = Value(x), Value(x), Value(y)
    (constant**y).backward()
    if x < 0:
        e = y  # with a negative base there is no derivative with respect to the exponent
        w.pow(y).backward()
    else:
        (w**e).backward()
    assert w.grad == constant.grad
    v, by_graph = Value(x), Value(x)
    v.pow(y).backward(create_graph=True)
    assert v.grad.data == constant.grad
    assert jit(grad(lambda a, b: a.pow(b)))(by_graph, Value(abs(y) * (1 if y > 0 else -1))).data == constant.grad


def test_powers_second_derivatives_are_as_before():
    f = lambda x, y: x**y  # noqa: E731
    mixed = grad(grad(f), 1)
    assert mixed(2.0, 0.0) == pytest.approx(0.5)  # of y * x**(y - 1) with respect to y at y = 0
    assert grad(grad(f))(2.0, 3.0) == 12.0
    assert derivative_formulas(TABLE["pow"], ["x", "y"])[0].startswith("y * x**")
