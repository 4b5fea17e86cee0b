"""Random programs of Values, as source code that runs: `random_program(random.Random(7)).source()`.

A program is a list of statements. To test another kind of statement, add a function to STATEMENTS that gives a template
with `{}` in place of each number. Rows of the table need nothing: every row becomes a statement.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field, replace

import numpy as np

import micrograd
from micrograd import losses
from micrograd.table import TABLE

TAME = "1.0 2.0 0.5 -1.0 0.1 3 -2 -0.75 1.5 0.25".split()
WILD = (
    "0.0 -0.0 0 1 1.0 -1.0 2 3.0 5e-324 1e-300 1e-16 1e16 1e300 -1e300 710.0 -745.2 inf -inf nan 1.7e308 "
    "np.float64(0.5) np.float32(0.1) np.int64(2) np.float64(0.0) 2.0 0.5 -2.0 -0.3 1.0 True np.bool_(True)"
).split()
WILD_NUMBERS = [x for x in WILD if "np." not in x and x != "True"]
SETTINGS = "2 3 -1 0.5 2.0 0 1 -2 -0.5 0.25 2.5 0.0 0.2 1.0".split()
WILD_SETTINGS = ["1e16", "np.float64(0.5)", "np.int64(2)", "-0.0", "300", "1e-300"]
ARGUMENTS = ("x", "y", "z")


@dataclass(frozen=True)
class Statement:
    """`name = template` with the operands in its slots: other statements' names, arguments, or literals."""

    name: str
    template: str
    operands: tuple[str, ...]

    def __str__(self):
        return f"{self.name} = {self.expression}"

    @property
    def expression(self):
        return self.template.format(*self.operands)

    @property
    def comparisons(self):
        """The pairs of operands that it compares."""
        pairs = re.findall(r"\{(\d+)\} [<>]=? \{(\d+)\}", self.template)
        return [(self.operands[int(i)], self.operands[int(j)]) for i, j in pairs]


@dataclass(frozen=True)
class Program:
    """A function `f` of numbers, index `k`, target `t` and Values from outside, and rows of numbers to try it on."""

    arguments: tuple[str, ...]
    leaves: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]
    results: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def numbers(self):
        """The arguments that are differentiated."""
        return [name for name in self.arguments if name in ARGUMENTS]

    @property
    def text(self):
        return " ".join([*map(str, self.statements), *self.results])

    def source(self):
        """The program as Python code."""
        used = [name for name in re.findall(r"\b[a-z_]\w*\b", self.text) if name in TABLE]
        lines = ["import numpy as np", "from math import inf, nan", "from micrograd import *"]
        if any(name in self.text for name in LOSSES):
            lines.append(f"from micrograd.losses import {', '.join(LOSSES)}")
        rest = sorted({name for name in used if name not in micrograd.__all__})
        if rest:
            lines += ["from micrograd.table import TABLE", *(f'{name} = TABLE["{name}"]' for name in rest)]
        lines += [f'{name} = Value({number}, label="{name}")' for name, number in self.leaves]
        lines += ["", f"def f({', '.join(self.arguments)}):"]
        lines += [f"    {statement}" for statement in self.statements]
        lines += [f"    return {', '.join(self.results)}", ""]
        lines += [f"rows = [{', '.join('(' + ', '.join(row) + ',)' for row in self.rows)}]"]
        return "\n".join(lines)

    def probe(self):
        """The program with an `f` that returns all its variables, by name."""
        return self.source().replace(f"    return {', '.join(self.results)}\n", "    return locals()\n")

    def smaller(self):
        """Smaller programs, each with one thing removed or replaced; the largest cuts first."""
        for i in reversed(range(len(self.results))):
            if len(self.results) > 1:
                yield replace(self, results=self.results[:i] + self.results[i + 1 :])
        for i in range(len(self.rows)):
            if len(self.rows) > 1:
                yield replace(self, rows=self.rows[:i] + self.rows[i + 1 :])
        for i, statement in enumerate(self.statements):
            rest = self.statements[:i] + self.statements[i + 1 :]
            for operand in dict.fromkeys([*statement.operands, "1.0"]):
                yield replace(self, statements=rest).put(statement.name, operand)
        for i, statement in enumerate(self.statements):
            for place, operand in enumerate(statement.operands):
                for other in (*self.arguments[:1], "1.0", "0.0"):
                    if operand not in (*self.arguments, "1.0", "0.0"):
                        operands = statement.operands[:place] + (other,) + statement.operands[place + 1 :]
                        new = replace(statement, operands=operands)
                        yield replace(self, statements=(*self.statements[:i], new, *self.statements[i + 1 :]))
        for name, _ in self.leaves:
            left = tuple(leaf for leaf in self.leaves if leaf[0] != name)
            yield replace(self, leaves=left).put(name, "1.0")
        for i, row in enumerate(self.rows):
            for place, number in enumerate(row):
                if self.arguments[place] in ARGUMENTS and number not in ("1.0", "0.0", "2.0"):
                    for other in ("1.0", "0.0", "2.0"):
                        new_row = (*row[:place], other, *row[place + 1 :])
                        yield replace(self, rows=(*self.rows[:i], new_row, *self.rows[i + 1 :]))
        for i, name in enumerate(self.arguments):
            if len(self.arguments) > 1 and not re.search(rf"\b{name}\b", self.text):
                yield replace(
                    self,
                    arguments=self.arguments[:i] + self.arguments[i + 1 :],
                    rows=tuple(row[:i] + row[i + 1 :] for row in self.rows),
                )

    def put(self, name, operand):
        """The program with another operand wherever `name` stood."""
        put = lambda xs: tuple(operand if x == name else x for x in xs)  # noqa: E731
        statements = tuple(replace(s, operands=put(s.operands)) for s in self.statements)
        return replace(self, statements=statements, results=put(self.results))


LOSSES = [name for name, x in vars(losses).items() if inspect.isfunction(x) and x.__module__ == losses.__name__]
LOSSES = [name for name in LOSSES if not name.startswith("_")]


def of_table(entry, rng, wild):
    """A row of the table as users write it: `({} + {})`, `tanh({})`, `take([{}, {}], 1)`, `elu({}, alpha=0.5)`."""
    settings = {}
    for name in entry.settings:
        if name not in entry.defaults or rng.random() < 0.5:
            settings[name] = rng.choice(SETTINGS + WILD_SETTINGS * wild)
    if entry.name == "power" and rng.random() < 0.8:
        return f"({{}} ** {settings['exponent']})"
    if (entry.method or entry.name == "pow") and not entry.symbol.isidentifier():
        return f"({{}} {entry.symbol} {{}})" if len(entry.operands) == 2 else f"({entry.symbol}{{}})"
    parts = []
    for name in inspect.signature(entry.prepare).parameters if entry.prepare else entry.operands:
        if f"*{name}" in entry.operands or name.startswith("*"):
            parts.append(f"[{', '.join(['{}'] * rng.randint(1, 4))}]")
        elif name == "condition":
            parts.append(condition(rng))
        elif name == "index":
            parts.append(rng.choice(["k", "0", "1", "2"] if wild else ["k", "0"]))
        else:
            parts.append("{}")
    parts += [f"{name}={x}" for name, x in settings.items()]
    return f"{entry.name}({', '.join(parts)})"


def condition(rng):
    """`{} < {}`, two such combined by & or |, or a number that counts as true."""
    first, second = (f"({{}} {rng.choice(['<', '<=', '>', '>='])} {{}})" for _ in range(2))
    return rng.choices(["{}", first, f"{first} {rng.choice('&|')} {second}"], [1, 5, 4])[0]


def of_any_row(rng, wild):
    entry = TABLE[rng.choice(list(TABLE))]
    pieces = of_table(entry, rng, wild).split("{}")
    count = len(pieces) - 1
    domain = entry.domain if entry.domain and isinstance(entry.domain[0], tuple) else (entry.domain,) * count
    if len(domain) != count or rng.random() < (0.9 if wild else 0.15):
        return "{}".join(pieces)
    # Keep operands within the operation's domain, or most programs would end in an error.
    slots = [
        f"({(low + high) / 2!r} + {(high - low) / 2!r} * tanh({{}}))" if low > -10.0 or high < 10.0 else "{}"
        for low, high in domain
    ]
    return "".join(piece + slot for piece, slot in zip(pieces, [*slots, ""]))


def arithmetic(rng, wild):
    return rng.choice(["({} + {})", "({} - {})", "({} * {})", "({} * {} + {})", "({} * {} - {} * {})"])


def choice(rng, wild):
    return of_table(TABLE[rng.choice(["where", "take", "where"])], rng, wild)


def inner_gradient(rng, wild):
    """The derivative of a small function inside the program; it may use the program's numbers."""
    inner = of_any_row(rng, False).replace("{}", "(u * {})", 1)
    return f"grad(lambda u: {inner})({{}})"


def loss(rng, wild):
    """A loss with a target; most targets are right."""
    return rng.choice(
        ["hinge({}, t)", "binary_cross_entropy({}, t)", "mse([{}, {}], [t, {}])", "half_squared_sum({}, t)"]
        + ["cross_entropy([{}, {}, {}], k)", "margin_ranking({}, {})", "cross_entropy([{}, {}], [t, 1.0 - t])"]
    )


STATEMENTS = {of_any_row: 12, arithmetic: 5, choice: 2, inner_gradient: 1, loss: 1}  # with relative frequencies


def random_program(rng):
    """A program of up to ten statements; half of all programs use only ordinary numbers, the others use any."""
    wild = rng.random() < 0.5
    literals = TAME + (WILD * 2 if wild else [])
    arguments = ARGUMENTS[: rng.randint(1, 3)]
    leaves = tuple(
        (name, rng.choice(WILD_NUMBERS if rng.random() < 0.3 and wild else TAME)) for name in "vw"[: rng.randint(0, 2)]
    )
    names = [*arguments, *(name for name, _ in leaves)]
    statements = []
    for i in range(rng.randint(1, 10)):
        [kind] = rng.choices(list(STATEMENTS), list(STATEMENTS.values()))
        first, *pieces = kind(rng, wild).split("{}")
        operands = []
        for _ in pieces:
            recent = names[-4:] if rng.random() < 0.6 else names
            operands.append(rng.choice(literals) if rng.random() < 0.15 else rng.choice(recent))
        numbered = first + "".join(f"{{{n}}}{piece}" for n, piece in enumerate(pieces))
        statements.append(Statement(f"a{i}", numbered, tuple(operands)))
        names.append(f"a{i}")
    results = [names[-1], *rng.sample(names, rng.choice([0, 0, 0, 1, 2]) if len(names) > 2 else 0)]
    text = " ".join(map(str, statements))
    extra = [name for name in "kt" if re.search(rf"\b{name}\b", text)]
    rows = [
        (*(number(rng, wild) for _ in arguments), *(of_extra(name, rng) for name in extra))
        for _ in range(rng.randint(1, 3))
    ]
    return Program((*arguments, *extra), leaves, tuple(statements), tuple(dict.fromkeys(results)), tuple(rows))


def number(rng, wild):
    if wild and rng.random() < 0.5:
        return rng.choice(WILD_NUMBERS)
    return repr(round(rng.uniform(-2.0, 2.0), 3)) if rng.random() < 0.7 else repr(rng.gauss(0.0, 1.0))


def of_extra(name, rng):
    """An index `k` to choose by, or a target `t`."""
    if name == "k":
        return rng.choice(["0", "0", "1", "2"] + ["-1", "7"] * (rng.random() < 0.2))
    return rng.choice(["1.0", "1.0", "-1.0", "0.0"] + ["3.0", "0.5"] * (rng.random() < 0.2))


def namespace_of(source):
    """The names that a program's code defines, after a new run."""
    out = {"np": np}
    exec(compile(source, "<program>", "exec"), out)
    return out
