"""Step through forward and backward, back in time too: `t = trace(z)`, `t[3]`, `t.why(x)`, `t.debug()`.

    >>> from micrograd import Value
    >>> from micrograd.views.record import trace
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> z = x / (x + y)
    >>> z.label = "z"
    >>> print(trace(z))
    forward
      v1 = x + y = 2 + (-4) = -2
      z = x / v1 = 2 / (-2) = -1
    backward
    [1/4] / z -> x:  local -0.5000 x upstream 1.0000 = -0.5000;  x.grad 0.0000 -> -0.5000
    [2/4] / z -> v1:  local -0.5000 x upstream 1.0000 = -0.5000;  v1.grad 0.0000 -> -0.5000
    [3/4] + v1 -> x:  local 1.0000 x upstream -0.5000 = -0.5000;  x.grad -0.5000 -> -1.0000   (accumulates)
    [4/4] + v1 -> y:  local 1.0000 x upstream -0.5000 = -0.5000;  y.grad 0.0000 -> -0.5000

Everything is recorded once, by running the engine's own backward, and replayed when it is looked at. The Values' own
`grad` are put back as they were, and stay so until `t.apply()`.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from micrograd.engine import (
    ByHand,
    Value,
    local_derivatives,
    pass_on,
    send_to_operands,
    sweep,
    topological_order,
)
from micrograd.table import CONSTANT
from micrograd.transforms import borrowed_gradients
from micrograd.views.snapshot import CONSTANT_NUMBER, FAILED, Node, Snapshot, root_of, short, snapshot_of

MAX_PATHS = 1000
MAX_LISTED = 200_000  # nodes on all listed paths together


@dataclass(frozen=True, slots=True)
class Step:
    """One contribution of backward: along one edge, local derivative times upstream gradient, added to an operand.

    `number` counts from 1; `before` and `after` are the operand's gradient. `local` is None for a node whose backward
    was written by hand, which adds what it likes.
    """

    trace: Trace
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
    """Four decimals, or as many digits where these would show nothing: `0.0013`, `1e-12`, `1.235e+08`."""
    return f"{x + 0.0:.4f}" if x == 0 or 5e-4 <= abs(x) < 1e6 else f"{x:.4g}"


class _Gradient:
    """A gradient as it grows during replay."""

    grad = 0.0


class Trace:
    """The record of one forward and backward: `t[i]` is step i of backward, `t.graph` the snapshot it steps through.

    At position p the first p steps have happened; `t.grads(p)` are the gradients then.
    """

    def __init__(self, root: Any, names: Any = None):
        self._root, self._error = root_of(root)
        self._names = dict(names) if isinstance(names, Mapping) else names
        self._order = topological_order(self._root)
        self._numbers = [value.data for value in self._order]
        # For each node that was computed, results first: the node, its local derivatives and its gradient; or, where
        # its backward was written by hand, its operands' gradients before and after instead of the derivatives.
        self._record: list[tuple[Value, Any, float]] = []
        if not self._error:
            self._run_backward()

    def _run_backward(self) -> None:
        """Run the engine's backward, listening. Only what could change later is kept, the rest worked out on demand."""
        record = self._record.append

        def visit(node: Value) -> None:
            derivatives = node._local
            if derivatives.__class__ is not tuple:
                if isinstance(derivatives, ByHand):
                    before = [p.grad for p in node._prev]
                    pass_on(node)
                    record((node, [before, [p.grad for p in node._prev]], node.grad))
                    return
                derivatives = local_derivatives(node)
            record((node, derivatives, node.grad))
            send_to_operands(node, derivatives)

        with borrowed_gradients(self._order):
            sweep(self._root, self._order, visit=visit)

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
                    continue  # nobody asks for a constant's gradient
                if local is None and receiver in operands[:position]:
                    continue  # the change by hand is one step, however often the operand is used
                before = gradients[receiver].grad
                if local is None:
                    gradients[receiver].grad = derivatives[1][position]
                else:  # the engine's chain rule, one edge at a time
                    send_to_operands(SimpleNamespace(_prev=(gradients[receiver],), grad=upstream), (local,))
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
        """Every node's gradient after the first `position` steps, by default after all; None where none has come."""
        if position is not None and not 0 <= position <= len(self):
            raise IndexError(f"position {position}: this trace has {len(self)} steps; 0 is the start of backward")
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

    def why(self, which: Value | str | int, *, limit: int = MAX_PATHS) -> Why:
        """Why a node's gradient is what it is: every path to the result, with the product of its local derivatives."""
        return Why(self, self.graph.node(which), limit)

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
        """Do to the graph what was recorded: `backward()` on the result."""
        self.graph.root.value.backward()

    def svg(self, step: int | None = None, **options: Any) -> str:
        """The drawing after some steps of backward (all by default), as the text of an SVG, its edge lit."""
        from micrograd.views import animate

        return animate.still(self, len(self) if step is None else step, **options)

    def animate(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Save an SVG that plays the steps by itself; where less motion is asked for it shows the last one."""
        from micrograd.views import animate

        return animate.save(self, path, **options)

    def html(self, path: str | os.PathLike[str]) -> Path:
        """Save the interactive page of this trace: one file, which needs no network."""
        from micrograd.views import page as explorable

        return explorable.save(self, path)

    def debug(self, **options: Any) -> None:
        """Open the prompt, which speaks pdb, on this trace."""
        from micrograd.views import prompt

        prompt.Prompt(self, **options).cmdloop()

    def __str__(self) -> str:
        return "\n".join(["forward", *(f"  {line}" for line in self.forward()), "backward", *map(repr, self)])

    def __repr__(self) -> str:
        return f"<trace of {self.graph.root.name}: {len(self._order)} values, {len(self)} steps of backward>"


def trace(root: Any, *, names: Any = None) -> Trace:
    """Record forward and backward of the graph behind a Value; `names` as in `micrograd.graph.snapshot`.

    Raises what backward raises where a derivative does not exist. Nothing of the graph is changed.
    """
    return Trace(root, names)


class Why:
    """A gradient as a sum over paths: `paths` are pairs (indices from the node to the result, product of locals).

    There may be more paths than can be listed: `count` is how many there are, `paths` at most `limit` of them, and
    only when all are listed does their sum, `total`, equal the gradient. Bauer's formula (1974): the derivative is the
    sum over all paths of the product of the local derivatives along each.
    """

    def __init__(self, trace: Trace, node: Node, limit: int = MAX_PATHS):
        self.trace, self.node = trace, node
        self.gradient = trace.grads()[node.index]
        outgoing: dict[int, list[Step]] = {}
        for step in trace:
            outgoing.setdefault(step.receiver, []).append(step)
        root = trace.graph.root.index
        way = trace.graph.between(node.index)
        self.by_hand = any(s.local is None and s.sender in way and s.receiver in way for s in trace)
        counts = [0] * len(trace.graph.nodes)
        counts[root] = 1
        for index in reversed(range(len(counts))):
            if index != root:
                counts[index] = sum(counts[step.sender] for step in outgoing.get(index, ()))
        self.count = counts[node.index]
        self.paths: list[tuple[list[int], list[float]]] = []
        # A path is a node, the local derivative that led to it, and the path before it: paths share their beginnings.
        stack: list[tuple[int, float, Any]] = [(node.index, 1.0, None)]
        listed = 0
        while stack and len(self.paths) < limit and listed < MAX_LISTED and not self.by_hand:
            path = stack.pop()
            if path[0] == root:
                self.paths.append(_unlinked(path))
                listed += len(self.paths[-1][0])
                continue
            for step in reversed(outgoing.get(path[0], ())):
                if counts[step.sender]:
                    stack.append((step.sender, float(step.local or 0.0), path))

    @property
    def complete(self) -> bool:
        """Whether every path is listed."""
        return len(self.paths) == self.count

    @property
    def products(self) -> list[float]:
        found = []
        for _, locals_ in self.paths:
            product = 1.0
            for local in reversed(locals_):
                product *= local
            found.append(product)
        return found

    @property
    def total(self) -> float:
        """The sum of the listed paths' products."""
        return math.fsum(self.products)

    def __repr__(self) -> str:
        name, nodes = self.node.name, self.trace.graph.nodes
        if self.by_hand:
            return f"{name}.grad = {short(self.gradient)}: a backward written by hand is on the way and hides the paths"
        if self.count == 0:
            return f"{name} does not reach {nodes[-1].name}: its gradient is 0"
        lines = [f"{name}.grad = {self.gradient!r}, the sum over {self.count:,} path{'s' if self.count > 1 else ''}"]
        for (path, locals_), product in zip(self.paths, self.products):
            way = " -> ".join(nodes[i].name for i in path)
            factors = " x ".join(map(decimal, locals_)) or "1"
            lines.append(f"  {way}:  {factors} = {product:.6g}")
        if self.complete:
            lines.append(f"  sum {self.total!r}")
        else:
            lines.append(
                f"  ... and {self.count - len(self.paths):,} more paths, too many to list; all sum to the gradient"
            )
        return "\n".join(lines)


def _unlinked(path: Any) -> tuple[list[int], list[float]]:
    """A linked path as the indices of its nodes, the first one first, and the local derivatives between them."""
    indices, locals_ = [], []
    while path is not None:
        index, local, path = path
        indices.append(index)
        locals_.append(local)
    return indices[::-1], locals_[-2::-1]
