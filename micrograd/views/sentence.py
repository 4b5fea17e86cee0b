"""Forward and backward in words: each step as pieces of text with their roles, the same in every view.

    >>> from micrograd.views.sentence import backward, text
    >>> sent = [(-0.5, "z"), (-0.5, "s")]
    >>> print(text(*backward("[3/4]", "s", "x", local=1.0, upstream=-0.5, sent=sent, after=-1.0)))
    [3/4] ∂s/∂x = 1; times s.grad: 1 × (-0.5) = -0.5
          x.grad = -0.5 from z + (-0.5) from s = -1

The first line is the chain rule on one edge: local derivative times upstream gradient. The second is the sum in which
it arrives, with what was there before and from whom. A line has at most 80 columns: formulas are cut first, then names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from micrograd.views.snapshot import partial
from micrograd.words import cut, short

WIDTH = 80  # columns of a terminal
NAMED = 3  # contributions that a sum names one by one; of more, all but the last stand together
LESS = 4  # columns of indent, where a sum needs the room
LEAST = 8  # characters of a formula that are worth showing
UNUSUAL = re.compile("[^\0-\u02ff…∂→−─│├└]")  # characters that may take another number of columns than one
NAMES = (WIDTH, 36, 28, 24, 20, 16, 12, 8, 5, 3)  # characters that names are cut to until a line fits


class Part(NamedTuple):
    """A piece of a line, and what it is: "head", "name", "formula", "numbers", "local", "upstream", "contribution",
    "earlier", "sum", "data", or "" for the words between. A view may colour it by its role and its number's sign.
    """

    role: str
    text: str
    number: float | None = None


Line = list[Part]


def text(*lines: Line) -> str:
    """Lines as plain text."""
    return "\n".join("".join(part.text for part in line) for line in lines)


def backward(
    head: str,
    sender: str,
    receiver: str,
    *,
    local: float | None,
    upstream: float,
    sent: Sequence[tuple[float, str]],
    after: float,
    earlier: int = 0,
    before: float = 0.0,
    formula: str = "",
    operand: int = 0,
) -> tuple[Line, Line]:
    """The two lines of one contribution.

    `local` is None where backward was written by hand; `operand` is the operand's place, from 1, where it stands in the
    operation more than once. `sent` are the receiver's contributions with their senders, this one last; where there are
    more than three, the last is enough. `earlier` is how many came before it, and `before` their sum.
    """
    contribution = sent[-1][0]
    earlier = earlier or len(sent) - 1
    if _is_number(formula):
        formula = ""

    def by_hand(name: int) -> Line:
        return [
            Part("head", head),
            *(Part("", " "), Part("name", name_in(sender, name)), Part("", "'s backward, written by hand, adds ")),
            *(_number("contribution", contribution), Part("", " to "), Part("name", name_in(receiver, name) + ".grad")),
        ]

    def product(name: int, formula_length: int, local_too: bool = True) -> Line:
        by = name_in(sender, name)
        line = [Part("head", head), Part("", " "), Part("name", partial(by, name_in(receiver, name), operand))]
        if formula_length:
            line += [Part("", " = "), Part("formula", cut(formula, formula_length))]
        if local_too:
            line += [Part("", " = "), _number("local", local)]
        return [
            *(*line, Part("", "; times "), Part("name", f"{by}.grad"), Part("", ": "), _number("local", local)),
            *(Part("", " × "), _number("upstream", upstream, right=True)),
            *(Part("", " = "), _number("contribution", contribution)),
        ]

    longest = max(len(sender), len(receiver), *(len(by) for _, by in sent))
    lengths = [WIDTH, *(length for length in NAMES if length < longest)]

    def products() -> Iterator[Line]:
        for name in lengths:
            yield product(name, len(formula))
            if not formula:
                continue
            yield product(name, len(formula), False)  # the number stands in the product too
            for local_too in (True, False):
                room = len(formula) - (columns(text(product(name, len(formula), local_too))) - WIDTH)
                if room >= LEAST:
                    yield product(name, room, local_too)
        for name in lengths:
            yield product(name, 0)
            yield product(name, 0, local_too=False)

    def total(name: int, *, together: bool, indent: int = len(head) + 1) -> Line:
        terms = [(number, name_in(by, name)) for number, by in sent]
        if together:
            terms = [(before, f"{earlier:,} before"), terms[-1]]
        line = [Part("", " " * indent), Part("name", name_in(receiver, name) + ".grad"), Part("", " = ")]
        for i, (number, by) in enumerate(terms):
            role = "contribution" if i == len(terms) - 1 else "earlier"
            line += [Part("", " + ")] * bool(i)
            line += [_number(role, number, right=bool(i)), Part("", " from "), Part("name", by)]
        return line + ([Part("", " = "), _number("sum", after)] if len(terms) > 1 else [])

    def totals() -> Iterator[Line]:
        if earlier < NAMED:
            yield total(WIDTH, together=False)
            if earlier:
                yield total(WIDTH, together=False, indent=LESS)
            yield from (total(name, together=False) for name in lengths[1:5])
        yield from (total(name, together=earlier > 1) for name in lengths)

    first = products() if local is not None else map(by_hand, lengths)
    return fitting(first), fitting(totals())


def forward(name: str, formula: str, numbers: str, result: float, lead: str = "") -> Line:
    """The line of one operation: `s = x + y = 2 + (-4) = -2`."""

    def line(most: int) -> Line:
        parts = [Part("head", lead), Part("name", name_in(name, most)), Part("", " = ")]
        parts.append(Part("formula", cut(formula, most)))
        return [*parts, Part("", " = "), Part("numbers", cut(numbers, most)), Part("", " = "), _number("data", result)]

    return fitting(map(line, (WIDTH, 60, 48, 40, 32, 26, 20, 16, 12)))


def columns(line: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters take two, combining accents none."""
    if not UNUSUAL.search(line):
        return len(line)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def name_in(name: str, length: int) -> str:
    """A name in at most `length` characters: both of its ends, because either may tell it from others."""
    if len(name) <= length:
        return name
    return name[: (length - 1) // 2] + "…" + name[len(name) - length // 2 :]


def _number(role: str, number: float | None, *, right: bool = False) -> Part:
    """A number; on the right of an operator a negative one stands in parentheses."""
    digits = short(number)
    return Part(role, f"({digits})" if right and digits.startswith("-") else digits, number)


def _is_number(formula: str) -> bool:
    """Whether a formula says no more than its number does."""
    return not formula or formula == "…" or re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", formula) is not None


def fitting(lines: Iterable[Line]) -> Line:
    """The first of these lines that fits; else the last, cut."""
    line: Line = []
    for line in lines:
        if columns(text(line)) <= WIDTH:
            return line
    kept: Line = []
    room = WIDTH - 1
    for part in line:
        for i, c in enumerate(part.text):
            room -= columns(c)
            if room < 0:
                return [*kept, part._replace(text=part.text[:i] + "…")]
        kept.append(part)
    return kept
