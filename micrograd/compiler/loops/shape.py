"""What is read where in a folded program: the facts that decide which number stays in a register.

    >>> from micrograd.compiler.fold import fold
    >>> from micrograd.compiler.loops.shape import Shape
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(9)])
    >>> total = 0
    >>> for i in range(1, 9):
    ...     total = tape.append("add", total, i)
    >>> tape.outputs["value"] = total
    >>> shape = Shape(fold(tape, rows=range(9)))
    >>> [(str(step.entry), len(step.counters[0])) for step in shape.steps[1:2]]
    [('t[-i+6] = t[-i+7] + row[i+2]', 7)]
    >>> [sorted(line.number for line in shape.sources(step, x)) for step in shape.lines[1:] for x in step.temporaries]
    [[0, 1]]

Each place is written by one line, so an array of the writers' numbers answers every question at once, for all turns of
all loops, without running through them in Python.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

from micrograd.compiler.fold import Access, Affine, Folded, Line, Loop, Output
from micrograd.compiler.tape.tape import CONDITIONS
from micrograd.errors import NotAsLoops
from micrograd.extras import Lazy

np: Lazy = Lazy("numpy", extra="jit")
Array = Any


class Nest:
    """A loop with its place in the program: `depth` loops are around it.

    `count` is an Affine of their counters if it differs from turn to turn; `most` is the highest. `counters` has, for
    each loop around its body, itself included, its counter in each turn; `left` has how many turns are left after it.
    """

    most: int

    def __init__(self, count: int | Affine, around: Nest | None):
        self.count = count
        self.depth: int = around.depth + 1 if around else -1
        self.body: list[Nest | Step] = []
        self.first = self.end = 0  # the numbers of its steps
        self.counters: tuple[Array, ...] = ()
        self.left: Array = np.zeros(1, int)
        self.most = 1
        self.may_be_empty: bool = False  # whether it has no turns in some turn of the loops around it
        if around is None:
            return
        outer: tuple[Array, ...] = around.counters
        turns = count if isinstance(count, int) else places(count, outer)
        counts = np.broadcast_to(turns, outer[0].shape if outer else (1,))
        self.may_be_empty = bool(counts.min() < 1)
        self.most = int(counts.max())
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        self.counters = (*(np.repeat(x, counts) for x in outer), np.arange(counts.sum()) - starts)
        self.left = np.repeat(counts, counts) - 1 - self.counters[-1]

    @property
    def steps(self) -> list[Step]:
        """The lines and outputs directly in it, not those in loops inside."""
        return [x for x in self.body if isinstance(x, Step)]

    @property
    def nests(self) -> list[Nest]:
        return [x for x in self.body if isinstance(x, Nest)]


class Step:
    """A line or an output with its place in the program. `nests` are the loops around it, outermost first."""

    entry: Line | Output
    nests: tuple[Nest, ...]
    number: int

    def __init__(self, entry: Line | Output, nests: tuple[Nest, ...], number: int):
        self.entry, self.nests, self.number = entry, nests, number
        self.counters: tuple[Array, ...] = nests[-1].counters if nests else ()

    @property
    def line(self) -> Line:
        assert isinstance(self.entry, Line)
        return self.entry

    @property
    def result(self) -> Affine:
        """The places that a line writes."""
        return self.line.result.place

    @property
    def output(self) -> Output:
        assert isinstance(self.entry, Output)
        return self.entry

    @property
    def operands(self) -> tuple[Access, ...]:
        return self.entry.operands if isinstance(self.entry, Line) else (self.entry.value,)

    @property
    def temporaries(self) -> list[Access]:
        """The operands that are results of lines."""
        return [x for x in self.operands if x.space == "temporary"]


class Shape:
    """A folded program as a tree of `Nest` and `Step`, with `steps` from top to bottom."""

    def __init__(self, folded: Folded):
        self.folded = folded
        self.steps: list[Step] = []
        self.root: Nest = Nest(1, None)
        self._grow(self.root, folded.body, ())
        self.lines: list[Step] = [step for step in self.steps if isinstance(step.entry, Line)]
        self.outputs: list[Step] = [step for step in self.steps if isinstance(step.entry, Output)]
        self.writer: Any = np.full(folded.places, -1)  # of each place: the number of its step
        depth = max((len(step.nests) for step in self.steps), default=0)
        self.turns: Any = np.zeros((depth, folded.places), np.int32)  # of each place: its writer's turn of each loop
        self.is_last: Any = np.ones(
            folded.places, bool
        )  # of each place: whether that is the innermost loop's last turn
        for step in self.lines:
            at = self.places(step, step.line.result)
            self.writer[at] = step.number
            for k, counter in enumerate(step.counters):
                self.turns[k][at] = counter
            if step.nests:
                self.is_last[at] = step.nests[-1].left == 0
        self._sources: dict[tuple[int, Access], list[Step]] = {}

    def _grow(self, nest: Nest, body: tuple[Line | Output | Loop, ...], nests: tuple[Nest, ...]) -> None:
        nest.first = len(self.steps)
        for entry in body:
            if isinstance(entry, Loop):
                inner = Nest(entry.count, nest)
                nest.body.append(inner)
                self._grow(inner, entry.body, (*nests, inner))
            else:
                step = Step(entry, nests, len(self.steps))
                self.steps.append(step)
                nest.body.append(step)
        nest.end = len(self.steps)

    def places(self, step: Step, access: Access | Affine) -> Array:
        """The places that an access of a step comes to, in all turns."""
        return places(access, step.counters)

    def is_written(self, access: Access, counters: Sequence[Array]) -> bool:
        """Whether there is a result at every place that an access comes to in the turns with these counters."""
        read = places(access, counters)
        return bool((read >= 0).all() and (self.writer[read] >= 0).all())

    def sources(self, step: Step, access: Access) -> list[Step]:
        """The lines whose results a step reads through an access."""
        key = step.number, access
        if key not in self._sources:
            self._sources[key] = [self.steps[k] for k in np.unique(self.writer[self.places(step, access)])]
        return self._sources[key]

    @functools.cached_property
    def readers(self) -> dict[int, list[tuple[Step, Access]]]:
        """For each line, by its number: the steps that read its results, and how."""
        found: dict[int, list[tuple[Step, Access]]] = {step.number: [] for step in self.lines}
        for step in self.steps:
            for access in dict.fromkeys(step.temporaries):
                for source in self.sources(step, access):
                    found[source.number].append((step, access))
        return found

    @functools.cached_property
    def varies(self) -> set[int]:
        """The numbers of the steps that differ from row to row, or whose results are read together with such."""
        return self._spread(together=True)

    @functools.cached_property
    def joined(self) -> set[int]:
        """The steps that could be the same for all rows, but are read together with others."""
        return self.varies - self._spread(together=False)

    def _spread(self, *, together: bool) -> set[int]:
        varies = {step.number for step in self.steps if any(access.space == "row" for access in step.operands)}
        before = -1
        while before != len(varies):
            before = len(varies)
            for step in self.steps:
                for access in step.temporaries:
                    sources = {source.number for source in self.sources(step, access)}
                    if not varies.isdisjoint(sources):
                        varies |= {step.number, *(sources if together else ())}
        return varies

    @functools.cached_property
    def attached(self) -> dict[int, Affine]:
        """For lines whose every result is an output: the outputs' numbers, in the counters of the line's loops.

        Folding may put an output into another loop, or another turn, than the line that computes it.
        """
        number = np.full(self.folded.places, -1)
        for step in self.outputs:
            if step.output.value.space == "temporary":
                read, numbers = self.places(step, step.output.value), self.places(step, step.output.number)
                number[read] = np.where(number[read] == -1, numbers, -2)  # -2: several outputs
                if len(np.unique(read)) < read.size:
                    number[read] = -2
        found = {}
        for step in self.lines:
            own = number[self.places(step, step.line.result)]
            form = affine_of(own, step.counters) if (own >= 0).all() else None
            if form is not None and step.number in self.varies:
                found[step.number] = form
        while True:  # an output's numbers must all come from such lines, or none
            mixed = set()
            for step in self.outputs:
                if step.output.value.space == "temporary":
                    sources = {source.number for source in self.sources(step, step.output.value)}
                    if not sources <= found.keys():
                        mixed |= sources & found.keys()
            if not mixed:
                return found
            for line in mixed:
                del found[line]

    @functools.cached_property
    def loose(self) -> list[Step]:
        """The outputs that are not attached to lines."""
        return [
            step
            for step in self.outputs
            if step.output.value.space != "temporary"
            or self.sources(step, step.output.value)[0].number not in self.attached
        ]

    def is_condition(self, step: Step, access: Access) -> bool:
        """Whether an operand is a condition rather than a number."""
        if access.space != "temporary":
            return False
        kinds = {self._original(source) in CONDITIONS for source in self.sources(step, access)}
        if len(kinds) > 1:
            raise NotAsLoops(f"`{step.entry}` reads `{access}`, which is a condition in some turns, a number in others")
        return kinds.pop()

    def _original(self, step: Step) -> str:
        """What a line computes; what a copy is a copy of."""
        while step.line.op == "copy" and step.temporaries:
            step = self.sources(step, step.temporaries[0])[0]
        return step.line.op


class Arrays:
    """The arrays that rows come from, one after the other: `widths` are the lengths of their rows, and `starts` says
    where each begins in a row of all.
    """

    def __init__(self, widths: Sequence[int]):
        self.starts: list[int] = list(itertools.accumulate(widths, initial=0))

    def read_by(self, access: Access, counters: Sequence[Array]) -> list[int]:
        """The arrays that an access to a row comes to, in all turns."""
        read = places(access, counters)
        first, last = (bisect.bisect_right(self.starts, int(x)) - 1 for x in (read.min(), read.max()))
        return list(range(first, last + 1))


def places(form: Access | Affine, counters: Sequence[Array]) -> Array:
    """The values of an affine form in all turns of the loops with these counters."""
    assert isinstance(form.base, int)
    out = np.full(counters[0].shape if counters else (1,), form.base)
    for stride, counter in zip(form.strides, counters, strict=True):
        if stride:
            out = out + stride * counter
    return out


def affine_of(numbers: Array, counters: Sequence[Array]) -> Affine | None:
    """The affine form that takes these values in all turns; None if there is none."""
    strides: list[int] = []
    first = [int(x[0]) for x in counters]  # not all 0 if the loops inside have no turns at first
    for k, counter in enumerate(counters):
        inner = [x == start for x, start in zip(counters[k + 1 :], first[k + 1 :])]
        second = (counter == first[k] + 1) & np.logical_and.reduce(inner or [True])
        at = int(np.argmax(second))  # the first turn where this counter has moved, and those after it have not
        before = sum(stride * (int(x[at]) - start) for stride, x, start in zip(strides, counters, first))
        strides.append(int(numbers[at] - numbers[0]) - before if second[at] else 0)
    found = Affine(int(numbers[0]) - sum(map(operator.mul, strides, first)), tuple(strides))
    return found if np.array_equal(places(found, counters), numbers) else None


def divisor(numbers: Iterator[int]) -> int:
    """The greatest common divisor; 1 if all are 0."""
    return functools.reduce(math.gcd, numbers, 0) or 1
