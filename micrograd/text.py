"""Read a rule as text: the formula of an operation's local derivatives, with the operands' names put in.

    >>> from micrograd.table import TABLE
    >>> from micrograd.text import derivative_formulas
    >>> derivative_formulas(TABLE["mul"], ["w", "x"])
    ('x', 'w')
    >>> derivative_formulas(TABLE["sigmoid"], ["z"])
    ('sigmoid(z) * (1 - sigmoid(z))',)
    >>> derivative_formulas(TABLE["sigmoid"], ["z"], result="a")
    ('a * (1 - a)',)

The rule itself writes the text: its operands here are pieces of text that answer `+`, `*` and the rest with
longer pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from micrograd.table import TABLE, Namespace, Op
from micrograd.written import Written

# How tightly each kind of expression binds: one that binds looser than its surroundings is put in parentheses.
COMPARISON, SUM, PRODUCT, NEGATIVE, POWER, ATOM = range(6)
# How an operator is written, how tightly it binds, and the rank below which its right operand needs parentheses.
INFIX = {
    "add": (" + ", SUM, SUM),
    "sub": (" - ", SUM, PRODUCT),
    "mul": (" * ", PRODUCT, PRODUCT),
    "div": (" / ", PRODUCT, NEGATIVE),
    "lt": (" < ", COMPARISON, SUM),
    "le": (" <= ", COMPARISON, SUM),
    "gt": (" > ", COMPARISON, SUM),
    "ge": (" >= ", COMPARISON, SUM),
}


def derivative_formulas(entry: Op, names: Sequence[str], *, result: str = "") -> tuple[str, ...]:
    """The formula of the local derivative for each operand, from the operands' names or numbers.

    `result` names the operation's own value; without one it reads as the operation does, `tanh(x)`.
    Raises TypeError when the rule asks `if` of an operand, or when there is no rule.
    """
    operands = [Text(name, NEGATIVE if name.startswith("-") else ATOM) for name in names]
    value, derivatives = entry.rule(TEXT, *operands)
    if isinstance(value, Text) and not any(value is x for x in operands):
        # The closure has not run yet: it will write the value by this name.
        value.text = result or entry.formula(names)
        value.rank = ATOM if result else _rank(entry)
    return tuple(_text(d).text for d in derivatives())


class Text(Written):
    """A piece of a formula and how tightly it binds."""

    __slots__ = ("rank", "text")

    def __init__(self, text: str, rank: int = ATOM):
        self.text: str = text
        self.rank: int = rank

    def __repr__(self) -> str:
        return self.text

    def _write(self, name: str, *operands: Any) -> Any:
        if name == "neg":
            return Text("-" + self.at(NEGATIVE), NEGATIVE)
        if name not in INFIX:
            return getattr(TEXT, name)(*operands) if name in TABLE else NotImplemented
        symbol, rank, right = INFIX[name]
        x, y = map(_text, operands)
        return Text(f"{x.at(rank)}{symbol}{y.at(right)}", rank)

    def at(self, rank: int) -> str:
        """The text as it stands next to an operator that binds with `rank`."""
        return self.text if self.rank >= rank else f"({self.text})"


def _rank(entry: Op) -> int:
    """How tightly an operation's own formula binds."""
    return ATOM if entry.symbol.isidentifier() else POWER if "**" in entry.symbol else SUM


def _text(x: Any) -> Text:
    if isinstance(x, Text):
        return x
    return Text(f"{x:.6g}", NEGATIVE if x < 0 else ATOM)


class _TextFunctions(Namespace):
    """Elementary functions of text: every name of the table writes a call of itself."""

    def function_of(self, entry: Op) -> Callable[..., Text]:
        def written(*operands: Any, **static: Any) -> Text:
            bound = entry.bind(**static)
            return Text(bound.formula([_text(x).text for x in operands]), _rank(bound))

        return written

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        if not isinstance(condition, Text):  # a setting, such as an exponent: its number chooses now
            return x if condition else y
        return self.function_of(TABLE["where"])(condition, x, y)

    @staticmethod
    def pow(x: Any, y: Any) -> Text:
        if y in (0, 1):
            return _text(x if y else 1)
        return Text(f"{_text(x).at(ATOM)}**{_text(y).at(NEGATIVE)}", POWER)


TEXT = _TextFunctions()


def opaque(name: str, operands: Sequence[Any]) -> tuple[Text, Callable[[], tuple[Text, ...]]]:
    """The reading of a rule that is too long to show: its name, and dots for its derivatives."""
    return Text(name), lambda: tuple(Text("…") for _ in operands)
