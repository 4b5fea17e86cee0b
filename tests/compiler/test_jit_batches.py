"""jit(f, batch=True): the mean over rows, for every count, type and structure of rows."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

import micrograd
from micrograd import Value, jit, take
from micrograd.losses import cross_entropy
from micrograd.nn import MLP


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 9, 100])
def test_batches_of_every_size(rows):
    rng = np.random.default_rng(rows)
    X, y = rng.normal(size=(rows, 2)), rng.integers(0, 3, rows)
    net = MLP(2, [5, 3], activation="tanh", rng=random.Random(0))
    fast = jit(lambda x, y: cross_entropy(net(x), y), batch=True)
    found = []
    for mean in (
        lambda: cross_entropy([net(row) for row in X], y),
        lambda: fast(X, y),
        lambda: fast(X.tolist(), list(y)),
    ):
        net.zero_grad()
        out = mean()
        out.backward()
        found.append([out.data, *(p.grad for p in net.parameters())])
    assert found[1] == pytest.approx(found[0], rel=1e-12, abs=1e-15)
    assert found[2] == found[1]


@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "i4", "i2", "i1", "u1", "u2", "u4", "bool", "f2", ">f8"])
def test_data_of_every_type(kind):
    w = Value(0.5)
    x = np.array([[1, 0], [1, 1], [0, 1]]).astype(kind)
    f = jit(lambda row: row[0] * w - row[1] * 2.0, batch=True)
    assert f(x).data == pytest.approx((x.astype(float) @ [0.5, -2.0]).mean())
    assert f(x[::2]).data == pytest.approx((x[::2].astype(float) @ [0.5, -2.0]).mean())
    assert f(np.asfortranarray(x)).data == f(x).data
    x.setflags(write=False)
    assert f(x).data == f(np.array(x)).data


def test_values_and_numbers_that_all_rows_share():
    scale, w = Value(3.0), Value(2.0)
    f = jit(lambda x, scale, shift: x * scale * w + shift, batch=True)
    out = f([1.0, 2.0, 6.0], scale, 1.0)
    out.backward()
    assert (out.data, scale.grad, w.grad) == (19.0, 6.0, 9.0)
    assert jit(lambda x: x * 2, batch=True)([1.0, 2.0]) == 3.0


def test_what_is_the_same_for_all_rows_is_computed_once():
    w = Value(2.0)
    f = jit(lambda x: x * micrograd.exp(w) + micrograd.where(w > 1, w, -w), batch=True)
    out = f([1.0, 3.0])
    assert out.data == pytest.approx(2 * math.exp(2) + 2)
    assert f.llvm_ir.split("@block")[1].count("exp") == 0
    assert jit(lambda x: w * 3, batch=True)([1.0, 2.0]).data == 6.0  # the same for all rows altogether


def test_a_batch_that_is_not_finite_raises_what_the_function_raises():
    f = jit(lambda x: micrograd.log(x), batch=True)
    with pytest.raises(ValueError, match=r"log\(.*needs"):
        f([1.0, -1.0])
    assert jit(lambda x: x * 1e308, batch=True)([10.0, 20.0]) == math.inf


@pytest.mark.parametrize(
    "args, error, said",
    [
        (([[1.0], [1.0, 2.0]],), ValueError, "x: the rows must all have the same length"),
        (([],), ValueError, "x has no rows"),
        ((1.0,), TypeError, "batch=True.* needs rows"),
        ((["a", "b"],), TypeError, r"not text \('a'\); turn labels into numbers: sorted\(set\(y\)\)\.index\(label\)$"),
        (([[1.5, 2], [0, "b"]],), TypeError, r"x: rows must be real numbers, not text \('b'\)"),
        (
            (["1.5", "2"],),
            TypeError,
            r"x: rows must be real numbers, not text \('1\.5'\): convert it with float\(\.\.\.\)",
        ),
        (([{"a": 1}],), TypeError, r"x: rows must be real numbers, not dict \(\{'a': 1\}\)$"),
        (([Value(1.0)],), TypeError, "x: rows must be plain numbers"),
        ((np.array([1j]),), TypeError, "x: rows must be real numbers, not complex128"),
    ],
)
def test_bad_rows(args, error, said):
    with pytest.raises(error, match=said):
        jit(lambda x: x, batch=True)(*args)
    with pytest.raises(ValueError, match="x has 2 rows but y has 3"):
        jit(lambda x, y: x * y, batch=True)([1, 2], [1, 2, 3])
    with pytest.raises(TypeError, match=r"jit takes arrays of real numbers, not of text \('a'\)"):
        jit(lambda x: x)(np.array(["a"]))
    with pytest.raises(TypeError, match="must return one number for a row, not list"):
        jit(lambda x: [x], batch=True)([1, 2])


def test_nothing_to_look_at_where_every_call_was_refused():
    f = jit(lambda x, k: take([x, x * x], k), batch=True)
    with pytest.raises(IndexError, match=r"index 5 is out of range for 2 values"):
        f([1.0, 2.0], 5)
    with pytest.raises(RuntimeError, match="nothing has been compiled yet"):
        f.lower()
