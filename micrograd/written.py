"""One rule, many readings: an operand that writes down what a rule does with it.

    >>> from micrograd.ops import softplus
    >>> from micrograd.written import Writing, Written
    >>> class Noted(Written):
    ...     def __init__(self, said):
    ...         self.said = said
    ...     def _write(self, name, *operands):
    ...         return Noted(f"({name} {' '.join(getattr(x, 'said', str(x)) for x in operands)})")
    >>> value, derivatives = softplus.op.rule(Writing(), Noted("x"))
    >>> value.said
    '(add (where (gt x 0.0) x (where (le x 0.0) 0.0 (add x 0.0))) (log1p (exp (neg (abs x)))))'

A rule of the table computes with any kind of operand, and never asks which. So formulas (text.py), the compiler's tapes
(symbols.py) and ONNX nodes (onnx_rules.py) each need one class that says how an operation is written. The names of
operations are those of a tape: add, sub, mul, div, neg, pow, and, or, the comparisons lt, le, gt, ge, and the
elementary functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micrograd.table import ELEMENTARY, FLOAT, Namespace

# Python's names of the operators, and ours.
UNARY = ("neg", "abs")
BINARY = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "and": "and", "or": "or"}
COMPARISONS = ("lt", "le", "gt", "ge")  # Python reflects < as > by itself


class Written:
    """An operand whose operators, and the functions of `Writing`, end in `_write(name, *operands)`."""

    __slots__ = ()

    def _write(self, name: str, *operands: Any) -> Any:
        """The operand that is the result; NotImplemented where the other operand cannot be written here."""
        raise NotImplementedError

    def _asked(self) -> Exception:
        """The error for a rule, or a function, that asks whether the operand is true."""
        return TypeError(f"a rule asked `if` of the operand or comparison {str(self)!r}: use m.where(condition, x, y)")

    def __bool__(self) -> bool:
        raise self._asked()


def _unary(name: str) -> Callable[..., Any]:
    return lambda self: self._write(name, self)


def _infix(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return lambda self, other: self._write(name, self, other), lambda self, other: self._write(name, other, self)


for _name in UNARY:
    setattr(Written, f"__{_name}__", _unary(_name))
for _method, _name in (BINARY | {name: name for name in COMPARISONS}).items():
    _forward, _reflected = _infix(_name)
    setattr(Written, f"__{_method}__", _forward)
    if _name not in COMPARISONS:
        setattr(Written, f"__r{_method}__", _reflected)


class Writing(Namespace):
    """Elementary functions: of operands that write, written; of floats, computed at once."""

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Any:
        if not isinstance(condition, Written):
            return x if condition else y
        return condition._write("where", condition, x, y)


def elementary(name: str) -> Any:
    """A function of `Writing` by its name in `Floats`."""
    on_floats = getattr(FLOAT, name)

    def function(*operands: Any) -> Any:
        for x in operands:
            if isinstance(x, Written):
                return x._write(name, *operands)
        return on_floats(*operands)

    return staticmethod(function)


for _name in ELEMENTARY:
    if _name != "where":
        setattr(Writing, _name, elementary(_name))
