"""Write the native functions that do one thing each to many rows, or many parameters, side by side in vector lanes.

    uniform    what is the same for all rows, once a step
    block      the tape, on as many rows as there are lanes; adds to one vector of sums for each output
    check      whether the numbers that index are in range
    reduce     each vector of sums to one number, the mean over the rows; and whether all are finite
    update     the optimizer's rule, on as many parameters as there are lanes

The last rows of a batch may not fill the lanes. The lanes left over compute the last row once more, into sums of
their own, of which `reduce` counts only the others: so `block` needs no masks.
"""

from __future__ import annotations

from micrograd.compiler.context import READ, SLOT, Batch, Source
from micrograd.compiler.emit import Emitter, is_condition
from micrograd.compiler.plan import Plan


class LaneWriter:
    """Writes the functions of one module; `declared` are those of the C library that they call."""

    def __init__(self, batch: Batch):
        self.batch, self.tape = batch, batch.tape
        self.plan = batch.plan
        self.outputs = list(batch.tape.outputs.values())
        self.declared: set[str] = {
            "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
            "declare i32 @llvm.ctlz.i32(i32, i1)",
            "declare i64 @llvm.smin.i64(i64, i64)",
        }
        self.has_rows = bool(self.plan.each_row) or any(map(self.plan.differs_by_row, self.outputs))

    def emitter(self, lanes: int) -> Emitter:
        return Emitter(self.batch.machine, lanes=lanes, declared=self.declared)

    def _source(self, position: int) -> Source:
        return self.batch.sources[self.tape.code[position][1]]

    def _fetch_same(self, e: Emitter, position: int) -> str:
        """A number that is the same for all rows, from memory: loading it again is cheaper than keeping it."""
        if self.tape.code[position][0] == "input":
            source = self._source(position)
            return e.splat(e.load(f"%{source.memory}", source.place))
        number = e.splat(e.load("%shared", self.plan.shared[position]))
        if is_condition(self.tape, position):
            return e.let(f"fcmp une {e.type} {number}, {e.value(0.0)}")
        return number

    def uniform(self) -> str:
        """Compute what all rows share, and put what is needed further on into memory."""
        e = self.emitter(1)

        def keep(position: int, name: str) -> None:
            if position in self.plan.shared:
                if is_condition(self.tape, position):
                    name = e.let(f"uitofp i1 {name} to double")
                e.do(f"store double {name}, ptr {e.at('%shared', self.plan.shared[position])}")

        e.code(self.tape, self.plan.once, lambda position: self._fetch_same(e, position), keep)
        return _function("void @uniform(ptr noalias %parameters, ptr noalias %others, ptr noalias %shared)", e)

    def block(self) -> str:
        """The tape on the rows from %first on, as many as there are lanes, but none beyond %last."""
        lanes = self.batch.lanes
        e = self.emitter(lanes)
        rows = []
        for lane in range(lanes):
            i = e.let(f"add i64 %first, {lane}")
            i = e.let(f"call i64 @llvm.smin.i64(i64 {i}, i64 %last)")
            rows.append(e.let(f"load i64, ptr {e.at('%order', i)}"))
        starts: dict[int, list[str]] = {}
        loaded: dict[int, str] = {}

        def start(array: int) -> list[str]:
            """The address of each lane's row of an array."""
            if array not in starts:
                base, stride = self._array(e, array)
                starts[array] = [_row_start(e, base, stride, row) for row in rows]
            return starts[array]

        def element(source: Source) -> str:
            out = "poison"
            for lane, address in enumerate(start(source.array)):
                one = self._element(e, source, address)
                if lanes == 1:
                    return one
                out = e.let(f"insertelement {e.type} {out}, double {one}, i32 {lane}")
            return out

        def fetch(position: int) -> str:
            if not self.plan.varies[position]:
                return self._fetch_same(e, position)
            if position not in loaded:
                loaded[position] = element(self._source(position))
            return loaded[position]

        wanted: dict[int, list[int]] = {}
        for number, x in enumerate(self.outputs):
            if isinstance(x, int) and self.plan.varies[x]:
                wanted.setdefault(x, []).append(number)

        def add_up(position: int, name: str) -> None:
            for number in wanted.pop(position, ()):
                address = e.at("%sums", number * lanes)
                before = e.let(f"load {e.type}, ptr {address}, align 8")
                total = e.let(f"fadd contract {e.type} {before}, {name}")
                e.do(f"store {e.type} {total}, ptr {address}, align 8")

        e.code(self.tape, self.plan.each_row, fetch, add_up)
        for position in list(wanted):  # outputs that are inputs as they are
            add_up(position, fetch(position))
        return _function(
            "void @block(ptr noalias %context, ptr noalias %parameters, ptr noalias %others, ptr noalias %shared, "
            "ptr noalias %sums, ptr noalias %order, i64 %first, i64 %last)",
            e,
        )

    def _array(self, e: Emitter, number: int) -> tuple[str, str]:
        """The address of an array, and how many bytes its rows are apart."""
        slot = self.batch.array_slot(number)
        return e.load("%context", slot, of="ptr"), e.load("%context", slot + 1, of="i64")

    def _element(self, e: Emitter, source: Source, start: str) -> str:
        """One number of the row that starts at an address, as a double."""
        kind = self.batch.types[source.array]
        of, convert = READ[kind]
        if source.place:
            start = e.let(f"getelementptr i8, ptr {start}, i64 {source.place * int(kind[1])}")
        one = e.let(f"load {of}, ptr {start}, align 1")
        return e.let(f"{convert} {of} {one} to double") if convert else one

    def check(self) -> str:
        """The first row in which a number that indexes is out of range, or -1."""
        e = self.emitter(1)
        arrays = {source.array: self._array(e, source.array) for source, _ in self.batch.indices}
        count_of_rows = e.load("%context", SLOT["rows"], of="i64")
        e.do("br label %each")
        e.lines += ["each:", "  %row = phi i64 [0, %0], [%row.next, %next]"]
        right = "true"
        for source, count in self.batch.indices:
            number = self._element(e, source, _row_start(e, *arrays[source.array], "%row"))
            for above in (
                e.let(f"fcmp oge double {number}, {e.value(0.0)}"),
                e.let(f"fcmp olt double {number}, {e.value(float(count))}"),
            ):
                right = e.let(f"and i1 {right}, {above}")
        e.do(f"br i1 {right}, label %next, label %wrong")
        e.lines += [
            "wrong:",
            "  ret i64 %row",
            "next:",
            "  %row.next = add i64 %row, 1",
            f"  %more = icmp ult i64 %row.next, {count_of_rows}",
            "  br i1 %more, label %each, label %end",
            "end:",
            "  ret i64 -1",
        ]
        return _function("i64 @check(ptr noalias %context)", e, returns=False, internal=False)

    def reduce(self) -> str:
        """The mean of each output over the rows, from the sums in the lanes; gives whether all means are finite."""
        lanes = self.batch.lanes
        e = self.emitter(lanes)
        same = {n: x for n, x in enumerate(self.outputs) if not self.plan.differs_by_row(x)}
        e.do("br label %groups")
        e.lines.append("groups:")
        e.lines.append("  %g = phi i64 [0, %0], [%g.next, %groups]")
        e.lines.append(f"  %bad = phi {e.of('i1')} [{_all(lanes, 'false')}, %0], [%bad.next, %groups]")
        vectors = []
        for k in range(lanes):
            n = e.let(f"add i64 %g, {k}")
            n = e.let(f"mul i64 {n}, {lanes}")
            whole = e.let(f"load {e.type}, ptr {e.at('%sums', n)}, align 8")
            if lanes > 1:
                rest = e.let(f"load {e.type}, ptr {e.at('%tail', n)}, align 8")
                rest = e.let(f"select {e.of('i1')} %counts, {e.type} {rest}, {e.type} zeroinitializer")
                whole = e.let(f"fadd {e.type} {whole}, {rest}")
            vectors.append(whole)
        total = _transposed_sum(e, vectors)
        mean = e.let(f"fmul {e.type} {total}, {e.splat('%scale')}")
        e.do(f"store {e.type} {mean}, ptr {e.at('%gradients', '%g')}, align 8")
        zero = e.let(f"fsub {e.type} {mean}, {mean}")  # nan for inf and nan, 0 for all others
        wrong = e.let(f"fcmp uno {e.type} {zero}, {zero}")
        e.lines.append(f"  %bad.next = or {e.of('i1')} %bad, {wrong}")
        e.lines.append(f"  %g.next = add i64 %g, {lanes}")
        e.lines.append(f"  %more = icmp ult i64 %g.next, {self.batch.padded(len(self.outputs))}")
        e.do("br i1 %more, label %groups, label %end")
        e.lines.append("end:")
        if lanes > 1:
            word = e.let(f"bitcast {e.of('i1')} %bad.next to i{lanes}")
            bad = e.let(f"icmp ne i{lanes} {word}, 0")
        else:
            bad = "%bad.next"
        one = self.emitter(1)
        one._count = 1_000_000  # names apart from those above
        for number, x in same.items():
            mean = one.value(x) if isinstance(x, float) else self._fetch_same(one, x)
            one.do(f"store double {mean}, ptr {one.at('%gradients', number)}")
            zero = one.let(f"fsub double {mean}, {mean}")
            wrong = one.let(f"fcmp uno double {zero}, {zero}")
            bad = one.let(f"or i1 {bad}, {wrong}")
        e.lines += one.lines
        e.do(f"ret i1 {bad}")
        head = (
            "i1 @reduce(ptr noalias %parameters, ptr noalias %others, ptr noalias %shared, ptr noalias %sums, "
            f"ptr noalias %tail, ptr noalias %gradients, {e.of('i1')} %counts, double %scale)"
        )
        return _function(head, e, returns=False)

    def update(self) -> str:
        """The optimizer's rule on all parameters, as many at a time as the machine has lanes."""
        tape = self.batch.update
        assert tape is not None
        states = self.batch.states
        plan = Plan(tape, rows=set(range(2 + states)))  # the learning rate and the step's number are the same for all
        e, once = self.emitter(self.batch.machine.lanes), self.emitter(1)
        once._count = 1_000_000
        same = {2 + states: "%rate", 3 + states: "%step"}
        same.update(once.code(tape, plan.once, lambda position: same[position], lambda position, name: None))
        arrays = ["%parameters", "%gradients", *(f"%state{k}" for k in range(states))]
        loaded: dict[int, str] = {}

        def fetch(position: int) -> str:
            if position not in loaded:
                if plan.varies[position]:
                    address = e.at(arrays[tape.code[position][1]], "%i")
                    loaded[position] = e.let(f"load {e.type}, ptr {address}, align 8")
                else:
                    loaded[position] = e.splat(same[position])
            return loaded[position]

        names = e.code(tape, plan.each_row, fetch, lambda position, name: None)
        for array, x in zip([arrays[0], *arrays[2:]], tape.outputs.values()):
            new = e.value(x) if isinstance(x, float) else names[x] if x in names else fetch(x)
            e.do(f"store {e.type} {new}, ptr {e.at(array, '%i')}, align 8")
        body = [
            *once.lines,
            "  br label %each",
            "each:",
            "  %i = phi i64 [0, %0], [%i.next, %each]",
            *e.lines,
            f"  %i.next = add i64 %i, {e.lanes}",
            "  %more = icmp ult i64 %i.next, %count",
            "  br i1 %more, label %each, label %end",
            "end:",
        ]
        e.lines = body
        given = ", ".join(f"ptr noalias {array}" for array in arrays)
        return _function(f"void @update({given}, double %rate, double %step, i64 %count)", e)


def _all(lanes: int, word: str) -> str:
    return word if lanes == 1 else f"<{', '.join([f'i1 {word}'] * lanes)}>"


def _row_start(e: Emitter, base: str, stride: str, row: str) -> str:
    """The address of a row."""
    offset = e.let(f"mul i64 {row}, {stride}")
    return e.let(f"getelementptr i8, ptr {base}, i64 {offset}")


def _function(head: str, e: Emitter, *, returns: bool = True, internal: bool = True) -> str:
    linkage = "internal " if internal else ""
    return "\n".join([f"define {linkage}{head} {{", *e.lines, *(["  ret void"] if returns else []), "}", ""])


def _transposed_sum(e: Emitter, vectors: list[str]) -> str:
    """One vector whose lane k holds the sum over the lanes of vectors[k], in log2(lanes) rounds of pairs."""
    lanes = e.lanes
    width = 1
    while len(vectors) > 1:
        # Each vector holds partial sums in runs of `width` lanes. Of a pair, the even runs of both stand beside
        # each other in one vector and the odd runs in another: their sum halves the number of runs.
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
