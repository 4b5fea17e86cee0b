"""Python at the prompt, where a node's name stands for the node as it is at a position.

>>> from micrograd import Value
>>> from micrograd.views.moves import Position
>>> from micrograd.views.record import Record
>>> from micrograd.views.scope import Scope
>>> x, other = Value(2.0, label="x"), 40.0
>>> walk = Position(Record(x * x))
>>> walk.go(walk.end())
>>> Scope(walk, {"other": other}).value("x.grad + other")
44.0
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from micrograd.views.breakpoints import Seen
from micrograd.views.moves import Position
from micrograd.views.snapshot import CONSTANT_NUMBER


class Scope:
    """What Python may name: the nodes at a position, the variables that the user gave, and those set at the prompt."""

    def __init__(self, walk: Position, given: Mapping[str, Any] | None):
        self._walk, self._given = walk, dict(given or {})
        leave = {"exit": sys.exit, "quit": sys.exit}  # Python's own would close the standard input
        self._variables: dict[str, Any] = {**leave, **self._given, "node": self._seen}
        self._last: dict[str, Any] = {}  # what names stood for when the last line was run

    def value(self, expression: str) -> Any:
        return eval(self._python(expression), {**self._variables, **self.names()})

    def run(self, line: str) -> Any:
        """Run a line, which may set variables; returns the value of an expression, and None for a statement."""
        self._last = self.names()
        self._variables.update(self._last)
        source = self._python(line)
        return eval(compile(source, "<prompt>", "eval" if _is_expression(source) else "exec"), self._variables)

    def overwritten(self) -> list[str]:
        """The nodes whose names the last line assigned to; the next line sees the nodes again."""
        return [n for n, x in self._last.items() if isinstance(x, Seen) and self._variables.get(n) is not x]

    def names(self) -> dict[str, Any]:
        """What names stand for at this position: the nodes' own, and the user's names for Values of this graph."""
        graph, grads = self._walk.trace.graph, self._walk.grads()
        seen = {n.name: Seen(n, grads[n.index]) for n in graph.nodes if n.kind != CONSTANT_NUMBER}
        by_value = {id(node.value): seen[node.name] for node in graph.nodes if node.kind != CONSTANT_NUMBER}

        aliases: dict[str, Any] = {}
        for name, thing in self._given.items():
            if id(thing) in by_value:
                aliases[name] = by_value[id(thing)]
            elif isinstance(thing, (list, tuple)) and any(id(x) in by_value for x in thing):
                aliases[name] = [by_value.get(id(x), x) for x in thing]
        return {**aliases, **seen}

    def _seen(self, index: int) -> Seen:
        return Seen(self._walk.trace.graph.nodes[index], self._walk.grads()[index])

    def _python(self, source: str) -> str:
        """The source, with names that no variable could have, such as layers.0.neurons.1.b, replaced by `node(7)`."""
        for node in self._walk.trace.graph.nodes:
            if "." in node.name and node.name in source:
                source = re.sub(rf"(?<![\w.]){re.escape(node.name)}(?!\w)", f"node({node.index})", source)
        return source


def _is_expression(line: str) -> bool:
    try:
        compile(line, "<prompt>", "eval")
    except SyntaxError:
        return False
    return True
