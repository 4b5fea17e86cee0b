"""A small picture written as SVG by hand: light and dark, shown by notebooks, saved as one file.

    >>> from micrograd.views.picture import Picture, paint, text
    >>> body = f'<circle {paint("positive")} cx="20" cy="20" r="9"/>' + text(40, 25, "a < b")
    >>> picture = Picture(body, 120, 40, about="a dot and a name")
    >>> picture
    <picture of a dot and a name, 120 by 40: save it with .save("picture.svg")>
    >>> "a &lt; b" in picture.svg
    True

Colours are attributes, which every viewer of SVG reads; for dark pages a style sheet replaces them. Its selectors carry
the picture's own id, so that many pictures can share a page. The same body gives the same id.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
from pathlib import Path

from micrograd.files import write_whole
from micrograd.words import short

# What a class paints, and with which colour on light and on dark paper.
PAINTS = {
    "paper": ("fill", "#ffffff", "#1b1d21"),
    "ink": ("fill", "#111827", "#f3f4f6"),
    "muted": ("fill", "#6b7280", "#9ca3af"),
    "rule": ("stroke", "#d1d5db", "#3f444d"),
    "outline": ("stroke", "#6b7280", "#9ca3af"),
    "positive": ("fill", "#bfdbfe", "#1e3a8a"),
    "negative": ("fill", "#fed7aa", "#7c2d12"),
    "plus": ("stroke", "#2563eb", "#60a5fa"),
    "minus": ("stroke", "#ea580c", "#fb923c"),
    "now": ("stroke", "#7c3aed", "#a78bfa"),
}
# Jupyter, VS Code and Colab say by an attribute which theme they have, whatever the system prefers.
LIGHT = ('[data-jp-theme-light="true"]', '[data-vscode-theme-kind$="light"]')
DARK = (
    '[data-jp-theme-light="false"]',
    '[data-vscode-theme-kind$="dark"]',
    '[data-vscode-theme-kind$="contrast"]',
    'html[theme="dark"]',
)
FONT = "Helvetica,Arial,sans-serif"


class Picture:
    """An SVG of `width` by `height`: `.svg` is its text, `.save(path)` its file, and a notebook shows it.

    `style` holds more rules for its parts; `#` in a selector stands for the picture itself.
    """

    def __init__(self, body: str, width: float, height: float, *, about: str, style: str = ""):
        self.about, self.width, self.height = about, round(width), round(height)
        name = "p" + hashlib.sha256(body.encode()).hexdigest()[:10]
        self.svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" style="max-width:100%;height:auto" '
            f'font-family="{FONT}" role="img" aria-label="{escaped(about)}">'
            f"<style>{_themes(body, name)}{style.replace('#', f'#{name}')}</style>"
            f'<rect {paint("paper")} width="100%" height="100%" rx="8"/>{body}</svg>\n'
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
        return f'<picture of {self.about}, {self.width} by {self.height}: save it with .save("picture.svg")>'


def paint(name: str) -> str:
    """The attributes that give an element a colour of PAINTS."""
    what, light, _ = PAINTS[name]
    return f'class="{name}" {what}="{light}"'


def text(x: float, y: float, words: object, colour: str = "ink", *, size: float = 12, more: str = "") -> str:
    """A line of text at a place, whatever characters it holds."""
    return (
        f'<text {paint(colour)} x="{x:g}" y="{y:g}" font-size="{size:g}"{more and " " + more}>{escaped(words)}</text>'
    )


def number(x: float | None) -> str:
    """A number as pictures show it: 4 significant digits, a true minus, and a dot for what is not computed."""
    return short(None if x is None else x + 0.0).replace("-", "\N{MINUS SIGN}")


def escaped(words: object) -> str:
    """Any text as XML: no markup, and a space for each character that XML cannot hold."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in str(words)))


def _themes(body: str, name: str) -> str:
    """The colours for dark paper, where the system or the page asks for it, and for light where the page insists."""
    used = [paint for paint in PAINTS if paint == "paper" or re.search(rf'class="[^"]*\b{paint}\b', body)]

    def rules(where: tuple[str, ...], dark: bool) -> str:
        for_each = ((paint, PAINTS[paint][0], PAINTS[paint][1 + dark]) for paint in used)
        return "".join(
            ",".join(f"{page} #{name} .{paint}".strip() for page in where) + f"{{{what}:{colour}}}"
            for paint, what, colour in for_each
        )

    return f"@media (prefers-color-scheme:dark){{{rules(('',), True)}{rules(LIGHT, False)}}}{rules(DARK, True)}"
