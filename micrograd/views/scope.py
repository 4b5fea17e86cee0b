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
from micrograd.views.snapshot import CONSTANT_NUMBER, Node

T = TypeVar("T")
NAME = re.compile(r"[^\W\d]\w*")


class Scope:
    """What Python may name: the nodes at a position, the variables that the user gave, and those set at the prompt."""

    nodes: dict[str, Node]

    def __init__(self, walk: Position, given: Mapping[str, Any] | None):
        self._walk, given = walk, dict(given or {})
        leave = {"exit": sys.exit, "quit": sys.exit}  # Python's own would close the standard input
        self._variables: dict[str, Any] = {**leave, **given, "node": self._seen}
        nodes = [node for node in walk.trace.graph.nodes if node.kind != CONSTANT_NUMBER]
        self._values: list[tuple[Any, Node]] = [(node.value, node) for node in walk.trace.graph.nodes]
        self._values += [
            (x, node) for _, node in self._values if _can_be_lent_to(x := getattr(node.value, "_theirs", None))
        ]
        by_value = {id(value): node for value, node in self._values if node.kind != CONSTANT_NUMBER}
        self.nodes = {name: by_value[id(thing)] for name, thing in given.items() if id(thing) in by_value}
        self.nodes |= {node.name: node for node in nodes}
        self._met: dict[str, Seen] = {}  # the nodes that lines so far have named, as they were at the last line
        self._changed: list[str] = []

    def value(self, expression: str) -> Any:
        """The value of an expression; `shown` gives its text."""
        return self._as_recorded(lambda: self._evaluated(expression))

    def shown(self, expression: str, how: Callable[[Any], str] = repr) -> str:
        """The value of an expression as text, written while Values are as they are in the record."""
        return self._as_recorded(lambda: how(self._evaluated(expression)))

    def _evaluated(self, expression: str) -> Any:
        return eval(self._python(expression), {**self._variables, **self._seen_in(expression)})

    def run(self, line: str) -> str | None:
        """Run a line, which may set variables; returns the value of an expression as text, and None for a statement."""
        seen = self._seen_in(line)
        self._variables.update(seen)
        source = self._python(line)
        code = compile(source, "<prompt>", "eval" if _is_expression(source) else "exec")

        def ran() -> str | None:
            value = eval(code, self._variables)
            return None if value is None else repr(value)

        try:
            return self._as_recorded(ran)
        finally:
            self._changed += [name for name, x in seen.items() if self._variables.get(name) is not x]

    def _seen_in(self, source: str) -> dict[str, Seen]:
        """What the names in a line stand for at this position, and those in earlier lines: functions may use them."""
        data, grads = self._walk.data(), self._walk.grads()
        names = {name: self.nodes[name] for name in {*self._met, *NAME.findall(source)} if name in self.nodes}
        self._met = {name: Seen(node, data[node.index], grads[node.index]) for name, node in names.items()}
        return self._met

    def overwritten(self) -> list[str]:
        """The nodes that lines since the last call assigned to; the next line sees them as they were."""
        found, self._changed = list(dict.fromkeys(self._changed)), []
        return found

    def _as_recorded(self, f: Callable[[], T]) -> T:
        """What `f()` gives while every Value of the graph has the number and the gradient that it has at this position,
        so that `net.layers[0].neurons[1].b.grad` is the record's too.

        A function, not a context manager: Ctrl-C can come before the first line of an `__exit__`.
        """
        data = [number_or_dot(x) for x in self._walk.data()]
        grads = [number_or_dot(x) for x in self._walk.grads()]
        before = [(value.data, value.grad) for value, _ in self._values]
        try:
            for value, node in self._values:
                value.data, value.grad = data[node.index], grads[node.index]
            found = f()
            self._changed += [
                node.name
                for value, node in self._values
                if _differ(value.data, data[node.index]) or _differ(value.grad, grads[node.index])
            ]
            return found
        finally:
            for (value, _), own in zip(self._values, before):
                value.data, value.grad = own

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


def _differ(x: Any, y: Any) -> bool:
    """Whether x is not what y was; a float is another object whenever it is read."""
    are_floats = isinstance(x, float) and isinstance(y, float)
    return float.hex(x) != float.hex(y) if are_floats else x is not y


def _can_be_lent_to(theirs: Any) -> bool:
    """Whether somebody else's Value lets its data and grad be set."""
    try:
        theirs.data, theirs.grad = theirs.data, theirs.grad
    except Exception:
        return False
    return True


def _is_expression(line: str) -> bool:
    try:
        compile(line, "<prompt>", "eval")
    except SyntaxError:
        return False
    return True
