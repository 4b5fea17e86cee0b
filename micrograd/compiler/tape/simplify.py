"""Make a tape shorter without changing what it computes: `simplify(tape)` gives a new tape.

    >>> from micrograd.compiler.tape.simplify import simplify
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x"])
    >>> one = tape.append("sub", 3.0, 2.0)
    >>> scaled = tape.append("mul", 0, one)
    >>> unused = tape.append("exp", scaled)
    >>> tape.outputs["value"] = tape.append("add", scaled, tape.append("mul", one, 0))
    >>> print(simplify(tape))
    %0 = input x
    %1 = add %0 %0
    value %1

Instructions on constants are computed now. Instructions that change nothing are dropped, but only by identities that
hold for every float, nan, inf and -0.0 included: x * 0, x - x and x + 0.0 stay (the last turns -0.0 into 0.0; where x
cannot be -0.0, it goes). Equal instructions become one. Instructions that no output needs are left out.

One identity is not exact: a power with a small integer exponent becomes multiplications, within three roundings.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from micrograd.compiler.tape.symbols import TAPE
from micrograd.compiler.tape.tape import CONDITIONS, INFIX, Instruction, Operand, Tape

COMMUTATIVE = {"add", "mul", "and", "or"}
MIRRORED = {"gt": "lt", "ge": "le"}  # the same comparison with the operands swapped


def simplify(tape: Tape, *, exact: bool = False) -> Tape:
    """A tape with the same inputs and outputs and at most as many instructions, in the same order.

    With `exact`, powers stay: every result is the same to the last bit.
    """
    return without_dead_code(without_repeats(tape, exact=exact))


def without_repeats(tape: Tape, *, exact: bool = False) -> Tape:
    """The tape with constants folded, identities applied and equal instructions merged, in a single pass.

    What no output needs is left out from the first: a recorded backward pass has much of it.
    """
    wanted = needed(tape)
    out = Tape([])
    out.inputs = list(tape.inputs)
    out.code = []
    renamed: list[Operand] = []
    seen: dict[tuple[object, ...], int] = {}

    def emit(name: str, *operands: Operand) -> Operand:
        """The operand that stands for this instruction: its own position, an earlier one, or a constant."""
        if name in MIRRORED:
            name, operands = MIRRORED[name], operands[::-1]
        simpler = folded(name, operands) if name != "input" else None
        if simpler is None and not (exact and name == "pow"):
            simpler = shortened(name, operands, out, emit)
        if simpler is not None:
            return simpler
        x, *rest = operands
        if name in COMMUTATIVE and (x.__class__ is float or (rest[0].__class__ is int and rest[0] < x)):
            return once((name, *map(_key, rest), _key(x)), (name, *operands))
        return once((name, *map(_key, operands)), (name, *operands))

    def once(key: tuple[object, ...], instruction: Instruction) -> int:
        """The position of this instruction, or of an equal one before it."""
        position = seen.get(key)
        if position is None:
            position = seen[key] = len(out.code)
            out.code.append(instruction)
        return position

    for position, (name, *operands) in enumerate(tape.code):
        if name == "input":
            renamed.append(once((name, operands[0]), (name, operands[0])))
            continue
        if not wanted[position]:
            renamed.append(0.0)  # no instruction that is wanted reads it
            continue
        operands = [renamed[x] if x.__class__ is int else x for x in operands]
        if len(operands) == 2 and operands[0].__class__ is operands[1].__class__ is int and name not in MIRRORED:
            x, y = operands  # no identity holds for two results, so most instructions need no calls
            instruction = name, x, y
            renamed.append(once((name, y, x) if y < x and name in COMMUTATIVE else instruction, instruction))
        else:
            renamed.append(emit(name, *operands))
    out.outputs = {name: renamed[x] if isinstance(x, int) else x for name, x in tape.outputs.items()}
    return out


def _key(x: Operand) -> object:
    return x if x.__class__ is int else struct.pack("d", x)  # compare bits, because 0.0 == -0.0 and nan != nan


def folded(name: str, operands: tuple[Operand, ...]) -> float | None:
    """The value of an instruction on constants; None if an operand is not a constant or it fails."""
    if any(isinstance(x, int) for x in operands) or name in CONDITIONS:
        return None
    try:
        return float((INFIX.get(name) or getattr(TAPE, name))(*operands))
    except (ArithmeticError, ValueError):
        return None


def shortened(name: str, operands: tuple[Operand, ...], tape: Tape, emit: Callable[..., Operand]) -> Operand | None:
    """A simpler operand equal to this instruction, by identities that hold for every float; None if there is none."""
    x = operands[0]
    y = operands[1] if len(operands) > 1 else None
    if name == "mul":
        for factor, other in ((x, y), (y, x)):
            if _is(factor, 1.0):
                return other
            if _is(factor, -1.0):
                return emit("neg", other)
    elif name == "div":
        if _is(y, 1.0):
            return x
        if isinstance(y, float) and _has_exact_reciprocal(y):
            return emit("mul", x, 1.0 / y)
    elif name == "add":
        if _is(y, -0.0):
            return x
        if _is(x, -0.0):
            return y
        for zero, other in ((x, y), (y, x)):
            if _is(zero, 0.0) and _is_no_negative_zero(other, tape):
                return other
    elif name == "sub":
        if _is(y, 0.0):
            return x
        if _is(x, -0.0):
            assert y is not None
            return emit("neg", y)
    elif name in ("neg", "abs") and isinstance(x, int):
        inner, *rest = tape.code[x]
        if name == "neg" and inner == "neg":
            return rest[0]
        if name == "abs" and inner in ("neg", "abs"):
            return emit("abs", rest[0])
    elif name == "where":
        if operands[1] == operands[2] and _key(operands[1]) == _key(operands[2]):
            return operands[1]
        if isinstance(x, float):
            return operands[1] if x else operands[2]
    elif name == "pow" and isinstance(y, float):
        return _power(x, y, emit)
    return None


def _is(x: Operand | None, constant: float) -> bool:
    return isinstance(x, float) and _key(x) == _key(constant)


def _is_no_negative_zero(x: Operand | None, tape: Tape) -> bool:
    """Whether x cannot be -0.0: then 0.0 + x is x. Sums that start from 0.0 give such numbers."""
    if not isinstance(x, int):
        return False
    name, *operands = tape.code[x]
    return name in ("abs", "exp") or (name == "add" and any(_is(operand, 0.0) for operand in operands))


def _has_exact_reciprocal(x: float) -> bool:
    """Whether x is a power of two whose reciprocal is a normal number: then y / x equals y * (1/x), to the bit."""
    return math.isfinite(x) and abs(math.frexp(x)[0]) == 0.5 and 2.0**-1000 < abs(x) < 2.0**1000


def _power(x: Operand, exponent: float, emit: Callable[..., Operand]) -> Operand | None:
    """x**n for n from -4 to 4 by multiplications, which overflow and underflow only where the power does."""
    if exponent == 0.0:
        return 1.0
    if not exponent.is_integer() or abs(exponent) > 4:
        return None
    base = x if exponent > 0 else emit("div", 1.0, x)
    n = abs(exponent)
    if n == 1:
        return base
    square = emit("mul", base, base)
    return square if n == 2 else emit("mul", square, base if n == 3 else square)


def needed(tape: Tape) -> bytearray:
    """Whether some output needs each instruction."""
    out = bytearray(len(tape))
    for x in tape.outputs.values():
        if isinstance(x, int):
            out[x] = True
    for position in reversed(range(len(tape))):
        instruction = tape.code[position]
        if out[position] and instruction[0] != "input":
            for x in instruction:
                if x.__class__ is int:
                    out[x] = True
    return out


def without_dead_code(tape: Tape) -> Tape:
    """Only the inputs and the instructions that some output needs, in their order."""
    wanted = needed(tape)
    return selected(tape, [i for i, instruction in enumerate(tape.code) if wanted[i] or instruction[0] == "input"])


def selected(tape: Tape, positions: list[int]) -> Tape:
    """The tape with only the instructions at these positions, renumbered."""
    out = Tape([])
    out.inputs = list(tape.inputs)
    place = [0] * len(tape)
    for new, old in enumerate(positions):
        place[old] = new
    for position in positions:
        instruction = tape.code[position]
        if instruction[0] != "input":
            instruction = tuple([place[x] if x.__class__ is int else x for x in instruction])
        out.code.append(instruction)
    out.outputs = {name: place[x] if isinstance(x, int) else x for name, x in tape.outputs.items()}
    return out
