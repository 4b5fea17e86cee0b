"""Draw what a trained net does: `decision_regions(predict, X, y, "moons.png")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from micrograd.extras import require

BLUE, ORANGE = "#0072b2", "#e69f00"  # told apart by colour-blind readers (Okabe and Ito)


def decision_regions(
    score: Callable[[list[float]], Any], X: Sequence[Sequence[float]], y: Sequence[int], path: str, *, points: int = 60
) -> None:
    """Save a PNG of the plane, shaded by the sign of `score([x0, x1])`, with the examples of labels -1 (or 0) and 1.

    `score` is called on a grid of `points` by `points`.
    """
    if any(len(row) != 2 for row in X):
        raise ValueError(f"decision regions are drawn for rows of 2 inputs, not {len(X[0])}")
    figure = require("matplotlib.figure", extra="train").Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    ranges = []
    for column in zip(*X):
        low, high = min(column), max(column)
        margin = 0.15 * (high - low)
        ranges.append([low - margin + (high - low + 2 * margin) * i / (points - 1) for i in range(points)])
    across, up = ranges
    scores = [[float(score([x0, x1])) for x0 in across] for x1 in up]
    reach = max(abs(s) for row in scores for s in row) or 1.0
    axes.contourf(across, up, scores, levels=[-reach, 0, reach], colors=[BLUE, ORANGE], alpha=0.3)
    axes.contour(across, up, scores, levels=[0], colors="black", linewidths=1)
    for label, colour, marker in [(-1, BLUE, "o"), (1, ORANGE, "^")]:
        chosen = [row for row, target in zip(X, y) if (target > 0) == (label > 0)]
        if not chosen:
            continue
        axes.scatter(*zip(*chosen), c=colour, marker=marker, edgecolors="black", linewidths=0.5, label=f"label {label}")
    axes.legend()
    figure.savefig(path, dpi=120)
