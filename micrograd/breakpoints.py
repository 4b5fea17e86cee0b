"""Where the prompt stops: at a node, at a nan, or where a condition on a step holds.

>>> from micrograd import Value
>>> from micrograd.breakpoints import Breakpoints
>>> from micrograd.stepper import trace
>>> x = Value(2.0, label="x")
>>> stops = Breakpoints(trace((x * x).tanh()))
>>> print(stops.add("op==mul"))
1  break  op==mul
>>> [position for position in range(3) if stops.at(position)]
[1, 2]
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from micrograd.graph import Node
from micrograd.stepper import Step, Trace


@dataclass
class Breakpoint:
    """A node's name, `nan`, or a condition such as `op==tanh` or `abs(grad)>10`; `condition` must hold besides."""

    number: int
    where: str
    condition: str = ""
    temporary: bool = False

    def __str__(self) -> str:
        kind = "tbreak" if self.temporary else "break"
        return f"{self.number}  {kind}  {self.where}" + (f"  if {self.condition}" if self.condition else "")


class Breakpoints:
    """The breakpoints on a trace. What is wrong with one is a ValueError, in words for the prompt."""

    def __init__(self, trace: Trace):
        self.trace = trace
        self.items: list[Breakpoint] = []
        self._count = 0

    def add(self, where: str, *, temporary: bool = False) -> Breakpoint:
        """Set one. `where` may be a node's name, `nan`, or Python on the names that `at` gives it."""
        if where != "nan" and self._node(where) is None:
            if re.fullmatch(r"[\w.]+", where):
                try:
                    self.trace.graph.node(where)
                except KeyError as error:
                    raise ValueError(error.args[0]) from None
            check_expression(_quoted(where))
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
        """Let a breakpoint stop only where the expression holds; with an empty one, always."""
        item = self.get(number)
        if expression:
            check_expression(_quoted(expression))
        item.condition = expression
        return item

    def at(self, position: int) -> tuple[Breakpoint, str] | None:
        """The first breakpoint that the step at a position hits, and what went wrong in its condition, if anything.

        A condition may use op, sender, name, data, local, upstream, contribution, grad (the receiver's, after the
        step) and math. As in pdb, one that fails counts as hit.
        """
        step = self.trace[position]
        for item in self.items:
            try:
                if self._holds(item, step):
                    return item, ""
            except Exception as error:
                return item, f"{type(error).__name__}: {error}"
        return None

    def _holds(self, item: Breakpoint, step: Step) -> bool:
        nodes = self.trace.graph.nodes
        sender, receiver = nodes[step.sender], nodes[step.receiver]
        scope = {
            "op": sender.op.name,
            "sender": sender.name,
            "name": receiver.name,
            "data": receiver.data,
            "local": math.nan if step.local is None else step.local,
            "upstream": step.upstream,
            "contribution": step.contribution,
            "grad": step.after,
            "math": math,
        }
        if item.condition and not eval(_quoted(item.condition), {}, scope):
            return False
        if item.where == "nan":
            return not all(map(math.isfinite, (receiver.data, step.upstream, step.contribution, step.after)))
        node = self._node(item.where)
        return node is receiver if node is not None else bool(eval(_quoted(item.where), {}, scope))

    def _node(self, name: str) -> Node | None:
        try:
            return self.trace.graph.node(name)
        except KeyError:
            return None


def check_expression(expression: str) -> None:
    """Raise ValueError for what is no Python expression."""
    try:
        compile(expression, "<condition>", "eval")
    except SyntaxError as error:
        raise ValueError(f"{expression!r} is no Python expression: {error.msg}") from None


def _quoted(expression: str) -> str:
    """`op==tanh` as Python: the operation's name needs no quotes at the prompt."""
    return re.sub(r"\bop\s*(==|!=)\s*([A-Za-z_]\w*)", r"op\1'\2'", expression)
