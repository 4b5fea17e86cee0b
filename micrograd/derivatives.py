"""Local derivatives that are not plain numbers: missing ones, those written by hand, and graphs of their own.

    >>> from micrograd import Value
    >>> x = Value(2.0)
    >>> y = x**3
    >>> y.backward(create_graph=True)
    >>> x.grad._op  # 3 * x**2 is a graph itself, so it can be differentiated again
    '*'

Most nodes keep a tuple of numbers, one for each operand, which backward uses directly. `backward(create_graph=True)`
runs the rule of the table again, with Values as operands. The same run finds the derivatives that exist where others do
not; derivatives with respect to constants are not needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from micrograd import modes
from micrograd.anomaly import check_backward
from micrograd.coerce import float_of
from micrograd.errors import GraphLostError
from micrograd.formulas import in_words
from micrograd.node import UNREACHED, set_up
from micrograd.number import Number, number_of
from micrograd.table import CONSTANT, FLOAT, TABLE, Namespace, Op


class ByHand:
    """A `_backward` that a user assigned: it adds to the operands' gradients itself, so nothing is left to send."""

    def __init__(self, step: Callable[[], None]):
        self.step = step

    def __call__(self) -> tuple[float, ...]:
        self.step()
        return ()


class Pending:
    """Local derivatives that did not exist when a node was made: calling this tries again, and raises."""

    entry: Op
    numbers: tuple[float, ...]

    def __init__(self, entry: Op, numbers: tuple[float, ...]):
        self.entry, self.numbers = entry, numbers

    def __call__(self) -> tuple[float, ...]:
        return self.entry.rule(FLOAT, *self.numbers)[1]()


class Shadow:
    """A node's stand-in for a sweep that must not change the node's `grad`.

    It has its own operands (shadows too) and its own gradient; everything else is the node's.
    """

    __slots__ = ("_local", "_operation", "_prev", "grad", "node")
    grad: float
    node: Any

    def __init__(self, node: Any, operation: Op, local: Any = (), operands: tuple[Shadow, ...] = ()):
        self.node, self._operation, self._local, self._prev, self.grad = node, operation, local, operands, UNREACHED

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)

    def __repr__(self) -> str:
        return repr(self.node)


def local_derivatives(node: Any) -> tuple[Any, ...]:
    """The derivative of a node's value with respect to each of its operands, in order, all else held fixed.

    Raises ZeroDivisionError or ValueError where one does not exist; with respect to a constant, where it is not needed,
    it is then 0.0. For a node whose `_backward` was written by hand, runs that and gives an empty tuple.
    """
    local = node._local
    if not isinstance(local, tuple):
        try:
            local = local()
        except (ArithmeticError, ValueError) as error:
            if isinstance(local, ByHand) or not node._operation.in_table:
                raise  # compiled code raises the function's own error already
            numbers = local.numbers if isinstance(local, Pending) else [x.data for x in node._prev]
            kind = type(node.node if node.__class__ is Shadow else node)
            values = [set_up(object.__new__(kind), number_of(x, "backward()"), (), CONSTANT, ()) for x in numbers]
            found = _those_asked_for(node, tuple(values))
            if found is None:
                raise in_words(error, node._operation, node._prev, doing="backward through ") from None
            local = tuple([x.data if isinstance(x, Number) else x for x in found])
    if modes.active and modes.state.anomaly:
        check_backward(node, local)
    return local


class _Values(Namespace):
    """Elementary functions of Values: the table's own, which record what they do."""

    def function_of(self, entry: Op) -> Callable[..., Any]:
        return lambda *operands, **static: entry.apply(operands, static)

    @staticmethod
    def pow(x: Any, y: Any) -> Any:
        return x**y

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Any:
        return TABLE["where"](condition, x, y)  # a condition is a bool here, which a call of the row accepts


VALUE = _Values()


def derivatives_as_graphs(node: Any) -> tuple[Any, ...]:
    """The local derivatives as graphs of their own: the same rule, run with Values as operands."""
    entry = node._operation
    if entry.by_hand or isinstance(node._local, ByHand):
        raise TypeError(
            f"backward(create_graph=True): {node!r} was made by hand (operation {entry.symbol!r}), so there is no rule "
            "to differentiate again; enter the operation into the table with @micrograd.op, or, if the derivative's "
            "number is enough, call grad(f) inside no_grad()"
        )
    operands = (node.node if node.__class__ is Shadow else node)._prev
    try:
        local = _read(entry, operands, node._local)
    except (ArithmeticError, ValueError) as error:
        if not entry.in_table:
            raise  # compiled code raises the function's own error already
        found = _those_asked_for(node, operands)
        if found is None:
            raise in_words(error, entry, operands, doing="backward through ") from None
        local = found
    if modes.active and modes.state.anomaly:
        check_backward(node, local)
    return local


def _those_asked_for(node: Any, operands: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The local derivatives of a node where not all exist: graphs of `operands`, Values that stand in for its own, and
    0.0 with respect to constants. None when another one is not finite.
    """
    asked = [x._operation is not CONSTANT for x in node._prev]
    if all(asked) or node._operation.by_hand:
        return None
    try:
        with modes.quietly():
            found = _read(node._operation, operands, node._local)
    except (ArithmeticError, ValueError):
        return None
    if any(wanted and not math.isfinite(float_of(x)) for wanted, x in zip(asked, found)):
        return None
    return tuple([x if wanted else 0.0 for wanted, x in zip(asked, found)])


def _read(entry: Op, operands: tuple[Any, ...], local: Any) -> tuple[Any, ...]:
    try:
        value, derivatives = entry.rule(VALUE, *operands)
        if isinstance(value, Number) and not any(value is x for x in operands):
            # The rule's value becomes this operation itself, not the formula by which the rule computed it: the formula
            # may have corners where the operation has none, as sigmoid's exp(-abs(x)) has at 0.
            value._prev, value._operation, value._local = operands, entry, local
        return derivatives()
    except GraphLostError:
        raise TypeError(
            f"the rule of {entry.name} lost the graph: it called float() on an operand, as the functions of math do; "
            "write m.exp(x) instead of math.exp(x)"
        ) from None
