"""Go through sums in tiles, which stay in registers: what `dots` and `rowsums` share, their loops and addresses.

Both write loops of their own around sums of products, and speak of them alike. The sums have `nests`: the loops that
have one sum for each turn. The reduction is the loop whose turns are added up, which is written as the innermost one.
One of the nests may be jammed: several of its turns are taken at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from micrograd.compiler.fold import Affine
from micrograd.compiler.native.emit import Emitter


class Sizes(NamedTuple):
    """How much is taken at once, so that all sums of a tile stay in registers, with what is added to them."""

    vectors: int  # of rows, in a block
    sums: int  # of a row's numbers, and
    rows: int  # how many rows' of each
    places: int  # vectors of places, of sums over the rows


# By the number of the machine's vector registers: 5 x 5 sums with 5 rows and a weight are 31 of them, 3 x 3 are 13.
SIZES = {16: Sizes(vectors=3, sums=3, rows=3, places=2), 32: Sizes(vectors=5, sums=5, rows=5, places=4)}


def evenly(turns: int, most: int) -> int:
    """How many turns to take at once, at most `most`, so that all rounds are alike but for a smaller last one."""
    return -(-turns // -(-turns // most))


def jammed_of(strides: Sequence[int], others: Sequence[int]) -> int:
    """The loop to jam, by its depth: the innermost in which the first factor changes, but not the other, which is then
    read once for several turns; -1 if there is none.
    """
    return max((k for k, (own, other) in enumerate(zip(strides, others)) if own and not other), default=-1)


def tiles(e: Emitter, counts: Sequence[int], jammed: int, most: int) -> Iterator[tuple[dict[int, str | int], int]]:
    """Write the loops around tiles, with the jammed one inside the others. For each tile that is to be written: the
    counters by the loops' depths, and how many turns of the jammed loop it takes.
    """
    with contextlib.ExitStack() as loops:
        at = {k: loops.enter_context(loop(e, 0, turns, 1)) for k, turns in enumerate(counts) if k != jammed}
        if jammed < 0:
            yield at, 1
            return
        turns = counts[jammed]
        jam = evenly(turns, most)
        whole = turns // jam * jam
        with loop(e, 0, whole, jam) as counter:
            yield {**at, jammed: counter}, jam
        if whole < turns:
            yield {**at, jammed: whole}, turns - whole


@contextlib.contextmanager
def loop(e: Emitter, start: int, end: int, by: int) -> Iterator[str | int]:
    """A loop over a counter; without a loop in LLVM if it has a single turn."""
    if end - start == by:
        yield start
        return
    with e.loop(e.new("t"), end, start=start, by=by) as counter:
        yield counter


def index(e: Emitter, form: Affine, at: Mapping[int, str | int], scale: int) -> str:
    """An affine form at the counters `at`, by the loops' depths, times a scale."""
    total = str(form.base * scale)
    for axis, counter in at.items():
        stride = form.strides[axis] * scale
        if stride:
            total = e.let(f"add i64 {total}, {e.let(f'mul i64 {counter}, {stride}')}")
    return total
