"""Draw as the original micrograd's notebook does: `draw_dot(z, style="record")`.

    >>> from micrograd import draw_dot, Value
    >>> for line in draw_dot(Value(2.0, label="x") * 3.0, style="record").source.splitlines()[5:-1]:
    ...     print(line.split(" id=")[0].strip())
    b0 [label="{ x | data 2.0000 | grad · }"
    b2 [label="{  | data 3.0000 | grad · }"
    b1 [label="{  | data 6.0000 | grad · }"
    b1o [label="*"
    b1o -> b1
    b0 -> b1o
    b2 -> b1o

Each value is a record of three cells, and each operation a small round node of its own. A gradient that backward has
not computed is a dot here too, and folded boxes say how many values they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from micrograd.views.fold import Folded
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, Node, Snapshot
from micrograd.views.theme import LIGHT
from micrograd.words import one_line


def draw_records(dot: Any, graph: Snapshot, folded: Folded, grads: Sequence[float | None]) -> None:
    """Put the records, the operations and the edges between them into a drawing."""
    ink = {"color": LIGHT["ink"], "fontcolor": LIGHT["ink"]}
    dot.attr("graph", ordering="in", nodesep="0.25", ranksep="0.5")
    dot.attr("node", **ink)
    dot.attr("edge", color=LIGHT["ink"])
    box_of = {i: box.index for box in folded.boxes for i in box.members}
    drawn: set[int] = set()
    for box in folded.boxes:
        name = f"b{box.index}"
        node = graph.nodes[box.members[-1]]
        if box.folded:
            dot.node(name, f"{{ {_cell(box.title)} | {len(box.members):,} values }}", shape="record", id=name)
            continue
        for i in node.operands:  # constants are values like any other here
            if graph.nodes[i].kind == CONSTANT_NUMBER and i not in drawn:
                drawn.add(i)
                box_of[i] = len(folded.boxes) + len(drawn) - 1
                _record(dot, f"b{box_of[i]}", graph.nodes[i], None)
        _record(dot, name, node, grads[node.index])
        if node.operands:
            dot.node(f"{name}o", _cell(one_line(node.op.symbol, 20)), id=f"{name}o")
            dot.edge(f"{name}o", name)
            for i in node.operands:
                if i in box_of:
                    dot.edge(f"b{box_of[i]}", f"{name}o")
    for link in folded.links:
        if folded.boxes[link.target].folded:
            dot.edge(f"b{link.source}", f"b{link.target}")


def _record(dot: Any, name: str, node: Node, grad: float | None) -> None:
    data = "failed" if node.kind == FAILED else f"data {node.data:.4f}"
    sent = "grad ·" if grad is None else f"grad {grad + 0.0:.4f}"
    own = _cell(one_line(node.name)) if node.named else ""
    dot.node(name, f"{{ {own} | {data} | {sent} }}", shape="record", id=name)


def _cell(text: str) -> str:
    """Text that stands in a record as it is: none of its characters divides or escapes. XML's are entities."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    escaped = printable.replace("&", "&amp;").replace("\\", "\\\\")
    for c in '{}|<>"':
        escaped = escaped.replace(c, f"&#{ord(c)};")
    return escaped
