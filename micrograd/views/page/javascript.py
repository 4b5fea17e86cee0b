"""Read a rule as JavaScript, so that a page computes new numbers itself: `rule_text(entry, arity)`.

    >>> from micrograd.table import TABLE
    >>> from micrograd.views.page.javascript import Rules, rule_text
    >>> rule_text(TABLE["mul"], 2)
    '(x0, x1) => [x0 * x1, () => [x1, x0]]'
    >>> rule_text(TABLE["tanh"], 1)
    '(x0) => { const a = m.tanh(x0); return [a, () => [1 - a * a]]; }'

Such a function gives the value and a closure for the local derivatives, as the rule does. What can fail is computed
in the rule's own order, so that the same operation fails first. The functions `m.tanh` and their kin are in
functions.js; live.js calls the rules. `Rules` collects those of a page:

    >>> rules = Rules()
    >>> rules.add(TABLE["mul"], 2), rules.add(TABLE["div"], 2), rules.add(TABLE["mul"], 2)
    (0, 1, 0)
    >>> "m.div = " in rules.source(), "m.erf = " in rules.source()
    (True, False)
"""

from __future__ import annotations

import functools
import json
import math
import numbers
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, NamedTuple

from micrograd.coerce import is_bool
from micrograd.formulas import MISSING, TOO_LARGE, failing
from micrograd.table import FLOAT, Op
from micrograd.words import one_line
from micrograd.written import Writing, Written

# How tightly each kind of expression binds in JavaScript.
CHOICE, OR, AND, COMPARISON, SUM, PRODUCT, NEGATIVE, ATOM = range(8)
# An operator's sign, how tightly it binds, and what its right operand must: sums are never regrouped.
INFIX = {
    "add": ("+", SUM, PRODUCT),
    "sub": ("-", SUM, PRODUCT),
    "mul": ("*", PRODUCT, NEGATIVE),
    "div": ("/", PRODUCT, NEGATIVE),  # by a constant; any other may fail
    "lt": ("<", COMPARISON, SUM),
    "le": ("<=", COMPARISON, SUM),
    "gt": (">", COMPARISON, SUM),
    "ge": (">=", COMPARISON, SUM),
    "and": ("&&", AND, COMPARISON),
    "or": ("||", OR, AND),
}
CONDITIONS = ("lt", "le", "gt", "ge", "and", "or")
LETTERS = "abcdefghijklnopqrstuvwyz"  # m and x have a meaning already
LONGEST = 60  # characters of an expression that stands inside another
NAME_LENGTH, FORMULA_LENGTH = 120, 400  # characters at most in the pieces of an error

READING = Writing()


def rule_text(entry: Op, arity: int) -> str:
    """The rule of an operation on `arity` operands, as the text of a function in JavaScript.

    Empty where there is none to read: an operation by hand, a compiled function, or a rule that does what only numbers
    can do, such as `math.exp(x)` or `x == 0`.
    """
    if entry.by_hand or not entry.in_table:
        return ""
    reading = Reading()
    operands = [Script(reading, reading.note("input", str(i))) for i in range(arity)]
    try:
        value, derivatives = entry.rule(READING, *operands)
        reading.in_closure = True
        results = derivatives()
        if not isinstance(results, tuple) or len(results) != arity:
            return ""
        return reading.text(arity, reading.operand(value), [reading.operand(x) for x in results])
    except Exception:  # a user's rule may do anything with operands that are not numbers
        return ""


class Statement(NamedTuple):
    """One result of a rule: an operation on earlier ones, which are given by number, or on constants, by their text."""

    name: str
    operands: tuple[int | str, ...]
    in_closure: bool

    @property
    def may_fail(self) -> bool:
        return self.name in may_fail() and not (self.name == "div" and isinstance(self.operands[1], str))


class Reading:
    """What a rule did with its operands, in order. The same operation on the same operands is noted once."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.in_closure = False
        self._found: dict[tuple[str, tuple[int | str, ...]], int] = {}

    def note(self, name: str, *operands: int | str) -> int:
        """The number of an operation's result."""
        if name == "div" and operands[1] in ("0", "-0"):
            raise ZeroDivisionError("a rule that always fails cannot be read")
        found = self._found.setdefault((name, operands), len(self.statements))
        if found == len(self.statements):
            self.statements.append(Statement(name, operands, self.in_closure))
        return found

    def operand(self, x: Any) -> int | str:
        """A result's number, or a constant's text. Raises TypeError for anything else."""
        if isinstance(x, Script) and x.reading is self:
            return x.at
        if (isinstance(x, numbers.Real) or is_bool(x)) and (float(x) == x or x != x):
            return literal(float(x))
        raise TypeError(f"a rule computes with numbers, not with {x!r}")

    def is_condition(self, operand: int | str) -> bool:
        return isinstance(operand, int) and self.statements[operand].name in CONDITIONS

    def text(self, arity: int, value: int | str, derivatives: list[int | str]) -> str:
        """The function: a name for each result that may fail, or that is used twice, or is long."""
        uses = self._uses([value, *derivatives])
        self._texts: list[tuple[str, int]] = []
        names = 0
        lines: tuple[list[str], list[str]] = ([], [])  # of the value, of the closure
        for at, statement in enumerate(self.statements):
            if not uses[at]:
                self._texts.append(("", ATOM))
                continue
            text, rank = self._expression(statement)
            if statement.name != "input" and (statement.may_fail or uses[at] > 1 or len(text) > LONGEST):
                name = LETTERS[names % len(LETTERS)] + str(names // len(LETTERS) or "")
                names += 1
                lines[statement.in_closure].append(f"{name} = {text}")
                text, rank = name, ATOM
            self._texts.append((text, rank))
        results = ", ".join(self._number(x, CHOICE) for x in derivatives)
        closure = _block(lines[1], f"[{results}]")
        return f"({', '.join(f'x{i}' for i in range(arity))}) => " + _block(
            lines[0], f"[{self._number(value, CHOICE)}, () => {closure}]"
        )

    def _uses(self, results: list[int | str]) -> list[int]:
        """How often each result is used. One that may fail is computed even where nothing uses it, as Python does."""
        uses = [int(statement.may_fail) for statement in self.statements]
        for x in results:
            if isinstance(x, int):
                uses[x] += 1
        for at in reversed(range(len(uses))):
            for x in self.statements[at].operands if uses[at] else ():
                if isinstance(x, int):
                    uses[x] += 1
        return uses

    def _expression(self, statement: Statement) -> tuple[str, int]:
        name, operands = statement.name, statement.operands
        if name == "input":
            return f"x{operands[0]}", ATOM
        if name == "neg":
            return "-" + self._number(operands[0], ATOM), NEGATIVE
        if name == "where":
            condition, x, y = operands
            return f"{self._condition(condition, OR)} ? {self._number(x, OR)} : {self._number(y, CHOICE)}", CHOICE
        if name in INFIX and not statement.may_fail:
            sign, rank, right = INFIX[name]
            write = self._condition if name in ("and", "or") else self._number
            return f"{write(operands[0], rank)} {sign} {write(operands[1], right)}", rank
        return f"m.{name}({', '.join(self._number(x, CHOICE) for x in operands)})", ATOM

    def _number(self, operand: int | str, rank: int) -> str:
        """An operand as it stands next to an operator that binds with `rank`."""
        if isinstance(operand, str):
            return _grouped(operand, NEGATIVE if operand.startswith("-") else ATOM, rank)
        if self.is_condition(operand):
            return _grouped(f"{self._condition(operand, OR)} ? 1 : 0", CHOICE, rank)
        return _grouped(*self._texts[operand], rank)

    def _condition(self, operand: int | str, rank: int) -> str:
        """An operand that is asked whether it is true; a number is, if it is not 0."""
        if isinstance(operand, int) and self.is_condition(operand):
            return _grouped(*self._texts[operand], rank)
        return _grouped(f"{self._number(operand, SUM)} !== 0", COMPARISON - 1, rank)


def _grouped(text: str, binds: int, rank: int) -> str:
    return text if binds >= rank else f"({text})"


def _block(lines: list[str], result: str) -> str:
    return f"{{ const {', '.join(lines)}; return {result}; }}" if lines else result


def literal(x: float) -> str:
    """A float as JavaScript writes exactly this number: 2, -0, 1e-300, NaN, -Infinity."""
    if not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    return repr(x).removesuffix(".0")


class Script(Written):
    """An operand that writes JavaScript."""

    __slots__ = ("at", "reading")
    __array_ufunc__ = None  # so that NumPy's numbers leave their operators to this class
    __hash__ = None  # type: ignore[assignment]
    at: int
    reading: Reading

    def __init__(self, reading: Reading, at: int):
        self.reading, self.at = reading, at

    def _write(self, name: str, *operands: Any) -> Any:
        reading = self.reading
        conditions = [isinstance(x, Script) and reading.is_condition(x.at) for x in operands]
        if name in ("and", "or"):
            if not all(conditions):
                raise TypeError("& and | take two comparisons")
        elif name != "where" and any(conditions) and all(c or isinstance(x, int) for c, x in zip(conditions, operands)):
            raise TypeError("Python computes with true and false in whole numbers, which have no -0")
        return Script(reading, reading.note(name, *map(reading.operand, operands)))

    def __eq__(self, other: object) -> Any:
        raise TypeError("a rule cannot ask whether numbers are equal: it would have to be read for each answer")

    __ne__ = __eq__


class Rules:
    """The rules of the operations of a page, each once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._found: dict[tuple[Op, int], int | None] = {}

    def add(self, entry: Op, arity: int) -> int | None:
        """The place of an operation's rule in the list `rules` of the script; None where there is no rule to read."""
        key = (entry, arity)
        if key not in self._found:
            text = rule_text(entry, arity)
            self._found[key] = self._places.setdefault(text, len(self._places)) if text else None
        return self._found[key]

    def pieces(self, entry: Op, operands: Sequence[Any]) -> list[Any] | None:
        """What live.js needs to say why this operation failed on other numbers; None where it cannot fail.

        `operands` are the Values themselves: their labels are in the message.
        """
        place = self.add(entry, len(operands))
        if place is None or not any(name in may_fail() for name in _called([*self._places][place])):
            return None
        formula, names, *needs = failing(entry, operands)
        return [one_line(formula, FORMULA_LENGTH), [one_line(name, NAME_LENGTH) for name in names], *needs]

    def source(self) -> str:
        """The script that live.js needs before it: `m` with the functions used, `said` and `rules`."""
        blocks, always = functions()
        used = needed(_called("\n".join(self._places)))
        parts = [always, *(blocks[name] for name in used)]
        words = json.dumps(_said(used), ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
        rules = [f"{text}," for text in self._places]
        return "\n".join([*parts, f"const said = {words};", "const rules = [", *rules, "];", ""])


def _called(text: str) -> list[str]:
    return re.findall(r"\bm\.(\w+)\(", text)


@functools.cache
def functions() -> tuple[dict[str, str], str]:
    """Each function of functions.js by its name, and what every script needs."""
    text = resources.files("micrograd.views.page").joinpath("functions.js").read_text(encoding="utf-8")
    blocks: dict[str, str] = {}
    always = []
    for paragraph in text.split("\n\n"):
        if found := re.search(r"^m\.(\w+) = ", paragraph, flags=re.MULTILINE):
            blocks[found[1]] = paragraph
        else:
            always.append(paragraph)
    return blocks, "\n".join(always)


def needed(names: Iterable[str]) -> list[str]:
    """These functions and those that they call, in the order of functions.js."""
    blocks, _ = functions()
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _called(blocks[name])
    return [name for name in blocks if name in found]


@functools.cache
def may_fail() -> frozenset[str]:
    """The functions that fail for some numbers."""
    blocks, _ = functions()
    return frozenset(name for name in blocks if any("fail(" in blocks[x] for x in needed([name])))


# Two lists of operands for which Python raises, so that it tells its own words, which differ from version to version.
ABOVE_ONE, BELOW_MINUS_ONE, INFINITE = ((2.5,), (3.5,)), ((-2.5,), (-3.5,)), ((math.inf,), (-math.inf,))
FAILS: dict[str, dict[str, tuple[tuple[float, ...], ...]]] = {
    "zero": {"div": ((1.5, 0.0), (2.5, 0.0)), "pow": ((0.0, -1.5), (-0.0, -1.5))},
    "domain": {
        **{"acos": ABOVE_ONE, "asin": ABOVE_ONE, "cos": INFINITE, "log": BELOW_MINUS_ONE, "log1p": BELOW_MINUS_ONE},
        **{"pow": ((-2.5, 0.5), (-3.5, 0.5)), "sin": INFINITE, "sqrt": BELOW_MINUS_ONE, "tan": INFINITE},
    },
}


@functools.cache
def pythons_words(kind: str, name: str) -> str:
    """What this Python says when a function fails; where that has the number which it was given, {} in its place."""
    said = []
    for operands in FAILS[kind][name]:
        try:
            _ = operands[0] / operands[1] if name == "div" else getattr(FLOAT, name)(*operands)
        except (ArithmeticError, ValueError) as error:
            said.append((str(error), repr(operands[0])))
    (text, number), (other, _) = said
    return text if text == other else text.replace(number, "{}", 1)


def _said(used: Sequence[str]) -> dict[str, Any]:
    words = {kind: {name: pythons_words(kind, name) for name in FAILS[kind] if name in used} for kind in FAILS}
    return {"tooLarge": TOO_LARGE, "missing": MISSING, "doing": "backward through ", **words}
