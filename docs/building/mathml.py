"""A formula as mathematics: what the table writes as text, in the MathML that browsers draw by themselves.

    >>> as_mathml("1 / sqrt(x)")
    '<math displaystyle="true"><mfrac><mn>1</mn><msqrt><mi>x</mi></msqrt></mfrac></math>'
    >>> as_mathml("3 * x**2")
    '<math displaystyle="true"><mn>3</mn><mo>&#8290;</mo><msup><mi>x</mi><mn>2</mn></msup></math>'

The formulas are Python's expressions, so Python's own parser reads them.
"""

from __future__ import annotations

import ast
import copy
import re
from xml.etree import ElementTree

from building.tidy import tidy

SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Mult: "·"}
COMPARED = {ast.Gt: "&gt;", ast.Lt: "&lt;", ast.GtE: "≥", ast.LtE: "≤"}
RANKS = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 9, ast.Pow: 4}  # a fraction holds together by itself
ATOM = 9
BAR = "<mo>&#124;</mo>"  # which a Markdown table would take for the end of a cell
INVISIBLE = "<mo>&#8290;</mo>"  # times, where mathematics writes nothing
LONG = 40  # characters of a formula; browsers do not break mathematics into lines


def as_mathml(formula: str) -> str:
    """The formula as a `math` element, to stand in a line; a long sum as one for each term."""
    node = tidy(lifted(ast.parse(formula, mode="eval").body))
    terms = [written(node)[0]]
    while len(formula) > LONG and isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        right = inside(node.right, RANKS[type(node.op)] + isinstance(node.op, ast.Sub))
        last = f'<mo form="infix">{SIGNS[type(node.op)]}</mo>{right}'
        node = node.left
        terms[:1] = [written(node)[0], last]
    return " ".join(f'<math displaystyle="true">{term}</math>' for term in terms)


def reads_alike(formula: str) -> bool:
    """Whether the mathematics has the signs of the formula, and in the same order: then one of them is enough."""
    signs = re.sub(r"<[^>]*>|&#\d+;", "", as_mathml(formula)).replace("−", "-").replace("·", " * ")
    return signs.replace(" ", "") == formula.replace(" ", "")


def lifted(node: ast.expr) -> ast.expr:
    """The same with every choice outside: 2**where(c, x, y) is where(c, 2**x, 2**y), and easier to read in lines.

    >>> ast.unparse(lifted(ast.parse("2**where(c, x, y)", mode="eval").body))
    'where(c, 2 ** x, 2 ** y)'
    """
    choice = next((x for x in ast.walk(node) if is_choice(x)), None)
    if choice is None:
        return node
    condition, *branches = choice.args
    if choice is not node:
        branches = [Put(choice, branch).visit(copy.deepcopy(node)) for branch in branches]
    return ast.Call(func=choice.func, args=[condition, *map(lifted, branches)], keywords=[])


class Put(ast.NodeTransformer):
    """Put a branch in the place of a choice."""

    def __init__(self, choice: ast.Call, branch: ast.expr):
        self.choice, self.branch = ast.dump(choice), branch

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return self.branch if ast.dump(node) == self.choice else self.generic_visit(node)


def is_choice(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "where"


def written(node: ast.expr) -> tuple[str, int]:
    """An expression as MathML, and how tightly it holds together."""
    match node:
        case ast.Constant(value=value):
            return f"<mn>{value:g}</mn>", ATOM
        case ast.Name(id=name):
            return f"<mi>{name}</mi>" if len(name) == 1 else f"<mtext>{name}</mtext>", ATOM
        case ast.UnaryOp(op=ast.USub(), operand=x):
            return f'<mo form="prefix">−</mo>{inside(x, RANKS[ast.Mult])}', 1
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return f"{inside(left, 1)}<mo>{COMPARED[type(sign)]}</mo>{inside(right, 1)}", 0
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return f"<mfrac>{row(left)}{row(right)}</mfrac>", ATOM
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            base = inside(left, ATOM)
            return f"<msup>{grouped(base)}{row(right)}</msup>", RANKS[ast.Pow]
        case ast.BinOp(op=sign, left=left, right=right):
            rank = RANKS[type(sign)]
            between = times(left, right) if isinstance(sign, ast.Mult) else f"<mo>{SIGNS[type(sign)]}</mo>"
            after = rank + 1 if isinstance(sign, ast.Sub) else rank
            return f"{inside(left, rank)}{between}{inside(right, after)}", rank
        case ast.Call(func=ast.Name(id="where")):
            return cases(node), ATOM
        case ast.Call(func=ast.Name(id="exp"), args=[x]):
            return f"<msup><mi>e</mi>{row(x)}</msup>", ATOM
        case ast.Call(func=ast.Name(id="sqrt"), args=[x]):
            return f"<msqrt>{written(x)[0]}</msqrt>", ATOM
        case ast.Call(func=ast.Name(id="abs"), args=[x]):
            return f"<mrow>{BAR}{written(x)[0]}{BAR}</mrow>", ATOM
        case ast.Call(func=ast.Name(id=name), args=arguments):
            listed = "<mo>,</mo>".join(written(x)[0] for x in arguments)
            return f"<mrow><mi>{name}</mi><mo>(</mo>{listed}<mo>)</mo></mrow>", ATOM
    raise ValueError(f"no mathematics for {ast.unparse(node)!r}: give written() a case for {type(node).__name__}")


def inside(node: ast.expr, rank: int) -> str:
    """An expression next to an operator, in parentheses where it holds together less tightly."""
    text, own = written(node)
    return text if own >= rank else f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"


def row(node: ast.expr) -> str:
    """An expression as one element, as a fraction and a power need."""
    return grouped(written(node)[0])


def grouped(text: str) -> str:
    """MathML as one element."""
    return text if len(ElementTree.fromstring(f"<math>{text}</math>")) == 1 else f"<mrow>{text}</mrow>"


def times(left: ast.expr, right: ast.expr) -> str:
    """Between a number and a name, a power or a root mathematics writes nothing; elsewhere a dot."""
    letter = isinstance(right, (ast.Name, ast.BinOp)) and not starts_with_number(right)
    drawn = isinstance(right, ast.Call) and isinstance(right.func, ast.Name) and right.func.id in ("exp", "sqrt")
    return INVISIBLE if isinstance(left, ast.Constant) and (letter or drawn) else "<mo>·</mo>"


def starts_with_number(node: ast.expr) -> bool:
    while isinstance(node, ast.BinOp):
        node = node.left
    return isinstance(node, ast.Constant)


def cases(node: ast.expr) -> str:
    """A choice as the lines of a table: what, and if what. A choice in the last line adds its own lines."""
    lines = []
    while is_choice(node):
        condition, value, node = node.args
        lines.append((row(value), f"<mtext>if&#160;</mtext>{written(condition)[0]}"))
    lines.append((row(node), "<mtext>otherwise</mtext>"))
    cells = "".join(f"<mtr><mtd>{value}</mtd><mtd>{when}</mtd></mtr>" for value, when in lines)
    return f'<mtable class="cases">{cells}</mtable>'
