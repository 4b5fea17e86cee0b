"""A small picture written as SVG by hand: light and dark, shown by notebooks, saved as one file.

    >>> from micrograd.views.small import Picture, paint, text
    >>> body = f'<circle {paint("positive")} cx="20" cy="20" r="9"/>' + text(40, 25, "a < b")
    >>> picture = Picture(body, 120, 40, about="a dot and a name")
    >>> picture
    <picture of a dot and a name, 120 by 40: save it with .save("picture.svg")>
    >>> "a &lt; b" in picture.svg
    True

Colours and themes are those of theme.py, so that many pictures can share a page. The same body in the same theme has
the same id. On a printer without colours, what is negative is dashed, and its tint hatched.
"""

from __future__ import annotations

import hashlib
import html
import os
from pathlib import Path

from micrograd.files import write_whole
from micrograd.views.theme import LIGHT, STEPS, checked, fixed, hatching, sheet_of
from micrograd.words import printable

# What a class paints, and with which colour of the palette.
PAINTS = {
    "paper": ("fill", "paper"),
    "ink": ("fill", "ink"),
    "muted": ("fill", "muted"),
    "rule": ("stroke", "line"),
    "outline": ("stroke", "muted"),
    "positive": ("fill", f"positive{STEPS}"),
    "negative": ("fill", f"negative{STEPS}"),
    "plus": ("stroke", "plus"),
    "minus": ("stroke", "minus"),
    "now": ("stroke", "lit"),
}
DASHES = 'stroke-dasharray="6 3"'
FONT = "Helvetica,Arial,sans-serif"


class Picture:
    """An SVG of `width` by `height`: `.svg` is its text, `.save(path)` its file, and a notebook shows it.

    `style` holds more rules for its parts; `#` in a selector stands for the picture itself. Raises ValueError for an
    unknown theme.
    """

    about: str
    width: int
    height: int

    def __init__(self, body: str, width: float, height: float, *, about: str, style: str = "", theme: str = "auto"):
        self.about, self.width, self.height = about, round(width), round(height)
        name = "p" + hashlib.sha256((body + checked(theme)).encode()).hexdigest()[:10]
        body = f'<rect {paint("paper")} width="100%" height="100%" rx="8"/>{body}'
        if theme == "print":
            body = f"<defs>{hatching(name)}</defs>{_without_colours(body, name)}"
        self.svg: str = (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" '
            f'font-family="{FONT}" role="img" aria-label="{escaped(about)}">'
            f"<style>{sheet_of(name, theme, body)}{style.replace('#', f'#{name}')}</style>{fixed(body, theme)}</svg>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the picture as an SVG file. Raises ValueError for another suffix."""
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ValueError(f"{path.name!r}: this picture is saved as .svg, which browsers and slides take")
        return write_whole(path, self.svg.encode())

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.svg  # inline, where titles show on hover and the notebook's theme is known

    def __repr__(self) -> str:
        return f'<picture of {printable(self.about)}, {self.width} by {self.height}: save it with .save("picture.svg")>'


def paint(name: str) -> str:
    """The attributes that give an element a colour of PAINTS."""
    what, colour = PAINTS[name]
    return f'class="{name}" {what}="{LIGHT[colour]}"'


def text(x: float, y: float, words: object, colour: str = "ink", *, size: float = 12, more: str = "") -> str:
    """A line of text at a place, whatever characters it holds."""
    return (
        f'<text {paint(colour)} x="{x:g}" y="{y:g}" font-size="{size:g}"{more and " " + more}>{escaped(words)}</text>'
    )


def escaped(words: object) -> str:
    """Any text as XML: no markup, and a space for each character that XML cannot hold."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in str(words)))


def _without_colours(body: str, name: str) -> str:
    """The body with signs that can be told apart in black and white."""
    hatched = f'class="negative" fill="url(#{name}-hatch)" {DASHES}'
    return body.replace(paint("negative"), hatched).replace(paint("minus"), f"{paint('minus')} {DASHES}")
