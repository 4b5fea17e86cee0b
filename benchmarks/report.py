"""Report what was measured: `markdown(results)` for people, `as_json(results)` for programs.

A ratio is another engine's time over ours: above 1, micrograd is faster.
"""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.timing import TOLERANCE, Row
from benchmarks.workloads import Expression, Training

OURS = ("ours", "original")
NOTES = """\
Microseconds per training step (forward, backward, update) or, for expressions, per call that returns the value and both
derivatives. `jit(f)(x, y)` returns a Value that holds both derivatives; `.backward()` hands them to x and y. Compile:
seconds from building the net to the result of the first step, libraries loaded; cold: the same in a new process, with
loading its libraries. Peak: memory of that process after 100 more steps. All float64, one thread."""


@dataclass
class Measured:
    """One workload: its rows, and the times of the fixed loop between them."""

    workload: Expression | Training
    rows: list[Row]
    loops: list[float]
    memory: dict[str, float] = field(default_factory=dict)  # of a process without an engine

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name and row.times), None)

    def others(self) -> list[Row]:
        """Rows of other engines; what is written in C is not an engine."""
        return [row for row in self.rows if row.times and row.peer not in (*OURS, "limit", "tuned", "jammed")]


@dataclass
class Results:
    options: dict[str, Any]
    versions: dict[str, str]
    missing: list[str]
    measured: list[Measured]

    @property
    def failures(self) -> list[tuple[str, Row]]:
        return [(m.workload.name, row) for m in self.measured for row in m.rows if row.failed]


def machine() -> dict[str, str]:
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        fields = {name.strip(): text.strip() for name, text in fields.items()}
        if "model name" in fields:
            return f"{fields['model name']} (family {fields.get('cpu family')}, model {fields.get('model')})"
    return platform.processor() or platform.machine()


def spread(loops: list[float]) -> dict[str, float]:
    """The fixed loop's milliseconds."""
    ordered = sorted(1e3 * x for x in loops)
    return {
        "minimum": ordered[0],
        "median": statistics.median(ordered),
        "90th percentile": ordered[int(0.9 * (len(ordered) - 1))],
        "maximum": ordered[-1],
    }


def microseconds(seconds: float) -> str:
    us = 1e6 * seconds
    return f"{us:,.0f}" if us >= 1000 else f"{us:.3g}"


def _seconds(x: float | None) -> str:
    return "" if x is None else f"{x:.2f}" if x >= 0.01 else f"{x:.4f}"


def _table(head: list[str], lines: list[list[str]]) -> list[str]:
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *lines)] + [""]


def markdown(results: Results) -> str:
    here = machine()
    out = ["# micrograd beside other engines", ""]
    out += [f"{here['cpu']}, {here['cores']} cores, {here['system']}, Python {here['python']}", ""]
    out += ["Versions: " + ", ".join(f"{peer} {v}" for peer, v in results.versions.items()) + "."]
    if results.missing:
        out.append("Not installed, so left out: " + ", ".join(results.missing) + ".")
    if results.measured:
        noise = ", ".join(f"{name} {x:.2f}" for name, x in spread(_all_loops(results)).items())
        out += [f"Noise: a fixed loop of Python between blocks took, in ms: {noise}.", ""]
    out += [NOTES, ""]
    for m in results.measured:
        out += _workload(m)
    out += _ratios(results)
    if results.failures:
        out += ["## Failed", ""]
        for workload, row in results.failures:
            kind = "DIFFERS, not timed" if row.differs else "could not run"
            out.append(f"- {workload}, {row.name}: {kind}: {row.failed}")
        out.append("")
    return "\n".join(out)


def _all_loops(results: Results) -> list[float]:
    return [x for m in results.measured for x in m.loops]


def checked(m: Measured) -> str:
    """What was compared before anything was timed."""
    if isinstance(m.workload, Expression):
        return (
            f"Checked against Python by hand to {TOLERANCE:g} relative, in every row: the value and both derivatives."
        )
    count = sum(array.size for array in m.workload.parameters())
    steps = {row.checked for row in m.rows if row.times}
    said = " or ".join(map(str, sorted(steps, reverse=True)))
    return (
        f"Checked against NumPy by hand to {TOLERANCE:g} relative, in every row: the losses of the first {said} steps "
        f"(fewer for slow engines) and the {count} parameters after them."
    )


def _workload(m: Measured) -> list[str]:
    rows = sorted((row for row in m.rows if row.times), key=lambda row: row.median)
    out = [f"## {m.workload.name}: {m.workload.text}", ""]
    if not rows:
        return [*out, "Nothing ran.", ""]
    out += [checked(m)]
    if m.memory:
        out.append("Without an engine: " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in m.memory.items()) + ".")
    has_memory = any(row.memory for row in rows)
    head = ["engine", "minimum µs", "median µs", "compile s"] + (["cold s", "peak MB"] if has_memory else [])
    lines = []
    for row in rows:
        cells = [row.name, microseconds(row.minimum), microseconds(row.median), _seconds(row.compile)]
        if has_memory:
            cells += [_seconds(row.cold), "" if row.memory is None else f"{row.memory:.0f}"]
        lines.append(cells)
    return [*out, "", *_table(head, lines)]


def ratios(m: Measured) -> dict[str, dict[str, Any]]:
    """The other's time over ours, by medians and by minima, for each pair of rows that was timed."""
    out: dict[str, dict[str, Any]] = {}
    fastest = min(m.others(), key=lambda row: row.median, default=None)
    limit, run, step = m.row("limit.c"), m.row("micrograd step.run"), m.row("micrograd step(X, y)")
    questions = [
        ("step.run, fastest peer", run, fastest),
        ("step.run, limit.c", run, limit),
        ("step.run, tuned.c", run, m.row("tuned.c")),
        ("step.run, jammed.c", run, m.row("jammed.c")),
        ("step.run, NumPy by hand", run, m.row("NumPy by hand")),
        ("step.run, jax.jit of lax.scan", run, m.row("jax.jit of lax.scan")),
        ("step(X, y), NumPy by hand", step, m.row("NumPy by hand")),
        ("step(X, y), jax.jit", step, m.row("jax.jit")),
        ("step(X, y), PyTorch eager", step, m.row("PyTorch eager")),
        ("step.run, micrograd eager", run, m.row("micrograd eager")),
        ("step.run, micrograd eager, Python core", run, m.row("micrograd eager, Python core")),
    ]
    if isinstance(m.workload, Expression):
        call = m.row("micrograd jit(f)(x, y)")
        names = (
            "Python by hand",
            "CasADi SX",
            "jax.jit",
            "PyTorch eager",
            "micrograd eager",
            "micrograd 0.1.0",
            "limit.c",
        )
        questions = [(f"jit(f)(x, y), {name}", call, m.row(name)) for name in names]
    for name, ours, other in questions:
        if ours and other:
            out[name] = {"by medians": other.median / ours.median, "by minima": other.minimum / ours.minimum}
            out[name]["other"] = other.name
    return out


def _ratios(results: Results) -> list[str]:
    out = ["## How many times faster micrograd is, by medians (by minima)", ""]
    for kind in (Training, Expression):
        chosen = [m for m in results.measured if isinstance(m.workload, kind)]
        found = {m.workload.name: ratios(m) for m in chosen}
        questions = list(dict.fromkeys(name for answers in found.values() for name in answers))
        if not questions:
            continue
        lines = [[name, *(_ratio(name, found[m.workload.name].get(name)) for m in chosen)] for name in questions]
        out += _table([*["ours, other"], *found], lines)
    lines = []
    for m in results.measured:
        for row in m.rows:
            if row.peer == "ours" and row.times and row.name != "micrograd eager":
                lines.append([m.workload.name, row.name, microseconds(row.median), _seconds(row.compile)])
    return out + (["## Ours", "", *_table(["workload", "way", "median µs", "compile s"], lines)] if lines else [])


def _ratio(name: str, answer: dict[str, Any] | None) -> str:
    if answer is None:
        return ""
    medians, minima = (f"{answer[by]:.3g}" for by in ("by medians", "by minima"))
    return f"{medians} ({minima})" + (f" {answer['other']}" if name.endswith("fastest peer") else "")


def as_json(results: Results) -> dict[str, Any]:
    workloads = []
    for m in results.measured:
        rows = []
        for row in m.rows:
            known = {"peer": row.peer, "engine": row.name, "checked steps": row.checked}
            if row.failed:
                rows.append({**known, "failed": row.failed, "differs": row.differs})
                continue
            seconds = {"minimum": row.minimum, "median": row.median, "blocks": row.times, "compile": row.compile}
            block = {"steps a call": row.steps, "calls": row.calls}
            rows.append({**known, "seconds": {**seconds, "cold": row.cold}, "block": block, "peak MB": row.memory})
        noise = spread(m.loops) if m.loops else {}
        about = {"name": m.workload.name, "text": m.workload.text, "noise ms": noise, "without engine MB": m.memory}
        workloads.append({**about, "rows": rows, "ratios": ratios(m)})
    said = {"versions": results.versions, "not installed": results.missing, "options": results.options}
    return {"machine": machine(), **said, "tolerance": TOLERANCE, "workloads": workloads}
