"""A folded program: instructions and loops around them. `print(folded)` shows it.

    >>> from micrograd.compiler.fold.forms import Access, Affine, Folded, Line, Loop, Output
    >>> product = Line("mul", Access("temporary", 0, (2,)), (Access("row", 0, (1,)), Access("shared", 0, (1,))))
    >>> output = Output(Affine(0, (1,)), Access("temporary", 0, (2,)))
    >>> print(Folded((Loop(5, (product, output)),), outputs=("a", "b", "c", "d", "e")))
    for i in 5:
        t[2*i] = row[i] * shared[i]
        output[i] = t[2*i]

Every number has a place, which is affine in the counters of the loops around it: a base, and a stride for each loop.
The instructions of a tape, written like this, are few if the tape came from loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAMES = "ijklmnpqrs"  # of the loops' counters, outermost first
OPERATORS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "and": "&",
    "or": "|",
}


@dataclass(frozen=True, slots=True)
class Affine:
    """`base` plus, for each loop around it, outermost first, the loop's stride times its counter."""

    base: int
    strides: tuple[int, ...] = ()

    def at(self, counters: Sequence[int]) -> int:
        """Its value when the loops around it have come to these counters."""
        value = self.base
        for stride, counter in zip(self.strides, counters, strict=True):
            value += stride * counter
        return value

    def turn_before(self, axis: int = -1) -> Affine:
        """The same, as it was one turn earlier of the loop at depth `axis`."""
        return Affine(self.base - self.strides[axis], self.strides)

    def last_turn(self, count: int | Affine) -> Affine:
        """Its value in the last of `count` turns of the innermost loop, in the counters of the others."""
        *strides, stride = self.strides
        if isinstance(count, int):
            return Affine(self.base + stride * (count - 1), tuple(strides))
        for k, step in enumerate(count.strides):
            strides[k] += stride * step
        return Affine(self.base + stride * (count.base - 1), tuple(strides))

    def outwards(self) -> Iterator[Affine]:
        """The same in the counters of all loops, then without the innermost, and so on while this changes nothing."""
        yield self
        for depth in range(len(self.strides) - 1, -1, -1):
            if self.strides[depth]:
                return
            yield Affine(self.base, self.strides[:depth])

    def __str__(self) -> str:
        return steps(str(self.base) if self.base or not any(self.strides) else "", self.strides)


@dataclass(frozen=True, slots=True)
class Access:
    """A number that a line reads or writes: a place in a space.

    `space` is "row" for an input that differs from row to row, "shared" for one that is the same for all rows,
    "temporary" for a result of a line; inputs may also be in spaces that whoever folds the tape has named. In the
    spaces "constant" and "counter" there are no places: `base` is the number itself, to which "counter" adds the
    strides times the loops' counters (a constant's strides are 0).
    """

    space: str
    base: int | float
    strides: tuple[int, ...] = ()

    @property
    def place(self) -> Affine:
        """Where it is in its space; a constant has no place."""
        assert isinstance(self.base, int)
        return Affine(self.base, self.strides)

    def __str__(self) -> str:
        if isinstance(self.base, float):
            text = steps(repr(self.base), self.strides)
            return f"({text})" if self.space == "counter" else text
        return f"{'t' if self.space == 'temporary' else self.space}[{self.place}]"


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction of the tape."""

    op: str
    result: Access
    operands: tuple[Access, ...]

    def __str__(self) -> str:
        return f"{self.result} = {expression(self.op, list(map(str, self.operands)))}"


@dataclass(frozen=True, slots=True)
class Output:
    """Output number `number` of the tape is `value`."""

    number: Affine
    value: Access

    def __str__(self) -> str:
        return f"output[{self.number}] = {self.value}"


@dataclass(frozen=True, slots=True)
class Loop:
    """`body`, `count` times, with the loop's counter going up from 0.

    A count that depends on the loops around it, as in `for j in i+1`, is an Affine of their counters.
    """

    count: int | Affine
    body: tuple[Line | Output | Loop, ...]


Body = tuple[Line | Output | Loop, ...]


@dataclass(frozen=True)
class Folded:
    """A program: its body, and the names of the outputs by their numbers.

    Run from top to bottom it writes every temporary's place at most once, before it is read; places are below `places`,
    and some are never written. `inputs` gives, for the spaces of inputs, the number of the tape's input at each
    place.
    """

    body: Body
    outputs: tuple[str, ...] = ()
    places: int = 0
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def lines(self) -> int:
        """How long it is: its instructions, its outputs and the heads of its loops."""
        return sum(1 for _ in walk(self.body))

    def __str__(self) -> str:
        return "\n".join(
            "    " * depth + (f"for {counter_name(depth)} in {entry.count}:" if isinstance(entry, Loop) else str(entry))
            for entry, depth in walk(self.body)
        )


def steps(base: str, strides: tuple[int, ...]) -> str:
    """What a place is for each loop's counter: `2*i+1`."""
    terms = [
        f"{'' if stride == 1 else '-' if stride == -1 else f'{stride}*'}{counter_name(depth)}"
        for depth, stride in enumerate(strides)
        if stride
    ]
    return "+".join([*terms, *([base] if base else [])]).replace("+-", "-")


def walk(body: Body, depth: int = 0) -> Iterator[tuple[Line | Output | Loop, int]]:
    """Every line, output and loop from top to bottom, with the number of the loops around it."""
    for entry in body:
        yield entry, depth
        if isinstance(entry, Loop):
            yield from walk(entry.body, depth + 1)


def counter_name(depth: int) -> str:
    """The name of the counter of a loop with `depth` loops around it."""
    return NAMES[depth] if depth < len(NAMES) else f"i{depth}"


def expression(op: str, operands: list[str]) -> str:
    """An instruction as it is written: `x + y`, `exp(x)`."""
    if op in OPERATORS:
        return f"{operands[0]} {OPERATORS[op]} {operands[1]}"
    return f"-{operands[0]}" if op == "neg" else f"{op}({', '.join(operands)})"
