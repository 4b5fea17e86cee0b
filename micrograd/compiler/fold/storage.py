"""Where each number of a folded program is kept: `storage(folded)`.

    >>> from micrograd.compiler.fold.folding import fold
    >>> from micrograd.compiler.fold.storage import storage
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(9)])
    >>> total = tape.append("mul", 0, 0)
    >>> for i in range(1, 9):
    ...     total = tape.append("add", total, tape.append("mul", i, i))
    >>> tape.outputs["value"] = total
    >>> print(storage(fold(tape)))
    v0 = shared[0] * shared[0]
    v3 = v0
    for i in 8:
        v2 = shared[i+1] * shared[i+1]
        v3 = v3 + v2
    output[0] = v3

Each line's result is a variable, which an emitter keeps in a register: a read of it is a read of what the line wrote
last. A variable lives within a turn of a loop; or it is carried to the next turn, as a sum is, and has an initial value
before the loop. What other loops read later, or in another order, goes to memory: after a loop, if only the last turn's
number is needed. Memory is one block of numbers, `m`: an array in it is as small as its first and last place allow; an
array that each turn of a loop has to itself is the same in all turns; and arrays take the place of those that nothing
reads any more.

This is for a program that one function runs from top to bottom. `loops.storage` is for native code, which splits it
among functions: what one of them keeps in a register, another reads from memory, and later than the program says.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from micrograd.compiler.fold.arrays import Arrays
from micrograd.compiler.fold.forms import Affine, Body, Folded, Line, Loop, Output, counter_name, expression
from micrograd.compiler.fold.images import Footprint, Loops, final, least, without_last_turn


@dataclass(frozen=True, slots=True)
class Variable:
    """The variable of a line, by the line's number from the top of the program."""

    line: int

    def __str__(self) -> str:
        return f"v{self.line}"


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in memory, affine in the counters of the loops around it."""

    place: Affine

    def __str__(self) -> str:
        return f"m[{self.place}]"


Kept = Variable | Cell


@dataclass
class KeptLine:
    """`variable` holds a line's result (None for an output); `reads` says, by the operand's number, where to read those
    that are temporaries; if there is a `cell`, the result is stored there as well.
    """

    variable: Variable | None
    reads: dict[int, Kept] = field(default_factory=dict)
    cell: Cell | None = None


@dataclass
class KeptLoop:
    """`carried` are the variables that need a value before the first turn, with where it is read, before all others are
    set: it may be the variable itself. `stores` are the variables stored after the last turn.
    """

    carried: list[tuple[Variable, Kept]] = field(default_factory=list)
    stores: list[tuple[Variable, Cell]] = field(default_factory=list)


@dataclass
class Storage:
    """`lines[id(entry)]` and `loops[id(entry)]` say where the numbers of a line, an output, a loop are; `size` is the
    number of places in memory. `print(storage)` shows the program, after a line with how it runs, if `how` says so.
    """

    folded: Folded
    lines: dict[int, KeptLine]
    loops: dict[int, KeptLoop]
    size: int
    how: str = ""

    def __str__(self) -> str:
        return "\n".join([*([f"# {self.how}"] if self.how else []), *self._shown(self.folded.body, 0)])

    def _shown(self, body: Body, depth: int) -> Iterator[str]:
        indent = "    " * depth
        for entry in body:
            if isinstance(entry, Loop):
                loop = self.loops[id(entry)]
                yield from [f"{indent}{to} = {start}" for to, start in loop.carried if to != start]
                yield f"{indent}for {counter_name(depth)} in {entry.count}:"
                yield from self._shown(entry.body, depth + 1)
                yield from [f"{indent}{cell} = {variable}" for variable, cell in loop.stores]
                continue
            kept = self.lines[id(entry)]
            if isinstance(entry, Output):
                yield f"{indent}output[{entry.number}] = {kept.reads.get(0, entry.value)}"
                continue
            operands = [str(kept.reads.get(k, x)) for k, x in enumerate(entry.operands)]
            to = f"{kept.variable} = {kept.cell}" if kept.cell else f"{kept.variable}"
            yield f"{indent}{to} = {expression(entry.op, operands)}"


def storage(folded: Folded) -> Storage:
    """Where the numbers of a program are kept."""
    return _Analysis(folded).result()


@dataclass(eq=False)
class _Writer:
    """A line, its number, the loops around it, and where its result is."""

    line: Line
    number: int
    loops: Loops
    carried: set[int] = field(default_factory=set)  # the depths of those loops that it is carried through


@dataclass(eq=False)
class _Read:
    """A read of a temporary, at a number in the program's order. `owner` is told where it is kept."""

    place: Affine
    number: int
    loops: Loops
    entry: int  # of the outermost loop or line: its number in the program's body
    owner: Any
    cell: Any = None


class _Analysis:
    def __init__(self, folded: Folded):
        self._folded = folded
        self._writers: list[_Writer] = []
        self._same: dict[Hashable, _Writer] = {}
        self._before: dict[Hashable, _Writer] = {}
        self._numbers: dict[int, int] = {}  # of loops, by their ids
        self._tops: list[int] = []  # for each number: which entry of the program's body it is in
        self._reads: list[_Read] = []
        self.lines: dict[int, KeptLine] = {}
        self.loops: dict[int, KeptLoop] = {}
        self._collect(folded.body, ())

    def _collect(self, body: Body, loops: Loops) -> None:
        for index, entry in enumerate(body):
            number = len(self._tops)
            self._tops.append(self._tops[self._numbers[id(loops[0])]] if loops else index)
            if isinstance(entry, Loop):
                self._numbers[id(entry)] = number
                self.loops[id(entry)] = KeptLoop()
                self._collect(entry.body, (*loops, entry))
                continue
            operands = (entry.value,) if isinstance(entry, Output) else entry.operands
            kept = self.lines[id(entry)] = KeptLine(Variable(number) if isinstance(entry, Line) else None)
            for k, operand in enumerate(operands):
                if operand.space == "temporary":
                    self._read(operand.place, number, loops, (kept, k))
            if isinstance(entry, Line):
                writer = _Writer(entry, number, loops)
                self._writers.append(writer)
                for depth in range(len(loops) + 1):
                    place = final(entry.result.place, loops, depth)
                    around = tuple(map(id, loops[:depth]))
                    self._same[around, place] = writer
                    if depth:
                        self._before[around, place.turn_before()] = writer

    def _read(self, place: Affine, number: int, loops: Loops, owner: Any) -> None:
        self._reads.append(_Read(place, number, loops, self._tops[number], owner))

    def result(self) -> Storage:
        """Find the variable that each read reads, if any; then the memory for all others."""
        later, found = [], 0
        while found < len(self._reads):  # carrying a variable adds the read of its initial value
            read = self._reads[found]
            found += 1
            if not self._carries(read):
                later.append(read)
        in_memory = [read for read in later if not self._is_variable(read)]
        wanted = Footprint((read.place, read.loops) for read in in_memory)
        arrays = Arrays()
        cells: list[tuple[_Writer, int, Any]] = []
        for writer in self._writers:
            place, depth = writer.line.result.place, len(writer.loops)
            if not wanted.touches(place, writer.loops):
                continue
            while depth and self._is_run(writer, depth - 1):
                if wanted.touches(final(place, writer.loops, depth), without_last_turn(writer.loops[:depth])):
                    break
                depth -= 1
            loops = writer.loops[:depth]
            top = self._tops[writer.number]
            cells.append((writer, depth, arrays.add(final(place, writer.loops, depth), loops, top)))
        for read in in_memory:
            read.cell = arrays.add(read.place, read.loops, read.entry)
        size = arrays.lay_out()
        for read in in_memory:
            self._keep(read, Cell(arrays.place(read.cell)))
        for writer, depth, key in cells:
            cell = Cell(arrays.place(key))
            if depth == len(writer.loops):
                self.lines[id(writer.line)].cell = cell
            else:
                self.loops[id(writer.loops[depth])].stores.append((Variable(writer.number), cell))
        return Storage(self._folded, self.lines, self.loops, size)

    def _keep(self, read: _Read, where: Kept) -> None:
        kept, key = read.owner
        if isinstance(kept, KeptLine):
            kept.reads[key] = where
        else:
            kept.carried.append((key, where))

    def _depths(self, read: _Read) -> Iterator[tuple[Hashable, int]]:
        """Where a read may find its writer: the loops around both, and the place by their counters."""
        for place in read.place.outwards():
            depth = len(place.strides)
            yield (tuple(map(id, read.loops[:depth])), place), depth

    def _carries(self, read: _Read) -> bool:
        """Keep a read of what a line wrote in the turn before, if it is one; then that variable is carried."""
        for key, depth in self._depths(read):
            writer = self._before.get(key)
            if writer is None or read.number > writer.number or not self._is_all_run(writer, depth, read):
                continue
            loop = read.loops[depth - 1]
            if depth - 1 not in writer.carried:
                writer.carried.add(depth - 1)
                place = final(writer.line.result.place, writer.loops, depth)
                initial = place.last_turn(0)  # of the turn before the first
                owner = (self.loops[id(loop)], Variable(writer.number))
                self._read(initial, self._numbers[id(loop)], read.loops[: depth - 1], owner)
            self._keep(read, Variable(writer.number))
            return True
        return False

    def _is_variable(self, read: _Read) -> bool:
        """Keep a read of what a line wrote in the same turn of the loops around both, if it is one."""
        for key, depth in self._depths(read):
            writer = self._same.get(key)
            if writer is not None and writer.number < read.number and self._is_all_run(writer, depth, read):
                self._keep(read, Variable(writer.number))
                return True
        return False

    def _is_all_run(self, writer: _Writer, depth: int, read: _Read) -> bool:
        """Whether a variable has the value that the loops inside the common ones leave, even if they do not run."""
        if len(writer.loops) > depth < len(read.loops) and writer.loops[depth] is read.loops[depth]:
            return False  # they have more loops in common
        return all(self._is_run(writer, k) for k in range(depth, len(writer.loops)))

    def _is_run(self, writer: _Writer, which: int) -> bool:
        return which in writer.carried or least(writer.loops, which) > 0
