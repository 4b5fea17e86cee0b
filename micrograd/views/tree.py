"""Show a graph in the terminal, as indented lines: `tree(z)`.

>>> from micrograd import Value
>>> from micrograd.views.tree import tree
>>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
>>> z = x / (x + y)
>>> z.backward()
>>> tree(z)
v2 = x / v1     data -1   grad 1
├─ x            data 2    grad -1     used 2 times
└─ v1 = x + y   data -2   grad -0.5
   ├─ x         data 2    grad -1     used 2 times
   └─ y         data -4   grad -0.5
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from micrograd.views.sentence import WIDTH, Line, Part, columns, text
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, Births, Node, Snapshot
from micrograd.views.top import Top, top_of
from micrograd.words import Shown, cut, one_line, short

MAX_ROWS = 1000
LEAST = 24  # columns for a name and its formula, whatever else a line holds


def tree(root: Any, depth: int = 3, *, names: Any = None) -> Shown:
    """The graph as indented lines for the terminal, `depth` levels of operands deep, the result first."""
    return Shown(text(*tree_lines(top_of(root, depth=depth, most=MAX_ROWS, names=names), depth=depth)))


def tree_lines(
    graph: Snapshot | Top,
    *,
    depth: int = 3,
    top: Node | None = None,
    data: Sequence[float | None] | None = None,
    grads: Sequence[float | None] | None = None,
) -> list[Line]:
    """The tree as pieces of text; `top` replaces the result, and `data` and `grads` the snapshot's own numbers."""
    rows: list[tuple[str, str, Part, str]] = []
    births = graph.births(grads)
    stack = [(top or graph.root, "", "", depth)]  # a node, how its line and those below it begin, levels to go
    while stack and len(rows) < MAX_ROWS:
        node, lead, follow, levels = stack.pop()
        grad = grads[node.index] if grads is not None else node.grad
        number = data[node.index] if data is not None else node.data
        named = f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else one_line(node.name)
        below = [graph.nodes[i] for i in node.operands if graph.nodes[i].kind != CONSTANT_NUMBER]
        if below and levels == 0:
            named += " …"
        notes = [f"used {node.uses} times"] if node.uses > 1 else []
        uses = "   ".join(notes + not_finite(node, grad, births))
        said = "failed" if node.kind == FAILED else f"data {short(number)}"
        rows.append((lead + named, said, Part("grad", short(grad), grad), uses))
        for i, operand in reversed(list(enumerate(below if levels else []))):
            last = i == len(below) - 1
            stack.append(
                (operand, follow + ("└─ " if last else "├─ "), follow + ("   " if last else "│  "), levels - 1)
            )
    if stack:
        rows.append((f"… and more, after {MAX_ROWS:,} lines", "", Part("", ""), ""))
    second, third = (max(map(len, cells)) + 3 for cells in ([row[1] for row in rows], [row[2].text for row in rows]))
    room = max(LEAST, WIDTH - second - len("grad ") - third - max(len(row[3]) for row in rows))
    names = [row[0] if columns(row[0]) <= room - 3 else cut(row[0], room - 3) for row in rows]
    first = max(map(columns, names)) + 3
    lines = []
    for name, (_, said, grad_part, uses) in zip(names, rows):
        line = [Part("name", name), Part("", f"{' ' * (first - columns(name))}{said:{second}}grad "), grad_part]
        if uses:
            line.append(Part("", " " * (third - len(grad_part.text)) + uses))
        lines.append(line if said else line[:1])
    return lines


def not_finite(node: Node, grad: float | None, births: Births) -> list[str]:
    """What to say of a node whose numbers are not finite: that they were born there, or that they came there."""
    if node.index in births.data:
        return [f"⚠ {short(node.data)} is born here"]
    if node.index in births.grads:
        return [f"⚠ gradient {short(grad)} is born here"]
    if not math.isfinite(node.data) and node.kind != FAILED:
        return [f"reached by {short(node.data)}"]
    if grad is not None and not math.isfinite(grad):
        return [f"gradient reached by {short(grad)}"]
    return []
