"""Write the native functions that work on rows, one row in each vector lane.

    uniform    computes what is the same for all rows, once a step
    block      computes the tape on one row for each lane, and adds each output to its vector of sums
    check      checks that indices are in range
    tail       adds the last block's results, only for lanes that hold a row
    reduce     turns each vector of sums into the mean over the rows, and checks that all are finite

The last rows of a batch may not fill the lanes. Lanes without a row then compute the last row again, into separate
sums; `tail` adds only the lanes that hold real rows, so `block` needs no masks. If a batch is a single block, its
results are the sums: nothing is cleared before and nothing is added up.
"""

from __future__ import annotations

from typing import Any

from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.spec import READ, ModuleSpec, Source
from micrograd.compiler.tape.tape import is_condition


class LaneWriter:
    """Writes the functions of one module; `declared` holds declarations of the outside functions that they call."""

    spec: ModuleSpec
    rows_a_call: int
    call: str

    def __init__(self, spec: ModuleSpec):
        self.spec, self.tape, self.plan = spec, spec.tape, spec.plan
        self.outputs: list[Any] = list(spec.tape.outputs.values())
        self.declared: set[str] = {
            "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
            "declare i32 @llvm.ctlz.i32(i32, i1)",
            "declare i64 @llvm.smin.i64(i64, i64)",
        }
        self.rows_at_once: int = spec.lanes
        self.rows_a_call, self.call = self.rows_at_once, "block"
        self.needs_tail: bool = spec.lanes > 1  # whether the last block's lanes without a row must be left out
        self.sums = "sums"  # the memory that `block` adds to
        self.sum_words: int = spec.lanes * spec.sums
        self.clears: bool = not spec.is_single  # whether the sums are set to 0 before a step
        self.has_rows: bool = bool(self.plan.each_row) or any(map(self.plan.differs_by_row, self.outputs))

    @property
    def words(self) -> int:
        """The size of the work memory, in doubles."""
        return 0

    @property
    def has_uniform(self) -> bool:
        """Whether there is something to compute that all rows share."""
        return bool(self.plan.once)

    @property
    def shared_words(self) -> int:
        """The size of the memory for it."""
        return len(self.plan.shared)

    def norm(self) -> str | None:
        """The function `norm`, if `reduce` computes what it returns; None if it is the update's own."""
        return None

    def emitter(self, lanes: int) -> Emitter:
        return Emitter(self.spec.machine, lanes=lanes, declared=self.declared, exact=self.spec.exact)

    def source(self, position: int) -> Source:
        return self.spec.sources[self.tape.code[position][1]]

    def _fetch_same(self, e: Emitter, position: int) -> str:
        """A number that all rows share, from memory: loading it again is cheaper than keeping it in a register."""
        if self.tape.code[position][0] == "input":
            source = self.source(position)
            return e.splat(e.load(f"%{source.memory}", source.place))
        number = e.splat(e.load("%shared", self.plan.shared[position]))
        if is_condition(self.tape, position):
            return e.let(f"fcmp une {e.type} {number}, {e.value(0.0)}")
        return number

    def uniform(self) -> str:
        """Compute what all rows share, and store what `block` and `reduce` need."""
        e = self.emitter(1)

        def keep(position: int, name: str) -> None:
            if position in self.plan.shared:
                if is_condition(self.tape, position):
                    name = e.let(f"uitofp i1 {name} to double")
                e.do(f"store double {name}, ptr {e.at('%shared', self.plan.shared[position])}")

        e.code(self.tape, self.plan.once, lambda position: self._fetch_same(e, position), keep)
        return function("void @uniform(ptr noalias %parameters, ptr noalias %others, ptr noalias %shared)", e)

    def block(self) -> str:
        """Compute the tape on the rows from %first on, one in each lane, but none beyond %last."""
        e = self.emitter(self.spec.lanes)
        rows = _RowsInLanes(self, e)

        def fetch(position: int) -> str:
            return rows.number(position) if self.plan.varies[position] else self._fetch_same(e, position)

        wanted: dict[int, list[int]] = {}
        for number, x in enumerate(self.outputs):
            if isinstance(x, int) and self.plan.varies[x]:
                wanted.setdefault(x, []).append(number)

        def add_up(position: int, name: str) -> None:
            for number in wanted.pop(position, ()):
                at, total = self.spec.place(number) * self.spec.lanes, name
                if not self.spec.is_single:
                    total = e.instruction("add", e.load_vector("%sums", at), name)
                e.store(total, "%sums", at)

        e.code(self.tape, self.plan.each_row, fetch, add_up)
        for position in list(wanted):  # outputs that are inputs
            add_up(position, fetch(position))
        return function(
            "void @block(ptr noalias %context, ptr noalias %parameters, ptr noalias %others, ptr noalias %shared, "
            "ptr noalias %sums, ptr noalias %order, i64 %first, i64 %last)",
            e,
        )

    def array(self, e: Emitter, number: int) -> tuple[str, str]:
        """The address of an array, and its stride: the bytes from one row to the next."""
        layout = self.spec.layout
        return layout.get(e, f"array{number}"), layout.get(e, f"stride{number}")

    def element(self, e: Emitter, source: Source, start: str) -> str:
        """One number of the row that starts at an address, as a double."""
        kind = self.spec.types[source.array]
        of, convert = READ[kind]
        if source.place:
            start = e.let(f"getelementptr i8, ptr {start}, i64 {source.place * int(kind[1])}")
        one = e.let(f"load {of}, ptr {start}, align 1")
        return e.let(f"{convert} {of} {one} to double") if convert else one

    def check(self) -> str:
        """Return the first row with an index out of range, or -1."""
        e = self.emitter(1)
        arrays = {source.array: self.array(e, source.array) for source, _ in self.spec.indices}
        rows = self.spec.layout.get(e, "rows")
        with e.loop("row", rows, carry=[("i64", "%wrong", "-1")]) as row:
            found = e.let("icmp ne i64 %wrong, -1")
            inside = "true"
            for source, count in self.spec.indices:
                number = self.element(e, source, row_start(e, *arrays[source.array], row))
                for holds in (f"oge double {number}, {e.value(0.0)}", f"olt double {number}, {e.value(float(count))}"):
                    inside = e.let(f"and i1 {inside}, {e.let(f'fcmp {holds}')}")
            keep = e.let(f"or i1 {found}, {inside}")
            e.do(f"%wrong.next = select i1 {keep}, i64 %wrong, i64 {row}")
        e.do("ret i64 %wrong.next")
        return function("i64 @check(ptr noalias %context)", e, returns=False)

    def tail(self) -> str:
        """Add the results of the last block to the sums, only for lanes that hold a row."""
        lanes = self.spec.lanes
        e = self.emitter(lanes)
        with e.loop("at", lanes * self.spec.sums, by=lanes) as at:
            sums = e.load_vector("%sums" if self.spec.is_single else "%rest", at)
            sums = e.let(f"select {e.of('i1')} %counts, {e.type} {sums}, {e.type} {e.value(0.0)}")
            if not self.spec.is_single:
                sums = e.let(f"fadd {e.type} {e.load_vector('%sums', at)}, {sums}")
            e.store(sums, "%sums", at)
        return function(f"void @tail(ptr noalias %sums, ptr noalias %rest, {e.of('i1')} %counts)", e)

    def reduce(self) -> str:
        """Compute each output's mean over the rows, from the sums in the lanes; return whether one is not finite."""
        lanes = self.spec.lanes
        e = self.emitter(lanes)
        truth = e.of("i1")
        with e.loop("g", self.spec.sums, by=lanes, carry=[(truth, "%bad", "zeroinitializer")]) as g:
            mean = self.mean(e, g)
            e.store(mean, "%gradients", g)
            e.do(f"%bad.next = or {truth} %bad, {not_finite(e, mean)}")
        one = e.scalars()
        bad = "%bad.next"
        if lanes > 1:
            bad = one.let(f"icmp ne i{lanes} {one.let(f'bitcast {truth} %bad.next to i{lanes}')}, 0")
        for number, x in enumerate(self.outputs):
            if not self.plan.differs_by_row(x):
                mean = one.value(x) if isinstance(x, float) else self._fetch_same(one, x)
                one.store(mean, "%gradients", self.spec.place(number))
                bad = one.let(f"or i1 {bad}, {not_finite(one, mean)}")
        e.do(f"ret i1 {bad}")
        same = "ptr noalias %parameters, ptr noalias %others, ptr noalias %shared"
        head = f"i1 @reduce({same}, ptr noalias %sums, ptr noalias %gradients, double %scale)"
        return function(head, e, returns=False)

    def mean(self, e: Emitter, g: str) -> str:
        """A vector of means over the rows, from %g on."""
        vectors = []
        for k in range(e.lanes):
            place = e.let(f"mul i64 {e.let(f'add i64 {g}, {k}')}, {e.lanes}")
            vectors.append(e.load_vector("%sums", place))
        return e.let(f"fmul {e.type} {_transposed_sum(e, vectors)}, {e.splat('%scale')}")


class _RowsInLanes:
    """Reads the rows of a block, one in each lane; each number is loaded once, when first needed."""

    def __init__(self, writer: LaneWriter, e: Emitter):
        self.writer, self.e = writer, e
        self._rows = []
        for lane in range(e.lanes):
            i = e.let(f"add i64 %first, {lane}")
            i = e.let(f"call i64 @llvm.smin.i64(i64 {i}, i64 %last)")
            self._rows.append(e.let(f"load i64, ptr {e.at('%order', i)}"))
        self._starts: dict[int, list[str]] = {}
        self._numbers: dict[int, str] = {}

    def number(self, position: int) -> str:
        """A vector with an input of the tape, one row in each lane."""
        if position not in self._numbers:
            self._numbers[position] = self._read(self.writer.source(position))
        return self._numbers[position]

    def _read(self, source: Source) -> str:
        out = "poison"
        for lane, address in enumerate(self._start(source.array)):
            one = self.writer.element(self.e, source, address)
            if self.e.lanes == 1:
                return one
            out = self.e.let(f"insertelement {self.e.type} {out}, double {one}, i32 {lane}")
        return out

    def _start(self, array: int) -> list[str]:
        """The address of each lane's row in an array."""
        if array not in self._starts:
            base, stride = self.writer.array(self.e, array)
            self._starts[array] = [row_start(self.e, base, stride, row) for row in self._rows]
        return self._starts[array]


def not_finite(e: Emitter, x: str) -> str:
    """Whether a number is nan or inf, for each lane: only then is x - x nan."""
    zero = e.let(f"fsub {e.type} {x}, {x}")
    return e.let(f"fcmp uno {e.type} {zero}, {zero}")


def row_start(e: Emitter, base: str, stride: str, row: str) -> str:
    """The address of a row."""
    offset = e.let(f"mul i64 {row}, {stride}")
    return e.let(f"getelementptr i8, ptr {base}, i64 {offset}")


def function(head: str, e: Emitter, *, returns: bool = True) -> str:
    """The text of an internal function, from its head and the lines of an emitter."""
    return "\n".join([f"define internal {head} {{", *e.lines, *(["  ret void"] if returns else []), "}", ""])


def _transposed_sum(e: Emitter, vectors: list[str]) -> str:
    """A vector whose lane k is the sum over the lanes of vectors[k], computed in log2(lanes) rounds of pairs."""
    lanes = e.lanes
    width = 1
    while len(vectors) > 1:
        # Each vector holds partial sums in runs of `width` lanes. For each pair of vectors, one shuffle takes the even
        # runs of both and another takes the odd runs; the sum of the two has half as many runs.
        even, odd = [], []
        for run in range(0, lanes, 2 * width):
            even += [*range(run, run + width), *range(lanes + run, lanes + run + width)]
            odd += [*range(run + width, run + 2 * width), *range(lanes + run + width, lanes + run + 2 * width)]
        paired = []
        for one, other in zip(vectors[::2], vectors[1::2]):
            halves = [
                e.let(
                    f"shufflevector {e.type} {one}, {e.type} {other}, "
                    f"<{lanes} x i32> <{', '.join(f'i32 {k}' for k in picked)}>"
                )
                for picked in (even, odd)
            ]
            paired.append(e.let(f"fadd {e.type} {halves[0]}, {halves[1]}"))
        vectors = paired
        width *= 2
    return vectors[0]
