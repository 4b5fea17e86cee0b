"""Write the native loop over steps, and over the blocks of rows in each: `run(context)`, which Python calls.

`batch_module(batch)` gives the text of an LLVM module. Its `run` takes steps until it has done those asked for, has
used up its budget of blocks, or meets a number that is not finite, and says which; it shuffles the rows between epochs.

A pause keeps its place: `run(context)` again goes on in the midst of a step, and parameters change at the end of one.
All that the loop remembers is in the context.
"""

from __future__ import annotations

from micrograd.compiler.context import FINISHED, NOT_FINITE, PAUSED, SLOT, SLOTS, Batch
from micrograd.compiler.lanes import LaneWriter
from micrograd.compiler.shuffle import IR as SHUFFLE


def batch_module(batch: Batch) -> str:
    """The text of the module, for LLVM to compile."""
    writer = LaneWriter(batch)
    parts = [writer.uniform(), writer.reduce()]
    if writer.has_rows:
        parts.append(writer.block())
    if batch.update:
        parts += [writer.update(), SHUFFLE]
    if batch.indices:
        parts.append(writer.check())
    parts.append(_Loop(writer).text())
    return "\n".join([*sorted(writer.declared), *parts])


class _Loop:
    """Writes `run`. A step begins at `new`, goes through its blocks at `blocks`, and ends at `finish`."""

    def __init__(self, writer: LaneWriter):
        self.writer, self.batch, self.lanes = writer, writer.batch, writer.batch.lanes
        self.e = writer.emitter(1)
        self.sizes = f"i64 {8 * self.lanes * self.batch.padded(len(writer.outputs))}"  # bytes of all sums

    def text(self) -> str:
        self.e.lines.append("entry:")
        memories = ("parameters", "others", "shared", "sums", "tail", "gradients", "order", "shuffle")
        self.memory = {name: self.get(name, of="ptr") for name in memories}
        self.same = ", ".join(f"ptr {self.memory[name]}" for name in ("parameters", "others", "shared"))
        self.rows, self.size = self.get("rows"), self.get("batch")
        self.go("step")
        self.step()
        self.new()
        self.blocks()
        self.finish()
        self.next()
        return "\n".join(["define i64 @run(ptr noalias %context) {", *self.e.lines, "}", ""])

    # ------------------------------------------------------------ vocabulary

    def get(self, name: str, *, of: str = "i64") -> str:
        """A place of the context."""
        return self.e.load("%context", SLOT[name], of=of)

    def put(self, name: str, x: str, *, of: str = "i64") -> None:
        self.e.do(f"store {of} {x}, ptr {self.e.at('%context', SLOT[name])}")

    def label(self, name: str) -> None:
        self.e.lines.append(f"{name}:")

    def go(self, to: str) -> None:
        self.e.do(f"br label %{to}")

    def go_if(self, condition: str, yes: str, no: str) -> None:
        condition = self.e.let(f"icmp {condition}")
        self.e.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def give_back(self, status: int) -> None:
        self.e.do(f"ret i64 {status}")

    # ---------------------------------------------------------------- a step

    def step(self) -> None:
        """Where the step's rows are, and whether it is a new one or goes on after a pause."""
        let = self.e.let
        self.label("step")
        self.position = self.get("position")
        open_ = let(f"sub i64 {self.rows}, {self.position}")
        self.count = let(f"call i64 @llvm.smin.i64(i64 {open_}, i64 {self.size})")
        self.end = let(f"add i64 {self.position}, {self.count}")
        self.last = let(f"sub i64 {self.end}, 1")
        self.go_if(f"eq i64 {self.get('budget')}, 0", "pause", "on")
        self.label("pause")
        self.give_back(PAUSED)
        self.label("on")
        self.go_if(f"eq i64 {self.get('done')}, 0", "new", "blocks")

    def new(self) -> None:
        """Shuffle at the start of an epoch; compute what all rows share; sums are 0 again."""
        self.label("new")
        if self.batch.update:
            self.go_if(f"eq i64 {self.position}, 0", "epoch", "begin")
            self.label("epoch")
            self.go_if(f"eq ptr {self.memory['shuffle']}, null", "begin", "mix")
            self.label("mix")
            order = f"ptr {self.memory['order']}, i64 {self.rows}"
            self.e.do(f"call void @shuffle(ptr {self.memory['shuffle']}, {order})")
            self.go("begin")
            self.label("begin")
        self.e.do(f"call void @uniform({self.same})")
        self._clear("sums")
        rest = self.e.let(f"urem i64 {self.count}, {self.lanes}")
        self.go_if(f"eq i64 {rest}, 0", "blocks", "clear.tail")
        self.label("clear.tail")
        self._clear("tail")
        self.go("blocks")

    def _clear(self, name: str) -> None:
        self.e.do(f"call void @llvm.memset.p0.i64(ptr {self.memory[name]}, i8 0, {self.sizes}, i1 false)")

    def blocks(self) -> None:
        """As many rows as there are lanes at a time, each block from the budget."""
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
            after = let(f"add i64 {done}, {self.lanes}")
            self.put("done", after)
            whole = let(f"icmp sle i64 {after}, {self.count}")
            sums = let(f"select i1 {whole}, ptr {self.memory['sums']}, ptr {self.memory['tail']}")
            first = let(f"add i64 {self.position}, {done}")
            rows = f"ptr {self.memory['order']}, i64 {first}, i64 {self.last}"
            self.e.do(f"call void @block(ptr %context, {self.same}, ptr {sums}, {rows})")
        else:
            self.put("done", self.count)  # the result is the same for all rows
        self.go("blocks")

    def finish(self) -> None:
        """The means; and, if the module trains and all are finite, the loss is noted and the parameters change."""
        let, lanes = self.e.let, self.lanes
        self.label("finish")
        rest = let(f"urem i64 {self.count}, {lanes}")
        counts = "false"
        if lanes > 1:  # which lanes of the last block count
            of = f"<{lanes} x i64>"
            numbers = ", ".join(f"i64 {k}" for k in range(lanes))
            first = let(f"insertelement {of} poison, i64 {rest}, i32 0")
            each = let(f"shufflevector {of} {first}, {of} poison, <{lanes} x i32> zeroinitializer")
            counts = let(f"icmp ult {of} <{numbers}>, {each}")
        count = let(f"sitofp i64 {self.count} to double")
        scale = let(f"fdiv double {self.e.value(1.0)}, {count}")
        given = ", ".join(f"ptr {self.memory[name]}" for name in ("sums", "tail", "gradients"))
        mask = "i1" if lanes == 1 else f"<{lanes} x i1>"
        bad = let(f"call i1 @reduce({self.same}, {given}, {mask} {counts}, double {scale})")
        self.put("done", "0")
        if self.batch.update:
            self.e.do(f"br i1 {bad}, label %not.finite, label %update")
            self.label("not.finite")
            self.give_back(NOT_FINITE)
            self.label("update")
            self.update()
        self.go("next")

    def update(self) -> None:
        let = self.e.let
        values = len(self.writer.outputs) - 1
        loss = self.e.load(self.memory["gradients"], values)
        losses, rates = self.get("losses", of="ptr"), self.get("rates", of="ptr")
        self.e.do(f"store double {loss}, ptr {losses}")
        self.put("losses", self.e.at(losses, 1), of="ptr")
        rate = self.e.load(rates, 0)
        self.put("rates", self.e.at(rates, 1), of="ptr")
        taken = let(f"add i64 {self.get('taken')}, 1")
        self.put("taken", taken)
        step = let(f"sitofp i64 {taken} to double")
        arrays = [self.memory["parameters"], self.memory["gradients"]]
        arrays += [self.e.load("%context", len(SLOTS) + k, of="ptr") for k in range(self.batch.states)]
        given = ", ".join(f"ptr {x}" for x in arrays)
        self.e.do(f"call void @update({given}, double {rate}, double {step}, i64 {self.batch.padded(values)})")

    def next(self) -> None:
        """On to the next batch, which at the end of the rows is the first one again."""
        let = self.e.let
        self.label("next")
        at_end = let(f"icmp sge i64 {self.end}, {self.rows}")
        self.put("position", let(f"select i1 {at_end}, i64 0, i64 {self.end}"))
        left = let(f"sub i64 {self.get('steps')}, 1")
        self.put("steps", left)
        self.go_if(f"sle i64 {left}, 0", "finished", "step")
        self.label("finished")
        self.give_back(FINISHED)
