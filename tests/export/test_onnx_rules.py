"""A user's operations as ONNX: every comparison, both combinations, and digits kept where terms cancel."""

from __future__ import annotations

import random

import numpy as np
import pytest
from helpers.exported import by_python, run

from micrograd import Value, op
from micrograd.export import to_onnx
from micrograd.nn import MLP
from micrograd.table import TABLE


def test_an_operation_of_ones_own_is_exported(tmp_path):
    @op("bent", cases=[(2.0,), (-1.0,)])
    def bent(m, x):
        out = m.where((x > 0.0) & (x < 1.0), x**2 + abs(x), m.minimum(m.gelu(-x), 1.0)) / m.where(x, 2.0, 3.0)
        return out, lambda: (1.0,)

    @op("always", cases=[(2.0,)])
    def always(m, x):
        return m.sqrt(4.0) + 1.0, lambda: (0.0,)

    try:
        X = np.linspace(-2, 2, 41).reshape(-1, 1)
        for name in ("bent", "always"):
            net = MLP(1, [3, 1], activation=name, rng=random.Random(0))
            assert run(to_onnx(net, tmp_path / "net.onnx"), X) == pytest.approx(by_python(net, X), rel=1e-12)
    finally:
        del TABLE["bent"], TABLE["always"], Value.bent, Value.always


def test_every_comparison_and_both_combinations_are_exported(tmp_path):
    @op("steps", cases=[(2.0,), (-1.0,)])
    def steps(m, x):
        edges = [m.where(c, 2.0**k, 0.0) for k, c in enumerate([x <= 0.0, x >= 1.0, x < 0.0, x > 1.0])]
        either = m.where((x <= 0.0) | (x >= 1.0), 16.0, 0.0) + m.where((x >= 0.0) & (x <= 1.0), 32.0, 0.0)
        return edges[0] + edges[1] + edges[2] + edges[3] + either, lambda: (0.0,)

    try:
        net = MLP(1, [1, 1], activation="steps", rng=random.Random(0))
        net.layers[0].neurons[0].w[0].data, net.layers[0].neurons[0].b.data = 1.0, 0.0
        X = np.array([[-1.0], [0.0], [0.5], [1.0], [2.0]])
        assert run(to_onnx(net, tmp_path / "net.onnx"), X) == pytest.approx(by_python(net, X), rel=1e-12)
    finally:
        del TABLE["steps"], Value.steps


def test_asin_keeps_its_digits_near_one(tmp_path):
    net = MLP(1, [1, 1], activation="asin", rng=random.Random(0))
    net.layers[0].neurons[0].w[0].data = 1.0
    X = np.array([[1 - 1e-12], [1 - 1e-9], [-1 + 1e-12], [0.0]])
    assert run(to_onnx(net, tmp_path / "net.onnx"), X) == pytest.approx(by_python(net, X), rel=1e-13)
