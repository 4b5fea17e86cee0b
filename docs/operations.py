"""Make the page of operations: `python docs/operations.py` writes operations.md and operations/*.svg beside itself.

Everything on the page is read from the table: names, formulas, derivatives, where each is defined, and the curves.
"""

from __future__ import annotations

import math
from pathlib import Path

from building.curves import plot

from micrograd import Value
from micrograd.table import FLOAT, TABLE
from micrograd.text import derivative_formulas

FOLDER = Path(__file__).parent

# What is drawn of a row: from where to where, and what stays fixed, where that is not one operand from -4 to 4.
WINDOWS = {
    "exp": (-3, 2), "expm1": (-3, 2), "log": (0, 6), "log1p": (-1, 5), "sqrt": (0, 6), "sin": (-7, 7),
    "cos": (-7, 7), "asin": (-1, 1), "acos": (-1, 1), "tan": (-1.5, 1.5), "sinh": (-2.5, 2.5), "cosh": (-2.5, 2.5),
    "power": (-2, 2), "pow": (0, 3), "erf": (-3, 3), "erfc": (-3, 3), "take": (-0.49, 2.49), "where": (-2, 2),
}  # fmt: skip
SETTINGS = {"power": {"exponent": 3}}
OTHERS = {"pow": (1.5,), "div": (2.0,), "mul": (2.0,), "add": (1.0,), "sub": (1.0,), "maximum": (1.0,)}
OTHERS |= {"minimum": (1.0,), "logsumexp": (1.0,), "where": (2.0, -1.0), "take": (1.0, 3.0, 2.0)}
# Headings of the page, each with the first row that stands under it; a test holds them to the table's order.
SECTIONS = {
    "Arithmetic": "add",
    "Exponentials and logarithms": "exp",
    "Circular and hyperbolic functions": "sin",
    "Choices": "maximum",
    "Activation functions": "sigmoid",
    "Error functions": "erf",
}
INTRODUCTION = """\
# Operations

Every operation is one row of one table, [micrograd/ops.py](../micrograd/ops.py): its value, and one local derivative
for each operand. This page is made from that table by [operations.py](operations.py), curves included. Each works on
floats, on Values and elementwise on arrays; more are [yours to add](../CONTRIBUTING.md#add-an-operation).

```pycon
>>> from micrograd import Value, tanh
>>> x = Value(0.5)
>>> tanh(0.5) == tanh(x).data == x.tanh().data
True
>>> from micrograd.table import TABLE
>>> from micrograd.text import derivative_formulas
>>> derivative_formulas(TABLE["tanh"], ["x"])
('1 - tanh(x) * tanh(x)',)

```

In the pictures the **blue** line is the operation, and the **orange** dashes are its derivative in the operand that
varies.
"""


def rows():
    """The table's own rows; a user's operations are not on the page."""
    return [entry for entry in TABLE.values() if entry.built_in]


def names_of(entry):
    """The operands' names in formulas; `*values` are shown as two of them."""
    names = [name for name in entry.operands if not name.startswith("*")]
    return [*names, "a", "b"] if entry.operands[-1].startswith("*") else names


def bound(entry):
    """The row with the settings that the page shows."""
    return entry.bind(**SETTINGS[entry.name]) if entry.name in SETTINGS else entry


def called(entry):
    """How an operation is written, as code."""
    import micrograd

    first = names_of(entry)[0]
    ways = []
    if entry.method or entry.name in ("power", "pow"):
        ways.append("abs(x)" if entry.name == "abs" else bound(entry).formula(names_of(entry)))
    if entry.name in micrograd.__all__:
        signature = str(getattr(micrograd, entry.name).__signature__)
        ways.append(f"{entry.name}{plain(signature)}")
    if hasattr(Value, entry.name) and not entry.method and entry.name not in ("power", "pow"):
        rest = [*names_of(entry)[1:], *(f"{name}={entry.defaults[name]}" for name in entry.settings)]
        ways.append(f"{first}.{entry.name}({', '.join(rest)})")
    return list(dict.fromkeys(ways))


def plain(signature):
    """A signature without annotations: `(values, index)`."""
    inside = signature[1:-1].split(", ") if ":" not in signature else []
    if not inside:
        pieces, depth, piece = [], 0, ""
        for letter in signature[1:-1] + ",":
            depth += (letter in "[(") - (letter in "])")
            if letter == "," and not depth:
                pieces, piece = [*pieces, piece.split(":")[0].strip()], ""
            else:
                piece += letter
        return f"({', '.join(pieces)})"
    return f"({', '.join(name for name in inside if name != '*')})"


def facts(entry):
    """The lines of a row's table: what it is called by, its formula, derivatives, and where it is defined."""
    names = names_of(entry)
    row = bound(entry)
    derivatives = derivative_formulas(row, names)
    lines = [("write", ", ".join(f"`{way}`" for way in called(entry)))]
    if entry.prepare:
        lines.append(("takes", " ".join((entry.prepare.__doc__ or "").split())))
    if row.symbol != entry.name:
        lines.append(("symbol in drawings", f"`{row.symbol}`"))
    for name, formula in zip(names, derivatives):
        lines.append((f"∂/∂{name}", f"`{formula}`"))
    if entry.operands[-1].startswith("*"):
        lines.append(("and so on", "one derivative for each of the values, two of which are shown"))
    if entry.needs:
        lines.append(("needs", f"`{needed(entry)}`" if is_code(entry) else needed(entry)))
    elif not entry.prepare:
        lines.append(("defined", "for all real numbers"))
    for name in entry.settings:
        value = entry.defaults.get(name)
        lines.append(("setting", f"`{name}`, " + ("to be given" if value is None else f"`{value}` if it is not given")))
    return lines


def needed(entry):
    return entry.needs.format(*names_of(entry))


def is_code(entry):
    """Whether `needs` is a condition alone, `x > 0`, and not a sentence around one."""
    return all(len(word) == 1 or not word.isalpha() for word in needed(entry).split())


def varying(entry):
    """The function of one number that is drawn, its derivative, where, and what the picture says stays fixed."""
    settings = SETTINGS.get(entry.name, {})
    others = OTHERS.get(entry.name, ())
    low, high = WINDOWS.get(entry.name, (-4, 4))

    def operands(x):
        return (float(x > 0) if entry.name == "where" else x, *others)

    def at(x):
        return entry.rule(FLOAT, *operands(x), **settings)[0]

    def slope(x):
        return entry.rule(FLOAT, *operands(x), **settings)[1]()[0]

    return kept(at), kept(slope), (low, high), fixed(entry)


def kept(f):
    """The function with nan where it is not defined."""

    def g(x):
        try:
            return float(f(x))
        except (ArithmeticError, ValueError):
            return math.nan

    return g


def fixed(entry):
    """What the picture holds still: `y = 2`."""
    names = list(entry.operands[1:])
    if names and names[0].startswith("*"):
        names = ["a", "b", "c"]
    if entry.name == "logsumexp":
        names = ["b"]
    parts = ["condition = t > 0"] if entry.name == "where" else []
    parts += [f"{name} = {x:g}" for name, x in zip(names, OTHERS.get(entry.name, ()))]
    return ", ".join([*parts, *(f"{name} = {x:g}" for name, x in SETTINGS.get(entry.name, {}).items())])


def page():
    """The text of operations.md."""
    heading = {first: title for title, first in SECTIONS.items()}
    parts = [INTRODUCTION.strip()]
    for entry in rows():
        if entry.name in heading:
            parts.append(f"## {heading[entry.name]}")
        said = " ".join((entry.rule.__doc__ or "").split())
        held = f" ({fixed(entry)})" if fixed(entry) else ""
        first, *rest = (f"| {key} | {value} |" for key, value in facts(entry))
        parts += [
            f"### {entry.name}",
            said,
            f"![{entry.name} and its derivative{held}](operations/{entry.name}.svg)",
            "\n".join([first, "|---|---|", *rest]),
        ]
    return "\n\n".join(parts) + "\n"


def main(folder=FOLDER):
    """Write the page and every picture into a folder."""
    (folder / "operations").mkdir(exist_ok=True)
    for entry in rows():
        f, slope, window, held = varying(entry)
        across = "t" if entry.name == "where" else names_of(entry)[0]
        text = plot(f, slope, window, title=entry.name, held=held, across=across)
        (folder / "operations" / f"{entry.name}.svg").write_text(text, encoding="utf-8")
    (folder / "operations.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
