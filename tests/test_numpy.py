"""NumPy's numbers and arrays on either side: elementwise, and never losing the graph."""

from __future__ import annotations

import copy
import sys
import types

import numpy as np
import pytest

import micrograd
from micrograd import Value

OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**b,
]
NUMBERS = [np.float64(3), np.float32(3), np.int64(3), np.uint8(3), np.array(3.0), np.longdouble(3)]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__} {n.dtype}")
def test_scalars_on_either_side(operator, number):
    for swapped in (False, True):
        v = Value(2.0)
        out = operator(number, v) if swapped else operator(v, number)
        assert isinstance(out, Value)
        assert out.data == (operator(3.0, 2.0) if swapped else operator(2.0, 3.0))
        assert type(out.data) is float
        out.backward()
        assert v.grad != 0.0


@pytest.mark.parametrize("operator", OPERATORS)
def test_arrays_on_either_side(operator):
    row = np.array([1.0, 2.0, 3.0])
    for swapped in (False, True):
        v = Value(2.0)
        out = operator(row, v) if swapped else operator(v, row)
        assert out.dtype == object and out.shape == (3,)
        assert [x.data for x in out] == [operator(r, 2.0) if swapped else operator(2.0, r) for r in row]
        out.sum().backward()
        assert v.grad != 0.0


def test_functions_of_numpy_reach_the_table():
    v = Value(0.5)
    for f in (np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.sinh, np.abs):
        assert f(np.array([v]))[0].data == pytest.approx(f(0.5))


def test_functions_of_the_table_are_elementwise_on_arrays():
    row = np.array([-1.0, 0.5])
    assert micrograd.tanh(row).dtype == float
    np.testing.assert_allclose(micrograd.tanh(row), np.tanh(row))
    np.testing.assert_array_equal(micrograd.maximum(row, 0.0), [0.0, 0.5])
    np.testing.assert_array_equal(micrograd.where(row > 0, row, 0.0), [0.0, 0.5])
    v = Value(0.0)
    out = micrograd.maximum(v, row)
    assert [x.data for x in out] == [0.0, 0.5]
    assert micrograd.leaky_relu(row, slope=0.5)[0] == -0.5


def test_matrix_products_of_values():
    W = np.array([[Value(1.0), Value(2.0)]])
    y = W @ np.array([3.0, 4.0])
    y[0].backward()
    assert [w.grad for w in W[0]] == [3.0, 4.0]


def test_a_float_array_is_refused_where_it_would_drop_the_graph():
    with pytest.raises(TypeError, match="drop the graph"):
        np.array([Value(1.0), Value(2.0)], dtype=float)
    assert np.array([Value(1.0)]).dtype == object
    assert np.asarray(Value(1.0)).dtype == object


def test_arrays_are_no_data():
    with pytest.raises(TypeError, match="one number"):
        Value(np.ones(3))
    assert type(Value(np.float64(2)).data) is float
    assert repr(Value(np.float64(2))) == "Value(data=2.0, grad=0.0)"


def test_while_another_thread_is_importing_numpy(monkeypatch):
    """Its modules are there then, and empty."""
    generator = np.random.default_rng(0)
    for name in ("numpy", "numpy.ma", "numpy.random"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    x = Value(2.0)
    out = micrograd.logsumexp([x * 3, copy.deepcopy(x), True])
    out.backward()
    assert 0.0 < x.grad < 3.0
    assert micrograd.grad(lambda x: micrograd.jit(lambda y: y * x)(2.0) + x.tanh())(0.0) == 3.0
    with pytest.raises(TypeError, match="a Value holds one number"):
        Value([1.0])
    assert micrograd.compiler.outside.generators.state_of(generator) is None
