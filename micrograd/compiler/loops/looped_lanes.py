"""Write the native functions that work on rows from a folded program: `block` and its neighbours as loops.

The functions are those of `LaneWriter`, with the same names and arguments, so that everything around them is the same;
only with threads, which `workers` lets call `block`, it takes two more: the number of its part, and of the thread.
Several vectors of rows are computed at once. Results are added to one sum for each output, not for each lane, so there
is nothing to do for a tail; with `exact`, sums are added up in the order of straight-line code.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from micrograd.compiler.fold import Affine, Line
from micrograd.compiler.loops.dots import Dots, DotWriter
from micrograd.compiler.loops.kernel import Kernel
from micrograd.compiler.loops.products import Products
from micrograd.compiler.loops.rowloads import RowLoader
from micrograd.compiler.loops.rowsums import RowSums
from micrograd.compiler.loops.shape import Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.loops.work_memory import WorkMemory
from micrograd.compiler.loops.workers import Workers
from micrograd.compiler.native.emit import Emitter, bits, is_called
from micrograd.compiler.native.lanes import LaneWriter, function, not_finite
from micrograd.compiler.native.spec import ModuleSpec
from micrograd.errors import NotAsLoops
from micrograd.extras import Lazy

np: Lazy = Lazy("numpy", extra="jit")
CHAINS = 4  # independent sums, so that an addition need not wait for the one before


class LoopedLanes(LaneWriter):
    """Writes the functions of one module from `spec.folded`."""

    sums: str
    rehearsal: bool

    def __init__(self, spec: ModuleSpec):
        super().__init__(spec)
        assert spec.folded is not None
        self.shape: Shape = Shape(spec.folded)
        self.storage: Storage = Storage(self.shape)
        self.varying: set[int] = self.shape.varies
        self.has_rows: bool = bool(self.varying)
        self.rows_at_once: int = spec.lanes * spec.wide
        self.last: int = len(spec.tape.outputs) - 1
        if not spec.exact:
            self.needs_tail, self.clears, self.sums = False, False, "gradients"
        self.uniform_lines: set[int] = {step.number for step in self.shape.lines} - self.varying
        self.uniform_outputs: set[int] = {step.number for step in self.shape.outputs} - self.varying
        self.products: Products = Products(self.shape, spec.widths, sums=not spec.exact)
        if spec.exact:
            self._check_means()
        self.has_threads: bool = spec.threads > 1
        self.call, self.rows_a_call = "chunk" if self.has_threads else "block", self.rows_at_once
        self.keep(spec.kept)
        self.loose: set[int] = {step.number for step in self.shape.loose}
        wanted = {n for n in self.varying - self.products.skipped if isinstance(self.shape.steps[n].entry, Line)}
        self.wanted: set[int] = wanted | (self.varying & self.loose)
        self.dots: Dots = Dots(self.shape, spec.widths, () if spec.exact else self.wanted)
        self.wanted -= self.dots.skipped
        self.rehearsal = True
        self._rehearse()
        self.rehearsal = False

    def keep(self, rows: int) -> None:
        """Keep the factors of products for so many rows."""
        self.spec: ModuleSpec = dataclasses.replace(self.spec, kept=rows)
        if self.has_threads:
            self.rows_a_call: int = rows

    @property
    def memory(self) -> WorkMemory:
        """The work memory, for what is known now: a rehearsal and `keep` change its layout."""
        return WorkMemory(self.spec, self.storage, self.dots, self.products)

    @property
    def words(self) -> int:
        return self.memory.words

    @property
    def has_uniform(self) -> bool:
        return bool(self.uniform_lines)

    @property
    def shared_words(self) -> int:
        return self.storage.shared_words

    def _check_means(self) -> None:
        """The mean of a number that all rows share is that number to the bit: it may not be summed over the rows."""
        same = [k for k, x in enumerate(self.outputs) if not self.plan.differs_by_row(x)]
        joined = self.shape.joined
        for step in self.shape.lines:
            if is_called(step.line.op) and any(
                source.number in joined for x in step.temporaries for source in self.shape.sources(step, x)
            ):
                raise NotAsLoops(f"`{step.entry}` reads a number that all rows share in some turns, not in others")
        for step in self.shape.outputs:
            if step.number in self.varying and np.isin(self.shape.places(step, step.output.number), same).any():
                raise NotAsLoops(f"`{step.entry}` is the same for all rows, but computed in a loop with what is not")

    def _rehearse(self) -> None:
        for write in (self.uniform, self.block, self.reduce):
            write(rehearsal=True)
        self.storage.lay_out()

    # --------------------------------------------------------------- kernels

    def _kernel(
        self,
        e: Emitter,
        wanted: set[int],
        wide: int,
        *,
        rehearsal: bool,
        output: Callable[[Kernel, Step, list[str], int], None] | None = None,
        dots: Dots | None = None,
    ) -> None:
        Kernel(
            e,
            self.shape,
            self.storage,
            wanted,
            wide=wide,
            registers=self._registers(wide),
            output=output or self._add_up,
            attached=self.shape.attached,
            keep=self._keep,
            dots=dots,
            rehearsal=rehearsal,
        ).write()

    def _registers(self, wide: int) -> int:
        """How many sums of `wide` vectors fit the registers, beside what is added to them."""
        return max(1, (self.spec.machine.registers - wide - 3) // wide)

    def uniform(self, *, rehearsal: bool = False) -> str:
        """Compute what all rows share."""
        e = self.emitter(1)
        self._kernel(e, self.uniform_lines, 1, rehearsal=rehearsal)
        return function("void @uniform(ptr noalias %parameters, ptr noalias %others, ptr noalias %shared)", e)

    # ----------------------------------------------------------------- block

    def block(self, *, rehearsal: bool = False) -> str:
        """Compute the program on the rows from %first on, as many as are taken at once, but none beyond %last."""
        e = self.emitter(self.spec.lanes)
        e.begin("entry")
        self.memory.enter(e)
        if self.has_threads:
            e.do(f"%slot = mul i64 %part, {self.rows_at_once}")
            own = e.let(f"mul i64 %part, {self.spec.sums}")
            e.do(f"%sums = getelementptr inbounds double, ptr %parts.all, i64 {own}")
        elif not self.spec.exact:
            before = e.let(f"sub i64 {self.spec.layout.get(e, 'done')}, {self.rows_at_once}")
            e.do(f"%slot = urem i64 {before}, {self.spec.kept}")
            e.do(f"%fresh = icmp eq i64 {before}, 0")
            count = e.let(f"sub i64 {e.let('add i64 %last, 1')}, {self.spec.layout.get(e, 'position')}")
            e.do(f"%scale = fdiv double {bits(1.0)}, {e.let(f'sitofp i64 {count} to double')}")
        if not self.spec.exact:
            self.memory.go_to_slot(e)
        kept = 0 if self.spec.exact else self.spec.kept
        RowLoader(self, e, at_once=self.rows_at_once, kept=kept, copied=self.memory.copied, needed=self._needed).write()
        if not self.spec.exact:
            self._masks(e)
        if self.dots.found:
            left = e.let("sub i64 %last, %first")
            rows = e.let(f"call i64 @llvm.smin.i64(i64 {left}, i64 {self.rows_at_once - 1})")
            given = "ptr %parameters, ptr %others, ptr %starts, ptr %dots"
            e.do(f"call void @dots({given}, i64 {e.let(f'add i64 {rows}, 1')})")
        self._kernel(e, self.wanted, self.spec.wide, rehearsal=rehearsal, dots=self.dots)
        if not self.spec.exact and self.products.found and not self.has_threads:
            left = e.let("sub i64 %last, %first")
            rows = e.let(f"call i64 @llvm.smin.i64(i64 {left}, i64 {self.rows_at_once - 1})")
            count = e.let(f"add i64 {e.let('add i64 %slot, 1')}, {rows}")
            full = e.let(f"icmp eq i64 {count}, {self.spec.kept}")
            final = e.let(f"icmp ult i64 {left}, {self.rows_at_once}")
            e.do(f"br i1 {e.let(f'or i1 {full}, {final}')}, label %sum, label %return")
            e.lines.append("sum:")
            fresh = e.let(f"icmp ult i64 {before}, {self.spec.kept}")
            given = "ptr %left.all, ptr %right.all, ptr %starts.all, ptr %sums"
            e.do(f"call void @products({given}, i64 {count}, i1 {fresh}, double %scale)")
            e.do("br label %return")
            e.lines.append("return:")
        more = ", i64 %part, i64 %worker" if self.has_threads else ""
        sums = "ptr %nothing" if self.has_threads else "ptr noalias %sums"
        text = function(
            "void @block(ptr noalias %context, ptr noalias %parameters, ptr noalias %others, ptr noalias %shared, "
            f"{sums}, ptr noalias %order, i64 %first, i64 %last{more})",
            e,
        )
        if self.spec.exact or rehearsal:
            return text
        if self.dots.found:
            text += DotWriter(self.spec, self.dots, self.emitter(1), rows=self.rows_at_once).text()
        return text + self._products() + (Workers(self).text() if self.has_threads else "")

    @property
    def _needed(self) -> set[int]:
        """The places of a row that loops over lanes read."""
        steps = [self.shape.steps[k] for k in self.wanted]
        read = [self.shape.places(step, x) for step in steps for x in step.operands if x.space == "row"]
        return set(np.concatenate(read).tolist()) if read else set()

    def _products(self) -> str:
        """Sum the products over %count rows."""
        e = self.emitter(1)
        e.begin("entry")
        RowSums(self.spec, self.products, e).write()
        given = "ptr noalias %left, ptr noalias %right, ptr %starts, ptr noalias %sums"
        more = ", i64 %worker, i64 %workers" if self.has_threads else ""
        head = f"void @products({given}, i64 %count, i1 %fresh, double %scale{more})"
        return function(head, e)

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

    def _add_up(self, kernel: Kernel, step: Step, vectors: list[str], q: int) -> None:
        """Add an output's numbers to its sum."""
        if step.number in self.products.found:
            return
        e = kernel.e
        form = self.place(step)
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
        before = "" if self.has_threads else e.let(f"select i1 %fresh, double {bits(0.0)}, double {e.load(at, 0)}")
        total = e.sum_of_lanes(total)
        if self.has_threads:  # `gather` adds up what the blocks have stored
            e.store(total, at, 0, of="double")
            return
        total = e.let(f"fmul double {total}, %scale")  # each rounded by itself, as where threads add up
        e.store(e.let(f"fadd double {before}, {total}"), at, 0, of="double")

    def place(self, step: Step) -> Affine:
        """An output's place among the sums: its number, until `reduce` moves the value behind the padding."""
        return self.shape.attached[step.number] if isinstance(step.entry, Line) else step.output.number

    def _keep(self, kernel: Kernel, step: Step, x: list[str], q: int, ended: bool) -> None:
        """Keep the factors of products for all rows: left factors row by row, right ones place by place."""
        if self.rehearsal:
            return
        e, left, right = kernel.e, self.products.left, self.products.right
        if step.number in left.stored and (step.number in left.after) == ended:
            at = kernel.pointer("%left", left.written(step), q, self.spec.kept)
            for v, each in enumerate(x):
                e.store(each, at, v * e.lanes)
        if step.number in right.stored and (step.number in right.after) == ended:
            at = kernel.pointer("%right", right.written(step), q, 1)
            for v, each in enumerate(x):
                for lane in range(e.lanes):
                    one = e.let(f"extractelement {e.type} {each}, i32 {lane}") if e.lanes > 1 else each
                    e.store(one, at, (v * e.lanes + lane) * right.words, of="double")

    # ---------------------------------------------------------------- reduce

    def reduce(self, *, rehearsal: bool = False) -> str:
        """Finish the means over the rows; return whether one is not finite."""
        e = self.emitter(self.spec.lanes if self.spec.exact else self.spec.machine.lanes)
        e.begin("entry")
        if self.spec.exact:
            with e.loop("g", self.spec.sums, by=e.lanes) as g:
                e.store(self.mean(e, g), "%gradients", g)
        one = e.scalars()
        self._kernel(one, self.uniform_outputs, 1, rehearsal=rehearsal, output=self._write_mean)
        if self.last < self.spec.gradients:  # until now the value was the last of the outputs
            one.store(one.load("%gradients", self.last), "%gradients", self.spec.gradients, of="double")
            one.store(bits(0.0), "%gradients", self.last, of="double")
        if not self.spec.exact:
            self._squares(e, one)
        bad = not_finite(one, one.load("%gradients", self.spec.gradients))
        if self.spec.gradients:
            truth = e.of("i1")
            start = "false" if e.lanes == 1 else "zeroinitializer"
            with e.loop("c", self.spec.gradients, by=e.lanes, carry=[(truth, "%bad", start)]) as g:
                e.do(f"%bad.next = or {truth} %bad, {not_finite(e, e.load_vector('%gradients', g))}")
            each = "%bad.next"
            if e.lanes > 1:
                each = one.let(f"icmp ne i{e.lanes} {one.let(f'bitcast {truth} %bad.next to i{e.lanes}')}, 0")
            bad = one.let(f"or i1 {bad}, {each}")
        e.do(f"ret i1 {bad}")
        same = "ptr noalias %parameters, ptr noalias %others, ptr noalias %shared"
        head = f"i1 @reduce({same}, ptr noalias %sums, ptr noalias %gradients, double %scale)"
        return function(head, e, returns=False)

    def _squares(self, e: Emitter, one: Emitter) -> None:
        """Store the norm of the gradients after the value, and return if all are finite.

        If the sum of the squares is finite, so are all gradients. Otherwise it may only have overflowed.
        """
        sums = [e.value(0.0)]
        start = 0
        for chains in (CHAINS, 1):
            end = start + (self.spec.gradients - start) // (chains * e.lanes) * (chains * e.lanes)
            if start == end:
                continue
            inside, before, name = f"squares{chains}", e.label, f"%at{chains}"
            e.lines += [
                f"  br label %{inside}",
                f"{inside}:",
                f"  {name} = phi i64 [{start}, %{before}], [{name}.next, %{inside}]",
            ]
            sums += [e.value(0.0)] * (chains - len(sums))
            for k in range(chains):
                e.do(f"{name}.s{k} = phi {e.type} [{sums[k]}, %{before}], [{name}.n{k}, %{inside}]")
            at = e.at("%gradients", name)
            for k in range(chains):
                x = e.load_vector(at, k * e.lanes)
                square = e.let(f"fmul contract {e.type} {x}, {x}")
                e.do(f"{name}.n{k} = fadd contract {e.type} {name}.s{k}, {square}")
                sums[k] = f"{name}.n{k}"
            e.do(f"{name}.next = add i64 {name}, {chains * e.lanes}")
            e.do(f"{name}.more = icmp ult i64 {name}.next, {end}")
            e.do(f"br i1 {name}.more, label %{inside}, label %{inside}.end")
            e.begin(f"{inside}.end")
            start = end
        total = functools.reduce(lambda x, y: e.instruction("add", x, y), sums)
        if e.lanes > 1:
            parts = [one.let(f"extractelement {e.type} {total}, i32 {k}") for k in range(e.lanes)]
            total = functools.reduce(lambda x, y: one.instruction("add", x, y), parts)
        norm = self.spec.gradients + 1
        one.store(one.instruction("sqrt", total), "%gradients", norm, of="double")
        everything = one.instruction("add", total, one.load("%gradients", self.spec.gradients))
        e.do(f"br i1 {not_finite(one, everything)}, label %look, label %fine")
        e.lines += ["fine:", "  ret i1 false"]
        e.begin("look")

    def norm(self) -> str | None:
        if self.spec.exact:
            return None
        e = self.emitter(1)
        e.do(f"ret double {e.load('%gradients', self.spec.gradients + 1)}")
        return function("double @norm(ptr noalias %gradients, i64 %count)", e, returns=False)

    def _write_mean(self, kernel: Kernel, step: Step, x: list[str], q: int) -> None:
        """The mean of an output that all rows share is its number."""
        kernel.e.store(x[0], kernel.pointer("%gradients", self.place(step), q, 1), 0, of="double")
