"""A program as users write it, with types throughout: mypy --strict and pyright must find nothing here.

It also runs, as a test: what it says of types is then true of the values. Each function is one way to use micrograd.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any, assert_type

import numpy
from numpy.typing import NDArray

import micrograd
from micrograd import Value, fit, grad, hessian, jacobian, jit, no_grad, op, tanh, train_step, value_and_grad
from micrograd.kinds import Scalar
from micrograd.losses import binary_cross_entropy, cross_entropy, mse, softmax
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.optim import SGD, Adam, cosine_decay


def expressions() -> None:
    x, y = Value(2.0, label="x"), Value(-4)
    z = x / (x + y)
    assert_type(z, Value)
    for out in (2 * x, x - 1, 1 - x, x / 3, 3 / x, x**2, 2**x, x**y, -x, +x, abs(x), x * True, x * Fraction(1, 2)):
        assert_type(out, Value)
    assert_type(x * numpy.float32(2.0), Value)
    assert_type(numpy.float64(2.0) * x, Value)
    z.label = "z"
    z.backward()
    assert_type(z.data, float)
    x.data -= 0.1 * x.grad
    x.data = numpy.float32(3.0)
    x.grad = 0
    assert (x < 3, x >= y, max(x, y).label, f"{x:.2f}") == (False, True, "x", "3.00")
    total = sum([x, y, z], Value(0.0))
    assert_type(total, Value)
    with no_grad():
        assert float(x + 1) == 4.0
    x += 1
    assert_type(x, Value)


def operations() -> None:
    x = Value(0.5)
    assert_type(tanh(x), Value)
    assert_type(tanh(0.5), float)
    assert_type(tanh(1), float)
    assert_type(x.tanh().leaky_relu(slope=0.2).maximum(0), Value)
    assert_type(micrograd.maximum(x, 0), Value)
    assert_type(micrograd.maximum(0, x), Value)
    assert_type(micrograd.maximum(0, 1), float)
    assert_type(micrograd.where(x > 0, x, 0.0), Value)
    assert_type(micrograd.take([1.0, 2.0], 1), float)
    assert_type(micrograd.take([x, x], 1), Value)
    assert_type(micrograd.logsumexp([x, x]), Value)
    micrograd.logsumexp([x, 1.0]).backward()
    assert_type(micrograd.ops.add(x, 1), Value)
    assert_type(softmax([x, x]), list[Value])


def either(x: float | Value, scale: float = 1) -> float | Value:
    return tanh(x) / scale


def arrays() -> None:
    x, row = Value(0.5), numpy.array([1.0, 2.0])
    squashed: NDArray[Any] = tanh(row)
    both: NDArray[Any] = x * row + row * x
    both.sum().backward()
    assert squashed.shape == (2,) and x.grad == 6.0


@op("cube", cases=[(2.0,)])
def cube(m: Any, x: Any) -> tuple[Any, Callable[[], tuple[Any, ...]]]:
    """x to the third power."""
    return m.power(x, exponent=3), lambda: (3.0 * x * x,)


def own_operation() -> None:
    assert_type(cube(2.0), float)
    assert_type(cube(Value(2.0)), Value)
    assert cube(2) == 8.0


def f(x: Value) -> Value:
    return x.tanh() * x


def scaled(x: Value, by: Scalar) -> Value:
    return x * by


def weighted(x: float, y: float) -> float:
    return tanh(x) * y


def first(row: list[Value], power: int = 2) -> Value:
    return row[0] ** power


def derivatives() -> None:
    assert grad(f)(0.0) == 0.0 and grad(grad(f))(0.0) == 2.0
    assert_type(grad(f)(Value(1.0)), Value)
    assert_type(grad(weighted)(1.0, 2.0), float)
    grad(f)(Value(1.0)).backward()
    value, slope = value_and_grad(weighted)(1.0, y=2.0)
    assert_type((value, slope), tuple[float, float])
    assert grad(first)([3.0], power=3) == [27.0]
    assert grad(lambda x: x**3)(2.0) == 12.0 and grad(grad(micrograd.sigmoid))(0.0) == 0.0
    assert grad(lambda row: row[0] * row[1])([3.0, 5.0]) == [5.0, 3.0]
    assert hessian(lambda row: row[0] ** 2 * row[1])([3.0, 5.0])[0] == [10.0, 6.0]
    assert jacobian(lambda row: [row[0], 2 * row[0]])([3.0]) == [[1.0], [2.0]]
    x = Value(2.0)
    (x**3).backward(create_graph=True)
    assert isinstance(x.grad, Value)
    x.grad.backward()


@jit
def area(width: float, height: float = 2.0) -> float:
    return width * height


@jit(batch=True)
def mean_square(x: float) -> float:
    return x * x


def compiled() -> None:
    assert_type(area(3.0), float)
    assert area(3.0, height=4.0) == 12.0
    assert jit(f)(Value(0.0)).data == 0.0
    assert mean_square([1.0, 3.0]) == 5.0
    assert "fmul" in area.llvm_ir


class Scaled(Module):
    """A net with a parameter of its own."""

    def __init__(self, size: int) -> None:
        self.scale = Value(1.0)
        self.net = MLP(2, [size, 1], activation="tanh", rng=random.Random(0))

    def __call__(self, row: list[float]) -> Value:
        return self.scale * self.net(row)


ROWS, TARGETS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]


def nets() -> None:
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    net([1, 0]).backward()
    assert round(net(numpy.zeros(2)).data) == 0 and len(net.layers[0].neurons[0].w) == 2
    several = MLP(2, [3, 2])(Value(x) for x in (1.0, 2.0))
    loss = cross_entropy(several, 1) + mse(several, [0.0, 1.0]) + binary_cross_entropy(several[0], 1)
    assert_type(loss, Value)
    assert_type(Neuron(2)([1, 2]), Value)
    assert_type(mse([1.0], [2]), float)
    assert len(Layer(2, 3)((1.0, 2.0))) == 3
    net.load_state_dict(net.state_dict())


def training() -> None:
    model = Scaled(4)
    optimizer = SGD(model.parameters(), lr=cosine_decay(0.1, steps=100), momentum=0.9, clip=1.0)
    for _ in range(3):
        loss = mse([model(row) for row in ROWS], TARGETS)
        assert_type(loss, Value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    step = train_step(lambda row, target: mse(model(row), target), Adam(model.parameters(), lr=0.01))
    losses = step.run(ROWS, TARGETS, epochs=3, shuffle=0)
    assert losses[-1] < losses[0] + 1.0
    assert_type(step(numpy.array(ROWS), TARGETS), float)
    history = fit(model, mse, numpy.array(ROWS), TARGETS, epochs=1, progress=False)
    assert history["loss"][0] >= 0.0


if __name__ == "__main__":
    for part in (expressions, operations, arrays, own_operation, derivatives, compiled, nets, training):
        part()
    assert either(0.0) == scaled(Value(0.0), numpy.int64(3)).data == 0.0
