"""Walk through a record, forward and back in time; prompt.py does the printing.

>>> from micrograd import Value
>>> from micrograd.views.moves import Position
>>> from micrograd.views.record import Record
>>> x = Value(2.0, label="x")
>>> walk = Position(Record((x * x).tanh()))
>>> walk.start, walk.number, walk.end
(-2, 0, 3)
>>> walk.go(walk.end_of_node())
>>> walk.number, walk.step.number
(1, 2)
>>> walk.go(walk.start)
>>> walk.operation.formula, walk.data()
('x * x', [2.0, None, None])
"""

from __future__ import annotations

import re

from micrograd.views.breakpoints import Breakpoint, Breakpoints
from micrograd.views.record import Record, Step
from micrograd.views.seen import node_called
from micrograd.views.snapshot import FAILED, Node

Hit = tuple[Breakpoint, str]  # the breakpoint that was hit, and what went wrong in its condition


class Position:
    """A position in a record. At `number` 0 forward is done and backward starts; at 7, seven steps of backward have
    happened; at -2, two operations of forward are still to come. `start` is the first position, `end` the last.

    `go` goes to a position, and the other methods find the one to go to. An impossible move raises ValueError, whose
    message the prompt prints.
    """

    start: int
    end: int
    number: int
    frame: int

    def __init__(self, trace: Record):
        self.trace = trace
        self.operations: list[Node] = [node for node in trace.graph.nodes if node.operands]
        self.start, self.end = -len(self.operations), len(trace)
        self.number = 0
        self.frame = 0  # how far up the path to the result `up` has gone
        self.breakpoints: Breakpoints = Breakpoints(trace)

    def go(self, number: int) -> None:
        self.number, self.frame = number, 0

    # ------------------------------------------------------------ here

    @property
    def step(self) -> Step | None:
        """The step of backward that happens next; None in forward, and at the end."""
        return self.trace[self.number] if 0 <= self.number < self.end else None

    @property
    def operation(self) -> Node | None:
        """The operation of forward that is computed next; None when forward is done."""
        return self.operations[self.number] if self.number < 0 else None

    def happens(self, number: int) -> Step | Node:
        """What leads from one position to the next: a step of backward, or an operation of forward."""
        return self.operations[number] if number < 0 else self.trace[number]

    def acting(self, number: int) -> Node:
        """The node that computes, or sends, from one position to the next."""
        return self.operations[number] if number < 0 else self.trace.graph.nodes[self.trace[number].sender]

    def grads(self) -> list[float | None]:
        """Every node's gradient as it is here; None if none has reached it."""
        return self.trace.grads(self.number) if self.number >= 0 else [None] * len(self.trace.graph.nodes)

    def data(self) -> list[float | None]:
        """Every node's number as it is here; None before it is computed."""
        first = self.operation.index if self.operation else len(self.trace.graph.nodes)
        nodes = self.trace.graph.nodes
        return [None if node.kind == FAILED or (node.operands and node.index >= first) else node.data for node in nodes]

    def node(self, name: str) -> Node:
        """The node of a name. Raises ValueError without a name, and for an unknown one."""
        if not name:
            raise ValueError("give a node's name")
        return node_called(self.trace.graph, name)

    def number_called(self, name: str) -> int | None:
        """The position after step `7` of backward, or after operation `f2` of forward (`f` is its start); else None."""
        match = re.fullmatch(r"(f?)(\d*)", name, re.ASCII)
        if match is None or not name:
            return None
        number = int(match[2] or 0)
        if match[1]:
            return self.start + number if number <= -self.start else None
        return number if number <= self.end else None

    # ------------------------------------------------------------ forward in time

    def _not_at_end(self) -> None:
        if self.number >= self.end:
            raise ValueError(self.done())

    def done(self) -> str:
        """Why nothing comes next."""
        if self.trace.graph.error:
            return f"forward failed, so there is no backward: {self.trace.graph.error}"
        return "backward is done: every gradient is there (rs goes back, q leaves)"

    def after(self, count: int) -> int:
        """`count` steps on, or the end."""
        self._not_at_end()
        return min(self.number + count, self.end)

    def end_of_node(self) -> int:
        """Where the current node has sent to all its operands."""
        self._not_at_end()
        number, limit, sender = self.number, self._limit(), self.acting(self.number)
        while number < limit and self.acting(number) is sender:
            number += 1
        return number

    def end_of_group(self, kind: str) -> int:
        """Where all nodes of the current neuron, or of its layer, have computed or sent."""
        self._not_at_end()
        return self._places_of_group(self.number, kind)[-1] + 1

    def completion(self, node: Node) -> int:
        """Where a node is computed; where it is already, where its gradient is complete."""
        if self.number < 0 and node.operands and node.index >= self.operations[self.number].index:
            return self.operations.index(node) + self.start + 1
        last = max((step.number for step in self.trace.received(node.index)), default=0)
        if last <= self.number:
            raise ValueError(f"the gradient of {node.name} is complete already; j {last} goes back to it")
        return last

    def next_merge(self) -> int:
        """Where a gradient has got a further contribution."""
        for i in range(max(self.number, 0), self.end):
            if self.trace[i].accumulates:
                return i + 1
        raise ValueError("no gradient gets a further contribution from here on")

    def next_stop(self) -> tuple[int, Hit | None]:
        """The next breakpoint that is hit; else where forward ends, and then where backward ends."""
        self._not_at_end()
        for i in range(self.number, self._limit()):
            if hit := self._hit(i):
                return i + 1, hit
        return self._limit(), None

    def _limit(self) -> int:
        """Where this direction of computing ends: forward at 0, backward at the end."""
        return 0 if self.number < 0 else self.end

    def _hit(self, number: int) -> Hit | None:
        found = self.happens(number)
        return self.breakpoints.at(number) if isinstance(found, Step) else self.breakpoints.at_operation(found)

    # ------------------------------------------------------------ back in time

    def _not_at_start(self) -> None:
        if self.number <= self.start:
            raise ValueError("this is the start: nothing is computed yet")

    def before(self, count: int) -> int:
        """`count` steps back, or the start."""
        self._not_at_start()
        return max(self.start, self.number - count)

    def start_of_node(self) -> int:
        """Before the node that computed or sent last."""
        self._not_at_start()
        number, limit, sender = self.number, self._limit_back(), self.acting(self.number - 1)
        while number > limit and self.acting(number - 1) is sender:
            number -= 1
        return number

    def start_of_group(self, kind: str) -> int:
        """Before the neuron, or the layer, that computed or sent last."""
        self._not_at_start()
        return self._places_of_group(self.number - 1, kind)[0]

    def previous_merge(self) -> int:
        """Where the gradient before last, and before that, got a further contribution."""
        for i in reversed(range(self.number - 1)):
            if self.trace[i].accumulates:
                return i + 1
        raise ValueError("no gradient got a further contribution before this")

    def previous_stop(self) -> tuple[int, Hit | None]:
        """The previous breakpoint that was hit; else where backward starts, and then where forward does."""
        self._not_at_start()
        limit = self._limit_back()
        for i in reversed(range(limit, self.number - 1)):
            if hit := self._hit(i):
                return i + 1, hit
        return limit, None

    def _limit_back(self) -> int:
        return 0 if self.number > 0 else self.start

    # ------------------------------------------------------------ neurons and layers

    def group_at(self, number: int, kind: str = "") -> object:
        """The neuron, or the layer, that computes or sends from a position on; outside of neurons, the node."""
        if kind not in ("", "neuron", "layer"):
            raise ValueError(f"r finishes a neuron, r layer a layer; {kind!r} is neither")
        node = self.acting(number)
        if node.group is None:
            return node.index
        return (node.group.layer, node.group.call) if kind == "layer" else node.group

    def _places_of_group(self, number: int, kind: str) -> list[int]:
        """All positions, in forward or in backward, at which a position's neuron, or its layer, acts next."""
        here = self.group_at(number, kind)
        among = range(self.start, 0) if number < 0 else range(self.end)
        return [i for i in among if self.group_at(i, kind) == here]

    # ------------------------------------------------------------ up and down the path to the result

    def path(self) -> list[Node]:
        """The nodes from the one that acts next to the result, along the first use of each."""
        nodes = self.trace.graph.nodes
        if self.number < 0:
            first = self.acting(self.number)
        else:
            first = self.acting(min(self.number, self.end - 1)) if self.end else self.trace.graph.root
        path = [first]
        uses = {operand: node.index for node in self.operations for operand in node.operands}
        while path[-1].index in uses:
            path.append(nodes[uses[path[-1].index]])
        return path

    def current(self) -> Node:
        """The node chosen by up and down: the one that acts next, or one further on its way to the result."""
        path = self.path()
        return path[min(self.frame, len(path) - 1)]

    def up(self) -> None:
        if self.frame + 1 >= len(self.path()):
            raise ValueError("this is the result; d goes back towards the operands")
        self.frame += 1

    def down(self) -> None:
        if self.frame == 0:
            raise ValueError("this is the node that comes next; u goes towards the result")
        self.frame -= 1
