"""Write weighted sums of a row's numbers, inner products, with the numbers in the lanes: the native function `dots`.

    for a chunk of i:
        for j, row:                       # a tile: several j, several rows
            dots[j, row] += sum(w[j, i] * x[row, i] for i in the chunk)

Such a sum needs no other result, so all are taken before the rest of the program: from the rows as they are given,
without a transposed copy, and with full lanes however few rows there are. A chunk of the rows stays in the nearest
cache while all j go through it. (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS
2008.)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from micrograd.compiler.fold import Access, Affine
from micrograd.compiler.loops.shape import Arrays, Nest, Shape, Step
from micrograd.compiler.loops.tiles import SIZES, index, jammed_of, loop, tiles
from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.lanes import function
from micrograd.compiler.native.spec import ModuleSpec

LEAST = 64  # terms of a sum: with fewer, adding up the lanes is too large a part
CHUNK = 192  # terms whose factors stay in the nearest cache


class Dot(NamedTuple):
    """The sum, over the turns of the loop `reduction`, of `weight` * `number`, a number of a row of array `array`.
    `product` and `total` are its two lines.
    """

    reduction: Nest
    product: Step
    total: Step
    weight: Access
    number: Access
    array: int

    @property
    def nests(self) -> tuple[Nest, ...]:
        """The loops around the reduction, which have one sum for each turn."""
        return self.total.nests[:-1]


class Dots:
    """The sums of a program that are of this kind, by their reductions. `words` is how many there are for each row."""

    def __init__(self, shape: Shape, widths: Sequence[int], wanted: Collection[int]):
        self.shape = shape
        self.rows: Arrays = Arrays(widths)
        self.found: dict[Nest, Dot] = {}
        for step in shape.lines:
            dot = self._dot(step, wanted) if step.line.op == "add" and step.nests else None
            if dot:
                self.found[dot.reduction] = dot
        self._lay_out()

    def _lay_out(self) -> None:
        self.words: int = 0
        self._forms: dict[Nest, Affine] = {}
        for dot in self.found.values():
            size, strides = 1, []
            for nest in reversed(dot.nests):
                strides.append(size)
                size *= nest.most
            self._forms[dot.reduction] = Affine(self.words, tuple(reversed(strides)))
            self.words += size

    def address(self, dot: Dot) -> Affine:
        """Where its sums are, in the counters of the loops around it."""
        return self._forms[dot.reduction]

    @property
    def skipped(self) -> set[int]:
        """The lines that are computed only here."""
        return {step.number for dot in self.found.values() for step in (dot.product, dot.total)}

    def _dot(self, total: Step, wanted: Collection[int]) -> Dot | None:
        """The sum that a line adds up, if it is of this kind."""
        reduction = total.nests[-1]
        lines = [step for step in reduction.steps if step.number in wanted]
        if (
            reduction.nests
            or len(lines) != 2
            or lines[1] is not total
            or lines[0].entry.__class__ is not total.entry.__class__
        ):
            return None
        if not all(isinstance(each.count, int) for each in total.nests) or reduction.most < LEAST:
            return None
        product, own = lines[0], total.result
        terms = {access.place for access in total.temporaries}
        if product.line.op != "mul" or terms != {product.result, own.turn_before()}:
            return None
        if not own.strides[-1] or not self._is_used_once(product, total) or not self._is_used_at_last(total):
            return None
        for weight, number in (product.operands, product.operands[::-1]):
            if weight.space not in ("parameters", "others") or number.space != "row":
                continue
            if abs(number.strides[-1]) != 1 or weight.strides[-1] != number.strides[-1]:
                return None
            array, *others = self.rows.read_by(number, total.counters)
            return None if others else Dot(reduction, product, total, weight, number, array)
        return None

    def _is_used_once(self, product: Step, total: Step) -> bool:
        return product.number not in self.shape.attached and all(
            reader is total for reader, _ in self.shape.readers[product.number]
        )

    def _is_used_at_last(self, total: Step) -> bool:
        """Whether all others read the whole sum."""
        shape, axis, last = self.shape, len(total.nests) - 1, total.nests[-1].most - 1
        if total.number in shape.attached:
            return False
        for reader, access in shape.readers[total.number]:
            if reader is total:
                continue
            read = shape.places(reader, access)
            if (shape.turns[axis][read[shape.writer[read] == total.number]] != last).any():
                return False
        return True


class DotWriter:
    """Writes the function. `%starts` has the address of each row of each array. The sums of one place lie
    side by side, for `rows` rows.
    """

    spec: ModuleSpec
    dots: Dots
    e: Emitter
    rows: int

    def __init__(self, spec: ModuleSpec, dots: Dots, e: Emitter, *, rows: int):
        self.spec, self.dots, self.e, self.rows = spec, dots, e, rows

    def text(self) -> str:
        """The sums of the first %count rows."""
        self.e.begin("entry")
        size = 8 * self.rows * self.dots.words
        self.e.do(f"call void @llvm.memset.p0.i64(ptr %dots, i8 0, i64 {size}, i1 false)")
        self.e.do("%last = sub i64 %count, 1")
        for dot in self.dots.found.values():
            self._dot(dot)
        given = "ptr noalias %parameters, ptr noalias %others, ptr noalias %starts, ptr noalias %dots, i64 %count"
        return function(f"void @dots({given})", self.e)

    def _dot(self, dot: Dot) -> None:
        count, lanes, start = dot.reduction.most, self.spec.machine.lanes_in_loops, 0
        while start < count:
            while lanes > count - start:
                lanes //= 2
            steps = (count - start) // lanes
            a_chunk = -(-steps // -(-steps * lanes // CHUNK)) * lanes
            for size in (a_chunk, lanes):  # whole chunks, and a smaller last one
                end = start + (count - start) // size * size
                if size == lanes and start < end:
                    self._chunk(dot, lanes, str(start), end - start)
                elif start < end:
                    with loop(self.e, start, end, size) as first:
                        self._chunk(dot, lanes, first, size)
                start = end

    def _chunk(self, dot: Dot, lanes: int, first: str | int, size: int) -> None:
        """`size` terms of all sums, from term `first` on."""
        jammed = jammed_of(dot.weight.strides, dot.number.strides)
        most = SIZES[self.spec.machine.registers].sums
        for at, jam in tiles(self.e, [nest.most for nest in dot.nests], jammed, most):
            self._rows(dot, lanes, first, size, at, jammed, jam)

    def _rows(
        self, dot: Dot, lanes: int, first: str | int, size: int, at: dict[int, str | int], jammed: int, jam: int
    ) -> None:
        """A tile after the other: `jam` sums, of a few rows each."""
        e = self.e
        at_once = min(self.rows, SIZES[self.spec.machine.registers].rows)
        weights = self._address(
            "%parameters" if dot.weight.space == "parameters" else "%others", dot, dot.weight, first, at
        )
        sums = self.dots.address(dot)
        total = e.at("%dots", index(e, sums, at, self.rows))
        apart = (dot.weight.strides[jammed], sums.strides[jammed] * self.rows) if jammed >= 0 else (0, 0)
        with e.loop(e.new("t"), "%count", by=at_once) as row:
            numbers = [row]
            for k in range(1, at_once):  # beyond the last row: the last row once more
                numbers.append(e.let(f"call i64 @llvm.smin.i64(i64 {e.let(f'add i64 {row}, {k}')}, i64 %last)"))
            starts = [e.at(e.at("%starts", number), dot.array * self.spec.kept) for number in numbers]
            rows = [e.let(f"load ptr, ptr {start}") for start in starts]
            rows = [
                self._address(start, dot, dot.number, first, at, self.dots.rows.starts[dot.array]) for start in rows
            ]
            wide, name = e.with_lanes(lanes), e.new("d")
            totals = [f"%{name}.s{k}" for k in range(jam * at_once)]
            carry = [(wide.type, each, wide.value(0.0)) for each in totals]
            with wide.loop(name, size, by=lanes, carry=carry) as i:
                xs = [wide.load_vector(start, i) for start in rows]
                for q in range(jam):
                    weight = wide.load_vector(wide.at(weights, q * apart[0]), i)
                    for x, each in zip(xs, totals[q * at_once :]):
                        product = wide.let(f"fmul contract {wide.type} {weight}, {x}")
                        wide.do(f"{each}.next = fadd contract {wide.type} {each}, {product}")
            places_of = [e.at(e.at(total, q * apart[1]), number) for q in range(jam) for number in numbers]
            before = [e.load(place, 0) for place in places_of]  # of the last row several times, and then stored so
            for each, place, x in zip(totals, places_of, before):
                more = wide.sum_of_lanes(f"{each}.next")
                e.store(e.let(f"fadd double {x}, {more}"), place, 0, of="double")

    def _address(
        self, base: str, dot: Dot, access: Access, first: str | int, at: dict[int, str | int], start: int = 0
    ) -> str:
        """Where a factor of the term `first` is; those of the terms after it follow. Terms go up through the places."""
        place, stride = access.place, access.strides[-1]
        lowest = place.base + min(0, stride * (dot.reduction.most - 1)) - start
        form = Affine(lowest, place.strides[:-1])
        return self.e.at(self.e.at(base, index(self.e, form, at, 1)), first)
