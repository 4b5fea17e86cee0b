"""Losses against their definitions, at extreme scores, and against bad targets."""

from __future__ import annotations

import math

import mpmath
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, check_grads, losses

scores = st.lists(st.floats(-30, 30), min_size=1, max_size=5)


@given(scores, st.data())
def test_each_loss_is_its_definition(s, data):
    n = len(s)
    t = data.draw(st.lists(st.floats(-3, 3), min_size=n, max_size=n))
    v = [Value(x) for x in s]
    squares = [(a - b) ** 2 for a, b in zip(s, t)]
    assert losses.mse(v, t).data == pytest.approx(sum(squares) / n)
    assert losses.half_squared_sum(v, t).data == pytest.approx(sum(squares) / 2)
    labels = [1 if x > 0 else -1 for x in t]
    assert losses.hinge(v, labels).data == pytest.approx(sum(max(0, 1 - y * x) for x, y in zip(s, labels)) / n)
    ranked = losses.margin_ranking(v, t, margin=0.5).data
    assert ranked == pytest.approx(sum(max(0, 0.5 - a + b) for a, b in zip(s, t)) / n)
    with mpmath.workdps(50):
        p = [1 / (1 + mpmath.exp(-mpmath.mpf(x))) for x in s]
        bits = [int(x > 0) for x in t]
        wanted = -sum(mpmath.log(q if bit else 1 - q) for q, bit in zip(p, bits)) / n
        assert losses.binary_cross_entropy(v, bits).data == pytest.approx(float(wanted), abs=1e-14)
        exps = [mpmath.exp(mpmath.mpf(x)) for x in s]
        for i in range(n):
            wanted = -mpmath.log(exps[i] / sum(exps))
            assert losses.cross_entropy(v, i).data == pytest.approx(float(wanted), abs=1e-13)
            one_hot = [float(i == j) for j in range(n)]
            assert losses.cross_entropy(v, one_hot).data == pytest.approx(float(wanted), abs=1e-13)
            assert losses.softmax(v)[i].data == pytest.approx(float(exps[i] / sum(exps)))


def test_derivatives_of_the_losses():
    check_grads(lambda s: losses.mse(s, [1.0, 2.0]), ([0.5, -1.0],))
    check_grads(lambda s: losses.half_squared_sum(s, [1.0, 2.0]), ([0.5, -1.0],))
    check_grads(lambda s: losses.hinge(s, [1, -1]), ([0.5, -0.2],))
    check_grads(lambda s: losses.margin_ranking(s[0], s[1]), ([0.5, 0.2],))
    check_grads(lambda s: losses.binary_cross_entropy(s, [1, 0.25]), ([0.5, -1.0],))
    check_grads(lambda s: losses.cross_entropy(s, 1), ([0.5, -1.0, 2.0],))
    check_grads(lambda s: losses.cross_entropy(s, [0.2, 0.3, 0.5]), ([0.5, -1.0, 2.0],))
    check_grads(lambda s: losses.softmax(s)[1], ([0.5, -1.0, 2.0],))


def test_the_gradient_of_cross_entropy_is_softmax_minus_target():
    v = [Value(0.5), Value(-1.0), Value(2.0)]
    losses.cross_entropy(v, 2).backward()
    p = [x.data for x in losses.softmax(v)]
    assert [x.grad for x in v] == pytest.approx([p[0], p[1], p[2] - 1])


def test_extreme_scores_stay_finite():
    v = [Value(1e4), Value(-1e4)]
    assert losses.cross_entropy(v, 1).data == 2e4
    assert losses.cross_entropy(v, 0).data == 0.0
    assert losses.binary_cross_entropy(v, [0, 1]).data == 1e4
    assert [p.data for p in losses.softmax(v)] == [1.0, 0.0]


def test_single_outputs_batches_and_arrays():
    assert losses.mse(Value(3.0), 1.0).data == 4.0
    assert losses.mse([[Value(3.0)], [Value(1.0)]], [[1.0], [1.0]]).data == 2.0
    assert losses.mse([Value(3.0), Value(1.0)], numpy.array([1.0, 1.0])).data == 2.0
    rows = [[Value(0.0), Value(0.0)], [Value(0.0), Value(0.0)]]
    assert losses.cross_entropy(rows, [0, 1]).data == pytest.approx(math.log(2))
    assert losses.cross_entropy(rows, numpy.array([0, 1])).data == pytest.approx(math.log(2))
    assert losses.cross_entropy(rows, [[0.5, 0.5], [1.0, 0.0]]).data == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    "attempt, kind, says",
    [
        (lambda v: losses.cross_entropy(v, 2), IndexError, "index 2 is out of range for 2 values: use 0 to 1"),
        (lambda v: losses.cross_entropy(v, -1), IndexError, "index -1 is out of range"),
        (lambda v: losses.cross_entropy(v, 1.0), TypeError, "whole number"),
        (lambda v: losses.cross_entropy(v, True), TypeError, "whole number"),
        (lambda v: losses.cross_entropy(v, [0.5, 0.6]), ValueError, "sum to 1"),
        (lambda v: losses.cross_entropy(v, [1.5, -0.5]), ValueError, "at least 0"),
        (
            lambda v: losses.cross_entropy(v, [1.0]),
            ValueError,
            r"2 scores need one class, but .* of one, \[1\.0\]: give 1\.0 instead",
        ),
        (lambda v: losses.cross_entropy(v, [0.1, 0.2, 0.7]), ValueError, "2 scores but 3 probabilities"),
        (lambda v: losses.cross_entropy([v, v], [0]), ValueError, "2 rows of scores need as many targets"),
        (lambda v: losses.cross_entropy([], 0), ValueError, "no scores"),
        (lambda v: losses.mse(v, [1.0]), ValueError, r"2 outputs against 1 target: give as many"),
        (lambda v: losses.mse(v, 1.0), ValueError, "against a single target"),
        (
            lambda v: losses.mse(v[0], [0, 1]),
            ValueError,
            "a single output against 2 targets: give one target, a number",
        ),
        (lambda v: losses.mse(v[0], [0]), ValueError, r"^mse: the net .* one, \[0\]: give 0 instead of \[0\]$"),
        (
            lambda v: losses.hinge(v, [[1], [-1]]),
            ValueError,
            r"^hinge: the net .* one, \[1\]: give 1 instead of \[1\]$",
        ),
        (lambda v: losses.mse(v[0], numpy.array([0.5])), ValueError, r"\[0\.5\]: give 0\.5 instead of \[0\.5\]$"),
        (lambda v: losses.mse([], []), ValueError, "no outputs"),
        (lambda v: losses.hinge(v, [0, 1]), ValueError, "-1 or 1, not 0"),
        (lambda v: losses.binary_cross_entropy(v, [0, 2]), ValueError, "from 0 to 1, not 2"),
    ],
)
def test_bad_targets_are_refused(attempt, kind, says):
    with pytest.raises(kind, match=says):
        attempt([Value(1.0), Value(2.0)])
