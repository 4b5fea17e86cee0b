"""Whether a tape is written as loops: `folded_if_worth(tape)`, which all that write programs ask.

    >>> from micrograd.compiler.fold.worth import folded_if_worth
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(9)])
    >>> total = 0
    >>> for i in range(1, 9):
    ...     total = tape.append("add", total, i)
    >>> tape.outputs["value"] = total
    >>> folded_if_worth(tape) is None  # it is short
    True
    >>> folded_if_worth(tape, loops=True).lines
    4

Straight-line code is faster as long as it fits the processor's caches, and shows each step. A tape that is long and
folds well becomes loops.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from micrograd.compiler.fold.folding import fold
from micrograd.compiler.fold.forms import Folded
from micrograd.compiler.tape.tape import Tape

LONG = 2000  # instructions from which loops are faster, whatever the batch: see `benchmarks`
SHORTER = 8  # a tape folds well if its program has this many times fewer lines than the tape has instructions


def folded_if_worth(
    tape: Tape,
    *,
    loops: bool | None = None,
    rows: Collection[int] = (),
    places: Sequence[int] | None = None,
    spaces: Sequence[str] | None = None,
) -> Folded | None:
    """The folded tape, if it is to be written as loops. `loops` says so; None decides by the length of the tape and of
    what it folds to. All else is as for `fold`.
    """
    if loops or (loops is None and len(tape) >= LONG):
        folded = fold(tape, rows=rows, places=places, spaces=spaces)
        if loops or SHORTER * folded.lines < len(tape):
            return folded
    return None
