"""Say what stands in a drawing's boxes and on its edges, and in which colours.

    >>> from micrograd import Value
    >>> from micrograd.views.fold import fold
    >>> from micrograd.views.snapshot import snapshot
    >>> from micrograd.views.style import PLAIN, Painter
    >>> graph = snapshot(Value(2.0, label="x") * Value(3.0, label="y"))
    >>> folded = fold(graph)
    >>> painter = Painter(graph, folded, PLAIN, [3.0, -2.0, 1.0])
    >>> for box in folded.boxes:
    ...     card = painter.card(box)
    ...     print(card.name, card.kind, [(row.label, row.number, row.tint) for row in card.rows])
    x input [('data', '2', None), ('grad', '3', 'positive6')]
    y input [('data', '3', None), ('grad', '−2', 'negative5')]
    v1 x * y [('data', '6', None), ('grad', '1', 'positive4')]

Blue is a positive gradient and orange a negative one; the larger it is, the deeper the tint. A gradient that backward
has not computed is a dot. A layer shows the mean size of its gradients; where their signs differ its tint is grey. The
dark border is the result.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from micrograd.views.card import Card, Row
from micrograd.views.fold import Box, Folded, Link
from micrograd.views.objective import heading
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, PARAMETER, Node, Snapshot
from micrograd.views.theme import STEPS, checked, tint
from micrograd.views.titles import calls_of, neuron_title
from micrograd.views.tree import not_finite
from micrograd.words import count, drawn, one_line, short

TITLE_LENGTH = 1000
NAME_LENGTH, FORMULA_LENGTH = 26, 42
MAX_PORTS = 12  # operands of one box whose edges enter in their order
LOOKS = ("card", "record")


@dataclass(frozen=True)
class Style:
    """How a drawing looks, whatever graph it shows. Raises ValueError for an unknown rankdir, look or theme.

    With `steady`, boxes are wide enough for any gradient, so that the pictures of several steps line up.
    """

    format: str = "svg"
    rankdir: str = "LR"
    derivatives: bool = False
    steady: bool = False
    theme: str = "auto"
    look: str = "card"

    def __post_init__(self) -> None:
        if self.rankdir not in ("LR", "RL", "TB", "BT"):
            raise ValueError(f"rankdir={self.rankdir!r} is not a direction: choose 'LR', 'RL', 'TB' or 'BT'")
        if self.look not in LOOKS:
            raise ValueError(f"style={self.look!r} is not a style: choose {' or '.join(map(repr, LOOKS))}")
        checked(self.theme)


PLAIN = Style()


@dataclass(frozen=True)
class Wire:
    """An edge of the drawing, from one box to another, b0, b1, ..., or from a number given to a neuron, c0, c1, ...

    `place` is where it enters among the edges that the target has here, `position` the operand's in its operation.
    """

    source: str
    target: str
    place: int
    position: int
    label: str
    title: str

    @property
    def id(self) -> str:
        return f"e{self.source.removeprefix('b')}_{self.target.removeprefix('b')}_{self.position}"


class Painter:
    """The cards and edges of a folded snapshot, with these gradients on it."""

    graph: Snapshot
    folded: Folded
    style: Style
    grads: Sequence[float | None]

    def __init__(self, graph: Snapshot, folded: Folded, style: Style, grads: Sequence[float | None]):
        self.graph, self.folded, self.style, self.grads = graph, folded, style, grads
        self._largest = max((abs(g) for g in grads if g is not None and math.isfinite(g)), default=0.0)
        self._births = graph.births(grads)
        self._box_of = {i: box.index for box in folded.boxes for i in box.members}

    def card(self, box: Box) -> Card:
        """What a box says."""
        card = self._several(box) if box.folded else self._one(self.graph.nodes[box.members[0]])
        if box.members[-1] == self.graph.root.index and card.border == "line":
            card.border = "ink"
        card.names = f"b{box.index}"
        return card

    def floats(self) -> list[tuple[Node, Node]]:
        """The numbers given to neurons as floats, each with the product that it is in, where that has its own box."""
        found = []
        for box in self.folded.boxes:
            product = self.graph.nodes[box.members[0]]
            if box.folded or product.group is None or product.op.name != "mul":
                continue
            operands = [self.graph.nodes[i] for i in product.operands]
            if any(node.kind == PARAMETER for node in operands):
                found += [(node, product) for node in operands if node.kind == CONSTANT_NUMBER]
        return found

    def wires(self) -> list[Wire]:
        """The edges, in the order of the operands: between single nodes one for each, so a repeated one has two."""
        links: dict[int, list[Link]] = {}
        for link in self.folded.links:
            links.setdefault(link.target, []).append(link)
        given = {(product.index, node.index) for node, product in self.floats()}
        found: list[Wire] = []
        for box in self.folded.boxes:
            target = f"b{box.index}"
            if box.folded:
                for place, link in enumerate(sorted(links.get(box.index, []), key=self._place)):
                    found.append(Wire(f"b{link.source}", target, place, place, "", count(link.count, "edge")))
                continue
            node, place = self.graph.nodes[box.members[0]], 0
            from_folded: set[int] = set()
            for position, operand in enumerate(node.operands):
                if operand in self._box_of:
                    source = self.folded.boxes[self._box_of[operand]]
                    if source.folded and source.index in from_folded:
                        continue
                    from_folded.add(source.index)
                    label, title = self._derivative(node, position)
                    found.append(Wire(f"b{self._box_of[operand]}", target, place, position, label, title))
                elif (node.index, operand) in given:
                    found.append(Wire(f"c{operand}", target, place, position, "", f"operand {position + 1}"))
                else:
                    continue
                place += 1
        return found

    def _place(self, link: Link) -> tuple[bool, list[int]]:
        """Where an edge enters a folded box: inputs first, then parameters in their order."""
        node = self.graph.nodes[self.folded.boxes[link.source].members[-1]]
        if node.kind != PARAMETER or node.group is None or node.group.made_by is None:
            return False, [link.source]
        own = node.group.made_by.neuron.parameters()
        return True, [i for i, p in enumerate(own) if p is node.value]

    def _derivative(self, node: Node, position: int) -> tuple[str, str]:
        """What an edge says: its local derivative as formula and number; and its hover title."""
        formula, value = self.graph.locals_of(node)[position]
        names, repeated = self.graph.operand_names(node), self.graph.place(node, position)
        symbol = self.graph.partial(node, position, lambda name: one_line(name, FORMULA_LENGTH))
        formula = self._minus(one_line(formula, 200), [node.name, *names])
        known = "" if value is None else drawn(value)
        equals = f" = {known}" if known and known != formula else ""
        title = f"operand {position + 1}: {symbol} = {formula}{equals}"
        if not self.style.derivatives:
            return "", title
        opening = f"{symbol} = " if len(symbol) <= 9 or repeated else ""
        shown = formula if len(formula) <= 26 else ""
        if not shown and not known:
            return "", title
        return (f"{opening}{shown}{equals}" if shown else f"{opening}{known}"), title

    def _minus(self, formula: str, names: Sequence[str]) -> str:
        """A formula with true minus signs, unless a name in it, other than a number's, has a hyphen."""
        hyphen = any("-" in name and not name[1:].replace(".", "").isdigit() for name in names)
        return formula if hyphen else formula.replace("-", "−")

    def _row(self, grad: float | None, label: str = "grad") -> Row:
        return Row(label, drawn(grad), self._tint(grad))

    def _tint(self, grad: float | None) -> str | None:
        if grad is None or not math.isfinite(grad) or not self._largest:
            return None
        return tint(grad, math.ceil(STEPS * math.sqrt(abs(grad) / self._largest)))

    def _one(self, node: Node) -> Card:
        """The card of a single node."""
        grad = self.grads[node.index]
        marks: list[tuple[str, str]] = []
        name, where = self._name(node)
        names = [self._name(self.graph.nodes[i])[0] for i in node.operands]
        formula = self._minus(node.op.formula(names), names) if node.formula else node.kind
        wide = drawn(-0.08471) if self.style.steady else ""
        card = Card(one_line(name, NAME_LENGTH), one_line(formula, FORMULA_LENGTH), sub=where, wide=wide)
        card.title = self._described(node, grad)
        if node.kind == FAILED:
            card.border = "alarm"
            card.marks = [(line, "alarm") for line in textwrap.wrap(one_line(self.graph.error, 300), 40)]
            card.rows = [Row("data", "failed")]
            return card
        card.rows = [Row("data", drawn(node.data)), self._row(grad)]
        if node.is_off and node.group is not None:
            rows = len(self.graph.relus[node.group.neuron])
            dead = self.graph.is_dead(node.group.neuron)
            marks.append((f"dead: off in all {rows} rows" if dead else "off for this input", "muted"))
        odd, born = self._odd([node.index])
        card.marks = marks + odd
        card.border = "alarm" if born else "line"
        return card

    def _name(self, node: Node) -> tuple[str, str]:
        """A node's name; a long one of a neuron's parameter in two parts, the second of which says where it is."""
        group, name = node.group, node.name
        if node.index in self.folded.classes and not node.named:
            return self.folded.classes[node.index], ""
        if node.kind == PARAMETER and group is not None and name.startswith(f"{group.neuron}.") and len(name) > 12:
            return name.removeprefix(f"{group.neuron}."), one_line(group.neuron, FORMULA_LENGTH)
        return name, ""

    def _odd(self, members: Sequence[int]) -> tuple[list[tuple[str, str]], bool]:
        """The mark for what is not finite, its birth before what it reached, and whether it was born here."""
        words = [not_finite(self.graph.nodes[i], self.grads[i], self._births) for i in members]
        said = [word for found in words for word in found]
        born = [word for word in said if word.endswith("born here")]
        return [(word.replace("-", "−"), "alarm" if born else "muted") for word in (born or said)[:1]], bool(born)

    def _several(self, box: Box) -> Card:
        """The card of a box of several folded nodes."""
        members = [self.graph.nodes[i] for i in box.members]
        last = members[-1]
        grads = [g for i in box.members if (g := self.grads[i]) is not None]
        said = box.said
        card = Card(one_line(said.name, 34))
        if box.kind in ("neuron", "layer"):
            card.kind = one_line(said.detail, 24)
        elif box.kind == "repeated":
            card.sub = said.detail
        if box.kind == "neuron" and last.index in self.folded.classes and last.group is not None:
            card.kind = str(neuron_title(last.group))
        if box.kind == "loss":
            if last.named or box.has_result:
                card.name = one_line(last.name, NAME_LENGTH) if last.named else heading(box.title)
            card.sub = box.title
        elif box.kind == "sum":
            card.name, card.kind = one_line(self._name(last)[0], NAME_LENGTH), said.detail
        card.rows += self._facts(box, members)
        if box.has_result:
            card.rows += [Row("data", drawn(last.data)), self._row(self.grads[last.index])]
        elif grads:
            card.rows.append(self._mean(members))
        else:
            card.rows.append(Row("grad", "·"))
        odd, born = self._odd(box.members)
        card.marks = self._off(members) + odd
        card.border = "alarm" if born else "line"
        card.title = self._summary(box, members)
        return card

    def _facts(self, box: Box, members: Sequence[Node]) -> list[Row]:
        """Rows that say how much is in a box."""
        rows = []
        parameters = sum(m.kind == PARAMETER for m in members)
        calls = calls_of(members) if box.kind in ("neuron", "layer") else 0
        if parameters and box.kind == "layer":
            rows.append(Row("parameters", f"{parameters:,}"))
        if calls > 1:
            rows.append(Row("rows", f"{calls:,}"))
        if box.kind == "neuron" and calls == 1:
            inputs = list(dict.fromkeys(m.name for m in self._inputs(members)))
            if inputs:
                shown = ", ".join(inputs[:4]) + (", …" if len(inputs) > 4 else "")
                rows.append(Row("inputs", shown.replace("-", "−")))
        return rows

    def _inputs(self, members: Sequence[Node]) -> list[Node]:
        """The floats that a neuron was given."""
        products = [m for m in members if m.op.name == "mul"]
        operands = [[self.graph.nodes[i] for i in m.operands] for m in products]
        with_weight = [pair for pair in operands if any(m.kind == PARAMETER for m in pair)]
        return [m for pair in with_weight for m in pair if m.kind == CONSTANT_NUMBER]

    def _mean(self, members: Sequence[Node]) -> Row:
        """The mean size of the gradients: of the parameters where there are any, of all values otherwise."""
        found = [(m, g) for m in members if (g := self.grads[m.index]) is not None]
        own = [g for m, g in found if m.kind == PARAMETER] or [g for _, g in found]
        mean = sum(map(abs, own)) / len(own)
        colour = self._tint(mean)
        if colour and any(g < 0 for g in own):
            sign = "negative" if all(g <= 0 for g in own) else "mixed"
            colour = f"{sign}{colour[-1]}"
        return Row("mean |grad|", drawn(mean), colour)

    def _off(self, members: Sequence[Node]) -> list[tuple[str, str]]:
        """How many of the ReLUs in a box are off, and which neurons are off in every row."""
        relus = [m for m in members if m.is_relu]
        off = sum(m.is_off for m in relus)
        if not off:
            return []
        neurons = {m.group.neuron for m in relus if m.group is not None}
        dead = sum(self.graph.is_dead(neuron) for neuron in neurons)
        rows = max(len(self.graph.relus[neuron]) for neuron in neurons)
        if dead and len(neurons) == 1:
            return [(f"⚠ dead: off in all {rows:,} rows", "alarm")]
        words = "off for this input" if len(relus) == 1 else f"ReLU off in {off:,} of {len(relus):,}"
        return [(words, "muted")] + ([(f"⚠ {count(dead, 'neuron')} dead: off in all rows", "alarm")] if dead else [])

    def _summary(self, box: Box, members: Sequence[Node]) -> str:
        """A folded box's hover title."""
        counts: dict[str, int] = {}
        for m in members:
            counts[m.kind] = counts.get(m.kind, 0) + 1
        lines = [box.title] + ([box.path] if box.path else [])
        lines.append(", ".join(count(n, kind) for kind, n in counts.items()))
        data = [m.data for m in members if m.kind != FAILED and math.isfinite(m.data)]
        if data:
            lines.append(f"data from {drawn(min(data))} to {drawn(max(data))}")
        sizes = [abs(g) for m in members if (g := self.grads[m.index]) is not None]
        lines.append(f"largest gradient {drawn(max(sizes))}" if sizes else "no gradient computed yet")
        return "\n".join(one_line(line, TITLE_LENGTH) for line in lines)

    def _described(self, node: Node, grad: float | None) -> str:
        """A node's full numbers, and its local derivatives as formulas and values: the hover title."""
        lines = [f"{one_line(node.name, TITLE_LENGTH)}: {node.kind}"]
        if node.formula:
            lines.append(f"= {one_line(node.formula, TITLE_LENGTH)}")
        if node.kind == FAILED:
            return "\n".join([*lines, self.graph.error])
        lines += [f"data {node.data!r}", "gradient not computed yet" if grad is None else f"grad {grad!r}"]
        lines += [f"used {node.uses} times"] if node.uses > 1 else []
        for i, (formula, value) in enumerate(self.graph.locals_of(node)):
            equals = "" if value is None or formula == short(value) else f" = {value!r}"
            lines.append(f"{self.graph.partial(node, i, one_line)} = {one_line(formula, 200)}{equals}")
        return "\n".join(lines)
