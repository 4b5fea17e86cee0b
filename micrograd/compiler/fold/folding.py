"""Write a tape as loops: `fold(tape)` gives the folded program.

>>> from micrograd.compiler.fold.folding import fold
>>> from micrograd.compiler.tape.tape import Tape
>>> tape = Tape([f"w{i}" for i in range(9)] + [f"x{i}" for i in range(9)])
>>> total = tape.append("mul", 0, 9)
>>> for i in range(1, 9):
...     total = tape.append("add", total, tape.append("mul", i, i + 9))
>>> tape.outputs["value"] = total
>>> print(fold(tape, rows=range(9, 18)))
t[8] = shared[0] * row[0]
for i in 8:
    t[i+9] = shared[i+1] * row[i+1]
    t[-i+7] = t[-i+8] + t[i+9]
output[0] = t[0]
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from micrograd.compiler.fold.entries import EntriesOf
from micrograd.compiler.fold.forms import Folded
from micrograd.compiler.fold.ordering import Ordered, ordered, state_chains
from micrograd.compiler.fold.padding import padding_of
from micrograd.compiler.fold.places import Numbering, Padding
from micrograd.compiler.fold.rolling import rolled
from micrograd.compiler.tape.tape import Tape

MOST_ROUNDS = 5
FEW, OF_A_KIND = 0.02, 5  # a program is folded well with fewer lines than this for each instruction, and for each kind
LONG = 100_000  # instructions: longer tapes are not tried twice


def fold(
    tape: Tape,
    *,
    rows: Collection[int] = (),
    places: Sequence[int] | None = None,
    spaces: Sequence[str] | None = None,
) -> Folded:
    """The tape as a folded program, whose results are the same to the bit.

    `rows` are the numbers of the inputs that differ from row to row, as for `Plan`. `places` gives each input's place
    in its space: by default they are counted in order, separately for rows and for all others. `spaces` gives each
    input's space, where there are others than these two: no loop reads from one space in one turn, from another in
    the next.
    """
    given = ordered(tape)
    where, inputs = _inputs(tape, frozenset(rows), places, spaces)
    entries = EntriesOf(given, where)

    def folded(given: Ordered) -> Folded:
        """The program, with the places that suit it best."""
        numbered = Numbering(given, where)
        padding: Padding = {}
        best = None
        for _ in range(MOST_ROUNDS):
            place, size = numbered.places(padding)
            body = entries.body(*rolled(entries.at(place)))
            found = Folded(body, tuple(tape.outputs), size, inputs)
            if best and found.lines >= best.lines:
                break
            best, padding = found, padding_of(found, numbered)
            if not padding:
                break
        assert best
        return best

    best = folded(given)
    if min(FEW * len(tape), OF_A_KIND * len(entries.names)) < best.lines and len(tape) <= LONG:
        other = folded(given._replace(before=state_chains(given)))
        best = min(best, other, key=lambda each: each.lines)
    return best


def _inputs(
    tape: Tape, rows: frozenset[int], places: Sequence[int] | None, spaces: Sequence[str] | None
) -> tuple[list[tuple[str, int]], Any]:
    """The space and place of each input; and the other way round, as in `Folded.inputs`."""
    found: dict[str, dict[int, int]] = {"row": {}, "shared": {}}
    where = []
    for number in range(len(tape.inputs)):
        space = spaces[number] if spaces else "row" if number in rows else "shared"
        known = found.setdefault(space, {})
        place = len(known) if places is None else places[number]
        known[place] = number
        where.append((space, place))
    return where, tuple(
        (space, tuple([numbers.get(k, -1) for k in range(max(numbers, default=-1) + 1)]))
        for space, numbers in found.items()
    )
