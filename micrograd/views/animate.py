"""Show the steps of a trace as pictures: one still for each step, or one SVG that plays them by itself.

The animation is CSS alone: no script, so it also plays where an SVG is an <img>. For readers who ask for less
motion (prefers-reduced-motion) it stands still and shows the last step. The step that happens now is violet, and its
edge points the way that backward goes.
"""

from __future__ import annotations

import html
import os
import re
import textwrap
from pathlib import Path

from micrograd.files import write_whole
from micrograd.views.card import plain
from micrograd.views.draw import drawing, with_suffix
from micrograd.views.finish import content, framed, id_of, size_of
from micrograd.views.fold import fold as fold_graph
from micrograd.views.record import Record, Step
from micrograd.views.style import Style
from micrograd.views.theme import LIGHT, PALETTES
from micrograd.words import one_line

MAX_FRAMES = 40  # nobody watches a longer animation, and each frame is a whole drawing
LABELLED = 12  # boxes; a drawing of more has no room for local derivatives on its edges
CAPTION_SIZE, CAPTION_LINE = 11, 15
COLUMN = 0.605 * CAPTION_SIZE  # the width of a character


def still(
    trace: Record,
    step: int,
    *,
    rankdir: str = "LR",
    fold: str = "auto",
    derivatives: bool | None = None,
    theme: str = "auto",
) -> str:
    """The drawing after the first `step` steps of backward, the last one lit. Raises IndexError past the end.

    `fold`, `derivatives` and `theme` are as in `draw_dot`; small graphs have their local derivatives on the edges.
    """
    frames = _Frames(trace, rankdir, fold, derivatives, theme)
    size, body = frames.content(step)
    css = frames.lit(trace[step - 1]) if step else ""
    return framed(frames.id(step), size, body, frames.style.theme, css=css, lit=True) + "\n"


def save(
    trace: Record,
    path: str | os.PathLike[str],
    *,
    seconds: float = 1.5,
    rankdir: str = "LR",
    fold: str = "auto",
    derivatives: bool | None = None,
    theme: str = "auto",
) -> Path:
    """Save an SVG that plays backward step by step, `seconds` each, and starts again; settings as for `still`.

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
    frames = _Frames(trace, rankdir, fold, derivatives, theme)
    return write_whole(path, frames.animation(seconds).encode())


class _Frames:
    """The drawings of a trace's moments, all with the same layout."""

    def __init__(self, trace: Record, rankdir: str, by: str, derivatives: bool | None, theme: str):
        self.trace, self.folded = trace, fold_graph(trace.graph, by=by)
        if derivatives is None:
            derivatives = len(self.folded.boxes) <= LABELLED
        self.style = Style(rankdir=rankdir, steady=True, derivatives=derivatives, theme=theme)
        self._id = id_of(drawing(trace.graph, self.folded, self.style, grads=trace.grads()).source + theme)

    def id(self, step: int | None = None) -> str:
        """The id of the animation, or of one still."""
        return self._id if step is None else f"{self._id}-{step}"

    def content(self, step: int, id: str = "") -> tuple[tuple[float, float], str]:
        """The size and the content of the drawing after some steps."""
        dot = drawing(self.trace.graph, self.folded, self.style, grads=self.trace.grads(step))
        text = dot.laid_out()
        return size_of(text), content(text, id or self.id(step), dot.cards, dot.titles)

    def lit(self, step: Step, *, within: str = "") -> str:
        """CSS that lights the boxes of a step's sender and receiver, and turns the edge between them round."""
        id = self.id() if within else self.id(step.number)
        colour = "var(--lit)" if self.style.theme == "auto" else PALETTES[self.style.theme]["lit"]
        box_of = {i: box for box in self.folded.boxes for i in box.members}
        sender, receiver = box_of[step.sender], box_of.get(step.receiver)  # a constant has no box
        names = [f"b{box.index}" for box in (sender, receiver) if box is not None]
        rims = ",".join(f"#{id} {within}.{name} .rim" for name in names)
        css = f"{rims}{{stroke:{colour};stroke-width:2.5}}\n"
        if receiver is not None:
            edge = f"e{receiver.index}_{sender.index}" + (
                "" if sender.folded or receiver.folded else f"_{step.position}"
            )
            path = f"#{id} {within}.{edge}"
            css += f"{path} path{{stroke:{colour};stroke-width:2;marker-end:none;marker-start:url(#{id}-back)}}\n"
            css += f"{path} text{{fill:{colour};font-weight:700}}\n"
        return css

    def animation(self, seconds: float) -> str:
        """The SVG that plays all moments, one after the other."""
        trace, id = self.trace, self.id()
        drawn = [self.content(step, id) for step in range(len(trace) + 1)]
        width = max(size[0] for size, _ in drawn)
        height = max(size[1] for size, _ in drawn)
        columns = max(30, int((width - 16) / COLUMN))
        spoken = ["backward starts at the result, whose gradient is 1", *(str(step) for step in trace)]
        captions = [_wrapped(words, columns) for words in spoken]
        count = len(drawn)
        css = [
            f"#{id} .frame{{visibility:hidden;animation:{id} {count * seconds:g}s step-end infinite}}\n",
            f"@keyframes {id}{{0%{{visibility:visible}}{100 / count:.4f}%{{visibility:hidden}}}}\n",
            # Standing still, only the last frame is seen.
            f"@media (prefers-reduced-motion:reduce){{#{id} .frame{{animation:none}}"
            f"#{id} .f{count - 1}{{visibility:visible}}}}\n",
        ]
        body = [f"<title>backward through {html.escape(one_line(trace.graph.root.name))}, step by step</title>"]
        for step, ((_, frame), lines) in enumerate(zip(drawn, captions)):
            css.append(f"#{id} .f{step}{{animation-delay:{(step - count * (step > 0)) * seconds:g}s}}\n")
            if step:
                css.append(self.lit(trace[step - 1], within=f".f{step} "))
            words = "".join(
                f'<text class="caption" x="8" y="{height + 14 + CAPTION_LINE * i:g}" font-family="monospace" '
                f'font-size="{CAPTION_SIZE}" fill="{LIGHT["ink"]}">{plain(line)}</text>'
                for i, line in enumerate(lines)
            )
            shown = re.sub(r' id="[^"]*"', "", frame)  # an id must be unique in a document
            body.append(f'<g class="frame f{step}">{shown}{words}</g>')
        below = 10 + CAPTION_LINE * max(map(len, captions))
        return framed(id, (width, height + below), "".join(body), self.style.theme, css="".join(css), lit=True) + "\n"


def _wrapped(words: str, columns: int) -> list[str]:
    """A step's words in lines of the picture's width; the indent of a line that goes on is kept."""
    found = []
    for line in words.splitlines():
        line = one_line(line, 200)
        indent = len(line) - len(line.lstrip())
        pieces = textwrap.wrap(line.strip(), columns - indent - 2) or [""]
        lead = "\u00a0"  # a space that SVG keeps
        found += [lead * indent + pieces[0], *(lead * (indent + 2) + piece for piece in pieces[1:])]
    return found
