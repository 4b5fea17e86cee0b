"""Prepare, check and time the rows of one workload: `rows = prepare(...)`, `check(...)`, `time_rows(...)`.

All rows take turns in short blocks, round after round, in this one process, so that a busy spell of the machine slows
all of them. Each block starts from the first parameters. A fixed loop of Python, timed in between, shows the noise.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.workloads import GPT, Expression, Training

CHECKED = 25  # steps
TOLERANCE = 1e-9


@dataclass
class Row:
    """One engine on one workload."""

    peer: str
    variant: str
    name: str
    loops: bool
    slow: bool
    thing: Any = None
    compile: float = math.nan
    checked: int = 0
    steps: int = 1  # in a call of run()
    calls: int = 1  # of run() in a block
    times: list[float] = field(default_factory=list)  # seconds a step, one for each block
    failed: str = ""
    differs: bool = False
    memory: float | None = None
    cold: float | None = None

    @property
    def minimum(self) -> float:
        return min(self.times)

    @property
    def median(self) -> float:
        return statistics.median(self.times)


def make(module: Any, workload: Expression | Training, variant: str) -> Any:
    """A trainer or an evaluator; None if the variant does not apply."""
    if isinstance(workload, GPT):
        return module.train_gpt(workload, variant) if hasattr(module, "train_gpt") else None
    return (module.train if isinstance(workload, Training) else module.evaluate)(workload, variant)


def start(thing: Any) -> None:
    if hasattr(thing, "start"):
        thing.start()


def prepare(names: list[str], workload: Expression | Training) -> list[Row]:
    """A row for each variant of each peer, compiled by a first call, which is timed."""
    rows = []
    for peer in names:
        try:
            module = peers.load(peer)
        except Exception as error:
            rows.append(Row(peer, "", peer, False, False, failed=_line(error)))
            continue
        for variant, name in module.NAMES.items():
            row = Row(peer, variant, name, variant in module.LOOPS, variant in module.SLOW)
            try:
                began = time.perf_counter()
                row.thing = make(module, workload, variant)
                if row.thing is None:
                    continue
                start(row.thing)
                row.thing.run(1)
                row.compile = time.perf_counter() - began
            except Exception as error:
                row.failed = _line(error)
            rows.append(row)
    return rows


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def check(rows: list[Row], workload: Expression | Training) -> None:
    """Compare each row with the reference written by hand, and mark the rows that differ as failed."""
    reference = peers.load("numpy")
    by_hand = "arrays" if isinstance(workload, Training) else "math"
    for row in rows:
        if row.failed:
            continue
        try:
            other = make(reference, workload, by_hand)
            row.checked = 1 if isinstance(workload, Expression) else 3 if row.slow else CHECKED
            if isinstance(workload, Training):
                wrong = _differing(row.thing, other, row.checked)
            else:
                other.run(1)
                wrong = _difference("results", row.thing.result(), other.result(), 0.0)
        except Exception as error:
            row.failed = _line(error)
            continue
        if wrong:
            row.differs, row.failed = True, wrong


def _differing(trainer: Any, reference: Any, steps: int) -> str:
    trainer.start()
    losses = [float(x) for x in trainer.run(steps)]
    wrong = _difference("losses", losses, reference.run(steps), 1e-12)
    for i, (array, wanted) in enumerate(zip(trainer.parameters(), reference.parameters(), strict=True)):
        wrong = wrong or _difference(f"parameters {i}", array, wanted, 1e-3)
    return wrong


def _difference(what: str, found: Any, wanted: Any, floor: float) -> str:
    """A message if the relative difference is above TOLERANCE; numbers below `floor` count as `floor`."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.dtype != np.float64 or found.shape != wanted.shape:
        return f"{what} are {found.dtype} {found.shape}, not float64 {wanted.shape}"
    worst = np.max(np.abs(found - wanted) / np.maximum(np.abs(wanted), floor))
    return "" if worst <= TOLERANCE else f"{what} differ from those by hand by {worst:.1e} relative"


def calibrate(row: Row, workload: Expression | Training, target: float) -> None:
    """Choose how many steps make a block of about `target` seconds."""
    if row.loops and isinstance(workload, Training):
        row.steps = workload.steps
        _block(row)  # the loop may be compiled for this number of steps
        row.calls = max(1, math.ceil(target / (_block(row) * row.steps)))
        return
    while True:
        took = _block(row) * row.steps
        if took >= target / 2:
            break
        row.steps = max(2 * row.steps, min(10 * row.steps, int(row.steps * target / took)))


def _block(row: Row) -> float:
    """Seconds a step in one block."""
    start(row.thing)
    run, steps = row.thing.run, row.steps
    gc.collect()  # no engine pays for another's garbage
    began = time.perf_counter()
    for _ in range(row.calls):
        run(steps)
    return (time.perf_counter() - began) / (steps * row.calls)


def noise() -> float:
    """Seconds for a fixed piece of work."""
    began = time.perf_counter()
    total = 0
    for i in range(100_000):
        total += i
    return time.perf_counter() - began


def time_rows(rows: list[Row], workload: Expression | Training, *, rounds: int, target: float) -> list[float]:
    """Fill `times` of each row that has not failed; returns the times of the fixed loop between the blocks."""
    alive = [row for row in rows if not row.failed]
    gc.collect()
    gc.freeze()  # spare the collector a look through the libraries
    for row in alive:
        calibrate(row, workload, target)
    loops = []
    for number in range(rounds):
        for row in alive:
            if row.slow and number >= 3 and row.steps == 1:
                continue  # one step is a long block already
            loops.append(noise())
            row.times.append(_block(row))
    gc.unfreeze()
    return loops
