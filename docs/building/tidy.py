"""A formula as a person would write it: what the table computes in an order of its own, brought into the usual one.

    >>> tidied("-x * x"), tidied("x / y / y"), tidied("1.12838 * exp(-x * x)")
    ('-x ** 2', 'x / y ** 2', '2 * exp(-x ** 2) / sqrt(π)')

Signs go to the front, equal factors become powers, quotients one fraction, and numbers that have a name get it. Nothing
is cancelled and nothing multiplied out, so the value is the same wherever the formula has one.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Iterable
from functools import reduce

# Numbers that a rule writes as digits, because it computes them once.
NAMED = {
    2 / math.sqrt(math.pi): "2 / sqrt(π)",
    1 / math.sqrt(2): "1 / sqrt(2)",
    1 / math.sqrt(2 * math.pi): "1 / sqrt(2 * π)",
}
IN_DIGITS = {f"{number:g}": ast.parse(text, mode="eval").body for number, text in NAMED.items()}


def tidied(formula: str) -> str:
    """The formula as text, Python's as it was."""
    return ast.unparse(tidy(ast.parse(formula, mode="eval").body))


def tidy(node: ast.expr) -> ast.expr:
    """The same for a formula that was parsed; it is not changed."""
    made: ast.expr = Tidying().visit(copy.deepcopy(node))
    return made


class Tidying(ast.NodeTransformer):
    """From the inside out."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return copy.deepcopy(IN_DIGITS.get(f"{node.value:g}", node))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        return together(self.generic_visit(node))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, (ast.Mult, ast.Div)):
            return together(node)
        if isinstance(node.op, (ast.Add, ast.Sub)) and is_negative(node.right):
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            node.right = node.right.operand
        return node


def is_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def together(node: ast.expr) -> ast.expr:
    """A product or quotient, or the negative of one, as one sign and one fraction."""
    negative, above, below = factors(node)
    made = product(above)
    if found := powers(below):
        made = ast.BinOp(made, ast.Div(), product(found))
    return ast.UnaryOp(ast.USub(), made) if negative else made


def factors(node: ast.expr) -> tuple[bool, list[ast.expr], list[ast.expr]]:
    """Whether a product is negative, and what stands in it above and below the line."""
    if is_negative(node):
        negative, above, below = factors(node.operand)
        return not negative, above, below
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        (left, above, below), (right, *others) = factors(node.left), factors(node.right)
        upper, lower = others if isinstance(node.op, ast.Mult) else others[::-1]
        return left != right, above + upper, below + lower
    return False, [node], []


def product(parts: Iterable[ast.expr]) -> ast.expr:
    """Numbers first; 1 where nothing is left."""
    found = sorted(powers(parts), key=lambda part: not isinstance(part, ast.Constant))
    return reduce(lambda left, right: ast.BinOp(left, ast.Mult(), right), found) if found else ast.Constant(1)


def powers(parts: Iterable[ast.expr]) -> list[ast.expr]:
    """Each factor once, to the power of how often it is there; without ones."""
    found: dict[str, list[ast.expr]] = {}
    for part in parts:
        if not (isinstance(part, ast.Constant) and part.value == 1):
            found.setdefault(ast.dump(part), []).append(part)
    return [
        each[0] if len(each) == 1 else ast.BinOp(each[0], ast.Pow(), ast.Constant(len(each))) for each in found.values()
    ]
