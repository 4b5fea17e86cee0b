"""Record forward and backward of a graph, step by step: `Record(z)`, which every view of the steps reads.

    >>> from micrograd import Value
    >>> from micrograd.views.record import Record
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> z = x / (x + y)
    >>> z.label = "z"
    >>> print(Record(z))
    forward
      v1 = x + y = 2 + (-4) = -2
      z = x / v1 = 2 / (-2) = -1
    backward
    [1/4] ∂z/∂x = 1 / v1 = -0.5; times z.grad: -0.5 × 1 = -0.5
          x.grad = -0.5 from z
    [2/4] ∂z/∂v1 = -z / v1 = -0.5; times z.grad: -0.5 × 1 = -0.5
          v1.grad = -0.5 from z
    [3/4] ∂v1/∂x = 1; times v1.grad: 1 × (-0.5) = -0.5
          x.grad = -0.5 from z + (-0.5) from v1 = -1
    [4/4] ∂v1/∂y = 1; times v1.grad: 1 × (-0.5) = -0.5
          y.grad = -0.5 from v1

Everything is recorded once, by running the engine's own backward, and replayed when you look at it. The Values' own
`grad` are put back, and do not change until `t.apply()`.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from micrograd.derivatives import ByHand, local_derivatives
from micrograd.engine import Value, chain_rule, sweep, topological_order
from micrograd.table import CONSTANT
from micrograd.transforms import borrowed_gradients
from micrograd.views import sentence
from micrograd.views.sentence import Line, Part
from micrograd.views.snapshot import BEFORE_CHANGE, CONSTANT_NUMBER, FAILED, Node, Snapshot, root_of, snapshot_of
from micrograd.words import Printed, Shown, count, one_line, printable, short

SHOWN = 20  # steps that a trace shows when Python shows it


@dataclass(frozen=True, slots=True)
class Step:
    """One contribution of backward: along one edge, local derivative times upstream gradient, added to an operand.

    `number` counts from 1; `before` and `after` are the operand's gradient. `local` is None for a node whose backward
    was written by hand, which may add anything.
    """

    trace: Record
    number: int
    sender: int
    receiver: int
    position: int
    local: float | None
    upstream: float
    before: float
    after: float

    @property
    def contribution(self) -> float:
        return self.after - self.before if self.local is None else self.local * self.upstream

    @property
    def accumulates(self) -> bool:
        """Whether an earlier step of this backward has reached the operand."""
        return self is not self.trace.received(self.receiver)[0]

    @property
    def lines(self) -> tuple[Line, Line]:
        """The step in words, as pieces of text: the product, and the sum in which it arrives."""
        return self.lines_after("")

    def lines_after(self, lead: str) -> tuple[Line, Line]:
        """The same, where something else begins the line."""
        graph, arrivals = self.trace.graph, self.trace.received(self.receiver)
        sender, receiver = graph.nodes[self.sender], graph.nodes[self.receiver]
        place = bisect.bisect_left(arrivals, self.number, key=lambda step: step.number)
        shown = arrivals[0 if place < sentence.NAMED else place : place + 1]
        return sentence.backward(
            f"{lead}[{self.number}/{len(self.trace)}]",
            sender.name,
            receiver.name,
            local=self.local,
            upstream=self.upstream,
            sent=[(step.contribution, graph.nodes[step.sender].name) for step in shown],
            after=self.after,
            earlier=place,
            before=self.before,
            formula="" if self.local is None else graph.locals_of(sender)[self.position][0],
            operand=graph.place(sender, self.position),
        )

    def __repr__(self) -> str:
        return printable(sentence.text(*self.lines))


class _Gradient:
    """A gradient as it grows during replay."""

    grad = 0.0


class Record:
    """The record of one forward and backward: `t[i]` is step i of backward, `t.graph` the snapshot it steps through.

    At position p the first p steps have happened; `t.grads(p)` are the gradients then.
    """

    def __init__(self, root: Any, names: Any = None, *, allow: Callable[[int], None] | None = None):
        self._root, self._error = root_of(root)
        self._names = dict(names) if isinstance(names, Mapping) else names
        self._order = topological_order(self._root)
        if allow:
            allow(self.size)  # raises where there are too many values, before backward is run on them
        self._numbers = [value.data for value in self._order]
        # For each computed node, results first: the node, its local derivatives and its gradient. If its backward was
        # written by hand, its operands' gradients before and after take the place of the derivatives.
        self._record: list[tuple[Value, Any, float]] = []
        if not self._error:
            self._run_backward()

    def _run_backward(self) -> None:
        """Run the engine's backward, listening. What could change later is stored; the rest is computed on demand."""
        record = self._record.append

        def derivatives(node: Value) -> tuple[Any, ...]:
            if isinstance(node._local, ByHand):
                before = [p.grad for p in node._prev]
                found = local_derivatives(node)  # runs what was written by hand
                record((node, [before, [p.grad for p in node._prev]], node.grad))
                return found
            found = local_derivatives(node)
            record((node, found, node.grad))
            return found

        with borrowed_gradients(self._order):
            sweep(self._root, self._order, derivatives=derivatives)

    @property
    def size(self) -> int:
        """How many values the graph has, without the snapshot, which takes much longer."""
        return len(self._order)

    @functools.cached_property
    def graph(self) -> Snapshot:
        """The snapshot: numbers as they were when the trace was taken, labels as they are when first looked at."""
        return snapshot_of(self._order, self._numbers, names=self._names, error=self._error)

    @functools.cached_property
    def steps(self) -> list[Step]:
        """Every step of backward, in order."""
        index = {value: i for i, value in enumerate(self._order)}
        gradients = [_Gradient() for _ in self._order]
        steps: list[Step] = []
        for node, derivatives, upstream in self._record:
            operands = [index[p] for p in node._prev]
            for position, receiver in enumerate(operands):
                local = None if isinstance(derivatives, list) else derivatives[position]
                if self._order[receiver]._operation is CONSTANT:
                    continue  # a constant has no gradient
                if local is None and receiver in operands[:position]:
                    continue  # a change by hand is one step, even if the operand is used more often
                before = gradients[receiver].grad
                if local is None:
                    gradients[receiver].grad = derivatives[1][position]
                else:  # the engine's chain rule, one edge at a time
                    chain_rule((gradients[receiver],), (local,), upstream)
                after = gradients[receiver].grad
                step = Step(self, len(steps) + 1, index[node], receiver, position, local, upstream, before, after)
                steps.append(step)
        return steps

    @functools.cached_property
    def _received(self) -> dict[int, list[Step]]:
        found: dict[int, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.receiver, []).append(step)
        return found

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, i: int) -> Step:
        return self.steps[i]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def received(self, index: int) -> list[Step]:
        """The steps that add to a node's gradient, in order."""
        return self._received.get(index, [])

    def grads(self, position: int | None = None) -> list[float | None]:
        """Every node's gradient after the first `position` steps, by default after all; None if none has reached it."""
        if position is not None and not 0 <= position <= len(self):
            raise IndexError(f"there is no position {position}: this trace has {len(self)} steps; 0 is the start")
        found: list[float | None] = [None] * len(self.graph.nodes)
        if self.graph.root.kind != FAILED:
            found[self.graph.root.index] = 1.0
        for step in self.steps[: len(self) if position is None else position]:
            found[step.receiver] = step.after
        return found

    def at(self, which: Value | str | int) -> list[Step]:
        """The steps in which a node takes part: those that add to its gradient, then those in which it sends."""
        index = self.graph.node(which).index
        return [s for s in self if s.receiver == index] + [s for s in self if s.sender == index]

    def forward(self) -> list[str]:
        """The forward pass, a line for each operation, with the numbers put in: `e = d + a = -6 + 2 = -4`."""
        return [self.forward_line(node) for node in self.graph.nodes if node.operands]

    def forward_line(self, node: Node) -> str:
        """`s = x + y = 2 + (-4) = -2`, in at most 80 columns; of an operation that failed, the error."""
        return Printed(sentence.text(self.forward_parts(node)))

    def forward_parts(self, node: Node, lead: str = "") -> Line:
        """The line of one operation, as pieces of text, after what else begins it."""
        if node.kind == FAILED:
            return [
                Part("head", lead),
                Part("name", node.name),
                Part("", f" = {node.formula}: failed: {self.graph.error}"),
            ]
        numbers = BEFORE_CHANGE
        if self.graph.follows(node):
            numbers = node.op.formula([short(self.graph.nodes[i].data) for i in node.operands])
        return sentence.forward(node.name, node.formula, numbers, node.data, lead)

    def table(self) -> Shown:
        """A line for each value: its name, how it is computed, its number and its final gradient."""
        grads = self.grads()
        rows = [("name", "=", "data", "grad")]
        rows += [
            (n.name, n.formula, short(n.data), short(grads[n.index]))
            for n in self.graph.nodes
            if n.kind != CONSTANT_NUMBER
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
        return Shown("\n".join(lines))

    def apply(self) -> None:
        """Run `backward()` on the result, so that the graph gets the gradients that were recorded."""
        self.graph.root.value.backward()

    def __str__(self) -> str:
        return printable(
            "\n".join(["forward", *(f"  {line}" for line in self.forward()), "backward", *map(repr, self)])
        )

    @property
    def summary(self) -> str:
        """What was recorded, in one line: `z = x / s: 4 values, 2 steps forward, 4 steps backward`."""
        root, forward = self.graph.root, sum(bool(node.operands) for node in self.graph.nodes)
        name = one_line(f"{root.name} = {root.formula}" if root.formula else root.name, 36)
        return f"{name}: {count(len(self._order), 'value')}, {count(forward, 'step')} forward, {len(self):,} backward"

    def __repr__(self) -> str:
        lines = [self.summary, *map(repr, self.steps[:SHOWN])]
        more = len(self) - SHOWN
        return printable(
            "\n".join(lines + [f"... and {count(more, 'more step')}; print the trace to see all"] * (more > 0))
        )
