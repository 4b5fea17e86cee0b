"""Rewrite Graphviz's drawing for the page, where the style sheet sets the colours and the script the numbers.

>>> from micrograd import Value
>>> from micrograd.views.draw import svg
>>> from micrograd.views.fold import fold
>>> from micrograd.views.record import Record
>>> from micrograd.views.redrawn import redrawn
>>> z = Value(2.0, label="x") * 3.0
>>> trace = Record(z)
>>> text = redrawn(svg(z), trace, fold(trace.graph))
>>> len(text) < len(svg(z)) / 2, '<g id="b1">' in text, '<path id="e0_1"' in text
(True, True, True)
"""

from __future__ import annotations

import html
import math
import re
from xml.etree import ElementTree

from micrograd.views.fold import Folded
from micrograd.views.record import Record
from micrograd.views.snapshot import FAILED
from micrograd.words import short

SVG = "{http://www.w3.org/2000/svg}"


def redrawn(text: str, trace: Record, folded: Folded) -> str:
    """Graphviz's drawing rewritten: shapes, lines and text, without its links, titles, colours and fonts.

    That is a quarter of the text, leaves the colours to the style sheet, and lets only what is named here through.
    Each box is a `<g id="b3">`, each edge a `<path id="e0_3">`; the arrow heads are markers.
    """
    root = ElementTree.fromstring(text)
    width, height = (math.ceil(float(x)) for x in root.attrib["viewBox"].split()[2:])
    graph = root.find(f"{SVG}g")
    assert graph is not None
    edges: list[str] = []
    nodes: dict[int, str] = {}  # by their boxes, operands first: the order in which Tab goes through them
    for group in graph.findall(f"{SVG}g"):
        if group.get("class") == "edge":
            edges += [
                f'<path id="{group.attrib["id"]}" d="{_rounded(e.attrib["d"])}"/>' for e in group.iter(f"{SVG}path")
            ]
            edges += [_text(e, e.text or "") for e in group.iter(f"{SVG}text")]
        elif group.get("class") == "node":
            nodes[int(group.attrib["id"][1:])] = _box(group, trace, folded)
    transform = _rounded(graph.attrib["transform"].partition("translate")[2])
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 10 8" refY="4" markerWidth="{size}" markerHeight="{size}" '
        'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 10 4 0 8z"/></marker>'
        for name, size in (("head", 10), ("lit", 13))
    )
    return (
        f'<svg id="graph" viewBox="0 0 {width} {height}" width="{width * 4 // 3}" height="{height * 4 // 3}" '
        f'role="group" aria-label="The graph"><defs>{heads}</defs><g transform="translate{transform}">'
        f'<g id="edges">{"".join(edges)}</g><g id="nodes">{"".join(nodes[i] for i in sorted(nodes))}</g></g></svg>'
    )


def _box(group: ElementTree.Element, trace: Record, folded: Folded) -> str:
    name = group.attrib["id"]
    box = folded.boxes[int(name[1:])]
    parts: list[str] = []
    for e in group.iter():
        shape = e.tag.removeprefix(SVG)
        if shape == "ellipse":
            size = " ".join(f'{key}="{_rounded(e.attrib[key])}"' for key in ("cx", "cy", "rx", "ry"))
            parts.append(f"<ellipse {size}/>")
        elif shape in ("polygon", "polyline"):
            points = _rounded(e.attrib["points"]).split(" ")
            points = points[:-1] if shape == "polygon" and points[0] == points[-1] else points
            parts.append(f'<{shape} points="{" ".join(points)}"/>')
    texts = [(e, e.text or "") for e in group.iter(f"{SVG}text")]
    node = trace.graph.nodes[box.members[-1]]
    place = 2 if box.folded else 1  # the line with the numbers
    if node.kind != FAILED and box.has_result:
        texts[place] = (texts[place][0], f"data {short(node.data)} \xa0 grad ·")
    return f'<g id="{name}">{"".join(parts)}{"".join(_text(e, line) for e, line in texts)}</g>'


def _text(e: ElementTree.Element, text: str) -> str:
    return f'<text x="{_rounded(e.attrib["x"])}" y="{_rounded(e.attrib["y"])}">{html.escape(text, quote=False)}</text>'


def _rounded(text: str) -> str:
    """Coordinates without their decimals, and without each comma before a minus sign, which separates them too."""
    whole = re.sub(r"-?\d+(?:\.\d+)?", lambda match: str(round(float(match[0]))), text.strip())
    return whole.replace(",-", "-")
