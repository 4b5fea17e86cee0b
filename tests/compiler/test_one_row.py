"""A loss that was written for many rows is told that it gets one, and no other function is."""

from __future__ import annotations

import random

import numpy as np
import pytest

from micrograd import Value, jit, train_step
from micrograd.compiler.one_row import FOR_ONE_ROW
from micrograd.losses import cross_entropy, mse
from micrograd.nn import MLP
from micrograd.optim import SGD


def test_a_loss_of_all_rows_is_told_that_it_gets_one():
    net = MLP(3, [1], rng=random.Random(0))
    step = train_step(lambda X, Y: mse([net(x) for x in X], Y), SGD(net.parameters()))
    with pytest.raises(ValueError, match="takes 3 inputs, got 1") as caught:
        step(np.ones((4, 3)), np.ones(4))
    assert caught.value.__notes__ == [
        "train_step calls the loss with one row at a time: X holds 3 numbers, Y is one number",
        FOR_ONE_ROW,
    ]


def test_jit_says_that_a_function_of_rows_gets_one():
    net = MLP(3, [1], rng=random.Random(0))
    fast = jit(lambda X, Y, scale: scale * mse([net(x) for x in X], Y), batch=True)
    for rows, kind in (([[1, 2, 3], [4, 5, 6]], "list"), (np.ones((4, 3)), "array")):
        with pytest.raises(ValueError, match="takes 3 inputs, got 1") as caught:
            fast(rows, [1.0] * len(rows), scale=2.0)
        said, advice = caught.value.__notes__
        assert said.endswith("calls the loss with one row at a time: X holds 3 numbers, Y is one number"), kind
        assert advice == FOR_ONE_ROW


def sum_of_squares(X, Y):
    return sum((x * 0.5 - y) ** 2 for x, y in zip(X, Y)) / len(X)


def test_a_function_that_fails_on_several_rows_too_is_not_told_to_take_one():
    w = Value(1.0)
    step = train_step(lambda x, y: mse(w * x, [y, y]), SGD([w]))
    with pytest.raises(ValueError, match="2 targets") as caught:
        step([1.0, 2.0], [1.0, 2.0])
    assert caught.value.__notes__ == [
        "train_step calls the loss with one row at a time: x is one number, y is one number"
    ]
    with pytest.raises(ValueError, match="2 targets") as caught:
        jit(lambda x, y: mse(w * x, [y, y]), batch=True)([1.0, 2.0], [1.0, 2.0])
    assert not hasattr(caught.value, "__notes__")
    with pytest.raises(TypeError, match="not iterable") as caught:  # Python's own words say little
        train_step(sum_of_squares, SGD([w]))([1.0, 2.0], [1.0, 2.0])
    assert caught.value.__notes__[-1] == FOR_ONE_ROW
    with pytest.raises(TypeError, match="not iterable") as caught:
        jit(sum_of_squares, batch=True)([1.0, 2.0], [1.0, 2.0])
    assert caught.value.__notes__[-1] == FOR_ONE_ROW


def test_a_loss_that_refuses_a_row_is_told_nothing_more():
    w = Value(1.0)
    step = train_step(lambda x, y: cross_entropy([w * x, w], y), SGD([w]))
    with pytest.raises(IndexError, match="row 1: ") as caught:
        step([1.0, 2.0], [0, 5])
    assert not hasattr(caught.value, "__notes__")


def test_targets_that_are_a_column_are_told_to_be_numbers():
    w, rows, column = Value(1.0), [1.0, 2.0], np.zeros((2, 1))
    said = r"^mse: the net gives one number, but the target is a list of one: give the number in it, target\[0\]\n"
    with pytest.raises(ValueError, match=said) as caught:
        train_step(lambda x, y: mse(w * x, y), SGD([w]))(rows, column)
    assert caught.value.__notes__[-1].endswith("x is one number, y holds 1 number")
    with pytest.raises(ValueError, match=r"cross_entropy: 2 scores need one class, but .* one: give the number in it"):
        train_step(lambda x, y: cross_entropy([w * x, w], y), SGD([w]))(rows, column)
    with pytest.raises(ValueError, match=r"^row 0: mse: .* a list of one, \[0\.0\]: give 0\.0 instead of \[0\.0\]$"):
        jit(lambda x, y: mse(w * x, y), batch=True)(rows, column)
