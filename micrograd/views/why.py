"""Why a gradient is what it is: the sum over all paths of the products of the local derivatives along each.

>>> from micrograd import Value
>>> from micrograd.views.record import Record
>>> from micrograd.views.why import Why
>>> x = Value(3.0, label="x")
>>> record = Record(x * x + x)
>>> Why(record, record.graph.node("x")).products
[1.0, 3.0, 3.0]
"""

from __future__ import annotations

import math
from typing import Any

from micrograd.views.record import Record, Step
from micrograd.views.snapshot import Node
from micrograd.words import count, short

MAX_PATHS = 1000
MAX_LISTED = 200_000  # nodes on all listed paths together


class Why:
    """A gradient as a sum over paths: `paths` are pairs (indices from the node to the result, product of locals).

    There may be more paths than can be listed: `count` is the number of all, `paths` has at most `limit` of them. Their
    sum, `total`, equals the gradient only if all are listed. Bauer's formula (1974): the derivative is the
    sum over all paths of the product of the local derivatives along each.
    """

    def __init__(self, trace: Record, node: Node, limit: int = MAX_PATHS):
        self.trace, self.node = trace, node
        self.gradient = trace.grads()[node.index]
        outgoing: dict[int, list[Step]] = {}
        for step in trace:
            outgoing.setdefault(step.receiver, []).append(step)
        root = trace.graph.root.index
        way = trace.graph.between(node.index)
        self.by_hand = any(s.local is None and s.sender in way and s.receiver in way for s in trace)
        counts = [0] * len(trace.graph.nodes)
        counts[root] = 1
        for index in reversed(range(len(counts))):
            if index != root:
                counts[index] = sum(counts[step.sender] for step in outgoing.get(index, ()))
        self.count = counts[node.index]
        self.paths: list[tuple[list[int], list[float]]] = []
        # A path is a node, the local derivative that led to it, and the path before it: paths share their beginnings.
        stack: list[tuple[int, float, Any]] = [(node.index, 1.0, None)]
        listed = 0
        while stack and len(self.paths) < limit and listed < MAX_LISTED and not self.by_hand:
            path = stack.pop()
            if path[0] == root:
                self.paths.append(_unlinked(path))
                listed += len(self.paths[-1][0])
                continue
            for step in reversed(outgoing.get(path[0], ())):
                if counts[step.sender]:
                    stack.append((step.sender, float(step.local or 0.0), path))

    @property
    def complete(self) -> bool:
        """Whether every path is listed."""
        return len(self.paths) == self.count

    @property
    def products(self) -> list[float]:
        found = []
        for _, locals_ in self.paths:
            product = 1.0
            for local in reversed(locals_):
                product *= local
            found.append(product)
        return found

    @property
    def total(self) -> float:
        """The sum of the listed paths' products."""
        return math.fsum(self.products)

    def __repr__(self) -> str:
        name, nodes = self.node.name, self.trace.graph.nodes
        if self.by_hand:
            return f"{name}.grad = {short(self.gradient)}: a backward written by hand is on the way and hides the paths"
        if self.count == 0:
            return f"{name} does not reach {nodes[-1].name}: its gradient is 0"
        lines = [f"{name}.grad = {self.gradient!r}, the sum over {count(self.count, 'path')}"]
        for (path, locals_), product in zip(self.paths, self.products):
            way = " -> ".join(nodes[i].name for i in path)
            factors = " x ".join(map(short, locals_)) or "1"
            lines.append(f"  {way}:  {factors} = {product:.6g}")
        if self.complete:
            lines.append(f"  sum {self.total!r}")
        else:
            lines.append(
                f"  ... and {self.count - len(self.paths):,} more paths, too many to list; all sum to the gradient"
            )
        return "\n".join(lines)


def _unlinked(path: Any) -> tuple[list[int], list[float]]:
    """A linked path as the indices of its nodes, the first one first, and the local derivatives between them."""
    indices, locals_ = [], []
    while path is not None:
        index, local, path = path
        indices.append(index)
        locals_.append(local)
    return indices[::-1], locals_[-2::-1]
