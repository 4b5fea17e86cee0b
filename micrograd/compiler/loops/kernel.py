"""Write a folded program's lines as LLVM loops, on lanes of rows.

A `Kernel` goes through the program from top to bottom. A result stays in a register while the loops around it are at
the same turn; a result that the next turn reads is a variable of the loop; all others are kept in memory, where
`Storage` says. A kernel is written twice: first as a rehearsal, which tells `Storage` what is read from memory.

Inside a loop that is jammed, each line is written for `copies` turns, one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

from micrograd.compiler.fold import Access, Affine, Line
from micrograd.compiler.loops.dots import Dot, Dots
from micrograd.compiler.loops.jam import carried, turns_at_once
from micrograd.compiler.loops.reads import Frame, Number, Reads
from micrograd.compiler.loops.shape import Nest, Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.loops.tiles import index
from micrograd.compiler.native.emit import Emitter, is_called
from micrograd.compiler.tape.tape import CONDITIONS

Values = Sequence[list[str] | None]  # a number for each copy, where it is known
UNROLLED = 24  # a loop of no more lines than this, over all its turns, is written without a loop


class Kernel(Reads):
    """Writes the lines whose numbers are `wanted`. `output` writes an output: that of an output step, or of a line that
    is `attached` to one. `keep` is told each result, and once more the last ones of a loop when it has ended. The sums
    of `dots` have been taken before.
    """

    wanted: set[int]
    registers: int
    attached: Collection[int]

    def __init__(
        self,
        e: Emitter,
        shape: Shape,
        storage: Storage,
        wanted: set[int],
        *,
        wide: int,
        registers: int,
        output: Callable[[Kernel, Step, list[str], int], None],
        attached: Collection[int] = (),
        keep: Callable[[Kernel, Step, list[str], int, bool], None] = lambda kernel, step, x, q, ended: None,
        dots: Dots | None = None,
        rehearsal: bool,
    ):
        super().__init__(e, shape, storage, wide=wide, rehearsal=rehearsal)
        self.dots = dots
        self.visited: set[int] = wanted | {dot.total.number for dot in dots.found.values()} if dots else wanted
        self.wanted, self.registers = wanted, registers
        self.output: Callable[[Kernel, Step, list[str], int], None] = output
        self.keep: Callable[[Kernel, Step, list[str], int, bool], None] = keep
        self.attached = attached

    def write(self) -> None:
        """Write the whole program, at the end of the emitter's lines."""
        self.frames = [Frame(None, 0, 1, self.e.lines)]
        self._body(self.shape.root)

    def _body(self, nest: Nest) -> None:
        for each in nest.body:
            if isinstance(each, Nest):
                if self.dots and each in self.dots.found:
                    self._dot(self.dots.found[each], self.dots.address(self.dots.found[each]))
                elif any(number in self.visited for number in range(each.first, each.end)):
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
            taken = self.dots.skipped if self.dots else ()
            jam = turns_at_once(self.shape, self.storage, nest, self.wanted, self.registers, taken=taken)
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

    def _dot(self, dot: Dot, form: Affine) -> None:
        """Instead of a loop: what its lines add to, and the sum that has been taken."""
        first = self._before(dot.total, 0)
        values: list[list[str] | None] = []
        for q in range(self.copies):
            before = self.temporary(first, dot.nests, q, False)
            at = self.pointer("%dots", form, q, self.rows_at_once)
            sums = [self.e.load_vector(at, v * self.e.lanes) for v in range(self.wide)]
            values.append([self.e.instruction("add", *pair) for pair in zip(before, sums)])
        self.frames[-1].numbers[dot.total.result.last_turn(dot.reduction.most)] = values
        self._ended(dot.total, values)

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
        lines = [step for step in carried(self.shape, nest, self.wanted) if self._starts(step, start)]
        before = []  # what the first turn reads of the turn before
        for step in lines:
            access = self._before(step, start)
            condition = step.line.op in CONDITIONS
            before.append([self.temporary(access, step.nests[:-1], q, condition) for q in range(outer.copies)])
        with self._loop(nest, start, end, jam) as frame:
            for step, given in zip(lines, before):
                own = step.result
                of = self.e.of("i1") if step.line.op in CONDITIONS else self.e.type
                names = [[frame.variable(of, x, own, q) for x in xs] for q, xs in enumerate(given)]
                frame.numbers[own.turn_before()] = [*names, *[None] * (jam - 1)]
            self._body(nest)
        for step in nest.steps:
            if isinstance(step.entry, Line) and step.number in self.wanted:
                values = frame.numbers[step.result]
                if nest.may_be_empty:
                    if step not in lines:  # its last result, if there is one, is read from memory
                        continue
                    values = self._either(frame, values, before[lines.index(step)], step)
                values = values[-1:] if jam > 1 else values
                outer.numbers[step.result.last_turn(end)] = values
                if end == nest.count:
                    self._ended(step, values)

    def _ended(self, step: Step, values: Values) -> None:
        """Keep the result of a loop's last turn, if memory has no other."""
        for q, x in enumerate(values):
            assert x is not None
            self.keep(self, step, x, q, True)
            if step.number in self.storage.after:
                self._store(step, x, self.storage.written(step), q)

    @staticmethod
    def _before(step: Step, start: int) -> Access:
        """Where a result is that the loop's first turn reads as that of the turn before."""
        place = step.result.last_turn(start)
        return Access("temporary", place.base, place.strides)

    def _starts(self, step: Step, start: int) -> bool:
        """Whether there is such a result in all turns of the loops around, even if the loop has no turns in some."""
        nest, around = step.nests[-1], step.nests[:-1]
        if not nest.may_be_empty:
            return True
        return self.shape.is_written(self._before(step, start), around[-1].counters)

    def _either(self, frame: Frame, last: Values, first: Values, step: Step) -> list[list[str] | None]:
        """A variable's value after a loop: that of the last turn, or what it started with if the loop has no turns."""
        of = self.e.of("i1") if step.line.op in CONDITIONS else self.e.type
        return [
            [self.e.let(f"phi {of} [{x}, {frame.before}], [{y}, {frame.after}]") for x, y in zip(xs, ys)]
            for xs, ys in zip(first, last)
            if xs and ys
        ]

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
        frame.before, frame.after = f"%{before}", f"%{self.e.label}"
        variables = []
        for k, (of, first, key, q) in enumerate(frame.variables):
            found = frame.numbers[key]
            last = found[-1] if jam > 1 else found[q]
            assert last is not None
            variables.append(f"  {name}.s{k} = phi {of} [{first}, %{before}], [{last[k % self.wide]}, %{self.e.label}]")
        enter = f"  br label %{inside}"
        if nest.may_be_empty:
            with self.inside(len(self.frames) - 1):
                enter = f"  br i1 {self.e.let(f'icmp sgt i64 {stop}, {start}')}, label %{inside}, label {name}.end"
        outer.lines += [
            enter,
            f"{inside}:",
            f"  {name} = phi i64 [{start}, %{before}], [{name}.next, %{self.e.label}]",
            *variables,
            *frame.lines,
        ]
        self.e.label = f"{name[1:]}.end"

    def _counted(self, form: Affine) -> str:
        """An affine form of the loops' counters, as a number of LLVM's."""
        return index(self.e, form, {k: self.frames[k + 1].counter for k, _ in enumerate(form.strides)}, 1)

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
        frame.numbers.setdefault(step.result, []).append(result)
        jammed = next((k for k, each in enumerate(self.frames) if each.copies > 1), 0)
        if q + 1 < self.copies and len(self.frames) - 1 == jammed:  # the next copy may add to this one
            before = step.result.turn_before()
            if before in frame.numbers:
                frame.numbers[before][q + 1] = result
        self.keep(self, step, result, q, False)
        if step.number in self.attached:
            self.output(self, step, result, q)
        if step.number in self.storage.stored and step.number not in self.storage.after:
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
