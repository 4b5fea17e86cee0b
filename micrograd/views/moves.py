"""Walk through a record, forward and back in time; prompt.py does the printing.

>>> from micrograd import Value
>>> from micrograd.views.moves import Position
>>> from micrograd.views.record import Record
>>> x = Value(2.0, label="x")
>>> walk = Position(Record((x * x).tanh()))
>>> walk.go(walk.end_of_node())
>>> walk.number, walk.where()
(1, '-> [2/3] * v1 -> x:  local 2.0000 x upstream 0.0013 = 0.0027;  x.grad 0.0000 -> 0.0027')
>>> walk.go(walk.end())
>>> walk.start_of_node()
1
"""

from __future__ import annotations

from micrograd.views.breakpoints import Breakpoint, Breakpoints
from micrograd.views.record import Record, Step
from micrograd.views.snapshot import Node

DONE = "backward is done: every gradient is there (rs goes back, q leaves)"

Hit = tuple[Breakpoint, str]  # the breakpoint that was hit, and what went wrong in its condition


class Position:
    """A position in a record: the first `number` steps of backward have happened. `go` goes to another position.

    The other methods find the position to go to. An impossible move raises ValueError, whose message the prompt prints.
    """

    def __init__(self, trace: Record):
        self.trace = trace
        self.number = 0
        self.frame = 0  # how far up the path to the result `up` has gone
        self.breakpoints = Breakpoints(trace)

    def go(self, number: int) -> None:
        self.number, self.frame = number, 0

    # ------------------------------------------------------------ here

    @property
    def step(self) -> Step | None:
        """The step that happens next; None at the end."""
        return self.trace[self.number] if self.number < len(self.trace) else None

    def next_step(self) -> Step:
        if self.step is None:
            raise ValueError(self.where())
        return self.step

    def where(self) -> str:
        if self.trace.graph.error:
            return f"forward failed, so there is no backward: {self.trace.graph.error}"
        return f"-> {self.step!r}" if self.step else DONE

    def grads(self) -> list[float | None]:
        """Every node's gradient as it is here."""
        return self.trace.grads(self.number)

    def node(self, name: str) -> Node:
        if not name:
            raise ValueError("give a node's name")
        try:
            return self.trace.graph.node(name)
        except KeyError as error:
            raise ValueError(error.args[0]) from None

    # ------------------------------------------------------------ forward

    def end(self) -> int:
        return len(self.trace)

    def after(self, count: int) -> int:
        """`count` steps on, or the end."""
        return min(self.number + count, self.end())

    def end_of_node(self) -> int:
        """Where the current node has sent to all its operands."""
        sender, number = self.next_step().sender, self.number
        while number < self.end() and self.trace[number].sender == sender:
            number += 1
        return number

    def end_of_group(self, kind: str) -> int:
        """Where all nodes of the current neuron, or of its layer, have sent."""
        return self._numbers_of_group(self.next_step(), kind)[-1]

    def completion(self, node: Node) -> int:
        """Where the gradient of a node is complete."""
        last = max((step.number for step in self.trace if step.receiver == node.index), default=0)
        if last <= self.number:
            raise ValueError(f"the gradient of {node.name} is complete already; j {last} goes back to it")
        return last

    def next_stop(self) -> tuple[int, Hit | None]:
        """The next breakpoint that is hit, or the end."""
        self.next_step()
        for i in range(self.number, self.end()):
            if hit := self.breakpoints.at(i):
                return i + 1, hit
        return self.end(), None

    # ------------------------------------------------------------ back

    def last_step(self) -> Step:
        """The step that happened last."""
        if self.number == 0:
            raise ValueError("this is the start of backward")
        return self.trace[self.number - 1]

    def before(self, count: int) -> int:
        """`count` steps back, or the start."""
        return max(0, self.last_step().number - count)

    def start_of_node(self) -> int:
        """Before the node that sent last."""
        sender, number = self.last_step().sender, self.number
        while number > 0 and self.trace[number - 1].sender == sender:
            number -= 1
        return number

    def start_of_group(self, kind: str) -> int:
        """Before the neuron, or the layer, that sent last."""
        return self._numbers_of_group(self.last_step(), kind)[0] - 1

    def previous_stop(self) -> tuple[int, Hit | None]:
        """The previous breakpoint that was hit, or the start."""
        self.last_step()
        for i in reversed(range(self.number - 1)):
            if hit := self.breakpoints.at(i):
                return i + 1, hit
        return 0, None

    def _numbers_of_group(self, step: Step, kind: str) -> list[int]:
        """The numbers of all steps in which a step's neuron, or its layer, sends."""
        here = self._group(step, kind)
        return [other.number for other in self.trace if self._group(other, kind) == here]

    def _group(self, step: Step, kind: str) -> object:
        if kind not in ("", "neuron", "layer"):
            raise ValueError(f"r finishes a neuron, r layer a layer; {kind!r} is neither")
        group = self.trace.graph.nodes[step.sender].group
        if group is None:
            return step.sender
        return (group.layer, group.call) if kind == "layer" else group

    # ------------------------------------------------------------ up and down the path to the result

    def path(self) -> list[Node]:
        """The nodes from the one that sends next to the result, along the first use of each."""
        step = self.step or self.trace[-1] if len(self.trace) else None
        nodes = self.trace.graph.nodes
        path = [nodes[step.sender] if step else self.trace.graph.root]
        uses = {s.receiver: s.sender for s in reversed(self.trace.steps)}
        while path[-1].index in uses:
            path.append(nodes[uses[path[-1].index]])
        return path

    def current(self) -> Node:
        """The node chosen by up and down: the one that sends next, or one further on its way to the result."""
        path = self.path()
        return path[min(self.frame, len(path) - 1)]

    def up(self) -> None:
        if self.frame + 1 >= len(self.path()):
            raise ValueError("this is the result; d goes back towards the operands")
        self.frame += 1

    def down(self) -> None:
        if self.frame == 0:
            raise ValueError("this is the node that sends next; u goes towards the result")
        self.frame -= 1
