"""Take a snapshot of a computation graph: its nodes in order, with names, kinds, uses and groups.

    >>> from micrograd import Value
    >>> from micrograd.views.snapshot import snapshot
    >>> x, y = Value(2.0), Value(-4.0)
    >>> for node in snapshot(x / (x + y), names={"x": x, "y": y}).nodes:
    ...     print(node)
    x = 2
    y = -4
    v1 = x + y = -2
    v2 = x / v1 = -1

All views (drawings, the stepper, the page) read a snapshot; none walks Values itself. Taking one changes nothing.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.coerce import float_of
from micrograd.engine import Value, topological_order
from micrograd.foreign.adopt import adopt
from micrograd.foreign.reading import is_value
from micrograd.nn import made_of
from micrograd.node import UNREACHED
from micrograd.table import CONSTANT, FLOAT, Op
from micrograd.text import derivative_formulas
from micrograd.views.groups import Group
from micrograd.views.naming import Naming
from micrograd.words import nearest, printable, short

LEAF, PARAMETER, CONSTANT_NUMBER, OPERATION, FAILED = "input", "parameter", "constant", "operation", "failed operation"


@dataclass(slots=True, eq=False)
class Node:
    """One value of the graph. `index` is its place in the order, `operands` the indices of its operands."""

    index: int
    value: Value
    data: float
    grad: float | None  # None if backward has not reached it
    name: str
    kind: str
    operands: tuple[int, ...]
    formula: str = ""
    uses: int = 0
    group: Group | None = None
    named: bool = False  # whether the user gave it its name

    @property
    def op(self) -> Op:
        return self.value._operation

    @property
    def is_output(self) -> bool:
        """Whether a call of a neuron gave this value back."""
        made, call = made_of(self.value), self.group.made_by if self.group else None
        return made is not None and call is not None and made.neuron is call.neuron and made.inputs is call.inputs

    @property
    def is_relu(self) -> bool:
        """Whether this is a neuron's ReLU: its output, not a part of another activation, nor a loss's own."""
        return self.op.name == "relu" and self.is_output

    @property
    def is_off(self) -> bool:
        """Whether this is a neuron's ReLU that lets no gradient pass for its input."""
        return self.is_relu and self.data <= 0

    def __str__(self) -> str:
        return printable(" = ".join(filter(None, [self.name, self.formula, short(self.data)])))


@dataclass(frozen=True)
class Births:
    """Where numbers stopped being finite: what is not finite elsewhere was reached from there.

    A nan is born where no operand is nan, as in inf × 0; an infinity where no operand is infinite or nan. `data` are
    the nodes where that happened. `grads` are those whose gradient is such a product of an upstream gradient and a
    local derivative, each with the node that handed it on; with itself, where only the sum of what came is so.
    """

    data: frozenset[int]
    grads: dict[int, int]


@dataclass(frozen=True)
class Edge:
    """The operand at `position` of `target` is `source`; a repeated operand has an edge for each position."""

    source: int
    target: int
    position: int


def partial(name: str, by: str, operand: int = 0) -> str:
    """How a local derivative is written: `∂z/∂s`; by the operand's place, from 1, where one is given."""
    return f"∂{name}/∂(operand {operand})" if operand else f"∂{name}/∂{by}"


BEFORE_CHANGE = "(before data changed)"  # in place of a formula that is not true of the numbers any more
MANY_OPERANDS = 50  # above this no formulas are written, because each would name every operand


class Snapshot:
    """The graph of one value as it was: `nodes`, operands first and the result last, and `edges`."""

    def __init__(self, nodes: list[Node], error: str = ""):
        self.nodes = nodes
        self.error = error  # why the last operation failed, if it did
        self._by_value = {id(node.value): node for node in nodes}
        if hasattr(nodes[-1].value, "_theirs"):  # a copy of somebody else's graph: their Values find its nodes too
            self._by_value |= {id(getattr(node.value, "_theirs", node.value)): node for node in nodes}
        self._by_name: dict[str, Node] | None = None
        self._locals: dict[int, list[tuple[str, float | None]]] = {}
        self._repeated: dict[int, set[str]] = {}

    @property
    def root(self) -> Node:
        return self.nodes[-1]

    @property
    def edges(self) -> Iterator[Edge]:
        for node in self.nodes:
            for position, operand in enumerate(node.operands):
                yield Edge(operand, node.index, position)

    def node(self, which: Value | str | int | Node) -> Node:
        """The node of a Value, of a name, or at an index. Raises KeyError, with the name that may have been meant."""
        if isinstance(which, Node):
            return which
        if isinstance(which, int):
            if not 0 <= which < len(self.nodes):
                raise KeyError(f"no node has the index {which}; indices go from 0 to {len(self.nodes) - 1}")
            return self.nodes[which]
        if isinstance(which, Value) or is_value(which):
            if id(which) not in self._by_value:
                raise KeyError(f"{which!r} is not in this graph")
            return self._by_value[id(which)]
        if self._by_name is None:
            self._by_name = {node.name: node for node in reversed(self.nodes) if node.kind != CONSTANT_NUMBER}
        return self._by_name.get(which) or self._spelled_otherwise(which)

    def _spelled_otherwise(self, name: str) -> Node:
        """The node of a parameter as Python writes it, `net.layers[0].neurons[1].b`, or without the net's own name."""
        names = [node.name for node in self.nodes if node.kind != CONSTANT_NUMBER]
        dotted = re.sub(r"\[(\d+)\]", r".\1", name)
        found = [n for n in names if n == dotted]
        if "." in dotted and not found:
            found = [n for n in names if n.endswith("." + dotted) or ("." in n and dotted.endswith("." + n))]
        if len(found) == 1 and self._by_name is not None:
            return self._by_name[found[0]]
        raise KeyError(f"no node is called {name!r}{nearest(dotted, names)}")

    def consumers(self) -> list[list[Edge]]:
        """For each node, the edges along which its value is used."""
        found: list[list[Edge]] = [[] for _ in self.nodes]
        for edge in self.edges:
            found[edge.source].append(edge)
        return found

    def around(self, which: Value | str | int, *, hops: int = 2) -> set[int]:
        """The indices of the nodes within `hops` edges of one, in either direction."""
        start = self.node(which).index
        consumers = self.consumers()
        near, frontier = {start}, [start]
        for _ in range(hops):
            next_to = [[*self.nodes[i].operands, *(edge.target for edge in consumers[i])] for i in frontier]
            frontier = sorted({j for found in next_to for j in found} - near)
            near.update(frontier)
            if not frontier:
                break
        return near

    def between(self, which: Value | str | int) -> set[int]:
        """The indices of the nodes on any path from one node to the result."""
        on_path = {self.node(which).index}
        for node in self.nodes:
            if any(operand in on_path for operand in node.operands):
                on_path.add(node.index)
        return on_path

    def locals_of(self, node: Node) -> list[tuple[str, float | None]]:
        """For each operand the formula of the local derivative and its value, None if it cannot be computed."""
        if node.index in self._locals:
            return self._locals[node.index]
        self._locals[node.index] = found = self._find_locals(node)
        return found

    def follows(self, node: Node) -> bool:
        """Whether a number still follows from the operands': not if data was assigned after it was computed.

        `w.data = 3.0`, or an optimizer's step, leaves z = x * w as it was. Then its formula is not true of the numbers
        that the graph holds now, and is not shown with them. Compiled code and other engines may round differently.
        """
        if not node.op.in_table or node.kind == FAILED:
            return True
        try:
            now = node.op.rule(FLOAT, *[self.nodes[i].data for i in node.operands])[0]
        except (ArithmeticError, ValueError):
            return False
        return math.isclose(now, node.data, rel_tol=1e-6, abs_tol=1e-12) or (now != now and node.data != node.data)

    def _find_locals(self, node: Node) -> list[tuple[str, float | None]]:
        values = node.value._local
        formulas: tuple[str, ...] = ("written by hand",) * len(node.operands)
        if len(node.operands) > MANY_OPERANDS:
            formulas = ("…",) * len(node.operands)
        elif not self.follows(node):
            formulas = (BEFORE_CHANGE,) * len(node.operands)
        elif not node.op.by_hand:
            formulas = derivative_formulas(node.op, self.operand_names(node), result=node.name)
        if not isinstance(values, tuple) or len(values) != len(node.operands):
            return [(formula, None) for formula in formulas]
        return [(formula, float(value)) for formula, value in zip(formulas, values)]

    def place(self, node: Node, position: int) -> int:
        """An operand's place, from 1, where its name stands in the operation more than once; else 0."""
        if node.index not in self._repeated:
            names = Counter(self.operand_names(node))
            self._repeated[node.index] = {name for name, count in names.items() if count > 1}
        repeated = self.nodes[node.operands[position]].name in self._repeated[node.index]
        return position + 1 if repeated else 0

    def partial(self, node: Node, position: int, shown: Callable[[str], str] = str) -> str:
        """The local derivative by the operand at `position`: `∂z/∂s`, and by its place where it repeats. `shown` makes
        names shorter.
        """
        by = self.nodes[node.operands[position]].name
        return partial(shown(node.name), shown(by), self.place(node, position))

    @functools.cached_property
    def relus(self) -> dict[str, list[Node]]:
        """The ReLUs of each neuron, one for each call."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            if node.group is not None and node.is_relu:
                found.setdefault(node.group.neuron, []).append(node)
        return found

    def is_dead(self, neuron: str) -> bool:
        """Whether a neuron's ReLU is off in every one of several rows."""
        calls = self.relus.get(neuron, [])
        return len(calls) > 1 and all(node.is_off for node in calls)

    def births(self, grads: Sequence[float | None] | None = None) -> Births:
        """Where the first numbers that are not finite came from, with the nodes' own gradients or with `grads`."""
        own = [node.grad for node in self.nodes] if grads is None else grads
        finite = math.isfinite
        data = {node.index for node in self.nodes if not finite(node.data) and node.kind != FAILED}
        born = {i for i in data if not any(self._spoilt(j, self.nodes[i].data) for j in self.nodes[i].operands)}
        senders: dict[int, int] = {}
        odd = [node for node, grad in zip(self.nodes, own) if grad is not None and not finite(grad)]
        if not odd:
            return Births(frozenset(born), senders)
        handed: set[tuple[int, bool]] = set()  # receivers of a contribution that is nan (True) or infinite (False)
        births: dict[tuple[int, bool], int] = {}  # of those, the ones that were born on the way, with their senders
        for node in reversed(self.nodes):
            upstream, local = own[node.index], node.value._local
            if upstream is None or not isinstance(local, tuple):
                handed.update((i, kind) for i in node.operands for kind in (True, False))  # by hand: not known
                continue
            for operand, factor in zip(node.operands, map(float_of, local)):
                if not finite(contribution := factor * upstream):
                    key = operand, math.isnan(contribution)
                    handed.add(key)
                    known = node.index in data or operand in data  # what is not finite in the data is in the factor
                    by_factor = finite(upstream) and not known
                    if by_factor or (key[1] and not math.isnan(factor) and not math.isnan(upstream)):
                        births.setdefault(key, node.index)
        for node in odd:
            key = node.index, math.isnan(own[node.index] or 0.0)
            if key in births:
                senders[node.index] = births[key]
            elif key not in handed and node is not self.root:  # the sum, of finite contributions or of inf and -inf
                senders[node.index] = node.index
        return Births(frozenset(born), senders)

    def _spoilt(self, i: int, result: float) -> bool:
        """Whether an operand explains a result that is not finite: nan only by nan. A constant does not: it stands
        inside the formula that uses it.
        """
        node = self.nodes[i]
        odd = math.isnan(node.data) if math.isnan(result) else not math.isfinite(node.data)
        return odd and node.kind != CONSTANT_NUMBER

    def operand_names(self, node: Node) -> list[str]:
        return [self.nodes[i].name for i in node.operands]


def snapshot(root: Any, *, names: Any = None) -> Snapshot:
    """The snapshot of the graph behind `root`.

    `root` is a Value; or an error that an operation raised, whose graph ends in the operation that failed. `names` is
    a Module, or a mapping from names to Values, modules, lists and dicts, such as `vars()`; labels come first.
    Parameters of a layer are called by their path, `layers.0.neurons.2.w.1`, and Values without a name v1, v2, ...
    Raises TypeError for any other root.
    """
    root, error = root_of(root)
    order = topological_order(root)
    return snapshot_of(order, [value.data for value in order], names=names, error=error)


def snapshot_of(order: list[Value], numbers: list[float], *, names: Any = None, error: str = "") -> Snapshot:
    """The snapshot of values already in topological order, with their numbers as they were at some moment."""
    index = {value: i for i, value in enumerate(order)}
    naming = Naming(order, names, index)
    nodes: list[Node] = []
    for i, value in enumerate(order):
        operands = tuple([index[p] for p in value._prev])
        name, named = naming.name_of(value, numbers[i])
        kind = kind_of(value, naming)
        grad, group = grad_of(value), naming.groups.of[i]
        node = Node(i, value, float_of(numbers[i]), grad, name, kind, operands, group=group, named=named)
        if operands:
            node.formula = value._operation.formula([nodes[j].name for j in operands])
            for j in operands:
                nodes[j].uses += 1
        nodes.append(node)
    if error:
        nodes[-1].kind = FAILED
    return Snapshot(nodes, error)


def kind_of(value: Value, naming: Naming) -> str:
    """What kind of node a value makes; of a failed operation only its error tells."""
    if value._prev:
        return OPERATION
    if value._operation is CONSTANT:
        return CONSTANT_NUMBER
    return PARAMETER if naming.is_parameter(value) else LEAF


def grad_of(value: Value) -> float | None:
    """A value's gradient as a number; None if backward has not reached it."""
    return None if value.grad is UNREACHED or value.grad is None else float_of(value.grad)


def root_of(root: Any) -> tuple[Value, str]:
    """The Value to start from, and the error's message if its operation failed."""
    if isinstance(root, Value):
        return root, ""
    failed = getattr(root, "failed", None) if isinstance(root, BaseException) else None
    if failed is not None:
        operation, operands = failed
        node = Value(0.0)  # filled by hand: no_grad() and detect_anomaly() would not let the engine make this node
        node._prev = tuple([x if isinstance(x, Value) else Value(x) for x in operands])
        node.data, node._operation = math.nan, operation
        return node, str(root)
    if isinstance(root, (list, tuple)):
        raise TypeError(f"give one Value to look at, not {len(root)}: choose one, or look at their sum")
    return adopt(root), ""  # somebody else's Value, or a TypeError
