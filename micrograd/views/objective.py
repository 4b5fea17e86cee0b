"""Say which loss is computed from a net's outputs, and over how many rows: `hinge loss over 20 rows`.

>>> import random
>>> from micrograd.losses import hinge
>>> from micrograd.nn import MLP
>>> from micrograd.views.objective import loss_title
>>> from micrograd.views.snapshot import snapshot
>>> net = MLP(1, [1], rng=random.Random(0))
>>> graph = snapshot(hinge([net([0.5]), net([1.5])], [1, -1]))
>>> loss_title(graph, [node for node in graph.nodes if node.group is None and node.formula])
'hinge loss over 2 rows'

A loss is named only where its formula is the whole box: equal terms, each of another output, added and scaled by a
number that fits how many there are. Of anything else the title says only from how many rows it was computed.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from micrograd.engine import Value
from micrograd.views.snapshot import CONSTANT_NUMBER, Node, Snapshot
from micrograd.words import count

SUMS = {
    "squared error": "sum of the squared errors",
    "hinge loss": "sum of the hinge losses",
    "cross-entropy": "sum of the cross-entropies",
    "binary cross-entropy": "sum of the binary cross-entropies",
}


def loss_title(graph: Snapshot, members: Sequence[Node]) -> str:
    """What a net's loss is, where its operations tell, and over how many rows."""
    box = _Box(graph, members)
    rows = box.rows()
    if not rows:
        return f"{count(len(members), 'operation')} after the net"
    words = box.formula(rows)
    if not words:
        return f"computed from {count(rows, 'row')}"
    return words if rows == 1 else f"{words} over {count(rows, 'row')}"


def heading(title: str) -> str:
    """What a card calls a result without a name, by its `loss_title`: a loss only where it is known to be one."""
    known = not title.startswith("computed from ") and not title.endswith(" after the net")
    return "loss" if known else "result"


class _Box:
    """The operations that are computed from a net's outputs, and which of them have been explained."""

    def __init__(self, graph: Snapshot, members: Sequence[Node]):
        self.nodes, self.members = graph.nodes, members
        self.inside = {m.index for m in members}
        self.explained: set[int] = set()
        self.outputs: list[Node] = []  # that the terms have used

    def rows(self) -> int:
        """How often the last layer was called; 0 where several layers are last, and do not see the same rows."""
        seen: dict[int, dict[int, Hashable]] = {}  # for each layer, the inputs of each of its calls
        for m in self.members:
            for operand in m.operands:
                group = self.nodes[operand].group
                if group is not None and group.made_by is not None and self.nodes[operand].operands:
                    inputs = tuple([id(x) if isinstance(x, Value) else x for x in group.made_by.inputs])
                    seen.setdefault(id(group.module), {})[group.call] = inputs
        if not seen:
            return 0
        first, *others = [sorted(map(repr, calls.values())) for calls in seen.values()]
        return len(first) if all(other == first for other in others) else 0

    def formula(self, rows: int) -> str:
        """What the whole box computes; "" for anything that is not one of the losses."""
        found = self._terms()
        kinds = {self._kind(term) for term, _ in found}
        scales = {scale for _, scale in found}
        distinct = len({node.index for node in self.outputs}) == len(self.outputs)
        if len(kinds) != 1 or len(scales) != 1 or not distinct or self.explained != self.inside:
            return ""
        kind, scale, terms = kinds.pop(), scales.pop(), len(found)
        if not kind or (kind == "cross-entropy" and terms != rows):
            return ""
        several = SUMS[kind]
        half = f"half of the {several.removeprefix('sum of the ') if terms > 1 else kind}"
        if kind == "squared error":
            mean = f"mean {kind}" if terms > 1 else kind
            known = {0.5: half, 1 / terms: mean, 0.5 / terms: f"half of the {mean}", 1.0: several}
            if terms == 2 and self.members[-1].op.name != "div":
                known[0.5] = half  # of two it is also the mean: as it is written
        else:
            known = {1.0: several, 1 / terms: kind}  # the mean of these losses goes by their own name
        if terms == 1:
            known[1.0] = kind
        return next((words for size, words in known.items() if math.isclose(scale, size, rel_tol=1e-9)), "")

    def _terms(self) -> list[tuple[Node, float]]:
        """What the box adds up, each term with the number that it is multiplied by."""
        stack, found = [(self.members[-1].index, 1.0)], []
        while stack:
            index, scale = stack.pop()
            node = self.nodes[index]
            if node.kind == CONSTANT_NUMBER and node.data == 0:
                continue  # where sum() starts
            operands = [self.nodes[i] for i in node.operands]
            numbers = [i for i, operand in enumerate(operands) if operand.kind == CONSTANT_NUMBER]
            if node.op.name == "add" and self._explain(node):
                stack += [(i, scale) for i in reversed(node.operands)]
            elif node.op.name == "mul" and len(numbers) == 1 and self._explain(node):
                stack.append((node.operands[1 - numbers[0]], scale * operands[numbers[0]].data))
            elif node.op.name == "div" and numbers == [1] and operands[1].data and self._explain(node):
                stack.append((node.operands[0], scale / operands[1].data))
            else:
                found.append((node, scale))
        return found

    def _explain(self, node: Node) -> bool:
        """Note that this operation is understood; False where it is not in the box, or is used a second time."""
        if node.index not in self.inside or node.index in self.explained:
            return False
        self.explained.add(node.index)
        return True

    def _kind(self, term: Node) -> str:
        """Which loss of one output, or of one row of scores, a term is; "" for anything else."""
        if not self._explain(term):
            return ""
        operands = [self.nodes[i] for i in term.operands]
        first = operands[0]
        if term.op.symbol == "**2":
            return "squared error" if first.op.name == "sub" and self._explain(first) and self._error(first) else ""
        if term.op.name == "relu":
            margin = first.op.name == "sub" and self._explain(first) and self.nodes[first.operands[0]].name == "1"
            return "hinge loss" if margin and self._margin(self.nodes[first.operands[1]]) else ""
        if term.op.name == "softplus":
            return "binary cross-entropy" if self._margin(first) else ""
        if term.op.name == "sub" and first.op.name in ("softplus", "logsumexp") and self._explain(first):
            if first.op.name == "logsumexp":
                return "cross-entropy" if self._scores(first, operands[1]) else ""
            score = self.nodes[first.operands[0]]
            weighted = operands[1].op.name == "mul" and self._explain(operands[1]) and self._weighs(operands[1])
            return "binary cross-entropy" if weighted is score and self._output(score) else ""
        return ""

    def _output(self, node: Node) -> bool:
        """Whether a net computed this; it is then an output that a term has used."""
        self.outputs.append(node)
        return node.group is not None and bool(node.operands)

    def _error(self, difference: Node) -> bool:
        """Whether this is an output minus a target, or the other way round."""
        one, other = [self.nodes[i] for i in difference.operands]
        return self._output(other if one.operands == () else one) and (one.operands == () or other.operands == ())

    def _margin(self, node: Node) -> bool:
        """Whether this is an output times a label, -1 or 1."""
        if node.index not in self.inside:
            return self._output(node)
        if node.op.name == "neg":
            return self._explain(node) and self._output(self.nodes[node.operands[0]])
        if node.op.name != "mul" or not self._explain(node):
            return False
        one, other = [self.nodes[i] for i in node.operands]
        score, label = (other, one) if one.operands == () else (one, other)
        return label.operands == () and abs(label.data) == 1 and self._output(score)

    def _weighs(self, product: Node) -> Node | None:
        """What this product multiplies by a target, a number."""
        one, other = [self.nodes[i] for i in product.operands]
        return other if one.operands == () else one if other.operands == () else None

    def _scores(self, total: Node, chosen: Node) -> bool:
        """Whether `total` is of all outputs of one call, and `chosen` one of them or a weighted sum of them."""
        scores = [self.nodes[i] for i in total.operands]
        calls = {(score.group.call if score.group is not None else None) for score in scores}
        if not all(self._output(score) for score in scores) or len(calls) != 1:
            return False
        stack = [chosen]
        while stack:
            node = stack.pop()
            if node.index not in self.inside:
                if node not in scores:
                    return False
            elif not self._explain(node) or node.op.name not in ("add", "mul", "take"):
                return False
            elif node.op.name == "add":
                stack += [self.nodes[i] for i in node.operands]
            elif node.op.name == "take":
                stack += [self.nodes[i] for i in node.operands[1:]]
            elif (score := self._weighs(node)) is None or score not in scores:
                return False
        return True
