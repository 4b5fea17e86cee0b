"""Make compiled code notice what eager code raises an error for: `guarded(tape)`.

    >>> from micrograd.compiler.tape.guards import guarded
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x"])
    >>> tape.outputs["value"] = tape.append("atan", tape.append("div", 1.0, 0))
    >>> print(guarded(tape))
    %0 = input x
    %1 = div 1.0 %0
    %2 = atan %1
    %3 = abs %0
    %4 = le %3 0.0
    %5 = where %4 nan %2
    value %5

Native code divides by zero silently. Usually that shows: inf and nan pass through sums and products to the result, and
if a result is not finite, the function itself is run and raises its own error. But atan(inf) is finite, and a
comparison with nan is false. So where the nan or inf of an instruction may not reach the result, a condition on its
operands is added that makes the result nan if the instruction fails. Common nets need no guards.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from micrograd.compiler.tape.simplify import needed
from micrograd.compiler.tape.symbols import TAPE, Symbol
from micrograd.compiler.tape.tape import Operand, Tape

MOST = math.inf
LARGEST_EXP, LARGEST_SINH = 709.782712893384, 710.4758600739439  # the last x whose exp, or sinh, is finite


def _not_finite(x: Any) -> Any:
    return TAPE.where(abs(x) < MOST, 0.0, 1.0) > 0.5  # `nan < inf` is false too


# When Python raises an error, by instruction: a condition on its operands and, last, its result.
FAILS: dict[str, Callable[..., Any]] = {
    "div": lambda x, y, out: TAPE.abs(y) <= 0.0,
    "log": lambda x, out: x <= 0.0,
    "log1p": lambda x, out: x <= -1.0,
    "sqrt": lambda x, out: x < 0.0,
    "asin": lambda x, out: TAPE.abs(x) > 1.0,
    "acos": lambda x, out: TAPE.abs(x) > 1.0,
    "sin": lambda x, out: TAPE.abs(x) >= MOST,
    "cos": lambda x, out: TAPE.abs(x) >= MOST,
    "tan": lambda x, out: TAPE.abs(x) >= MOST,
    "exp": lambda x, out: (x > LARGEST_EXP) & (x < MOST),
    "expm1": lambda x, out: (x > LARGEST_EXP) & (x < MOST),
    "sinh": lambda x, out: (TAPE.abs(x) > LARGEST_SINH) & (TAPE.abs(x) < MOST),
    "cosh": lambda x, out: (TAPE.abs(x) > LARGEST_SINH) & (TAPE.abs(x) < MOST),
    "pow": lambda x, y, out: (TAPE.abs(x) < MOST) & (TAPE.abs(y) < MOST) & _not_finite(out),
}

# Instructions that give nan or inf whenever one of these operands is nan or inf.
PASSES_ON: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("add", "sub", "mul"), (0, 1)),
    **dict.fromkeys(("neg", "abs", "div", "sqrt", "log", "log1p"), (0,)),
}


def guarded(tape: Tape) -> Tape:
    """The tape with its first value nan where a failed instruction or required condition would not show.

    Local derivatives count only if an output needs them: in eager code, too, a failing one is an error only then.
    """
    out = Tape([])
    out.inputs, out.code, out.outputs = tape.inputs, [*tape.code], {**tape.outputs}
    shown, live = _shown(tape), needed(tape)
    conditions: list[Any] = []
    can_fail = [position for position, instruction in enumerate(tape.code) if instruction[0] in FAILS]
    lazily = {position for start, end in tape.derived for position in range(start, end)}
    always = [position for position in can_fail if position not in lazily]
    for position in [*always, *(position for position in can_fail if position in lazily and live[position])]:
        name, *operands = tape.code[position]
        if not shown[position] and not _is_safe(tape, name, operands):
            conditions.append(_on(out, FAILS[name], [*operands, position]))
    value = next((name for name in out.outputs if name.startswith("value")), None)
    if value is None:
        return out
    result: Any = _symbol(out, out.outputs[value])
    if conditions:
        result = TAPE.where(functools.reduce(operator.or_, conditions), math.nan, result)
    for required in tape.required:
        result = TAPE.where(Symbol(out, required) if isinstance(required, int) else required, result, math.nan)
    out.outputs[value] = result.operand if isinstance(result, Symbol) else float(result)
    return out


def _is_safe(tape: Tape, name: str, operands: list[Operand]) -> bool:
    """Whether an instruction cannot fail because of its form: exp(-abs(x)), as in sigmoid and softplus."""
    for outer in ("neg", "abs") if name in ("exp", "expm1") else ():
        if not isinstance(operands[0], int) or tape.code[operands[0]][0] != outer:
            return False
        operands = list(tape.code[operands[0]][1:])
    return name in ("exp", "expm1")


def _shown(tape: Tape) -> list[bool]:
    """Whether a nan or inf of each instruction always reaches an output."""
    out = [False] * len(tape)
    for x in tape.outputs.values():
        if isinstance(x, int):
            out[x] = True
    for position in reversed(range(len(tape))):
        if out[position]:
            instruction = tape.code[position]
            for place in PASSES_ON.get(instruction[0], ()):
                x = instruction[place + 1]
                if x.__class__ is int:
                    out[x] = True
    return out


def _symbol(tape: Tape, x: Operand) -> Any:
    return Symbol(tape, x) if isinstance(x, int) else x


def _on(tape: Tape, condition: Callable[..., Any], operands: list[Operand]) -> Any:
    return condition(*[_symbol(tape, x) for x in operands])
