"""Find the loops in a list of entries: `rolled(entries)`.

    >>> from micrograd.compiler.fold.rolling import Entries, rolled
    >>> mul, add = 0, 1
    >>> entries = Entries([mul, add] * 3, [0, 2, 4, 6, 8, 10, 12], [0, 7, 1, 0, 2, 8, 3, 2, 4, 9, 5, 4])
    >>> rolled(entries)
    ([Rolled(count=3, body=[0, 1], steps=[(2, 1), (2, 2)])], [(3, 0, 7, 1, 0)])

An entry is a kind, which says what it does, and a vector of integers. Entries are pushed on a stack. When the last b
repeat the b before them and the b before those, and their vectors grow by the same steps, they become a loop; when the
last b entries are the next turn of the loop below them, the loop takes them in. A loop is an entry as well, so loops of
loops build themselves. (Nested loop recognition: Ketterlin and Clauss, "Prediction and trace compression of data access
addresses through nested loop recognition", CGO 2008.)

Time is linear in the number of entries: candidates for b are the distances to the latest entries of the same kind, at
most `MOST_TRIED` of them and at most `LONGEST_BODY` long. Once a loop is found, its further turns are compared where
they stand, without the stack.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

LONGEST_BODY = 3000  # entries in a loop's body, inner loops counted as one
MOST_TRIED = 24  # earlier entries of the same kind that are tried as the end of a body


class Entries(NamedTuple):
    """The kind of each entry; where its vector begins among `numbers`, and where the last one ends."""

    kinds: list[int]
    starts: list[int]
    numbers: list[int]


class Rolled:
    """`count` turns of `body`. The first turn has `vectors`; each turn adds `steps` to them.

    As an entry, its vector is its count and then the first turn's vectors: so the count of a loop in a loop may have a
    step. The count and vectors of a loop in `body` are those in the outermost loop's vectors.
    """

    __slots__ = ("body", "count", "is_varying", "kinds", "length", "next", "steps", "vectors")
    body: list[Any]
    count: int
    kinds: list[int]
    steps: list[Any]
    vectors: list[Any]

    def __init__(self, count: int, body: list[Any], kinds: list[int], vectors: list[Any], steps: list[Any]):
        self.count, self.body, self.kinds, self.vectors, self.steps = count, body, kinds, vectors, steps
        self.next: tuple[list[int], list[Any]] = (kinds, vectors)
        self.is_varying: bool = any(varies(entry, step) for entry, step in zip(body, steps))
        lengths = [(x.count * x.length if not x.is_varying else 0) if isinstance(x, Rolled) else 1 for x in body]
        self.length: int = sum(lengths) if all(lengths) else 0  # of each turn; 0 if they are not equally long

    def turn(self, number: int) -> list[tuple[int, ...]]:
        """The vectors of a turn, counted from 0; negative for those before the first."""
        return [tuple([x + number * y for x, y in zip(v, s)]) for v, s in zip(self.vectors, self.steps)]

    def __repr__(self) -> str:
        return f"Rolled(count={self.count}, body={self.body}, steps={self.steps})"


def varies(entry: Any, step: tuple[int, ...]) -> bool:
    """Whether a step changes the count of a loop, or of a loop in it."""
    if not isinstance(entry, Rolled):
        return False
    return step[0] != 0 or any(map(varies, entry.body, parts(entry, step)))


def parts(loop: Rolled, vector: tuple[int, ...]) -> list[tuple[int, ...]]:
    """A loop's vector, without its count, as one vector for each entry of its body."""
    out, start = [], 1
    for step in loop.steps:
        out.append(vector[start : start + len(step)])
        start += len(step)
    return out


def rolled(entries: Entries) -> tuple[list[Any], list[tuple[int, ...]]]:
    """The entries with their loops found: kinds and `Rolled`, and the vector of each."""
    stack = _Stack(entries)
    for kind in iter(stack.next_kind, None):
        stack.push(kind)
    return stack.entries, stack.vectors


class _Stack:
    """Parallel lists: the entries, their kinds as small numbers, their vectors, and the entry of that kind before."""

    def __init__(self, given: Entries) -> None:
        self.entries: list[Any] = []
        self.vectors: list[tuple[int, ...]] = []
        self._kinds: list[int] = []
        self._before: list[int] = []
        self._given, self._at = given, 0  # what is pushed, and how much of it was
        self._latest: dict[int, int] = {}  # by kind: the last place with an entry of it
        self._numbers: dict[Hashable, int] = {}
        self._first_number = max(given.kinds, default=0) + 1
        self._left: list[
            tuple[Any, int, tuple[int, ...]]
        ] = []  # the end of a turn, to be put on the stack after its loop
        self._loops: list[int] = []  # the places on the stack with loops
        self._due: dict[int, list[int]] = {}  # by a place on the stack: the loops whose next turn would end there

    def next_kind(self) -> int | None:
        """The kind of the next entry to push; None at the end."""
        return self._given.kinds[self._at] if self._at < len(self._given.kinds) else None

    def _number(self, what: Hashable) -> int:
        """A small number: the same for the same."""
        return self._numbers.setdefault(what, len(self._numbers) + self._first_number)

    def _kind_of_loop(self, kinds: list[int], steps: list[Any]) -> int:
        return self._number((self._number(tuple(steps)), tuple(kinds)))

    def push(self, kind: int) -> None:
        """Put the next entry on the stack, and make of the top what it completes."""
        _, starts, numbers = self._given
        entry: Any = kind
        vector = tuple(numbers[starts[self._at] : starts[self._at + 1]])
        self._at += 1
        while True:
            top = len(self.entries)
            self._append(entry, kind, vector)
            loop = (self._next_turn(top) if top in self._due else None) or self._new_loop(top)
            if loop is None:
                break
            if loop.length and not loop.is_varying:
                self._take_in_ahead(loop)
            loop.next = self._written_out(loop, loop.count)
            entry, kind = loop, self._kind_of_loop(loop.kinds, loop.steps)
            vector = (loop.count, *[x for v in loop.vectors for x in v])
        for each in self._left:
            self._append(*each)
        self._left.clear()

    def _append(self, entry: Any, kind: int, vector: tuple[int, ...]) -> None:
        top = len(self.entries)
        self.entries.append(entry)
        self._kinds.append(kind)
        self.vectors.append(vector)
        self._before.append(self._latest.get(kind, -1))
        self._latest[kind] = top
        if isinstance(entry, Rolled):
            self._loops.append(top)
            self._due.setdefault(top + len(entry.next[0]), []).append(top)

    def _take_in_ahead(self, loop: Rolled) -> None:
        """Take in the turns that come next, as long as they repeat the last ones on the stack."""
        kinds, starts, numbers = self._given
        length, at = loop.length, self._at
        turn = kinds[at - length : at]
        if kinds[at : at + length] != turn:
            return
        start, before = starts[at], starts[at - length]
        size = start - before
        last = numbers[before:start]
        step = list(map(operator.sub, last, numbers[before - size : before]))
        while kinds[at : at + length] == turn:
            new = numbers[start : start + size]
            if list(map(operator.sub, new, last)) != step:
                break
            loop.count += 1
            at, start, last = at + length, start + size, new
        self._at = at

    def _cut(self, length: int) -> None:
        """Take all entries above `length` off the stack."""
        for place in range(len(self.entries) - 1, length - 1, -1):
            before, kind, entry = self._before[place], self._kinds[place], self.entries[place]
            if before < 0:
                del self._latest[kind]
            else:
                self._latest[kind] = before
            if isinstance(entry, Rolled):
                self._loops.pop()
                due = self._due[place + len(entry.next[0])]
                due.remove(place)
                if not due:
                    del self._due[place + len(entry.next[0])]
        for column in (self.entries, self._kinds, self.vectors, self._before):
            del column[length:]

    def _next_turn(self, top: int) -> Rolled | None:
        """The loop that the top entries are one more turn of, with that turn; they are taken off the stack."""
        for place in self._due.get(top, ()):
            loop = self.entries[place]
            kinds, vectors = loop.next
            if not kinds or self._kinds[top] != kinds[-1] or self.vectors[top] != vectors[-1]:
                continue
            if self._kinds[place + 1 :] == kinds and self.vectors[place + 1 :] == vectors:
                self._cut(place)
                loop.count += 1
                return loop
        return None

    def _new_loop(self, top: int) -> Rolled | None:
        """The loop of three turns that the top entries make; they are taken off the stack."""
        kinds, vectors, before = self._kinds, self.vectors, self._before
        kind, vector = kinds[top], vectors[top]
        place = before[top]
        for _ in range(MOST_TRIED):
            size = top - place
            first = top - 2 * size  # the end of the first turn
            if first < -1 or size > LONGEST_BODY:
                return None
            if (
                kinds[place - 1] == kinds[top - 1]
                and kinds[first + 1] == kinds[place + 1]
                and kinds[first + 1 : place + 1] == kinds[place + 1 :]
            ):
                if (
                    first >= size - 1
                    and kinds[first] == kind
                    and all(x - y == y - z for x, y, z in zip(vector, vectors[place], vectors[first]))
                    and kinds[first - size + 1 : first + 1] == kinds[place + 1 :]
                ):
                    start, middle, last = first - size + 1, first + 1, place + 1
                    turns = vectors[start:middle], vectors[middle:last], vectors[last:]
                    if all(minus(y, x) == minus(z, y) for x, y, z in zip(*turns)):
                        steps = list(map(minus, turns[1], turns[0]))
                        loop = Rolled(3, self.entries[start:middle], kinds[start:middle], vectors[start:middle], steps)
                        return self._extended_back(loop, start) if loop.is_varying else self._taken(loop, start)
                if self._loops and first < self._loops[-1] and (pair := self._of_two_turns(first + 1, place + 1)):
                    return pair
            place = before[place]
        return None

    def _of_two_turns(self, first: int, second: int) -> Rolled | None:
        """The loop of the turns that begin at two places, if others in it run longer in the second, and the turn before
        the first looks different only because they run once or twice there.
        """
        loops = self._loops[bisect_left(self._loops, first) : bisect_left(self._loops, second)]
        size, vectors = second - first, self.vectors
        if not any(varies(self.entries[k], minus(vectors[k + size], vectors[k])) for k in loops):
            return None
        before = (
            (self.entries[k], self._kinds[k], minus(vectors[k], minus(vectors[k + size], vectors[k])))
            for k in range(second - 1, first - 1, -1)
        )
        matched, start = self._matched(before, first)
        if matched < size or start == first or self._kinds[start:first] == self._kinds[first:second]:
            return None
        turns = vectors[first:second], vectors[second:]
        steps = list(map(minus, turns[1], turns[0]))
        loop = Rolled(2, self.entries[first:second], self._kinds[first:second], turns[0], steps)
        return self._extended_back(loop, first)

    def _matched(self, turn: Iterable[tuple[Any, int, tuple[int, ...]]], at: int) -> tuple[int, int]:
        """How many entries of a turn, from the last to the first, end at a place on the stack, and where they begin."""
        matched = 0
        for entry, kind, vector in turn:
            written = self._short_loops_written_out([entry], [kind], [[vector]])
            if written is None:
                break
            kinds, (vectors,) = written
            start = at - len(kinds)
            if start < 0 or self._kinds[start:at] != kinds or self.vectors[start:at] != vectors:
                break
            matched, at = matched + 1, start
        return matched, at

    def _taken(self, loop: Rolled, start: int) -> Rolled:
        self._cut(start)
        return loop

    def _extended_back(self, loop: Rolled, start: int) -> Rolled:
        """The loop, which begins on the stack at `start`, with the turns before that look different because of loops of
        one or two turns; they are all taken off the stack.

        If there is only the end of one more turn, all turns begin there, and what is left of the last is kept.
        """
        last = list(zip(self.entries, self._kinds, self.vectors))[-len(loop.body) :]
        self._cut(start)
        while True:
            kinds, vectors = self._written_out(loop, -1)
            start = len(self.entries) - len(kinds)
            if not kinds or start < 0 or self._kinds[start:] != kinds or self.vectors[start:] != vectors:
                break
            self._cut(start)
            loop.vectors, loop.count = loop.turn(-1), loop.count + 1
        before = loop.turn(-1)
        backwards = zip(reversed(loop.body[1:]), reversed(loop.kinds), reversed(before))
        matched, at = self._matched(backwards, len(self.entries))
        cut = len(loop.body) - matched
        if not matched:
            return loop
        self._cut(at)
        self._left = [*last[cut:], *self._left]
        first = before[cut:] + loop.vectors[:cut]
        body, kinds, steps = [x[cut:] + x[:cut] for x in (loop.body, loop.kinds, loop.steps)]
        return Rolled(loop.count, body, kinds, first, steps)

    def _written_out(self, loop: Rolled, number: int) -> tuple[list[int], list[Any]]:
        """A turn as it stands on the stack before it is taken in, where loops of one or two turns are not loops yet.

        Without entries if a loop would run less than zero times.
        """
        vectors = loop.turn(number)
        if not loop.is_varying:
            return loop.kinds, vectors
        written = self._short_loops_written_out(loop.body, loop.kinds, [vectors])
        return (written[0], written[1][0]) if written else ([], [])

    def _short_loops_written_out(
        self, body: list[Any], kinds: list[int], columns: list[Any]
    ) -> tuple[list[int], Any] | None:
        """The kinds and vectors of a body, or None if a loop in it would run less than zero times. `columns` are its
        vectors, then their steps for each loop around it.
        """
        found: list[int] = []
        out: list[list[tuple[int, ...]]] = [[] for _ in columns]
        for entry, kind, *vectors in zip(body, kinds, *columns):
            if not isinstance(entry, Rolled):
                found.append(kind)
                for column, vector in zip(out, vectors):
                    column.append(vector)
                continue
            count = vectors[0][0]
            if count < 0:
                return None
            inner = [parts(entry, vector) for vector in vectors]
            if count < 3 and not any(vector[0] for vector in vectors[1:]):
                for turn in range(count):
                    moved = [tuple([x + turn * y for x, y in zip(v, s)]) for v, s in zip(inner[0], entry.steps)]
                    turns = self._short_loops_written_out(entry.body, entry.kinds, [moved, *inner[1:]])
                    if turns is None:
                        return None
                    found += turns[0]
                    for column, added in zip(out, turns[1]):
                        column += added
                continue
            turns = self._short_loops_written_out(entry.body, entry.kinds, [*inner, entry.steps])
            if turns is None:
                return None
            more, written = turns
            found.append(self._kind_of_loop(more, written[-1]))
            for column, vector, added in zip(out, vectors, written):
                column.append((vector[0], *[x for v in added for x in v]))
        return found, out


def minus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The difference of two vectors."""
    return tuple([x - y for x, y in zip(a, b)])
