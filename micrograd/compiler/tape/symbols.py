"""Symbols stand for numbers that have no value yet: every operation on them is written on a tape.

    >>> from micrograd.compiler.tape.symbols import Symbol, TAPE
    >>> from micrograd.compiler.tape.tape import Tape
    >>> from micrograd.ops import sigmoid
    >>> tape = Tape(["x"])
    >>> value, derivatives = sigmoid.op.rule(TAPE, Symbol(tape, 0))
    >>> tape.outputs["value"] = value.operand
    >>> print(tape)
    %0 = input x
    %1 = abs %0
    %2 = neg %1
    %3 = exp %2
    %4 = lt %0 0.0
    %5 = where %4 %3 1.0
    %6 = add 1.0 %3
    %7 = div %5 %6
    value %7

The rules of the table write their own code this way, as do `backward` and the optimizers.
"""

from __future__ import annotations

import numbers
import sys
from typing import Any

from micrograd import modes
from micrograd.anomaly import is_of_this_package, line_of_the_user
from micrograd.coerce import ARRAY_PRIORITY, Recordable, is_bool
from micrograd.compiler.tape.tape import CONDITIONS, Operand, Tape
from micrograd.errors import TraceError
from micrograd.table import Op
from micrograd.written import Writing, Written

COMPARED = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|"}
SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "neg": "-", **COMPARED}


def _grouped(shown: str) -> str:
    return f"({shown})" if " " in shown and not shown.endswith(")") else shown


def trace_error(what: str, advice: str) -> TraceError:
    """The error for what the user's line did, with the line and what to write instead."""
    return TraceError(f"{what}, at {line_of_the_user(sys._getframe(1))}; {advice}")


class Symbol(Written, Recordable):
    """The result of an instruction. Arithmetic and comparisons append instructions; `if` and `float()` raise."""

    __slots__ = ("operand", "tape")
    __array_priority__ = ARRAY_PRIORITY
    operand: int
    tape: Tape

    def __init__(self, tape: Tape, operand: int):
        self.tape, self.operand = tape, operand

    @property
    def is_condition(self) -> bool:
        return self.tape.code[self.operand][0] in CONDITIONS

    def _write(self, name: str, *operands: Any) -> Any:
        if len(operands) == 2:
            other = operands[1] if operands[0] is self else operands[0]
            if name in ("and", "or"):
                return _both(name, self, other, neutral=name == "and")
            kind = other.__class__
            if kind is float and other == 1.0 and name == "mul" and not self.is_condition:
                return self  # as every second product of backward is, where + passes its gradient on
            if kind is not Symbol and kind is not float and not isinstance(other, numbers.Real):
                if not is_bool(other):
                    return NotImplemented
                operands = tuple([x if x is self else float(x) for x in operands])
        return write(name, *operands)

    def _asked(self) -> TraceError:
        return self._has_no_value(
            "`if`, `while`, `and`, `or`, `not`, max() and sorted() cannot ask whether it is true",
            "write where(x > 0, a, b), maximum(x, y) or take(values, index)",
        )

    def __float__(self) -> float:
        raise self._has_no_value(
            "float() and the math module cannot use it", "write micrograd's functions, such as micrograd.exp(x)"
        )

    def __index__(self) -> int:
        raise self._has_no_value("it cannot be a count or an index", "write take(values, index)")

    __int__ = __index__

    def __eq__(self, other: Any) -> Any:
        raise self._has_no_value(
            "== and != cannot compare it",
            "write where((x > 1.5) & (x < 2.5), a, b) for numbers, (a & b) for comparisons",
        )

    __ne__ = __eq__

    def __invert__(self) -> Any:
        raise trace_error(
            f"~ of {self.described()} cannot be recorded",
            "write the opposite comparison, such as x <= 0 for ~(x > 0)",
        )

    def __hash__(self) -> int:
        """For this package only: a user's dict or set could not find a symbol by its number."""
        if modes.state.recorder and not is_of_this_package(sys._getframe(1)):
            raise self._not_found()
        return id(self)

    def _not_found(self) -> TraceError:
        return self._has_no_value("a dict or a set cannot find it", "write take(values, index), or where(...)")

    def _has_no_value(self, so: str, advice: str) -> TraceError:
        """The error where a number is needed now; for an argument of jit it says that it may be static."""
        static = ""
        operands = self.tape.code[self.operand][1:] if self.is_condition else (self.operand,)
        if self.tape.has_static and any(isinstance(x, int) and self.tape.code[x][0] == "input" for x in operands):
            static = ", or name the argument in jit(f, static=...), which compiles once for each of its values"
        return trace_error(
            f"{self.described()} has no value while jit runs your function to record it, so {so}", advice + static
        )

    def _require(self) -> None:
        """Note that this condition must hold: where it does not, the function itself is run and raises the error."""
        self.tape.required.append(self.operand)

    def __repr__(self) -> str:
        return f"%{self.operand}"

    def __deepcopy__(self, memo: Any) -> Symbol:
        return self

    def described(self, depth: int = 3) -> str:
        """The symbol in words the user knows: an argument's name, or the expression that made it, `depth` deep."""
        name, *operands = self.tape.code[self.operand]
        if name == "input":
            return self.tape.inputs[operands[0]]
        if not depth:
            return "..."
        shown = [f"{x:g}" if isinstance(x, float) else Symbol(self.tape, x).described(depth - 1) for x in operands]
        sign = SIGNS.get(name)
        if sign is None:
            return f"{name}({', '.join(shown)})"
        if len(shown) == 1:
            return f"{sign}{_grouped(shown[0])}"
        return f" {sign} ".join(map(_grouped, shown) if name not in COMPARED else shown)

    def __format__(self, spec: str) -> str:
        return repr(self)  # printing inside a function that is being recorded shows the tape's names

    @staticmethod
    def _apply_op(entry: Op, operands: tuple[Any, ...], static: dict[str, Any]) -> Any:
        from micrograd.engine import Value  # here: when the native core is built, rules are read without an engine

        return Value._apply_op(entry, operands, static)


numbers.Real.register(Symbol)


def operand_of(x: Any) -> Operand:
    """x as an instruction's operand: a Symbol's position, or a constant."""
    return x.operand if isinstance(x, Symbol) else float(x)


def write(name: str, *xs: Any) -> Symbol:
    """Append an instruction to the tape of the Symbols among its operands.

    Each operation of a recording passes here, so the usual operands need no calls.
    """
    tape: Any = None
    operands: list[Operand] = []
    misplaced: Any = None  # a condition where a number belongs
    for x in xs:
        if x.__class__ is not Symbol:
            operands.append(x if x.__class__ is float else float(x))
            continue
        tape, operand = x.tape, x.operand  # all are of one tape: numbers of another recording are refused before
        if tape.code[operand][0] in CONDITIONS and name not in ("and", "or") and (operands or name != "where"):
            misplaced = misplaced or [x]
        operands.append(operand)
    if tape.closed:
        raise trace_error(
            "a number that jit made while it recorded a function was used after the recording ended",
            "return what you need later, instead of keeping it in a list or an attribute",
        )
    if misplaced:
        raise trace_error(
            f"{misplaced[0].described()} is a comparison, true or false, and {name} takes numbers",
            "write where(condition, 1.0, 0.0)",
        )
    return Symbol(tape, tape.append(name, *operands))


def _both(name: str, x: Symbol, y: Any, *, neutral: bool) -> Any:
    """`x & y` and `x | y` of two comparisons, or of one and a bool."""
    if is_bool(y):
        return x if bool(y) is neutral else not neutral
    if not x.is_condition or not isinstance(y, Symbol) or not y.is_condition:
        raise trace_error("& and | combine comparisons, such as (x > 0) & (y > 0)", "put each in parentheses")
    return write(name, x, y)


TAPE: Any = Writing()
