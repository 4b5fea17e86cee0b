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
    t[i+9] = shared[i+1] * row[i+1]
    t[i+1] = t[i] + t[i+9]
output[0] = t[8]
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from micrograd.compiler.fold.forms import Access, Affine, Body, Folded, Line, Loop, Output
from micrograd.compiler.fold.ordering import ordered, uses_of
from micrograd.compiler.fold.padding import padding_of
from micrograd.compiler.fold.places import Places
from micrograd.compiler.fold.rolling import Entry, Rolled, parts, rolled, vector_of
from micrograd.compiler.tape.tape import Tape

OUTPUT = "output"
MOST_ROUNDS = 5


def fold(tape: Tape, *, rows: Collection[int] = (), places: Sequence[int] | None = None) -> Folded:
    """The tape as a folded program, whose results are the same to the bit.

    `rows` are the numbers of the inputs that differ from row to row, as for `Plan`. `places` gives each input's place
    in its space: by default they are counted in order, separately for rows and for all others.
    """
    tape = ordered(tape)
    where, inputs = _inputs(tape, frozenset(rows), places)
    numbered, padding = Places(tape, where), {}
    best = None
    for _ in range(MOST_ROUNDS):
        place, size = numbered.places(padding)
        entries = rolled(_entries(tape, where, place))
        body = _body(entries, [vector_of(entry) for entry in entries], [])
        folded = Folded(body, tuple(tape.outputs), size, inputs)
        if best and folded.lines >= best.lines:
            break
        best, padding = folded, padding_of(folded, numbered)
        if not padding:
            break
    assert best
    return best


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


def _entries(tape: Tape, inputs: list[tuple[str, int]], places: list[int]) -> Iterator[Entry]:
    """What is folded: for each instruction its name and its operands' spaces, and the places of all."""
    outputs: dict[int, list[int]] = {}
    for number, x in enumerate(tape.outputs.values()):
        if isinstance(x, int):
            outputs.setdefault(x, []).append(number)
    used = uses_of(tape)
    where: list[tuple[Any, int]] = []  # of each position of the tape
    for position, (name, *operands) in enumerate(tape.code):
        if name == "input":
            where.append(inputs[operands[0]])
        else:
            kind, vector = [name], [places[position]]
            for x in operands:
                space, at = where[x] if isinstance(x, int) else _constant(x)
                kind.append(space)
                vector.append(at)
            yield tuple(kind), tuple(vector)
            where.append(("temporary", places[position]))
        for number in outputs.get(position, ()):
            space, at = where[position]
            yield (f"{OUTPUT}, used" if used[position] > 1 else OUTPUT, space), (number, at)
    for number, x in enumerate(tape.outputs.values()):
        if isinstance(x, float):
            space, at = _constant(x)
            yield (OUTPUT, space), (number, at)


class _Constant:
    """The fraction of a constant, as part of a kind: equal to those with the same bits."""

    __slots__ = ("bits", "fraction")

    def __init__(self, fraction: float):
        self.fraction, self.bits = fraction, fraction.hex()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Constant) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)


def _constant(x: float) -> tuple[_Constant, int]:
    """A constant as a fraction and a whole number, so that 0.5, 1.5, 2.5 are steps; all others are their own kind."""
    if abs(x) < 2.0**31:  # not nan
        whole = math.floor(x)
        if (whole + (x - whole)).hex() == x.hex():
            return _Constant(x - whole), whole
    return _Constant(x), 0


def _body(entries: list[Any], vectors: Sequence[Any], outer: list[list[tuple[int, ...]]]) -> Body:
    """Entries as lines and loops. `vectors` has each entry's vector, `outer` for each loop around what its turns add."""
    out: list[Line | Output | Loop] = []
    for entry, vector, *steps in zip(entries, vectors, *outer):
        if isinstance(entry, Rolled):
            counts = tuple([step[0] for step in steps])
            body = _body(entry.body, parts(entry, vector), [*[parts(entry, step) for step in steps], entry.steps])
            out.append(Loop(Affine(vector[0], counts) if any(counts) else vector[0], body))
        else:
            out.append(_line(entry[0], vector, steps))
    return tuple(out)


def _line(kind: tuple[Any, ...], vector: tuple[int, ...], outer: list[tuple[int, ...]]) -> Line | Output:
    columns = list(zip(*outer)) if outer else [()] * len(vector)

    def access(k: int) -> Access:
        space = kind[k]
        if isinstance(space, _Constant):
            number = vector[k] + space.fraction if vector[k] else space.fraction  # 0 + -0.0 is 0.0
            return Access("counter" if any(columns[k]) else "constant", number, columns[k])
        return Access(space, vector[k], columns[k])

    operands = tuple([access(k) for k in range(1, len(kind))])
    if kind[0].startswith(OUTPUT):
        return Output(Affine(vector[0], columns[0]), operands[0])
    return Line(kind[0], Access("temporary", vector[0], columns[0]), operands)
