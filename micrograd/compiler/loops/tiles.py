"""What functions share that go through tiles of numbers in an order of their own: sizes, loops, addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
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
