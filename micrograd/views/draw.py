"""Draw a computation graph: `draw_dot(z)` in a notebook, `svg(z)`, `save(z, "z.svg")`, `print(tree(z))`.

    >>> from micrograd import Value
    >>> from micrograd.views.draw import tree
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> z = x / (x + y)
    >>> z.backward()
    >>> print(tree(z))
    v2 = x / v1     data -1   grad 1
    ├─ x            data 2    grad -1     used 2 times
    └─ v1 = x + y   data -2   grad -0.5
       ├─ x         data 2    grad -1     used 2 times
       └─ y         data -4   grad -0.5

Blue means a positive gradient and orange a negative one, deeper and with a thicker border the larger it is; the number
says the same. Ovals are inputs, boxes with cut corners parameters, plain boxes operations, and the double border is
the result; a gradient that backward has not computed is a dot.
"""

from __future__ import annotations

import html
import math
import os
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import graphviz

from micrograd.files import write_whole
from micrograd.views import layout
from micrograd.views.fold import MAX_BOXES, Box, Folded, Link, fold
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, LEAF, PARAMETER, Node, Snapshot, snapshot
from micrograd.words import count, one_line, short

POSITIVE, NEGATIVE, NEUTRAL = (86, 180, 233), (230, 159, 0), (255, 255, 255)  # Okabe and Ito's sky blue and orange
SHAPES = {LEAF: "ellipse", PARAMETER: "octagon", FAILED: "doubleoctagon"}
TITLE_LENGTH = 1000  # characters of a name that a hover title has; the label itself has fewer
MAX_ROWS = 1000  # of a tree
BACKSLASH = "\ue000"  # a character for private use, which stands for a backslash in hover titles until they are drawn


class Drawing(graphviz.Digraph):
    """A `graphviz.Digraph` that renders, saves and displays itself, with or without a `dot` program."""

    def pipe(self, format: str | None = None, *ignored: Any, encoding: str | None = None, **options: Any) -> Any:
        """The picture as bytes, or as text in the given encoding. Raises LayoutError as micrograd.views.layout says."""
        picture = layout.render(self.source, format=format or self.format, engine=options.get("engine") or self.engine)
        if (format or self.format) == "svg":
            picture = picture.replace(BACKSLASH.encode(), b"\\")
        return picture if encoding is None else picture.decode(encoding)

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *ignored: Any,
        outfile: Any = None,
        **options: Any,
    ) -> str:
        """Save the DOT source and the picture beside it, named after both; returns the picture's path."""
        kind = format or (Path(outfile).suffix[1:] if outfile is not None else "") or self.format
        picture = self.pipe(kind, engine=options.get("engine"))
        if outfile is not None and filename is None:
            filename = Path(outfile).with_suffix(".gv")
        source = self.save(filename, directory=directory)
        path = os.fspath(outfile) if outfile is not None else f"{source}.{kind}"
        if options.get("raise_if_result_exists") and os.path.exists(path):
            raise graphviz.FileExistsError(f"output file exists: {path!r}")
        Path(path).write_bytes(picture)
        if cleanup:
            os.remove(source)
        if view:
            self._view(path, format=kind, quiet=bool(options.get("quiet_view")))
        return path


def draw_dot(
    root: Any,
    format: str = "svg",
    rankdir: str = "LR",
    names: Any = None,
    fold: str = "auto",
    *,
    around: Any = None,
    hops: int = 2,
    paths_from: Any = None,
    max_boxes: int = MAX_BOXES,
    derivatives: bool = False,
) -> Drawing:
    """The drawing of the graph behind a Value, or behind an error that an operation raised.

    `format` is what it renders to ("svg"; "png", "pdf" and others with a `dot` program), `rankdir` the direction in
    which it grows ("LR", "TB"). `names` gives names as in `micrograd.views.snapshot.snapshot`, `fold` says how to fold
    as in `micrograd.views.fold.fold`. `around` (a Value or a name) draws only what is within `hops` edges of it,
    `paths_from` only what lies on a path from it to the result. `derivatives=True` writes the local derivatives on the
    edges.

    Raises TypeError for another root, ValueError for a fold or rankdir that there is not, KeyError for an unknown name.
    """
    graph = snapshot(root, names=names)
    return drawing(
        graph,
        format=format,
        rankdir=rankdir,
        by=fold,
        only=_part(graph, around, hops, paths_from),
        max_boxes=max_boxes,
        derivatives=derivatives,
    )


def svg(root: Any, **options: Any) -> str:
    """The drawing as the text of an SVG; `options` are draw_dot's."""
    return svg_text(draw_dot(root, **options))


def save(root: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a drawing by the file's suffix: .svg, .dot or .gv, and with a `dot` program .png and .pdf.

    Raises LayoutError when the format needs a `dot` program and there is none, ValueError for another suffix.
    """
    path = with_suffix(path, ".svg", ".png", ".pdf", ".dot", ".gv")
    suffix = path.suffix.lower()
    dot = draw_dot(root, **options)
    if suffix == ".svg":
        return write_whole(path, svg_text(dot).encode())
    if suffix in (".dot", ".gv"):
        return write_whole(path, dot.source.replace(BACKSLASH, "\\\\").encode())
    return write_whole(path, dot.pipe(suffix[1:]))


def with_suffix(path: str | os.PathLike[str], *allowed: str) -> Path:
    """The path, whose suffix says what will be in the file. Raises ValueError for one that would say something else."""
    path = Path(path)
    if path.suffix.lower() not in allowed:
        raise ValueError(f"{path.name!r}: this is saved as {', '.join(allowed)}")
    return path


def svg_text(dot: Drawing) -> str:
    """The <svg> element alone, without the XML declaration, so that it can stand in a page too."""
    text = dot.pipe("svg", encoding="utf-8")
    return text[text.index("<svg") :].strip() + "\n"


def _part(graph: Snapshot, around: Any, hops: int, paths_from: Any) -> set[int] | None:
    if around is None and paths_from is None:
        return None
    part = set(range(len(graph.nodes)))
    if around is not None:
        part &= graph.around(around, hops=hops)
    if paths_from is not None:
        part &= graph.between(paths_from)
    return part


def drawing(
    graph: Snapshot,
    *,
    format: str = "svg",
    rankdir: str = "LR",
    by: str = "auto",
    only: Iterable[int] | None = None,
    max_boxes: int = MAX_BOXES,
    grads: list[float | None] | None = None,
    folded: Folded | None = None,
    steady: bool = False,
    derivatives: bool = False,
) -> Drawing:
    """The drawing of a snapshot; `grads` are shown in place of the snapshot's own, as the stepper does.

    With `steady`, boxes are wide enough for any gradient, so that pictures of several steps lie on each other.
    """
    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"rankdir={rankdir!r} is no direction: choose 'LR', 'RL', 'TB' or 'BT'")
    folded = folded or fold(graph, by=by, only=only, max_boxes=max_boxes)
    if grads is None:
        grads = [node.grad for node in graph.nodes]
    dot = Drawing(format=format, graph_attr={"rankdir": rankdir, "tooltip": " "})
    dot.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="11", style="filled")
    dot.attr("edge", fontname="Helvetica,Arial,sans-serif", fontsize="9", color="#555555")
    largest = max((abs(g) for g in grads if g is not None and math.isfinite(g)), default=0.0)
    for box in folded.boxes:
        attributes = (
            _folded(graph, box, grads) if box.folded else _single(graph, graph.nodes[box.members[0]], grads, largest)
        )
        if steady and not box.folded:
            attributes["width"] = _steady_width(graph.nodes[box.members[0]])
        dot.node(f"b{box.index}", **attributes, id=f"b{box.index}")
    for link in folded.links:
        label = str(link.count) if link.count > 1 else ""
        if derivatives:
            label = _local_numbers(graph, folded, link) or label
        title = _edge_title(graph, folded, link)
        dot.edge(f"b{link.source}", f"b{link.target}", label=label, tooltip=title, id=f"e{link.source}_{link.target}")
    return dot


def _single(graph: Snapshot, node: Node, grads: list[float | None], largest: float) -> dict[str, str]:
    grad = grads[node.index]
    lines = [f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else one_line(node.name)]
    numbers = "failed" if node.kind == FAILED else f"data {short(node.data)}   grad {short(grad)}"
    lines.append(numbers)
    notes = [f"used {node.uses} times"] if node.uses > 1 else []
    if node.kind != FAILED:
        notes += [f"\N{WARNING SIGN} {x!r}" for x in (node.data, grad) if x is not None and not math.isfinite(x)]
    if node.is_dead_relu and node.kind != FAILED:
        notes.append("\N{WARNING SIGN} dead ReLU (for this input)")
    if node.kind == FAILED:
        notes += textwrap.wrap("\N{WARNING SIGN} " + one_line(graph.error, 300), 44)
    lines += notes
    strength = abs(grad) / largest if grad and largest and math.isfinite(grad) else 0.0
    return {
        "label": _label("\n".join(lines)),
        "tooltip": _title(describe(graph, node, grad)),
        "shape": SHAPES.get(node.kind, "box"),
        "fillcolor": _colour(grad, strength),
        "penwidth": f"{1 + 2 * strength:.2f}",
        "peripheries": "2" if node is graph.root and node.kind != FAILED else "1",
    }


def _steady_width(node: Node) -> str:
    """Inches that hold a node's lines at 11 points whatever its gradient, such as -0.08471, is."""
    lines = [
        f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else "",
        f"data {short(node.data)}   grad -0.08471",
    ]
    wide = 1.4 if node.kind == LEAF else 1.15 if node.kind == PARAMETER else 1.0
    return f"{wide * (0.078 * max(map(len, lines)) + 0.2):.2f}"


def _folded(graph: Snapshot, box: Box, grads: list[float | None]) -> dict[str, str]:
    members = [graph.nodes[i] for i in box.members]
    data = [m.data for m in members if m.kind != FAILED]
    sizes = [abs(g) for i in box.members if (g := grads[i]) is not None]
    counts: dict[str, int] = {}
    for m in members:
        counts[m.kind] = counts.get(m.kind, 0) + 1
    holds = ", ".join(count(n, kind) for kind, n in counts.items())
    odd = sum(not math.isfinite(x) for x in [*data, *sizes])
    dead = sum(m.is_dead_relu for m in members)
    lines = [one_line(box.title), f"{len(members):,} values folded"]
    if box.has_result:
        lines.append(f"data {short(members[-1].data)}   grad {short(grads[members[-1].index])}")
    lines += [f"\N{WARNING SIGN} {odd:,} nan or inf"] * (odd > 0) + [f"\N{WARNING SIGN} {dead:,} dead ReLUs"] * (
        dead > 0
    )
    range_of = f"data from {short(min(data))} to {short(max(data))}" if data and not odd else "data not all finite"
    largest = f"largest gradient {short(max(sizes))}" if sizes else "no gradient computed yet"
    return {
        "label": _label("\n".join(lines)),
        "tooltip": _title(f"{box.title}\n{holds}\n{range_of}\n{largest}"),
        "shape": "box3d",
        "fillcolor": "#eeeeee",
        "peripheries": "1",
    }


def describe(graph: Snapshot, node: Node, grad: float | None) -> str:
    """A node's full numbers, and its local derivatives as formulas and values: the hover title."""
    lines = [f"{one_line(node.name, TITLE_LENGTH)}: {node.kind}"]
    if node.formula:
        lines.append(f"= {one_line(node.formula, TITLE_LENGTH)}")
    lines += [f"data {node.data!r}", "gradient not computed yet" if grad is None else f"grad {grad!r}"]
    if node.kind == FAILED:
        return "\n".join([*lines[:2], graph.error])
    for operand, (formula, value) in zip(graph.operand_names(node), graph.locals_of(node)):
        number = "" if value is None else f" = {value!r}"
        lines.append(f"d {one_line(node.name)} / d {one_line(operand)} = {one_line(formula, 200)}{number}")
    return "\n".join(lines)


def _local_numbers(graph: Snapshot, folded: Folded, link: Link) -> str:
    return ", ".join(short(value) for _, _, value in _along(graph, folded, link))


def _edge_title(graph: Snapshot, folded: Folded, link: Link) -> str:
    edges = _along(graph, folded, link)
    if not edges:
        return count(link.count, "edge")
    lines = []
    for position, formula, value in edges:
        number = "" if value is None else f" = {value!r}"
        lines.append(f"operand {position}: local derivative {one_line(formula, 200)}{number}")
    return _title("\n".join(lines))


def _along(graph: Snapshot, folded: Folded, link: Link) -> list[tuple[int, str, float | None]]:
    """The edges of a link between single nodes: operand position from 1, formula and value of the local derivative."""
    source, target = folded.boxes[link.source], folded.boxes[link.target]
    if source.folded or target.folded:
        return []
    node = graph.nodes[target.members[0]]
    edges = enumerate(zip(node.operands, graph.locals_of(node)), start=1)
    return [(position, *local) for position, (operand, local) in edges if operand == source.members[0]]


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
    """Text that Graphviz makes a hover title as it is. There it knows no way to write a backslash: see `pipe`."""
    return _without_markup(text).replace("\\", BACKSLASH).replace("\n", "\\n")


def _without_markup(text: str) -> str:
    """No entity and no tag, and a space for each character that XML cannot hold."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in text), quote=False)


def tree(root: Any, depth: int = 3, *, names: Any = None) -> str:
    """The graph as indented lines for the terminal, `depth` levels of operands deep, the result first."""
    return tree_of(snapshot(root, names=names), depth=depth)


def tree_of(
    graph: Snapshot, *, depth: int = 3, top: Node | None = None, grads: list[float | None] | None = None
) -> str:
    """As `tree`, of a snapshot, from a node other than the result, and with gradients other than its own."""
    rows: list[tuple[str, str, str, str]] = []
    stack = [(top or graph.root, "", "", depth)]  # a node, what leads its line and those below it, levels to go
    while stack and len(rows) < MAX_ROWS:
        node, lead, follow, levels = stack.pop()
        grad = grads[node.index] if grads is not None else node.grad
        text = f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else one_line(node.name)
        below = [graph.nodes[i] for i in node.operands if graph.nodes[i].kind != CONSTANT_NUMBER]
        if below and levels == 0:
            text += " …"
        data = "failed" if node.kind == FAILED else f"data {short(node.data)}"
        rows.append((lead + text, data, f"grad {short(grad)}", f"used {node.uses} times" if node.uses > 1 else ""))
        for i, operand in reversed(list(enumerate(below if levels else []))):
            last = i == len(below) - 1
            stack.append(
                (operand, follow + ("└─ " if last else "├─ "), follow + ("   " if last else "│  "), levels - 1)
            )
    if stack:
        rows.append((f"… and more, after {MAX_ROWS:,} lines", "", "", ""))
    widths = [max(len(row[i]) for row in rows) + 3 for i in range(3)] + [0]
    return "\n".join("".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows)
