"""Write the native functions that work on rows from a folded program: `block` and its neighbours as loops.

The functions are those of `LaneWriter`, with the same names and arguments, so that everything around them is the same.
Several vectors of rows are computed at once. Results are added to one sum for each output, not for each lane, so there
is nothing to do for a tail; with `exact`, sums are added up in the order of straight-line code.
"""

from __future__ import annotations

from micrograd.compiler.fold import Affine, Line, Output
from micrograd.compiler.loops.kernel import Kernel
from micrograd.compiler.loops.shape import NotAsLoops, Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.lanes import LaneWriter, not_finite, row_start, function
from micrograd.compiler.native.spec import READ, ModuleSpec


class LoopedLanes(LaneWriter):
    """Writes the functions of one module from `spec.folded`. `words` is the size of its work memory, in doubles."""

    def __init__(self, spec: ModuleSpec):
        super().__init__(spec)
        assert spec.folded is not None
        self.shape = Shape(spec.folded)
        self.storage = Storage(self.shape)
        self.varying = self.shape.varies
        self.has_rows = bool(self.varying)
        self.rows_at_once = spec.lanes * spec.wide
        self.last = len(spec.tape.outputs) - 1
        if not spec.exact:
            self.needs_tail, self.sum_words = False, spec.sums
        self.uniform_lines = {step.number for step in self.shape.lines} - self.varying
        self.uniform_outputs = {step.number for step in self.shape.outputs} - self.varying
        self._rehearse()
        self.words = self.rows_at_once * (sum(spec.widths) + self.storage.words)

    @property
    def has_uniform(self) -> bool:
        return bool(self.uniform_lines)

    @property
    def shared_words(self) -> int:
        return self.storage.shared_words

    def _rehearse(self) -> None:
        for write in (self.uniform, self.block, self.reduce):
            write(rehearsal=True)
        self.storage.lay_out()

    # --------------------------------------------------------------- kernels

    def _kernel(self, e: Emitter, wanted: set[int], wide: int, *, rehearsal: bool, output: object = None) -> None:
        Kernel(
            e,
            self.shape,
            self.storage,
            wanted,
            wide=wide,
            registers=self._registers(wide),
            shared_input=self._shared_input,
            output=output or self._add_up,  # type: ignore[arg-type]
            rehearsal=rehearsal,
        ).write()

    def _registers(self, wide: int) -> int:
        """How many sums of `wide` vectors fit the registers, beside what is added to them."""
        return max(1, (self.spec.machine.registers - wide - 3) // wide)

    def _shared_input(self, form: Affine, counts: tuple[int, ...]) -> tuple[str, Affine]:
        """Where an input that all rows share is in memory."""
        others = self.spec.others_from
        reach = [stride * (count - 1) for stride, count in zip(form.strides, counts)]
        least, most = form.base + sum(min(0, x) for x in reach), form.base + sum(max(0, x) for x in reach)
        if least < others <= most:
            raise NotAsLoops("an access goes from the parameters on to other numbers")
        if least < others:
            return "%parameters", form
        return "%others", Affine(form.base - others, form.strides)

    def uniform(self, *, rehearsal: bool = False) -> str:
        """Compute what all rows share."""
        e = self.emitter(1)
        self._kernel(e, self.uniform_lines, 1, rehearsal=rehearsal)
        return function("void @uniform(ptr noalias %parameters, ptr noalias %others, ptr noalias %shared)", e)

    # ----------------------------------------------------------------- block

    def block(self, *, rehearsal: bool = False) -> str:
        """Compute the program on the rows from %first on, as many as are taken at once, but none beyond %last."""
        e = self.emitter(self.spec.lanes)
        e._label = "entry"
        e.lines.append("entry:")
        work = self.spec.layout.get(e, "work")
        e.do(f"%rows = getelementptr inbounds double, ptr {work}, i64 0")
        e.do(f"%work = getelementptr inbounds double, ptr {work}, i64 {sum(self.spec.widths) * self.rows_at_once}")
        self._load_rows(e)
        if not self.spec.exact:
            self._masks(e)
        self._kernel(e, self.varying, self.spec.wide, rehearsal=rehearsal)
        return function(
            "void @block(ptr noalias %context, ptr noalias %parameters, ptr noalias %others, ptr noalias %shared, "
            "ptr noalias %sums, ptr noalias %order, i64 %first, i64 %last)",
            e,
        )

    def _load_rows(self, e: Emitter) -> None:
        """Copy the rows to memory: of each place in a row, all rows side by side."""
        one = e.scalars()
        before = 0
        for array, (kind, width) in enumerate(zip(self.spec.types, self.spec.widths)):
            base, stride = self.array(e, array)
            of, convert = READ[kind]
            for v in range(self.spec.wide if width else 0):
                starts = [self._row(e, v * e.lanes + lane, base, stride) for lane in range(e.lanes)]
                with e.loop(f"fill{array}.{v}", width) as place:
                    offset = e.let(f"mul i64 {place}, {kind[1]}")
                    out = "poison"
                    for lane, start in enumerate(starts):
                        at = e.let(f"getelementptr i8, ptr {start}, i64 {offset}")
                        number = e.let(f"load {of}, ptr {at}, align 1")
                        number = e.let(f"{convert} {of} {number} to double") if convert else number
                        if e.lanes == 1:
                            out = number
                        else:
                            out = e.let(f"insertelement {e.type} {out}, double {number}, i32 {lane}")
                    index = one.let(f"mul i64 {place}, {self.rows_at_once}")
                    index = one.let(f"add i64 {index}, {before * self.rows_at_once + v * e.lanes}")
                    e.store(out, "%rows", index)
            before += width

    def _row(self, e: Emitter, number: int, base: str, stride: str) -> str:
        """The address of a row of the block in an array; beyond the last, the last row's."""
        i = e.let(f"add i64 %first, {number}")
        i = e.let(f"call i64 @llvm.smin.i64(i64 {i}, i64 %last)")
        return row_start(e, base, stride, e.let(f"load i64, ptr {e.at('%order', i)}"))

    def _masks(self, e: Emitter) -> None:
        """%counts0, %counts1, ...: which lanes hold a row."""
        lanes = e.lanes
        left = e.let("sub i64 %last, %first")
        for v in range(self.spec.wide):
            if lanes == 1:
                e.do(f"%counts{v} = icmp ule i64 {v}, {left}")
                continue
            of = f"<{lanes} x i64>"
            first = e.let(f"insertelement {of} poison, i64 {left}, i32 0")
            each = e.let(f"shufflevector {of} {first}, {of} poison, <{lanes} x i32> zeroinitializer")
            numbers = ", ".join(f"i64 {v * lanes + lane}" for lane in range(lanes))
            e.do(f"%counts{v} = icmp ule {of} <{numbers}>, {each}")

    def _add_up(self, kernel: Kernel, step: Step, q: int) -> None:
        """Add an output's numbers to its sum."""
        assert isinstance(step.entry, Output)
        x = kernel.operand(step, step.entry.value, q)
        e = kernel.e
        vectors = [e.value(x) if isinstance(x, float) else x[v] for v in range(kernel.wide)]
        form = self._place(step)
        if self.spec.exact:
            at = kernel.pointer("%sums", form, q, e.lanes)
            total = vectors[0]
            if not self.spec.is_single:
                total = e.instruction("add", e.load_vector(at, 0), total)
            e.store(total, at, 0)
            return
        kept = [
            e.let(f"select {e.of('i1')} %counts{v}, {e.type} {each}, {e.type} {e.value(0.0)}")
            for v, each in enumerate(vectors)
        ]
        total = kept[0]
        for each in kept[1:]:
            total = e.let(f"fadd {e.type} {total}, {each}")
        at = kernel.pointer("%sums", form, q, 1)
        so_far = e.load(at, 0)
        if e.lanes > 1:
            name = f"llvm.vector.reduce.fadd.v{e.lanes}f64"
            e.declared.add(f"declare double @{name}(double, {e.type})")
            total = e.let(f"call reassoc double @{name}(double {so_far}, {e.type} {total})")
        else:
            total = e.let(f"fadd double {so_far}, {total}")
        e.store(total, at, 0, of="double")

    def _place(self, step: Step) -> Affine:
        """An output's place among the sums."""
        number = step.entry.number  # type: ignore[union-attr]
        if not step.nests:
            return Affine(self.spec.place(number.base))
        if (self.shape.places(step, number) == self.last).any():
            raise NotAsLoops("the value is an output of a loop")
        return number

    # ---------------------------------------------------------------- reduce

    def reduce(self, *, rehearsal: bool = False) -> str:
        """Compute each output's mean over the rows from the sums; return whether one is not finite."""
        lanes = self.spec.lanes if self.spec.exact else self.spec.machine.lanes_in_loops
        e = self.emitter(lanes)
        e._label = "entry"
        e.lines.append("entry:")
        truth = e.of("i1")
        with e.loop("g", self.spec.sums, by=lanes) as g:
            e.store(self.mean(e, g), "%gradients", g)
        one = e.scalars()
        one._label = e._label
        self._kernel(one, self.uniform_outputs, 1, rehearsal=rehearsal, output=self._write_mean)
        e._label = one._label
        with e.loop("c", self.spec.sums, by=lanes, carry=f"{truth} %bad = zeroinitializer") as g:
            e.do(f"%bad.next = or {truth} %bad, {not_finite(e, e.load_vector('%gradients', g))}")
        bad = "%bad.next"
        if lanes > 1:
            bad = one.let(f"icmp ne i{lanes} {one.let(f'bitcast {truth} %bad.next to i{lanes}')}, 0")
        e.do(f"ret i1 {bad}")
        same = "ptr noalias %parameters, ptr noalias %others, ptr noalias %shared"
        head = f"i1 @reduce({same}, ptr noalias %sums, ptr noalias %gradients, double %scale)"
        return function(head, e, returns=False)

    def mean(self, e: Emitter, g: str) -> str:
        if self.spec.exact:
            return super().mean(e, g)
        return e.let(f"fmul {e.type} {e.load_vector('%sums', g)}, {e.splat('%scale')}")

    def _write_mean(self, kernel: Kernel, step: Step, q: int) -> None:
        """The mean of an output that all rows share is its number."""
        assert isinstance(step.entry, Output)
        x = kernel.operand(step, step.entry.value, q)
        number = kernel.e.value(x) if isinstance(x, float) else x[0]
        kernel.e.store(number, kernel.pointer("%gradients", self._place(step), q, 1), 0, of="double")
