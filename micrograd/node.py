"""What a computation graph is made of: a node keeps a number, its gradient, and how it was computed.

    >>> from micrograd import Value
    >>> x = Value(2.0, label="x")
    >>> y = x * 3.0
    >>> y.data, y._prev[0] is x, y._operation.name, y._local
    (6.0, True, 'mul', (3.0, 2.0))

A node only stores; `Value`, the class that people use, is built on it in engine.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from micrograd.c_core import native
from micrograd.coerce import Recordable
from micrograd.table import Op

UNREACHED = float("0")  # the one zero that means, as a gradient: backward has not come here
_SLOTS: tuple[str, ...] = ("__dict__", "__weakref__", "_local", "_operation", "_prev", "data", "grad", "label")


class Node(Recordable):
    """A place in a graph: `data`, the gradient `grad`, a `label`, the operands `_prev` in order, and what made it.

    `_local` are the local derivatives: a tuple of floats, one for each operand; or, where they do not exist (the square
    root of 0) or were written by hand, a function that is called when backward needs them.
    """

    __slots__ = _SLOTS

    _local: tuple[float, ...] | Callable[[], tuple[Any, ...]]
    _operation: Op
    _prev: tuple[Any, ...]
    data: Any  # a float; while the compiler records, a symbol for one
    grad: Any  # a float, or a Value after backward(create_graph=True)
    label: str
    _memory: Any = None  # the native memory that `data` is in, if it is not in the node
    _call: Any  # set by nn on what a neuron gave
    _position: int  # of that neuron in its layer
    _made_at: str  # set by detect_anomaly
    _theirs: Any  # set by foreign: the object that a copy stands for


if native and not TYPE_CHECKING:
    Node = native.Node  # the same in C
    Node.__slots__ = (*_SLOTS, "_call", "_position")  # for copies and pickles
    native.bind(unreached=UNREACHED)


def set_up(node: Any, data: Any, operands: tuple[Any, ...], operation: Op, local: Any) -> Any:
    """Fill a node that `object.__new__` made, and give it back."""
    node.data, node.grad, node.label = data, UNREACHED, ""
    node._prev, node._operation, node._local = operands, operation, local
    return node


class _Nothing:
    """Where a sum starts in a graph of gradients or on a tape: without a term, because `0.0 +` would be a node."""

    def __add__(self, other: Any) -> Any:
        return other


NOTHING: Any = _Nothing()
