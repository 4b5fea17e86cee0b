"""Read an expression such as "x / (x + y)" safely: arithmetic and the table's functions, nothing else.

>>> from micrograd.cli.expression import evaluate
>>> evaluate("x / (x + tanh(y))", {"x": 2.0, "y": 0.0})
Value(data=1.0, grad=0.0)
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from micrograd.coerce import as_float
from micrograd.engine import Value
from micrograd.errors import ExpressionError
from micrograd.table import TABLE
from micrograd.words import alike, cut, unwrapped

WHOLE = 2**53  # up to here every whole number is a float too
INSTEAD = {
    "ln": "log(x)",
    "log10": "log(x) / log(10)",
    "square": "x**2",
    "pow": "x**2",
    "power": "x**2",
    "tg": "tan(x)",
}
MAX_LENGTH = 10_000  # characters; write a longer expression as a program

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
INFIX = {name for name, entry in TABLE.items() if entry.method or name in ("pow", "power")} - {"abs"}


def evaluate(text: str, variables: Mapping[str, float]) -> Value:
    """The Value of an expression, computed from a labelled Value for each variable.

    Raises ExpressionError for anything but numbers, variables, + - * / **, comparisons inside where(), and functions of
    the table. Operations raise their own errors, such as ZeroDivisionError.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH:,} characters; this one has {len(text):,}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        values = {name: Value(number, label=name) for name, number in variables.items()}
        reader = _Reader(values)
        out = reader.read(tree.body)
    except SyntaxError as error:
        if not text.strip():
            raise ExpressionError("the expression is empty") from None
        advice = "write it as in Python, such as 2*x + sin(x)"
        raise ExpressionError(f"{_shown(text)} is not an expression: {error.msg}; {advice}") from None
    except (RecursionError, MemoryError):
        raise ExpressionError(f"{_shown(text)} is nested too deeply") from None
    except ValueError as error:
        if "null bytes" in str(error):
            raise ExpressionError(f"{_shown(text)} is not an expression: it contains a null byte") from None
        raise
    unused = [name for name, value in values.items() if value not in reader.used]
    if unused:
        raise ExpressionError(f"{unused[0]!r} has a value but is not in the expression")
    return out if isinstance(out, Value) else Value(out)


class _Reader:
    def __init__(self, variables: dict[str, Value]):
        self.variables = variables
        self.used: set[Value] = set()

    def read(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return number if abs(number) < WHOLE else as_float(number, "a number")  # x**2 is drawn as it is written
            case ast.Name(id=name):
                return self._variable(name)
            case ast.BinOp(op=op) if type(op) in OPERATORS:
                return self._arithmetic(node)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                value = self.read(operand)
                return value if isinstance(op, ast.UAdd) else -value
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                return OPERATORS[type(op)](self.read(left), self.read(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self._call(name, args, keywords)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            raise ExpressionError("a power is written x**2 here, not x^2")
        raise ExpressionError(
            f"{_shown(ast.unparse(node))} is not allowed: write numbers, variables, + - * / ** and functions"
        )

    def _variable(self, name: str) -> Value:
        if name not in self.variables:
            number = {"pi": "3.141592653589793", "e": "2.718281828459045"}.get(name, "2")
            advice = f"{name}(...) is a function" if name in TABLE else f"add {name}={number} after the expression"
            raise ExpressionError(f"{name!r} has no value: {advice}")
        self.used.add(self.variables[name])
        return self.variables[name]

    def _arithmetic(self, node: ast.BinOp) -> Any:
        """A loop, because the tree of a chain a + b + c + ... is as deep on its left as the chain is long."""
        pending = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and type(left.op) in OPERATORS:
            pending.append((OPERATORS[type(left.op)], left.right))
            left = left.left
        x = self.read(left)
        for apply, right in reversed(pending):
            y = self.read(right)
            if not isinstance(x, Value) and not isinstance(y, Value):
                x = Value(x)  # numbers alone get the table's errors too, and 9**9**9 does not run for minutes
            x = apply(x, y)
        return x

    def _call(self, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
        allowed = sorted(set(TABLE) - INFIX)
        if name not in allowed:
            near = alike(name, allowed)
            advice = f"did you mean {near[0]}?" if near else ", ".join(allowed)
            if name in self.variables or name in INSTEAD:
                advice = f"write {INSTEAD.get(name, f'{name}*(...) for a product')}"
            raise ExpressionError(f"no function is called {name!r}: {advice}")
        if any(keyword.arg is None for keyword in keywords) or any(isinstance(arg, ast.Starred) for arg in args):
            raise ExpressionError(f"{name}(...) takes its operands one by one, without *")
        operands = [self.read(arg) for arg in args]
        settings = {str(keyword.arg): self.read(keyword.value) for keyword in keywords}
        entry = TABLE[name]
        unknown = set(settings) - set(entry.settings)
        if unknown:
            raise ExpressionError(f"{name}() has no setting {sorted(unknown)[0]!r}; it has {list(entry.settings)}")
        if (
            entry.prepare and name != "where"
        ):  # in take(a, b, c, index) and logsumexp(a, b, c) the items of the sequence are operands
            if name == "logsumexp":
                return entry(operands)
            if not operands or isinstance(operands[-1], Value) or not float(operands[-1]).is_integer():
                raise ExpressionError("take(a, b, c, index) needs a whole number as its index")
            return entry(operands[:-1], int(operands[-1]))
        return entry(*operands, **settings)


def _shown(text: str) -> str:
    return repr(cut(unwrapped(text), 60, "..."))
