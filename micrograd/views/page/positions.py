"""Find where each card and edge of the page's picture stands, for each way in which its boxes can be opened.

    >>> from micrograd import Value
    >>> from micrograd.views.page.positions import layouts
    >>> from micrograd.views.record import Record
    >>> x = Value(3.0, label="x")
    >>> (only,) = layouts(Record(x * x))
    >>> [box.members for box in only.boxes], [(e.source, e.target, e.position) for e in only.edges]
    ([(0,), (1,)], [(0, 1, 0), (0, 1, 1)])

Graphviz places empty boxes of the right sizes; the page's script draws what is in them. So the numbers can change
without a new layout. The first layout is the graph as it is folded; each of the others has one box of another layout
opened, its members inside a frame, and all the rest making room.
"""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree

from micrograd.views import layout
from micrograd.views.fold import fold
from micrograd.views.record import Record
from micrograd.views.snapshot import Node, Snapshot
from micrograd.words import one_line, short

Triple = tuple[int, int, int]  # an edge: its source, its target, and the operand's position
SVG = "{http://www.w3.org/2000/svg}"
MAX_LAYOUTS = 12  # each takes Graphviz some hundredths of a second, and the page some kilobytes
MAX_OPENED = 36  # boxes that an opened one may turn into
MAX_EDGES = 120  # in a layout with an opened box; Graphviz needs seconds for some hundreds
MAX_PORTS = 8  # with more operands, edges end where Graphviz likes
NAME, FORMULA, TITLE = 18, 22, 24  # characters of a card that are shown; the details have them all

# Sizes in CSS pixels: of a card, of its rows, and of a character in its fonts.
LEAST, HEAD, ROW, PADDING = 128, 32, 25, 12
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


def layouts(trace: Record) -> list[Layout]:
    """The picture as it is folded, then one layout for each box that can be opened, boxes in opened ones too.

    Raises LayoutError when Graphviz cannot draw it.
    """
    graph, edges = trace.graph, [(e.source, e.target, e.position) for e in trace.graph.edges]
    boxes = [Placed(box.title, tuple(box.members), box.has_result) for box in fold(graph).boxes]
    found = [Layout(boxes, _edges(edges, boxes))]
    for number, each in enumerate(found):  # grows on the way
        for i, box in enumerate(each.boxes):
            if not box.folded or len(found) >= MAX_LAYOUTS or (number and i not in each.inside):
                continue  # a box outside of the opened one is opened instead of it
            parts = _parts(graph, box)
            opened = _opened(edges, each, number, i, parts) if len(parts) > 1 else None
            if opened and len(opened.edges) <= MAX_EDGES:
                found.append(opened)
                each.boxes[i] = replace(box, opens=len(found) - 1)
    sizes = _Sizes(trace)
    for each, picture in zip(found, _rendered([_dot(each, sizes) for each in found])):
        _place(each, picture)
    return found


def _rendered(sources: list[str]) -> list[str]:
    """The pictures of several graphs: `dot` draws them all in one run, and WebAssembly the first one."""
    pictures = layout.render("\n".join(sources)).decode().split("</svg>")[:-1]
    pictures += [layout.render(source).decode().split("</svg>")[0] for source in sources[len(pictures) :]]
    return [picture[picture.index("<svg") :] + "</svg>" for picture in pictures]


def _parts(graph: Snapshot, box: Placed) -> list[Placed]:
    """What a folded box opens into: a layer of many rows into its neurons; else its members, or boxes of them."""
    neurons: dict[str, list[int]] = {}
    for node in (graph.nodes[i] for i in box.members):
        neurons.setdefault(node.group.neuron if node.group else "", []).append(node.index)
    if len(neurons) > 1 and len({node.group.call for i in box.members if (node := graph.nodes[i]).group}) > 2:
        return [Placed(name or "the rest", tuple(members), False) for name, members in neurons.items()]
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
        self.graph = trace.graph
        self.received: dict[int, list[float]] = {}
        for step in trace:
            self.received.setdefault(step.receiver, []).append(step.contribution)

    def of(self, box: Placed) -> tuple[float, float]:
        if box.folded:
            lines = title_lines(box.title)
            return max(180.0, max(map(len, lines)) * BOLD + 2 * PADDING + 20), HEAD + ROW * (len(lines) + 1) - 4
        return self._card(self.graph.nodes[box.members[0]])

    def _card(self, node: Node) -> tuple[float, float]:
        beside = one_line(node.formula, FORMULA) if node.formula else node.kind
        head = min(len(node.name), NAME) * BOLD + len(beside) * SMALL + 18
        contributions = self.received.get(node.index, [])
        rows = 2 + (len(contributions) > 1)
        terms = [short(x) for x in contributions[-3:]]
        grads = len(" + ".join(f"({x})" if x.startswith("-") else x for x in terms)) if len(terms) > 1 else 9
        return max(LEAST, head + 2 * PADDING, 42 + grads * DIGIT + 2 * PADDING), HEAD + ROW * rows


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


def _dot(each: Layout, sizes: _Sizes) -> str:
    """Empty boxes as DOT: the cells of a box are the places where operands come in, from the top down."""
    wanted: dict[int, list[int]] = {}
    for edge in each.edges:
        wanted.setdefault(edge.target, []).append(edge.position)
    lines = ["digraph { rankdir=LR nodesep=0.45 ranksep=1.75 node [shape=plain] edge [arrowhead=none]"]
    ported = set()
    for i, box in enumerate(each.boxes):
        width, height = sizes.of(box)
        positions = sorted(wanted.get(i, []))
        cells = [""]
        if -1 not in positions and 1 < len(positions) <= MAX_PORTS:
            cells = [f'PORT="i{position}"' for position in positions]
            ported.add(i)
        size = f'FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height / len(cells):.0f}"'
        rows = "".join(f"<TR><TD {cell} {size}></TD></TR>" for cell in cells)
        table = f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'
        line = f"b{i} [id=b{i} label=<{table}>]"
        lines.append(f"subgraph cluster_open {{ id=frame margin=28 {line} }}" if i in each.inside else line)
    for number, edge in enumerate(each.edges):
        port = f"i{edge.position}:w" if edge.target in ported else "w"
        lines.append(f"b{edge.source} -> b{edge.target}:{port} [id=e{number}]")
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
