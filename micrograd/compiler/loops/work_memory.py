"""Lay out the work memory of a step: how large it is, and where code finds each part of it.

    rows            a block's rows, transposed
    work            the results of a block that are not in registers
    dots            a block's weighted sums
    parts           with threads: the sums of each block
    left, right     the factors of products, of all rows that are kept: left ones place by place, right ones row by row
    starts          where each of these rows begins, in each array
    copy0, ...      these rows as doubles, if the array has other numbers and products or dots read them

Of the first three, which hold one block, each thread has its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from micrograd.compiler.loops.dots import Dots
from micrograd.compiler.loops.products import Products
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.spec import ModuleSpec

OF_A_BLOCK = ("rows", "work", "dots")


@dataclass(frozen=True)
class WorkMemory:
    """The memory of the module of a spec. What it holds follows from the three others, once they are laid out."""

    spec: ModuleSpec
    storage: Storage
    dots: Dots
    products: Products

    @property
    def copied(self) -> set[int]:
        """The arrays whose rows are copied."""
        arrays = [k for product in self.products.found.values() for k in self.products.arrays(product)]
        arrays += [dot.array for dot in self.dots.found.values()]
        return {k for k in arrays if self.spec.types[k] != "f8"}

    @property
    def sizes(self) -> dict[str, int]:
        """How many doubles each part has, in the order in which they lie."""
        spec, at_once = self.spec, self.spec.lanes * self.spec.wide
        rows, kept = at_once * spec.threads, spec.kept
        return {
            "rows": rows * sum(spec.widths),
            "work": rows * self.storage.words,
            "dots": rows * self.dots.words,
            "parts": kept // at_once * spec.sums if spec.threads > 1 else 0,
            "left": kept * self.products.left.words,
            "right": kept * self.products.right.words,
            "starts": kept * len(spec.widths),
            **{f"copy{k}": kept * spec.widths[k] for k in self.copied},
        }

    @property
    def words(self) -> int:
        """The size of all parts, in doubles."""
        return sum(self.sizes.values())

    @property
    def words_a_row(self) -> int:
        """What each row takes that is kept, in doubles."""
        return sum(size for name, size in self.sizes.items() if name not in OF_A_BLOCK) // max(1, self.spec.kept)

    def pointers(self, e: Emitter) -> dict[str, str]:
        """The address of each part."""
        work, start, found = self.spec.layout.get(e, "work"), 0, {}
        for name, size in self.sizes.items():
            found[name] = e.at(work, start)
            start += size
        return found

    def enter(self, e: Emitter) -> None:
        """Name the addresses for a block: `%left.all` for a part; `%rows`, `%work`, `%dots` for what is this thread's.

        With threads, that is the thread of number %worker.
        """
        for name, pointer in self.pointers(e).items():
            e.do(f"%{name}.all = getelementptr inbounds double, ptr {pointer}, i64 0")
        threads = self.spec.threads
        for name in OF_A_BLOCK:
            own = e.let(f"mul i64 %worker, {self.sizes[name] // threads}") if threads > 1 else "0"
            e.do(f"%{name} = getelementptr inbounds double, ptr %{name}.all, i64 {own}")

    def go_to_slot(self, e: Emitter) -> None:
        """Name as `%left`, `%right`, `%starts` where the block's first row is: %slot rows are kept before it."""
        for name, words in (("left", 1), ("right", self.products.right.words), ("starts", 1)):
            before = e.let(f"mul i64 %slot, {words}")
            e.do(f"%{name} = getelementptr inbounds double, ptr %{name}.all, i64 {before}")
