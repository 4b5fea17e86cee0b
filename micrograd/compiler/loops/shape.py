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
    >>> [(str(step.entry), step.counts) for step in shape.steps][1]
    ('t[i+10] = t[i+9] + row[i+2]', (7,))
    >>> [sorted(line.number for line in shape.sources(step, x)) for step in shape.lines[1:] for x in step.temporaries]
    [[0, 1]]

Each place is written by one line, so an array of the writers' numbers answers every question at once, for all turns of
all loops, without running through them in Python.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np

from micrograd.compiler.fold import Access, Affine, Folded, Line, Loop, Output
from micrograd.compiler.tape.tape import CONDITIONS

Array = np.ndarray


class NotAsLoops(Exception):
    """This program cannot be written as loops; it is then written as straight-line code."""


class Nest:
    """A loop with its place in the program: `depth` loops are around it."""

    def __init__(self, count: int, depth: int):
        self.count, self.depth = count, depth
        self.body: list[Nest | Step] = []
        self.first = self.end = 0  # the numbers of its steps

    @property
    def steps(self) -> list[Step]:
        """The lines and outputs directly in it, not those in loops inside."""
        return [x for x in self.body if isinstance(x, Step)]

    @property
    def nests(self) -> list[Nest]:
        return [x for x in self.body if isinstance(x, Nest)]


class Step:
    """A line or an output with its place in the program. `nests` are the loops around it, outermost first."""

    def __init__(self, entry: Line | Output, nests: tuple[Nest, ...], number: int):
        self.entry, self.nests, self.number = entry, nests, number
        self.counts = tuple(nest.count for nest in nests)

    @property
    def line(self) -> Line:
        assert isinstance(self.entry, Line)
        return self.entry

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
        self.root = Nest(1, -1)
        self._grow(self.root, folded.body, ())
        self.lines = [step for step in self.steps if isinstance(step.entry, Line)]
        self.outputs = [step for step in self.steps if isinstance(step.entry, Output)]
        self.writer = np.full(folded.places, -1)  # of each place: the number of its step
        depth = max((len(step.nests) for step in self.steps), default=0)
        self.turns = np.zeros((depth, folded.places), np.int32)  # of each place: its writer's turn of each loop
        for step in self.lines:
            at = self.places(step, step.line.result)
            self.writer[at] = step.number
            for k, counter in enumerate(self.counters(step)):
                self.turns[k][at] = counter
        self._sources: dict[tuple[int, Access], list[Step]] = {}

    def _grow(self, nest: Nest, body: tuple[Line | Output | Loop, ...], nests: tuple[Nest, ...]) -> None:
        nest.first = len(self.steps)
        for entry in body:
            if isinstance(entry, Loop):
                if not isinstance(entry.count, int):
                    raise NotAsLoops("a loop's count differs from turn to turn")
                inner = Nest(entry.count, len(nests))
                nest.body.append(inner)
                self._grow(inner, entry.body, (*nests, inner))
            else:
                step = Step(entry, nests, len(self.steps))
                self.steps.append(step)
                nest.body.append(step)
        nest.end = len(self.steps)

    def places(self, step: Step, access: Access | Affine) -> Array:
        """The places that an access of a step comes to: an array with an axis for each loop."""
        assert isinstance(access.base, int)
        return places(access.base, access.strides, step.counts)

    def counters(self, step: Step) -> list[Array]:
        """The counter of each loop around a step, in all turns."""
        return [_along(step.counts, k) for k in range(len(step.counts))]

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
        varies = {step.number for step in self.steps if any(access.space == "row" for access in step.operands)}
        before = -1
        while before != len(varies):
            before = len(varies)
            for step in self.steps:
                for access in step.temporaries:
                    sources = {source.number for source in self.sources(step, access)}
                    if not varies.isdisjoint(sources):
                        varies |= {step.number, *sources}
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
            form = affine_of(own) if (own >= 0).all() else None
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
            raise NotAsLoops("an operand is a condition in some turns only")
        return kinds.pop()

    def _original(self, step: Step) -> str:
        """What a line computes; what a copy is a copy of."""
        while step.line.op == "copy" and step.temporaries:
            step = self.sources(step, step.temporaries[0])[0]
        return step.line.op


def places(base: int, strides: tuple[int, ...], counts: tuple[int, ...]) -> Array:
    """The values of an affine form in all turns of its loops."""
    out = np.asarray(base)
    for stride, count in zip(strides, counts, strict=True):
        out = np.add.outer(out, stride * np.arange(count))
    return out


def affine_of(numbers: Array) -> Affine | None:
    """The affine form that takes these values, with an axis for each loop; None if there is none."""
    base = int(numbers[(0,) * numbers.ndim])
    strides = []
    for k, count in enumerate(numbers.shape):
        second = tuple(1 if axis == k else 0 for axis in range(numbers.ndim))
        strides.append(int(numbers[second]) - base if count > 1 else 0)
    if not np.array_equal(places(base, tuple(strides), numbers.shape), numbers):
        return None
    return Affine(base, tuple(strides))


def _along(counts: tuple[int, ...], axis: int) -> Array:
    """Each turn's counter of one loop, with an axis for each loop."""
    shape = [1] * len(counts)
    shape[axis] = counts[axis]
    return np.broadcast_to(np.arange(counts[axis]).reshape(shape), counts)


def divisor(numbers: Iterator[int]) -> int:
    """The greatest common divisor; 1 if all are 0."""
    return functools.reduce(math.gcd, numbers, 0) or 1
