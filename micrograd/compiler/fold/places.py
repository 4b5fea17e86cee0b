"""Give every instruction of a tape its place, so that what was written by one loop is one array.

    >>> from micrograd.compiler.fold.ordering import ordered
    >>> from micrograd.compiler.fold.places import Numbering
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> for _ in range(2):
    ...     product = tape.append("mul", 0, 1)
    ...     exponential = tape.append("exp", product)
    >>> Numbering(ordered(tape), [("row", 0), ("row", 1)]).places({})
    ([0, 0, 0, 2, 1, 3], 4)

Instructions of one kind are numbered in their order, apart from all other kinds: an instruction more or less of another
kind between two turns of a loop does not disturb the steps from turn to turn.

A sum is one number that changes: the results of `a + b`, `(a + b) + c`, ..., if nothing else reads them, are versions
of one number. The last versions of all sums of a kind come first, then the versions before the last, and so on: so the
sums of a loop are an array, whatever happens between one term and the next, and however many terms each has.

Where a loop runs longer from turn to turn of the loop around it, `padding` leaves as much room after the short ones as
the longest takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from micrograd.compiler.fold.ordering import Ordered

MOST_PADDING = 4  # an array of sums may have this many times as many places as there are numbers

Padding = Mapping[int, Mapping[int, int]]  # before a position: how many numbers of each kind are left out


class Numbering:
    """The numbers of a tape by kind. `kinds[position]` is None for inputs, and for a sum's versions after the first.

    `inputs` has each input's space and place.
    """

    def __init__(self, given: Ordered, inputs: list[tuple[str, int]]):
        tape, uses, before = given
        count = len(tape)
        first, version, lengths = array("q", range(count)), [0] * count, [1] * count
        for position, x in enumerate(before):
            if x >= 0:
                start = first[position] = first[x]
                version[position] = version[x] + 1
                lengths[start] = version[position] + 1
        self._first, self._version, self._lengths = first, version, lengths
        outputs = {x for x in tape.outputs.values() if isinstance(x, int)}
        space = [inputs[rest[0]][0] if name == "input" else "temporary" for name, *rest in tape.code]
        self.inputs: int = len(inputs)
        numbers: dict[Any, int] = {}
        self.kinds: list[int | None] = [None] * count
        for i, (name, *operands) in enumerate(tape.code):
            if name != "input" and first[i] == i:
                spaces = [space[x] if x.__class__ is int else "constant" for x in operands]
                kind = (name, *spaces, lengths[i] > 1, i in outputs, uses[i] > 1)
                self.kinds[i] = numbers.setdefault(kind, len(numbers))

    def places(self, padding: Padding) -> tuple[list[int], int]:
        """The place of each position (0 for inputs), and how many places there are."""
        members: dict[int, list[int]] = {}
        counts: dict[int, int] = {}
        place = [0] * len(self.kinds)
        for position, kind in enumerate(self.kinds):
            if position in padding:
                for padded, extra in padding[position].items():
                    counts[padded] = counts.get(padded, 0) + extra
            if kind is not None:
                number = counts.get(kind, 0)
                place[position], counts[kind] = number, number + 1
                members.setdefault(kind, []).append(position)
        first, end = self._first, 0
        step = [0] * len(place)  # of a sum: from a version's place to the next one's
        for kind, group in members.items():
            lengths = [self._lengths[position] for position in group]
            longest, size = max(lengths), counts[kind]
            if longest * len(group) <= MOST_PADDING * sum(lengths):
                for position in group:
                    place[position] += end
                    step[position] = size
                end += size * longest
            else:  # few are long
                for position, length in zip(group, lengths):
                    place[position], step[position] = end, 1
                    end += length
        for position in reversed(range(len(place))):  # a sum's versions before its first
            start = first[position]
            left = self._lengths[start] - 1 - self._version[position]
            place[position] = place[start] + left * step[start]
        return place, end
