"""Why a gradient is what it is: the sum over all paths of the products of the local derivatives along each.

>>> from micrograd import Value
>>> from micrograd.views.record import Record
>>> from micrograd.views.why import Why
>>> x = Value(3.0, label="x")
>>> record = Record(x * x + x)
>>> Why(record, record.graph.node("x"))
x.grad = 7, the sum over 3 paths
  x → v1 → v2: 3 × 1 = 3
  x → v1 → v2: 3 × 1 = 3
  x → v2: 1
  sum: 7
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from typing import Any

from micrograd.views import sentence
from micrograd.views.record import Record
from micrograd.views.sentence import NAMES, WIDTH, Line, Part, columns, name_in
from micrograd.views.snapshot import Node
from micrograd.words import count, printable, short

PATHS = 20  # listed unless more are asked for
MAX_PATHS = 1000  # found, so that the sum of those not listed is the sum of their products
MAX_LENGTH = 200_000  # nodes on all paths together
MAX_COUNTED = 10**15  # digit by digit
FEW_FACTORS = 4  # that are all written out, as many as arrows


class Why:
    """A gradient as a sum over paths: `paths` are pairs (indices from the node to the result, local derivatives).

    They are listed largest first, `limit` of them at most; `count` is the number of all. `total` is the sum of those
    listed, and `rest` that of the others. Bauer's formula (1974): the derivative is the sum over all paths of the
    product of the local derivatives along each.
    """

    trace: Record
    node: Node
    rest: float

    def __init__(self, trace: Record, node: Node, limit: int = PATHS):
        self.trace, self.node = trace, node
        self.gradient: float | None = trace.grads()[node.index]
        way = trace.graph.between(node.index)
        self.by_hand: bool = any(s.local is None and s.sender in way and s.receiver in way for s in trace)
        counts = self._counts()
        self.count: int = counts[node.index]
        found = [] if self.by_hand else self._largest(max(limit, MAX_PATHS), counts)
        self.paths: list[tuple[list[int], list[float]]] = found[:limit]
        if len(found) == self.count:
            self.rest = math.fsum(map(product, found[limit:]))
        else:
            self.rest = (self.gradient or 0.0) - self.total

    def _counts(self) -> list[int]:
        """How many paths lead from each node to the result."""
        counts = [0] * len(self.trace.graph.nodes)
        counts[-1] = 1
        for index in reversed(range(len(counts) - 1)):
            counts[index] = sum(counts[step.sender] for step in self.trace.received(index))
        return counts

    def _largest(self, limit: int, counts: list[int]) -> list[tuple[list[int], list[float]]]:
        """The paths whose products are largest, in order.

        The search goes on from the beginning of a path that can still become largest: `best` is the largest product
        from each node on. Of equals the longest beginning comes first, so that few are kept.
        """
        root = len(counts) - 1
        best = [0.0] * len(counts)
        best[root] = 1.0
        for index in reversed(range(root)):
            sizes = [_size(step.local, best[step.sender]) for step in self.trace.received(index)]
            best[index] = max(sizes, default=0.0)
        paths: list[tuple[list[int], list[float]]] = []
        # A path is a node, the local derivative that led to it, and the path before it: paths share their beginnings.
        start: tuple[int, float, Any] = (self.node.index, 1.0, None)
        newest = itertools.count(0, -1)
        heap = [(-best[self.node.index], next(newest), 1.0, start)] if self.count else []
        length = 0
        while heap and len(paths) < limit and length < MAX_LENGTH:
            _, _, size, path = heapq.heappop(heap)
            if path[0] == root:
                paths.append(_unlinked(path))
                length += len(paths[-1][0])
                continue
            for step in reversed(self.trace.received(path[0])):
                if counts[step.sender]:
                    local = step.local or 0.0
                    so_far = _size(local, size)
                    following = (step.sender, local, path)
                    heapq.heappush(heap, (-_size(so_far, best[step.sender]), next(newest), so_far, following))
        return paths

    @property
    def complete(self) -> bool:
        """Whether every path is listed."""
        return len(self.paths) == self.count

    @property
    def products(self) -> list[float]:
        """The product of each listed path."""
        return [product(path) for path in self.paths]

    @property
    def total(self) -> float:
        """The sum of the listed paths' products."""
        return math.fsum(self.products)

    @property
    def lines(self) -> list[Line]:
        """The sum, path by path, as pieces of text."""
        name, nodes = name_in(self.node.name, 40), self.trace.graph.nodes
        head = [Part("name", f"{name}.grad"), Part("", " = "), Part("sum", short(self.gradient), self.gradient)]
        if self.trace.graph.error:
            return [[*head, Part("", ": forward failed, so there is no gradient")]]
        if self.by_hand:
            return [[*head, Part("", ": a backward written by hand hides the paths")]]
        if self.count == 0:
            return [[Part("name", name), Part("", f" does not reach {name_in(nodes[-1].name, 20)}: its gradient is 0")]]
        lines = [[*head, Part("", f", the sum over {counted(self.count, 'path')}")]]
        lines += [line for way, locals_ in self.paths for line in self._path(way, locals_)]
        if not self.complete:
            more = counted(self.count - len(self.paths), "more path")
            lines.append(
                [Part("", f"  … and {more}: "), Part("sum", short(self.rest), self.rest), Part("", " together")]
            )
        if self.count > 1:
            lines.append([Part("", "  sum: "), Part("sum", short(self.gradient), self.gradient)])
        return lines

    def _path(self, way: list[int], locals_: list[float]) -> list[Line]:
        """One path: the nodes and the factors in a line, or in a line each."""
        result, factors = product((way, locals_)), _factors(locals_)
        end = [Part("", " = "), Part("contribution", short(result), result)]
        if len(factors) == 1:
            factors, end = [], [Part("contribution", factors[0], result)]
        names = " → ".join(self.trace.graph.nodes[i].name for i in way)
        line = [Part("", "  "), Part("name", names), Part("", ": "), Part("local", " × ".join(factors)), *end]
        if columns(sentence.text(line)) <= WIDTH:
            return [line]
        shown = _joined(factors, " × ", WIDTH - 4 - columns(sentence.text(end)))
        return [
            [Part("", "  "), Part("name", _joined(self._names(way), " → ", WIDTH - 3)), Part("", ":")],
            [Part("", "    "), Part("local", shown), *end],
        ]

    def _names(self, way: list[int]) -> list[str]:
        """The names along a path; of a long one through a net, those of the neurons between its ends."""
        nodes = [self.trace.graph.nodes[i] for i in way]
        names = [node.name for node in nodes]
        if columns(" → ".join(names)) <= WIDTH - 3 or not any(node.group for node in nodes):
            return names
        inner = [node.group.neuron if node.group else node.name if node.named else "" for node in nodes[1:-1]]
        neurons = [name for name, _ in itertools.groupby(inner) if name]
        if neurons and names[0].startswith(neurons[0]):
            del neurons[0]  # a neuron's own parameter
        net = names[0].partition("layers.")[0]
        neurons = [neuron.removeprefix(net) for neuron in neurons]
        return [names[0], *neurons, names[-1]] if len(names) > 1 else names

    def __repr__(self) -> str:
        return printable(sentence.text(*self.lines))


def counted(n: int, thing: str) -> str:
    """`3 paths`; of a number too long to read, and for Python to write, its power of ten: `about 10^4515 paths`."""
    if n < MAX_COUNTED:
        return count(n, thing)
    power = int(math.log10(n))
    return f"about 10^{power - (10**power > n)} {thing}s"


def product(path: tuple[Any, list[float]]) -> float:
    """The product of the local derivatives along a path, from the result down, as backward multiplies them."""
    found = 1.0
    for local in reversed(path[1]):
        found *= local
    return found


def _size(local: float | None, size: float) -> float:
    """The size of a product; nan counts as infinite."""
    found = abs((local or 0.0) * size)
    return math.inf if found != found else found


def _factors(locals_: list[float]) -> list[str]:
    """The factors of a path as text, in order; where there are many, the 1s that additions give stand last, counted."""
    ones = locals_.count(1.0) if len(locals_) > FEW_FACTORS else 0
    texts = [short(local) for local in locals_ if local != 1.0 or ones < 2]
    texts += [f"1 ({ones:,} times)"] * (ones > 1)
    return [f"({text})" if i and text.startswith("-") else text for i, text in enumerate(texts)] or ["1"]


def _joined(items: Sequence[str], between: str, width: int) -> str:
    """Items in one row of at most `width` columns: as many from both ends as fit, the others a `…`."""
    row = ""
    for most in NAMES:
        for kept in range(min(len(items), width), min(len(items), 2) - 1, -1):
            ends = [name_in(item, most) for item in (*items[: kept // 2], *items[len(items) - (kept + 1) // 2 :])]
            if kept < len(items):
                ends.insert(kept // 2, "…")
            row = between.join(ends)
            if columns(row) <= width:
                return row
    return row


def _unlinked(path: Any) -> tuple[list[int], list[float]]:
    """A linked path as the indices of its nodes, the first one first, and the local derivatives between them."""
    indices, locals_ = [], []
    while path is not None:
        index, local, path = path
        indices.append(index)
        locals_.append(local)
    return indices[::-1], locals_[-2::-1]
