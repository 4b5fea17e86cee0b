"""Choose the shapes, colours and words of a drawing's boxes and edges.

    >>> from micrograd import Value
    >>> from micrograd.views.fold import fold
    >>> from micrograd.views.snapshot import snapshot
    >>> from micrograd.views.style import PLAIN, Painter
    >>> graph = snapshot(Value(2.0, label="x") * Value(3.0, label="y"))
    >>> folded = fold(graph)
    >>> painter = Painter(graph, folded, PLAIN, [3.0, -2.0, 1.0])
    >>> [painter.box(box)["shape"] for box in folded.boxes], [painter.box(box)["fillcolor"] for box in folded.boxes]
    (['ellipse', 'ellipse', 'box'], ['#56b4e9', '#eaae28', '#93cff1'])

Blue is a positive gradient and orange a negative one; the larger it is, the deeper the colour and the thicker the
border. Ovals are inputs, octagons parameters, boxes operations, and the double border is the result; a gradient that
backward has not computed is a dot.
"""

from __future__ import annotations

import html
import math
import textwrap
from dataclasses import dataclass

from micrograd.views.fold import Box, Folded, Link
from micrograd.views.snapshot import FAILED, LEAF, PARAMETER, Node, Snapshot
from micrograd.words import count, one_line, short

POSITIVE, NEGATIVE, NEUTRAL = (86, 180, 233), (230, 159, 0), (255, 255, 255)  # Okabe and Ito's sky blue and orange
SHAPES = {LEAF: "ellipse", PARAMETER: "octagon", FAILED: "doubleoctagon"}
TITLE_LENGTH = 1000
BACKSLASH = "\ue000"  # a character for private use, which stands for a backslash in hover titles until they are drawn


@dataclass(frozen=True)
class Style:
    """How a drawing looks, whatever graph it shows. Raises ValueError for an unknown rankdir.

    With `steady`, boxes are wide enough for any gradient, so that the pictures of several steps line up.
    """

    format: str = "svg"
    rankdir: str = "LR"
    derivatives: bool = False
    steady: bool = False

    def __post_init__(self) -> None:
        if self.rankdir not in ("LR", "RL", "TB", "BT"):
            raise ValueError(f"rankdir={self.rankdir!r} is not a direction: choose 'LR', 'RL', 'TB' or 'BT'")


PLAIN = Style()


class Painter:
    """Graphviz's attributes for the boxes and links of a folded snapshot, with these gradients on it."""

    def __init__(self, graph: Snapshot, folded: Folded, style: Style, grads: list[float | None]):
        self.graph, self.folded, self.style, self.grads = graph, folded, style, grads
        self._largest = max((abs(g) for g in grads if g is not None and math.isfinite(g)), default=0.0)

    def box(self, box: Box) -> dict[str, str]:
        """A box's text, hover title, shape and colour."""
        if box.folded:
            return self._several(box)
        node = self.graph.nodes[box.members[0]]
        width = {"width": _steady_width(node)} if self.style.steady else {}
        return {**self._one(node), **width}

    def link(self, link: Link) -> dict[str, str]:
        """An edge's text, which is its count or local derivative, and its hover title."""
        edges = self._edges(link)
        label = str(link.count) if link.count > 1 else ""
        if self.style.derivatives:
            label = ", ".join(short(value) for _, _, value in edges) or label
        lines = [
            f"operand {position}: local derivative {one_line(formula, 200)}{_equals(value)}"
            for position, formula, value in edges
        ]
        return {
            "label": label,
            "tooltip": _title("\n".join(lines)) or count(link.count, "edge"),
        }

    def _edges(self, link: Link) -> list[tuple[int, str, float | None]]:
        """Edges between single nodes: operand position from 1, formula and value of the local derivative."""
        source, target = self.folded.boxes[link.source], self.folded.boxes[link.target]
        if source.folded or target.folded:
            return []
        node = self.graph.nodes[target.members[0]]
        edges = enumerate(zip(node.operands, self.graph.locals_of(node)), start=1)
        return [(position, *local) for position, (operand, local) in edges if operand == source.members[0]]

    def _one(self, node: Node) -> dict[str, str]:
        """The attributes of a box that is one node."""
        grad, failed = self.grads[node.index], node.kind == FAILED
        lines = [f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else one_line(node.name)]
        lines.append("failed" if failed else f"data {short(node.data)}   grad {short(grad)}")
        lines += [f"used {node.uses} times"] if node.uses > 1 else []
        if failed:
            lines += textwrap.wrap("\N{WARNING SIGN} " + one_line(self.graph.error, 300), 44)
        else:
            odd = [x for x in (node.data, grad) if x is not None and not math.isfinite(x)]
            lines += [f"\N{WARNING SIGN} {x!r}" for x in odd]
            lines += ["\N{WARNING SIGN} dead ReLU (for this input)"] if node.is_dead_relu else []
        strength = abs(grad) / self._largest if grad and self._largest and math.isfinite(grad) else 0.0
        return {
            "label": _label("\n".join(lines)),
            "tooltip": _title(_described(self.graph, node, grad)),
            "shape": SHAPES.get(node.kind, "box"),
            "fillcolor": _colour(grad, strength),
            "penwidth": f"{1 + 2 * strength:.2f}",
            "peripheries": "2" if node is self.graph.root and not failed else "1",
        }

    def _several(self, box: Box) -> dict[str, str]:
        """The attributes of a box of several folded nodes."""
        members = [self.graph.nodes[i] for i in box.members]
        data = [m.data for m in members if m.kind != FAILED]
        sizes = [abs(g) for i in box.members if (g := self.grads[i]) is not None]
        counts: dict[str, int] = {}
        for m in members:
            counts[m.kind] = counts.get(m.kind, 0) + 1
        holds = ", ".join(count(n, kind) for kind, n in counts.items())
        odd = sum(not math.isfinite(x) for x in [*data, *sizes])
        dead = sum(m.is_dead_relu for m in members)
        lines = [one_line(box.title), f"{len(members):,} values folded"]
        if box.has_result:
            lines.append(f"data {short(members[-1].data)}   grad {short(self.grads[members[-1].index])}")
        lines += [f"\N{WARNING SIGN} {odd:,} nan or inf"] if odd else []
        lines += [f"\N{WARNING SIGN} {dead:,} dead ReLUs"] if dead else []
        range_of = f"data from {short(min(data))} to {short(max(data))}" if data and not odd else "data not all finite"
        largest = f"largest gradient {short(max(sizes))}" if sizes else "no gradient computed yet"
        return {
            "label": _label("\n".join(lines)),
            "tooltip": _title(f"{box.title}\n{holds}\n{range_of}\n{largest}"),
            "shape": "box3d",
            "fillcolor": "#eeeeee",
            "peripheries": "1",
        }


def _described(graph: Snapshot, node: Node, grad: float | None) -> str:
    """A node's full numbers, and its local derivatives as formulas and values: the hover title."""
    lines = [f"{one_line(node.name, TITLE_LENGTH)}: {node.kind}"]
    if node.formula:
        lines.append(f"= {one_line(node.formula, TITLE_LENGTH)}")
    if node.kind == FAILED:
        return "\n".join([*lines, graph.error])
    lines += [f"data {node.data!r}", "gradient not computed yet" if grad is None else f"grad {grad!r}"]
    for operand, (formula, value) in zip(graph.operand_names(node), graph.locals_of(node)):
        lines.append(f"d {one_line(node.name)} / d {one_line(operand)} = {one_line(formula, 200)}{_equals(value)}")
    return "\n".join(lines)


def _equals(value: float | None) -> str:
    return "" if value is None else f" = {value!r}"


def _steady_width(node: Node) -> str:
    """Inches that a node's lines need at 11 points, with the widest gradient, such as -0.08471."""
    lines = [
        f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else "",
        f"data {short(node.data)}   grad -0.08471",
    ]
    wide = 1.4 if node.kind == LEAF else 1.15 if node.kind == PARAMETER else 1.0
    return f"{wide * (0.078 * max(map(len, lines)) + 0.2):.2f}"


def _colour(grad: float | None, strength: float) -> str:
    if grad is None or not math.isfinite(grad) or grad == 0:
        mixed: tuple[float, ...] = NEUTRAL
    else:
        full = POSITIVE if grad > 0 else NEGATIVE
        amount = 0.15 + 0.85 * math.sqrt(strength)
        mixed = tuple(n + (f - n) * amount for n, f in zip(NEUTRAL, full))
    return "#" + "".join(f"{round(c):02x}" for c in mixed)


def _label(text: str) -> str:
    """Text that Graphviz draws as it is: nothing in it is an escape, an entity or an HTML-like label."""
    return _without_markup(text).replace("\\", "\\\\").replace("\n", "\\n")


def _title(text: str) -> str:
    """Text that Graphviz shows as it is in a hover title. It cannot write a backslash there: see `pipe`."""
    return _without_markup(text).replace("\\", BACKSLASH).replace("\n", "\\n")


def _without_markup(text: str) -> str:
    """Text without entities and tags, and with a space for each character that XML cannot hold."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in text), quote=False)
