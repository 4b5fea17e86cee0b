"""Write how several threads share a step: blocks of rows first, then the sums of products, place by place.

    chunk       the rows that are kept at once: the main thread's part of the work, and waiting for the others
    help        what a helping thread runs: it waits for a phase, does its part, and says that it has
    rows_of     a worker's part of the blocks of rows
    sums_of     a worker's part of the sums

Which thread computes what changes no result: each block adds up its outputs by itself, the blocks' sums are added in
their order, and each sum of products is taken by one thread. A thread that waits looks again and again, and lets other
threads run between: a phase takes some microseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from micrograd.compiler.loops.shape import Step
from micrograd.compiler.loops.tiles import index, loop
from micrograd.compiler.native.emit import Emitter, bits
from micrograd.compiler.native.lanes import function

PATIENCE = 200  # looks before another thread may run


class Workers:
    """Writes these functions for the `block` of a `LoopedLanes`."""

    writer: Any
    spec: Any

    def __init__(self, writer: Any):
        self.writer, self.spec = writer, writer.spec
        self.layout: Any = writer.spec.layout

    def text(self) -> str:
        return self._chunk() + self._help() + self._rows_of() + self._sums_of() + self._gather()

    def _emitter(self) -> Emitter:
        e = self.writer.emitter(1)
        e.begin("entry")
        return e

    def _at(self, e: Emitter, name: str) -> str:
        return self.layout.at(e, name)

    def _wait(self, e: Emitter, name: str, field: str, until: str) -> None:
        """Look at a field of the context until `until`, a comparison of %seen, holds."""
        at = self._at(e, field)
        others = "SwitchToThread" if e.machine.is_windows else "sched_yield"
        e.lines += [
            f"  br label %{name}",
            f"{name}:",
            f"  %{name}.looks = phi i64 [0, %{e.label}], [%{name}.more, %{name}.again]",
            f"  %{name}.seen = load atomic i64, ptr {at} acquire, align 8",
            f"  %{name}.more = add i64 %{name}.looks, 1",
            f"  %{name}.holds = icmp {until.replace('%seen', f'%{name}.seen')}",
            f"  br i1 %{name}.holds, label %{name}.end, label %{name}.look",
            f"{name}.look:",
            f"  %{name}.rest = urem i64 %{name}.more, {PATIENCE}",
            f"  %{name}.tired = icmp eq i64 %{name}.rest, 0",
            f"  br i1 %{name}.tired, label %{name}.yield, label %{name}.again",
            f"{name}.yield:",
            f"  call i32 @{others}()",
            f"  br label %{name}.again",
            f"{name}.again:",
            f"  br label %{name}",
        ]
        e.begin(f"{name}.end")
        e.declared.add(f"declare i32 @{others}()")

    def _chunk(self) -> str:
        e = self._emitter()
        self.layout.put(e, "first", "%first")
        self.layout.put(e, "last", "%last")
        others = e.let(f"sub i64 {self.layout.get(e, 'workers')}, 1")
        for name in ("rows", "sums"):
            self.layout.put(e, "arrived", 0)
            phase = e.let(f"add i64 {self.layout.get(e, 'phase')}, 1")
            e.do(f"store atomic i64 {phase}, ptr {self._at(e, 'phase')} release, align 8")
            e.do(f"call void @{name}_of(ptr %context, i64 0)")
            self._wait(e, f"{name}.done", "arrived", f"eq i64 %seen, {others}")
        head = "void @chunk(ptr %context, ptr %parameters, ptr %others, ptr %shared, ptr %sums, ptr %order, "
        return function(head + "i64 %first, i64 %last)", e)

    def _help(self) -> str:
        """A helper's number is how many came before it. It returns when the phase is below 0."""
        e = self._emitter()
        joined = e.let(f"atomicrmw add ptr {self._at(e, 'joined')}, i64 1 seq_cst")
        number = e.let(f"add i64 {joined}, 1")
        before = e.label
        e.do("br label %next")
        e.begin("next")
        e.do(f"%phase = phi i64 [0, %{before}], [%waits.seen, %part.end]")
        self._wait(e, "waits", "phase", "ne i64 %seen, %phase")
        e.lines += [
            "  %stops = icmp slt i64 %waits.seen, 0",
            "  br i1 %stops, label %stop, label %part",
            "stop:",
            "  ret i64 0",
            "part:",
            "  %odd = trunc i64 %waits.seen to i1",
            "  br i1 %odd, label %on.rows, label %on.sums",
            "on.rows:",
            f"  call void @rows_of(ptr %context, i64 {number})",
            "  br label %part.end",
            "on.sums:",
            f"  call void @sums_of(ptr %context, i64 {number})",
            "  br label %part.end",
            "part.end:",
        ]
        e.let(f"atomicrmw add ptr {self._at(e, 'arrived')}, i64 1 seq_cst")
        e.do("br label %next")
        return "\n".join(["define i64 @help(ptr %context) {", *e.lines, "}", ""])

    def _rows_of(self) -> str:
        """Every `workers`-th block of rows."""
        e, at_once = self._emitter(), self.writer.rows_at_once
        names = ("parameters", "others", "shared", "order")
        parameters, others, shared, order = (self.layout.get(e, name) for name in names)
        first, last, workers = (self.layout.get(e, name) for name in ("first", "last", "workers"))
        left = e.let(f"sub i64 {last}, {first}")
        count = e.let(f"call i64 @llvm.smin.i64(i64 {left}, i64 {self.spec.kept - 1})")
        blocks = e.let(f"add i64 {e.let(f'udiv i64 {count}, {at_once}')}, 1")
        e.lines += [
            "  br label %look",
            "look:",
            "  %part = phi i64 [%worker, %entry], [%part.next, %do]",
            f"  %more = icmp ult i64 %part, {blocks}",
            "  br i1 %more, label %do, label %end",
            "do:",
        ]
        start = e.let(f"add i64 {first}, {e.let(f'mul i64 %part, {at_once}')}")
        given = f"ptr %context, ptr {parameters}, ptr {others}, ptr {shared}, ptr null, ptr {order}"
        e.do(f"call void @block({given}, i64 {start}, i64 {last}, i64 %part, i64 %worker)")
        e.do(f"%part.next = add i64 %part, {workers}")
        e.lines += ["  br label %look", "end:"]
        return function("void @rows_of(ptr %context, i64 %worker)", e)

    def _sums_of(self) -> str:
        """The worker's places of the products; the first worker also adds up the blocks' sums."""
        e = self._emitter()
        first, last, workers, position = (self.layout.get(e, name) for name in ("first", "last", "workers", "position"))
        sums = self.layout.get(e, "gradients")
        parts = self.writer.memory.pointers(e)
        left = e.let(f"sub i64 {last}, {first}")
        count = e.let(f"call i64 @llvm.smin.i64(i64 {left}, i64 {self.spec.kept - 1})")
        count = e.let(f"add i64 {count}, 1")
        fresh = e.let(f"icmp eq i64 {first}, {position}")
        rows = e.let(f"sub i64 {e.let(f'add i64 {last}, 1')}, {position}")
        scale = e.let(f"fdiv double {bits(1.0)}, {e.let(f'sitofp i64 {rows} to double')}")
        if self.writer.products.found:
            given = f"ptr {parts['left']}, ptr {parts['right']}, ptr {parts['starts']}, ptr {sums}"
            settings = f"i64 {count}, i1 {fresh}, double {scale}, i64 %worker, i64 {workers}"
            e.do(f"call void @products({given}, {settings})")
        blocks = e.let(
            f"udiv i64 {e.let(f'add i64 {count}, {self.writer.rows_at_once - 1}')}, {self.writer.rows_at_once}"
        )
        e.do(f"br i1 {e.let('icmp eq i64 %worker, 0')}, label %first, label %return")
        e.begin("first")
        e.do(f"call void @gather(ptr {parts['parts']}, ptr {sums}, i64 {blocks}, i1 {fresh}, double {scale})")
        e.do("br label %return")
        e.begin("return")
        return function("void @sums_of(ptr %context, i64 %worker)", e)

    def _gather(self) -> str:
        """Add up the blocks' sums of all outputs that are not products."""
        e = self._emitter()
        for step in self._outputs():
            form = self.writer.place(step)
            if not all(isinstance(nest.count, int) for nest in step.nests):  # then place by place
                for number in self.writer.shape.places(step, form).tolist():
                    self._add(e, str(number))
                continue
            with contextlib.ExitStack() as loops:
                counters = [loops.enter_context(loop(e, 0, nest.most, 1)) for nest in step.nests]
                self._add(e, index(e, form, dict(enumerate(counters)), 1))
        head = "void @gather(ptr noalias %parts, ptr noalias %sums, i64 %blocks, i1 %fresh, double %scale)"
        return function(head, e)

    def _outputs(self) -> Iterable[Step]:
        writer = self.writer
        for step in writer.shape.lines:
            if step.number in writer.shape.attached and step.number not in writer.products.found:
                yield step
        yield from (step for step in writer.shape.loose if step.number in writer.varying)

    def _add(self, e: Emitter, index: str) -> None:
        at = e.at("%sums", index)
        first = e.let(f"select i1 %fresh, double {bits(0.0)}, double {e.load(at, 0)}")
        name = e.new("g")
        total = f"%{name}.sum"
        with e.loop(name, "%blocks", carry=[("double", total, first)]) as block:
            place = e.let(f"add i64 {e.let(f'mul i64 {block}, {self.spec.sums}')}, {index}")
            part = e.let(f"fmul double {e.load(e.at('%parts', place), 0)}, %scale")
            e.do(f"{total}.next = fadd double {total}, {part}")
        e.store(f"{total}.next", at, 0, of="double")
