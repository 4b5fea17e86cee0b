"""Charts as SVG, light and dark by themselves: `bars(...)` on a log scale, and `balance(...)` around 1.

    >>> bars("t", "A title", ["a line below"], [("", [Bar("ours", 1e-6, "1 µs", "ours")])]).partition(" ")[0]
    '<svg'

They are narrow, so that a phone shows them almost at their own size. Colours are those of the drawings (theme.py).
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.say import quantity
from micrograd.views.theme import LIGHT, style_sheet

WIDTH, MARGIN, LABELS, NUMBERS = 440, 16, 148, 62
ROW, BAR = 25, 14
INK, MUTED, LINE, PAPER = (LIGHT[name] for name in ("ink", "muted", "line", "paper"))
COLOURS = {"ours": LIGHT["plus"], "other": LIGHT["wire"], "hand": LIGHT["minus"]}
INKS = {"ours": LIGHT["positive-ink"], "other": INK, "hand": LIGHT["negative-ink"]}
LEGEND = {"ours": "micrograd", "other": "other engines", "hand": "written by hand for it alone"}


@dataclass(frozen=True)
class Bar:
    """One bar: its kind is ours, other or hand."""

    label: str
    value: float
    text: str
    kind: str
    note: str = ""


def escaped(text: str) -> str:
    return html.escape(text, quote=False)


def words(x: float, y: float, text: str, size: float = 12.5, fill: str = INK, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}"{more}>{escaped(text)}</text>'


HALO = f' stroke="{PAPER}" stroke-width="3" paint-order="stroke"'  # keeps lines of the scale out of numbers


def line(x: float, top: float, bottom: float, stroke: str = LINE) -> str:
    return f'<path d="M{x:.1f} {top:g}V{bottom:g}" stroke="{stroke}" fill="none"/>'


def block(x: float, y: float, width: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:g}" width="{max(width, 1.5):.1f}" height="{BAR}" rx="2.5" fill="{fill}"/>'


def legend(kinds: Sequence[str], y: float) -> list[str]:
    out, x = [], float(MARGIN)
    for kind in kinds:
        out.append(f'<rect x="{x:g}" y="{y - 9:g}" width="10" height="10" rx="2" fill="{COLOURS[kind]}"/>')
        out.append(words(x + 15, y, LEGEND[kind], 11.5, MUTED))
        x += 32 + 6.1 * len(LEGEND[kind])
    return out


def picture(name: str, title: str, subtitle: Sequence[str], height: float, parts: Sequence[str], said: str) -> str:
    """The whole SVG; `said` is what it says, for those who do not see it."""
    head = [words(MARGIN, 28, title, 16, INK, ' font-weight="700"')]
    head += [words(MARGIN, 47 + 16 * i, text, 12, MUTED) for i, text in enumerate(subtitle)]
    rim = f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8" fill="{PAPER}" stroke="{LINE}"/>'
    body = "\n".join([rim, *head, *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="bench-{name}" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}" font-family="Helvetica,Arial,sans-serif" role="img">\n'
        f"<title>{escaped(title)}</title><desc>{escaped(said)}</desc>\n"
        f"<style>{style_sheet(f'bench-{name}', body)}</style>\n{body}\n</svg>\n"
    )


def bars(name: str, title: str, subtitle: Sequence[str], groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Bars of seconds on a log scale, in groups that share it."""
    every = [bar for _, group in groups for bar in group]
    lowest = math.floor(math.log10(min(bar.value for bar in every)) - 0.12)  # even the shortest bar is a bar
    highest = math.ceil(math.log10(max(bar.value for bar in every)))
    left, right = MARGIN + LABELS + 8, WIDTH - MARGIN - NUMBERS
    at = lambda x: left + (right - left) * (math.log10(x) - lowest) / max(highest - lowest, 1)  # noqa: E731
    subtitle = [*subtitle, "Log scale: each line is ten times the one before."]
    y = 42.0 + 16 * len(subtitle)
    scale: list[str] = []
    rows: list[str] = []
    for heading, group in groups:
        if heading:
            rows.append(words(MARGIN, y + 17, heading, 12.5, INK, ' font-weight="700"'))
            y += 26
        scale += [line(at(10.0**power), y, y + ROW * len(group)) for power in range(lowest, highest + 1)]
        for bar in group:
            more = ' text-anchor="end"' + (' font-weight="700"' if bar.kind == "ours" else "")
            rows.append(words(left - 8, y + 17, bar.label, 12.5, INKS[bar.kind], more))
            rows.append(block(left, y + 5.5, at(bar.value) - left, COLOURS[bar.kind]))
            rows.append(words(at(bar.value) + 6, y + 17, bar.text, 12.5, INK, HALO))
            y += ROW
    step = max(1, math.ceil((highest - lowest) / 4))
    for power in range(lowest, highest + 1, step):
        text = quantity(10.0**power, digits=1)
        scale.append(words(at(10.0**power), y + 15, text, 11, MUTED, ' text-anchor="middle"'))
    kinds = [kind for kind in LEGEND if any(bar.kind == kind for bar in every)]
    parts = [*scale, *rows, *legend(kinds, y + 38)]
    said = "; ".join(f"{heading + ': ' * bool(heading)}{bar.label} {bar.text}" for heading, g in groups for bar in g)
    return picture(name, title, subtitle, y + 52, parts, said)


def balance(name: str, title: str, subtitle: Sequence[str], groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Ratios on a log scale around 1: to the right micrograd is faster, to the left the other."""
    every = [bar for _, group in groups for bar in group]
    low = min(-0.35, *(math.log10(bar.value) for bar in every))
    high = max(0.35, *(math.log10(bar.value) for bar in every))
    left, right = MARGIN + 92.0, WIDTH - MARGIN - 158.0
    at = lambda x: left + (right - left) * (math.log10(x) - low) / (high - low)  # noqa: E731
    y = 42.0 + 16 * len(subtitle)
    scale: list[str] = []
    rows: list[str] = []
    for heading, group in groups:
        rows.append(words(MARGIN, y + 17, heading, 12.5, INK, ' font-weight="700"'))
        y += 26
        powers = [power for power in range(math.ceil(low), math.floor(high) + 1) if power]
        scale += [line(at(10.0**power), y, y + ROW * len(group)) for power in powers]
        scale.append(line(at(1), y, y + ROW * len(group), MUTED))
        for bar in group:
            kind, width = "ours" if bar.value >= 1 else "hand", max(abs(at(bar.value) - at(1)), 1.5)
            rows.append(words(left - 8, y + 17, bar.label, 12.5, INK, ' text-anchor="end"'))
            rows.append(block(at(1) - (width if bar.value < 1 else 0), y + 5.5, width, COLOURS[kind]))
            rows.append(words(right + 44, y + 17, bar.text, 12.5, INKS[kind], ' text-anchor="end" font-weight="700"'))
            rows.append(words(right + 50, y + 17, bar.note, 11.5, MUTED))
            y += ROW
    feet = [words(at(1) - 6, y + 15, "other faster", 11, INKS["hand"], ' text-anchor="end"')]
    feet += [words(at(1) + 6, y + 15, "micrograd faster", 11, INKS["ours"])]
    said = "; ".join(f"{bar.label}, {bar.note}: {bar.text}" for bar in every)
    return picture(name, title, subtitle, y + 28, [*scale, *rows, *feet], said)
