"""The nodes of a graph that are nearest to its result, as a snapshot has them: `top_of(z, depth=3, most=1000)`.

>>> from micrograd import Value
>>> from micrograd.views.top import top_of
>>> z = Value(2.0, label="x")
>>> for _ in range(1000):
...     z = z * 1.0
>>> for node in top_of(z, depth=1, most=10).nodes.values():
...     print(node)
v998 = 2
1 = 1
v999 = v998 * 1 = 2
1 = 1
v1000 = v999 * 1 = 2

A snapshot of a large graph takes long and much memory, and a tree of it prints a few lines. The rest of the graph is
only looked through: for how many values have no name, for who else uses a value, and for numbers that are not finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from micrograd.coerce import float_of
from micrograd.engine import Value, topological_order
from micrograd.modes import collector_paused
from micrograd.table import CONSTANT
from micrograd.views.naming import Naming
from micrograd.views.snapshot import Births, Node, Snapshot, grad_of, kind_of, root_of, snapshot_of


class Top:
    """Some nodes of a graph whose numbers are all finite, by their index, the result last."""

    def __init__(self, nodes: dict[int, Node]):
        self.nodes = nodes

    @property
    def root(self) -> Node:
        return self.nodes[next(reversed(self.nodes))]

    def births(self, grads: Sequence[float | None] | None = None) -> Births:
        return Births(frozenset(), {})


def top_of(root: Any, *, depth: int, most: int, names: Any = None) -> Snapshot | Top:
    """What a tree of `depth` levels and at most `most` lines needs of the graph behind `root`.

    That is the whole snapshot where a number is not finite, because only all nodes tell where it was born.
    """
    value, error = root_of(root)
    with collector_paused():
        order = topological_order(value)
        numbers = [value.data for value in order]
        if not all(map(math.isfinite, numbers)) or error:
            return snapshot_of(order, numbers, names=names, error=error)
        near = dict.fromkeys(map(id, _near(value, depth, most)), 0)  # how often each is used
        index: dict[int, int] = {}
        naming, nodes = Naming(order, names), {}
        for i, value in enumerate(order):
            for p in value._prev:
                if id(p) in near:
                    near[id(p)] += 1
            grad = grad_of(value)
            if grad is not None and not math.isfinite(grad):
                return snapshot_of(order, numbers, names=names)
            if id(value) not in near:
                naming.pass_over(value)
                continue
            name, named = naming.name_of(value, numbers[i])
            index[id(value)] = i
            kind = kind_of(value, naming)
            nodes[i] = Node(i, value, float_of(numbers[i]), grad, name, kind, (), named=named)
            if value._prev and all(id(p) in index for p in value._prev):  # of the last ones, no operands are printed
                nodes[i].operands = tuple([index[id(p)] for p in value._prev])
                nodes[i].formula = value._operation.formula([nodes[j].name for j in nodes[i].operands])
        for node in nodes.values():
            node.uses = near[id(node.value)]
        return Top(nodes)


def _near(root: Value, depth: int, most: int) -> list[Value]:
    """The values on the first `most` lines of a tree of that depth, and their operands."""
    near, lines = [root], 0
    stack = [(root, depth)]
    while stack and lines < most:
        value, levels = stack.pop()
        lines += 1
        near += value._prev
        if levels:
            below = [p for p in value._prev if p._prev or p._operation is not CONSTANT]
            stack += [(p, levels - 1) for p in reversed(below)]
    return near
