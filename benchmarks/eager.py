"""How fast programs are as people write them, without compiling: `python -m benchmarks.eager`.

    python -m benchmarks.eager --quick                        does everything run? in about a minute
    python -m benchmarks.eager --programs moons,lecture       some of the programs
    python -m benchmarks.eager --other ../before              and the Python core of another checkout beside ours

Our two cores, the original micrograd 0.1.0 and a small class of Values as scripts have it run the same programs, each
in a process of its own; the processes measure in turn, one at a time. What they compute is compared before anything is
timed: our two cores must agree to the bit, the others to 1e-9; the exit status is 1 if they do not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import PROGRAMS
from benchmarks.report import machine, spread
from benchmarks.say import quantity, say
from benchmarks.timing import noise
from benchmarks.worker import Worker

NAMES = {
    "native": "micrograd, native core",
    "python": "micrograd, Python core",
    "other": "micrograd of the other checkout, Python core",
    "original": "micrograd 0.1.0",
    "slotted": "a script's own Value",
}
OURS = {"native", "python", "other"}
TOLERANCE = 1e-9  # relative, for engines other than ours


class Differs(Exception):
    """Two engines give different numbers for one program."""


@dataclass(frozen=True)
class Asked:
    """What the native core has to show: a measure, or how many times another's it is."""

    what: str
    program: str
    measure: str
    limit: float
    against: tuple[str, str, str] | None = None  # program, measure and engine of which the ratio is taken

    def found(self, measured: dict, f) -> float | None:
        ours = measured.get((self.program, self.measure, "native"))
        theirs = measured.get(self.against) if self.against else [1.0]
        if not ours or not theirs:
            return None
        return f(theirs) / f(ours) if self.against else f(ours)

    def is_met(self, x: float) -> bool:
        return x >= self.limit if self.against else x <= self.limit


def _times(what: str, program: str, measure: str, limit: float, engine: str, other: str = "") -> Asked:
    return Asked(what, program, measure, limit, (other or program, measure, engine))


ASKED = [
    _times("moons: times the Python core", "moons", "collector on", 8, "python"),
    _times("moons: times the original", "moons", "collector on", 30, "original"),
    _times("the lecture's net: times the original", "lecture", "collector on", 5, "original"),
    _times("microgpt: times the Python core", "microgpt", "collector paused", 6, "python"),
    _times("microgpt: times a script's Value", "microgpt", "collector paused", 4, "slotted", "microgpt-script"),
    _times("microgpt as a script: times its Value", "microgpt-script", "collector paused", 4, "slotted"),
    Asked("the Iris demo, s", "iris", "whole process", 4),
    Asked("import micrograd, s", "import", "import micrograd", 0.05),
    Asked("x / (x + y) with its gradient, s", "calls", "jit(f)(x, y) of Values", 0.4e-6),
    Asked("step(X, y) of xor, s", "calls", "step(X, y) of xor, arrays", 1.3e-6),
    _times("bytes a node: times the Python core's", "memory", "a node of the moons, allocated", 2, "python"),
    Asked("bytes of a node of two operands", "memory", "sys.getsizeof(x * y)", 144),
    Asked("a chain of a million, s", "chain", "all, collector on", 1),
    Asked("the same, collector paused, s", "chain", "all, collector paused", 0.4),
]  # fmt: skip


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=",".join(PROGRAMS), help="some of %(default)s (default all)")
    parser.add_argument("--engines", default="native,python,original,slotted", help="some of %(default)s (default all)")
    parser.add_argument("--other", type=Path, metavar="PATH", help="time the Python core of this checkout too")
    parser.add_argument("--rounds", type=int, help="blocks of each engine (default 9, fewer of the long ones)")
    parser.add_argument("--quick", action="store_true", help="one short block of each")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all numbers to this file too")
    options = parser.parse_args(arguments)
    options.programs, options.engines = options.programs.split(","), options.engines.split(",")
    for chosen, known in ((options.programs, PROGRAMS), (options.engines, NAMES)):
        if unknown := [name for name in chosen if name not in known]:
            parser.error(f"{unknown[0]!r} is not one of {', '.join(known)}")
    return options


def workers_of(names: list[str], other: Path | None) -> dict[str, Worker]:
    """A process for each engine; without a native core there is none for it."""
    workers = {}
    try:
        for name in names:
            workers[name] = Worker(name)
            if name == "native" and workers[name].about["core"] != "native":
                workers.pop(name).close()
                say("there is no native core here, so it is left out")
        if other:
            workers["other"] = Worker("python", str(other.resolve()))
    except BaseException:
        close(workers)
        raise
    return workers


def close(workers: dict[str, Worker]) -> None:
    for worker in workers.values():
        worker.close()


def differences(results: dict[str, dict[str, list[float]]]) -> list[str]:
    """Where the engines' results are not equal to the first one's: those of ours to the bit, others to TOLERANCE."""
    (first, wanted), *others = results.items()
    wrong = []
    for engine, found in others:
        exactly = {first, engine} <= OURS
        for name in found.keys() & wanted.keys():
            pairs = list(itertools.zip_longest(found[name], wanted[name], fillvalue=math.nan))
            bad = [pair for pair in pairs if not (same if exactly else near)(*pair)]
            if bad:
                wrong.append(f"{name}: {NAMES[engine]} gives {bad[0][0]!r} and {NAMES[first]} {bad[0][1]!r}")
    return wrong


def same(x: float, y: float) -> bool:
    return float(x).hex() == float(y).hex() != "nan"


def near(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=1e-12)


def measure(name: str, workers: dict[str, Worker], options: argparse.Namespace, loops: list[float]) -> dict:
    """The measures of one program: a list of blocks for each (program, measure, engine)."""
    program = PROGRAMS[name]
    chosen = {engine: w for engine, w in workers.items() if engine in program.engines or engine == "other"}
    if not chosen:
        return {}
    say(f"{name}: comparing {', '.join(chosen)}")
    results = {engine: w.ask({"program": name, "quick": options.quick}) for engine, w in chosen.items()}
    wrong = differences(results)
    if wrong:
        raise Differs(f"{name}: {'; '.join(wrong)}")
    rounds = 1 if options.quick else min(options.rounds or 9, program.rounds or math.inf)
    say(f"{name}: {sum(map(len, results[next(iter(chosen))].values()))} numbers agree; measuring {rounds} times each")
    found: dict = {}
    for _ in range(rounds):
        for engine, worker in chosen.items():
            loops.append(noise())
            for what, x in worker.ask(None).items():
                found.setdefault((name, what, engine), []).append(x)
    return found


def report(measured: dict, loops: list[float]) -> None:
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores, Python {platform.python_version()}")
    if loops:
        told = ", ".join(f"{name} {x:.2f}" for name, x in spread(loops).items())
        print(f"Noise: a fixed loop of Python between blocks took, in ms: {told}.")
    for name in dict.fromkeys(program for program, _, _ in measured):
        print(f"\n## {name}: {PROGRAMS[name].__doc__.splitlines()[0]}\n")
        print("| what | engine | minimum | median | spread | times native |\n|---|---|--:|--:|--:|--:|")
        for (program, what, engine), found in measured.items():
            if program == name:
                low, middle = min(found), statistics.median(found)
                native = measured.get((name, what, "native"))
                times = f"{low / min(native):.2f}" if native and min(native) else ""
                unit, apart = PROGRAMS[name].unit, (max(found) - low) / middle
                numbers = f"{quantity(low, unit, 3)} | {quantity(middle, unit, 3)} | {apart:.0%} | {times}"
                print(f"| {what} | {NAMES[engine]} | {numbers} |")
    lines = []
    for asked in ASKED:
        found = [asked.found(measured, f) for f in (min, statistics.median)]
        if found[0] is not None:
            numbers = " | ".join(f"{x:.3g}" for x in found)
            limit = f"at {'least' if asked.against else 'most'} {asked.limit:g}"
            lines.append(f"| {asked.what} | {limit} | {numbers} | {'yes' if asked.is_met(found[1]) else 'NO'} |")
    if lines:
        print("\n## What the native core has to show\n")
        print("| what | asked | by minima | by medians | met |\n|---|---|--:|--:|---|")
        print("\n".join(lines))


def main() -> int:
    options, measured, loops, differ = parse(), {}, [], []
    workers = workers_of(options.engines, options.other)
    try:
        for name in options.programs:
            try:
                measured |= measure(name, workers, options, loops)
            except Differs as error:
                differ.append(f"DIFFERS, not timed: {error}")
    finally:
        close(workers)
    report(measured, loops)
    print(*differ, sep="\n")
    if options.json:
        kept = [{"program": p, "what": w, "engine": e, "blocks": found} for (p, w, e), found in measured.items()]
        options.json.write_text(json.dumps({"machine": machine(), "noise": spread(loops), "measures": kept}, indent=1))
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
