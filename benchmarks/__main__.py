"""Time micrograd beside every engine that is installed, and write the page of comparisons: `python -m benchmarks`.

    python -m benchmarks --quick                       a first look, in a minute or two; writes nothing
    python -m benchmarks                               everything, then docs/benchmarks.md, its charts and results.json
    python -m benchmarks --workloads xor,moons         these again; the other results stay
    python -m benchmarks --programs lecture --fields camera --to elsewhere
    python -m benchmarks --render                      page, charts and numbers in the docs from the results, unmeasured
    python -m benchmarks --keys                        what a number in the docs can be called

Losses and parameters are checked to be equal before anything is timed; the exit status is 1 if they differ. What was
measured goes to standard output as a page, progress to standard error. `requirements.txt` lists the peers.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import eager, fields, figures, page, peers, report, results
from benchmarks.measures import PROGRAMS
from benchmarks.memory import peak
from benchmarks.say import say
from benchmarks.timing import Row, check, prepare, time_rows
from benchmarks.workloads import NAMES, workload

ORDER = [*NAMES, *fields.FIELDS, *PROGRAMS]


def names(text: str, known: list[str], what: str) -> list[str]:
    chosen = text.split(",") if text else []
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SystemExit(f"{what}: {unknown[0]!r} is not one of {', '.join(known)}")
    return [name for name in known if name in chosen]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = {"workloads": NAMES, "fields": list(fields.FIELDS), "programs": list(PROGRAMS)}
    for name, known in what.items():
        parser.add_argument(f"--{name}", default="", help=f"some of {','.join(known)}; without any of the three, all")
    parser.add_argument("--peers", default=",".join(peers.NEEDS), help="some of %(default)s (default all)")
    parser.add_argument("--rounds", type=int, help="timed blocks of each row (default 15; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="short blocks, few rounds, no memory; writes nothing")
    parser.add_argument(
        "--no-memory", action="store_true", help="do not measure memory, which starts a process for each engine"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write there instead of docs/, even if quick")
    parser.add_argument("--render", action="store_true", help="write page, charts and numbers; measure nothing")
    parser.add_argument("--keys", action="store_true", help="list every number of the results by its key")
    options = parser.parse_args(arguments)
    all_of_them = not any(getattr(options, name) for name in what)
    for name, known in what.items():
        setattr(options, name, known if all_of_them else names(getattr(options, name), known, f"--{name}"))
    options.peers = names(options.peers, list(peers.NEEDS), "--peers")
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.no_memory = options.no_memory or options.quick
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def measure(name: str, options: argparse.Namespace, chosen: list[str]) -> report.Measured:
    work = workload(name)
    say(f"{name}: compiling")
    rows = prepare(chosen, work)
    say(f"{name}: checking")
    check(rows, work)
    for row in rows:
        if row.failed:
            say(f"{name}: {row.name} {'DIFFERS' if row.differs else 'could not run'}: {row.failed}")
    say(f"{name}: timing {sum(not row.failed for row in rows)} rows")
    loops = time_rows(rows, work, rounds=options.rounds, target=0.01 if options.quick else 0.05)
    measured = report.Measured(work, rows, loops)
    if not options.no_memory:
        say(f"{name}: memory")
        measured.memory = {"Python alone": peak([])[0], "with NumPy and the data": peak([], work)[0]}
        for row in rows:
            see_memory(row, work)
    for row in rows:
        row.thing = None
    return measured


def see_memory(row: Row, work: object) -> None:
    if row.failed:
        return
    try:
        row.memory, row.cold = peak([row.peer, row.variant], work)
    except RuntimeError as error:
        say(f"{work.name}: {row.name}: no memory: {error}")


def versions(chosen: list[str]) -> dict[str, str]:
    """Those of the engines, by the names that people know."""
    found = {}
    for peer in chosen:
        try:
            found[report.LIBRARIES.get(peer, peer)] = peers.load(peer).version()
        except Exception as error:
            say(f"{peer}: {error}")
    return found


def measured_parts(options: argparse.Namespace, chosen: list[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each part as soon as it is measured: "comparisons" or "eager", its name, and what the file keeps of it."""
    for name in options.workloads:
        yield "comparisons", name, report.comparison(measure(name, options, chosen), options.rounds)
    for name in options.fields:
        say(f"{name}: compiling, checking and timing")
        rows, loops = fields.measure(fields.FIELDS[name], rounds=options.rounds, block=0.001 if options.quick else 0.1)
        yield "comparisons", name, report.of_field(fields.FIELDS[name].text, rows, loops, options.rounds)
    for name in options.programs:
        workers = eager.workers_of(["native", "python", "original", "slotted"], None)  # fresh: no other's garbage
        try:
            loops = []
            found = eager.measure(name, workers, options, loops)
        finally:
            eager.close(workers)
        yield "eager", name, report.of_program(PROGRAMS[name], found, loops, eager.NAMES)


def render(found: results.Results, folder: Path) -> None:
    """Write the page and the charts, and in docs/ the numbers of the other pages too."""
    for name, text in page.written(found).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if folder == results.DOCS:
        numbers = results.index(found)
        for path in figures.pages():
            text = path.read_text(encoding="utf-8")
            filled = figures.filled(text, numbers, path.name)
            if filled != text:
                path.write_text(filled, encoding="utf-8")


def main() -> int:
    options = parse()
    folder = options.to.resolve() if options.to else results.DOCS
    if options.render or options.keys:
        found = results.load(folder)
        if options.keys:
            print(*figures.listed(results.index(found)), sep="\n")
        else:
            render(found, folder)
        return 0
    warnings.filterwarnings("ignore")  # the libraries' warnings about themselves
    chosen = [peer for peer in options.peers if peers.is_installed(peer)]
    if missing := [peer for peer in options.peers if peer not in chosen]:
        say(f"not installed, so left out: {', '.join(missing)}")
    new: results.Results = {"machine": report.machine(), "versions": versions(chosen), "comparisons": {}, "eager": {}}
    writes = options.to or not options.quick
    if writes:
        results.merged(results.load(folder), new, ORDER)  # another machine is noticed before an hour has passed
    for kind, name, part in measured_parts(options, chosen):
        new[kind][name] = part
        if writes:  # at once: what is measured is not lost when a later part fails
            results.save(results.merged(results.load(folder), new, ORDER), folder)
    print(page.page(results.rounded(new)))
    if writes:
        render(results.load(folder), folder)
        say(f"written to {folder}: benchmarks.md, its charts and {results.PLACE}")
    failed = [row for part in new["comparisons"].values() for row in part.get("failed", {}).values()]
    return int(any(row["differs"] for row in failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (results.OtherMachine, eager.Differs, figures.UnknownFigure) as error:
        sys.exit(f"python -m benchmarks: {error}")
