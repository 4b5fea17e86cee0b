"""Sets of places: those that a line writes or reads while the loops around it run.

>>> from micrograd.compiler.fold.forms import Affine, Loop
>>> from micrograd.compiler.fold.images import bounds, final, places_of
>>> loops = (Loop(3, ()), Loop(Affine(1, (1,)), ()))
>>> list(places_of(Affine(0, (10, 1)), loops)), bounds(Affine(0, (10, 1)), loops)
([0, 10, 11, 20, 21, 22], (0, 22))
>>> print(final(Affine(0, (10, 1)), loops, 1))
11*i
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from micrograd.compiler.fold.forms import Affine, Loop

Loops = Sequence[Loop]  # around an entry, outermost first
MOST_COUNTED = 300_000  # larger sets are compared by their bounds


def most(loops: Loops) -> list[int]:
    """How often each loop runs at most."""
    out: list[int] = []
    for loop in loops:
        count = loop.count
        if not isinstance(count, int):
            count = bounds_in(count, out)[1]
        out.append(max(count, 0))
    return out


def least(loops: Loops, which: int) -> int:
    """How often a loop runs at least, by its place among all loops around an entry."""
    count = loops[which].count
    return count if isinstance(count, int) else bounds_in(count, most(loops[:which]))[0]


def bounds_in(place: Affine, counts: Sequence[int]) -> tuple[int, int]:
    """The least and the largest value while each counter is below its count."""
    low = high = place.base
    for stride, count in zip(place.strides, counts):
        if stride > 0:
            high += stride * max(count - 1, 0)
        else:
            low += stride * max(count - 1, 0)
    return low, high


def bounds(place: Affine, loops: Loops) -> tuple[int, int]:
    """The first and the last place."""
    return bounds_in(place, most(loops))


def places_of(place: Affine, loops: Loops, counters: tuple[int, ...] = ()) -> Iterator[int]:
    """All places, in the order in which the loops come to them."""
    depth = len(counters)
    if depth == len(loops):
        yield place.at(counters)
        return
    count = loops[depth].count
    for counter in range(count if isinstance(count, int) else count.at(counters)):
        yield from places_of(place, loops, (*counters, counter))


def final(place: Affine, loops: Loops, depth: int) -> Affine:
    """The place in the last turn of all loops but the outer `depth`."""
    base, strides = place.base, list(place.strides)
    for loop in reversed(loops[depth:]):
        stride = strides.pop()
        if isinstance(loop.count, int):
            base += stride * (loop.count - 1)
        else:
            base += stride * (loop.count.base - 1)
            for k, step in enumerate(loop.count.strides):
                strides[k] += stride * step
    return Affine(base, tuple(strides))


def without_last_turn(loops: Loops) -> Loops:
    """The loops, the innermost one turn shorter."""
    count = loops[-1].count
    shorter = count - 1 if isinstance(count, int) else Affine(count.base - 1, count.strides)
    return (*loops[:-1], Loop(shorter, ()))


class Places:
    """A union of images: `touches` says whether another image may have a place in common with it."""

    def __init__(self, images: Iterable[tuple[Affine, Loops]]):
        self._images = sorted(((*bounds(*image), image) for image in images), key=lambda each: each[:2])
        self._highest: list[int] = []  # of all images up to each
        for _, high, _ in self._images:
            self._highest.append(max(high, self._highest[-1]) if self._highest else high)
        self._sets: dict[tuple[int, int], set[int] | None] = {}

    def touches(self, place: Affine, loops: Loops) -> bool:
        """Whether one of the images has a place of this image; sets too large to compare are taken to."""
        counts = most(loops)
        if 0 in counts:
            return False
        low, high = bounds_in(place, counts)
        first, last = self._span(low, high)
        if first >= last:
            return False
        size = 1
        for count in counts:
            size *= count
        found = self._set(first, last)
        if found is None or size > MOST_COUNTED:
            return any(start <= high and end >= low for start, end, _ in self._images[first:last])
        return any(x in found for x in places_of(place, loops))

    def _span(self, low: int, high: int) -> tuple[int, int]:
        """Where the images are, in their order, that may reach into an interval."""
        return bisect_left(self._highest, low), bisect_right(self._images, high, key=lambda each: each[0])

    def _set(self, first: int, last: int) -> set[int] | None:
        if (first, last) not in self._sets:
            out: set[int] | None = set()
            for _, _, (place, loops) in self._images[first:last]:
                size = 1
                for count in most(loops):
                    size *= count
                if out is None or len(out) + size > MOST_COUNTED:
                    out = None
                    break
                out.update(places_of(place, loops))
            self._sets[first, last] = out
        return self._sets[first, last]
