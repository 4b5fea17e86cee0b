"""Find the loops in a list of entries: `rolled(entries)`.

    >>> from micrograd.compiler.fold.rolling import rolled
    >>> rolled([("mul", (0, 7)), ("add", (1, 0)), ("mul", (2, 8)), ("add", (3, 2)), ("mul", (4, 9)), ("add", (5, 4))])
    [Rolled(count=3, body=[('mul', (0, 7)), ('add', (1, 0))], steps=[(2, 1), (2, 2)])]

An entry is what it does and a vector of integers. Entries are pushed on a stack. When the last b repeat the b before
them and the b before those, and their vectors grow by the same steps, they become a loop; when the last b entries
are the next turn of the loop below them, the loop takes them in. A loop is an entry as well, so loops of loops build
themselves. (Nested loop recognition: Ketterlin and Clauss, "Prediction and trace compression of data access addresses
through nested loop recognition", CGO 2008.)

Time is linear in the number of entries: candidates for b are the distances to the latest entries of the same kind,
at most `MOST_TRIED` of them and at most `LONGEST_BODY` long.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

LONGEST_BODY = 3000  # entries in a loop's body, inner loops counted as one
MOST_TRIED = 24  # earlier entries of the same kind that are tried as the end of a body

Entry = tuple[Any, tuple[int, ...]]
COUNT, BODY, STEPS, KIND, NEXT = range(5)


class Rolled:
    """`count` turns of `body`. The body has the first turn's vectors; each turn adds `steps` to them."""

    __slots__ = ("body", "count", "kinds", "next", "steps", "vectors")

    def __init__(self, count: int, body: list[Any], kinds: list[int], vectors: list[Any], steps: list[Any]):
        self.count, self.body, self.kinds, self.vectors, self.steps = count, body, kinds, vectors, steps
        self.next = [plus(plus(v, s), plus(s, s)) for v, s in zip(vectors, steps)]

    def __repr__(self) -> str:
        return f"Rolled(count={self.count}, body={self.body}, steps={self.steps})"


def plus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The sum of two vectors."""
    return tuple([x + y for x, y in zip(a, b)])


def minus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The difference of two vectors."""
    return tuple([x - y for x, y in zip(a, b)])


def rolled(entries: Iterable[Entry]) -> list[Any]:
    """The entries with their loops found: a list of entries and `Rolled`."""
    stack = _Stack()
    for entry in entries:
        stack.push(entry, stack.kind(entry[0]), entry[1])
    return stack.entries


class _Stack:
    """Parallel lists: the entries, their kinds as small numbers, their vectors, and the entry of that kind before."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._kinds: list[int] = []
        self._vectors: list[tuple[int, ...]] = []
        self._before: list[int] = []
        self._latest: dict[int, int] = {}  # by kind: the last place with an entry of it
        self._numbers: dict[Hashable, int] = {}
        self._due: dict[int, list[int]] = {}  # by a place on the stack: the loops whose next turn would end there

    def kind(self, what: Hashable) -> int:
        """A small number for what an entry does: the same for the same."""
        return self._numbers.setdefault(what, len(self._numbers))

    def push(self, entry: Any, kind: int, vector: tuple[int, ...]) -> None:
        """Put an entry on the stack, and make of the top what it completes."""
        while True:
            top = len(self.entries)
            self.entries.append(entry)
            self._kinds.append(kind)
            self._vectors.append(vector)
            self._before.append(self._latest.get(kind, -1))
            self._latest[kind] = top
            if isinstance(entry, Rolled):
                self._due.setdefault(top + len(entry.kinds), []).append(top)
            loop = self._next_turn(top) or self._new_loop(top)
            if loop is None:
                return
            entry = loop
            steps = self.kind(("steps", tuple(loop.steps)))
            kind = self.kind(("loop", loop.count, steps, *loop.kinds))
            vector = tuple([x for v in loop.vectors for x in v])

    def _cut(self, length: int) -> None:
        """Take all entries above `length` off the stack."""
        for place in range(len(self.entries) - 1, length - 1, -1):
            before, kind, entry = self._before[place], self._kinds[place], self.entries[place]
            if before < 0:
                del self._latest[kind]
            else:
                self._latest[kind] = before
            if isinstance(entry, Rolled):
                self._due[place + len(entry.kinds)].remove(place)
        for column in (self.entries, self._kinds, self._vectors, self._before):
            del column[length:]

    def _next_turn(self, top: int) -> Rolled | None:
        """The loop that the top entries are one more turn of, with that turn; they are taken off the stack."""
        for place in self._due.get(top, ()):
            loop = self.entries[place]
            if self._kinds[top] != loop.kinds[-1] or self._vectors[top] != loop.next[-1]:
                continue
            if self._kinds[place + 1 :] == loop.kinds and self._vectors[place + 1 :] == loop.next:
                self._cut(place)
                loop.count += 1
                loop.next = list(map(plus, loop.next, loop.steps))
                return loop
        return None

    def _new_loop(self, top: int) -> Rolled | None:
        """The loop of three turns that the top entries make; they are taken off the stack."""
        kinds, vectors, before = self._kinds, self._vectors, self._before
        kind, vector = kinds[top], vectors[top]
        place = before[top]
        for _ in range(MOST_TRIED):
            size = top - place
            first = top - 2 * size  # the end of the first turn
            if place < 0 or first - size < -1 or size > LONGEST_BODY:
                return None
            if kinds[first] == kind and all(x - y == y - z for x, y, z in zip(vector, vectors[place], vectors[first])):
                start, middle, last = first - size + 1, first + 1, place + 1
                if kinds[start:middle] == kinds[middle:last] == kinds[last:]:
                    steps = list(map(minus, vectors[middle:last], vectors[start:middle]))
                    if all(minus(x, y) == z for x, y, z in zip(vectors[last:], vectors[middle:last], steps)):
                        body = self.entries[start:middle]
                        loop = Rolled(3, body, kinds[start:middle], vectors[start:middle], steps)
                        self._cut(start)
                        return loop
            place = before[place]
        return None
