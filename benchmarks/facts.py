"""What the measurements say, for the page and the charts: `rows_of(part)`, `best(part)`, `lost(results)`.

A ratio is another's time over ours: above 1, micrograd is faster. Only ways that do the same are compared: a loop that
takes many steps in one call with `step.run`, what is called for each step with `step(X, y)` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.results import Results

Row = dict[str, Any]

FASTEST = {"training": "run", "expression": "jit", "field": "compiled"}  # what we would use, for each kind
OURS = {"run", "step", "jit", "grad", "backward", "eager", "python", "compiled", "native"}
IN_C = {"limit-loop", "tuned-loop", "jammed-loop"}
BY_HAND = {*IN_C, "numpy-arrays", "numpy-math"}  # written for the one net, with its derivatives
SAME = 0.05  # ratios so near to 1 are called equal


def kind_of(slug: str) -> str:
    return "ours" if slug in OURS else "hand" if slug in BY_HAND else "other"


def rows_of(part: dict[str, Any]) -> list[tuple[str, Row]]:
    """The rows of a comparison, the fastest first."""
    return sorted(part["rows"].items(), key=lambda pair: pair[1]["median"])


def best(part: dict[str, Any]) -> tuple[str, Row]:
    """Our own way that the others are measured against."""
    slug = FASTEST[part["kind"]]
    return slug, part["rows"][slug]


def fastest(part: dict[str, Any], among: set[str] | None = None) -> Row | None:
    """The fastest of these rows, or of all other engines."""
    for slug, row in rows_of(part):
        if (slug in among if among else kind_of(slug) == "other") and is_alike(part, row):
            return row
    return None


def is_alike(part: dict[str, Any], row: Row) -> bool:
    """Whether a row does what ours does: an expression is called from Python, so a loop around it in C is not alike."""
    return not (part["kind"] == "expression" and row["loops"])


@dataclass(frozen=True)
class Loss:
    """A row that is faster than ours that does the same."""

    part: str
    ours: Row
    slug: str
    theirs: Row

    @property
    def ratio(self) -> float:
        return self.theirs["median"] / self.ours["median"]


def pairs(part: dict[str, Any]) -> Iterator[tuple[Row, str, Row]]:
    """Each other row beside ours that does the same."""
    rows = part["rows"]
    for slug, row in rows_of(part):
        if kind_of(slug) == "ours" or not is_alike(part, row):
            continue
        yield best(part)[1], slug, row
        if part["kind"] == "training" and not row["loops"] and "step" in rows:
            yield rows["step"], slug, row


def lost(results: Results) -> list[Loss]:
    """All that is faster than ours by medians and by minima, by more than what is called equal."""
    found = []
    for name, part in results["comparisons"].items():
        for ours, slug, theirs in pairs(part):
            if all(theirs[by] < (1 - SAME) * ours[by] for by in ("median", "minimum")):
                found.append(Loss(name, ours, slug, theirs))
    return found


def counted(results: Results) -> tuple[int, int, int]:
    """Of all pairs with other engines: how many we are faster in, equal, slower."""
    slower = {(loss.part, loss.slug, loss.ours["engine"]) for loss in lost(results)}
    faster = equal = 0
    for name, part in results["comparisons"].items():
        for ours, slug, theirs in pairs(part):
            if (name, slug, ours["engine"]) not in slower:
                sure = all(theirs[by] > (1 + SAME) * ours[by] for by in ("median", "minimum"))
                faster, equal = faster + sure, equal + (not sure)
    return faster, equal, len(slower)
