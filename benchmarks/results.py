"""The file of measurements, from which the page, the charts and every number about speed in the docs are made.

    >>> found = {"comparisons": {"xor": {"rows": {"run": {"median": 2e-7}, "numpy-arrays": {"median": 1.5e-5}}}}}
    >>> index(found)
    {'xor/run': 2e-07, 'xor/numpy-arrays': 1.5e-05}

`docs/benchmarks/results.json` holds parts that were measured one by one, all on one machine: a measurement replaces its
own parts and leaves the others. Times are in seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PLACE = Path("benchmarks") / "results.json"  # in DOCS, or in another folder that is written to

Results = dict[str, Any]


class OtherMachine(Exception):
    """The file was measured on another machine or with other versions: new numbers cannot stand beside its own."""


def load(folder: Path = DOCS) -> Results:
    """What is in the folder's file; an empty record if there is none."""
    path = folder / PLACE
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    return {"machine": {}, "versions": {}, "comparisons": {}, "eager": {}}


def save(results: Results, folder: Path) -> None:
    path = folder / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(x: Any) -> Any:
    """Numbers with five significant digits: more would be noise."""
    if isinstance(x, dict):
        return {name: rounded(part) for name, part in x.items()}
    return float(f"{x:.5g}") if isinstance(x, float) else x


def merged(old: Results, new: Results, order: list[str]) -> Results:
    """The old parts, with the new ones in their places. `order` are the names of all parts."""
    for what in ("machine", "versions"):
        for name in old[what].keys() & new[what].keys():
            if old[what][name] != new[what][name]:
                raise OtherMachine(
                    f"{PLACE} was measured with {name} {old[what][name]}, and here it is {new[what][name]}: remove the "
                    "file and measure everything again, or give another folder with --to"
                )
    out: Results = {what: {**old[what], **new[what]} for what in ("machine", "versions")}
    for kind in ("comparisons", "eager"):
        parts = {**old[kind], **new[kind]}
        out[kind] = {name: parts[name] for name in sorted(parts, key=order.index)}
    return out


def times(blocks: list[float]) -> dict[str, float]:
    return {"median": statistics.median(blocks), "minimum": min(blocks), "maximum": max(blocks)}


def circumstances(loops: list[float], rounds: int) -> dict[str, Any]:
    """When a part was measured, of which commit, how often, and how much a fixed loop of Python varied meanwhile."""
    ordered = sorted(loops)
    noise = {"minimum": ordered[0], "median": statistics.median(ordered)}
    noise |= {"90th percentile": ordered[int(0.9 * (len(ordered) - 1))], "maximum": ordered[-1]}
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit(), "rounds": rounds, "noise": noise}


def commit() -> str:
    """The commit that is measured, with a + if an engine's code was changed since; empty outside a checkout."""

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    found = git("rev-parse", "--short=10", "HEAD")
    return found + "+" * bool(found and git("status", "--porcelain", "--", "micrograd", "benchmarks/peers"))


def index(results: Results) -> dict[str, float]:
    """Every number by its key: `moons/run` is a median, and `moons/run/compile` says what else of a row is meant."""
    found: dict[str, float] = {}
    for name, part in results.get("comparisons", {}).items():
        _add_rows(found, name, part["rows"])
    for program, part in results.get("eager", {}).items():
        for measure, about in part["measures"].items():
            _add_rows(found, f"eager/{program}/{measure}", about["rows"])
    return found


def _add_rows(found: dict[str, float], prefix: str, rows: dict[str, dict[str, Any]]) -> None:
    for row, measures in rows.items():
        for name, x in measures.items():
            if isinstance(x, (int, float)) and not isinstance(x, bool):
                found[f"{prefix}/{row}" + ("" if name == "median" else f"/{name.replace(' ', '-')}")] = x
