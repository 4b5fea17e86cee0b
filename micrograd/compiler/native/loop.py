"""Write the native loop over steps, and over the blocks of rows in each: `run(context)`, which Python calls.

`module_text(LaneWriter(spec))` gives the text of an LLVM module. Its `run` takes steps until it has taken as many as
asked for, has used up its budget of blocks, or meets a number that is not finite; it returns which. It shuffles the
rows at the start of each epoch.

After a pause, calling `run(context)` again goes on where it stopped, even within a step; parameters change only at the
end of a step. The loop keeps all its state in the context.
"""

from __future__ import annotations

import math

from micrograd.compiler.native.context import BAD_INDEX, FINISHED, NOT_FINITE, PAUSED
from micrograd.compiler.native.lanes import LaneWriter
from micrograd.compiler.native.shuffle import SHUFFLE
from micrograd.compiler.native.update import UpdateWriter
from micrograd.compiler.tape.plan import rule_plan


def module_text(writer: LaneWriter) -> str:
    """The text of the module, for LLVM to compile."""
    spec = writer.spec
    parts = [writer.uniform(), writer.reduce()]
    if writer.needs_tail or spec.is_single:
        parts.append(writer.tail())
    if writer.has_rows:
        parts.append(writer.block())
    if spec.update:
        update = UpdateWriter(spec, spec.update, writer.declared)
        parts += [update.ahead(), writer.norm() or update.norm(), update.update(), SHUFFLE]
    if spec.indices:
        parts.append(writer.check())
    parts.append(_Loop(writer).text())
    return "\n".join([spec.layout.llvm_type(), *sorted(writer.declared), *parts])


class _Loop:
    """Writes `run`. A step begins at the label `new`, computes its blocks at `blocks`, and ends at `finish`."""

    def __init__(self, writer: LaneWriter):
        self.writer, self.spec, self.lanes = writer, writer.spec, writer.spec.lanes
        self.e = writer.emitter(1)

    def text(self) -> str:
        self.e.lines.append("entry:")
        names = ("parameters", "others", "shared", "sums", "tail", "gradients", "order", "generator", "ahead", "rates")
        self.memory = {name: self.get(name) for name in names}
        self.same = self.pointers("parameters", "others", "shared")
        self.rows, self.size = self.get("rows"), self.get("batch")
        self.begin()
        self.step()
        self.new()
        self.blocks()
        self.finish()
        self.next()
        return "\n".join(["define i64 @run(ptr noalias %context) {", *self.e.lines, "}", ""])

    # ------------------------------------------------------------ vocabulary

    def get(self, name: str) -> str:
        """A field of the context."""
        return self.spec.layout.get(self.e, name)

    def put(self, name: str, x: str | int) -> None:
        self.spec.layout.put(self.e, name, x)

    def pointers(self, *names: str) -> str:
        """Arguments for a call."""
        return ", ".join(f"ptr {self.memory[name]}" for name in names)

    def label(self, name: str) -> None:
        self.e.lines.append(f"{name}:")

    def go(self, to: str) -> None:
        self.e.do(f"br label %{to}")

    def go_if(self, condition: str, yes: str, no: str) -> None:
        condition = self.e.let(f"icmp {condition}")
        self.e.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def give_back(self, status: int) -> None:
        self.e.do(f"ret i64 {status}")

    # -------------------------------------------------------- before a call's steps

    def begin(self) -> None:
        """Do what Python asks for: start at the first row, and take new steps; if it asks for neither, go on."""
        self.put("budget", self.get("allowance"))
        self.go_if(f"eq i64 {self.get('restart')}, 0", "same.rows", "first.row")
        self.label("first.row")
        self.put("position", 0)
        self.check()
        self.put("restart", 0)
        self.go("same.rows")
        self.label("same.rows")
        asked = self.get("asked")
        self.go_if(f"eq i64 {asked}, 0", "step", "ask")
        self.label("ask")
        for name, x in (("steps", asked), ("asked", "0"), ("done", "0"), ("number", "0")):
            self.put(name, x)
        if self.spec.update and rule_plan(self.spec.update).shared:  # the part that depends only on the step
            self.e.do(f"call void @ahead({self.pointers('ahead', 'rates')}, i64 {self.get('taken')}, i64 {asked})")
        self.go("step")

    def check(self) -> None:
        """Check that indices are in range. If one is not, `position` is its row."""
        if not self.spec.indices:
            return
        row = self.e.let("call i64 @check(ptr %context)")
        self.go_if(f"eq i64 {row}, -1", "checked", "wrong.index")
        self.label("wrong.index")
        self.put("position", row)
        self.give_back(BAD_INDEX)
        self.label("checked")

    # ---------------------------------------------------------------- a step

    def step(self) -> None:
        """Find the step's rows, and whether the step is new or goes on after a pause."""
        let = self.e.let
        self.label("step")
        self.position = self.get("position")
        open_ = let(f"sub i64 {self.rows}, {self.position}")
        self.count = let(f"call i64 @llvm.smin.i64(i64 {open_}, i64 {self.size})")
        self.rest = let(f"urem i64 {self.count}, {self.writer.rows_at_once}")
        self.end = let(f"add i64 {self.position}, {self.count}")
        self.last = let(f"sub i64 {self.end}, 1")
        self.go_if(f"eq i64 {self.get('budget')}, 0", "pause", "on")
        self.label("pause")
        self.give_back(PAUSED)
        self.label("on")
        self.go_if(f"eq i64 {self.get('done')}, 0", "new", "blocks")

    def new(self) -> None:
        """Shuffle at the start of an epoch, compute what all rows share, and set the sums to 0."""
        self.label("new")
        if self.spec.update:
            self.go_if(f"eq i64 {self.position}, 0", "epoch", "start")
            self.label("epoch")
            self.go_if(f"eq ptr {self.memory['generator']}, null", "start", "mix")
            self.label("mix")
            draw = self.get("draw")
            self.e.do(f"call void @shuffle(ptr {draw}, {self.pointers('generator', 'order')}, i64 {self.rows})")
            self.go("start")
            self.label("start")
        if self.writer.has_uniform:
            self.e.do(f"call void @uniform({self.same})")
        if not self.writer.clears or not self.writer.has_rows:
            self.go("blocks")
            return
        self._clear(self.writer.sums)
        if not self.writer.needs_tail:
            self.go("blocks")
            return
        self.go_if(f"eq i64 {self.rest}, 0", "blocks", "clear.tail")
        self.label("clear.tail")
        self._clear("tail")
        self.go("blocks")

    def _clear(self, name: str) -> None:
        size = 8 * self.writer.sum_words
        self.e.do(f"call void @llvm.memset.p0.i64({self.pointers(name)}, i8 0, i64 {size}, i1 false)")

    def blocks(self) -> None:
        """Compute the step's rows, one block at a time; each block takes 1 from the budget."""
        let = self.e.let
        self.label("blocks")
        done = self.get("done")
        self.go_if(f"slt i64 {done}, {self.count}", "afford", "finish")
        self.label("afford")
        budget = self.get("budget")
        self.go_if(f"eq i64 {budget}, 0", "pause", "block")
        self.label("block")
        self.put("budget", let(f"sub i64 {budget}, 1"))
        if self.writer.has_rows:
            after = let(f"add i64 {done}, {self.writer.rows_at_once}")
            self.put("done", after)
            sums = self.memory[self.writer.sums]
            if not self.spec.is_single and self.writer.needs_tail:
                whole = let(f"icmp sle i64 {after}, {self.count}")
                sums = let(f"select i1 {whole}, ptr {sums}, ptr {self.memory['tail']}")
            first = let(f"add i64 {self.position}, {done}")
            rows = f"{self.pointers('order')}, i64 {first}, i64 {self.last}"
            self.e.do(f"call void @block(ptr %context, {self.same}, ptr {sums}, {rows})")
        else:
            self.put("done", self.count)  # nothing depends on the rows
        self.go("blocks")

    def finish(self) -> None:
        """Compute the means; if the module trains and all are finite, note the loss and update the parameters."""
        let, lanes = self.e.let, self.lanes
        self.label("finish")
        if self.writer.needs_tail and self.writer.has_rows:
            self.go_if(f"eq i64 {self.rest}, 0", "reduce", "leave.out")
            self.label("leave.out")
            of = f"<{lanes} x i64>"
            numbers = ", ".join(f"i64 {k}" for k in range(lanes))
            first = let(f"insertelement {of} poison, i64 {self.rest}, i32 0")
            each = let(f"shufflevector {of} {first}, {of} poison, <{lanes} x i32> zeroinitializer")
            counts = let(f"icmp ult {of} <{numbers}>, {each}")
            self.e.do(f"call void @tail({self.pointers('sums', 'tail')}, <{lanes} x i1> {counts})")
        self.go("reduce")
        self.label("reduce")
        count = let(f"sitofp i64 {self.count} to double")
        scale = let(f"fdiv double {self.e.value(1.0)}, {count}")
        bad = let(f"call i1 @reduce({self.same}, {self.pointers('sums', 'gradients')}, double {scale})")
        self.put("done", 0)
        if self.spec.update:
            self.e.do(f"br i1 {bad}, label %not.finite, label %update")
            self.label("not.finite")
            self.give_back(NOT_FINITE)
            self.label("update")
            self.update()
        self.go("next")

    def update(self) -> None:
        let = self.e.let
        number = self.get("number")
        norm = let(f"call double @norm({self.pointers('gradients')}, i64 {self.spec.gradients})")
        if self.spec.scale and not all(isinstance(x, float) for x in self.spec.scale.outputs.values()):
            too_large = let(f"fcmp oeq double {norm}, {self.e.value(math.inf)}")  # finite gradients can overflow it
            self.e.do(f"br i1 {too_large}, label %not.finite, label %move")
            self.label("move")
        loss = self.e.load(self.memory["gradients"], self.spec.gradients)
        self.e.store(loss, self.get("losses"), number, of="double")
        self.e.store(norm, self.get("norms"), number, of="double")
        rate = let(f"load double, ptr {self.e.at(self.memory['rates'], number)}")
        taken = let(f"add i64 {self.get('taken')}, 1")
        self.put("taken", taken)
        step = let(f"sitofp i64 {taken} to double")
        states = [self.get(f"state{k}") for k in range(self.spec.states)]
        given = [self.memory["parameters"], self.memory["gradients"], *states]
        given.append(self.e.at(self.memory["ahead"], number))
        arrays = ", ".join(f"ptr {x}" for x in given)
        numbers = f"double {rate}, double {step}, double {norm}, i64 {self.spec.gradients}"
        self.e.do(f"call void @update({arrays}, {numbers})")

    def next(self) -> None:
        """Go on to the next batch; after the last row, start at the first row again."""
        let = self.e.let
        self.label("next")
        at_end = let(f"icmp sge i64 {self.end}, {self.rows}")
        self.put("position", let(f"select i1 {at_end}, i64 0, i64 {self.end}"))
        number = let(f"add i64 {self.get('number')}, 1")
        self.put("number", number)
        self.go_if(f"sge i64 {number}, {self.get('steps')}", "finished", "step")
        self.label("finished")
        self.give_back(FINISHED)
