"""Write the sums over the rows of outer products, with the places in the lanes: the native function `products`.

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
from dataclasses import dataclass

from micrograd.compiler.fold import Affine
from micrograd.compiler.loops.products import Product, Products
from micrograd.compiler.loops.tiles import SIZES, index, jammed_of, loop, tiles
from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.spec import ModuleSpec


@dataclass(frozen=True)
class _Tile:
    """Sums of a product that stay in registers: `vectors` vectors of `lanes` places, for several turns of the loop at
    depth `jammed`; -1 if there is none. `left`, `right` and `number` are the factors' addresses and the sums' places.
    """

    product: Product
    left: Affine
    right: Affine
    number: Affine
    jammed: int
    vectors: int
    lanes: int


class RowSums:
    """Writes the function. The first `kept` numbers of each left factor are those of the rows."""

    spec: ModuleSpec
    products: Products
    e: Emitter

    def __init__(self, spec: ModuleSpec, products: Products, e: Emitter):
        self.spec, self.products, self.e = spec, products, e

    @contextlib.contextmanager
    def _part(self, start: int, end: int, by: int) -> Iterator[str | int]:
        """A loop over this worker's part of the tiles, which may have no turns; without threads over all."""
        if self.spec.threads == 1:
            with loop(self.e, start, end, by) as counter:
                yield counter
            return
        e = self.e
        tiles, name = (end - start) // by, e.new("t")
        bounds = []
        for worker in ("%worker", e.let("add i64 %worker, 1")):
            part = e.let(f"udiv i64 {e.let(f'mul i64 {worker}, {tiles}')}, %workers")
            bounds.append(e.let(f"add i64 {e.let(f'mul i64 {part}, {by}')}, {start}"))
        some = e.let(f"icmp ult i64 {bounds[0]}, {bounds[1]}")
        e.do(f"br i1 {some}, label %{name}.some, label %{name}.done")
        e.begin(f"{name}.some")
        with e.loop(name, bounds[1], start=bounds[0], by=by) as counter:
            yield counter
        e.do(f"br label %{name}.done")
        e.begin(f"{name}.done")

    def write(self) -> None:
        """Write all sums over %count rows, at the end of the emitter's lines."""
        for product in self.products.found.values():
            self._product(product)

    def _product(self, product: Product) -> None:
        left, right = self.products.left_address(product), self.products.right_address(product)
        number = product.number
        count = product.nests[-1].most
        if number.strides[-1] < 0:  # go up through the places
            number, right = (
                Affine(x.base + x.strides[-1] * (count - 1), (*x.strides[:-1], 1)) for x in (number, right)
            )
        jammed = jammed_of(left.strides, right.strides)
        lanes = self.spec.machine.lanes_in_loops
        start = 0
        most = SIZES[self.spec.machine.registers].places
        size = most * lanes
        while start < count:
            rest = count - start
            while size > rest:
                size //= 2
            whole = rest // size * size
            width = min(size, lanes)
            tile = _Tile(product, left, right, number, jammed, size // width, width)
            self._tiles(tile, start, start + whole)
            start += whole

    def _tiles(self, tile: _Tile, start: int, end: int) -> None:
        """All tiles from place `start` to `end`."""
        with self._part(start, end, tile.vectors * tile.lanes) as i:
            *counts, _ = (nest.most for nest in tile.product.nests)
            most = max(1, (self.spec.machine.registers - tile.vectors - 2) // tile.vectors)
            for at, jam in tiles(self.e, counts, tile.jammed, most):
                self._tile(tile, {len(counts): i, **at}, jam)

    def _tile(self, tile: _Tile, at: dict[int, str | int], jam: int) -> None:
        """The sums of one tile, for `jam` turns of the jammed loop, where the loops have come to the counters `at`."""
        e = self.e.with_lanes(tile.lanes)
        apart = step = 0
        if tile.jammed >= 0:
            apart, step = tile.left.strides[tile.jammed] * self.spec.kept, tile.number.strides[tile.jammed]
        sums = e.at("%sums", index(e, tile.number, at, 1))
        lefts = e.at("%left", index(e, tile.left, at, self.spec.kept))
        rights = index(e, tile.right, at, 1)
        addresses = [e.at(sums, q * step + v * tile.lanes) for q in range(jam) for v in range(tile.vectors)]
        zero, name = e.value(0.0), e.new("r")
        totals = [f"%{name}.s{k}" for k in range(len(addresses))]
        with e.loop(name, "%count", carry=[(e.type, total, zero) for total in totals]) as row:
            numbers = e.at(self._right(e, tile.product, row), rights)
            xs = [e.load_vector(numbers, v * tile.lanes) for v in range(tile.vectors)]
            column = e.at(lefts, row)
            for q in range(jam):
                factor = e.splat(e.load(column, q * apart))
                for x, total in zip(xs, totals[q * tile.vectors :]):
                    product = e.let(f"fmul contract {e.type} {factor}, {x}")
                    e.do(f"{total}.next = fadd contract {e.type} {total}, {product}")
        scale = e.splat("%scale")
        for address, total in zip(addresses, totals):
            mean = e.let(f"fmul contract {e.type} {total}.next, {scale}")
            if not self.spec.is_single:
                none = e.value(-0.0)  # adds nothing, not even to the sign of a sum that is -0.0
                before = e.let(f"select i1 %fresh, {e.type} {none}, {e.type} {e.load_vector(address, 0)}")
                mean = e.let(f"fadd contract {e.type} {before}, {mean}")
            e.store(mean, address, 0)

    def _right(self, e: Emitter, product: Product, row: str) -> str:
        """Where a row's right factors begin."""
        if product.right.space != "row":
            return e.at("%right", e.let(f"mul i64 {row}, {self.products.right.words}"))
        array = self.products.arrays(product)[0]
        start = e.let(f"load ptr, ptr {e.at(e.at('%starts', row), array * self.spec.kept)}")
        return e.at(start, -self.products.rows.starts[array])
