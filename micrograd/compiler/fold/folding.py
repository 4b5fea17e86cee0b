"""Write a tape as loops: `fold(tape)` gives the folded program.

>>> from micrograd.compiler.fold.folding import fold
>>> from micrograd.compiler.tape.tape import Tape
>>> tape = Tape([f"w{i}" for i in range(9)] + [f"x{i}" for i in range(9)])
>>> total = tape.append("mul", 0, 9)
>>> for i in range(1, 9):
...     total = tape.append("add", total, tape.append("mul", i, i + 9))
>>> tape.outputs["value"] = total
>>> print(fold(tape, rows=range(9, 18)))
t[0] = shared[0] * row[0]
for i in 8:
    t[2*i+1] = shared[i+1] * row[i+1]
    t[2*i+2] = t[2*i] + t[2*i+1]
output[0] = t[16]
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from micrograd.compiler.fold.forms import Access, Affine, Body, Folded, Line, Loop, Output
from micrograd.compiler.fold.rolling import Entry, Rolled, rolled
from micrograd.compiler.tape.tape import Tape

OUTPUT = "output"


def fold(tape: Tape, *, rows: Collection[int] = (), places: Sequence[int] | None = None) -> Folded:
    """The tape as a folded program, whose results are the same to the bit.

    `rows` are the numbers of the inputs that differ from row to row, as for `Plan`. `places` gives each input's place
    in its space: by default they are counted in order, separately for rows and for all others.
    """
    where, inputs = _inputs(tape, frozenset(rows), places)
    body = rolled(_entries(tape, where))
    return Folded(_body(body, [[] for _ in body]), tuple(tape.outputs), len(tape) - len(tape.inputs), inputs)


def _inputs(tape: Tape, rows: frozenset[int], places: Sequence[int] | None) -> tuple[list[tuple[str, int]], Any]:
    """The space and place of each input; and the other way round, as in `Folded.inputs`."""
    found: dict[str, dict[int, int]] = {"row": {}, "shared": {}}
    where = []
    for number in range(len(tape.inputs)):
        space = "row" if number in rows else "shared"
        place = len(found[space]) if places is None else places[number]
        found[space][place] = number
        where.append((space, place))
    return where, tuple(
        (space, tuple([numbers.get(k, -1) for k in range(max(numbers, default=-1) + 1)]))
        for space, numbers in found.items()
    )


def _entries(tape: Tape, inputs: list[tuple[str, int]]) -> Iterator[Entry]:
    """What is folded: for each instruction its name and its operands' spaces, and the places of all."""
    outputs: dict[int, list[int]] = {}
    for number, x in enumerate(tape.outputs.values()):
        if isinstance(x, int):
            outputs.setdefault(x, []).append(number)
    where: list[tuple[Any, int]] = []  # of each position of the tape
    place = 0
    for position, (name, *operands) in enumerate(tape.code):
        if name == "input":
            where.append(inputs[operands[0]])
        else:
            kind, vector = [name], [place]
            for x in operands:
                space, at = where[x] if isinstance(x, int) else (_Constant(x), 0)
                kind.append(space)
                vector.append(at)
            yield tuple(kind), tuple(vector)
            where.append(("temporary", place))
            place += 1
        for number in outputs.get(position, ()):
            space, at = where[position]
            yield (OUTPUT, space), (number, at)
    for number, x in enumerate(tape.outputs.values()):
        if isinstance(x, float):
            yield (OUTPUT, _Constant(x)), (number, 0)


class _Constant:
    """A constant as part of a kind: equal to those with the same bits."""

    __slots__ = ("bits", "number")

    def __init__(self, number: float):
        self.number, self.bits = number, number.hex() if number else str(number)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Constant) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)


def _body(entries: list[Any], strides: list[list[tuple[int, ...]]]) -> Body:
    """Entries as lines and loops. `strides` has, for each entry and each loop around it, what a turn adds to its
    vector; the vector of a loop is made of those of its body, one after the other.
    """
    out: list[Line | Output | Loop] = []
    for entry, outer in zip(entries, strides):
        if isinstance(entry, Rolled):
            inner, start = [], 0
            for step, vector in zip(entry.steps, entry.vectors):
                end = start + len(vector)
                inner.append([*[stride[start:end] for stride in outer], step])
                start = end
            out.append(Loop(entry.count, _body(entry.body, inner)))
        else:
            out.append(_line(entry[0], entry[1], outer))
    return tuple(out)


def _line(kind: tuple[Any, ...], vector: tuple[int, ...], outer: list[tuple[int, ...]]) -> Line | Output:
    columns = list(zip(*outer)) if outer else [()] * len(vector)

    def access(k: int) -> Access:
        space = kind[k]
        if isinstance(space, _Constant):
            return Access("constant", space.number, (0,) * len(outer))
        return Access(space, vector[k], columns[k])

    operands = tuple([access(k) for k in range(1, len(kind))])
    if kind[0] == OUTPUT:
        return Output(Affine(vector[0], columns[0]), operands[0])
    return Line(kind[0], Access("temporary", vector[0], columns[0]), operands)
