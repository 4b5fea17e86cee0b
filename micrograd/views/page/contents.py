"""Write a record as short data for the page's script, and the expression behind a graph as its title.

>>> from micrograd import Value
>>> from micrograd.views.page.contents import spelled
>>> from micrograd.views.snapshot import snapshot
>>> x, y, b = Value(2.0, label="x"), Value(-4.0, label="y"), Value(1.0, label="b")
>>> spelled(snapshot((x * x + b) / (x + y)))
'(x * x + b) / (x + y)'

The data has the local derivatives but not the gradients: the script multiplies and adds doubles in the same order as
`sweep` did, so it comes to the same gradients, bit for bit. Lists rather than objects, because keys would be most of
the text.
"""

from __future__ import annotations

import json
import math
import operator
from typing import Any

from micrograd.table import Op
from micrograd.text import ATOM, NEGATIVE, Text
from micrograd.views.objective import heading
from micrograd.views.page.javascript import Rules
from micrograd.views.page.positions import Layout, folded, title_lines
from micrograd.views.record import Record, Step
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, LEAF, OPERATION, PARAMETER, Node, Snapshot
from micrograd.words import count, one_line, short

KINDS = (LEAF, PARAMETER, CONSTANT_NUMBER, OPERATION, FAILED)  # the data has their places here
NAME_LENGTH, FORMULA_LENGTH, ERROR_LENGTH = 120, 400, 1000  # characters at most in the data
TITLE_LENGTH = 72
CALL, INFIX, PREFIX, POSTFIX = range(4)  # how an operation is written around its operands


def spelled(graph: Snapshot) -> str:
    """The expression behind a graph, with the names of its leaves; "" where it is long, or cannot be written."""
    texts: list[Text] = []
    for node in graph.nodes:
        if not node.operands:
            name = one_line(node.name, NAME_LENGTH)
            texts.append(Text(name, NEGATIVE if name.startswith("-") else ATOM))
            continue
        operands = [texts[i] for i in node.operands]
        if sum(len(x.text) for x in operands) > TITLE_LENGTH:
            return ""
        if node.op.in_table and node.op.method:
            texts.append(getattr(operator, node.op.method)(*operands))
        else:
            texts.append(Text(node.op.formula([x.text for x in operands])))
    return texts[-1].text if graph.root.formula and len(texts[-1].text) <= TITLE_LENGTH else ""


def title_of(graph: Snapshot) -> str:
    """What the page is about: `z = x / (x + y)`, or without the expression where that is long.

    A result without a name is called as the picture calls the box that it is folded into: `mean squared error`.
    """
    root = graph.root
    text = spelled(graph)
    if text:
        return f"{one_line(root.name, NAME_LENGTH)} = {text}" if root.named else text
    name = one_line(root.name if root.named else _folded_name(graph) or root.name, NAME_LENGTH)
    return name if not root.formula else f"{name}, computed from {count(len(graph.nodes) - 1, 'value')}"


def _folded_name(graph: Snapshot) -> str:
    """What the result's box is called, if it is a loss, or of a neuron or a layer; else ""."""
    box = folded(graph).boxes[-1]
    if box.kind == "loss":
        return box.title if heading(box.title) == "loss" else heading(box.title)
    return box.title if box.kind in ("neuron", "layer") else ""


def contents(trace: Record, found: list[Layout], rules: Rules) -> str:
    """The record as JSON; `rules` collects the rules that the script needs to compute it again."""
    sent: dict[int, list[Step]] = {}
    for step in trace:
        sent.setdefault(step.sender, []).append(step)
    ops: dict[tuple[Any, ...], int] = {}
    nodes = [_node(trace, node, sent.get(node.index, []), rules, ops) for node in trace.graph.nodes]
    data = {
        "kinds": KINDS,
        "ops": [list(each) for each in ops],
        "nodes": nodes,
        "failing": {
            node.index: said
            for node in trace.graph.nodes
            if node.operands and (said := rules.pieces(node.op, node.value._prev)) is not None
        },
        **_pictures(found),
        "error": one_line(trace.graph.error, ERROR_LENGTH),
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _node(trace: Record, node: Node, steps: list[Step], rules: Rules, ops: dict[tuple[Any, ...], int]) -> list[Any]:
    """A node as a list: kind, name, data, whether it has a name of its own; for an operation what it does and sends."""
    entry: list[Any] = [KINDS.index(node.kind), one_line(node.name, NAME_LENGTH), number(node.data)]
    if not node.formula:
        return entry
    rule = rules.add(node.op, len(node.operands))
    op = (*_written(node.op, len(node.operands)), -1 if rule is None else rule)
    number_of_op = ops.setdefault(op, len(ops))
    entry += [node.operands, number_of_op if trace.graph.follows(node) else -1 - number_of_op]
    if steps and steps[0].local is None:  # written by hand: no derivatives, so the gradients that it left behind
        return [*entry, [], [], [[step.receiver, number(step.after)] for step in steps]]
    formulas = [one_line(formula, FORMULA_LENGTH) for formula, _ in trace.graph.locals_of(node)]
    sent = {step.position: number(step.local) for step in steps}  # a constant is sent nothing
    return [*entry, formulas, [sent.get(position) for position in range(len(node.operands))]]


def _written(op: Op, operands: int) -> tuple[int, str, str]:
    """How `op.formula` writes it: where its symbol stands, the symbol, and its settings."""
    symbol = one_line(op.symbol, NAME_LENGTH)
    if not op.symbol.isidentifier():
        if op.static:
            return POSTFIX, symbol, ""
        if operands == 1 and symbol.startswith("**"):
            return POSTFIX, symbol if symbol != "**" else "**…", ""
        if operands == 2:
            return INFIX, symbol if symbol.startswith("**") else f" {symbol} ", ""
        if operands == 1:
            return PREFIX, symbol, ""
    return CALL, one_line(op.name, NAME_LENGTH), "".join(f", {key}={value!r}" for key, value in op.static)


def _pictures(found: list[Layout]) -> dict[str, Any]:
    """The layouts. A box is in several of them, so that its title and members are written once."""
    boxes: dict[tuple[str, tuple[int, ...]], int] = {}
    kinds = []
    pictures = []
    for each in found:
        placed = []
        for box in each.boxes:
            key = box.title, box.members
            if key not in boxes:
                boxes[key] = len(boxes)
                kinds.append(
                    ["\n".join(title_lines(box.title)), _ranges(box.members), int(box.has_result)]
                    if box.folded
                    else box.members[0]
                )
            placed.append([boxes[key], *box.place, *([box.opens] if box.opens >= 0 else [])])
        edges = [[e.source, e.target, e.position, e.count, e.path] for e in each.edges]
        frame = [one_line(each.frame[0], NAME_LENGTH), *each.frame[1]] if each.frame else 0
        pictures.append([each.size, placed, edges, each.parent, frame])
    return {"boxes": kinds, "layouts": pictures}


def _ranges(members: tuple[int, ...]) -> list[int]:
    """Indices as pairs of a start and a length: what is computed together is stored together."""
    found: list[int] = []
    for i in members:
        if found and i == found[-2] + found[-1]:
            found[-1] += 1
        else:
            found += [i, 1]
    return found


def number(x: Any) -> float | int | str:
    """A number for JSON, which has no nan or inf: they become words that JavaScript reads. 2.0 becomes 2."""
    x = float(x)
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    if x.is_integer() and abs(x) < 1e15 and (x or math.copysign(1.0, x) > 0):
        return int(x)
    return x


def summary(trace: Record) -> str:
    """How much there is to see, for people who hear the page."""
    forward = sum(bool(node.formula) for node in trace.graph.nodes)
    return f"{forward} forward, {len(trace)} backward, result {short(trace.graph.root.data)}"
