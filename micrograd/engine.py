"""Compute with numbers that remember where they came from, and ask any result for its gradients.

    >>> from micrograd import Value
    >>> x, y = Value(2.0), Value(-4.0)
    >>> z = x / (x + y)
    >>> z.backward()
    >>> x.grad, y.grad
    (-1.0, -0.5)

A `Value` keeps its number, its operands in order, the operation that made it and that operation's local
derivatives. `backward` goes through the graph from the result to the leaves and applies the chain rule at each
node. The operations themselves stand in ops.py; this file only records them and differentiates the record.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import micrograd.ops  # noqa: F401  (fills the table)
from micrograd import modes
from micrograd.table import (
    CONSTANT,
    FLOAT,
    LEAF,
    TABLE,
    Namespace,
    Op,
    as_float,
    explain,
    is_array,
    on_new_op,
    written_by_hand,
)


class Value:
    """A number in a computation graph.

    `data` is the number, `grad` the derivative of the last result that `backward()` was called on, with respect to
    this number, 0.0 until then. `_prev` are the operands in order, `_op` the operation's printed symbol, `label` a
    name of your own. Every operation of the table is a method: `x.tanh()`, `x.maximum(y)`, and `x + y` for "+".

    Raises TypeError when `data` is not a real number; one Value holds one number.
    """

    # Before NumPy's own operators take a Value for an object array: they would turn a result into an array, and a
    # longdouble would call itself without end.
    __array_priority__ = 1000.0

    __slots__ = ("__dict__", "__weakref__", "_local", "_operation", "_prev", "data", "grad", "label")

    # A node's local derivatives are a tuple of floats, one for each operand; or, where they cannot be had (the
    # square root of 0) or were written by hand, a function that is called when backward needs them.
    _local: tuple[float, ...] | Callable[[], tuple[Any, ...]]
    _operation: Op
    _prev: tuple[Value, ...]
    data: float
    grad: Any  # a float, or a Value after backward(create_graph=True)
    label: str

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = "", label: str = ""):
        self.data = as_float(data, "Value()")
        self.grad = 0.0
        self._prev = tuple(_children)
        self._operation = written_by_hand(_op)
        self._local = ()
        self.label = label
        for child in self._prev:
            if not isinstance(child, Value):
                raise TypeError(f"Value(): the children are the Values this one was made from, not {child!r}")
        if modes.active and modes.state.anomaly:
            modes.check_forward(self)

    @property
    def _op(self) -> str:
        return self._operation.symbol

    def backward(self, *, create_graph: bool = False) -> None:
        """Set the `grad` of every value this one was computed from to the derivative of this one.

        Gradients of leaves add up over calls, so set them to 0.0 (a module's `zero_grad()`) between training steps;
        gradients in between are computed afresh. With `create_graph=True` each grad is itself a Value that can be
        differentiated again. When an error stops the pass, the leaves keep the gradients they had.

        Reverse-mode accumulation; see Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
        """
        order = topological_order(self)
        before = [(node, node.grad) for node in order if not node._prev]
        try:
            sweep(self, order, create_graph=create_graph)
        except BaseException:
            for leaf, grad in before:
                leaf.grad = grad
            raise

    @property
    def _backward(self) -> Callable[[], None]:
        """This node's own step of backward, as the original micrograd spells it; assign one to write it by hand."""
        if isinstance(self._local, _ByHand):
            return self._local.step
        return lambda: _send_to_operands(self, local_derivatives(self))

    @_backward.setter
    def _backward(self, step: Callable[[], None]) -> None:
        self._local = _ByHand(step)

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) not in (int, float, bool) and isinstance(exponent, numbers.Real):
            exponent = as_float(exponent, "Value **")
        if type(exponent) in (int, float):
            return _record(TABLE["power"].bind(exponent=exponent), (self,), (self.data,))
        return _infix(TABLE["pow"], self, exponent, exponent)

    def __rpow__(self, base: Any) -> Any:
        return _infix(TABLE["pow"], base, self, base)

    def __lt__(self, other: Any) -> Any:
        return self.data < _data(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= _data(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > _data(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= _data(other)

    def __float__(self) -> float:
        return float(self.data)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={getattr(self.grad, 'data', self.grad)})"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Arrays hold Values as objects; a float array would silently drop the graph, so it is refused."""
        import numpy

        if dtype is not None and numpy.dtype(dtype) != numpy.dtype(object):
            raise TypeError(f"an array of {dtype} would drop the graph of {self!r}: use dtype=object, or float(value)")
        out = numpy.empty((), dtype=object)
        out[()] = self
        return out

    @staticmethod
    def _apply_op(entry: Op, operands: tuple[Any, ...], static: dict[str, Any]) -> Value:
        """What a function of the table, such as `micrograd.tanh`, calls when an operand is a Value."""
        where = f"{entry.name}()"
        values = tuple([x if isinstance(x, Value) else _constant(x, where) for x in operands])
        return _record(entry.bind(**static), values, tuple([x.data for x in values]))

    if TYPE_CHECKING:  # the methods that the table adds, for type checkers
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = lambda self, other: self
        __truediv__ = __rtruediv__ = lambda self, other: self
        __neg__ = __abs__ = lambda self: self

        def __getattr__(self, name: str) -> Any: ...


_new = object.__new__


def _record(entry: Op, operands: tuple[Value, ...], numbers: tuple[float, ...]) -> Value:
    """Make the node for one operation. Every operation passes here.

    The rule's closure is called at once: a kept closure costs four more objects for the collector to visit at
    each node, which made training 2.7 times slower. Where there is no derivative, it is kept, so that a value
    can still be had and the error comes from the backward that needs it.
    """
    try:
        data, derivatives = entry.rule(FLOAT, *numbers)
    except (ArithmeticError, ValueError) as error:
        raise explain(error, entry, operands) from None
    node = _new(Value)
    node.data = data
    node.grad = 0.0
    node.label = ""
    if modes.active and modes.state.no_grad:
        node._prev, node._operation, node._local = (), LEAF, ()
        return node
    node._prev = operands
    node._operation = entry
    try:
        node._local = derivatives()
    except (ArithmeticError, ValueError):
        node._local = derivatives
    if modes.active and modes.state.anomaly:
        modes.check_forward(node)
    return node


def _constant(x: Any, where: str) -> Value:
    node = _new(Value)
    node.data = as_float(x, where)
    node.grad, node.label, node._prev, node._operation, node._local = 0.0, "", (), CONSTANT, ()
    return node


def _infix(entry: Op, left: Any, right: Any, foreign: Any) -> Any:
    """Apply an operator of which one side, `foreign`, may be a plain number, an array or anything else.

    Python's own types that are no numbers are refused with advice; another class is left to answer by itself.
    """
    if not isinstance(foreign, Value):
        if is_array(foreign):
            return entry(left, right)
        if not isinstance(foreign, numbers.Real) and type(foreign).__module__ != "builtins":
            return NotImplemented
        where = f"Value {entry.symbol} {type(foreign).__name__}"
        left, right = (_constant(x, where) if x is foreign else x for x in (left, right))
    return _record(entry, (left, right), (left.data, right.data))


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def topological_order(root: Value, *, inputs: Iterable[Value] = ()) -> list[Value]:
    """Every value that `root` was computed from, operands before results, `root` last, the same in each process.

    A value is visited once however often it is used. The graph is not followed beyond `inputs`, which are left out
    themselves. Depth-first and without recursion: a chain of a million values is fine.
    """
    order: list[Value] = []
    seen = {*inputs}
    if root in seen:
        return order
    seen.add(root)
    path = [(root, iter(root._prev))]
    while path:
        node, operands = path[-1]
        for operand in operands:
            if operand not in seen:
                seen.add(operand)
                if operand._prev:
                    path.append((operand, iter(operand._prev)))
                    break
                order.append(operand)
        else:
            order.append(node)
            path.pop()
    return order


def sweep(root: Value, order: Sequence[Value], *, create_graph: bool = False) -> None:
    """Set the gradient of every value in `order`, the topological order of `root`, or add to it at the leaves."""
    zero = _NOTHING if create_graph else 0.0
    derivatives_of = _derivatives_as_values if create_graph else local_derivatives
    for node in order:
        if node._prev or not node.grad:
            node.grad = zero
    one = Value(1.0) if create_graph else 1.0
    root.grad = one if root._prev else root.grad + one
    for node in reversed(order):
        if node._local:
            _send_to_operands(node, derivatives_of(node))


def _send_to_operands(node: Value, derivatives: Any) -> None:
    """The chain rule: local derivative times upstream gradient, added up where branches meet."""
    upstream = node.grad
    for operand, local in zip(node._prev, derivatives):
        operand.grad += local * upstream


class _Nothing:
    """The gradient that a graph of gradients starts from: a sum that holds no term yet, where 0.0 + would draw one."""

    def __add__(self, other: Any) -> Any:
        return other


_NOTHING: Any = _Nothing()


class _ByHand:
    """A `_backward` that a user assigned: it adds to the operands' gradients itself, and leaves none to send."""

    def __init__(self, step: Callable[[], None]):
        self.step = step

    def __call__(self) -> tuple[float, ...]:
        self.step()
        return ()


def local_derivatives(node: Value) -> tuple[Any, ...]:
    """The derivative of a node's value with respect to each of its operands, in order, all else held fixed.

    Raises ZeroDivisionError or ValueError where one does not exist. A node whose `_backward` was written by hand has
    none to give: calling this runs it, and gives an empty tuple.
    """
    local = node._local
    if not isinstance(local, tuple):
        try:
            local = local()
        except (ArithmeticError, ValueError) as error:
            if isinstance(node._local, _ByHand):
                raise
            raise explain(error, node._operation, node._prev, doing="backward through ") from None
    if modes.active and modes.state.anomaly:
        modes.check_backward(node, local)
    return local


class _Values(Namespace):
    """Elementary functions of Values: the table's own, which record what they do."""

    def function_of(self, entry: Op) -> Op:
        return entry

    @staticmethod
    def pow(x: Any, y: Any) -> Any:
        return x**y


VALUE = _Values()


def _derivatives_as_values(node: Value) -> tuple[Any, ...]:
    """The local derivatives as graphs of their own: the same rule, read with Values for operands."""
    entry = node._operation
    if entry.by_hand or isinstance(node._local, _ByHand):
        raise TypeError(
            f"backward(create_graph=True): {node!r} was made by hand (operation {node._op!r}), so there is no rule to "
            "differentiate again; enter the operation into the table with @micrograd.op"
        )
    derivatives = entry.rule(VALUE, *node._prev)[1]
    try:
        local = derivatives()
    except (ArithmeticError, ValueError) as error:
        raise explain(error, entry, node._prev, doing="backward through ") from None
    if modes.active and modes.state.anomaly:
        modes.check_backward(node, local)
    return local


def _install(entry: Op) -> None:
    """Give Value the method `x.tanh()` of a new row of the table, and its operator if it has one."""
    existing = getattr(Value, entry.name, None)
    if existing is not None and not hasattr(existing, "op"):
        raise ValueError(f"Value already has an attribute {entry.name!r}: choose another name for the operation")

    def unary(self: Value) -> Value:
        return _record(entry, (self,), (self.data,))

    def binary(self: Value, other: Any) -> Any:
        if other.__class__ is Value:
            return _record(entry, (self, other), (self.data, other.data))
        return _infix(entry, self, other, other)

    def reflected(self: Value, other: Any) -> Any:
        return _infix(entry, other, self, other)

    def method(self: Value, *others: Any, **static: Any) -> Any:
        return entry(self, *others, **static)

    plain: Any = unary if len(entry.operands) == 1 and not entry.settings else method
    if not entry.prepare:  # take(values, index) and its like are functions only
        plain.__name__, plain.__qualname__, plain.__doc__ = entry.name, f"Value.{entry.name}", entry.rule.__doc__
        plain.op = entry
        setattr(Value, entry.name, plain)
    if entry.method:
        setattr(Value, entry.method, unary if len(entry.operands) == 1 else binary)
        if len(entry.operands) == 2:
            setattr(Value, entry.method.replace("__", "__r", 1), reflected)


on_new_op(_install)
