"""Write the sums over the rows of products, with the rows in the innermost loop: the native function `products`.

    for i in lanes of places:           # a tile: several vectors of i, several j
        for j:
            sum[j, i] = 0
            for row: sum[j, i] += left[j, row] * right[row, i]

The sums of a tile stay in registers; right factors are read once for several j, left factors are spread over the lanes.
(Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 2008.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from micrograd.compiler.fold import Affine
from micrograd.compiler.loops.products import Product, Products
from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.spec import ModuleSpec


class RowSums:
    """Writes the function. The first `kept` numbers of each left factor are those of the rows."""

    def __init__(self, spec: ModuleSpec, products: Products, e: Emitter):
        self.spec, self.products, self.e = spec, products, e
        self.loops = 0

    @contextlib.contextmanager
    def loop(self, start: int, end: int, by: int) -> Iterator[str | int]:
        """A loop over a counter; without a loop in LLVM if it has a single turn."""
        if end - start == by:
            yield start
            return
        self.loops += 1
        e, name = self.e, f"%t{self.loops}"
        inside = f"{name[1:]}.loop"
        e.lines += [f"  br label %{inside}", f"{inside}:"]
        e.lines.append(f"  {name} = phi i64 [{start}, %{e._label}], [{name}.next, %{name[1:]}.latch]")
        e._label = inside
        yield name
        e.lines += [
            f"  br label %{name[1:]}.latch",
            f"{name[1:]}.latch:",
            f"  {name}.next = add nuw nsw i64 {name}, {by}",
            f"  {name}.more = icmp ult i64 {name}.next, {end}",
            f"  br i1 {name}.more, label %{inside}, label {name}.end",
            f"{name[1:]}.end:",
        ]
        e._label = f"{name[1:]}.end"

    @contextlib.contextmanager
    def _part(self, start: int, end: int, by: int) -> Iterator[str | int]:
        """A loop over this worker's part of the tiles, which may have no turns; without threads over all."""
        if self.spec.threads == 1:
            with self.loop(start, end, by) as counter:
                yield counter
            return
        e = self.e
        self.loops += 1
        tiles, name = (end - start) // by, f"t{self.loops}"
        bounds = []
        for worker in ("%worker", e.let("add i64 %worker, 1")):
            part = e.let(f"udiv i64 {e.let(f'mul i64 {worker}, {tiles}')}, %workers")
            bounds.append(e.let(f"add i64 {e.let(f'mul i64 {part}, {by}')}, {start}"))
        e.lines += [
            f"  br label %{name}.look",
            f"{name}.look:",
            f"  %{name} = phi i64 [{bounds[0]}, %{e._label}], [%{name}.next, %{name}.latch]",
            f"  %{name}.more = icmp ult i64 %{name}, {bounds[1]}",
            f"  br i1 %{name}.more, label %{name}.loop, label %{name}.end",
            f"{name}.loop:",
        ]
        e._label = f"{name}.loop"
        yield f"%{name}"
        e.lines += [
            f"  br label %{name}.latch",
            f"{name}.latch:",
            f"  %{name}.next = add nuw nsw i64 %{name}, {by}",
            f"  br label %{name}.look",
            f"{name}.end:",
        ]
        e._label = f"{name}.end"

    def write(self) -> None:
        """Write all sums over %count rows, at the end of the emitter's lines."""
        for product in self.products.found.values():
            self._product(product)

    def _product(self, product: Product) -> None:
        left, right = self.products.left_address(product), self.products.right_address(product)
        number = product.number
        counts = [nest.most for nest in product.nests]
        axis = len(counts) - 1
        if number.strides[-1] < 0:  # go up through the places
            number, right = (
                Affine(x.base + x.strides[-1] * (counts[-1] - 1), (*x.strides[:-1], 1)) for x in (number, right)
            )
        jammed = next((k for k in range(axis - 1, -1, -1) if left.strides[k] and not right.strides[k]), -1)
        lanes = self.spec.machine.lanes_in_loops
        start = 0
        most = 4 if self.spec.machine.registers == 32 else 2
        tile = most * lanes
        while start < counts[-1]:
            rest = counts[-1] - start
            while tile > rest:
                tile //= 2
            whole = rest // tile * tile
            width = min(tile, lanes)
            self._tiles(product, (left, right, number), counts, jammed, start, start + whole, tile // width, width)
            start += whole

    def _tiles(self, product, forms, counts, jammed, start, end, vectors, lanes) -> None:  # type: ignore[no-untyped-def]
        """All tiles of `vectors` vectors from place `start` to `end`."""
        self.lanes = lanes
        with self._part(start, end, vectors * lanes) as i:
            self._outer(product, forms, counts, jammed, [i], vectors, 0)

    def _outer(self, product, forms, counts, jammed, counters, vectors, k) -> None:  # type: ignore[no-untyped-def]
        """The loops around the innermost, from the k-th on; the jammed one last."""
        order = [axis for axis in range(len(counts) - 1) if axis != jammed]
        if k < len(order):
            with self.loop(0, counts[order[k]], 1) as counter:
                self._outer(product, forms, counts, jammed, [*counters, counter], vectors, k + 1)
            return
        at = dict(zip([len(counts) - 1, *order], counters))
        if jammed < 0:
            self._tile(product, forms, at, jammed, 1, vectors)
            return
        count = counts[jammed]
        jam = min(count, max(1, (self.spec.machine.registers - vectors - 2) // vectors))
        jam = -(-count // -(-count // jam))
        whole = count // jam * jam
        with self.loop(0, whole, jam) as j:
            self._tile(product, forms, {**at, jammed: j}, jammed, jam, vectors)
        if whole < count:
            self._tile(product, forms, {**at, jammed: whole}, jammed, count - whole, vectors)

    def _tile(self, product, forms, at, jammed, jam, vectors) -> None:  # type: ignore[no-untyped-def]
        """The sums of `jam` turns of the jammed loop and `vectors` vectors of places."""
        left, right, number = forms
        e = Emitter(self.e.machine, lanes=self.lanes, declared=self.e.declared)
        e.lines, e._prefix, e._count, e._label = self.e.lines, self.e._prefix, self.e._count, self.e._label
        step = number.strides[jammed] if jammed >= 0 else 0
        sums = self._at(e, "%sums", number, at, 1)
        lefts = self._at(e, "%left", left, at, self.spec.kept)
        rights = self._at(e, None, right, at, 1)
        apart = left.strides[jammed] * self.spec.kept if jammed >= 0 else 0
        cells = [(q, v) for q in range(jam) for v in range(vectors)]
        addresses = [e.at(sums, q * step + v * self.lanes) for q, v in cells]
        zero = e.value(0.0)
        self.loops += 1
        name = f"%r{self.loops}"
        before, inside = e._label, f"r{self.loops}.loop"
        e.lines += [
            f"  br label %{inside}",
            f"{inside}:",
            f"  {name} = phi i64 [0, %{before}], [{name}.next, %{inside}]",
        ]
        e.lines += [
            f"  {name}.s{k} = phi {e.type} [{x}, %{before}], [{name}.n{k}, %{inside}]"
            for k, x in enumerate([zero] * len(cells))
        ]
        if product.right.space == "row":
            array = self.products.arrays(product)[0]
            row = e.let(f"load ptr, ptr {e.at(e.at('%starts', name), array * self.spec.kept)}")
            row = e.at(row, -self.products.starts[array])
        else:
            row = e.at("%right", e.let(f"mul i64 {name}, {self.products.right.words}"))
        row = e.at(row, rights)
        xs = [e.load_vector(row, v * self.lanes) for v in range(vectors)]
        column = e.at(lefts, name)
        for q in range(jam):
            factor = e.splat(e.load(column, q * apart))
            for v in range(vectors):
                k = q * vectors + v
                product_ = e.let(f"fmul contract {e.type} {factor}, {xs[v]}")
                e.do(f"{name}.n{k} = fadd contract {e.type} {name}.s{k}, {product_}")
        e.lines += [
            f"  {name}.next = add nuw nsw i64 {name}, 1",
            f"  {name}.more = icmp ult i64 {name}.next, %count",
            f"  br i1 {name}.more, label %{inside}, label {name}.end",
            f"{name[1:]}.end:",
        ]
        scale = e.splat("%scale")
        for k, address in enumerate(addresses):
            total = e.let(f"fmul contract {e.type} {name}.n{k}, {scale}")
            if not self.spec.is_single:
                none = e.value(-0.0)  # adds nothing, not even to the sign of a sum that is -0.0
                before_ = e.let(f"select i1 %fresh, {e.type} {none}, {e.type} {e.load_vector(address, 0)}")
                total = e.let(f"fadd contract {e.type} {before_}, {total}")
            e.store(total, address, 0)
        self.e._count, self.e._label = e._count, f"{name[1:]}.end"

    def _at(self, e: Emitter, base, form, at, scale) -> str:  # type: ignore[no-untyped-def]
        """The address of `base[scale * form]` at these counters; the index if there is no base."""
        index = self.index(e, form, at, scale)
        return index if base is None else e.at(base, index)

    def index(self, e: Emitter, form: Affine, at: dict[int, str | int], scale: int) -> str:
        """An affine form at these counters, times a scale."""
        index = str(form.base * scale)
        for axis, counter in at.items():
            stride = form.strides[axis] * scale
            if stride:
                index = e.let(f"add i64 {index}, {e.let(f'mul i64 {counter}, {stride}')}")
        return index
