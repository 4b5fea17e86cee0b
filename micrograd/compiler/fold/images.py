"""Sets of places: those that a line writes or reads while the loops around it run.

>>> from micrograd.compiler.fold.forms import Affine, Loop
>>> from micrograd.compiler.fold.images import Footprint, bounds, final, ranges_of
>>> image = Affine(0, (10, 1)), (Loop(3, ()), Loop(Affine(1, (1,)), ()))
>>> list(ranges_of(*image)), bounds(*image)
([range(0, 1), range(10, 12), range(20, 23)], (0, 22))
>>> print(final(*image, 1))
11*i
>>> Footprint([image]).touches(Affine(12, (9,)), (Loop(2, ()),))  # 12 and 21
True
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from micrograd.compiler.fold.forms import Affine, Loop

Loops = Sequence[Loop]  # around an entry, outermost first


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


def ranges_of(place: Affine, loops: Loops) -> Iterator[range]:
    """All places, as the ranges that the innermost loop goes through, each from its least place up."""

    def inside(counters: tuple[int, ...], start: int) -> Iterator[range]:
        depth = len(counters)
        if depth == len(loops):
            yield range(start, start + 1)
            return
        count, stride = loops[depth].count, place.strides[depth]
        if not isinstance(count, int):
            count = count.at(counters)
        if depth + 1 < len(loops):
            for counter in range(count):
                yield from inside((*counters, counter), start + stride * counter)
        elif count > 0:
            end = start + stride * (count - 1)
            yield range(min(start, end), max(start, end) + 1, abs(stride) or 1)

    return inside((), place.base)


def final(place: Affine, loops: Loops, depth: int) -> Affine:
    """The place in the last turn of all loops but the outer `depth`."""
    for loop in reversed(loops[depth:]):
        place = place.last_turn(loop.count)
    return place


def without_last_turn(loops: Loops) -> Loops:
    """The loops, the innermost one turn shorter."""
    count = loops[-1].count
    shorter = count - 1 if isinstance(count, int) else Affine(count.base - 1, count.strides)
    return (*loops[:-1], Loop(shorter, ()))


class Footprint:
    """A union of images: `touches` says whether another image has a place in common with it."""

    def __init__(self, images: Iterable[tuple[Affine, Loops]]):
        given = list(images)
        limits = [bounds(*image) for image in given]
        self._lowest = min((low for low, _ in limits), default=0)
        self._marks = bytearray(max((high for _, high in limits), default=-1) + 1 - self._lowest)
        for image in given:
            for found in ranges_of(*image):
                self._marks[self._slice(found)] = b"\1" * len(found)

    def touches(self, place: Affine, loops: Loops) -> bool:
        """Whether one of the images has a place of this image."""
        return any(1 in self._marks[self._slice(found)] for found in ranges_of(place, loops))

    def _slice(self, found: range) -> slice:
        """The marks of a range, as far as there are any."""
        start, stop = found.start - self._lowest, max(found.stop - self._lowest, 0)
        return slice(start if start >= 0 else start % found.step, stop, found.step)
