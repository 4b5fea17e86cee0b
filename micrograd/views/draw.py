"""Draw a computation graph: `draw_dot(z)` in a notebook, `svg(z)`, `save(z, "z.svg")`; `tree(z)` is for a terminal.

    >>> from micrograd import Value
    >>> from micrograd.views.draw import draw_dot, svg
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> z = x / (x + y)
    >>> [line.split("[")[0].strip() for line in draw_dot(z).source.splitlines() if "->" in line]
    ['b0 -> b2', 'b1 -> b2', 'b0 -> b3', 'b2 -> b3']
    >>> svg(z)[:4]
    '<svg'

How boxes and edges look is in style.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import graphviz

from micrograd.files import write_whole
from micrograd.views import layout
from micrograd.views.fold import MAX_BOXES, Folded
from micrograd.views.fold import fold as fold_graph
from micrograd.views.snapshot import Snapshot, snapshot
from micrograd.views.style import BACKSLASH, PLAIN, Painter, Style
from micrograd.views.tree import tree

__all__ = ["Drawing", "draw_dot", "save", "svg", "tree"]


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

    `format` is the format of the picture ("svg"; "png", "pdf" and others with a `dot` program), `rankdir` the direction
    in which the graph grows ("LR", "TB"). `names` is as in `micrograd.views.snapshot.snapshot`, `fold` as `by` in
    `micrograd.views.fold.fold`. `around` (a Value or a name) draws only what is within `hops` edges of it,
    `paths_from` only what lies on a path from it to the result. `derivatives=True` writes the local derivatives on the
    edges.

    Raises TypeError for another kind of root, ValueError for an unknown fold or rankdir, KeyError for an unknown name.
    """
    graph = snapshot(root, names=names)
    part = _part(graph, around, hops, paths_from)
    style = Style(format, rankdir, derivatives=derivatives)
    return drawing(graph, fold_graph(graph, by=fold, only=part, max_boxes=max_boxes), style)


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
        return write_whole(path, dot.source.replace(BACKSLASH, "\\\\").encode())
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
    dot = Drawing(format=style.format, graph_attr={"rankdir": style.rankdir, "tooltip": " "})
    dot.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="11", style="filled")
    dot.attr("edge", fontname="Helvetica,Arial,sans-serif", fontsize="9", color="#555555")
    for box in folded.boxes:
        dot.node(f"b{box.index}", **painter.box(box), id=f"b{box.index}")
    for link in folded.links:
        ends = link.source, link.target
        dot.edge(*(f"b{i}" for i in ends), **painter.link(link), id="e{}_{}".format(*ends))
    return dot
