"""Turn the rules of the table into ONNX nodes: `nodes.apply(entry, x)` adds an operation's value to a graph.

    nodes = Nodes(onnx, numpy)
    y = nodes.apply(TABLE["silu"], nodes.tensor("x"))   # a Sigmoid and a Mul
    [node.op_type for node in nodes.nodes]

A rule works on any kind of number: here it gets tensors, whose arithmetic adds nodes. So an operation that a user
entered into the table is exported like the built-in ones. All numbers are doubles: functions that ONNX runtimes have
only in single precision are built from other functions, to within about 1e-15.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from micrograd.table import Op
from micrograd.written import Writing, Written, elementary

# Operations that runtimes have as one node in double precision.
COMPARISONS = {"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
KINDS = {
    **{"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "and": "And", "or": "Or", **COMPARISONS},
    **{"exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tanh": "Tanh", "abs": "Abs"},
    **{"pow": "Pow", "maximum": "Max", "minimum": "Min", "relu": "Relu", "sigmoid": "Sigmoid"},
}


class Tensor(Written):
    """A result in the graph; operations on it add nodes."""

    nodes: Nodes
    name: str
    is_condition: bool

    def __init__(self, nodes: Nodes, name: str, *, is_condition: bool = False):
        self.nodes, self.name, self.is_condition = nodes, name, is_condition

    def __repr__(self) -> str:
        return self.name

    def _write(self, name: str, *operands: Any) -> Tensor:
        if name != "where":
            return self.nodes.add(KINDS[name], *operands)
        if self.is_condition:
            return self.nodes.add("Where", *operands)
        chosen = self.nodes.add("Cast", self, to=self.nodes.onnx.TensorProto.BOOL)  # a number is true when it is not 0
        return self.nodes.add("Where", chosen, *operands[1:])


class Nodes:
    """Nodes and constants of one graph, in order."""

    onnx: Any
    numpy: Any

    def __init__(self, onnx: Any, numpy: Any):
        self.onnx, self.numpy = onnx, numpy
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._constants: dict[str, str] = {}
        self._prefix = ""

    def tensor(self, name: str) -> Tensor:
        """An input of the graph."""
        return Tensor(self, name)

    def initial(self, name: str, numbers: Any) -> Tensor:
        """A constant array, under a name of its own."""
        array = self.numpy.asarray(numbers)
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return Tensor(self, name)

    def constant(self, name: str, numbers: Any) -> Tensor:
        """A constant array that is stored once, however often it is asked for."""
        if name not in self._constants:
            self._constants[name] = self.initial(name, numbers).name
        return Tensor(self, name)

    def add(self, kind: str, *operands: Any, prefix: str = "", output: str = "", **attributes: Any) -> Tensor:
        """Add one node, and return its result. Numbers among the operands become constants."""
        given = [self._operand(x).name for x in operands]
        name = f"{prefix or self._prefix}.{kind}_{len(self.nodes)}".lstrip(".")
        self.nodes.append(self.onnx.helper.make_node(kind, given, [output or name], name=name, **attributes))
        return Tensor(self, output or name, is_condition=kind in (*COMPARISONS.values(), "And", "Or", "Cast"))

    def _operand(self, x: Any) -> Tensor:
        return x if isinstance(x, Tensor) else self.constant(repr(float(x)), float(x))

    def apply(self, entry: Op, x: Any, *, prefix: str = "") -> Tensor:
        """The value of an operation of the table, as one node or by its rule; `prefix` begins the nodes' names."""
        self._prefix = prefix or entry.name
        own = entry.built_in and hasattr(_Onnx, entry.name)
        out = getattr(ONNX, entry.name)(x) if own else entry.rule(ONNX, x)[0]
        if not isinstance(out, Tensor):  # a rule that gives the same number for every x
            out = out + 0.0 * x
        return out


class _Onnx(Writing):
    """Elementary functions of tensors; those that runtimes lack in double precision are built from others."""

    def tan(self, x: Any) -> Any:
        return self.sin(x) / self.cos(x)

    def sinh(self, x: Any) -> Any:
        return 0.5 * self.exp(x) - 0.5 * self.exp(-x)

    def cosh(self, x: Any) -> Any:
        return 0.5 * self.exp(x) + 0.5 * self.exp(-x)

    def expm1(self, x: Any) -> Any:
        return self.exp(x) - 1.0

    def log1p(self, x: Any) -> Any:
        return self.log(1.0 + x)

    def erf(self, x: Any) -> Any:
        """2/sqrt(pi) times the integral of exp(-t*t) from 0 to x; beyond 6 it is 1 to the last bit."""
        x = self.maximum(self.minimum(x, 6.0), -6.0)
        return 2.0 / math.sqrt(math.pi) * x * _mean(x, 24, lambda t: self.exp(-(t * t)))

    def erfc(self, x: Any) -> Any:
        return self.where(x > 6.0, 0.0, 1.0 - self.erf(x))  # gelu multiplies it by x, however large

    def atan(self, x: Any) -> Any:
        """The integral of 1 / (1 + t*t) from 0 to x, at half the angle, where it is smooth enough to be exact."""
        x = self.maximum(self.minimum(x, 1e150), -1e150)  # so that its square is finite
        half = x / (1.0 + self.sqrt(1.0 + x * x))
        return 2.0 * half * _mean(half, 14, lambda t: 1.0 / (1.0 + t * t))

    def asin(self, x: Any) -> Any:
        return 2.0 * self.atan(x / (1.0 + self.sqrt((1.0 - x) * (1.0 + x))))

    def acos(self, x: Any) -> Any:
        return math.pi / 2 - self.asin(x)


def _mean(x: Any, count: int, f: Callable[[Any], Any]) -> Any:
    """The mean of f from 0 to x, by Gauss-Legendre quadrature at `count` places."""
    nodes = x.nodes
    places, weights = nodes.numpy.polynomial.legendre.leggauss(count)
    each: Any = nodes.add("Unsqueeze", x, nodes.constant("last_axis", nodes.numpy.array([-1])))
    at = each * nodes.constant(f"places_{count}", 0.5 + 0.5 * places)
    return nodes.add("MatMul", f(at), nodes.constant(f"weights_{count}", 0.5 * weights))


for _name in ("maximum", "minimum", "relu", "sigmoid"):
    setattr(_Onnx, _name, elementary(_name))
ONNX: Any = _Onnx()
