"""Give every instruction of a tape its place, so that what was written by one loop is one array.

    >>> from micrograd.compiler.fold.places import Places
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> for _ in range(2):
    ...     product = tape.append("mul", 0, 1)
    ...     exponential = tape.append("exp", product)
    >>> Places(tape, [("row", 0), ("row", 1)]).places({})
    ([0, 0, 0, 2, 1, 3], 4)

Instructions of one kind are numbered in their order, apart from all other kinds: an instruction more or less of another
kind between two turns of a loop does not disturb the steps from turn to turn.

A sum is one number that changes: the results of `a + b`, `(a + b) + c`, ..., if nothing else reads them, are versions
of one number. The first versions of all sums of a kind come first, then all second versions, and so on: so the sums
of a loop are an array, whatever happens between one term and the next.

Where a loop runs longer from turn to turn of the loop around it, `padding` leaves as much room after the short ones as
the longest takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from micrograd.compiler.fold.ordering import sums, uses_of
from micrograd.compiler.tape.tape import Tape

MOST_PADDING = 4  # an array of sums may have this many times as many places as there are numbers

Padding = Mapping[int, Mapping[Any, int]]  # before a position: how many numbers of each kind are left out


class Places:
    """The numbers of a tape by kind. `kinds[position]` is None for inputs, and for a sum's versions after the first.

    `inputs` has each input's space and place.
    """

    def __init__(self, tape: Tape, inputs: list[tuple[str, int]]):
        uses = uses_of(tape)
        self._first, self._version, self._lengths = _sums(tape, uses)
        given = {x for x in tape.outputs.values() if isinstance(x, int)}
        space = [inputs[rest[0]][0] if name == "input" else "temporary" for name, *rest in tape.code]
        self.inputs = len(inputs)
        self.kinds: list[Any] = [
            None
            if name == "input" or self._first[i] != i
            else (
                name,
                *[space[x] if isinstance(x, int) else "constant" for x in operands],
                self._lengths[i] > 1,
                i in given,
                uses[i] > 1,
            )
            for i, (name, *operands) in enumerate(tape.code)
        ]

    def places(self, padding: Padding) -> tuple[list[int], int]:
        """The place of each position (0 for inputs), and how many places there are."""
        members: dict[Any, list[tuple[int, int]]] = {}
        counts: dict[Any, int] = {}
        for position, kind in enumerate(self.kinds):
            for padded, extra in padding.get(position, {}).items():
                counts[padded] = counts.get(padded, 0) + extra
            if kind is not None:
                number = counts[kind] = counts.get(kind, 0) + 1
                members.setdefault(kind, []).append((position, number - 1))
        first, place, end = self._first, [0] * len(self.kinds), 0
        step = [0] * len(place)  # of a sum: from a version's place to the next one's
        for kind, group in members.items():
            longest = max([self._lengths[position] for position, _ in group])
            total = sum([self._lengths[position] for position, _ in group])
            if longest * len(group) <= MOST_PADDING * total:
                for position, number in group:
                    place[position], step[position] = end + number, counts[kind]
                end += counts[kind] * longest
            else:  # few are long
                for position, _ in group:
                    place[position], step[position] = end, 1
                    end += self._lengths[position]
        for position, start in enumerate(first):
            place[position] = place[start] + self._version[position] * step[start]
        return place, end


def _sums(tape: Tape, uses: list[int]) -> tuple[list[int], list[int], list[int]]:
    """For each position: where the sum that it is a version of begins, and which version; and each sum's length."""
    count = len(tape)
    first, version, lengths = list(range(count)), [0] * count, [1] * count
    for position, before in enumerate(sums(tape, uses)):
        if before >= 0:
            first[position], version[position] = first[before], version[before] + 1
            lengths[first[before]] = version[position] + 1
    return first, version, lengths
