"""Write a folded program's lines as LLVM loops, on lanes of rows.

A `Kernel` goes through the program from top to bottom. A result stays in a register while the loops around it are at
the same turn; a result that the next turn reads is a variable of the loop; all others are kept in memory, where
`Storage` says. A kernel is written twice: first as a rehearsal, which tells `Storage` what is read from memory.

Inside a loop that is jammed, each line is written for `copies` turns, one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator

from micrograd.compiler.fold import Access, Affine, Line
from micrograd.compiler.loops.jam import carried, turns_at_once
from micrograd.compiler.loops.reads import Frame, Number, Reads
from micrograd.compiler.loops.shape import Nest, Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.native.emit import Emitter, is_called
from micrograd.compiler.tape.tape import CONDITIONS

UNROLLED = 24  # a loop of no more lines than this, over all its turns, is written without a loop


class Kernel(Reads):
    """Writes the lines whose numbers are `wanted`. `output` writes an output: that of an output step, or of a line that
    is `attached` to one. `keep` is told each result.
    """

    def __init__(
        self,
        e: Emitter,
        shape: Shape,
        storage: Storage,
        wanted: Collection[int],
        *,
        wide: int,
        registers: int,
        output: Callable[[Kernel, Step, list[str], int], None],
        attached: Collection[int] = (),
        keep: Callable[[Kernel, Step, list[str], int], None] = lambda kernel, step, x, q: None,
        rehearsal: bool,
    ):
        super().__init__(e, shape, storage, wide=wide, rehearsal=rehearsal)
        self.wanted, self.registers = wanted, registers
        self.output, self.attached, self.keep = output, attached, keep

    def write(self) -> None:
        """Write the whole program, at the end of the emitter's lines."""
        self.frames = [Frame(None, 0, 1, self.e.lines)]
        self._body(self.shape.root)

    def _body(self, nest: Nest) -> None:
        for each in nest.body:
            if isinstance(each, Nest):
                if any(number in self.wanted for number in range(each.first, each.end)):
                    self._nest(each)
            elif each.number in self.wanted:
                self._step(each)

    # ----------------------------------------------------------------- loops

    @property
    def copies(self) -> int:
        return self.frames[-1].copies

    def _nest(self, nest: Nest) -> None:
        self._start_in_place(nest)
        jam = 1
        if self.copies == 1:
            jam = turns_at_once(self.shape, self.storage, nest, self.wanted, self.registers)
        if not isinstance(nest.count, int):
            self._turns(nest, 0, nest.count, 1)
            return
        if jam == 1 and not nest.nests and nest.count * len(nest.body) <= UNROLLED:
            for turn in range(nest.count):
                self._turns(nest, turn, turn + 1, 1)
            return
        whole = nest.count // jam * jam
        self._turns(nest, 0, whole, jam)
        if whole < nest.count:
            self._turns(nest, whole, nest.count, nest.count - whole)

    def _start_in_place(self, nest: Nest) -> None:
        """Before a loop that adds to sums in memory: set them to what the first turn adds to."""
        for step in self.shape.steps[nest.first : nest.end]:
            axis, access = self.storage.in_place.get(step.number, (-1, None))
            if axis != nest.depth or step.number not in self.wanted or step.nests[axis] is not nest:
                continue
            assert access is not None
            fixed = Access("temporary", access.base, access.strides[:axis] + access.strides[axis + 1 :])
            self._copy(step, fixed, axis, step.nests[axis + 1 :], step.nests[:axis])

    def _copy(self, step: Step, access: Access, axis: int, rest: tuple[Nest, ...], around: tuple[Nest, ...]) -> None:
        """Copy an access to the line's sums: loops over `rest`, inside those `around`."""
        if rest:
            with self._loop(rest[0], 0, rest[0].most, 1):
                self._copy(step, access, axis, rest[1:], (*around, rest[0]))
            return
        for q in range(self.copies):
            x = self.temporary(access, around, q, step.line.op in CONDITIONS)
            self._store(step, x, self._cell(step, axis), q)

    def _cell(self, step: Step, axis: int) -> Affine:
        """The address of a sum that is kept in place, in the counters of the loops without the one that carries it."""
        if self.rehearsal:
            self.storage.stored.add(step.number)
            return Affine(0, (0,) * (len(step.nests) - 1))
        form = self.storage.address(step, step.line.result)
        return Affine(form.base, form.strides[:axis] + form.strides[axis + 1 :])

    def _turns(self, nest: Nest, start: int, end: int | Affine, jam: int) -> None:
        """The turns from `start` to `end`, `jam` at once; then the last turn's results stay at hand."""
        outer = self.frames[-1]
        lines = carried(self.shape, nest, self.wanted)
        before = []  # what the first turn reads of the turn before
        for step in lines:
            own = step.result
            access = Access("temporary", own.base + (start - 1) * own.strides[nest.depth], own.strides[:-1])
            condition = step.line.op in CONDITIONS
            before.append([self.temporary(access, step.nests[:-1], q, condition) for q in range(outer.copies)])
        with self._loop(nest, start, end, jam) as frame:
            for step, given in zip(lines, before):
                own = step.result
                of = self.e.of("i1") if step.line.op in CONDITIONS else self.e.type
                names = [[frame.variable(of, x, (own.base, own.strides), q) for x in xs] for q, xs in enumerate(given)]
                key = own.base - own.strides[nest.depth], own.strides
                frame.numbers[key] = [*names, *[None] * (jam - 1)]
            self._body(nest)
        for step in nest.steps:
            if isinstance(step.entry, Line) and step.number in self.wanted:
                own = step.result
                values = frame.numbers[own.base, own.strides]
                stride, last = own.strides[-1], end if isinstance(end, Affine) else Affine(end, (0,) * nest.depth)
                strides = tuple(x + stride * y for x, y in zip(own.strides, last.strides))
                outer.numbers[own.base + (last.base - 1) * stride, strides] = values[-1:] if jam > 1 else values

    @contextlib.contextmanager
    def _loop(self, nest: Nest, start: int, end: int | Affine, jam: int) -> Iterator[Frame]:
        """A loop around what is written inside; without a loop in LLVM if it has a single turn."""
        outer = self.frames[-1]
        single = isinstance(end, int) and end - start == jam
        name = f"%{self.e.new('l')}"
        frame = Frame(nest, start if single else name, outer.copies * jam, outer.lines if single else [])
        before, inside = self.e.label, f"{name[1:]}.loop"
        if not single:
            self.e.label = inside
        stop = end if isinstance(end, int) else self._counted(end)
        self.frames.append(frame)
        with self.inside(len(self.frames) - 1):
            yield frame
            if not single:
                self.e.lines += [
                    f"  {name}.next = add nuw nsw i64 {name}, {jam}",
                    f"  {name}.more = icmp ult i64 {name}.next, {stop}",
                    f"  br i1 {name}.more, label %{inside}, label {name}.end",
                    f"{name[1:]}.end:",
                ]
        self.frames.pop()
        if single:
            return
        variables = []
        for k, (of, first, key, q) in enumerate(frame.variables):
            found = frame.numbers[key]
            last = found[-1] if jam > 1 else found[q]
            assert last is not None
            variables.append(f"  {name}.s{k} = phi {of} [{first}, %{before}], [{last[k % self.wide]}, %{self.e.label}]")
        outer.lines += [
            f"  br label %{inside}",
            f"{inside}:",
            f"  {name} = phi i64 [{start}, %{before}], [{name}.next, %{self.e.label}]",
            *variables,
            *frame.lines,
        ]
        self.e.label = f"{name[1:]}.end"

    def _counted(self, form: Affine) -> str:
        """An affine form of the loops' counters, as a number of LLVM's."""
        total = str(form.base)
        for stride, frame in zip(form.strides, self.frames[1:]):
            if stride:
                total = self.e.let(f"add i64 {total}, {self.e.let(f'mul i64 {frame.counter}, {stride}')}")
        return total

    # ----------------------------------------------------------------- lines

    def _step(self, step: Step) -> None:
        for q in range(self.copies):
            if isinstance(step.entry, Line):
                self._line(step, q)
            else:
                x = self.operand(step, step.output.value, q)
                self.output(self, step, [self.e.value(x)] * self.wide if isinstance(x, float) else x, q)

    def _line(self, step: Step, q: int) -> None:
        line, e = step.line, self.e
        given = [self.operand(step, access, q) for access in line.operands]
        result = self._once(step, given) if step.number in self.shape.joined and is_called(line.op) else []
        by_number = line.op == "where" and not self.shape.is_condition(step, line.operands[0])
        for v in range(len(result), self.wide):
            each = [x if isinstance(x, float) else x[v] for x in given]
            if line.op == "copy":
                result.append(e.value(each[0]))
            else:
                fuses = not self._adds_products(step)
                result.append(e.instruction(line.op, *each, condition_is_number=by_number, fuses=fuses))
        frame = self.frames[-1]
        own = step.result
        frame.numbers.setdefault((own.base, own.strides), []).append(result)
        jammed = next((k for k, each in enumerate(self.frames) if each.copies > 1), 0)
        if q + 1 < self.copies and len(self.frames) - 1 == jammed:  # the next copy may add to this one
            key = own.base - own.strides[-1], own.strides
            if key in frame.numbers:
                frame.numbers[key][q + 1] = result
        self.keep(self, step, result, q)
        if step.number in self.attached:
            self.output(self, step, result, q)
        if step.number in self.storage.stored:
            axis, _ = self.storage.in_place.get(step.number, (-1, None))
            if axis + 1 == jammed > 0 and q + 1 < self.copies:
                return  # only the last copy has the sum
            self._store(step, result, self.address(step), q)

    def _once(self, step: Step, given: list[Number]) -> list[str]:
        """What a function gives for all rows alike: it is called once, as it is elsewhere for such numbers."""
        one = self.e.scalars()
        numbers: list[str | float] = []
        for x in given:
            if isinstance(x, float) or self.e.lanes == 1:
                numbers.append(x if isinstance(x, float) else x[0])
            else:
                numbers.append(one.let(f"extractelement {self.e.type} {x[0]}, i32 0"))
        return [self.e.splat(one.instruction(step.line.op, *numbers))] * self.wide

    def _adds_products(self, step: Step) -> bool:
        """Whether a line always adds or subtracts two products: see `emit.is_sum_of_products`."""
        line = step.line
        return line.op in ("add", "sub") and all(
            x.space == "temporary" and all(source.line.op == "mul" for source in self.shape.sources(step, x))
            for x in line.operands
        )

    def _store(self, step: Step, x: list[str], form: Affine, q: int) -> None:
        """Keep a result in memory. What all rows share is kept once."""
        if step.line.op in CONDITIONS:
            x = [self.e.let(f"uitofp {self.e.of('i1')} {each} to {self.e.type}") for each in dict.fromkeys(x)]
        name = "%work" if step.number in self.storage.varies else "%shared"
        at = self.pointer(name, form, q, self.rows_at_once)
        for v in range(self.wide):
            self.e.store(x[v % len(x)], at, v * self.e.lanes)
