"""A function and its derivative as a small SVG, light or dark as the reader prefers.

    >>> text = plot(lambda x: x * x, lambda x: 2 * x, (-2, 2), title="square")
    >>> text.count("<path"), len(text) < 3000
    (2, True)

A curve is broken where the function is not defined or jumps, and has no more points than the eye can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from micrograd.views.theme import DARK, LIGHT

WIDTH, HEIGHT, MARGIN = 320, 200, 12
POINTS = 480  # samples across
MOST = 4.0  # what lies further up or down than this is cut off
CLOSE = 0.15  # a point is left out where the line without it passes this close, in pixels
COLOURS = ("paper", "muted", "line", "plus", "minus")
Point = tuple[float, float]


def plot(
    f: Callable[[float], float],
    slope: Callable[[float], float],
    window: tuple[float, float],
    *,
    title: str,
    held: str = "",
    across: str = "x",
) -> str:
    """The picture of `f` and of its derivative over a window; `held` says what else was fixed."""
    low, high = window
    xs = [low + (high - low) * (i + 0.5) / POINTS for i in range(POINTS)]
    bottom, top = heights([f(x) for x in xs], [slope(x) for x in xs])

    above = MARGIN + (14 if held else 0)  # room for the words

    def at(x: float, y: float) -> Point:
        inside_x, inside_y = WIDTH - 2 * MARGIN, HEIGHT - MARGIN - above
        return MARGIN + (x - low) / (high - low) * inside_x, above + (top - y) / (top - bottom) * inside_y

    parts = [*grid(low, high, bottom, top, at)]
    for kind, curve in (("plus", f), ("minus", slope)):  # dashes on top: exp is its own derivative
        strokes = "".join(stroke([at(*p) for p in piece]) for piece in pieces(curve, xs, bottom, top))
        parts.append(f'<path class="{kind}" d="{strokes}"/>')
    said = f"{title} and its derivative over {across}" + (f", {held}" if held else "")
    if held:
        parts.append(f'<text x="{WIDTH - MARGIN}" y="18" class="held">{escape(held)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{escape(said)}"><title>{escape(said)}</title><style>{style()}</style>'
        + f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>'
        + "".join(parts)
        + "</svg>\n"
    )


def style() -> str:
    """The colours of all drawings, light and dark."""
    light, dark = (";".join(f"--{name}:{palette[name]}" for name in COLOURS) for palette in (LIGHT, DARK))
    return (
        f"svg{{{light};color-scheme:light dark}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}"
        "path{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}"
        ".plus{stroke:var(--plus)}.minus{stroke:var(--minus);stroke-width:1.75;stroke-dasharray:7 5}"
        ".grid{stroke:var(--line);stroke-width:.5}.axis{stroke:var(--muted);stroke-width:1}"
        "rect{fill:var(--paper);stroke:var(--line)}.held{text-anchor:end}"
        "text{fill:var(--muted);font:11px system-ui,sans-serif;paint-order:stroke;stroke:var(--paper);stroke-width:3}"
    )


def heights(*curves: list[float]) -> tuple[float, float]:
    """From where to where the picture goes up: what the curves need, 0 included, and not beyond MOST."""
    seen = [min(max(y, -MOST), MOST) for curve in curves for y in curve if math.isfinite(y)]
    bottom, top = min([*seen, 0.0]), max([*seen, 0.0])
    room = 0.06 * (top - bottom)
    return bottom - room, top + room


def grid(low: float, high: float, bottom: float, top: float, at: Callable[[float, float], Point]) -> list[str]:
    """Lines at round numbers, both axes, and a number at the ends of each."""
    parts = []
    for x in ticks(low, high):
        parts.append(line(at(x, bottom), at(x, top), "grid" if x else "axis"))
    for y in ticks(bottom, top):
        parts.append(line(at(low, y), at(high, y), "grid" if y else "axis"))
    zero = min(max(0.0, low), high)
    for x in (ticks(low, high)[0], ticks(low, high)[-1]):
        if x:
            a, b = at(x, 0.0)
            anchor = "start" if a < 3 * MARGIN else "end" if a > WIDTH - 3 * MARGIN else "middle"
            down = min(b + 13, HEIGHT - 2)
            parts.append(f'<text x="{a:.1f}" y="{down:.1f}" text-anchor="{anchor}">{shown(x)}</text>')
    for y in (ticks(bottom, top)[0], ticks(bottom, top)[-1]):
        if y:
            a, b = at(zero, y)
            parts.append(f'<text x="{a + 4:.1f}" y="{min(max(b + 4, 11), HEIGHT - 2):.1f}">{shown(y)}</text>')
    return parts


def line(start: Point, end: Point, kind: str) -> str:
    return f'<line class="{kind}" x1="{start[0]:.1f}" x2="{end[0]:.1f}" y1="{start[1]:.1f}" y2="{end[1]:.1f}"/>'


def shown(x: float) -> str:
    return f"{x:g}".replace("-", "−")


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high, three to nine of them, symmetric around 0 where the range is."""
    step = next(s for s in (0.25, 0.5, 1.0, 2.0, 5.0) if (high - low) / s <= 9)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def pieces(f: Callable[[float], float], xs: list[float], bottom: float, top: float) -> list[list[Point]]:
    """The curve as unbroken pieces within the picture."""
    found: list[list[Point]] = [[]]
    for x in xs:
        y = f(x)
        inside = math.isfinite(y) and bottom <= y <= top
        if found[-1] and inside and jumps(f, found[-1][-1], (x, y), top - bottom):
            found.append([])
        if inside:
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [piece for piece in found if len(piece) > 1]


def jumps(f: Callable[[float], float], left: Point, right: Point, height: float) -> bool:
    """Whether the function leaps between two samples: it stays as far apart however close they are brought."""
    if abs(right[1] - left[1]) < height / 50:
        return False
    for _ in range(30):
        x = (left[0] + right[0]) / 2
        middle = (x, f(x))
        left, right = (middle, right) if abs(middle[1] - left[1]) < abs(right[1] - middle[1]) else (left, middle)
    return abs(right[1] - left[1]) > height / 100


def stroke(points: list[Point]) -> str:
    """A piece of a curve as the data of a path."""
    fewer = simplified(points)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in fewer)


def simplified(points: list[Point]) -> list[Point]:
    """The points without those that the line between the others passes (Douglas and Peucker 1973)."""
    if len(points) < 3:
        return points
    (ax, ay), (bx, by) = points[0], points[-1]
    length = math.hypot(bx - ax, by - ay)
    away = [abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length for x, y in points[1:-1]]
    furthest = max(range(len(away)), key=away.__getitem__)
    if away[furthest] < CLOSE:
        return [points[0], points[-1]]
    return [*simplified(points[: furthest + 2])[:-1], *simplified(points[furthest + 1 :])]
