"""Fold a large graph into few boxes: sums of products, neurons, layers, repetitions.

    >>> import random
    >>> from micrograd.views.fold import fold
    >>> from micrograd.views.snapshot import snapshot
    >>> from micrograd.nn import MLP
    >>> net = MLP(2, [3, 1], rng=random.Random(0))
    >>> for box in fold(snapshot(net([1.0, 2.0])), by="layer").boxes:
    ...     print(box.title, len(box.members))
    layers.0 24
    layers.1 10

A fold is a partition of the nodes; each level starts from the one before:

    "none"       every value has its own box (constants stand inside formulas)
    "operation"  a sum of products is one box
    "neuron"     also what a neuron made in one call
    "layer"      also what a layer made in one call
    "repeated"   also all calls of a layer, and all values computed in the same way
    "auto"       the first of these that is small enough to read; if none is, all that is far from the result is one box
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from micrograd.views.snapshot import CONSTANT_NUMBER, OPERATION, Node, Snapshot

LEVELS = ("none", "operation", "neuron", "layer", "repeated")
MAX_BOXES = 60  # more cannot be taken in at a glance, and layout takes seconds
MAX_LINKS = 100


@dataclass(eq=False)
class Box:
    """One box of the drawing: one node, or several folded under a title. `members` are indices, in order."""

    index: int
    title: str
    members: list[int]
    has_result: bool = True  # whether the box shows its last member's numbers: those of one value, a sum or a neuron

    @property
    def folded(self) -> bool:
        return bool(self.title)


@dataclass(frozen=True)
class Link:
    """The edges from the members of one box to those of another, and how many there are."""

    source: int
    target: int
    count: int


@dataclass
class Folded:
    """The boxes of a graph, results last, and the links between them. `level` is how it was folded."""

    boxes: list[Box]
    links: list[Link]
    level: str


def fold(graph: Snapshot, *, by: str = "auto", only: Iterable[int] | None = None, max_boxes: int = MAX_BOXES) -> Folded:
    """Partition the nodes of a snapshot, or only those with the given indices. Raises ValueError for another level."""
    if by not in (*LEVELS, "auto"):
        raise ValueError(f"fold={by!r} is not a way to fold: choose 'auto', {', '.join(map(repr, LEVELS))}")
    chosen = set(range(len(graph.nodes)) if only is None else only)
    nodes = [node for node in graph.nodes if node.index in chosen and node.kind != CONSTANT_NUMBER]
    if by != "auto":
        return _boxes(graph, nodes, _keys(graph, nodes, by), by)
    has_groups = any(node.group is not None for node in nodes)
    for level in LEVELS:
        if level in ("none", "operation") and len(nodes) > 50 * max_boxes:
            continue  # far too many boxes at these levels
        if level in ("neuron", "layer") and not has_groups:
            continue
        folded = _boxes(graph, nodes, _keys(graph, nodes, level), level)
        if len(folded.boxes) <= max_boxes and len(folded.links) <= MAX_LINKS:
            return folded
    return _without_the_furthest(folded, max_boxes)


def _keys(graph: Snapshot, nodes: list[Node], level: str) -> dict[int, Hashable]:
    """For each folded node, the key that all nodes of its box share."""
    keys: dict[int, Hashable] = {}
    if level in ("neuron", "layer", "repeated"):
        for node in nodes:
            if node.group is not None:
                name = node.group.neuron if level == "neuron" else node.group.layer or node.group.neuron
                keys[node.index] = ("group", name) if level == "repeated" else ("group", name, node.group.call)
    if level != "none":
        keys |= _sums(graph, [node for node in nodes if node.index not in keys])
    if level == "repeated":
        keys = _repetitions(nodes, keys)
    return keys


def _sums(graph: Snapshot, nodes: list[Node]) -> dict[int, Hashable]:
    """Sums of products: a term is folded into its sum unless it has another use, or the user named it."""
    into: dict[int, int] = {}
    candidates = {node.index for node in nodes}
    for node in reversed(nodes):  # results first, so that a partial sum finds the whole one
        if node.op.name != "add":
            continue
        top = into.get(node.index, node.index)
        for operand in node.operands:
            term = graph.nodes[operand]
            if term.op.name in ("add", "mul") and term.uses == 1 and operand in candidates and not term.named:
                into[operand] = top
    parts: dict[int, list[int]] = {}
    for term_index, top in into.items():
        parts.setdefault(top, [top]).append(term_index)
    return {i: ("sum", top) for top, members in parts.items() if len(members) > 2 for i in members}


def _repetitions(nodes: list[Node], keys: dict[int, Hashable]) -> dict[int, Hashable]:
    """Fold what is computed in the same way: the same operation on operands that are themselves folded together."""
    merged: dict[int, Hashable] = {}
    shape: dict[Hashable, Hashable] = {}
    classes: dict[Hashable, int] = {}
    for node in nodes:
        key = keys.get(node.index)
        if isinstance(key, tuple) and key[0] == "group":
            merged[node.index] = key
            continue
        operands = tuple(sorted({merged.get(i, "constant") for i in node.operands}, key=str))
        if isinstance(key, tuple):  # a sum: all its parts together, identified by their operands' classes
            how: Hashable = ("sum", operands)
            shape.setdefault(key, ("repeated", classes.setdefault(how, len(classes))))
            merged[node.index] = shape[key]
            continue
        if node.named and node.kind == OPERATION:
            continue  # the user named it: it stays
        how = (node.op.symbol, node.kind, operands)
        merged[node.index] = ("repeated", classes.setdefault(how, len(classes)))
    return merged


def _boxes(graph: Snapshot, nodes: list[Node], keys: dict[int, Hashable], level: str) -> Folded:
    groups: dict[Hashable, list[int]] = {}
    for node in nodes:
        groups.setdefault(keys.get(node.index, ("alone", node.index)), []).append(node.index)
    boxes: list[Box] = []
    box_of: dict[int, int] = {}
    for key, members in sorted(groups.items(), key=lambda item: item[1][-1]):  # results last
        title = _title(graph, key, members) if len(members) > 1 else ""
        box_of |= dict.fromkeys(members, len(boxes))
        boxes.append(Box(len(boxes), title, members, _has_result(graph, key, level, members)))
    return Folded(boxes, _links(graph, box_of), level)


def _has_result(graph: Snapshot, key: Hashable, level: str, members: list[int]) -> bool:
    last = graph.nodes[members[-1]]
    if len(members) == 1 or last is graph.root:
        return True
    kind = key[0] if isinstance(key, tuple) else ""
    return last.kind == OPERATION and (kind == "sum" or (kind == "group" and level == "neuron"))


def _title(graph: Snapshot, key: Hashable, indices: list[int]) -> str:
    assert isinstance(key, tuple)
    members = [graph.nodes[i] for i in indices]
    if key[0] == "group":
        calls = {m.group.call for m in members if m.group is not None and m.group.call >= 0}
        name = str(key[1])
        if not calls:
            return f"{name}: parameters"
        return name if len(calls) == 1 else f"{name}, {len(calls)} calls"
    last = members[-1]
    if key[0] == "sum":
        terms = sum(m.op.name == "add" for m in members) + 1
        products = sum(m.op.name == "mul" for m in members)
        return f"{last.name} = sum of {terms} {'products' if products == terms else 'terms'}"
    if last.kind == OPERATION:
        return f"{len(members):,} times {last.op.name}"
    return f"{len(members):,} {last.kind}s"


def _links(graph: Snapshot, box_of: dict[int, int]) -> list[Link]:
    counts: dict[tuple[int, int], int] = {}
    for member in sorted(box_of):  # not all edges of the graph: a page folds many small parts of it
        target = box_of[member]
        for operand in graph.nodes[member].operands:
            source = box_of.get(operand)
            if source is not None and source != target:
                counts[source, target] = counts.get((source, target), 0) + 1
    return [Link(source, target, count) for (source, target), count in counts.items()]


def _without_the_furthest(folded: Folded, max_boxes: int) -> Folded:
    """Keep the boxes nearest to the result and put all others into one."""
    feeds: dict[int, list[int]] = {}
    for link in folded.links:
        feeds.setdefault(link.target, []).append(link.source)
    root = max(folded.boxes, key=lambda box: box.members[-1]).index
    kept, frontier = {root: None}, [root]
    while frontier and len(kept) < max_boxes - 1:
        following = [s for t in frontier for s in feeds.get(t, ())]
        frontier = []
        for s in following:
            if s not in kept and len(kept) < max_boxes - 1:
                kept[s] = None
                frontier.append(s)
    rest = [box for box in folded.boxes if box.index not in kept]
    if not rest:
        return folded  # few boxes with many links between them
    members = sorted(i for box in rest for i in box.members)
    boxes = [Box(0, f"{len(members):,} more values", members, has_result=False)]
    new = {box.index: 0 for box in rest}
    for box in folded.boxes:
        if box.index in kept:
            new[box.index] = len(boxes)
            boxes.append(Box(len(boxes), box.title, box.members, box.has_result))
    counts: dict[tuple[int, int], int] = {}
    for link in folded.links:
        pair = new[link.source], new[link.target]
        if pair[0] != pair[1]:
            counts[pair] = counts.get(pair, 0) + link.count
    return Folded(boxes, [Link(s, t, n) for (s, t), n in counts.items()], "auto")
