"""Find an operand where a kernel keeps it: in a register, in a variable of a loop, or in memory.

A number is a list of `wide` vectors, with one row in each lane. Rows are read from `%rows`, results from `%work` and
`%shared`, and an input that all rows share from the pointer that its space is named after. What does not change while
the function runs is loaded in the outermost loop that knows its address, and addresses are computed where their
counters are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from micrograd.compiler.fold import Access, Affine
from micrograd.compiler.loops.shape import Nest, Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.native.emit import Emitter, bits
from micrograd.compiler.tape.tape import CONDITIONS

Number = list[str] | float  # a vector for each of `wide`, or a constant


@dataclass
class Frame:
    """A loop while its body is written; the first frame is the function's body."""

    nest: Nest | None
    counter: str | int
    copies: int
    lines: list[str] = field(default_factory=list)
    numbers: dict[Affine, list[list[str] | None]] = field(default_factory=dict)  # by their places, for each copy
    loaded: dict[tuple[object, ...], list[str]] = field(default_factory=dict)
    pointers: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    variables: list[tuple[str, str, Affine, int]] = field(default_factory=list)
    before = after = ""  # the labels from which the end of the loop is reached, without turns and after the last

    def variable(self, of: str, first: str, place: Affine, q: int) -> str:
        """The name of a new variable of the loop, which starts as `first` and is then the result at `place`."""
        if isinstance(self.counter, int):  # a single turn
            return first
        self.variables.append((of, first, place, q))
        return f"{self.counter}.s{len(self.variables) - 1}"


class Reads:
    """The loops that are being written, as `frames`, and how to read in the innermost one."""

    e: Emitter
    shape: Shape
    storage: Storage
    wide: int
    rows_at_once: int

    def __init__(
        self,
        e: Emitter,
        shape: Shape,
        storage: Storage,
        *,
        wide: int,
        rehearsal: bool,
    ):
        self.e, self.shape, self.storage = e, shape, storage
        self.wide, self.rows_at_once = wide, wide * e.lanes
        self.rehearsal = rehearsal
        self.frames: list[Frame] = []

    def address(self, step: Step) -> Affine:
        """Where a line keeps its results in memory."""
        if self.rehearsal:
            return Affine(0, (0,) * len(step.nests))
        return self.storage.address(step, step.line.result)

    def operand(self, step: Step, access: Access, q: int) -> Number:
        """An operand of a step, for copy `q`."""
        if access.space == "constant":
            return float(access.base)
        if access.space == "counter":
            return self._counter(access, q)
        if access.space == "temporary":
            carries = self.storage.in_place.get(step.number)
            if carries is not None and access == carries[1]:
                return self._sum_so_far(step, carries[0], q)
            return self.temporary(access, step.nests, q, self.shape.is_condition(step, access))
        if access.space == "row":
            return self._loaded("%rows", access.place, q, self.rows_at_once, splat=False)
        return self._loaded(f"%{access.space}", access.place, q, 1, splat=True)

    def _counter(self, access: Access, q: int) -> list[str]:
        """A constant that changes from turn to turn."""
        e = self.e.scalars()
        steps: str | float = 0.0
        for k, stride in enumerate(access.strides):
            frame = self.frames[k + 1]
            counter = str(frame.counter)
            if k + 1 == self.jammed and q:
                counter = e.let(f"add i64 {counter}, {q}")
            if stride:
                term = e.let(f"fmul double {e.let(f'sitofp i64 {counter} to double')}, {bits(float(stride))}")
                steps = e.let(f"fadd double {e.value(steps)}, {term}")
        total = e.let(f"fadd double {bits(float(access.base))}, {e.value(steps)}")
        return [self.e.splat(total)] * self.wide

    def _sum_so_far(self, step: Step, axis: int, q: int) -> list[str]:
        """What a line adds to that keeps its sum in place."""
        if q and self.frames[axis + 1].copies > 1 and self.frames[axis].copies == 1:
            so_far = self.frames[-1].numbers[step.result][q - 1]
            assert so_far is not None
            return so_far
        form = self.address(step)
        return self._from_memory("%work" if step.number in self.storage.varies else "%shared", form, q, step)

    def _from_memory(self, name: str, form: Affine, q: int, step: Step) -> list[str]:
        at = self.pointer(name, form, q, self.rows_at_once)
        return [self._condition(self.e.load_vector(at, v * self.e.lanes), step) for v in range(self.wide)]

    def _condition(self, x: str, step: Step) -> str:
        if step.line.op in CONDITIONS:
            return self.e.let(f"fcmp une {self.e.type} {x}, {self.e.value(0.0)}")
        return x

    def temporary(self, access: Access, nests: tuple[Nest, ...], q: int, is_condition: bool) -> list[str]:
        """A result, from a register where it is in one. `nests` are the loops that the access counts."""
        depth = len(nests)
        for place in access.place.outwards():
            frame = self.frames[len(place.strides)]
            hit = frame.numbers.get(place)
            if hit is not None:
                found = hit[q] if frame.copies > 1 else hit[0]
                assert found is not None
                return found
        self.storage.ask_in(nests, access)
        shared = self.storage.is_shared(nests, access)
        form = Affine(0, (0,) * depth) if self.rehearsal else self.storage.address_in(nests, access)
        if not shared:
            at = self.pointer("%work", form, q, self.rows_at_once)
            found = [self.e.load_vector(at, v * self.e.lanes) for v in range(self.wide)]
        else:
            found = (
                self._loaded("%shared", form, q, 1, splat=True)
                if self.e.lanes > 1 or self.wide > 1
                else [self.e.load_vector(self.pointer("%shared", form, q, 1), 0)]
            )
        if is_condition:
            found = [self.e.let(f"fcmp une {self.e.type} {x}, {self.e.value(0.0)}") for x in found]
        return found

    def _loaded(self, name: str, form: Affine, q: int, scale: int, *, splat: bool) -> list[str]:
        """What does not change while the function runs: loaded once, in the outermost loop that knows its address."""
        deepest = max((k + 1 for k, stride in enumerate(form.strides) if stride), default=0)
        empty = (k for k, each in enumerate(self.frames) if each.nest is not None and each.nest.may_be_empty)
        deepest = max(deepest, *empty, 0)  # outside a loop that may have no turns, there may be nothing at the address
        frame = self.frames[deepest]
        copy = q if frame.copies > 1 and form.strides[self.jammed - 1] else 0
        key = name, form.base, form.strides[:deepest], copy
        if key not in frame.loaded:
            with self.inside(deepest):
                at = self.pointer(name, form, q, scale)
                if splat:
                    frame.loaded[key] = [self.e.splat(self.e.load(at, 0))] * self.wide
                else:
                    frame.loaded[key] = [self.e.load_vector(at, v * self.e.lanes) for v in range(self.wide)]
        return frame.loaded[key]

    @property
    def jammed(self) -> int:
        """The number of the first frame with copies; 0 if there is none."""
        return next((k for k, each in enumerate(self.frames) if each.copies > 1), 0)

    def inside(self, k: int) -> Lines:
        return Lines(self.e, self.frames[k].lines)

    def pointer(self, name: str, form: Affine, q: int, scale: int) -> str:
        """The address of `name[scale * form]`, for copy `q`."""
        strides = tuple(stride * scale for stride in form.strides)
        index = form.base * scale
        jammed = self.jammed
        for k, stride in enumerate(strides):
            if k + 1 == jammed:
                index += stride * q
            counter = self.frames[k + 1].counter
            if isinstance(counter, int):
                index += stride * counter
        return self.e.at(self._moving(name, strides), index)

    def _moving(self, name: str, strides: tuple[int, ...]) -> str:
        """The part of an address that changes with the loops' counters, computed in the outermost loop that can."""
        while strides and (not strides[-1] or isinstance(self.frames[len(strides)].counter, int)):
            strides = strides[:-1]
        if not strides:
            return name
        frame = self.frames[len(strides)]
        if (name, strides) not in frame.pointers:
            base = self._moving(name, strides[:-1])
            with self.inside(len(strides)):
                offset = self.e.let(f"mul i64 {frame.counter}, {strides[-1]}") if strides[-1] != 1 else frame.counter
                frame.pointers[name, strides] = self.e.at(base, str(offset))
        return frame.pointers[name, strides]


class Lines:
    """`with Lines(e, lines):` what the emitter writes goes there."""

    e: Emitter
    lines: list[str]
    before: list[str]

    def __init__(self, e: Emitter, lines: list[str]):
        self.e, self.lines = e, lines

    def __enter__(self) -> None:
        self.before, self.e.lines = self.e.lines, self.lines

    def __exit__(self, *_: object) -> None:
        self.e.lines = self.before
