"""Show a graph in the terminal, as indented lines: `print(tree(z))`.

>>> from micrograd import Value
>>> from micrograd.views.tree import tree
>>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
>>> z = x / (x + y)
>>> z.backward()
>>> print(tree(z))
v2 = x / v1     data -1   grad 1
├─ x            data 2    grad -1     used 2 times
└─ v1 = x + y   data -2   grad -0.5
   ├─ x         data 2    grad -1     used 2 times
   └─ y         data -4   grad -0.5
"""

from __future__ import annotations

import math
from typing import Any

from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, Births, Node, Snapshot, snapshot
from micrograd.words import one_line, short

MAX_ROWS = 1000


def tree(root: Any, depth: int = 3, *, names: Any = None) -> str:
    """The graph as indented lines for the terminal, `depth` levels of operands deep, the result first."""
    return tree_of(snapshot(root, names=names), depth=depth)


def tree_of(
    graph: Snapshot, *, depth: int = 3, top: Node | None = None, grads: list[float | None] | None = None
) -> str:
    """As `tree`, for a snapshot; `top` replaces the result, and `grads` the snapshot's own gradients."""
    rows: list[tuple[str, str, str, str]] = []
    births = graph.births(grads)
    stack = [(top or graph.root, "", "", depth)]  # a node, how its line and those below it begin, levels to go
    while stack and len(rows) < MAX_ROWS:
        node, lead, follow, levels = stack.pop()
        grad = grads[node.index] if grads is not None else node.grad
        text = f"{one_line(node.name)} = {one_line(node.formula)}" if node.formula else one_line(node.name)
        below = [graph.nodes[i] for i in node.operands if graph.nodes[i].kind != CONSTANT_NUMBER]
        if below and levels == 0:
            text += " …"
        data = "failed" if node.kind == FAILED else f"data {short(node.data)}"
        notes = [f"used {node.uses} times"] if node.uses > 1 else []
        notes += not_finite(node, grad, births)
        rows.append((lead + text, data, f"grad {short(grad)}", "   ".join(notes)))
        for i, operand in reversed(list(enumerate(below if levels else []))):
            last = i == len(below) - 1
            stack.append(
                (operand, follow + ("└─ " if last else "├─ "), follow + ("   " if last else "│  "), levels - 1)
            )
    if stack:
        rows.append((f"… and more, after {MAX_ROWS:,} lines", "", "", ""))
    widths = [max(len(row[i]) for row in rows) + 3 for i in range(3)] + [0]
    return "\n".join("".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows)


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
