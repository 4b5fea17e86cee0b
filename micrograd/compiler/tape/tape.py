"""A tape: a function of scalars as instructions in order, each result named once.

    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> total = tape.append("add", 0, 1)
    >>> tape.outputs["value"] = tape.append("div", 0, total)
    >>> print(tape)
    %0 = input x
    %1 = input y
    %2 = add %0 %1
    %3 = div %0 %2
    value %3

An instruction is its name followed by its operands. An operand is the position of an earlier instruction (an int) or
a constant (a float). Every pass reads and writes this form: static single assignment (Cytron et al. 1991), without
branches.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

Operand = int | float
Instruction = tuple[Any, ...]  # ("add", 3, 1.0); in ("input", 0), the operand is the input's number

# Instructions that are Python operators; all others are functions of the namespace `m`.
INFIX: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
}
CONDITIONS = {"lt", "le", "gt", "ge", "and", "or"}  # their results are true or false, not numbers

# Every other name is one of the table's ELEMENTARY functions.


class Tape:
    """Instructions in order, the names of the inputs, and the outputs by name.

    `print(tape)` shows it; `run(m, inputs)` computes it with any namespace of elementary functions.
    """

    def __init__(self, inputs: Sequence[str]):
        self.inputs: list[str] = list(inputs)
        self.code: list[Instruction] = [("input", i) for i in range(len(self.inputs))]
        self.outputs: dict[str, Operand] = {}
        self.closed = False  # whether its recording has ended: nothing may be written on it any more
        self.has_static = False  # whether error messages may suggest jit(f, static=...)
        self.required: list[Operand] = []  # conditions that must hold, such as that a label is -1 or 1
        self.derived: list[tuple[int, int]] = []  # ranges of positions that compute local derivatives

    def append(self, name: str, *operands: Operand) -> int:
        """Add an instruction; return its position."""
        self.code.append((name, *operands))
        return len(self.code) - 1

    def add_input(self, name: str) -> int:
        """Add an input; return its position."""
        self.inputs.append(name)
        return self.append("input", len(self.inputs) - 1)

    def __len__(self) -> int:
        return len(self.code)

    def __str__(self) -> str:
        lines = [
            f"%{i} = {' '.join([name, self.inputs[rest[0]] if name == 'input' else ' '.join(map(shown, rest))])}"
            for i, (name, *rest) in enumerate(self.code)
        ]
        return "\n".join([*lines, *(f"{name} {shown(x)}" for name, x in self.outputs.items())])

    __repr__ = __str__

    def run(self, m: Any, inputs: Sequence[Any]) -> dict[str, Any]:
        """The outputs, computed one instruction after the other, on the kind of number that `m` works on."""
        results: list[Any] = []

        def at(x: Operand) -> Any:
            return results[x] if isinstance(x, int) else x

        for name, *operands in self.code:
            if name == "input":
                results.append(inputs[operands[0]])
            else:
                results.append((INFIX.get(name) or getattr(m, name))(*map(at, operands)))
        return {name: at(x) for name, x in self.outputs.items()}


def shown(x: Operand) -> str:
    """An operand as it is printed: `%3`, or `0.5`."""
    return f"%{x}" if isinstance(x, int) else repr(x)


def is_condition(tape: Tape, x: Operand) -> bool:
    """Whether an operand is a condition rather than a number."""
    return isinstance(x, int) and tape.code[x][0] in CONDITIONS
