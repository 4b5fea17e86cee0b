"""Explain a graph in one HTML page: `explain(z, "z.html")`, or `trace(z).html("z.html")`, and open the file.

    >>> from micrograd import Value
    >>> from micrograd.views.page.document import page
    >>> from micrograd.views.record import Record
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> text = page(Record(x / (x + y)))
    >>> text.startswith("<!doctype html>"), len(text) < 60_000
    (True, True)

The page steps through forward and backward, shows each contribution on its way and why gradients multiply and add, and
recomputes everything when an input is moved. It needs no network, and its Content-Security-Policy lets only its own
script run. In a notebook, `explain(z)` shows the page in place.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

from micrograd.files import write_whole
from micrograd.views.draw import with_suffix
from micrograd.views.page import contents, positions, squeeze
from micrograd.views.page.javascript import Rules
from micrograd.views.record import Record
from micrograd.views.sentence import NAMED
from micrograd.views.theme import STEPS

MAX_VALUES = 20_000  # some megabytes; a browser has to step through it smoothly
MAX_INLINE = 2_000  # values of a graph whose page a notebook shows by itself: a few hundred kilobytes of its file
INLINE_HEIGHT = 600  # pixels of a page inside a notebook
# The script's files in order; what is shared and the rules of the operations come between them.
FIRST = ("numbers",)
AFTER = (
    *(
        "record",
        "live",
        "sentence",
        "cards",
        "picture",
        "camera",
        "player",
        "aside",
        "details",
        "inputs",
        "guide",
        "keys",
    ),
    *("address", "start"),
)

# The page before its script has run. A template's content is inert: never drawn, fetched or run.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<div id="inputs" role="group" aria-label="Inputs"></div>
<button id="reset" hidden>Reset</button>
<button id="guide-me">Guide me</button>
</header>
<main id="stage-area" aria-label="Picture">
<noscript><p>Stepping needs JavaScript, which is switched off here.</p></noscript>
<svg id="picture" role="group" aria-label="The graph, {summary}"><defs>{heads}</defs><g id="world"></g></svg>
<p class="legend"><span><b class="positive">+</b><b class="negative">&minus;</b>gradients</span>
<span>slope: local derivative</span> <span><b class="now"></b>now</span> <span><b class="outcome"></b>the result</span>
<span><b>·</b>not computed yet</span></p>
</main>
<aside aria-label="This step">
<section id="guide" aria-live="polite" hidden></section>
<section id="step">
<small id="stage"></small>
<h2 id="heading"></h2>
<output id="arithmetic" aria-live="polite"></output>
<p id="failure" role="alert"></p>
<p id="change"></p>
<div id="why"></div>
<div id="remark"></div>
</section>
<section id="node" aria-label="Details">
<h2><span id="details-name"></span><button id="unpin" hidden>follow the step</button></h2>
<div id="lent"></div><div id="details"></div></section>
</aside>
<footer role="group" aria-label="Move through the steps">
<button id="first" aria-label="First step">«</button>
<button id="previous" aria-label="Previous step">&lsaquo;</button>
<button id="play" class="primary">Play</button>
<button id="next" aria-label="Next step">&rsaquo;</button>
<button id="last" aria-label="Last step">»</button>
<div class="track">
<input id="scrubber" type="range" min="0" max="0" step="1" value="0" aria-label="Step">
<p class="phases" aria-hidden="true"><span id="forward">forward</span><span id="backward">backward</span></p>
</div>
<button id="speed" aria-label="Speed: 1 times">1×</button>
<button id="whole" aria-pressed="false">Whole</button>
</footer>
<template id="record">{record}</template>
<script>{script}</script>
</body>
</html>
"""
HEADS = "".join(
    f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" '
    f'markerUnits="userSpaceOnUse" orient="{orient}"><path d="M0 1 10 5 0 9z"/></marker>'
    for name, size, orient in (
        ("head", 8, "auto"),
        ("here", 11, "auto"),
        ("tail", 8, "auto-start-reverse"),
        ("back", 12, "auto-start-reverse"),
    )
)


class Page:
    """The page of a graph: a notebook shows it in place, `save("z.html")` makes a file of it; `text` is its HTML."""

    trace: Record
    title: str

    def __init__(self, trace: Record, *, fold: str = "auto"):
        _allow(trace.size)
        self.trace, self.title = trace, contents.title_of(trace.graph)
        self.text: str = _text(trace, self.title, fold)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the page as one file, and return its path."""
        path = with_suffix(path, ".html", ".htm")
        # as bytes: other line ends, as on Windows, would change the hashes
        return write_whole(path, self.text.encode())

    def _repr_html_(self) -> str:
        """The page in a frame of its own: its style and script stay inside."""
        text, title = html.escape(self.text), html.escape(self.title)
        return (
            f'<iframe srcdoc="{text}" title="{title}" width="100%" height="{INLINE_HEIGHT}" '
            'style="border:1px solid #d1d5db;border-radius:12px" sandbox="allow-scripts"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<page of {self.title}: .save('page.html') makes a file of it>"


def explain(
    root: Any, path: str | os.PathLike[str] | None = None, *, names: Any = None, fold: str = "auto"
) -> Path | Page:
    """The page of forward and backward behind `root`: shown in place in a notebook, saved where a path is given.

    `root` is a Value, or the error that an operation raised: then the page shows forward up to the failure. `names` is
    as in `snapshot`, `fold` as in `draw_dot`, except that a net begins with at least a box for each neuron, which a
    click opens: `fold="none"` shows every value. Returns the Page, or the path of the file. Raises ValueError for a
    graph too large for a page and for an unknown fold, LayoutError when it could not be drawn.
    """
    found = Page(Record(root, names, allow=_allow), fold=fold)
    return found if path is None else found.save(path)


def save(trace: Record, path: str | os.PathLike[str], *, fold: str = "auto") -> Path:
    """Save the page of a trace as one file, and return its path; `fold` as in `explain`."""
    return Page(trace, fold=fold).save(path)


def page(trace: Record) -> str:
    """The page of a trace, as the text of an HTML file; the same trace gives the same text.

    Raises ValueError for a graph too large for a page, LayoutError when it could not be drawn.
    """
    return Page(trace).text


def _text(trace: Record, title: str, fold: str) -> str:
    rules = Rules()
    record = contents.contents(trace, positions.layouts(trace, fold), rules)
    script = "\n".join([_scripts(FIRST), _shared(), squeeze.script(rules.source()), _scripts(AFTER)])
    style = _style()
    return PAGE.format(
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        title=html.escape(title),
        summary=html.escape(contents.summary(trace)),
        heads=HEADS,
        record=html.escape(record, quote=False),
        style=style,
        script=script,
    )


def _allow(values: int) -> None:
    if values > MAX_VALUES:
        raise ValueError(
            f"a page of {values:,} values is too large for a browser (at most {MAX_VALUES:,}): explain a part of the "
            "computation, such as the loss of one example"
        )


def _shared() -> str:
    """The numbers that Python and the script must agree on."""
    shared = {
        **{name: getattr(contents, name) for name in ("CALL", "INFIX", "PREFIX", "POSTFIX")},
        **{name: getattr(positions, name) for name in ("NAME", "FORMULA", "OWNED", "PAD", "HEAD", "ROW", "DIGIT")},
        "NAMED": NAMED,
        "TINTS": STEPS,
    }
    return f"const [{','.join(shared)}]={json.dumps([*shared.values()], separators=(',', ':'))};"


@functools.cache
def _scripts(names: tuple[str, ...]) -> str:
    return squeeze.script("\n".join(_resource(f"{name}.js") for name in names))


@functools.cache
def _style() -> str:
    return squeeze.style(_resource("page.css"))


def _resource(name: str) -> str:
    return resources.files("micrograd.views.page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
