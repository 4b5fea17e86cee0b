"""A node as it is at a position of a record: its number, gradient, name and operation, and `·` for what is to come.

>>> from micrograd import Value
>>> from micrograd.views.seen import Seen, node_called
>>> from micrograd.views.snapshot import snapshot
>>> x = Value(2.0, label="x")
>>> graph = snapshot(x * 3.0)
>>> seen = Seen(node_called(graph, "x"), 2.0, None)
>>> seen, seen + 1, seen.grad, seen.grad * 2
(x: data=2.0, grad=·, 3.0, ·, ·)
"""

from __future__ import annotations

import math
from typing import Any

from micrograd.views.snapshot import Node, Snapshot


class NotComputed(float):
    """A number that is not computed yet: shown as a dot. What is computed from it is a dot too, and no comparison with
    it holds.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "·"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "·"

    def __bool__(self) -> bool:
        return False

    def _itself(self, *others: object) -> NotComputed:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself
    __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = _itself


NOT_COMPUTED = NotComputed("nan")


def number_or_dot(x: float | None) -> float:
    return NOT_COMPUTED if x is None else x


class Operation(str):
    """An operation's name, which equals its symbol too: `op == "add"` and `op == "+"`."""

    symbol: str
    __slots__ = ("symbol",)

    def __new__(cls, node: Node) -> Operation:
        self = super().__new__(cls, node.op.name)
        self.symbol = node.op.symbol
        return self

    def __eq__(self, other: object) -> bool:
        return other in (str(self), self.symbol) or (other == "**" and self.symbol.startswith("**"))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class Seen(float):
    """What a node's name stands for in Python at a position of a record: its number, with name, op, data and grad."""

    name: str
    op: Operation
    data: float
    grad: float
    __slots__ = ("data", "grad", "name", "op")

    def __new__(cls, node: Node, data: float | None, grad: float | None) -> Seen:
        self = super().__new__(cls, math.nan if data is None else data)
        known = (
            ("name", node.name),
            ("op", Operation(node)),
            ("data", number_or_dot(data)),
            ("grad", number_or_dot(grad)),
        )
        for key, x in known:
            object.__setattr__(self, key, x)
        return self

    def __setattr__(self, key: str, x: object) -> None:
        raise AttributeError(f"{self.name} is part of a record and stays as it was; change your own Value instead")

    def __getattr__(self, key: str) -> Any:
        raise AttributeError(f"a node of the record has data, grad, name and op, and {self.name} no {key!r}")

    def __repr__(self) -> str:
        return f"{self.name}: data={self.data!r}, grad={self.grad!r}"


def node_called(graph: Snapshot, name: str) -> Node:
    """The node of a name. Raises ValueError, with the name that may have been meant."""
    try:
        return graph.node(name)
    except KeyError as error:
        raise ValueError(error.args[0]) from None


def find_node(graph: Snapshot, name: str) -> Node | None:
    """As `node_called`, or None."""
    try:
        return node_called(graph, name)
    except ValueError:
        return None
