"""How long compiling takes on this machine, before it is done.

    >>> from micrograd.compiler.estimate import about, said
    >>> said([500, 100])
    'compiling 600 instructions, less than 1 s'
    >>> about(0.04), about(39), about(250), about(54_000)
    ('less than 1 s', 'about 39 s', 'about 4 minutes', 'about 15 hours')

Times are estimated as multiples of the times to record and to run one operation, which are measured once, on this
machine.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.compiler.tape.recorder import Recorder
from micrograd.engine import Value
from micrograd.modes import plainly

# Measured on nets, whose tapes fold into loops where they are long: the length of a tape, and the time to compile each
# of its instructions. The greater part is Python's, so it is counted in operations recorded once, which is Python's
# with both cores.
COMPILING = ((1_500, 21.0), (3_000, 15.0), (10_000, 11.5), (100_000, 9.0))
OPERATIONS = 300  # that are timed


def said(lengths: Sequence[int], at_least: float = 0.0) -> str:
    """That tapes of these lengths are compiled, and how long it takes: `at_least` seconds, if so many have passed."""
    return f"compiling {sum(lengths):,} instructions, {about(max(at_least, compiling(lengths)))}"


def about(seconds: float) -> str:
    """A time in words: `about 39 s`, `about 4 minutes`."""
    if seconds < 1:
        return "less than 1 s"
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:,.0f} {unit}"
    return f"about {seconds:.0f} s"


def compiling(lengths: Sequence[int]) -> float:
    """Estimated seconds to record and compile tapes of these lengths here."""
    return one_recorded() * sum(length * _for_each(length) for length in lengths)


def _for_each(length: int) -> float:
    """The multiple for a length: constant up to the first measured length, then a power law between each two."""
    if length <= COMPILING[0][0]:
        return COMPILING[0][1]
    i = next((i for i, (n, _) in enumerate(COMPILING[1:-1]) if length <= n), len(COMPILING) - 2)
    (low, at_low), (high, at_high) = COMPILING[i : i + 2]
    power = math.log(at_high / at_low) / math.log(high / low)
    return at_low * (length / low) ** power


@functools.cache
def one_operation() -> float:
    """Seconds that one eager operation takes on this machine, forward and backward."""
    with plainly():
        return _shortest(lambda: _chain(Value(0.5)).backward())


@functools.cache
def one_recorded() -> float:
    """Seconds that it takes here to record one operation."""

    def record() -> None:
        recorder = Recorder()
        with recorder.recording():
            _chain(recorder.argument("w"))

    with plainly():
        return _shortest(record)


def _chain(w: Any) -> Any:
    x = w
    for _ in range(OPERATIONS // 2):
        x = x * w + 0.25
    return x


def _shortest(work: Callable[[], None]) -> float:
    """Seconds for each of the operations, the shortest of several times: other programs slowed the longer ones."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) / OPERATIONS
