"""Copy a block's rows to where loops read them: of each place in a row, the numbers of all rows side by side.

Several places of several rows are loaded as vectors and transposed in registers, so that each number is not moved by
itself.
"""

from __future__ import annotations

from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.lanes import LaneWriter, row_start
from micrograd.compiler.native.spec import READ


class RowLoader:
    """Writes the copying for the rows from %first on, but none beyond %last. Rows lie in `%rows`, `at_once` of them.

    If `kept`, `%starts` gets the address of each row of each array, for so many rows; the rows of the arrays in
    `copied` are also copied as doubles to `%copy0.all`, `%copy1.all`, ... before, %slot rows from its start.
    """

    writer: LaneWriter
    e: Emitter
    at_once: int
    kept: int
    copied: set[int]
    needed: set[int]

    def __init__(self, writer: LaneWriter, e: Emitter, *, at_once: int, kept: int, copied: set[int], needed: set[int]):
        self.writer, self.e, self.at_once, self.kept, self.copied = writer, e, at_once, kept, copied
        self.needed = needed

    def write(self) -> None:
        before = 0
        for array, width in enumerate(self.writer.spec.widths):
            if width:
                self._array(array, width, before)
            before += width

    def _array(self, array: int, width: int, before: int) -> None:
        e, into = self.e, before * self.at_once
        needed = [place for place in range(width) if before + place in self.needed]
        base, stride = self.writer.array(e, array)
        for v in range(self.at_once // e.lanes):
            starts = [self._row(v * e.lanes + lane, base, stride) for lane in range(e.lanes)]
            copies = self._keep_starts(array, v, starts)
            whole = width // e.lanes * e.lanes
            to = e.at("%rows", into + v * e.lanes)
            if len(needed) < e.lanes and not copies:
                for number in needed:
                    self._single(array, starts, copies, number, to)
            elif whole:
                with e.loop(f"rows{array}.{v}", whole, by=e.lanes) as place:
                    self._square(array, starts, copies, place, to)
                if whole < width:  # the last places again, with some before
                    self._square(array, starts, copies, str(width - e.lanes), to)
            else:
                for number in range(width):
                    self._single(array, starts, copies, number, to)

    def _square(self, array: int, starts: list[str], copies: list[str], place: str, to: str) -> None:
        """As many places as there are lanes, from `place` on."""
        e = self.e
        vectors = [self._read(array, e.of, start, place) for start in starts]
        for copy, x in zip(copies, vectors):
            e.store(x, copy, place)
        for k, x in enumerate(transposed(e, vectors)):
            index = e.let(f"mul i64 {e.let(f'add i64 {place}, {k}')}, {self.at_once}")
            e.store(x, to, index)

    def _single(self, array: int, starts: list[str], copies: list[str], place: int, to: str) -> None:
        """One place of a row that is shorter than a vector."""
        e = self.e
        out = "poison"
        for lane, start in enumerate(starts):
            number = self._read(array, str, start, str(place))
            if copies:
                e.store(number, copies[lane], place, of="double")
            out = e.let(f"insertelement {e.type} {out}, double {number}, i32 {lane}")
        e.store(out, to, place * self.at_once)

    def _read(self, array: int, of: object, start: str, place: str) -> str:
        """Numbers of a row as doubles."""
        e, kind = self.e, self.writer.spec.types[array]
        name, convert = READ[kind]
        at = e.let(f"getelementptr i8, ptr {start}, i64 {e.let(f'mul i64 {place}, {kind[1]}')}")
        number = e.let(f"load {of(name)}, ptr {at}, align 1")  # type: ignore[operator]
        return e.let(f"{convert} {of(name)} {number} to {of('double')}") if convert else number  # type: ignore[operator]

    def _row(self, number: int, base: str, stride: str) -> str:
        """The address of a row of the block in an array; beyond the last, the last row's."""
        e = self.e
        i = e.let(f"call i64 @llvm.smin.i64(i64 {e.let(f'add i64 %first, {number}')}, i64 %last)")
        return row_start(e, base, stride, e.let(f"load i64, ptr {e.at('%order', i)}"))

    def _keep_starts(self, array: int, v: int, starts: list[str]) -> list[str]:
        """Keep where the rows start, for `products`; return where to copy them, if they have to be."""
        e = self.e
        if not self.kept:
            return []
        copies = []
        if array in self.copied:
            width = self.writer.spec.widths[array]
            first = e.let(f"mul i64 {e.let(f'add i64 %slot, {v * e.lanes}')}, {width}")
            first = e.at(f"%copy{array}.all", first)
            starts = copies = [e.at(first, lane * width) for lane in range(e.lanes)]
        for lane, start in enumerate(starts):
            e.store(start, "%starts", array * self.kept + v * e.lanes + lane, of="ptr")
        return copies


def transposed(e: Emitter, vectors: list[str]) -> list[str]:
    """As many vectors as lanes, with rows and columns exchanged: blocks of 1 number, then of 2, of 4."""
    width = 1
    while width < e.lanes:
        out = list(vectors)
        for k in range(e.lanes):
            if k & width:
                continue
            x, y = vectors[k], vectors[k | width]
            for target, odd in ((k, 0), (k | width, width)):
                picked = [
                    (j if not j & width else j - width + e.lanes) + odd for j in range(e.lanes)
                ]  # the even or odd blocks of both
                mask = ", ".join(f"i32 {j}" for j in picked)
                out[target] = e.let(f"shufflevector {e.type} {x}, {e.type} {y}, <{e.lanes} x i32> <{mask}>")
        vectors = out
        width *= 2
    return vectors
