"""Show the steps of a trace as pictures: one still for each step, or one SVG that plays them by itself.

The animation is CSS alone: no script, so it also plays where an SVG is an <img>. For readers who ask for less
motion (prefers-reduced-motion) it stands still and shows the last step.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

from micrograd.files import write_whole
from micrograd.views.draw import drawing, svg_text, with_suffix
from micrograd.views.fold import Folded, fold
from micrograd.views.record import Record, Step
from micrograd.views.style import Style
from micrograd.words import one_line

MAX_FRAMES = 40  # nobody watches a longer animation, and each frame is a whole drawing
CAPTION_SIZE = 14


def still(trace: Record, step: int, *, rankdir: str = "LR", fold_by: str = "auto") -> str:
    """The drawing after the first `step` steps of backward, the last one lit. Raises IndexError past the end."""
    folded = fold(trace.graph, by=fold_by)
    grads, style = trace.grads(step), Style(rankdir=rankdir, steady=True)
    opening, content = _parts(svg_text(drawing(trace.graph, folded, style, grads=grads)))
    return f"{opening}<style>{_lit(trace[step - 1], folded) if step else ''}</style>{content}</svg>\n"


def save(
    trace: Record, path: str | os.PathLike[str], *, seconds: float = 1.5, rankdir: str = "LR", fold_by: str = "auto"
) -> Path:
    """Save an SVG that plays backward step by step, `seconds` each, and starts again.

    Raises ValueError when there are more than MAX_FRAMES steps, or when `seconds` is not above 0.
    """
    path = with_suffix(path, ".svg")
    if len(trace) > MAX_FRAMES:
        raise ValueError(
            f"an animation of {len(trace)} steps is too long to watch (at most {MAX_FRAMES}): animate a smaller graph, "
            "or make the page with t.html('page.html')"
        )
    if seconds <= 0:
        raise ValueError(f"seconds, the time of one step, must be more than 0, not {seconds}")
    folded, title = fold(trace.graph, by=fold_by), html.escape(one_line(trace.graph.root.name))
    frames = len(trace) + 1
    rules = [
        f".frame{{visibility:hidden;animation:show {frames * seconds:g}s step-end infinite}}",
        f"@keyframes show{{0%{{visibility:visible}}{100 / frames:.4f}%{{visibility:hidden}}}}",
        f".caption{{font:{CAPTION_SIZE}px monospace}}",
        # Standing still, only the last frame is seen.
        f"@media (prefers-reduced-motion:reduce){{.frame{{animation:none}}#f{frames - 1}{{visibility:visible}}}}",
    ]
    style = Style(rankdir=rankdir, steady=True)
    drawn = [svg_text(drawing(trace.graph, folded, style, grads=trace.grads(step))) for step in range(frames)]
    captions = ["backward starts at the result, whose gradient is 1", *(one_line(repr(step), 160) for step in trace)]
    sizes = [[float(x) for x in re.findall(r'viewBox="([^"]*)"', text)[0].split()[2:]] for text in drawn]
    width = max(*(w for w, _ in sizes), 8 + 0.62 * CAPTION_SIZE * max(map(len, captions)))
    height = max(h for _, h in sizes)
    body = []
    for step, (text, caption) in enumerate(zip(drawn, captions)):
        rules.append(f"#f{step}{{animation-delay:{(step - frames * (step > 0)) * seconds:g}s}}")
        if step:
            rules.append(_lit(trace[step - 1], folded, within=f"#f{step} "))
        words = f'<text class="caption" x="8" y="{height + 16:g}">{html.escape(caption)}</text>'
        body.append(f'<g class="frame" id="f{step}">{_parts(text)[1]}{words}</g>')
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'width="{width:g}pt" height="{height + 24:g}pt" viewBox="0 0 {width:g} {height + 24:g}">'
        f"<style>{''.join(rules)}</style><title>backward through {title}, step by step</title>"
        f'<rect width="100%" height="100%" fill="white"/>{"".join(body)}</svg>\n'
    )
    return write_whole(path, text.encode())


def _parts(text: str) -> tuple[str, str]:
    """An SVG's opening tag, and its content with the ids of boxes and edges turned into classes.

    An id must be unique in a document, and all frames are in one document.
    """
    start = text.index(">") + 1
    content = text[start : text.rindex("</svg>")]
    content = re.sub(r'<g id="([be][\d_]+)" class="', r'<g class="\1 ', content)
    return text[:start], re.sub(r' id="[^"]*"', "", content)


def _lit(step: Step, folded: Folded, *, within: str = "") -> str:
    """CSS that lights the boxes of a step's sender and receiver, and the edge between them."""
    box_of = {i: box.index for box in folded.boxes for i in box.members}
    sender, receiver = box_of[step.sender], box_of.get(step.receiver)  # a constant has no box
    boxes = [f".b{i} {shape}" for i in (sender, receiver) if i is not None for shape in ("ellipse", "polygon", "path")]
    lit = ",".join(within + selector for selector in [*boxes, f".e{receiver}_{sender} path"])
    return f"{lit}{{stroke:#d55e00;stroke-width:3}}"  # Okabe and Ito's vermilion
