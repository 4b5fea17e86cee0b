"""Where the prompt stops: at a node, at a nan, or where a condition on a step holds.

>>> from micrograd import Value
>>> from micrograd.views.breakpoints import Breakpoints
>>> from micrograd.views.record import Record
>>> x = Value(2.0, label="x")
>>> stops = Breakpoints(Record((x * x).tanh()))
>>> print(stops.add("op==*"))
1  break  op==*
>>> [position for position in range(3) if stops.at(position)]
[1, 2]
"""

from __future__ import annotations

import ast
import builtins
import math
import re
from dataclasses import dataclass

from micrograd.views.record import Record, Step
from micrograd.views.seen import Operation, Seen, find_node, node_called
from micrograd.views.snapshot import Node
from micrograd.words import did_you_mean


@dataclass
class Breakpoint:
    """Where to stop: a node's name, `nan`, or Python such as `op==tanh` or `abs(grad)>10`, if `condition` holds too."""

    number: int
    where: str
    condition: str = ""
    temporary: bool = False

    def __str__(self) -> str:
        kind = "tbreak" if self.temporary else "break"
        return f"{self.number}  {kind}  {self.where}" + (f"  if {self.condition}" if self.condition else "")


class Breakpoints:
    """The breakpoints on a trace. A wrong one raises ValueError, whose message the prompt prints."""

    def __init__(self, trace: Record):
        self.trace = trace
        self.items: list[Breakpoint] = []
        self._count = 0
        self._nodes: dict[str, Node | None] = {}

    def add(self, where: str, *, temporary: bool = False) -> Breakpoint:
        """Set a breakpoint. `where` is a node's name, `nan`, or Python with the names that `at` lists."""
        if where != "nan" and self._node(where) is None:
            if re.fullmatch(r"[\w.\[\]]+", where):
                node_called(self.trace.graph, where)  # raises, with the name that may have been meant
            self._check(where)
        self._count += 1
        self.items.append(Breakpoint(self._count, where, temporary=temporary))
        return self.items[-1]

    def get(self, number: str) -> Breakpoint:
        for item in self.items:
            if str(item.number) == number.strip():
                return item
        raise ValueError(f"there is no breakpoint {number!r}; b lists them")

    def remove(self, item: Breakpoint) -> None:
        self.items.remove(item)

    def set_condition(self, number: str, expression: str) -> Breakpoint:
        """Let a breakpoint stop only where the expression holds; an empty one lets it stop always."""
        if not number:
            raise ValueError("condition takes a breakpoint's number: condition 1 grad > 2; b lists them")
        item = self.get(number)
        if expression:
            self._check(expression)
        item.condition = expression
        return item

    def at(self, position: int) -> tuple[Breakpoint, str] | None:
        """The first breakpoint that the step of backward at a position hits, and what went wrong in its condition.

        A condition may use op, sender, name, data, local, upstream, contribution, grad (the receiver's, after the
        step), math, and the nodes' names: `x.grad > 1`. As in pdb, a condition that raises counts as hit.
        """
        return self._hit(self.trace[position])

    def at_operation(self, node: Node) -> tuple[Breakpoint, str] | None:
        """As `at`, for an operation of forward: `name` and `data` are its own, and gradients are not computed yet."""
        return self._hit(node)

    def _hit(self, event: Step | Node) -> tuple[Breakpoint, str] | None:
        for item in self.items:
            try:
                if self._holds(item, event):
                    return item, ""
            except Exception as error:
                return item, f"{type(error).__name__}: {error}"
        return None

    def _holds(self, item: Breakpoint, event: Step | Node) -> bool:
        node = self._node(item.where)
        if item.where == "nan":
            here = not all(map(math.isfinite, self._numbers(event)))
        elif node is not None:
            here = node.index == (event.receiver if isinstance(event, Step) else event.index)
        else:
            here = self._true(item.where, event)
        return here and (not item.condition or self._true(item.condition, event))

    def _numbers(self, event: Step | Node) -> list[float]:
        if not isinstance(event, Step):
            return [event.data]
        nodes = self.trace.graph.nodes
        return [nodes[event.sender].data, nodes[event.receiver].data, event.upstream, event.contribution, event.after]

    def _true(self, expression: str, event: Step | Node) -> bool:
        quoted = _quoted(expression)
        return bool(eval(quoted, {name: self._meaning(name, event) for name in _names_in(quoted)}))

    def _meaning(self, name: str, event: Step | Node) -> object:
        """What a name stands for in a condition: a number of the step, or a node as it is after the step."""
        known = self._known(event)
        if name in known:
            return known[name]
        node = self._node(name)
        if node is None:
            return getattr(builtins, name, None)  # None for a comprehension's own variable
        if isinstance(event, Step):
            return Seen(node, node.data, self.trace.grads(event.number)[node.index])
        return Seen(node, None if node.operands and node.index > event.index else node.data, None)

    def _known(self, event: Step | Node) -> dict[str, object]:
        nodes, nan = self.trace.graph.nodes, math.nan
        if not isinstance(event, Step):
            return dict(zip(NAMES, (Operation(event), event.name, event.name, event.data, nan, nan, nan, nan, math)))
        sender, receiver = nodes[event.sender], nodes[event.receiver]
        local = nan if event.local is None else event.local
        numbers = (receiver.data, local, event.upstream, event.contribution, event.after)
        return dict(zip(NAMES, (Operation(sender), sender.name, receiver.name, *numbers, math)))

    def _check(self, expression: str) -> None:
        """Refuse what could never hold: a syntax error, an unknown name, or an operation that is not in the graph."""
        quoted = _quoted(expression)
        check_expression(quoted, expression)
        nodes = [node.name for node in self.trace.graph.nodes]
        known = {*NAMES, *vars(builtins), *nodes}
        for name in _names_in(quoted):
            if name not in known:
                meant = did_you_mean(name, [*NAMES, *nodes])
                raise ValueError(f"nothing is called {name!r}{meant}: use {', '.join(NAMES)}, or a node such as x.grad")
        there = {Operation(node): node.op.symbol for node in self.trace.graph.nodes if node.operands}
        for name in re.findall(r"\bop\s*[!=]='([^']+)'", quoted):
            if not any(name == operation for operation in there):
                names = sorted({*there, *there.values()})
                raise ValueError(
                    f"no operation here is called {name!r}{did_you_mean(name, names)}; there are "
                    f"{', '.join(sorted({symbol or str(operation) for operation, symbol in there.items()}))}"
                )

    def _node(self, name: str) -> Node | None:
        if name not in self._nodes:
            self._nodes[name] = find_node(self.trace.graph, name)
        return self._nodes[name]


NAMES = ("op", "sender", "name", "data", "local", "upstream", "contribution", "grad", "math")


def _names_in(expression: str) -> list[str]:
    """The names that an expression takes from outside, without the variables of its comprehensions."""
    found = [node for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)]
    own = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    return [node.id for node in found if node.id not in own]


def check_expression(expression: str, written: str = "") -> None:
    """Raise ValueError for what is not a Python expression."""
    try:
        compile(expression, "<condition>", "eval")
    except SyntaxError as error:
        raise ValueError(f"{written or expression!r} is not a Python expression: {error.msg}") from None


def _quoted(expression: str) -> str:
    """`op==tanh` and `op==+` as Python: the operation needs no quotes at the prompt."""
    return re.sub(r"\bop\s*(==|!=)\s*([A-Za-z_]\w*|[-+*/][*\w.]*)", r"op\1'\2'", expression)
