"""Give every instruction of a tape its place, so that what was written by one loop is one array: `placed(tape)`.

    >>> from micrograd.compiler.fold.places import placed
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> for _ in range(2):
    ...     product = tape.append("mul", 0, 1)
    ...     exponential = tape.append("exp", product)
    >>> placed(tape, [("row", 0), ("row", 1)])
    ([0, 0, 0, 2, 1, 3], 4)

Instructions of one kind are numbered in their order, apart from all other kinds: an instruction more or less of another
kind between two turns of a loop does not disturb the steps from turn to turn.

A sum is one number that changes: the results of `a + b`, `(a + b) + c`, ..., if nothing else reads them, are versions
of one number. The first version of all sums of a kind come first, then all second versions, and so on: so the sums
of a loop are an array, whatever happens between one term and the next.
"""

from __future__ import annotations

from typing import Any

from micrograd.compiler.fold.ordering import sums, uses_of
from micrograd.compiler.tape.tape import Tape

MOST_PADDING = 4  # an array of sums may have this many times as many places as there are numbers


def placed(tape: Tape, inputs: list[tuple[str, int]]) -> tuple[list[int], int]:
    """The place of each position of the tape (0 for inputs), and how many places there are.

    `inputs` has each input's space and place.
    """
    uses = uses_of(tape)
    first, version, lengths = _sums(tape, uses)
    given = {x for x in tape.outputs.values() if isinstance(x, int)}
    members: dict[Any, list[int]] = {}
    for position, (name, *operands) in enumerate(tape.code):
        if name != "input" and first[position] == position:
            spaces = [_space(tape, x, inputs) for x in operands]
            kind = (name, *spaces, lengths[position] > 1, position in given, uses[position] > 1)
            members.setdefault(kind, []).append(position)
    place, end = [0] * len(tape), 0
    step = [0] * len(tape)  # of a sum: from a version's place to the next one's
    for positions in members.values():
        for group in _groups(positions, lengths):
            for k, position in enumerate(group):
                place[position], step[position] = end + k, len(group)
            end += len(group) * max(lengths[position] for position in group)
    for position, start in enumerate(first):
        place[position] = place[start] + version[position] * step[start]
    return place, end


def _groups(positions: list[int], lengths: list[int]) -> list[list[int]]:
    """The sums of a kind that form one array: all of them, if the longest is not much longer than most."""
    total, longest = 0, 1
    for position in positions:
        total += lengths[position]
        longest = max(longest, lengths[position])
    if longest * len(positions) <= MOST_PADDING * total:
        return [positions]
    by_length: dict[int, list[int]] = {}
    for position in positions:
        by_length.setdefault(lengths[position], []).append(position)
    return list(by_length.values())


def _space(tape: Tape, x: int | float, inputs: list[tuple[str, int]]) -> str:
    if isinstance(x, float):
        return "constant"
    name, *rest = tape.code[x]
    return inputs[rest[0]][0] if name == "input" else "temporary"


def _sums(tape: Tape, uses: list[int]) -> tuple[list[int], list[int], list[int]]:
    """For each position: where the sum that it is a version of begins, and which version; and each sum's length."""
    count = len(tape)
    first, version, lengths = list(range(count)), [0] * count, [1] * count
    for position, before in enumerate(sums(tape, uses)):
        if before >= 0:
            first[position], version[position] = first[before], version[before] + 1
            lengths[first[before]] = version[position] + 1
    return first, version, lengths
