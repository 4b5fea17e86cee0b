"""Python at the prompt, where Values are as they are at a position of the record, by whatever name.

>>> from micrograd import Value
>>> from micrograd.views.moves import Position
>>> from micrograd.views.record import Record
>>> from micrograd.views.scope import Scope
>>> x, other = Value(2.0, label="x"), 40.0
>>> walk = Position(Record(x * x))
>>> scope = Scope(walk, {"other": other, "inputs": [x]})
>>> scope.value("x.grad"), scope.value("inputs[0].grad")
(·, ·)
>>> walk.go(walk.end)
>>> scope.value("x.grad + other"), scope.value("inputs[0].grad")
(44.0, 4.0)
>>> x.grad
0.0
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from micrograd.views.moves import Position
from micrograd.views.seen import Seen, find_node, number_or_dot
from micrograd.views.snapshot import CONSTANT_NUMBER

T = TypeVar("T")


class Scope:
    """What Python may name: the nodes at a position, the variables that the user gave, and those set at the prompt."""

    def __init__(self, walk: Position, given: Mapping[str, Any] | None):
        self._walk, self._given = walk, dict(given or {})
        leave = {"exit": sys.exit, "quit": sys.exit}  # Python's own would close the standard input
        self._variables: dict[str, Any] = {**leave, **self._given, "node": self._seen}
        self._changed: list[str] = []

    def value(self, expression: str) -> Any:
        """The value of an expression; `shown` gives its text."""
        return self._as_recorded(lambda: eval(self._python(expression), {**self._variables, **self.names()}))

    def shown(self, expression: str, how: Callable[[Any], str] = repr) -> str:
        """The value of an expression as text, written while Values are as they are in the record."""
        return self._as_recorded(lambda: how(self.value(expression)))

    def run(self, line: str) -> str | None:
        """Run a line, which may set variables; returns the value of an expression as text, and None for a statement."""
        names = self.names()
        self._variables.update(names)
        source = self._python(line)
        code = compile(source, "<prompt>", "eval" if _is_expression(source) else "exec")

        def ran() -> str | None:
            value = eval(code, self._variables)
            return None if value is None else repr(value)

        try:
            return self._as_recorded(ran)
        finally:
            self._changed += [n for n, x in names.items() if isinstance(x, Seen) and self._variables.get(n) is not x]

    def overwritten(self) -> list[str]:
        """The nodes that lines since the last call assigned to; the next line sees them as they were."""
        found, self._changed = list(dict.fromkeys(self._changed)), []
        return found

    def names(self) -> dict[str, Any]:
        """What names stand for at this position: the nodes' own, and the user's names for Values of this graph."""
        graph, data, grads = self._walk.trace.graph, self._walk.data(), self._walk.grads()
        nodes = [node for node in graph.nodes if node.kind != CONSTANT_NUMBER]
        seen = {n.name: Seen(n, data[n.index], grads[n.index]) for n in nodes}
        by_value = {id(node.value): seen[node.name] for node in nodes}
        aliases = {name: by_value[id(thing)] for name, thing in self._given.items() if id(thing) in by_value}
        return {**aliases, **seen}

    def _as_recorded(self, f: Callable[[], T]) -> T:
        """What `f()` gives while every Value of the graph has the number and the gradient that it has at this position,
        so that `net.layers[0].neurons[1].b.grad` is the record's too.

        A function, not a context manager: Ctrl-C can come before the first line of an `__exit__`.
        """
        nodes, data, grads = self._walk.trace.graph.nodes, self._walk.data(), self._walk.grads()
        lent = [(number_or_dot(data[node.index]), number_or_dot(grads[node.index])) for node in nodes]
        before = [(node.value.data, node.value.grad) for node in nodes]
        try:
            for node, (number, grad) in zip(nodes, lent):
                node.value.data, node.value.grad = number, grad
            found = f()
            self._changed += [
                node.name
                for node, (number, grad) in zip(nodes, lent)
                if node.value.data is not number or node.value.grad is not grad
            ]
            return found
        finally:
            for node, own in zip(nodes, before):
                node.value.data, node.value.grad = own

    def _seen(self, index: int) -> Seen:
        return Seen(self._walk.trace.graph.nodes[index], self._walk.data()[index], self._walk.grads()[index])

    def _python(self, source: str) -> str:
        """The source, with names that no variable could have, such as layers.0.neurons.1.b, replaced by `node(7)`."""
        return re.sub(r"(?<![\w.\"'])[A-Za-z_]\w*(?:\.\w+)*\.\d+(?:\.\w+)*", self._node_in, source)

    def _node_in(self, match: re.Match[str]) -> str:
        name, rest = match[0], ""
        while "." in name:
            node = find_node(self._walk.trace.graph, name)
            if node is not None:
                return f"node({node.index}){rest}"
            name, _, last = name.rpartition(".")
            rest = f".{last}{rest}"
        return match[0]


def _is_expression(line: str) -> bool:
    try:
        compile(line, "<prompt>", "eval")
    except SyntaxError:
        return False
    return True
