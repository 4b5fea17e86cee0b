"""A tape as the entries that are folded, and what was folded as lines and loops.

    >>> from micrograd.compiler.fold.entries import EntriesOf
    >>> from micrograd.compiler.fold.ordering import ordered
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> tape.outputs["value"] = tape.append("mul", tape.append("add", 0, 1.5), 1)
    >>> entries = EntriesOf(ordered(tape), [("row", 0), ("row", 1)])
    >>> entries.names
    [('add', 'row', 0.5), ('mul', 'temporary', 'row'), ('output', 'temporary')]
    >>> entries.at([0, 0, 70, 80])
    Entries(kinds=[0, 1, 2], starts=[0, 3, 6, 8], numbers=[70, 0, 1, 80, 70, 1, 0, 80])

An entry's kind is an instruction's name and the spaces of its operands; its vector has the places of all. An output is
an entry too. A constant is its fraction and a whole number, which may grow from turn to turn of a loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from micrograd.compiler.fold.forms import Access, Affine, Body, Line, Loop, Output
from micrograd.compiler.fold.ordering import Ordered
from micrograd.compiler.fold.rolling import Entries, Rolled, parts

OUTPUT, USED = "output", "output, used"  # of a result that nothing else uses; of another one


class EntriesOf:
    """The entries of a tape, whatever the places of its results. `inputs` has each input's space and place."""

    def __init__(self, given: Ordered, inputs: list[tuple[str, int]]):
        tape, uses, _ = given
        self._inputs = [place for _, place in inputs]
        outputs: dict[int, list[int]] = {}
        constants = []
        for number, x in enumerate(tape.outputs.values()):
            if isinstance(x, int):
                outputs.setdefault(x, []).append(number)
            else:
                constants.append((number, x))
        self._fixed: list[int] = []  # numbers that are no places
        self._sources: list[int] = []  # of each number: a position of the tape, or after those a place in `_fixed`
        self._kinds: list[int] = []
        self._starts = [0]
        self._numbers: dict[Any, int] = {}
        self._count = count = len(tape)
        self._known: dict[str, tuple[Any, int]] = {}  # constants, by their bits
        spaces: list[str] = []
        for position, (name, *operands) in enumerate(tape.code):
            if name == "input":
                spaces.append(inputs[operands[0]][0])
            else:
                kind, sources = [name], [position]
                for x in operands:
                    if x.__class__ is int:
                        kind.append(spaces[x])
                        sources.append(x)
                    else:
                        fraction, source = self._constant(x)
                        kind.append(fraction)
                        sources.append(source)
                spaces.append("temporary")
                self._append(tuple(kind), sources)
            if position in outputs:
                kind_of_output = (USED if uses[position] > 1 else OUTPUT, spaces[position])
                for number in outputs[position]:
                    self._fixed.append(number)
                    self._append(kind_of_output, [count + len(self._fixed) - 1, position])
        for number, x in constants:
            fraction, source = self._constant(x)
            self._fixed.append(number)
            self._append((OUTPUT, fraction), [count + len(self._fixed) - 1, source])
        self.names: list[Any] = list(self._numbers)

    def _append(self, kind: Any, sources: list[int]) -> None:
        self._kinds.append(self._numbers.setdefault(kind, len(self._numbers)))
        self._sources += sources
        self._starts.append(len(self._sources))

    def _constant(self, x: float) -> tuple[Any, int]:
        """A constant's fraction, as part of a kind, and where its whole number is."""
        bits = x.hex()
        if bits not in self._known:
            fraction, whole = _fraction_and_whole(x)
            self._fixed.append(whole)
            self._known[bits] = fraction, self._count + len(self._fixed) - 1
        return self._known[bits]

    def at(self, places: Sequence[int]) -> Entries:
        """The entries, when the tape's results have these places."""
        table = [*self._inputs, *places[len(self._inputs) :], *self._fixed]
        return Entries(self._kinds, self._starts, list(map(table.__getitem__, self._sources)))

    def body(self, entries: list[Any], vectors: Sequence[Any], outer: Sequence[Any] = ()) -> Body:
        """Folded entries as lines and loops. `outer` has, for each loop around, what its turns add to each vector."""
        out: list[Line | Output | Loop] = []
        for entry, vector, *steps in zip(entries, vectors, *outer):
            if isinstance(entry, Rolled):
                counts = tuple([step[0] for step in steps])
                inner = [*[parts(entry, step) for step in steps], entry.steps]
                body = self.body(entry.body, parts(entry, vector), inner)
                out.append(Loop(Affine(vector[0], counts) if any(counts) else vector[0], body))
            else:
                out.append(_line(self.names[entry], vector, steps))
        return tuple(out)


class _Fraction(float):
    """The fraction of a constant, as part of a kind: equal to those with the same bits."""

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Fraction) and self.hex() == other.hex()

    def __hash__(self) -> int:
        return hash(self.hex())


def _fraction_and_whole(x: float) -> tuple[_Fraction, int]:
    """Two numbers whose sum is x, to the bit."""
    if abs(x) < 2.0**31:  # not nan
        whole = math.floor(x)
        if (whole + (x - whole)).hex() == x.hex():
            return _Fraction(x - whole), whole
    return _Fraction(x), 0


def _line(kind: tuple[Any, ...], vector: tuple[int, ...], steps: list[tuple[int, ...]]) -> Line | Output:
    columns = list(zip(*steps)) if steps else [()] * len(vector)

    def access(k: int) -> Access:
        space = kind[k]
        if isinstance(space, _Fraction):
            number = vector[k] + float(space) if vector[k] else float(space)  # 0 + -0.0 is 0.0
            return Access("counter" if any(columns[k]) else "constant", number, columns[k])
        return Access(space, vector[k], columns[k])

    operands = tuple([access(k) for k in range(1, len(kind))])
    if kind[0] in (OUTPUT, USED):
        return Output(Affine(vector[0], columns[0]), operands[0])
    return Line(kind[0], Access("temporary", vector[0], columns[0]), operands)
