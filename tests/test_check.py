"""check_grads: agreement, disagreement with both numbers, and no trace left."""

from __future__ import annotations

import random

import numpy
import pytest

from micrograd import Value, check_grads, grad, no_grad, op, relu
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.table import TABLE


def test_agreement_on_numbers_lists_and_arrays():
    report = check_grads(lambda x, v: x * v[0] / v[1], (2.0, [3.0, 4.0]))
    assert [c.name for c in report.comparisons] == ["inputs[0]", "inputs[1][0]", "inputs[1][1]"]
    assert not report.failures
    check_grads(lambda a: (a * a).sum(), (numpy.array([1.0, 2.0]),))
    check_grads(lambda d: d["a"] * d["b"], ({"a": 2.0, "b": 3.0},))


def test_a_whole_net_by_its_parameters():
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    before, w = net.state_dict(), net.parameters()[0]
    w.label, w.grad = "first", 7.0
    report = check_grads(lambda *_: mse([net([1.0, 2.0])], [0.5]), net.parameters())
    assert len(report.comparisons) == 13
    assert report.comparisons[0].name == "first"
    assert net.state_dict() == before
    assert w.grad == 7.0


def test_a_disagreement_shows_both_numbers():
    @op("wrong", cases=[(2.0,)])
    def wrong(m, x):
        return x * x, lambda: (3.0 * x,)

    try:
        with pytest.raises(AssertionError) as caught:
            check_grads(lambda x, y: wrong(x) + y, (2.0, 1.0))
    finally:
        del TABLE["wrong"], Value.wrong
    said = str(caught.value)
    assert "1 of 2 derivatives disagree" in said
    assert "inputs[0]  analytic 6  numeric 4  difference 2" in said
    assert "inputs[1]" not in said


def test_a_kink_is_reported():
    with pytest.raises(AssertionError, match=r"analytic 0  numeric 0\.5"):
        check_grads(relu, (0.0,))


def test_values_and_numbers_are_not_mixed():
    with pytest.raises(TypeError, match="either all Values or all plain numbers"):
        check_grads(lambda x, y: x * y, (Value(1.0), 2.0))


def test_a_function_with_weights_of_its_own_and_a_step_by_hand():
    w = Value(3.0)

    def square(x):
        out = Value(x.data**2, (x,), "square")
        out._backward = lambda: setattr(x, "grad", x.grad + 2 * x.data * out.grad)
        return out

    check_grads(lambda x: square(x) * w, (2.0,))
    with pytest.raises(TypeError, match=r"made by hand.*inside no_grad\(\)"):
        grad(lambda x: square(x) * w)(2.0)
    with no_grad():
        assert grad(lambda x: square(x) * w)(2.0) == 12.0
    assert w.grad == 0.0
