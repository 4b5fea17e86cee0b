"""Explain a graph in one HTML page: `explain(z, "z.html")`, or `trace(z).html("z.html")`, and open the file.

    >>> from micrograd import Value
    >>> from micrograd.views.page import page
    >>> from micrograd.views.record import Record
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> text = page(Record(x / (x + y)))
    >>> text.startswith("<!doctype html>"), len(text) < 40_000
    (True, True)

The page steps through forward and backward, lights the drawing, and shows for any node its formula, its numbers and why
its gradient is what it is. It needs no network, and its Content-Security-Policy lets only its own script run.

The page holds the trace's record as short data: the local derivatives, but not the gradients. Its script multiplies and
adds doubles in the same order as `sweep` did, so it computes the same gradients, bit for bit.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
from importlib import resources
from pathlib import Path
from typing import Any

from micrograd.files import write_whole
from micrograd.views.draw import drawing, svg_text, with_suffix
from micrograd.views.fold import Folded, fold
from micrograd.views.record import Record, Step
from micrograd.views.redrawn import redrawn
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, LEAF, OPERATION, PARAMETER, Node
from micrograd.words import count, one_line, short

KINDS = (LEAF, PARAMETER, CONSTANT_NUMBER, OPERATION, FAILED)  # the data has their places here
NAME_LENGTH, FORMULA_LENGTH, ERROR_LENGTH = 120, 400, 1000  # characters at most in the data
MAX_VALUES = 20_000  # some megabytes; a browser has to step through it smoothly
NEVER_SHOWN = -1234.0  # drawn for nan and inf while boxes are laid out, to make room for "nan" and "-inf"

# The page before its script has run. A template's content is inert: never drawn, fetched or run.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}, step by step</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<h1>{title}</h1>
<p>{summary}</p>
<noscript><p>Stepping needs JavaScript, which is switched off here.</p></noscript>
</header>
<section class="player" aria-label="Steps">
<p id="stage"></p>
<output id="arithmetic" aria-live="polite"></output>
<p id="remark"></p>
<input id="scrubber" type="range" min="0" max="{last}" step="1" value="0" aria-label="Step">
<p class="phases" aria-hidden="true"><span id="forward">forward</span><span id="backward">backward</span></p>
<p class="buttons" role="group" aria-label="Move through the steps">
<button type="button" id="first" aria-label="First step">«</button>
<button type="button" id="previous" aria-label="Previous step">&lsaquo;</button>
<button type="button" id="play">Play</button>
<button type="button" id="next" aria-label="Next step">&rsaquo;</button>
<button type="button" id="last" aria-label="Last step">»</button>
<span class="keys"><kbd>←</kbd> <kbd>→</kbd> step, <kbd>n</kbd> <kbd>p</kbd> node, <kbd>space</kbd> play</span>
</p>
</section>
<section class="drawing" aria-label="Drawing">
<div id="scroller">{svg}</div>
<p class="legend"><span><b class="positive">+</b>positive gradient</span> <span><b class="negative">&minus;</b>negative
gradient</span> <span><b class="to"></b>changes now</span> <span><b class="from"></b>what it comes from</span>
<span><b>·</b>not computed yet</span></p>
</section>
<section id="details" aria-label="Details"><h2 aria-live="polite">Details</h2>
<p>Choose a node, by a click or with Tab and Enter, to see its numbers and why its gradient is what it is.</p></section>
</main>
<template id="record">{record}</template>
<script>{script}</script>
</body>
</html>
"""


def explain(root: Any, path: str | os.PathLike[str], *, names: Any = None) -> Path:
    """Record forward and backward of the graph behind `root`, and save the page; `names` as in `snapshot`.

    `root` is a Value, or the error that an operation raised: then the page shows forward up to the failure.
    """
    return save(Record(root, names), path)


def save(trace: Record, path: str | os.PathLike[str]) -> Path:
    """Save the page of a trace as one file, and return its path."""
    path = with_suffix(path, ".html", ".htm")
    return write_whole(path, page(trace).encode())  # as bytes: other line ends, as on Windows, would change the hashes


def page(trace: Record) -> str:
    """The page of a trace, as the text of an HTML file; the same trace gives the same text.

    Raises ValueError for a graph too large for a page, LayoutError when it could not be drawn.
    """
    graph = trace.graph
    if len(graph.nodes) > MAX_VALUES:
        raise ValueError(
            f"a page of {len(graph.nodes):,} values is too large for a browser (at most {MAX_VALUES:,}): explain a "
            "part of the computation, such as the loss of one example"
        )
    folded = fold(graph)
    script = _squeezed(_resource("page.js"))
    style = _squeezed(_resource("page.css"))
    forward = sum(bool(node.formula) for node in graph.nodes)
    summary = f"{count(len(graph.nodes), 'value')}, {count(forward, 'step')} forward, "
    summary += f"no backward: {one_line(graph.error, ERROR_LENGTH)}" if graph.error else f"{len(trace)} backward"
    record = json.dumps(_record(trace, folded), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    root = graph.root
    return PAGE.format(
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        title=html.escape(one_line(f"{root.name} = {root.formula}" if root.formula else root.name, NAME_LENGTH)),
        summary=html.escape(summary),
        last=forward + len(trace),
        svg=redrawn(svg_text(drawing(graph, folded, grads=_widest(trace))), trace, folded),
        record=html.escape(record, quote=False),
        style=style,
        script=script,
    )


def _record(trace: Record, folded: Folded) -> dict[str, Any]:
    """What the script needs, as JSON: lists rather than objects, because keys would be most of the text."""
    sent: dict[int, list[Step]] = {}
    for step in trace:
        sent.setdefault(step.sender, []).append(step)
    names = [one_line(node.name, NAME_LENGTH) for node in trace.graph.nodes]
    return {
        "kinds": KINDS,
        "nodes": [_node(trace, node, names, sent.get(node.index, [])) for node in trace.graph.nodes],
        "boxes": [
            [one_line(b.title, NAME_LENGTH), b.members, int(b.has_result)] if b.folded else b.members
            for b in folded.boxes
        ],
        "error": one_line(trace.graph.error, ERROR_LENGTH),
    }


def _node(trace: Record, node: Node, names: list[str], steps: list[Step]) -> list[Any]:
    """A node as a list: kind, name, data; and for an operation how it was computed and what it sends in backward."""
    entry: list[Any] = [KINDS.index(node.kind), names[node.index], _number(node.data)]
    if not node.formula:
        return entry
    graph = trace.graph
    numbers = node.op.formula([short(graph.nodes[i].data) for i in node.operands])
    entry += [
        node.operands,
        one_line(node.op.formula([names[i] for i in node.operands]), FORMULA_LENGTH),
        one_line(numbers, FORMULA_LENGTH),
        one_line(node.op.symbol, NAME_LENGTH),
    ]
    if not steps:
        return entry
    if steps[0].local is None:  # written by hand: no derivatives, so the gradients that it left behind
        return [*entry, [], [], [[step.receiver, _number(step.after)] for step in steps]]
    formulas = [one_line(formula, FORMULA_LENGTH) for formula, _ in graph.locals_of(node)]
    sent = {step.position: _number(step.local) for step in steps}  # a constant is sent nothing
    return [*entry, formulas, [sent.get(position) for position in range(len(node.operands))]]


def _number(x: Any) -> float | int | str:
    """A number for JSON, which has no nan or inf: they become words that JavaScript reads. 2.0 becomes 2."""
    x = float(x)
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    if x.is_integer() and abs(x) < 1e15 and (x or math.copysign(1.0, x) > 0):
        return int(x)
    return x


def _widest(trace: Record) -> list[float | None]:
    """For each node the longest, when written, of the gradients that it will have, so that none outgrows its box."""
    found: list[float | None] = [None] * len(trace.graph.nodes)
    if not trace.graph.error:
        found[trace.graph.root.index] = 1.0
    for step in trace:
        after = step.after if math.isfinite(step.after) else NEVER_SHOWN
        if len(short(after)) > len(short(found[step.receiver])):
            found[step.receiver] = after
    return found


def _resource(name: str) -> str:
    return resources.files("micrograd.views").joinpath(name).read_text(encoding="utf-8")


def _squeezed(source: str) -> str:
    """A script or style sheet without its comments and indents. Comments there stand on lines of their own."""
    lines = [line.strip() for line in source.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
