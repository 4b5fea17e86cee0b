"""The measures of a training run as curves over the epochs, in one small SVG that needs no matplotlib.

    >>> from micrograd.training.curves import curves, whole_ticks
    >>> curves({"epoch": [1, 2, 3], "loss": [0.9, 0.4, 0.2], "validation loss": [1.0, 0.6, 0.5]})
    <picture of loss over 3 epochs, 520 by 198: save it with .save("picture.svg")>
    >>> whole_ticks(1, 3), whole_ticks(1, 60)
    ([1, 2, 3], [10, 20, 30, 40, 50, 60])

A measure and its validation share a panel. Each line bears its name and its last number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from micrograd.views.small import DASHES, Picture, escaped, paint, text
from micrograd.words import count, cut, drawn

VALIDATION = "validation "
BESIDE = ("epoch", "seconds", "gradient norm", "learning rate")  # measures of the training, not of the net
WIDE, LEFT, RIGHT = 520, 52, 112  # of the picture, and beside the lines
TALL, HEAD, FOOT = 110, 42, 46  # of a panel's lines, above them, and below the last panel
MOST = 300  # points of a line; of more, the least and the greatest of each stretch
LINE_APART = 31  # a name and a number


def curves(columns: Mapping[str, Sequence[float]], *, best: int = 0, theme: str = "auto") -> Picture | None:
    """The picture of a history's columns, or None if there is nothing to draw; `best` is the epoch to mark.

    `theme` is as in `draw_dot`; in "print" the validation's line is dashed.
    """
    kinds: dict[str, list[str]] = {}
    for name in columns:
        if name not in BESIDE and any(map(math.isfinite, columns[name])):
            kinds.setdefault(name.removeprefix(VALIDATION), []).append(name)
    epochs = columns.get("epoch", [])
    if not kinds or len(epochs) == 0:
        return None
    parts = []
    for place, (kind, names) in enumerate(kinds.items()):
        top = HEAD + place * (TALL + HEAD)
        lines = {name: columns[name] for name in names}
        parts.append(_panel(kind, lines, epochs, top, best if kind == "loss" else 0, theme))
    floor = HEAD + (len(kinds) - 1) * (TALL + HEAD) + TALL
    across = _scale(epochs[0], epochs[-1], LEFT, WIDE - RIGHT)
    for tick in whole_ticks(epochs[0], epochs[-1]):
        parts.append(text(across(tick), floor + 18, f"{tick:,}", "muted", size=11, more='text-anchor="middle"'))
    parts.append(text((LEFT + WIDE - RIGHT) / 2, floor + 36, "epoch", "muted", size=11, more='text-anchor="middle"'))
    about = f"{' and '.join(cut(kind, 40) for kind in kinds)} over {count(len(epochs), 'epoch')}"
    return Picture("\n".join(parts), WIDE, floor + FOOT, about=about, theme=theme)


def whole_ticks(first: float, last: float, most: int = 7) -> list[int]:
    """Whole numbers from first to last, at most so many, that are round."""
    sizes = (size * 10**power for power in range(16) for size in (1, 2, 5))
    for size in sizes:
        found = list(range(-(-math.ceil(first) // size) * size, math.floor(last) + 1, size))
        if len(found) <= most:
            return found or [round(first)]
    return [round(first)]


def _panel(
    kind: str, lines: Mapping[str, Sequence[float]], epochs: Sequence[float], top: float, best: int, theme: str
) -> str:
    """The lines of one kind of measure, with their names at the right."""
    numbers = [x for xs in lines.values() for x in xs if math.isfinite(x)]
    ticks = _ticks(min(0.0, *numbers, 0.0) if min(numbers) < 0.5 * max(numbers) else min(numbers), max(numbers))
    across = _scale(epochs[0], epochs[-1], LEFT, WIDE - RIGHT)
    up = _scale(ticks[0], ticks[-1], top + TALL, top)
    parts = [text(LEFT, top - 13, cut(kind, 50), size=13, more='font-weight="bold"')]
    for tick in ticks:
        parts.append(f'<path {paint("rule")} d="M{LEFT} {up(tick):.1f}H{WIDE - RIGHT}"/>')
        parts.append(text(LEFT - 8, round(up(tick) + 4, 1), drawn(tick), "muted", size=11, more='text-anchor="end"'))
    ends = []
    for name, xs in lines.items():
        is_validation = name.startswith(VALIDATION)
        points = [(across(n), up(x)) if math.isfinite(x) else None for n, x in _thinned(epochs, xs)]
        colour = _line(is_validation, theme)
        title = f"<title>{escaped(name)}</title>"
        parts.append(
            f'<path {colour} fill="none" stroke-width="{2 if len(points) == len(xs) else 1.2}" '
            'stroke-linejoin="round" stroke-linecap="round" '
            f'd="{_path(points)}">{title}</path>'
        )
        at, last = next((n, x) for n, x in zip(reversed(epochs), reversed(xs)) if math.isfinite(x))
        ends.append((up(last), across(at), is_validation, last))
        if best and (is_validation or len(lines) == 1) and best in epochs:
            x = xs[list(epochs).index(best)]
            said = f"lowest {name}, {drawn(x)}, at epoch {best:,}"
            dot = f'<circle {paint("paper")} cx="{across(best):.1f}" cy="{up(x):.1f}" r="4" stroke-width="2">'
            parts.append(f"<g {colour}>{dot}<title>{escaped(said)}</title></circle></g>")
    return "".join([*parts, *_names(ends, top, theme, is_alone=len(lines) == 1)])


def _line(is_validation: bool, theme: str) -> str:
    """The attributes of a training line or of a validation line."""
    return paint("plus" if is_validation else "outline") + (f" {DASHES}" if is_validation and theme == "print" else "")


def _names(ends: list[tuple[float, float, bool, float]], top: float, theme: str, *, is_alone: bool) -> list[str]:
    """`training` and `validation` with their last numbers, at the ends of their lines but not over each other."""
    ends = sorted(ends)
    places = [y for y, *_ in ends]
    if len(places) == 2 and places[1] - places[0] < LINE_APART:
        middle = sum(places) / 2
        middle = min(max(middle, top + LINE_APART / 2), top + TALL - LINE_APART / 2)
        places = [middle - LINE_APART / 2, middle + LINE_APART / 2]
    parts = []
    for y, (_, _, is_validation, last) in zip(places, ends):
        x = WIDE - RIGHT + 10
        if is_alone:
            parts.append(text(x, y + 4, drawn(last), size=12))
            continue
        parts.append(f'<path {_line(is_validation, theme)} stroke-width="3" d="M{x} {y - 4:.1f}h10"/>')
        parts.append(text(x + 16, round(y, 1), "validation" if is_validation else "training"))
        parts.append(text(x + 16, round(y + 12, 1), drawn(last), "muted", size=11))
    return parts


def _thinned(epochs: Sequence[float], xs: Sequence[float]) -> list[tuple[float, float]]:
    """The points of a line, or of a long one the least and the greatest of each stretch."""
    points = list(zip(epochs, xs))
    if len(points) <= MOST:
        return points
    kept = {0, len(points) - 1}
    size = -(-2 * len(points) // MOST)
    for start in range(0, len(points), size):
        stretch = range(start, min(start + size, len(points)))
        finite = [i for i in stretch if math.isfinite(xs[i])] or stretch
        kept |= {min(finite, key=xs.__getitem__), max(finite, key=xs.__getitem__)}
    return [points[i] for i in sorted(kept)]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """A line through the points; where one is missing the line is broken."""
    parts, letter = [], "M"
    for i, point in enumerate(points):
        if point is None:
            letter = "M"
            continue
        parts.append(f"{letter}{point[0]:.1f} {point[1]:.1f}")
        is_alone = letter == "M" and (i + 1 == len(points) or points[i + 1] is None)
        letter = "L"
        if is_alone:
            parts.append("m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0")  # a small ring
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Three to five round numbers around a range."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if span / (size * power) <= 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, max(last, first + 1) + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From numbers to places."""
    if high == low:
        return lambda x: (start + end) / 2
    return lambda x: start + (end - start) * (x - low) / (high - low)
