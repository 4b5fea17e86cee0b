"""Draw one box of a drawing as a card: a name, what it is, and its numbers in rows.

    >>> from micrograd.views.card import Card, Row
    >>> card = Card("x", "input", [Row("data", "2"), Row("grad", "−1", "negative6")])
    >>> card.size()
    (92.0, 75.0)
    >>> card.svg().count("<text"), card.html_label([]).count("<TD")
    (6, 10)

A card has two writers. `svg` draws it, the same whichever Graphviz found its place; `html_label` is the same card as
Graphviz's HTML-like label, for the DOT source, and for PNG and PDF.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from micrograd.views.theme import LIGHT, PILL

FONT = "Helvetica,Arial,sans-serif"
NAME, KIND, LABEL, NUMBER, NOTE = 15.0, 10.5, 9.5, 13.0, 10.5  # sizes of type, in points
PAD = 10.0
HEAD, SUB, ROW, MARK, FOOT = 29.0, 13.0, 21.0, 15.0, 4.0  # heights
LEAST = 92.0  # the width of a card with short numbers
WIDE = 190.0  # a formula that would make the card wider than this has a line of its own
# The widths of Helvetica's characters in thousandths of its size, after Adobe's font metrics; Arial has the same.
WIDTHS = {191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[]\\ft·", 333: "()-`r", 334: "{}", 355: '"', 389: "*"}
WIDTHS |= {469: "^", 500: "Jckvsxyz", 584: "+<=>~−×", 611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ"}
WIDTHS |= {833: "Mm", 889: "%", 944: "W", 1000: "→…", 1015: "@"}
WIDTH = {character: width / 1000 for width, characters in WIDTHS.items() for character in characters}


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is in Helvetica, in points, with a little to spare for fonts that take its place."""
    total = 0.0
    for c in text:
        wide = 1.0 if unicodedata.east_asian_width(c) in "WF" else 0.556 if c < "\u0250" else 0.7
        total += WIDTH.get(c, wide)
    return total * size * (1.1 if bold else 1.04)


def plain(text: str) -> str:
    """Text that is text in XML and in HTML-like labels: escaped, and with spaces for what XML cannot hold."""
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return html.escape(text, quote=False).replace('"', "&quot;")  # so that a colour in a name is not taken for a colour


@dataclass(frozen=True)
class Row:
    """A line of a card: a small label at the left, a number at the right, over a tint of the palette."""

    label: str
    number: str
    tint: str | None = None


@dataclass
class Card:
    """What a card says. `border` and the tones of `marks` are colours of the palette, by name.

    `sub` is a small line under the name; `marks` are small lines at the end, such as a warning; `wide` keeps the rows
    as wide as a number that is yet to come.
    """

    name: str
    kind: str = ""
    rows: list[Row] = field(default_factory=list)
    sub: str = ""
    marks: list[tuple[str, str]] = field(default_factory=list)
    border: str = "line"
    small: bool = False  # for a constant: the name alone, in one small line
    wide: str = ""
    title: str = ""
    names: str = ""  # the class of the SVG element

    def __post_init__(self) -> None:
        alone = width_of(self.name, NAME, bold=True) + width_of(self.kind, KIND) + 2 * PAD + 14
        if self.kind and not self.sub and alone > WIDE and not self.small:
            self.kind, self.sub = "", self.kind

    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        if self.small:
            return round(max(24.0, width_of(self.name, NOTE) + 12)), 20.0
        widths = [LEAST - 2 * PAD, width_of(self.sub, KIND)]
        widths.append(width_of(self.name, NAME, bold=True) + (14 + width_of(self.kind, KIND) if self.kind else 0))
        for row in self.rows:
            number = max(width_of(row.number, NUMBER), width_of(self.wide, NUMBER))
            widths.append(width_of(row.label, LABEL) + 12 + number)
        widths += [width_of(text, NOTE) for text, _ in self.marks]
        height = HEAD + (SUB if self.sub else 0) + ROW * len(self.rows) + MARK * len(self.marks)
        return float(round(max(widths) + 2 * PAD)), height + (2 * FOOT if self.marks else FOOT)

    def svg(self) -> str:
        """The card with its top left corner at 0, 0, in the light theme's colours."""
        width, height = self.size()
        if self.small:
            return (
                _box(width, height, 10, fill="shade", stroke="line")
                + _text(width / 2, 13.8, self.name, NOTE, "muted", anchor="middle")
            )  # fmt: skip
        parts, y = [_box(width, height, 7, fill="paper")], HEAD - 9.0
        parts.append(_text(PAD, y, self.name, NAME, weight=700))
        parts.append(_text(width - PAD, y, self.kind, KIND, "muted", anchor="end"))
        y += 9
        if self.sub:
            parts.append(_text(PAD, y + 5, self.sub, KIND, "muted"))
            y += SUB
        for i, row in enumerate(self.rows):
            end = i == len(self.rows) - 1 and not self.marks
            if row.tint:
                parts.append(_band(width, y, ROW + (FOOT if end else 0), end, row.tint))
            ink = f"{row.tint[:-1]}-ink" if row.tint else "ink"
            parts.append(_text(PAD, y + 14.5, row.label, LABEL, ink if row.tint else "muted"))
            parts.append(_text(width - PAD, y + 15, row.number, NUMBER, "muted" if row.number == "·" else ink, "end"))
            y += ROW
        for text, tone in self.marks:
            parts.append(_text(PAD, y + 13, text, NOTE, tone))
            y += MARK
        return "".join(parts) + _box(width, height, 7, stroke=self.border)

    def html_label(self, ports: Sequence[str], side: str = "w") -> str:
        """The card as an HTML-like label, with a narrow strip of ports at the side where its operands arrive."""
        if self.small:
            return f'<TABLE BORDER="1" COLOR="{LIGHT["line"]}" STYLE="ROUNDED" CELLBORDER="0"><TR><TD>' + (
                f"{_font(self.name, NOTE, 'muted')}</TD></TR></TABLE>"
            )
        lines = [_line(_font(self.name, NAME, "ink", bold=True), _font(self.kind, KIND, "muted"))]
        lines += [_line(_font(self.sub, KIND, "muted"))] if self.sub else []
        for row in self.rows:
            ink = f"{row.tint[:-1]}-ink" if row.tint else "ink"
            label = _font(row.label, LABEL, ink if row.tint else "muted")
            number = _font(row.number, NUMBER, "muted" if row.number == "·" else ink)
            lines.append(_line(label, number, tint=row.tint))
        lines += [_line(_font(text, NOTE, tone)) for text, tone in self.marks]
        content = f"<TD>{_table(*lines)}</TD>"
        upright = side in ("w", "e")
        if ports:
            cells = [f'<TD PORT="{port}" WIDTH="1" HEIGHT="1"></TD>' for port in ports]
            strip = f"<TD>{_table(*cells) if upright else _table(''.join(cells))}</TD>"
            cells = [strip, content] if side in ("w", "n") else [content, strip]
        else:
            cells = [content]
        opening = 'BORDER="{}" COLOR="{}"'.format(1 if self.border == "line" else 2, LIGHT[self.border])
        opening += f' STYLE="ROUNDED" BGCOLOR="{LIGHT["paper"]}"'
        return _table("".join(cells), opening=opening) if upright else _table(*cells, opening=opening)


def _table(*rows: str, opening: str = 'BORDER="0"') -> str:
    """Rows of cells as an HTML-like table without lines or gaps."""
    inner = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<TABLE {opening} CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{inner}</TABLE>'


def _line(left: str, right: str = "", *, tint: str | None = None) -> str:
    """A line of a card in an HTML-like label: one thing at the left and one at the right, with a tint behind both."""
    cells = f'<TD ALIGN="LEFT" CELLPADDING="2">{left}</TD>'
    cells += f'<TD ALIGN="RIGHT" CELLPADDING="2">{right}</TD>' if right else ""
    opening = PILL.format(LIGHT[tint]) if tint else 'BORDER="0"'
    return f'<TD CELLPADDING="2" WIDTH="{LEAST - PAD:g}">{_table(cells, opening=opening)}</TD>'


def _box(width: float, height: float, radius: float, *, fill: str = "", stroke: str = "") -> str:
    inset = 0.5 if stroke else 0
    thick = "" if stroke in ("", "line") else ' stroke-width="1.75"'
    edge = f' class="rim" stroke="{LIGHT[stroke]}"{thick}' if stroke else ""
    return (
        f'<rect x="{inset:g}" y="{inset:g}" width="{width - 2 * inset:g}" height="{height - 2 * inset:g}" '
        f'rx="{radius:g}" fill="{LIGHT[fill] if fill else "none"}"{edge}/>'
    )


def _band(width: float, y: float, height: float, end: bool, tint: str) -> str:
    """A tint behind a row, which follows the card's round corners where it is the last."""
    shape = f"M1 {y:g}H{width - 1:g}V{y + height - 1:g}H1z"
    if end:
        shape = f"M1 {y:g}H{width - 1:g}v{height - 7:g}a6 6 0 0 1-6 6H7a6 6 0 0 1-6-6z"
    return f'<path class="{tint}" d="{shape}" fill="{LIGHT[tint]}"/>'


def _text(
    x: float, y: float, text: str, size: float, colour: str = "ink", anchor: str = "", weight: int | None = None
) -> str:
    if not text:
        return ""
    more = (f' text-anchor="{anchor}"' if anchor else "") + (f' font-weight="{weight}"' if weight else "")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{LIGHT[colour]}"{more}>{plain(text)}</text>'


def _font(text: str, size: float, colour: str, *, bold: bool = False) -> str:
    if not text:
        return ""
    inner = f"<B>{plain(text)}</B>" if bold else plain(text)
    return f'<FONT POINT-SIZE="{size:g}" COLOR="{LIGHT[colour]}">{inner}</FONT>'
