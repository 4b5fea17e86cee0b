"""Find where each card and edge of the page's picture stands, for each way in which its boxes can be opened.

    >>> from micrograd import Value
    >>> from micrograd.views.page.positions import layouts
    >>> from micrograd.views.record import Record
    >>> x = Value(3.0, label="x")
    >>> (only,) = layouts(Record(x * x))
    >>> [box.members for box in only.boxes], [(e.source, e.target, e.position) for e in only.edges]
    ([(0,), (1,)], [(0, 1, 0), (0, 1, 1)])

Graphviz places empty boxes of the right sizes; the page's script draws what is in them. So the numbers can change
without a new layout. The first layout is the graph as it is folded, a net at least by its neurons; each of the others
has one box of another layout opened, its members inside a frame, and all the rest making room.
"""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree

from micrograd.errors import LayoutError
from micrograd.views import layout
from micrograd.views.fold import Folded, fold
from micrograd.views.record import Record
from micrograd.views.snapshot import PARAMETER, Node, Snapshot
from micrograd.words import one_line, short

Triple = tuple[int, int, int]  # an edge: its source, its target, and the operand's position
SVG = "{http://www.w3.org/2000/svg}"
MAX_LAYOUTS = 12  # each takes Graphviz some hundredths of a second, and the page some kilobytes
MAX_OPENED = 36  # boxes that an opened one may turn into
MAX_DRAWN = 250  # boxes in all the layouts with an opened box: the page should be made in a moment
MAX_EDGES = 120  # in a layout with an opened box; Graphviz needs seconds for some hundreds
MAX_PORTS = 8  # with more operands, edges end in the middle
FAN = 3  # edges of one value that leave it side by side
NAME, FORMULA, TITLE = 18, 22, 24  # characters of a card that are shown; the details have them all
# A parameter's name: whose it is, and what it is there, as in layers.0.neurons.2 and w.1. The script reads it so too.
OWNED = r"^(.+)\.([A-Za-z_]\w*(?:\.\d+)*)$"

# Sizes in CSS pixels: of a card, of its rows, and of a character in its fonts.
LEAST, HEAD, ROW, PAD = 128, 32, 25, 12
APART, NEAR = 1.75, 1  # inches between columns: with room for the numbers on the edges, and where there are none
BOLD, SMALL, DIGIT = 9.2, 6.9, 8.2


@dataclass(frozen=True)
class Placed:
    """A box and where it is: its top left corner, width and height. `opens` is the layout in which it is open."""

    title: str
    members: tuple[int, ...]
    has_result: bool
    place: tuple[int, int, int, int] = (0, 0, 0, 0)
    opens: int = -1

    @property
    def folded(self) -> bool:
        return bool(self.title)


@dataclass(frozen=True)
class PlacedEdge:
    """An edge from one box to another; `position` is the operand's, or -1 where the edge stands for `count` edges."""

    source: int
    target: int
    position: int
    count: int
    path: str = ""


@dataclass
class Layout:
    """Where everything is. `frame` is around the members of the opened box, and `parent` the layout that closes it."""

    boxes: list[Placed]
    edges: list[PlacedEdge]
    size: tuple[int, int] = (0, 0)
    parent: int = -1
    frame: tuple[str, tuple[int, int, int, int]] | None = None
    inside: set[int] = field(default_factory=set)


def folded(graph: Snapshot, by: str = "auto") -> Folded:
    """The boxes with which the page begins: a net has at least a box for each neuron, because a click opens it.

    A picture that cannot be opened is folded only where it is too large to read.
    """
    found = fold(graph, by=by)
    small = by == "auto" and found.level in ("none", "operation")
    if small and len({node.group.neuron for node in graph.nodes if node.group is not None}) > 1:
        return fold(graph, by="neuron")
    return found


def layouts(trace: Record, by: str = "auto") -> list[Layout]:
    """The picture as it is folded, then one layout for each box that can be opened, boxes in opened ones too.

    Raises LayoutError when Graphviz cannot draw it, ValueError for another way to fold and for too many boxes.
    """
    graph, edges = trace.graph, [(e.source, e.target, e.position) for e in trace.graph.edges]
    boxes = [Placed(box.title, tuple(box.members), box.has_result) for box in folded(graph, by).boxes]
    found, drawn = [Layout(boxes, _edges(edges, boxes))], 0
    for number, each in enumerate(found):  # grows on the way
        for i, box in enumerate(each.boxes):
            if not box.folded or len(found) >= MAX_LAYOUTS or (number and i not in each.inside):
                continue  # a box outside of the opened one is opened instead of it
            parts = _parts(graph, box)
            opened = _opened(edges, each, number, i, parts) if len(parts) > 1 else None
            drawn += len(opened.boxes) if opened else 0
            if opened and len(opened.edges) <= MAX_EDGES and drawn <= MAX_DRAWN:
                found.append(opened)
                each.boxes[i] = replace(box, opens=len(found) - 1)
    sizes = _Sizes(trace)
    for each, picture in zip(found, _rendered(found, sizes)):
        _place(each, picture)
    return found


def _rendered(found: list[Layout], sizes: _Sizes) -> list[str]:
    """Graphviz's pictures: the `dot` program draws them all in one run, and WebAssembly the first one.

    Graphviz cannot place an edge between neighbours of one column when one of them has ports, as happens inside an
    opened box: then the pictures with an opened box are drawn without ports.
    """
    for ports in (True, False):
        sources = [_dot(each, sizes, ports=ports or each.frame is None) for each in found]
        pictures: list[str] = []
        try:
            while len(pictures) < len(sources):
                pictures += layout.render("\n".join(sources[len(pictures) :])).decode().split("</svg>")[:-1]
            break
        except LayoutError:
            if not ports:
                raise
    return [picture[picture.index("<svg") :] + "</svg>" for picture in pictures]


def _parts(graph: Snapshot, box: Placed) -> list[Placed]:
    """What a folded box opens into: a layer of many rows into its neurons, and these into rows; else its members."""
    neurons: dict[str, list[int]] = {}
    for node in (graph.nodes[i] for i in box.members):
        neurons.setdefault(node.group.neuron if node.group else "", []).append(node.index)
    calls: dict[int, list[int]] = {}
    for node in (graph.nodes[i] for i in box.members):
        calls.setdefault(node.group.call if node.group else -1, []).append(node.index)
    if len(neurons) > 1 and len(calls) > 2:
        return [Placed(name or "the rest", tuple(members), False) for name, members in neurons.items()]
    if len(calls) > 2:  # a neuron of many rows: a box for each row, and one for its parameters
        titled = [("parameters", calls.pop(-1, []))]
        titled += [(f"row {n}", calls[call]) for n, call in enumerate(sorted(calls), start=1)]
        rows = [Placed(title if len(m) > 1 else "", tuple(m), title != "parameters") for title, m in titled if m]
        if len(rows) <= MAX_OPENED:
            return rows
    found = fold(graph, only=box.members, max_boxes=MAX_OPENED).boxes
    if len(found) == 1 and len(box.members) <= MAX_OPENED:
        found = fold(graph, only=box.members, by="none").boxes
    return [Placed(part.title, tuple(part.members), part.has_result) for part in found]


def _opened(edges: list[Triple], before: Layout, number: int, which: int, parts: list[Placed]) -> Layout:
    """A layout with one box of the layout `before`, whose number this is, replaced by its parts."""
    box = before.boxes[which]
    rest = [replace(each, opens=-1) for i, each in enumerate(before.boxes) if i != which]
    boxes = sorted(rest + parts, key=lambda each: each.members[-1])
    inside = {i for i, each in enumerate(boxes) if each in parts}
    return Layout(boxes, _edges(edges, boxes), parent=number, frame=(box.title, (0, 0, 0, 0)), inside=inside)


def _edges(edges: list[Triple], boxes: list[Placed]) -> list[PlacedEdge]:
    box_of = {i: number for number, box in enumerate(boxes) for i in box.members}
    counts: dict[tuple[int, int, int], int] = {}
    for start, end, position in edges:
        source, target = box_of.get(start), box_of.get(end)
        if source is None or target is None or source == target:
            continue
        single = not (boxes[source].folded or boxes[target].folded)
        key = source, target, position if single else -1
        counts[key] = counts.get(key, 0) + 1
    return [PlacedEdge(*key, count) for key, count in counts.items()]


def title_lines(title: str) -> list[str]:
    """A box's title in the lines in which its card shows it."""
    return textwrap.wrap(one_line(title, 3 * TITLE), TITLE) or [""]


class _Sizes:
    """How wide and high each box must be for what the script writes into it."""

    def __init__(self, trace: Record):
        self.trace, self.graph = trace, trace.graph

    def of(self, box: Placed) -> tuple[float, float]:
        if box.folded:
            lines = title_lines(box.title)
            return max(180.0, max(map(len, lines)) * BOLD + 2 * PAD + 20), HEAD + ROW * (len(lines) + 1) - 4
        return self._card(self.graph.nodes[box.members[0]])

    def _card(self, node: Node) -> tuple[float, float]:
        owned = re.match(OWNED, node.name) if node.kind == PARAMETER else None
        owner, name = owned.groups() if owned else ("", node.name)
        beside = one_line(node.formula or owner or node.kind, FORMULA)
        head = min(len(name), NAME) * BOLD + len(beside) * SMALL + 18
        steps = self.trace.received(node.index)
        rows = 2 + (len(steps) > 1)
        terms = [short(step.contribution) for step in steps[-3:]]
        grads = len(" + ".join(f"({x})" if x.startswith("-") else x for x in terms)) if len(terms) > 1 else 9
        return max(LEAST, head + 2 * PAD, 42 + grads * DIGIT + 2 * PAD), HEAD + ROW * rows


def _place(each: Layout, text: str) -> None:
    """Put the boxes and edges where Graphviz has them."""
    picture = ElementTree.fromstring(text)
    graph = picture.find(f"{SVG}g")
    assert graph is not None
    right, down = (float(x) for x in re.findall(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", graph.attrib["transform"])[0])
    for group in graph.findall(f"{SVG}g"):
        name = group.get("id", "")
        if group.get("class") == "edge":
            (path,) = group.iter(f"{SVG}path")
            number = int(name[1:])
            each.edges[number] = replace(each.edges[number], path=_moved(path.attrib["d"], right, down))
            continue
        place = _bounds(group, right, down)
        if group.get("class") == "node":
            each.boxes[int(name[1:])] = replace(each.boxes[int(name[1:])], place=place)
        elif each.frame is not None:
            each.frame = each.frame[0], place
    width, height = (math.ceil(float(x)) for x in picture.attrib["viewBox"].split()[2:])
    each.size = width, height


def _dot(each: Layout, sizes: _Sizes, *, ports: bool = True) -> str:
    """Empty boxes as DOT: the fields of a box are the places where operands come in, from the top down.

    They are records, because Graphviz as WebAssembly has no HTML-like labels.
    """
    entering: dict[int, list[int]] = {}  # the edges into each box, in the order of the operands, or of their boxes
    leaving: dict[int, int] = {}
    for number in sorted(range(len(each.edges)), key=lambda i: (each.edges[i].position, each.edges[i].source)):
        entering.setdefault(each.edges[number].target, []).append(number)
        leaving[each.edges[number].source] = leaving.get(each.edges[number].source, 0) + 1
    shape = "shape=record fixedsize=true fontsize=1 margin=0"
    # an edge into a folded box has no numbers of its own, but those that travel along it
    apart = NEAR if each.edges and all(each.boxes[edge.target].folded for edge in each.edges) else APART
    lines = [f"digraph {{ rankdir=LR nodesep=0.45 ranksep={apart} node [{shape}] edge [arrowhead=none]"]
    port_of: dict[int, str] = {}
    for i, box in enumerate(each.boxes):
        width, height = sizes.of(box)
        size = f"width={width / 72:.4f} height={height / 72:.4f}"
        here = entering.get(i, [])
        if ports and 1 < len(here) <= MAX_PORTS:
            port_of |= {number: f"i{place}:w" for place, number in enumerate(here)}
            fields = "|".join(f"<i{place}>" for place in range(len(here))) + " "
            line = f'b{i} [id=b{i} label="{fields}" {size}]'
        else:
            line = f'b{i} [id=b{i} shape=box label="" {size}]'
        lines.append(f"subgraph cluster_open {{ id=frame margin=28 {line} }}" if i in each.inside else line)
    for number, edge in enumerate(each.edges):
        # a value's few edges part where they leave; many, or a box's, leave together
        together = each.boxes[edge.source].folded or leaving[edge.source] > FAN
        start = f"b{edge.source}:e" if together else f"b{edge.source}"
        lines.append(f"{start} -> b{edge.target}:{port_of.get(number, 'w')} [id=e{number}]")
    return "\n".join([*lines, "}"])


def _bounds(group: ElementTree.Element, right: float, down: float) -> tuple[int, int, int, int]:
    (shape,) = list(group.iter(f"{SVG}polygon"))[:1] or list(group.iter(f"{SVG}path"))[:1]
    numbers = [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", shape.get("points") or shape.get("d") or "")]
    xs, ys = numbers[::2], numbers[1::2]
    left, top = round(min(xs) + right), round(min(ys) + down)
    return left, top, round(max(xs) + right) - left, round(max(ys) + down) - top


def _moved(path: str, right: float, down: float) -> str:
    """A path's text with whole coordinates, counted from the picture's corner."""

    def moved(match: re.Match[str]) -> str:
        return f"{round(float(match[1]) + right)} {round(float(match[2]) + down)}"

    return re.sub(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)", moved, path)
