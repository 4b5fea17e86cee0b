"""Where loops run longer or shorter from turn to turn, find how much room makes their places regular: `padding_of`.

    >>> from micrograd.compiler.fold.folding import fold
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(9)])
    >>> for i in range(9):
    ...     total = tape.append("exp", i)
    ...     for j in range(i):
    ...         total = tape.append("sub", total, tape.append("mul", i, j))
    ...     tape.outputs[f"y{i}"] = tape.append("exp", total)
    >>> print(fold(tape))
    t[0] = exp(shared[0])
    t[1] = exp(t[0])
    for i in 8:
        output[i] = t[i+1]
        t[9*i+18] = exp(shared[i+1])
        for j in i+1:
            t[8*i+j+90] = shared[i+1] * shared[j]
            t[9*i-8*j+10] = t[9*i-8*j+18] - t[8*i+j+90]
        t[i+2] = exp(t[i+10])
    output[8] = t[9]

Bodies of the same shape, with loops that run 3, 4, 5, ... times, are not yet turns of a loop, because the places of
what they write move further each time. With room for the longest loop after each shorter one they are.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from micrograd.compiler.fold.forms import Affine, Body, Folded, Line, Loop, Output
from micrograd.compiler.fold.places import Numbering, Padding

LONGEST = 20_000  # bodies with more entries than this are not searched
MOST_TRIED = 24


def padding_of(folded: Folded, places: Numbering) -> Padding:
    """How many numbers of each kind to leave out before a position, after loops that run shorter than their peers."""
    if not any(isinstance(entry, Loop) for entry in folded.body):
        return {}
    return _Padding(folded.body, places).found


class _Padding:
    def __init__(self, body: Body, places: Numbering):
        self._places = places
        self._extents: dict[int, int] = {}  # by the id of a loop: how often it and its peers run at most
        self._irregular: set[int] = set()  # the ids of loops that run shorter than that, or hold one that does
        self._sites: dict[int, int] = {}  # by the id of a line: a number that it shares with its peers
        self._seen: Counter[tuple[int, int | None]] = Counter()  # how often a site writes a kind of number
        self._kinds: dict[int, int | None] = {}  # which kind a site writes most often
        self.found: dict[int, dict[int, int]] = {}
        body = regular(collapsed(unrolled(body)))
        self._measure([body], [])
        if self._irregular:
            self._visit(body, [], places.inputs)
            self._kinds = {site: kind for (site, kind), _ in reversed(self._seen.most_common())}
            self.found.clear()
            self._visit(body, [], places.inputs)

    def _measure(self, bodies: Sequence[Body], outer: list[int]) -> bool:
        """Find the extents of the loops in bodies of the same shape; return whether one runs shorter."""
        irregular = False
        for start, size, turns in runs([shape(entry) for entry in bodies[0]]):
            for offset in range(start, start + size):
                peers = [body[offset + size * turn] for body in bodies for turn in range(turns)]
                loops = [peer for peer in peers if isinstance(peer, Loop)]
                if not loops:
                    self._sites.update(dict.fromkeys(map(id, peers), len(self._sites)))
                    continue
                extent = max(_most(loop.count, outer) for loop in loops)
                inside = self._measure([loop.body for loop in loops], [*outer, extent])
                self._extents.update((id(loop), extent) for loop in loops)
                if inside or any(loop.count != extent for loop in loops):
                    self._irregular.update(map(id, loops))
                    irregular = True
        return irregular

    def _visit(self, body: Body, counters: list[int], position: int) -> int:
        """Note the padding of a body that starts at a position; return where it ends."""
        for entry in body:
            if isinstance(entry, Line):
                self._seen[self._sites[id(entry)], self._places.kinds[position]] += 1
                position += 1
            elif isinstance(entry, Loop):
                count = entry.count if isinstance(entry.count, int) else entry.count.at(counters)
                if id(entry) in self._irregular:
                    for counter in range(count):
                        position = self._visit(entry.body, [*counters, counter], position)
                    if missing := self._extents[id(entry)] - count:
                        self._count(entry.body, missing, self.found.setdefault(position, {}))
                elif count:  # all turns are as long
                    position += count * (self._visit(entry.body, [*counters, 0], position) - position)
        return position

    def _count(self, body: Body, times: int, padding: dict[int, int]) -> None:
        """Add the numbers of each kind that `times` turns of a body would write."""
        for entry in body:
            if isinstance(entry, Loop):
                self._count(entry.body, times * self._extents[id(entry)], padding)
            elif isinstance(entry, Line) and (kind := self._kinds.get(self._sites[id(entry)])) is not None:
                padding[kind] = padding.get(kind, 0) + times


def _most(count: int | Affine, outer: list[int]) -> int:
    if isinstance(count, int):
        return count
    return count.base + sum(max(0, stride * (extent - 1)) for stride, extent in zip(count.strides, outer))


def shape(entry: Line | Output | Loop) -> Hashable:
    """What entries have in common that may be turns of a loop: everything but places and counts."""
    if isinstance(entry, Line):
        return (entry.op, *[x.space for x in entry.operands])
    if isinstance(entry, Output):
        return entry.value.space
    return tuple([shape(inner) for inner in entry.body])


def unrolled(body: Body) -> Body:
    """A body with the turns of its varying loops one after the other, to be compared with what stands around them."""
    out: list[Line | Output | Loop] = []
    for entry in body:
        if not isinstance(entry, Loop) or not any(map(_is_varying, entry.body)):
            out.append(entry)
        else:
            assert isinstance(entry.count, int)
            for counter in range(entry.count):
                out += [_in_turn(inner, counter) for inner in entry.body]
    return tuple(out)


def _is_fixed(entry: Line | Output | Loop) -> bool:
    """Whether all counts are numbers."""
    return not isinstance(entry, Loop) or (isinstance(entry.count, int) and all(map(_is_fixed, entry.body)))


def _is_varying(entry: Line | Output | Loop) -> bool:
    """Whether the count of a loop depends on the outermost loop."""
    if not isinstance(entry, Loop):
        return False
    return (not isinstance(entry.count, int) and entry.count.strides[0] != 0) or any(map(_is_varying, entry.body))


def _in_turn(entry: Line | Output | Loop, counter: int) -> Line | Output | Loop:
    """An entry of the outermost loop as it is in one turn."""
    if not isinstance(entry, Loop):
        return dataclasses.replace(entry)
    count = entry.count
    if not isinstance(count, int):
        first, *strides = count.strides
        base = count.base + first * counter
        count = Affine(base, tuple(strides)) if any(strides) else base
    return Loop(count, tuple([_in_turn(inner, counter) for inner in entry.body]))


def collapsed(body: Body) -> Body:
    """A body with all repeats of a shape written as loops, as they will be when their places are regular."""
    entries = [Loop(x.count, collapsed(x.body)) if isinstance(x, Loop) else x for x in body]
    repeats: list[Line | Output | Loop] = []
    for start, size, turns in runs([_counted(entry) for entry in entries]):
        block = entries[start : start + size]
        if turns < 3 or not all(map(_is_fixed, block)):  # counts are by the loops around: one more would change them
            repeats += entries[start : start + size * turns]
        else:
            repeats.append(Loop(turns, tuple(block)))
    shapes, at = [_counted(entry) for entry in repeats], 0
    out: list[Line | Output | Loop] = []
    taken = 0  # how much of `out` a loop may no longer take in
    while at < len(repeats):
        entry = repeats[at]
        at += 1
        if isinstance(entry, Loop) and _is_fixed(entry):
            assert isinstance(entry.count, int)
            turn, count, size = [_counted(inner) for inner in entry.body], entry.count, len(entry.body)
            while len(out) - size >= taken and [_counted(x) for x in out[len(out) - size :]] == turn:
                del out[len(out) - size :]
                count += 1
            while shapes[at : at + size] == turn:
                at, count = at + size, count + 1
            entry = Loop(count, entry.body)
            taken = len(out) + 1
        out.append(entry)
    return tuple(out)


def regular(body: Body) -> Body:
    """A body with short turns before and after its repeats written as loops, as the other turns are.

    A loop is found from three turns on. So where a loop runs 5, 4, 3, 2, 1, 0 times in the turns of a loop around it,
    the last turns look different.
    """
    shapes = [shape(entry) for entry in body]
    counted = [_counted(entry) for entry in body]
    out: list[Line | Output | Loop] = []
    done = 0

    def is_third(start: int, size: int, number: int, at: int) -> bool:
        """Whether another turn stands at a place, or ends there."""
        is_before, places = number < 0, range(start, start + size)
        written = 0
        for k in reversed(places) if is_before else places:
            turn = _turn(body[k : k + 1], body[k + size : k + size + 1], number)
            if turn is None:
                return False
            found = _written_out(turn[0])
            at -= len(found) if is_before else 0
            if at < 0 or counted[at : at + len(found)] != found:
                return False
            at += 0 if is_before else len(found)
            written += len(found)
        return written > 0 and any(_differ(body[k], body[k + size]) for k in places)

    def is_repeat(start: int, size: int) -> bool:
        return is_third(start, size, -1, start) or is_third(start, size, 2, start + 2 * size)

    for start, size, turns in runs(shapes, pair=is_repeat):
        first, second = body[start : start + size], body[start + size : start + 2 * size]
        if start < done or turns < 2 or not any(map(_differ, first, second)):
            continue
        end = start + size * turns
        at, before = start, 0
        earlier: list[Line | Output | Loop] = []
        while (turn := _turn(first, second, before - 1)) is not None:
            matched = 0  # of the turn's entries, from its end
            for entry in reversed(turn):
                written = _written_out(entry)
                if at - len(written) < done or counted[at - len(written) : at] != written:
                    break
                at, matched = at - len(written), matched + 1
            earlier = turn[size - matched :] + earlier
            before -= 1
            if matched < size:
                break
        out += [*body[done:at], *earlier, *body[start:end]]
        done = end
        while (turn := _turn(first, second, turns)) is not None:
            matched = 0
            for entry in turn:
                written = _written_out(entry)
                if counted[done : done + len(written)] != written:
                    break
                done, matched = done + len(written), matched + 1
            out += turn[:matched]
            turns += 1
            if matched < size:
                break
    return (*out, *body[done:])


def _differ(one: Line | Output | Loop, other: Line | Output | Loop) -> bool:
    """Whether entries of the same shape differ in a loop's count."""
    if not isinstance(one, Loop) or not isinstance(other, Loop):
        return False
    return one.count != other.count or any(map(_differ, one.body, other.body))


def _turn(first: Sequence[Any], second: Sequence[Any], number: int) -> list[Line | Output | Loop] | None:
    """What a turn would be, by the steps of the counts from the first to the second; None if a count is negative."""
    out: list[Line | Output | Loop] = []
    for one, other in zip(first, second):
        if not isinstance(one, Loop):
            out.append(dataclasses.replace(one))
            continue
        body = _turn(one.body, other.body, number)
        count = one.count
        if isinstance(count, int):
            count += number * (other.count - count)
            if count < 0:
                return None
        if body is None:
            return None
        out.append(Loop(count, tuple(body)))
    return out


def _counted(entry: Line | Output | Loop) -> Hashable:
    """The shape of an entry with the counts of its loops."""
    return (entry.count, *map(_counted, entry.body)) if isinstance(entry, Loop) else shape(entry)


def _written_out(entry: Line | Output | Loop) -> list[Hashable]:
    """Shapes and counts of an entry as it is found, where loops of one or two turns are not loops."""
    if not isinstance(entry, Loop):
        return [shape(entry)]
    inside = [s for inner in entry.body for s in _written_out(inner)]
    return inside * entry.count if isinstance(entry.count, int) and entry.count < 3 else [(entry.count, *inside)]


def runs(shapes: Sequence[Hashable], *, pair: Callable[[int, int], bool] | None = None) -> list[tuple[int, int, int]]:
    """The repeats in a list, as (start, size, turns): three turns or more, or a single entry that is not repeated.

    Two turns are a repeat only if `pair(start, size)` says so.
    """
    numbers: dict[Hashable, int] = {}
    kinds = [numbers.setdefault(each, len(numbers)) for each in shapes]
    latest: dict[int, int] = {}
    after = [0] * len(kinds)  # the next place with the same shape
    for i in reversed(range(len(kinds))):
        after[i] = latest.get(kinds[i], len(kinds))
        latest[kinds[i]] = i
    ends: dict[int, int] = {}  # by a period: the next place that differs from the one a period later
    out, i = [], 0
    while i < len(kinds):
        size, turns, other = 1, 1, i
        for _ in range(MOST_TRIED if len(kinds) <= LONGEST else 0):
            other = after[other]
            period = other - i
            if i + (2 if pair else 3) * period > len(kinds):
                break
            if period > 1 and kinds[i + 1] != kinds[other + 1]:
                continue
            end = ends.get(period, i)
            if end <= i:
                end = i
                while end + period < len(kinds) and kinds[end] == kinds[end + period]:
                    end += 1
                ends[period] = end
            count = 1 + (end - i) // period
            if count * period > size * turns and (count >= 3 or (count == 2 and pair and pair(i, period))):
                size, turns = period, count
        out.append((i, size, turns))
        i += size * turns
    return out
