"""Which loop's turns are taken several at once: unroll and jam.

In `for j: for i: s = s + w[j, i] * x[i]`, each addition waits for the one before. Several j at once give independent
sums, which hide that wait, and they share each x[i] that was loaded. (Carr and Kennedy, "Improving the ratio of memory
operations to floating-point operations in loops", TOPLAS 1994.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from micrograd.compiler.fold import Line
from micrograd.compiler.loops.shape import Nest, Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.loops.tiles import evenly

LEAST_TURNS = 4  # of the inner loop
MOST = 8  # turns at once


def carried(shape: Shape, nest: Nest, wanted: Collection[int]) -> list[Step]:
    """The lines directly in a loop whose results its next turn reads: they become variables of the loop."""
    depth = nest.depth + 1
    by_form = {}
    for step in nest.steps:
        if step.number in wanted and isinstance(step.entry, Line):
            by_form[step.result.turn_before()] = step.number
    found = {
        by_form.get(place)
        for step in shape.steps[nest.first : nest.end]
        if step.number in wanted
        for access in step.temporaries
        for place in access.place.outwards()
        if len(place.strides) == depth
    }
    return [step for step in nest.steps if step.number in found]


def turns_at_once(
    shape: Shape, storage: Storage, nest: Nest, wanted: set[int], registers: int, *, taken: Collection[int]
) -> int:
    """How many turns of a loop to take at once; `registers` says how many sums fit the registers. The sums of the lines
    `taken` are there already, but what they add to may come from the turn before.
    """
    inner = [x for x, turns in _innermost(nest) if turns >= LEAST_TURNS]
    if not isinstance(nest.count, int) or nest.count < 2 or not inner or not _is_even(nest, nest.depth):
        return 1
    sums = max(len(carried(shape, x, wanted)) for x in inner)
    in_place = any(storage.in_place.get(step.number, (-1,))[0] == nest.depth for x in inner for step in x.steps)
    if not (sums or in_place) or not _may_jam(shape, storage, nest, wanted.union(taken)):
        return 1
    most = min(MOST, nest.count, registers // max(sums, 1))
    if most < 2:
        return 1
    return evenly(nest.count, most)


def _innermost(nest: Nest) -> Iterator[tuple[Nest, int]]:
    """The innermost of the loops in a loop, and how often each runs in one turn of it."""
    for each in nest.nests:
        if each.nests:
            yield from ((x, each.most * turns) for x, turns in _innermost(each))
        else:
            yield each, each.most


def _is_even(nest: Nest, depth: int) -> bool:
    """Whether the counts of all loops inside are the same in all turns of the loop at this depth."""
    return all((isinstance(x.count, int) or not x.count.strides[depth]) and _is_even(x, depth) for x in nest.nests)


def _may_jam(shape: Shape, storage: Storage, nest: Nest, wanted: Collection[int]) -> bool:
    """Whether no turn of a loop needs what an earlier turn computes, other than the sum that it adds to."""
    depth = nest.depth
    for step in shape.steps[nest.first : nest.end]:
        if step.number not in wanted:
            continue
        for access in step.temporaries:
            read = shape.places(step, access)
            writers = shape.writer[read]
            inside = (writers >= nest.first) & (writers < nest.end)
            own = step.counters
            for outer in range(depth):
                inside &= shape.turns[outer][read] == own[outer]
            if (shape.turns[depth][read] == own[depth])[inside].all():
                continue
            if not isinstance(step.entry, Line):
                return False
            adds_to_itself = access.place == step.result.turn_before(depth)
            in_memory = len(step.nests) > depth + 1
            if not adds_to_itself or (in_memory and storage.in_place.get(step.number, (-1,))[0] != depth):
                return False
    return True
