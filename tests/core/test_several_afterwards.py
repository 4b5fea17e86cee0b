"""Several results of one call, when something changed between the call and backward, or while backward runs."""

from __future__ import annotations

import pickle

import pytest
from helpers.other_core import assert_same

from micrograd import Value, jit
from micrograd.compiler.program import FEW
from micrograd.node import UNREACHED

W = Value(2.0, label="w")
SCALE = [2.0]


def with_a_corner(x, y):
    """Its first result has no derivative at x = 0, where the others' are found by running the function again."""
    return [x.sqrt(), *[x * y * W * W + k for k in range(FEW)]]


def scaled(x, y):
    return [x.sqrt(), *[x * y * SCALE[0] + k for k in range(FEW)]]


def compiled(f):
    fast = jit(f)
    sum(fast(Value(1.0), Value(1.0))).backward()  # so that C tries first
    return fast


def test_a_value_from_outside_that_was_assigned_since_the_call():
    """Local derivatives are those of forward."""
    fast, found = compiled(with_a_corner), []
    for way in (with_a_corner, fast):
        W.grad = 0.0
        x, y = Value(0.0), Value(2.0)
        z = way(x, y)
        try:
            W.data = 3.0
            (z[1] + z[2]).backward()
            assert W.data == 3.0
        finally:
            W.data = 2.0
        found.append((x.grad, y.grad, W.grad))
    assert found == [(16.0, 0.0, 0.0)] * 2


def test_something_outside_that_changed_since_the_call_is_refused_where_the_function_has_to_run_again():
    fast = compiled(scaled)
    x, y = Value(0.0), Value(2.0)
    z, smooth = fast(x, y), fast(Value(1.0), y)
    try:
        SCALE[0] = 3.0
        with pytest.raises(RuntimeError, match=r"backward through scaled: .* has changed since the call"):
            (z[1] + z[2]).backward()
        assert (x.grad, y.grad) == (0.0, 0.0)
        smooth[1].backward()
        assert y.grad == 2.0
    finally:
        SCALE[0] = 2.0
    (z[1] + z[2]).backward()
    assert x.grad == 8.0


def test_an_operand_without_a_label():
    fast = compiled(with_a_corner)
    x, y = Value(0.0), Value(2.0)
    z = fast(x, y)
    del x.label
    z[1].backward()
    assert x.grad == 8.0


def test_a_pickle_where_the_derivative_of_another_result_does_not_exist():
    fast = compiled(with_a_corner)
    x, y = Value(0.0, label="x"), Value(2.0)
    z = fast(x, y)
    good, bad, again = pickle.loads(pickle.dumps((z[1] + z[2], z[1] + z[0], x)))
    good.backward()
    assert again.grad == 16.0
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match=r"backward through sqrt\(x\)"):
            bad.backward()
    assert again.grad == 16.0


def gradients_after_a_failure():
    """As they are written: an int, -0.0, and not reached."""
    fast = compiled(with_a_corner)
    x, y, q = Value(0.0), Value(2.0), Value(1.0)
    z = fast(x, y)
    out = z[1] + z[0] + q
    y.grad, q.grad, z[1].grad = 0, -0.0, 5.0
    with pytest.raises(ZeroDivisionError):
        out.backward()
    return [repr(v.grad) for v in (x, y, q, z[1])] + [v.grad is UNREACHED for v in (x, z[1], out)]


def test_after_a_failure_gradients_are_as_they_were():
    assert_same(gradients_after_a_failure)
    assert gradients_after_a_failure() == ["0.0", "0", "-0.0", "0.0", True, True, True]


@pytest.mark.parametrize("change", [{"_prev": ()}, {"_local": (0.0, 0.0, 0.0)}])
def test_a_result_that_is_changed_while_backward_runs(change):
    """The gradients of the call's other results would be lost."""
    x, y = Value(1.0), Value(2.0)
    first, second = compiled(with_a_corner)(x, y)[1:3]
    between = Value(0.0, (x,))  # the sweep comes to the second, then to this, and at last to the first

    def step():
        for name, new in change.items():
            setattr(first, name, new)

    between._backward = step
    with pytest.raises(RuntimeError, match="while backward ran"):
        ((first + between) + second).backward()
    assert (x.grad, y.grad) == (0.0, 0.0)
