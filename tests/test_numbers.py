"""Whatever counts as a number goes in as a float: bools, ints, NumPy scalars, and containers of exactly one number."""

from __future__ import annotations

import fractions
import math

import numpy as np
import pytest
from helpers.cases import CASES, apply

import micrograd
from micrograd import Value, grad, jit, leaky_relu, no_grad, op, take, where
from micrograd.coerce import as_count
from micrograd.nn import MLP, Neuron
from micrograd.table import TABLE

DRESSED = [
    np.float32(0.1),
    np.float64(0.5),
    np.float16(0.5),
    np.longdouble(0.5),
    np.array(0.5),
    np.array([0.5]),
    np.float32([[0.25]]),
    np.int64(2),
    np.uint8(2),
    np.bool_(True),
    np.array([True]),
    True,
    2,
    fractions.Fraction(1, 4),
]
EACH = pytest.mark.parametrize("number", DRESSED, ids=lambda x: f"{type(x).__name__} {x!r}")


@pytest.mark.parametrize("entry, operands, static", CASES)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble, np.array])
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.filterwarnings("error")
def test_assigned_data_computes_as_the_float_it_stands_for(entry, operands, static, kind, create_graph):
    def run(dress):
        values = [Value(x) for x in operands]
        for v in values:
            v.data = dress(v.data)
        if entry.name == "take":
            values[0] = Value(operands[0])  # an index stays one
        out = apply(entry, values, static)
        try:
            out.backward(create_graph=create_graph)
        except ArithmeticError as error:
            return str(error)
        grads = [v.grad.data if isinstance(v.grad, Value) else v.grad for v in values]
        assert all(type(x) is float for x in [out.data, *grads])
        return out.data, grads

    assert repr(run(kind)) == repr(run(lambda x: float(kind(x))))


@EACH
def test_a_leaf_and_an_operand_may_be_any_number(number):
    x = float(np.asarray(number).reshape(-1)[0])
    assert repr(Value(number)) == f"Value(data={x}, grad=0.0)"
    v = Value(3.0)
    v.data = number
    for out in (v * v, v + 1.0, v**2, v.exp(), v.relu(), v.maximum(0.0), -v, leaky_relu(v), micrograd.logsumexp([v])):
        assert type(out.data) is float
        assert all(type(d) is float for d in out._local)
    assert (v * v).data == x * x
    if not isinstance(number, np.ndarray):
        for out in (Value(3.0) * number, number * Value(3.0)):
            assert out.data == 3.0 * x and isinstance(out, Value)


@pytest.mark.filterwarnings("error")
def test_errors_are_those_of_floats():
    w = Value(1.0, label="w")
    for zero in (np.float64(0.0), np.float32(0.0), np.array(0.0), 0, False):
        w.data = zero
        for attempt in (lambda: 1 / w, lambda: Value(1.0) / w, lambda: w**-1, lambda: w.log()):
            with pytest.raises((ZeroDivisionError, ValueError), match=r"w = 0\.0.*needs w"):
                attempt()
    w.data = np.float16(200.0)
    assert (w * w * w).data == 200.0**3  # an inf in half precision
    for odd in ("text", None, [1.0], np.ones(3), Value(2.0) * 2):
        w.data = odd
        with pytest.raises(TypeError, match="the data of w"):
            w * 2.0


def test_settings_and_exponents_are_exact_floats():
    with pytest.raises(ZeroDivisionError):
        1 / leaky_relu(Value(-0.0), slope=np.float64(0.1))
    for slope in (np.float64(0.1), np.array(0.1), np.array([0.1])):
        assert leaky_relu(Value(-1.0), slope=slope)._operation is leaky_relu(Value(-1.0), slope=0.1)._operation
    assert (Value(3.0) ** True)._op == (Value(3.0) ** np.bool_(True))._op == "**1"
    assert [(Value(3.0) ** n)._op for n in (2, np.float64(1.5), np.int64(2))] == ["**2", "**1.5", "**2.0"]
    with pytest.raises(TypeError, match="the constant slope"):
        leaky_relu(Value(1.0), slope=Value(0.1))  # its gradient would be lost


def test_an_exponent_too_large_for_a_float_is_named_in_short():
    for n in (10**400, -(10**5000)):
        with pytest.raises(OverflowError, match="this int is too large for a float") as caught:
            Value(1.0) ** n
        assert len(str(caught.value)) < 100
    assert (Value(1.0) ** 10**300)._op == "**1e+300"
    assert (Value(1.0) ** 2**53)._op == f"**{2**53}"


def test_gradients_that_were_set_add_up_in_floats():
    w = Value(2.0)
    w.grad = np.float32(0.1)
    (w * 0.1).backward()
    assert type(w.grad) is float and w.grad == float(np.float32(0.1)) + 0.1


def test_a_state_holds_floats():
    net = MLP(1, [1])
    p = net.parameters()[0]
    p.data = np.float32(0.1)
    assert all(type(x) is float for x in net.state_dict().values())


def test_an_operation_of_ones_own_may_compute_with_numpy():
    @op("cubed", cases=[(2.0,)])
    def cubed(m, x):
        return np.power(x, 3.0) if isinstance(x, float) else x * x * x, lambda: (np.float32(3.0) * x * x,)

    try:
        x = Value(0.1)
        out = x.cubed()
        out.backward()
        assert type(out.data) is type(x.grad) is float
        assert type(cubed(x).data) is float
    finally:
        del TABLE["cubed"], Value.cubed


@pytest.mark.parametrize("true", [True, np.bool_(True)])
def test_bools_count_as_0_and_1(true):
    v, false = Value(3.0), type(true)(False)
    found = [v * true, true * v, v - (1 == 1), v - true, true - v, v / true, true / v]
    assert [x.data for x in found] == [3.0, 3.0, 2.0, 2.0, -2.0, 3.0, 1 / 3]
    assert ((v.data > 0) * v).data == 3.0 and (v * false).data == 0.0
    assert (v**true)._op == "**1" and (true**v).data == 1.0
    assert Value(true).data == 1.0 and Value(3 == 4).data == 0.0
    assert micrograd.tanh(true) == math.tanh(1.0)
    assert v.maximum(true).data == 3.0
    assert grad(lambda x: x * true)(true) == 1.0
    net, neuron = MLP(2, [2, 1]), Neuron(1)
    assert net([true, false]).data == net([1.0, 0.0]).data == net(np.array([True, False])).data
    assert neuron(true).data == neuron([1.0]).data
    assert where(true, v, 0.0).data == 3.0
    assert (v * np.array([True, False]))[1].data == 0.0


@pytest.mark.parametrize("true", [True, np.bool_(True)])
def test_counts_and_indices_are_no_bools(true):
    with pytest.raises(TypeError, match="whole number"):
        take([Value(1.0), Value(2.0)], true)
    with pytest.raises(ValueError, match="whole number"):
        as_count(true, "epochs")


class Tensor:
    """The part of a PyTorch tensor that matters here."""

    def __init__(self, data):
        self._data = np.array(data)

    shape = property(lambda self: self._data.shape)
    ndim = property(lambda self: self._data.ndim)

    def item(self):
        return self._data.item()

    def numel(self):
        return self._data.size

    def __array__(self, dtype=None, copy=None):
        return self._data

    def __iter__(self):
        return (Tensor(x) for x in self._data)

    def __repr__(self):
        return f"tensor({self._data.tolist()})"

    def __mul__(self, other):
        return NotImplemented

    __rmul__ = __mul__


def test_whatever_holds_exactly_one_number_is_taken():
    v, neuron, net = Value(3.0), Neuron(1), MLP(2, [1])
    assert Value(Tensor(2.0)).data == Value(Tensor([2.0])).data == 2.0
    assert (v * Tensor(2.0)).data == (Tensor(2.0) * v).data == 6.0
    assert net(Tensor([1.0, 2.0])).data == net([1.0, 2.0]).data
    assert neuron(np.array(1.0)).data == neuron(Tensor(1.0)).data == neuron(1.0).data
    out = v - np.array([1.0])
    assert isinstance(out, np.ndarray) and out[0].data == 2.0  # arrays are taken elementwise
    for several in (Tensor([1.0, 2.0]), Tensor([1.0])):
        with pytest.raises(TypeError, match=r"Value \* Tensor: tensor\(.* write tensor\.numpy\(\)"):
            v * several


@pytest.mark.parametrize(
    "held, says",
    [
        (np.ones(2), "one number"),
        (np.array([]), "one number"),
        (Tensor([1.0, 2.0]), "one number"),
        (np.array(["2"]), "one number"),
        (np.array([None]), "give a number"),
        (np.array(["text"], dtype=object), "text"),
        (np.array([1j]), "one number"),
        (np.datetime64("2020-01-01"), "is a datetime64"),
        (np.ma.masked, "masked"),
        (np.ma.array([1.0], mask=[True]), "masked"),
        ([1.0], "one number"),
    ],
)
def test_the_rest_is_refused(held, says):
    with pytest.raises(TypeError, match=says):
        Value(held)


def test_masked_entries_are_no_numbers():
    v, row = Value(2.0), np.ma.array([1.0, 2.0], mask=[False, True])
    for attempt in (lambda: v * row, lambda: micrograd.tanh(row), lambda: v * np.ma.masked):
        with pytest.raises(TypeError, match=r"filled\(value\)"):
            attempt()
    assert (v * np.ma.array([1.0], mask=[False]))[0].data == 2.0
    assert Value(np.ma.array([1.0], mask=[False])).data == 1.0


def test_a_value_of_a_value_takes_its_number_and_never_drops_a_graph():
    x = Value(2.0, label="x")
    twin = Value(x)
    assert twin is not x and twin.data == 2.0 and type(twin.data) is float
    with pytest.raises(TypeError, match=r"Value\(\) would lose the graph of Value\(data=4\.0"):
        Value(x * 2)
    with no_grad():
        assert Value(x * 2).data == 4.0
    f = jit(lambda u: Value(u) * u + Value(x))
    assert f(Value(3.0)).data == 11.0
    x.data = 5.0
    assert f(Value(3.0)).data == 14.0
