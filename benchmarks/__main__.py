"""Time micrograd beside every engine that is installed, in one run: `python -m benchmarks`.

    python -m benchmarks --quick                              a first look, in about a minute
    python -m benchmarks --workloads xor,moons --peers jax,numpy --no-memory
    python -m benchmarks --json results.json                  everything, also as a file

A table for each workload goes to standard output, progress to standard error. Losses and parameters are checked to be
equal before anything is timed; the exit status is 1 if they differ. `requirements.txt` lists the peers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

from benchmarks import peers
from benchmarks.memory import peak
from benchmarks.report import Measured, Results, as_json, markdown
from benchmarks.timing import Row, check, prepare, time_rows
from benchmarks.workloads import NAMES, workload


def names(text: str, known: list[str], what: str) -> list[str]:
    chosen = text.split(",") if text else known
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SystemExit(f"{what}: {unknown[0]!r} is not one of {', '.join(known)}")
    return [name for name in known if name in chosen]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", default="", help=f"some of {','.join(NAMES)} (default all)")
    parser.add_argument("--peers", default="", help=f"some of {','.join(peers.NEEDS)} (default all)")
    parser.add_argument("--rounds", type=int, help="timed blocks of each row (default 15; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="short blocks, few rounds, no memory")
    parser.add_argument(
        "--no-memory", action="store_true", help="do not measure memory, which starts a process for each engine"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all numbers to this file too")
    options = parser.parse_args(arguments)
    options.workloads = names(options.workloads, NAMES, "--workloads")
    options.peers = names(options.peers, list(peers.NEEDS), "--peers")
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.no_memory = options.no_memory or options.quick
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def measure(name: str, options: argparse.Namespace, chosen: list[str]) -> Measured:
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
    measured = Measured(work, rows, loops)
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


def main() -> int:
    options = parse()
    warnings.filterwarnings("ignore")  # the libraries' warnings about themselves
    chosen = [peer for peer in options.peers if peers.is_installed(peer)]
    missing = [peer for peer in options.peers if peer not in chosen]
    versions = {}
    for peer in chosen:
        try:
            versions[peer] = peers.load(peer).version()
        except Exception as error:
            say(f"{peer}: {error}")
    measured = [measure(name, options, chosen) for name in options.workloads]
    kept = {name: value for name, value in vars(options).items() if name != "json"}
    results = Results(kept, versions, missing, measured)
    print(markdown(results))
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    return int(any(row.differs for _, row in results.failures))


if __name__ == "__main__":
    sys.exit(main())
