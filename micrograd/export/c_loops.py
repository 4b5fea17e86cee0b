"""Write a folded tape as C99: its lines are statements, its loops are loops.

    >>> from micrograd.compiler.fold import fold
    >>> from micrograd.compiler.tape.tape import Tape
    >>> from micrograd.export.c_loops import loop_statements
    >>> tape = Tape([f"x[{i}]" for i in range(9)])
    >>> total = tape.append("mul", 0, 0)
    >>> for i in range(1, 9):
    ...     total = tape.append("add", total, tape.append("mul", i, i))
    >>> tape.outputs["y[0]"] = total
    >>> print(*loop_statements(fold(tape, spaces=["x"] * 9), "y"), sep="\\n")
    const double v0 = x[0] * x[0];
    double v3 = v0;
    for (int i = 0; i < 8; i++) {
        const double v2 = x[i+1] * x[i+1];
        v3 = v3 + v2;
    }
    y[0] = v3;

A result is a variable: a constant where all that read it are in the same turn of the same loops, and otherwise declared
outside the loops that carry it. What is read later is in an array, `kept`: see `fold.storage`. A small one is the
function's own, on the stack; a large one is given by the function's caller.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from micrograd.compiler.fold import Access, Affine, Cell, Folded, Line, Loop, Output, Variable, storage
from micrograd.compiler.fold.forms import Body, counter_name
from micrograd.compiler.fold.images import Loops, least
from micrograd.export.c_statements import comment, decimals, expression, literal

Kept = Variable | Cell
SMALL = 512  # numbers: 4 kB, which any stack has room for
Position = tuple[int, ...]  # of an entry: its number in its loop's body, after the numbers of the loops around it


def loop_statements(folded: Folded, results: str) -> list[str]:
    """The statements of a program whose inputs' spaces are C arrays; its outputs become numbers of the array `results`.
    There must be an array `kept` of as many numbers as `given_room(folded)` says, if it is not 0.

    They compute what the program does to the bit, if the compiler keeps to C99: multiplications and additions are not
    fused (gcc: -std=c99).
    """
    writer = _LoopWriter(folded, results)
    size, room = writer.storage.size, []
    zero = writer.reads_unwritten(folded.body, ())
    if size > SMALL:
        room = [f"for (int i = 0; i < {size}; i++) {{", "    kept[i] = 0.0;", "}"] if zero else []
    elif size:
        room = [f"double kept[{size}]{' = {0.0}' if zero else ''};"]
    return [*room, *writer.body(folded.body, ())]


def given_room(folded: Folded) -> int:
    """How many numbers there must be in `kept` for a program's statements; 0 if these have an array of their own."""
    size = storage(folded).size
    return size if size > SMALL else 0


class _LoopWriter:
    def __init__(self, folded: Folded, results: str):
        self.storage = storage(folded)
        self._results = results
        self._uses: dict[Variable, list[Position]] = defaultdict(list)
        self._own: dict[Variable, Position] = {}
        self._read: set[Variable] = set()
        self._find(folded.body, ())
        # The variables that are declared before an entry, because other turns or other loops read them.
        self._declared: dict[Position, list[Variable]] = defaultdict(list)
        self._constant: set[Variable] = set()
        for variable, own in self._own.items():
            uses = [own, *self._uses[variable]]
            shared = _common([use[:-1] for use in uses])
            if shared == len(own) - 1:
                self._constant.add(variable)
            else:
                self._declared[min(use[: shared + 1] for use in uses)].append(variable)

    def _find(self, body: Body, around: Position) -> None:
        """Find where each variable is written, read, set before a loop or stored after it."""
        for number, entry in enumerate(body):
            position = (*around, number)
            if isinstance(entry, Loop):
                loop = self.storage.loops[id(entry)]
                for variable, start in loop.carried:
                    self._uses[variable].append(position)
                    self._reads(start, position)
                for variable, _ in loop.stores:
                    self._reads(variable, position)
                self._find(entry.body, position)
                continue
            kept = self.storage.lines[id(entry)]
            for where in kept.reads.values():
                self._reads(where, position)
            if kept.variable:
                self._own[kept.variable] = position

    def _reads(self, where: Kept, position: Position) -> None:
        if isinstance(where, Variable):
            self._uses[where].append(position)
            self._read.add(where)

    def reads_unwritten(self, body: Body, around: Loops) -> bool:
        """Whether a place may be read that nothing has written: what a loop starts from, if a loop may have no turns.

        That number is not used then, but a compiler may warn of it.
        """
        for entry in body:
            if isinstance(entry, Loop):
                loops = (*around, entry)
                from_memory = any(isinstance(start, Cell) for _, start in self.storage.loops[id(entry)].carried)
                if (from_memory and _may_have_no_turns(loops)) or self.reads_unwritten(entry.body, loops):
                    return True
        return False

    # ------------------------------------------------------------ statements

    def body(self, body: Body, around: Position) -> list[str]:
        """The statements of a loop's body."""
        lines: list[str] = []
        for number, entry in enumerate(body):
            position = (*around, number)
            if isinstance(entry, Loop):
                lines += self._loop(entry, position)
            elif isinstance(entry, Output):
                read = self.storage.lines[id(entry)].reads.get(0)
                lines.append(f"{self._results}[{entry.number}] = {_operand(entry.value, read)};")
            else:
                lines += [*(f"double {variable} = 0.0;" for variable in self._declared[position]), self._line(entry)]
        return lines

    def _line(self, line: Line) -> str:
        kept = self.storage.lines[id(line)]
        given = [_operand(x, kept.reads.get(k)) for k, x in enumerate(line.operands)]
        if line.op == "where":  # here conditions are numbers too
            given[0] += " != 0.0"
        to = [] if kept.cell is None else [_cell(kept.cell)]
        if kept.variable in self._read or not to:
            to.insert(0, f"{'const double ' if kept.variable in self._constant else ''}{kept.variable}")
        noted = comment(decimals([x.base for x in line.operands if x.space == "constant"]))
        return f"{' = '.join(to)} = {expression(line.op, given)};{noted}"

    def _loop(self, loop: Loop, position: Position) -> list[str]:
        kept, counter = self.storage.loops[id(loop)], counter_name(len(position) - 1)
        carried = {variable: start for variable, start in kept.carried if start != variable}
        # All are set at once: keep what other statements would replace.
        replaced = [variable for variable, start in carried.items() if start in carried]
        declared = {variable for variable in self._declared[position] if replaced or variable not in carried}
        inline = set(self._declared[position]) - declared
        return [
            *(f"double {variable} = 0.0;" for variable in self._declared[position] if variable in declared),
            *(f"const double {variable}_first = {carried[variable]};" for variable in replaced),
            *(
                f"{'double ' if variable in inline else ''}{variable} = "
                f"{f'{variable}_first' if variable in replaced else _kept(start)};"
                for variable, start in carried.items()
            ),
            f"for (int {counter} = 0; {counter} < {loop.count}; {counter}++) {{",
            *(f"    {line}" for line in self.body(loop.body, position)),
            "}",
            *(f"{_cell(cell)} = {variable};" for variable, cell in kept.stores),
        ]


def _may_have_no_turns(loops: Loops) -> bool:
    """Whether the innermost of these loops, or one inside it, may have none."""
    inside = [(*loops, entry) for entry in loops[-1].body if isinstance(entry, Loop)]
    return least(loops, len(loops) - 1) <= 0 or any(map(_may_have_no_turns, inside))


def _common(positions: Sequence[Position]) -> int:
    """How many numbers at the beginning all of them share."""
    return sum(1 for _ in itertools.takewhile(lambda numbers: len(set(numbers)) == 1, zip(*positions)))


def _operand(access: Access, where: Kept | None) -> str:
    """What a line reads: what `storage` says, a constant, or an input."""
    if where is not None:
        return _kept(where)
    if access.space == "constant":
        return literal(float(access.base))
    if access.space == "counter":
        return f"({literal(float(access.base))} + (double)({Affine(0, access.strides)}))"
    return f"{access.space}[{access.place}]"


def _kept(where: Kept) -> str:
    return _cell(where) if isinstance(where, Cell) else str(where)


def _cell(cell: Cell) -> str:
    return f"kept[{cell.place}]"


def places_of(inputs: Sequence[str]) -> tuple[list[str], list[int]]:
    """The arrays, and the places in them, of inputs in C: `x[3]` is place 3 of `x`. Unused inputs are in none."""
    split = [text.rstrip("]").partition("[") for text in inputs]
    return [array for array, _, _ in split], [int(place or 0) for _, _, place in split]
