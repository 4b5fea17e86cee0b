"""Numbers without a value yet: what is done to them is written on a tape.

    >>> from micrograd.compiler.symbols import Symbol, TAPE
    >>> from micrograd.compiler.tape import Tape
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
from collections.abc import Callable
from typing import Any

from micrograd.compiler.tape import CONDITIONS, ELEMENTARY, Operand, Tape
from micrograd.engine import Value
from micrograd.modes import line_of_the_user
from micrograd.table import FLOAT, Namespace, Op, is_bool


class TraceError(TypeError):
    """A function that is to be compiled asked for a number that is not there until the compiled code runs."""


def trace_error(what: str, advice: str) -> TraceError:
    """What the user's line did, and what to write instead."""
    return TraceError(f"{what}, at {line_of_the_user(sys._getframe(1))}; {advice}")


class Symbol:
    """The result of an instruction. Arithmetic and comparisons append further ones; `if` and `float()` explain."""

    __slots__ = ("operand", "tape")
    __array_priority__ = Value.__array_priority__
    __hash__ = object.__hash__

    def __init__(self, tape: Tape, operand: int):
        self.tape, self.operand = tape, operand

    @property
    def is_condition(self) -> bool:
        return self.tape.code[self.operand][0] in CONDITIONS

    def __bool__(self) -> bool:
        raise trace_error(
            f"{self.described()} has no value while jit runs your function once to record it, so `if`, `while`, `and`, "
            "`not`, max() and sorted() cannot ask whether it is true",
            "write where(x > 0, a, b), maximum(x, y), take(values, index), or name the argument in "
            "jit(f, static=...), which compiles once for each of its values",
        )

    def __float__(self) -> float:
        raise trace_error(
            f"{self.described()} has no value while jit runs your function once to record it, so float() and the "
            "functions of math cannot take it",
            "write micrograd's own, such as micrograd.exp(x), or name the argument in jit(f, static=...)",
        )

    def __index__(self) -> int:
        raise trace_error(
            f"{self.described()} has no value while jit runs your function once to record it, so it cannot count or "
            "index",
            "write take(values, index), or name the argument in jit(f, static=...), which compiles once for each of "
            "its values",
        )

    __int__ = __index__

    def __eq__(self, other: Any) -> Any:
        raise trace_error(
            f"== and != of {self.described()} have no value while jit runs your function once to record it",
            "write where((x > 1.5) & (x < 2.5), a, b) for numbers, (a & b) for comparisons, or name the argument in "
            "jit(f, static=...)",
        )

    __ne__ = __eq__

    def __and__(self, other: Any) -> Any:
        return _both("and", self, other, neutral=True)

    def __or__(self, other: Any) -> Any:
        return _both("or", self, other, neutral=False)

    __rand__, __ror__ = __and__, __or__

    def __pow__(self, other: Any) -> Any:
        return TAPE.pow(self, other)

    def __rpow__(self, other: Any) -> Any:
        return TAPE.pow(other, self)

    def __abs__(self) -> Any:
        return TAPE.abs(self)

    def __repr__(self) -> str:
        return f"%{self.operand}"

    def described(self) -> str:
        """The symbol as the user may know it: an argument by its name, else what was done last."""
        name, *operands = self.tape.code[self.operand]
        if name == "input":
            return self.tape.inputs[operands[0]]
        shown = [Symbol(self.tape, x)._named() if isinstance(x, int) else f"{x:g}" for x in operands]
        sign = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "add": "+", "sub": "-", "mul": "*", "div": "/"}.get(name)
        return f" {sign} ".join(shown) if sign else f"{name}({', '.join(shown)})"

    def _named(self) -> str:
        name, *operands = self.tape.code[self.operand]
        return self.tape.inputs[operands[0]] if name == "input" else repr(self)

    def __format__(self, spec: str) -> str:
        return repr(self)  # printing inside a function that is being recorded shows the tape's names

    @staticmethod
    def _apply_op(entry: Op, operands: tuple[Any, ...], static: dict[str, Any]) -> Value:
        return Value._apply_op(entry, operands, static)


numbers.Real.register(Symbol)


def operand_of(x: Any) -> Operand:
    """How an instruction names x: a Symbol's position, or a constant."""
    return x.operand if isinstance(x, Symbol) else float(x)


def write(name: str, *xs: Any) -> Symbol:
    """Append an instruction to the tape of the Symbols among its operands."""
    tape = next(x.tape for x in xs if isinstance(x, Symbol))
    if tape.closed:
        raise trace_error(
            "a number that jit made while it recorded a function was used after the recording ended",
            "return what is to be used later, instead of keeping it in a list or an attribute",
        )
    for x in xs if name not in ("where", "and", "or") else xs[1:] if name == "where" else ():
        if isinstance(x, Symbol) and x.is_condition:
            raise trace_error(
                f"{x.described()} is a comparison, true or false, and {name} takes numbers",
                "write where(condition, 1.0, 0.0)",
            )
    return Symbol(tape, tape.append(name, *map(operand_of, xs)))


def _infix(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    def method(self: Symbol, *others: Any) -> Any:
        if others and not isinstance(others[0], numbers.Real):
            return NotImplemented
        return write(name, *reversed((self, *others))) if reflected else write(name, self, *others)

    return method


def _both(name: str, x: Symbol, y: Any, *, neutral: bool) -> Any:
    """`x & y` and `x | y` of two comparisons, or of one and a bool."""
    if is_bool(y):
        return x if bool(y) is neutral else not neutral
    if not x.is_condition or not isinstance(y, Symbol) or not y.is_condition:
        raise trace_error("& and | combine comparisons, such as (x > 0) & (y > 0)", "put each in parentheses")
    return write(name, x, y)


for _method, _name in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div"}.items():
    setattr(Symbol, f"__{_method}__", _infix(_name))
    setattr(Symbol, f"__r{_method}__", _infix(_name, reflected=True))
for _method in ("neg", "lt", "le", "gt", "ge"):  # Python reflects < as > by itself
    setattr(Symbol, f"__{_method}__", _infix(_method))


class _Tapes(Namespace):
    """Elementary functions of Symbols, each one instruction; of floats, computed at once."""

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Any:
        if not isinstance(condition, Symbol):
            return x if condition else y
        return write("where", condition, x, y)


def _elementary(name: str) -> Callable[..., Any]:
    on_floats = getattr(FLOAT, name)

    def function(*xs: Any) -> Any:
        return write(name, *xs) if any(isinstance(x, Symbol) for x in xs) else on_floats(*xs)

    return function


for _name in ELEMENTARY:
    if _name != "where":
        setattr(_Tapes, _name, staticmethod(_elementary(_name)))
TAPE: Any = _Tapes()
