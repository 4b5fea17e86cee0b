"""Draw a computation graph: `draw_dot(z)` in a notebook, `svg(z)`, `save(z, "z.svg")`; `tree(z)` is for a terminal.

    >>> from micrograd import Value
    >>> from micrograd.views.draw import draw_dot, svg
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> z = x / (x + y)
    >>> draw_dot(z)
    v2 = x / v1     data -1   grad ·
    ├─ x            data 2    grad ·   used 2 times
    └─ v1 = x + y   data -2   grad ·
       ├─ x         data 2    grad ·   used 2 times
       └─ y         data -4   grad ·
    a drawing: a notebook shows it; .render("z") saves it, as does micrograd.save(z, "z.svg")
    >>> [line.split("[")[0].strip() for line in draw_dot(z).source.splitlines() if "->" in line]
    ['b0:e -> b2:i0:w', 'b1:e -> b2:i1:w', 'b0:e -> b3:i0:w', 'b2:e -> b3:i1:w']
    >>> svg(z)[:4], svg(z) == svg(z)
    ('<svg', True)

What boxes and edges say is in style.py, how a box looks in card.py, and the colours are in theme.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micrograd.engine import topological_order
from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.modes import collector_paused
from micrograd.views import layout
from micrograd.views.card import FONT, Card, plain
from micrograd.views.finish import finished, id_of, placeholder
from micrograd.views.fold import MAX_BOXES, Folded, refuse
from micrograd.views.fold import fold as fold_graph
from micrograd.views.record_style import draw_records
from micrograd.views.sentence import text as text_of
from micrograd.views.snapshot import Snapshot, root_of, snapshot
from micrograd.views.style import MAX_PORTS, PLAIN, Painter, Style
from micrograd.views.theme import LIGHT, PALETTES, fixed
from micrograd.views.tree import tree, tree_lines
from micrograd.words import drawn, printable

__all__ = ["Drawing", "draw_dot", "save", "svg", "tree"]

if TYPE_CHECKING:
    import graphviz
else:
    graphviz = require("graphviz", extra="")  # comes with the package, unless it was installed with --no-deps

# The side of a box at which its operands arrive, and the one at which it leaves for where it is used.
ENTERS = {"LR": "w", "RL": "e", "TB": "n", "BT": "s"}
LEAVES = {"LR": "e", "RL": "w", "TB": "s", "BT": "n"}
SPACING = {"nodesep": "0.3", "ranksep": "0.55"}


class Drawing(graphviz.Digraph):
    """A `graphviz.Digraph` that renders, saves and displays itself, with or without a `dot` program.

    Its source has HTML-like labels, which every `dot` program draws. Its SVG is finished here: see finish.py.
    """

    theme = "auto"
    described = ""  # what a terminal shows

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.cards: dict[str, Card] = {}  # by the ids of boxes
        self.titles: dict[str, str] = {}  # hover titles, by the ids of edges
        self.plain: dict[str, str] = {}  # lines of the source, and what stands in their place for layout

    def put(self, line: tuple[Any, ...], attributes: dict[str, str], for_layout: tuple[Any, ...], **own: str) -> None:
        """Add a node (one name) or an edge (two), written in one way for people and in another for layout."""
        made = []
        for ends, with_these in ((line, attributes), (for_layout, own)):
            scratch = graphviz.Digraph()
            (scratch.node if len(ends) == 1 else scratch.edge)(*ends, **with_these)
            made.append(scratch.body[0])
        self.body.append(made[0])
        self.plain[made[0]] = made[1]

    def copy(self) -> Drawing:
        """A copy that can be changed without changing this one."""
        made: Drawing = super().copy()
        made.cards, made.titles, made.plain = dict(self.cards), dict(self.titles), dict(self.plain)
        made.theme, made.described = self.theme, self.described
        return made

    def laid_out(self, *, engine: str | None = None) -> str:
        """Graphviz's SVG of plain boxes, in which the cards have their places."""
        source = "".join(self.plain.get(line, line) for line in self)
        return layout.render(source, engine=engine or self.engine).decode()

    def pipe(self, format: str | None = None, *ignored: Any, encoding: str | None = None, **options: Any) -> Any:
        """The picture as bytes, or as text in the given encoding. Raises LayoutError as micrograd.views.layout says."""
        kind, engine = format or self.format, options.get("engine") or self.engine
        if kind == "svg":
            laid_out = self.laid_out(engine=engine)
            picture = finished(laid_out, id_of(self.source + self.theme), self.cards, self.titles, self.theme).encode()
        else:
            paper = PALETTES["light" if self.theme == "auto" else self.theme]["paper"]
            opaque = self.source.replace("bgcolor=transparent", f'bgcolor="{paper}"', 1)
            picture = layout.render(fixed(opaque, self.theme), format=kind, engine=engine)
        return picture if encoding is None else picture.decode(encoding)

    def _repr_svg_(self) -> str:
        """For notebooks."""
        return svg_text(self)

    def _repr_image_svg_xml(self) -> str:
        return svg_text(self)

    def __str__(self) -> str:
        """For `print`: the source."""
        return printable(self.source)

    def __repr__(self) -> str:
        """For the terminal: the graph as indented lines, and how to see the picture."""
        return printable(self.described) or super().__repr__()

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
    theme: str = "auto",
    style: str = "card",
    classes: Sequence[str] = (),
) -> Drawing:
    """The drawing of the graph behind a Value, or behind an error that an operation raised.

    `format` is the format of the picture ("svg"; "png", "pdf" and others with a `dot` program), `rankdir` the direction
    in which the graph grows ("LR", "TB"). `names` is as in `micrograd.views.snapshot.snapshot`, `fold` as `by` in
    `micrograd.views.fold.fold`. `around` (a Value or a name) draws only what is within `hops` edges of it,
    `paths_from` only what lies on a path from it to the result. `derivatives=True` writes the local derivatives on the
    edges. `classes` names the outputs of a net's last layer. `theme` is "light", "dark", "print", or "auto", an SVG
    that is light or dark as its reader prefers. `style="record"` draws as the original micrograd's notebook does.

    Raises TypeError for another kind of root, ValueError for an unknown fold, rankdir, theme or style, for a wrong
    number of classes and for too many boxes, KeyError for an unknown name.
    """
    look = Style(format, rankdir, derivatives=derivatives, theme=theme, look=style)
    if fold == "none" and around is None and paths_from is None:
        refuse(len(topological_order(root_of(root)[0])))
    with collector_paused():  # it would walk all of a large graph again and again
        graph = snapshot(root, names=names)
        part = _part(graph, around, hops, paths_from)
        return drawing(graph, fold_graph(graph, by=fold, only=part, max_boxes=max_boxes, classes=classes), look)


def svg(root: Any, **options: Any) -> str:
    """The drawing as the text of an SVG; `options` are draw_dot's."""
    return svg_text(draw_dot(root, **options))


def save(root: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a drawing in the format of the file's suffix: .svg, .dot or .gv, and with a `dot` program .png and .pdf.

    Raises LayoutError when the format needs a `dot` program and there is none, ValueError for another suffix.
    """
    path = with_suffix(path, ".svg", ".png", ".pdf", ".dot", ".gv")
    suffix = path.suffix.lower()
    dot = draw_dot(root, **options)
    if suffix == ".svg":
        return write_whole(path, svg_text(dot).encode())
    if suffix in (".dot", ".gv"):
        return write_whole(path, fixed(dot.source, dot.theme).encode())
    return write_whole(path, dot.pipe(suffix[1:]))


def with_suffix(path: str | os.PathLike[str], *allowed: str) -> Path:
    """The path, if its suffix is one of these: it sets the format. Raises ValueError for any other suffix."""
    path = Path(path)
    if path.suffix.lower() not in allowed:
        raise ValueError(f"{path.name!r}: the suffix must be {', '.join(allowed)}")
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
    graph: Snapshot, folded: Folded, style: Style = PLAIN, *, grads: list[float | None] | None = None
) -> Drawing:
    """The drawing of a snapshot; `grads` replace the snapshot's own, as the stepper needs."""
    painter = Painter(graph, folded, style, [node.grad for node in graph.nodes] if grads is None else grads)
    dot = Drawing(format=style.format, graph_attr={"rankdir": style.rankdir, "bgcolor": "transparent", **SPACING})
    dot.theme = style.theme
    dot.described = (
        f"{text_of(*tree_lines(graph, depth=3, grads=painter.grads))}\n"
        'a drawing: a notebook shows it; .render("z") saves it, as does micrograd.save(z, "z.svg")'
    )
    if style.look == "record":
        draw_records(dot, graph, folded, painter.grads)
        return dot
    dot.attr("node", fontname=FONT, shape="plain")
    dot.attr("edge", fontname=FONT, fontsize="10", color=LIGHT["wire"], fontcolor=LIGHT["muted"], arrowsize="0.7")
    wires = painter.wires()
    entering: dict[str, int] = {}
    for wire in wires:
        entering[wire.target] = wire.place + 1
    if max(entering.values(), default=0) > 3:
        dot.attr("graph", ranksep="1.3")  # room for the edges to part
    cards = {f"b{box.index}": painter.card(box) for box in folded.boxes}
    for node, _ in painter.floats():
        cards[f"c{node.index}"] = Card(drawn(node.data), small=True, title=f"the number {node.data!r}")
    for name, card in cards.items():
        wanted = entering.get(name, 0)
        ports = [f"i{i}" for i in range(wanted)] if 1 < wanted <= MAX_PORTS else []
        label = card.html_label(ports, ENTERS[style.rankdir])
        shown = {"label": f"<{label}>", "tooltip": _escaped(card.title), "id": name}
        dot.put((name,), shown, (name,), id=name, **placeholder(card, ports))
    dot.cards = cards
    for wire in wires:
        dot.titles[wire.id] = wire.title
        many, target = entering[wire.target], wire.target
        if many <= MAX_PORTS:  # at its own port, or in the middle of the side
            target += (f":i{wire.place}" if many > 1 else "") + f":{ENTERS[style.rankdir]}"
        ends = f"{wire.source}:{LEAVES[style.rankdir]}", target
        words = {"label": _escaped(wire.label)} if wire.label else {}
        shown = {**words, "id": wire.id, "tooltip": _escaped(wire.title)}
        dot.put(ends, shown, ends, id=wire.id, arrowhead="none", **words)
    return dot


def _escaped(text: str) -> str:
    """Text that Graphviz draws as it is: nothing in it is an escape, an entity or an HTML-like label."""
    return plain(text).replace("\\", "\\\\").replace("\n", "\\n")
