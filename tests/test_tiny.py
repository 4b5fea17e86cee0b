"""The one-minute core suite: `python -m pytest tests/test_tiny.py` after every change."""

from __future__ import annotations

import random

import pytest
from helpers.cases import CASES, apply

from micrograd import Value, check_grads, grad, hessian, no_grad
from micrograd.losses import cross_entropy
from micrograd.nn import MLP
from micrograd.optim import Adam
from micrograd.table import FLOAT


@pytest.mark.parametrize("entry, operands, static", CASES)
def test_every_operation_runs_forward_and_backward(entry, operands, static):
    values = [Value(x) for x in operands]
    out = apply(entry, values, static)
    out.backward()
    assert out.data == apply(entry, operands, static)
    assert [v.grad for v in values] == list(entry.rule(FLOAT, *operands, **static)[1]())


def test_the_chain_rule():
    x, y = Value(2.0), Value(-4.0)
    (x / (x + y)).backward()
    assert (x.grad, y.grad) == (-1.0, -0.5)
    check_grads(lambda x, y: (x + y.sigmoid()) / (x.sigmoid() + (x + y) ** 2), (2.0, -4.0))


def test_higher_derivatives():
    assert grad(grad(grad(lambda x: x**4)))(2.0) == 48.0
    assert hessian(lambda v: v[0] * v[1])([1.0, 2.0]) == [[0.0, 1.0], [1.0, 0.0]]


def test_a_net_learns():
    rng = random.Random(0)
    X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(40)]
    y = [int(a * b > 0) for a, b in X]
    net = MLP(2, [8, 2], activation="tanh", rng=rng)
    optimizer = Adam(net.parameters(), lr=0.05)
    for _ in range(60):
        loss = cross_entropy([net(row) for row in X], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        right = [(net(row)[1] > net(row)[0]) == bool(label) for row, label in zip(X, y)]
    assert sum(right) >= 36


def test_mistakes_are_explained():
    with pytest.raises(ZeroDivisionError, match=r"left / right, where left = 1\.0, right = 0\.0: needs right != 0"):
        Value(1.0) / 0
    with pytest.raises(TypeError, match="convert text"):
        Value("1")
