"""Draw what a trained net does: `decision_regions(predict, X, y, "moons.png")`.

Every matplotlib picture uses `named` and `save_figure`: names stay text, even between dollar signs, where matplotlib
would read a formula; a file is written whole or not at all.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from micrograd.coerce import float_of
from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.intake import rows_of

BLUE, ORANGE = "#0072b2", "#e69f00"  # safe for colour-blind readers (Okabe and Ito), like COLOURS
MAX_LEGEND = 10  # classes; a longer legend would cover the plot, so the names stand at the examples
COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
MARKERS = "o^svDP*X"
INK, MUTED, LINE = "#111827", "#6b7280", "#d1d5db"


def decision_regions(
    score: Callable[[list[float]], Any],
    X: Sequence[Sequence[float]],
    y: Sequence[int],
    path: str | os.PathLike[str],
    *,
    points: int = 60,
    classes: Sequence[str] = (),
    inputs: Sequence[str] = (),
) -> None:
    """Save a PNG of the plane, shaded by the class that `score([x0, x1])` chooses, with the examples on it.

    Every example keeps the colour of its own class; those on the wrong side of a border stand in a ring.

    The sign of a single score chooses between the labels -1 (or 0) and 1; of several scores the greatest chooses, and
    labels are indices. `score` is called on a grid of `points` by `points`, and once for each example. `classes` and
    `inputs` are names to write.
    """
    X, y = rows_of(X, "X"), rows_of(y, "y")
    if any(len(row) != 2 for row in X):
        raise ValueError(f"decision regions are drawn for rows of 2 inputs, not {len(X[0])}")
    figure = require("matplotlib.figure", extra="train").Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    count = _regions(axes, score, X, points)
    handles: list[Any] = []
    names: list[str] = []
    is_single = count == 2 and not classes
    own = [int(target > 0) if count == 2 else target for target in y]
    for k in range(count):
        chosen = [row for row, label in zip(X, own) if label == k]
        if chosen:
            name = f"label {2 * k - 1}" if is_single else classes[k] if classes else f"label {k}"
            look = {"c": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "zorder": 3}
            handles.append(axes.scatter(*zip(*chosen), s=34, edgecolors=INK, linewidths=0.5, **look))
            names.append(name)
            if count > MAX_LEGEND:
                x0, x1 = (sum(column) / len(chosen) for column in zip(*chosen))
                box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
                named(axes.text(x0, x1, "", ha="center", va="center", bbox=box, zorder=5), name)
    if count > MAX_LEGEND:
        handles, names = [], []
    wrong = [row for row, label in zip(X, own) if _chosen(score(list(row))) != label]
    if wrong:
        ring = {"s": 130, "facecolors": "none", "edgecolors": INK, "linewidths": 1.3, "zorder": 4}
        handles.append(axes.scatter(*zip(*wrong), **ring))
        names.append(f"on the wrong side ({len(wrong):,})")
    if inputs:
        named(axes.xaxis.label, inputs[0])
        named(axes.yaxis.label, inputs[1])
    axes.tick_params(colors=MUTED, labelsize=8)
    axes.spines[:].set_color(LINE)
    if handles:
        legend(axes, handles, names)
    save_figure(figure, path, dpi=120)


def _regions(axes: Any, score: Callable[[list[float]], Any], X: Any, points: int) -> int:
    """Shade the plane by the class that the scores choose, below everything else; gives the number of classes."""
    ranges = []
    for column in zip(*X):
        low, high = min(column), max(column)
        margin = 0.15 * (high - low)
        ranges.append([low - margin + (high - low + 2 * margin) * i / (points - 1) for i in range(points)])
    across, up = ranges
    leads = [[_leads(score([x0, x1])) for x0 in across] for x1 in up]
    count = len(leads[0][0])
    for k in range(count):
        lead = [[cell[k] for cell in row] for row in leads]
        highest, lowest = (pick(map(pick, lead)) for pick in (max, min))
        if highest > 0:
            axes.contourf(across, up, lead, levels=[0, highest], colors=[COLOURS[k % len(COLOURS)]], alpha=0.22)
        if lowest < 0 < highest:
            axes.contour(across, up, lead, levels=[0], colors=INK, linewidths=1)
    return count


def named(text: Any, name: object) -> None:
    """Set a matplotlib text to a name, unchanged, whatever characters it holds."""
    text.set_parse_math(False)
    text.set_usetex(False)
    text.set_text(str(name))


def legend(axes: Any, handles: Sequence[Any], names: Sequence[object]) -> None:
    """A legend with these names, even those that begin with "_", which matplotlib would leave out."""
    made = axes.legend(handles, [f"{i}" for i in range(len(names))], fontsize=9)
    for text, name in zip(made.get_texts(), names):
        named(text, name)


def save_figure(figure: Any, path: Any, **options: Any) -> None:
    """Save a picture in the format of the path's suffix, PNG without one; or write it to an open file."""
    if hasattr(path, "write"):
        figure.savefig(path, **options)
        return
    path, picture = Path(path), io.BytesIO()
    if not path.suffix:
        path = path.with_name(f"{path.name}.png")
    figure.savefig(picture, format=path.suffix[1:], **options)
    write_whole(path, picture.getvalue())


def _leads(scores: Any) -> list[float]:
    """How far each class is ahead of the best other class; negative if another is chosen."""
    if not hasattr(scores, "__len__"):
        return [-float_of(scores), float_of(scores)]
    numbers = [float_of(s) for s in scores]
    return [s - max(numbers[:k] + numbers[k + 1 :]) for k, s in enumerate(numbers)]


def _chosen(scores: Any) -> int:
    """The class that the scores choose, as an index."""
    leads = _leads(scores)
    return leads.index(max(leads))
