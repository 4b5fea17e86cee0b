"""Which outputs are sums over the rows of outer products: `sum[j, i] += d[j] * x[i]`, the gradients of weights.

For these, the factors of all rows are kept, and the sums are taken at the end, with the rows as the reduction and i in
the lanes: then a sum stays in a register instead of being loaded and stored for each vector of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from micrograd.compiler.fold import Access, Affine
from micrograd.compiler.loops.shape import Arrays, Nest, Shape, Step
from micrograd.compiler.loops.storage import Storage

LEAST = 4  # turns of the loop in the lanes


class Product(NamedTuple):
    """Output `number` is the sum over the rows of `left` * `right`, one for each turn of the loops `nests`. The last of
    these goes into the lanes: in it `left` stays the same; the number and the address of `right` go up or down by 1.
    """

    nests: tuple[Nest, ...]
    number: Affine
    left: Access
    right: Access


class Products:
    """The products of a program. `left` and `right` say where their factors are kept, `skipped` which lines are
    computed only here. Right factors from rows are those of one array.

    Without `sums` there are no products: then all that look like it are computed row by row.
    """

    found: dict[int, Product]
    left: Storage
    right: Storage
    skipped: set[int]

    def __init__(self, shape: Shape, widths: Sequence[int], *, sums: bool = True):
        self.shape = shape
        self.rows: Arrays = Arrays(widths)
        lines = shape.lines if sums else ()
        every = {step.number: found for step in lines if (found := _product(shape, step))}
        self.found = {number: product for number, product in every.items() if len(self.arrays(product)) <= 1}
        while True:
            self.left, self.right = Storage(shape), Storage(shape)
            for product in self.found.values():
                self.left.ask_in(product.nests, product.left)
                if product.right.space == "temporary":
                    self.right.ask_in(product.nests, product.right)
            self.left.lay_out()
            self.right.lay_out()
            irregular = [number for number, product in self.found.items() if self._step(product) is None]
            if not irregular:
                break
            for number in irregular:
                del self.found[number]
        attached = {step.number for step in shape.outputs} - {step.number for step in shape.loose}
        self.skipped = {number for number in self.found if all(x.number in attached for x, _ in shape.readers[number])}

    def arrays(self, product: Product) -> list[int]:
        """The arrays whose rows have the right factors of a product; none if they are results."""
        if product.right.space != "row":
            return []
        return self.rows.read_by(product.right, product.nests[-1].counters)

    def _step(self, product: Product) -> int | None:
        """1 if the loop in the lanes goes up through the outputs and the right factors, -1 if down; None if neither."""
        step = product.number.strides[-1]
        return step if self.right_address(product).strides[-1] == step else None

    def left_address(self, product: Product) -> Affine:
        return self.left.address_in(product.nests, product.left)

    def right_address(self, product: Product) -> Affine:
        """Where a right factor is in its row."""
        if product.right.space == "row":
            return product.right.place
        return self.right.address_in(product.nests, product.right)


def _product(shape: Shape, step: Step) -> Product | None:
    """The product that a line computes, if it is of this kind."""
    number = shape.attached.get(step.number)
    if number is None or step.line.op != "mul" or not step.nests or step.number not in shape.varies:
        return None
    if not all(isinstance(nest.count, int) for nest in step.nests):
        return None
    if abs(number.strides[-1]) != 1 or step.nests[-1].most < LEAST:
        return None
    for left, right in (step.line.operands, step.line.operands[::-1]):
        if (
            left.space == "temporary"
            and not left.strides[-1]
            and right.space in ("row", "temporary")
            and right.strides[-1]
            and all(_varies(shape, step, x) for x in (left, right))
        ):
            return Product(step.nests, number, left, right)
    return None


def _varies(shape: Shape, step: Step, access: Access) -> bool:
    return access.space == "row" or shape.sources(step, access)[0].number in shape.varies
