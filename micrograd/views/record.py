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
    [1/4] / z -> x:  local -0.5000 x upstream 1.0000 = -0.5000;  x.grad 0.0000 -> -0.5000
    [2/4] / z -> v1:  local -0.5000 x upstream 1.0000 = -0.5000;  v1.grad 0.0000 -> -0.5000
    [3/4] + v1 -> x:  local 1.0000 x upstream -0.5000 = -0.5000;  x.grad -0.5000 -> -1.0000   (accumulates)
    [4/4] + v1 -> y:  local 1.0000 x upstream -0.5000 = -0.5000;  y.grad 0.0000 -> -0.5000

Everything is recorded once, by running the engine's own backward, and replayed when you look at it. The Values' own
`grad` are put back, and do not change until `t.apply()`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from micrograd.derivatives import ByHand, local_derivatives
from micrograd.engine import Value, chain_rule, sweep, topological_order
from micrograd.table import CONSTANT
from micrograd.transforms import borrowed_gradients
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, Node, Snapshot, root_of, snapshot_of
from micrograd.words import short


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
        return self.number != self.trace.first_step_to(self.receiver)

    def __repr__(self) -> str:
        nodes = self.trace.graph.nodes
        sender, receiver = nodes[self.sender], nodes[self.receiver]
        by = "by hand" if self.local is None else f"local {decimal(self.local)} x upstream {decimal(self.upstream)}"
        merged = "   (accumulates)" if self.accumulates else ""
        change = f"{decimal(self.before)} -> {decimal(self.after)}"
        return (
            f"[{self.number}/{len(self.trace)}] {sender.op.symbol} {sender.name} -> {receiver.name}:  {by} = "
            f"{decimal(self.contribution)};  {receiver.name}.grad {change}{merged}"
        )


def decimal(x: float) -> str:
    """Four decimals, or four digits for very small and very large numbers: `0.0013`, `1e-12`, `1.235e+08`."""
    return f"{x + 0.0:.4f}" if x == 0 or 5e-4 <= abs(x) < 1e6 else f"{x:.4g}"


class _Gradient:
    """A gradient as it grows during replay."""

    grad = 0.0


class Record:
    """The record of one forward and backward: `t[i]` is step i of backward, `t.graph` the snapshot it steps through.

    At position p the first p steps have happened; `t.grads(p)` are the gradients then.
    """

    def __init__(self, root: Any, names: Any = None):
        self._root, self._error = root_of(root)
        self._names = dict(names) if isinstance(names, Mapping) else names
        self._order = topological_order(self._root)
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
    def _first(self) -> dict[int, int]:
        return {step.receiver: step.number for step in reversed(self.steps)}

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, i: int) -> Step:
        return self.steps[i]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def first_step_to(self, index: int) -> int:
        """The number of the first step that adds to a node's gradient; 0 when none does."""
        return self._first.get(index, 0)

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
        return [self.forward_line(node) for node in self.graph.nodes if node.formula]

    def forward_line(self, node: Node) -> str:
        if node.kind == FAILED:
            return f"{node.name} = {node.formula}: failed: {self.graph.error}"
        numbers = node.op.formula([short(self.graph.nodes[i].data) for i in node.operands])
        return f"{node.name} = {node.formula} = {numbers} = {short(node.data)}"

    def table(self) -> str:
        """A line for each value: its name, how it is computed, its number and its final gradient."""
        grads = self.grads()
        rows = [("name", "=", "data", "grad")]
        rows += [
            (n.name, n.formula, short(n.data), short(grads[n.index]))
            for n in self.graph.nodes
            if n.kind != CONSTANT_NUMBER
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows)

    def apply(self) -> None:
        """Run `backward()` on the result, so that the graph gets the gradients that were recorded."""
        self.graph.root.value.backward()

    def __str__(self) -> str:
        return "\n".join(["forward", *(f"  {line}" for line in self.forward()), "backward", *map(repr, self)])

    def __repr__(self) -> str:
        return f"<trace of {self.graph.root.name}: {len(self._order)} values, {len(self)} steps of backward>"
