"""Fold a large graph into few boxes: sums of products, neurons, layers, a loss, repetitions.

    >>> import random
    >>> from micrograd.views.fold import fold
    >>> from micrograd.views.snapshot import snapshot
    >>> from micrograd.nn import MLP
    >>> net = MLP(2, [3, 1], rng=random.Random(0))
    >>> for box in fold(snapshot(net([1.0, 2.0])), by="layer").boxes:
    ...     print(box.title, len(box.members))
    Layer 2 → 3, ReLU 24
    Layer 3 → 1, Linear 10

A fold is a partition of the nodes; each level starts from the one before:

    "none"       every value has its own box (constants stand inside formulas)
    "operation"  a sum of products is one box
    "neuron"     also what a neuron made in one call, and what a loss made of the net's outputs
    "layer"      also what a layer made in one call
    "repeated"   also all calls of a layer, and all values computed in the same way
    "auto"       the first of these that is small enough to read; if none is, all that is far from the result is one box
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from micrograd.nn import Layer, Neuron
from micrograd.views.snapshot import CONSTANT_NUMBER, OPERATION, PARAMETER, Node, Snapshot
from micrograd.views.titles import Title, matrix_of, more, names_given, title_of
from micrograd.words import count, one_line

LEVELS = ("none", "operation", "neuron", "layer", "repeated")
MAX_BOXES = 40  # more cannot be taken in at a glance, and are wider than a screen
MAX_LINKS = 100
MAX_DEPTH, MAX_ABREAST = 7, 10  # boxes one after the other, and side by side, in a drawing that has to be folded
MAX_UNFOLDED = 3_000  # boxes that Graphviz can place within its time limit
MAX_MATRICES = 12  # lists of parameters that have a box each
MAX_CLASSES = 12  # outputs of a net that have a box each


@dataclass(eq=False)
class Box:
    """One box of the drawing: one node, or several folded under a title. `members` are indices, in order.

    `kind` is how they were folded: "neuron", "layer", "loss", "sum", "repeated" or "more"; "" for one node. `path` is
    the name of a neuron or layer.
    """

    index: int
    said: Title
    members: list[int]
    has_result: bool = True  # whether the box shows its last member's numbers: those of one value, a sum or a neuron
    kind: str = ""
    path: str = ""

    @property
    def title(self) -> str:
        """The parts of its title in one text; empty for one node."""
        return str(self.said)

    @property
    def folded(self) -> bool:
        return len(self.members) > 1


@dataclass(frozen=True)
class Link:
    """The edges from the members of one box to those of another, and how many there are."""

    source: int
    target: int
    count: int


@dataclass
class Folded:
    """The boxes of a graph, results last, and the links between them. `level` is how it was folded.

    `classes` are the names of a net's outputs, by their nodes.
    """

    boxes: list[Box]
    links: list[Link]
    level: str
    classes: dict[int, str] = field(default_factory=dict)


def fold(
    graph: Snapshot,
    *,
    by: str = "auto",
    only: Iterable[int] | None = None,
    max_boxes: int = MAX_BOXES,
    classes: Sequence[str] = (),
) -> Folded:
    """Partition the nodes of a snapshot, or only those with the given indices; `classes` name a net's outputs.

    Raises ValueError for another level, for more boxes than can be drawn, and for a wrong number of classes.
    """
    if by not in (*LEVELS, "auto"):
        raise ValueError(f"fold={by!r} is not a way to fold: choose 'auto', {', '.join(map(repr, LEVELS))}")
    named = outputs(graph, classes) if classes else {}
    chosen = set(range(len(graph.nodes)) if only is None else only)
    nodes = [node for node in graph.nodes if node.index in chosen and node.kind != CONSTANT_NUMBER]
    if by != "auto":
        return _checked(_boxes(graph, nodes, _keys(graph, nodes, by, named), by, named))
    if not any(node.group is not None for node in nodes):
        levels: tuple[str, ...] = ("none", "operation", "repeated")
    elif _has_rows(nodes):
        levels = ("none", "operation", "neuron", "repeated")  # a layer of several rows is one box, not one for each
    else:
        levels = LEVELS
    for level in levels:
        if level in ("none", "operation") and len(nodes) > 50 * max_boxes:
            continue  # far too many boxes at these levels
        keys = _keys(graph, nodes, level, named)
        if (found := _last_members(nodes, keys)) and len(found) > 5 * max_boxes:
            if level != levels[-1]:
                continue
            _forget_the_furthest(nodes, keys, found, 20 * max_boxes)
        folded = _boxes(graph, nodes, keys, level, named)
        small = len(folded.boxes) <= max_boxes and len(folded.links) <= MAX_LINKS
        if small and (len(nodes) <= max_boxes or _fits(folded)):
            return folded
    return folded if len(nodes) <= max_boxes else _without_the_furthest(folded, max_boxes)


def _has_rows(nodes: list[Node]) -> bool:
    """Whether a layer was called more than once."""
    calls: dict[str, int] = {}
    groups = [node.group for node in nodes if node.group is not None and node.group.call >= 0]
    return any(calls.setdefault(group.layer, group.call) != group.call for group in groups if group.layer)


def _last_members(nodes: list[Node], keys: dict[int, Hashable]) -> dict[Hashable, int]:
    """For each box to be, its last node."""
    return {keys.get(node.index, node.index): node.index for node in nodes}


def _forget_the_furthest(nodes: list[Node], keys: dict[int, Hashable], last: dict[Hashable, int], most: int) -> None:
    """Give all but the last boxes one key: a graph of very many boxes is not worth the time that making them takes."""
    if len(last) <= most:
        return
    start = sorted(last.values())[-most]
    for node in nodes:
        if last[keys.get(node.index, node.index)] < start:
            keys[node.index] = ("more",)


def refuse(values: int) -> None:
    """Raise ValueError for more boxes than Graphviz can place, before anybody waits for them."""
    if values > MAX_UNFOLDED:
        raise ValueError(
            f"{values:,} boxes are too many to draw (at most {MAX_UNFOLDED:,}): leave out fold=, which folds them, or "
            "draw a part with around= or paths_from="
        )


def _checked(folded: Folded) -> Folded:
    refuse(len(folded.boxes))
    return folded


def outputs(graph: Snapshot, classes: Sequence[str]) -> dict[int, str]:
    """The class of each output of the net's last layer, by node. Raises ValueError for another number of classes."""
    names = names_given(classes, "classes", "output")
    made = [node for node in graph.nodes if node.group is not None and node.group.call >= 0]
    if not made:
        raise ValueError("classes= names the outputs of a net's last layer, and there is no net in this graph")
    heads = _heads(graph, made)
    sizes = {key: len(head.neurons) if isinstance(head, Layer) else 1 for key, head in heads.items()}
    fitting = {key for key, size in sizes.items() if size == len(names)}
    if not fitting:
        found = " and ".join(count(size, "output") for size in sizes.values())
        raise ValueError(
            f"classes= has {count(len(names), 'name')}, and the net's last layer{'s' * (len(sizes) > 1)} {found}: give "
            "one name for each"
        )
    return {
        node.index: names[node.group.position]
        for node in made
        if node.group is not None and node.is_output and id(node.group.module) in fitting
    }


def _heads(graph: Snapshot, made: Sequence[Node]) -> dict[int, Layer | Neuron]:
    """The layers, and neurons on their own, whose outputs feed no other; the very last one if they feed each other."""
    inner = set()
    for node in made:
        for i in node.operands:
            group = graph.nodes[i].group
            if group is not None and node.group is not None and graph.nodes[i].operands and group != node.group:
                inner.add(id(group.module))
    modules = {id(node.group.module): node.group.module for node in made if node.group is not None}
    last = [key for key in modules if key not in inner] or list(modules)[-1:]
    return {key: module for key in last if (module := modules[key]) is not None}


def _keys(graph: Snapshot, nodes: list[Node], level: str, named: dict[int, str]) -> dict[int, Hashable]:
    """For each folded node, the key that all nodes of its box share."""
    keys: dict[int, Hashable] = {}
    if level in ("neuron", "layer", "repeated"):
        apart = _apart(graph, named)
        for node in nodes:
            if node.group is not None:
                whole = level == "neuron" or node.group.layer in apart
                name = node.group.neuron if whole else node.group.layer or node.group.neuron
                keys[node.index] = ("group", name) if level == "repeated" else ("group", name, node.group.call)
        keys |= _loss(graph, nodes)
    if level != "none":
        keys |= _sums(graph, [node for node in nodes if node.index not in keys])
    if level == "repeated":
        keys = _repetitions(graph, nodes, keys)
    return keys


def _apart(graph: Snapshot, named: dict[int, str]) -> set[str]:
    """The layer whose neurons keep boxes of their own, because their outputs are classes."""
    groups = [graph.nodes[i].group for i in named]
    return {g.layer for g in groups if g is not None and g.layer and len(set(named.values())) <= MAX_CLASSES}


def _is_made(node: Node) -> bool:
    """Whether a neuron computed this value; its parameters and inputs were there before."""
    return node.group is not None and bool(node.operands)


def _loss(graph: Snapshot, nodes: list[Node]) -> dict[int, Hashable]:
    """What is computed from a net's outputs, up to the result or to a value that the user named."""
    if graph.root.group is not None or not any(node.group is not None for node in nodes):
        return {}
    chosen = {node.index for node in nodes}
    after: set[int] = set()  # downstream of a neuron
    for node in nodes:
        if node.group is None and any(_is_made(graph.nodes[i]) or i in after for i in node.operands):
            after.add(node.index)
    owner: dict[int, int] = {}  # the value that a node is folded into
    inside: set[int] = set()  # upstream of a neuron: between two nets
    for node in reversed(nodes):
        index = node.index
        if node.group is not None or index in inside:
            inside.update(node.operands)
        elif index in after:
            if node.named or index not in owner:
                owner[index] = index
            for i in node.operands:
                if i in chosen:
                    owner[i] = owner[index] if owner.get(i, owner[index]) == owner[index] else i
    kept = {i: top for i, top in owner.items() if i in after and i not in inside and graph.nodes[i].operands}
    sizes: dict[int, int] = {}
    for top in kept.values():
        sizes[top] = sizes.get(top, 0) + 1
    return {i: ("loss", top) for i, top in kept.items() if sizes[top] > 1}


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


def _repetitions(graph: Snapshot, nodes: list[Node], keys: dict[int, Hashable]) -> dict[int, Hashable]:
    """Fold what is computed in the same way: the same operation on operands that are themselves folded together."""
    merged: dict[int, Hashable] = {}
    shape: dict[Hashable, Hashable] = {}
    classes: dict[Hashable, int] = {}
    matrices = {node.index: matrix_of(node) for node in nodes if node.kind == PARAMETER}
    if len(set(matrices.values())) > MAX_MATRICES:
        matrices = {}
    for node in nodes:
        key = keys.get(node.index)
        if isinstance(key, tuple) and key[0] in ("group", "loss"):
            merged[node.index] = key
            continue
        operands = frozenset([merged.get(i, "constant") for i in node.operands])
        if isinstance(key, tuple) and graph.nodes[key[1]].named:
            merged[node.index] = key  # the user named the sum: it stays
            continue
        if isinstance(key, tuple):  # a sum: all its parts together, identified by their operands' classes
            how: Hashable = ("sum", operands)
            shape.setdefault(key, ("repeated", classes.setdefault(how, len(classes))))
            merged[node.index] = shape[key]
            continue
        if node.named and node.kind == OPERATION:
            continue  # the user named it: it stays
        how = (node.op.symbol, node.kind, operands, matrices.get(node.index))
        merged[node.index] = ("repeated", classes.setdefault(how, len(classes)))
    return merged


def _boxes(graph: Snapshot, nodes: list[Node], keys: dict[int, Hashable], level: str, named: dict[int, str]) -> Folded:
    groups: dict[Hashable, list[int]] = {}
    for node in nodes:
        groups.setdefault(keys.get(node.index, node.index), []).append(node.index)
    boxes: list[Box] = []
    box_of: dict[int, int] = {}
    for key, members in sorted(groups.items(), key=lambda item: item[1][-1]):  # results last
        box_of |= dict.fromkeys(members, len(boxes))
        box = Box(len(boxes), Title(), members)
        if len(members) > 1:
            _fill(graph, box, key, named)
        boxes.append(box)
    return Folded(boxes, _links(graph, box_of), level, named)


def _fill(graph: Snapshot, box: Box, key: Hashable, named: dict[int, str]) -> None:
    """Say what a folded box is."""
    assert isinstance(key, tuple)
    members = [graph.nodes[i] for i in box.members]
    last, group = members[-1], members[-1].group
    box.said, box.kind = title_of(graph, key, members), str(key[0])
    if key[0] == "group" and group is not None:
        box.path = str(key[1])
        box.kind = "neuron" if key[1] == group.neuron else "layer"
        if last.index in named and box.kind == "neuron":
            box.said = Title(one_line(named[last.index]))
    one_call = box.kind == "neuron" and len(key) == 3 and last.kind == OPERATION
    box.has_result = last is graph.root or box.kind in ("loss", "sum") or one_call


def _links(graph: Snapshot, box_of: dict[int, int]) -> list[Link]:
    counts: dict[tuple[int, int], int] = {}
    for member in sorted(box_of):  # not all edges of the graph: a page folds many small parts of it
        target = box_of[member]
        for operand in graph.nodes[member].operands:
            source = box_of.get(operand)
            if source is not None and source != target:
                counts[source, target] = counts.get((source, target), 0) + 1
    return [Link(source, target, count) for (source, target), count in counts.items()]


def ranks(folded: Folded) -> list[int]:
    """How many boxes lie between each box and the result, on the longest way."""
    found = [0] * len(folded.boxes)
    for link in sorted(folded.links, key=lambda link: -link.target):
        if link.source < link.target:  # a net that feeds itself has a link back
            found[link.source] = max(found[link.source], found[link.target] + 1)
    return found


def _fits(folded: Folded) -> bool:
    """Whether a drawing is not much larger than a screen."""
    found = ranks(folded)
    return max(found) < MAX_DEPTH and max(map(found.count, set(found))) <= MAX_ABREAST


def _without_the_furthest(folded: Folded, max_boxes: int) -> Folded:
    """Keep the boxes nearest to the result and put all others into one."""
    far = ranks(folded)
    sources: dict[int, list[int]] = {}
    for link in folded.links:
        sources.setdefault(link.target, []).append(link.source)
    kept: set[int] = set()
    dropped: set[int] = set()  # with all that they come from, so that no link leads from what is kept into the rest
    abreast: dict[int, int] = {}
    for box in sorted(folded.boxes, key=lambda box: (far[box.index], -box.index)):
        rank = far[box.index]
        full = abreast.get(rank, 0) >= MAX_ABREAST or rank >= MAX_DEPTH - 1 or len(kept) >= max_boxes - 1
        if full or box.index in dropped:
            dropped.update(sources.get(box.index, ()))
        else:
            kept.add(box.index)
            abreast[rank] = abreast.get(rank, 0) + 1
    rest = [box for box in folded.boxes if box.index not in kept]
    if len(rest) < 2:
        return folded  # few boxes with many links between them
    members = sorted(i for box in rest for i in box.members)
    boxes = [Box(0, more(members), members, has_result=False, kind="more")]
    new = {box.index: 0 for box in rest}
    for box in folded.boxes:
        if box.index in kept:
            new[box.index] = len(boxes)
            boxes.append(replace(box, index=len(boxes)))
    counts: dict[tuple[int, int], int] = {}
    for link in folded.links:
        pair = new[link.source], new[link.target]
        if pair[0] != pair[1]:
            counts[pair] = counts.get(pair, 0) + link.count
    return Folded(boxes, [Link(s, t, n) for (s, t), n in counts.items()], "auto", folded.classes)
