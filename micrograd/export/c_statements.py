"""Write a tape's instructions as statements of C99, each on one line.

    >>> from micrograd.export.c_statements import Statements
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> total = tape.append("add", 0, 1)
    >>> scaled = tape.append("mul", 0.1, total)
    >>> statements = Statements(tape, ["x[0]", "x[1]"])
    >>> for line in statements.lines(range(len(tape.code))):
    ...     print(line)
    const double v1 = x[0] + x[1];
    const double v2 = 0x1.999999999999ap-4 * v1; /* 0.1 */
    >>> statements.of(scaled)
    'v2'

The statements compute what the instructions do, nan, inf and -0.0 included, with C99's operators and math.h.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from micrograd.compiler.tape.tape import CONDITIONS, Operand, Tape, is_condition
from micrograd.table import ELEMENTARY
from micrograd.words import unwrapped

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&&"}
INFIX["or"] = "||"
FUNCTIONS = {name: {"abs": "fabs"}.get(name, name) for name in ELEMENTARY if name != "where"}


def is_name(name: str) -> bool:
    """Whether C names may begin with this: ASCII letters, digits and _, a letter first."""
    return re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is not None


def literal(x: float) -> str:
    """A double as an exact C literal: decimal where that is exact, else hexadecimal."""
    if math.isnan(x):
        return "NAN"
    if math.isinf(x):
        return "INFINITY" if x > 0 else "-INFINITY"
    return repr(x) if Decimal(repr(x)) == Decimal(x) else x.hex()


def comment(*said: str) -> str:
    """A comment for the end of a line, empty if nothing is said; no text can end it early."""
    text = "; ".join(one for one in said if one)
    return f" /* {plain(text)} */" if text else ""


def plain(text: str) -> str:
    """Text that is safe in a comment: it neither begins nor ends one, and has no trigraph or line end."""
    return re.sub(r"[^\w .,;:\[\]()<>=+#%'-]", "_", unwrapped(text), flags=re.ASCII)


def decimals(xs: Iterable[object]) -> str:
    """In decimals, for people, the numbers that C has in hexadecimal."""
    return ", ".join(repr(x) for x in xs if isinstance(x, float) and "x" in literal(x))


def inputs_used(tape: Tape) -> set[int]:
    """The indices of the inputs that an instruction or an output uses. An output that is its own input uses none."""
    asked = [x for name, *rest in tape.code if name != "input" for x in rest]
    asked += [x for name, x in tape.outputs.items() if not isinstance(x, int) or not is_input(tape, x, name)]
    return {tape.code[x][1] for x in asked if isinstance(x, int) and tape.code[x][0] == "input"}


def is_input(tape: Tape, x: Operand, name: str) -> bool:
    """Whether an operand is the input with that name."""
    return isinstance(x, int) and tape.code[x][0] == "input" and tape.inputs[tape.code[x][1]] == name


def expression(name: str, given: Sequence[str]) -> str:
    """An instruction on operands that are written in C already: the first of a `where` as a condition."""
    if name == "where":
        return f"{given[0]} ? {given[1]} : {given[2]}"
    if name == "neg":
        return f"-({given[0]})" if given[0].startswith("-") else f"-{given[0]}"
    if name in INFIX:
        return f"{given[0]} {INFIX[name]} {given[1]}"
    return f"{FUNCTIONS[name]}({', '.join(given)})"


class Statements:
    """The statements for a tape whose inputs have the given names in C.

    `named` has comments for some results, by position: a neuron's name, for example. Variables are `prefix` and a
    number.
    """

    tape: Tape
    named: Mapping[int, str] | dict[int, str]
    prefix: str

    def __init__(self, tape: Tape, inputs: Sequence[str], *, named: Mapping[int, str] | None = None, prefix: str = "v"):
        self.tape, self.named, self.prefix = tape, named or {}, prefix
        self._names = {i: inputs[rest[0]] for i, (name, *rest) in enumerate(tape.code) if name == "input"}
        self._count = 0

    def of(self, x: Operand) -> str:
        """An operand in C: a constant, an input, or the variable of an earlier statement."""
        return self._names[x] if isinstance(x, int) else literal(x)

    def lines(self, positions: Iterable[int]) -> list[str]:
        """The statements of the instructions at these positions; inputs need none."""
        out = []
        for position in positions:
            name, *operands = self.tape.code[position]
            if name == "input":
                continue
            written = self._expression(name, operands)
            self._count += 1
            self._names[position] = f"{self.prefix}{self._count}"
            kind = "int" if name in CONDITIONS else "double"
            noted = comment(decimals(operands), self.named.get(position, ""))
            out.append(f"const {kind} {self._names[position]} = {written};{noted}")
        return out

    def _expression(self, name: str, operands: Sequence[Operand]) -> str:
        given = [self.of(x) for x in operands]
        if name == "where" and not is_condition(self.tape, operands[0]):
            given[0] += " != 0.0"
        return expression(name, given)


def array_of(declared: str, numbers: Sequence[float], noted: Sequence[str] = (), *, at_once: int = 1) -> str:
    """An array with a number on each line, or `at_once` numbers; an array of zeros needs no list.

    A comment on each line has the place of its first number and what is noted of it.
    """
    if not noted and not any(numbers):
        return f"{declared}[{len(numbers)}];"
    said = noted or [repr(x) for x in numbers]
    lines = [
        f"    {' '.join(f'{literal(x)},' for x in numbers[i : i + at_once])}{comment(f'{i}: {said[i]}')}"
        for i in range(0, len(numbers), at_once)
    ]
    return "\n".join([f"{declared}[{len(numbers)}] = {{", *lines, "};"])


def block(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head, "{", *(f"    {line}" for line in lines), "}"])
