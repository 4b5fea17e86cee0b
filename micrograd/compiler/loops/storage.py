"""Where numbers are kept that do not stay in registers: which lines write to memory, and at which address.

    >>> from micrograd.compiler.fold import fold
    >>> from micrograd.compiler.loops.shape import Shape
    >>> from micrograd.compiler.loops.storage import Storage
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(9)])
    >>> squares = [tape.append("mul", i, i) for i in range(9)]
    >>> for i in squares:
    ...     tape.outputs[f"exp{i}"] = tape.append("exp", i)
    >>> shape = Shape(fold(tape, rows=range(9)))
    >>> storage = Storage(shape)
    >>> storage.ask_in(shape.steps[1].nests, shape.steps[1].temporaries[0])
    >>> storage.lay_out()
    >>> storage.words, storage.address(shape.steps[0], shape.lines[0].line.result)
    (9, Affine(base=0, strides=(1,)))

A line whose results are read from memory gets an array with one element for each turn of its loops. Lines that are
read through one access share an array, in the order of their places. A sum that a loop around other loops carries
from turn to turn, such as `s[j]` in `for i: for j: s[j] += ...`, has no element for each i: it is kept in place. And
where only the last turn's result is read, as of the sum in `for i: for j: s[i] += ...`, that is stored after the loop.

`fold.storage` answers this for a program that one function runs. Native code splits it among functions, for what all
rows share, for blocks of rows, for sums of products: each tells, while it is written, what it finds in none of its own
registers, and arrays do not take each other's places, since functions that run later read them.
"""

from __future__ import annotations

from micrograd.compiler.fold import Access, Affine
from micrograd.compiler.loops.shape import Array, Nest, Shape, Step, affine_of, divisor, places
from micrograd.errors import NotAsLoops
from micrograd.extras import Lazy

np: Lazy = Lazy("numpy", extra="jit")
Asked = tuple[Access, tuple[Nest, ...]]  # an access, and the loops around it


class Storage:
    """First each read from memory is told by `ask_in`; then `lay_out` gives addresses. `words` counts the numbers for
    each row, `shared_words` those that all rows share.
    """

    in_place: dict[int, tuple[int, Access]]
    words: int
    shared_words: int

    def __init__(self, shape: Shape):
        self.shape = shape
        self.varies: set[int] = shape.varies
        self.in_place = {step.number: found for step in shape.lines if (found := _carried_around(shape, step))}
        self.stored: set[int] = set()
        self.after: set[int] = set()  # those of them that are stored after their innermost loop
        self.words = self.shared_words = 0
        self._asked: dict[Asked, list[Step]] = {}
        self._address = np.zeros(shape.folded.places, np.int64)
        self._forms: dict[Asked, Affine] = {}

    def ask_in(self, nests: tuple[Nest, ...], access: Access) -> None:
        """Note that an access is read from memory in the midst of these loops."""
        key = access, nests
        if key not in self._asked:
            found = np.unique(self.shape.writer[self._grid(nests, access)])
            self._asked[key] = [self.shape.steps[k] for k in found]
            self.stored |= {int(k) for k in found}

    def _grid(self, nests: tuple[Nest, ...], access: Access) -> Array:
        return places(access, nests[-1].counters if nests else ())

    def is_shared(self, nests: tuple[Nest, ...], access: Access) -> bool:
        """Whether all rows share what an access reads."""
        first = int(self._grid(nests, access).flat[0])
        return int(self.shape.writer[first]) not in self.varies

    def _stored_after(self) -> set[int]:
        """The lines of which memory has only the result of the last turn of their innermost loop."""
        early = {-1}
        for access, nests in self._asked:
            read = self._grid(nests, access)
            early |= set(np.unique(self.shape.writer[read[~self.shape.is_last[read]]]).tolist())
        found = {k for k in self.stored - early - self.in_place.keys() if self.shape.steps[k].nests}
        return {k for k in found if not self.shape.steps[k].nests[-1].may_be_empty}

    def lay_out(self) -> None:
        """Give each stored line its addresses. Lines that one access reads lie in one array."""
        self.after = self._stored_after()
        parent = {number: number for number in self.stored}

        def root(k: int) -> int:
            while parent[k] != k:
                parent[k] = parent[parent[k]]
                k = parent[k]
            return k

        for sources in self._asked.values():
            for source in sources:
                parent[root(source.number)] = root(sources[0].number)
        asked: dict[int, list[Asked]] = {}
        for key, sources in self._asked.items():
            asked.setdefault(root(sources[0].number), []).append(key)
        groups: dict[int, list[Step]] = {}
        for number in sorted(self.stored):
            groups.setdefault(root(number), []).append(self.shape.steps[number])
        self.words = self.shared_words = 0
        for first, steps in groups.items():
            written = [(step.line.result, step.nests) for step in steps]
            ways = [self._in_order_of_places, self._at_their_places]
            for lay_out in ways if len(steps) > 1 else [self._turn_by_turn, *ways]:
                size = lay_out(steps)
                if all(self._form(*key) for key in [*written, *asked.get(first, ())]):
                    break
            if steps[0].number in self.varies:
                start, self.words = self.words, self.words + size
            else:
                start, self.shared_words = self.shared_words, self.shared_words + size
            for step in steps:
                self._address[self.shape.places(step, step.line.result)] += start

    def _turn_by_turn(self, steps: list[Step]) -> int:
        """One element for each turn, the innermost loop's side by side."""
        (step,) = steps
        size, strides = 1, []
        for k, nest in reversed(list(enumerate(step.nests))):
            kept = k == self._axis(step)
            strides.append(0 if kept else size)
            size *= 1 if kept else nest.most
        own = self.shape.places(step, step.line.result)
        self._address[own] = places(Affine(0, tuple(reversed(strides))), step.counters)
        return size

    def _axis(self, step: Step) -> int:
        """The loop whose turns all have one element, by its depth; -1 if there is none."""
        if step.number in self.after:
            return len(step.nests) - 1
        found = self.in_place.get(step.number)
        return found[0] if found else -1

    def _last_places(self, step: Step) -> tuple[Array, Array]:
        """The places that a line writes, and for each that of the last turn, if all turns have one element."""
        own = last = self.shape.places(step, step.line.result)
        if (axis := self._axis(step)) >= 0:
            nest = step.nests[axis]
            left = nest.left if nest is step.nests[-1] else nest.most - 1 - step.counters[axis]
            last = own + step.line.result.strides[axis] * left
        return own, last

    def _in_order_of_places(self, steps: list[Step]) -> int:
        """In the order of the places, without gaps."""
        written = [self._last_places(step) for step in steps]
        used = np.unique(np.concatenate([last for _, last in written]))
        for own, last in written:
            self._address[own] = np.searchsorted(used, last)
        return len(used)

    def _at_their_places(self, steps: list[Step]) -> int:
        """In the order of the places, without only those gaps that all leave."""
        written = [self._last_places(step) for step in steps]
        used = np.unique(np.concatenate([last for _, last in written]))
        apart = divisor(iter((used - used[0]).tolist()))
        for own, last in written:
            self._address[own] = (last - used[0]) // apart
        return int(used[-1] - used[0]) // apart + 1

    def address(self, step: Step, access: Access) -> Affine:
        """The address that a step's access comes to, in the counters of the loops around it."""
        return self.address_in(step.nests, access)

    def written(self, step: Step) -> Affine:
        """Where a line's result is stored, in the counters of the loops around the store."""
        form = self.address(step, step.line.result)
        return Affine(form.base, form.strides[:-1]) if step.number in self.after else form

    def address_in(self, nests: tuple[Nest, ...], access: Access) -> Affine:
        key = access, nests
        if key not in self._forms:
            found = self._form(access, nests)
            if found is None:
                raise NotAsLoops(f"what `{access}` reads is not written in a regular order")
            self._forms[key] = found
        return self._forms[key]

    def _form(self, access: Access, nests: tuple[Nest, ...]) -> Affine | None:
        return affine_of(self._address[self._grid(nests, access)], nests[-1].counters if nests else ())


def _carried_around(shape: Shape, step: Step) -> tuple[int, Access] | None:
    """The loop, by its depth, from whose turn to whose next turn a line carries its result, and the operand that reads
    it there, if nobody else reads the results of turns before the last. Not the innermost loop: that needs no memory.
    """
    if not all(isinstance(nest.count, int) for nest in step.nests):
        return None
    for access in step.temporaries:
        for axis in range(len(step.nests) - 1):
            if step.result.strides[axis] and access.place == step.result.turn_before(axis):
                for reader, other in shape.readers[step.number]:
                    if reader is step and other == access:
                        continue
                    read = shape.places(reader, other)
                    turns = shape.turns[axis][read[shape.writer[read] == step.number]]
                    if (turns != step.nests[axis].most - 1).any():
                        return None
                return axis, access
    return None
