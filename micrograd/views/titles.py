"""Say what a folded box holds: `Layer 2 → 4, ReLU`, `hinge loss over 20 rows`, `sum of 3 products`.

>>> import random
>>> from micrograd.nn import MLP
>>> from micrograd.views.snapshot import snapshot
>>> from micrograd.views.titles import layer_title
>>> graph = snapshot(MLP(1, [1], rng=random.Random(0))([0.5]))
>>> layer_title(graph.root.group)
'Layer 1 → 1, linear'
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from micrograd.nn import Layer, Neuron
from micrograd.views.groups import Group
from micrograd.views.objective import loss_title
from micrograd.views.snapshot import OPERATION, PARAMETER, Node, Snapshot
from micrograd.words import count, listed, one_line


def title_of(graph: Snapshot, key: Hashable, members: Sequence[Node]) -> str:
    """The title of the box that these nodes share, by the key that they were folded under."""
    assert isinstance(key, tuple)
    if key[0] == "group":
        group = members[-1].group
        assert group is not None
        by_neuron = key[1] == group.neuron
        calls = calls_of(members)
        if not calls:
            owner = f"neuron {group.position}" if by_neuron and group.layer else "layer" if group.layer else "neuron"
            return f"{owner}: parameters"
        name = neuron_title(group) if by_neuron else layer_title(group)
        return name if calls == 1 else f"{name}, {calls:,} rows"
    if key[0] == "more":
        return f"{len(members):,} more values"
    if key[0] == "loss":
        return loss_title(graph, members)
    last = members[-1]
    if key[0] == "sum":
        terms = sum(m.op.name == "add" for m in members) + 1
        products = sum(m.op.name == "mul" for m in members)
        return f"{last.name} = sum of {terms} {'products' if products == terms else 'terms'}"
    if last.kind == OPERATION:
        kinds = list(dict.fromkeys(m.op.name for m in members))
        return f"{len(members):,} × {kinds[0]}" if len(kinds) == 1 else f"{len(members):,} operations, {listed(kinds)}"
    if last.kind == PARAMETER and len({matrix_of(m) for m in members}) == 1:
        return f"{matrix_of(last)}, {count(len(members), 'parameter')}"
    return f"{len(members):,} {last.kind}s"


def matrix_of(node: Node) -> str:
    """The list or matrix that a parameter stands in: its name without the indices, `layers.0.query`."""
    return re.sub(r"(\.\d+)+$", "", node.name)


def calls_of(members: Sequence[Node]) -> int:
    """How often a neuron or a layer was called to make these values."""
    return len({m.group.call for m in members if m.group is not None and m.group.call >= 0})


def layer_title(group: Group) -> str:
    """`Layer 2 → 4, ReLU`."""
    layer = group.module
    if not isinstance(layer, Layer):
        return neuron_title(group)
    return f"Layer {len(layer.neurons[0].w)} → {len(layer.neurons)}, {activation_of(group)}"


def neuron_title(group: Group) -> str:
    """`neuron 2, ReLU`; a neuron on its own has its own name."""
    return f"{f'neuron {group.position}' if group.layer else one_line(group.neuron)}, {activation_of(group)}"


def activation_of(group: Group) -> str:
    """`ReLU`, `Tanh`, `linear`: what a neuron does after its sum."""
    neuron: Neuron | None = group.made_by.neuron if group.made_by is not None else None
    word = repr(neuron).partition("Neuron(")[0] if neuron is not None else ""
    return "linear" if word in ("Linear", "") else one_line(word, 20)
