"""Where the prompt stops: at a node, at a nan, or where a condition on a step holds.

>>> from micrograd import Value
>>> from micrograd.views.breakpoints import Breakpoints
>>> from micrograd.views.record import Record
>>> x = Value(2.0, label="x")
>>> stops = Breakpoints(Record((x * x).tanh()))
>>> print(stops.add("op==mul"))
1  break  op==mul
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
from micrograd.views.snapshot import Node


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

    def add(self, where: str, *, temporary: bool = False) -> Breakpoint:
        """Set a breakpoint. `where` is a node's name, `nan`, or Python with the names that `at` lists."""
        if where != "nan" and self._node(where) is None:
            if re.fullmatch(r"[\w.]+", where):
                try:
                    self.trace.graph.node(where)
                except KeyError as error:
                    raise ValueError(error.args[0]) from None
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
        item = self.get(number)
        if expression:
            self._check(expression)
        item.condition = expression
        return item

    def at(self, position: int) -> tuple[Breakpoint, str] | None:
        """The first breakpoint that the step at a position hits, and what went wrong in its condition, if anything.

        A condition may use op, sender, name, data, local, upstream, contribution, grad (the receiver's, after the
        step), math, and the nodes' names: `x.grad > 1`. As in pdb, a condition that raises counts as hit.
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
        node = self._node(item.where)
        if item.where == "nan":
            numbers = (nodes[step.sender].data, nodes[step.receiver].data, step.upstream, step.contribution, step.after)
            here = not all(map(math.isfinite, numbers))
        else:
            here = node.index == step.receiver if node is not None else self._true(item.where, step)
        return here and (not item.condition or self._true(item.condition, step))

    def _true(self, expression: str, step: Step) -> bool:
        quoted = _quoted(expression)
        return bool(eval(quoted, {name: self._meaning(name, step) for name in _names_in(quoted)}))

    def _meaning(self, name: str, step: Step) -> object:
        """What a name stands for in a condition: a number of the step, or a node as it is after the step."""
        nodes = self.trace.graph.nodes
        sender, receiver = nodes[step.sender], nodes[step.receiver]
        local = math.nan if step.local is None else step.local
        numbers = (receiver.data, local, step.upstream, step.contribution, step.after)
        known = dict(zip(NAMES, (sender.op.name, sender.name, receiver.name, *numbers, math)))
        if name in known:
            return known[name]
        node = self._node(name)
        if node is None:
            return getattr(builtins, name, None)  # None for a comprehension's own variable
        grad = self.trace.grads(step.number)[node.index]
        return Seen(node, math.nan if grad is None else grad)  # nan, so that comparisons with it are false

    def _check(self, expression: str) -> None:
        """Refuse what could never hold: a syntax error, an unknown name, or an operation that is not in the graph."""
        quoted = _quoted(expression)
        check_expression(quoted)
        known = {*NAMES, *vars(builtins), *(node.name for node in self.trace.graph.nodes)}
        unknown = [name for name in _names_in(quoted) if name not in known]
        if unknown:
            raise ValueError(f"nothing is called {unknown[0]!r}: use {', '.join(NAMES)}, or a node such as x.grad")
        there = {node.op.name for node in self.trace.graph.nodes if node.formula}
        for name in re.findall(r"\bop[!=]='(\w+)'", quoted):
            if name not in there:
                raise ValueError(f"no operation here is called {name!r}; there are {', '.join(sorted(there))}")

    def _node(self, name: str) -> Node | None:
        try:
            return self.trace.graph.node(name)
        except KeyError:
            return None


class Seen(float):
    """What a node's name stands for in Python at a position of a trace: its number, with name, op, data and grad."""

    name: str
    op: str
    data: float
    grad: float | None
    __slots__ = ("data", "grad", "name", "op")

    def __new__(cls, node: Node, grad: float | None) -> Seen:
        self = super().__new__(cls, node.data)
        for key, x in (("name", node.name), ("op", node.op.symbol), ("data", node.data), ("grad", grad)):
            object.__setattr__(self, key, x)
        return self

    def __setattr__(self, key: str, x: object) -> None:
        raise AttributeError(f"{self.name} is part of a record and stays as it was; change your own Value instead")

    def __repr__(self) -> str:
        return f"{self.name}: data={self.data!r}, grad={'·' if self.grad is None else repr(self.grad)}"


NAMES = ("op", "sender", "name", "data", "local", "upstream", "contribution", "grad", "math")


def _names_in(expression: str) -> list[str]:
    """The names that an expression takes from outside, without the variables of its comprehensions."""
    found = [node for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)]
    own = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    return [node.id for node in found if node.id not in own]


def check_expression(expression: str) -> None:
    """Raise ValueError for what is not a Python expression."""
    try:
        compile(expression, "<condition>", "eval")
    except SyntaxError as error:
        raise ValueError(f"{expression!r} is not a Python expression: {error.msg}") from None


def _quoted(expression: str) -> str:
    """`op==tanh` as Python: the operation's name needs no quotes at the prompt."""
    return re.sub(r"\bop\s*(==|!=)\s*([A-Za-z_]\w*)", r"op\1'\2'", expression)
