"""Lay out arrays in one block of memory, from the places that are written and read.

>>> from micrograd.compiler.fold.arrays import Arrays
>>> from micrograd.compiler.fold.forms import Affine, Loop
>>> arrays, loops = Arrays(), (Loop(5, ()),)
>>> first = [arrays.add(Affine(100, (2,)), loops, 0), arrays.add(Affine(108, (-2,)), loops, 1)]
>>> second = [arrays.add(Affine(30, (1,)), loops, 2), arrays.add(Affine(33), (), 3)]
>>> arrays.lay_out()  # the second array takes the place of the first, which nothing reads any more
5
>>> [str(arrays.place(key)) for key in first + second]
['i', '-i+4', 'i', '3']
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from micrograd.compiler.fold.forms import Affine
from micrograd.compiler.fold.images import Loops, bounds


@dataclass(eq=False)
class _Access:
    place: Affine
    loops: Loops
    top: int  # when it happens: the number of an entry of the program's body


class Arrays:
    """`add` all accesses, `lay_out`, then ask for the `place` of each. Accesses that may meet are in one array."""

    def __init__(self) -> None:
        self._accesses: list[_Access] = []

    def add(self, place: Affine, loops: Loops, top: int) -> int:
        """Add a write or a read in loops; return its key."""
        self._accesses.append(_Access(place, loops, top))
        return len(self._accesses) - 1

    def place(self, key: int) -> Affine:
        """Where an access is in memory."""
        return self._accesses[key].place

    def lay_out(self) -> int:
        """Give every array its place; return the size of the memory."""
        free = _Free()
        arrays = sorted((_compact(array) for array in self._grouped()), key=lambda each: each[0])
        for first, last, size, accesses in arrays:
            start = free.take(first, last, size)
            for access in accesses:
                access.place = Affine(access.place.base + start, access.place.strides)
        return free.size

    def _grouped(self) -> list[list[_Access]]:
        """The accesses of each array: those whose places overlap, from first to last."""
        out: list[list[_Access]] = []
        end = -1
        for low, high, access in sorted(((*bounds(x.place, x.loops), x) for x in self._accesses), key=lambda x: x[:2]):
            if low > end or not out:
                out.append([])
            out[-1].append(access)
            end = max(end, high)
        return out


def _compact(accesses: list[_Access]) -> tuple[int, int, int, list[_Access]]:
    """Renumber an array's places from 0; return when it is first and last used, its size, and its accesses."""
    for depth in range(min(len(access.loops) for access in accesses)):
        if len({id(access.loops[depth]) for access in accesses}) > 1:
            break
        strides = {access.place.strides[depth] for access in accesses}
        if len(strides) > 1:
            break
        within = [_with_stride(access.place, depth, 0) for access in accesses]
        low, high = _bounds(within, accesses)
        if high - low < abs(*strides):  # each turn has its own places
            for access, place in zip(accesses, within):
                access.place = place
    low, high = _bounds([access.place for access in accesses], accesses)
    unit = 0
    for access in accesses:
        unit = math.gcd(unit, access.place.base - low, *access.place.strides)
    unit = unit or 1
    for access in accesses:
        strides_now = tuple([stride // unit for stride in access.place.strides])
        access.place = Affine((access.place.base - low) // unit, strides_now)
    tops = [access.top for access in accesses]
    return min(tops), max(tops), (high - low) // unit + 1, accesses


def _with_stride(place: Affine, depth: int, stride: int) -> Affine:
    return Affine(place.base, (*place.strides[:depth], stride, *place.strides[depth + 1 :]))


def _bounds(places: list[Affine], accesses: list[_Access]) -> tuple[int, int]:
    found = [bounds(place, access.loops) for place, access in zip(places, accesses)]
    return min(low for low, _ in found), max(high for _, high in found)


class _Free:
    """Memory that is taken and given back: the first gap that is large enough is taken."""

    def __init__(self) -> None:
        self.size = 0
        self._taken: list[tuple[int, int, int]] = []  # start, end, when it is last used

    def take(self, first: int, last: int, size: int) -> int:
        """The start of `size` places, for use from `first` to `last`; `first` never decreases from call to call."""
        self._taken = [each for each in self._taken if each[2] >= first]
        start = 0
        for begin, end, _ in self._taken:
            if begin - start >= size:
                break
            start = max(start, end)
        self._taken.append((start, start + size, last))
        self._taken.sort()
        self.size = max(self.size, start + size)
        return start
