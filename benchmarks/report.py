"""What was measured, as parts of the file of results: `comparison(...)`, `of_field(...)`, `of_program(...)`."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.programs import Program
from benchmarks.results import circumstances, times
from benchmarks.timing import TOLERANCE, Row
from benchmarks.workloads import Expression, Training

LIBRARIES = {  # what a peer is called among the versions
    "ours": "micrograd",
    "original": "the original micrograd",
    "torch": "PyTorch",
    "jax": "JAX",
    "numpy": "NumPy",
    "casadi": "CasADi",
    "limit": "C compiler",
    "tuned": "C compiler",
    "jammed": "C compiler",
}


@dataclass
class Measured:
    """One workload: its rows, and the times of the fixed loop between them."""

    workload: Expression | Training
    rows: list[Row]
    loops: list[float]
    memory: dict[str, float] = field(default_factory=dict)  # of a process without an engine


def machine() -> dict[str, str]:
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "system": _system(),
        "python": platform.python_version(),
    }


def _system() -> str:
    """`Linux 6.18, x86_64`."""
    release = re.match(r"\d+\.\d+", platform.release())
    return f"{platform.system()} {release[0] if release else platform.release()}, {platform.machine()}"


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
    return {name: 1e3 * x for name, x in circumstances(loops, 0)["noise"].items()}


SPOKEN = {"**": "power", "*": "times", "+": "plus", "-": "minus", "/": "by", "=": "is"}


def slug(text: str) -> str:
    """A part of a key: `collector-on` of "collector on", and `x-times-y` of "x * y"."""
    text = re.sub(r"\*\*|[*+/=]|-(?! )(?<!\w-)|(?<= )-(?= )", lambda match: f" {SPOKEN[match[0]]} ", text)
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def checked(m: Measured) -> str:
    """What was compared before anything was timed."""
    if isinstance(m.workload, Expression):
        return f"the value and both derivatives, compared with Python by hand to {TOLERANCE:g} relative"
    count = sum(array.size for array in m.workload.parameters())
    steps = {row.checked for row in m.rows if row.times}
    said = " or ".join(map(str, sorted(steps, reverse=True)))
    return (
        f"the losses of the first {said} steps and the {count:,} parameters after them, compared with NumPy by hand "
        f"to {TOLERANCE:g} relative"
    )


def comparison(m: Measured, rounds: int) -> dict[str, Any]:
    """One workload as it stands in the file."""
    kind = "expression" if isinstance(m.workload, Expression) else "training"
    part: dict[str, Any] = {"kind": kind, "text": m.workload.text, "checked": checked(m)}
    if m.memory:
        part["without engine MB"] = m.memory
    part |= {"measured": circumstances(m.loops, rounds), "rows": {}}
    for row in m.rows:
        name = "-".join(filter(None, [row.peer if row.peer != "ours" else "", row.variant]))
        if row.failed:
            part.setdefault("failed", {})[name] = {"engine": row.name, "why": row.failed, "differs": row.differs}
            continue
        about = {"engine": row.name, "loops": row.loops, **times(row.times), "compile": row.compile}
        extra = {"cold": row.cold, "peak MB": row.memory}
        part["rows"][name] = about | {name: x for name, x in extra.items() if x is not None}
    return part


def of_field(text: str, rows: list[dict[str, Any]], loops: list[float], rounds: int) -> dict[str, Any]:
    """One program of another field (fields.py)."""
    said = f"losses and parameters, or all results, compared between the engines to {TOLERANCE:g} of the largest number"
    part = {"kind": "field", "text": text, "checked": said, "measured": circumstances(loops, rounds), "rows": {}}
    for row in rows:
        about = {"engine": row["engine"], "loops": False, **times(row["times"]), "compile": row["ready"]}
        part["rows"][row["how"]] = about
    return part


def of_program(program: type[Program], found: dict, loops: list[float], names: dict[str, str]) -> dict[str, Any]:
    """One program as people write it, without compiling (eager.py)."""
    about = circumstances(loops, max(map(len, found.values())))
    part = {"text": program.__doc__.splitlines()[0], "unit": program.unit, "measured": about, "measures": {}}
    names_by_slug = {slug(what): what for _, what, _ in found}
    assert len(names_by_slug) == len({what for _, what, _ in found}), "two measures would have one key"
    for (_, what, engine), blocks in found.items():
        measure = part["measures"].setdefault(slug(what), {"name": what, "rows": {}})
        measure["rows"][engine] = {"engine": names[engine], **times(blocks)}
    return part
