"""Whether a tape is written as loops: `choice(tape)`, which all that write programs ask.

    >>> from micrograd.compiler.fold.worth import choice
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(9)])
    >>> total = 0
    >>> for i in range(1, 9):
    ...     total = tape.append("add", total, i)
    >>> tape.outputs["value"] = total
    >>> choice(tape)
    Choice(folded=None, how='runs instruction by instruction: for fewer than 2,000 that is faster than loops')
    >>> choice(tape, loops=True).folded.lines, choice(tape, loops=True).how
    (4, 'runs as loops')

Straight-line code is faster as long as it fits the processor's caches, and shows each step. A tape that is long and
folds well becomes loops.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from micrograd.compiler.fold.folding import fold
from micrograd.compiler.fold.forms import Folded
from micrograd.compiler.tape.tape import Tape

LONG = 2000  # instructions from which loops are faster, whatever the batch: see `benchmarks`
SHORTER = 8  # a tape folds well if its program has this many times fewer lines than the tape has instructions


class Choice(NamedTuple):
    """`folded` is the tape as loops if it is to be written so; `how` says how it runs, and why not as loops."""

    folded: Folded | None
    how: str


def choice(
    tape: Tape,
    *,
    loops: bool | None = None,
    rows: Collection[int] = (),
    places: Sequence[int] | None = None,
    spaces: Sequence[str] | None = None,
) -> Choice:
    """Whether a tape is to be written as loops. `loops` says so; None decides by the length of the tape and of what it
    folds to. All else is as for `fold`.
    """
    if loops is False:
        return straight("it was asked for, with loops=False")
    if not loops and len(tape) < LONG:
        return straight(f"for fewer than {LONG:,} that is faster than loops")
    folded = fold(tape, rows=rows, places=places, spaces=spaces)
    if not loops and SHORTER * folded.lines >= len(tape):
        return straight(f"{len(tape):,} of them would still be {folded.lines:,} lines as loops")
    return Choice(folded, "runs as loops")


def straight(why: object) -> Choice:
    """No loops, and why."""
    return Choice(None, f"runs instruction by instruction: {why}")
