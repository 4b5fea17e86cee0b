"""Say what a folded box holds: `Layer 2 → 4, ReLU`, `hinge loss over 20 rows`, `sum of 3 products`.

>>> import random
>>> from micrograd.nn import MLP
>>> from micrograd.views.snapshot import snapshot
>>> from micrograd.views.titles import layer_title
>>> graph = snapshot(MLP(1, [1], rng=random.Random(0))([0.5]))
>>> str(layer_title(graph.root.group))
'Layer 1 → 1, Linear'
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from micrograd.nn import Layer
from micrograd.views.groups import Group
from micrograd.views.objective import loss_title
from micrograd.views.snapshot import OPERATION, PARAMETER, Node, Snapshot
from micrograd.words import count, listed, one_line

KIND_LENGTH = 20  # of an activation function's name, which may be a user's own


class Title(NamedTuple):
    """What a folded box holds, in parts, of which names may have commas: `str` joins them."""

    name: str = ""
    detail: str = ""
    rows: int = 1  # for which a neuron or a layer was called
    joint: str = ", "

    def __str__(self) -> str:
        words = self.joint.join(filter(None, (self.name, self.detail)))
        return words if self.rows == 1 else f"{words}, {self.rows:,} rows"


def title_of(graph: Snapshot, key: Hashable, members: Sequence[Node]) -> Title:
    """The title of the box that these nodes share, by the key that they were folded under."""
    assert isinstance(key, tuple)
    if key[0] == "group":
        group = members[-1].group
        assert group is not None
        by_neuron = key[1] == group.neuron
        calls = calls_of(members)
        if not calls:
            owner = f"neuron {group.position}" if by_neuron and group.layer else "layer" if group.layer else "neuron"
            return Title(f"{owner}: parameters")
        title = neuron_title(group) if by_neuron else layer_title(group)
        return title._replace(rows=calls)
    if key[0] == "more":
        return more(members)
    if key[0] == "loss":
        return Title(loss_title(graph, members))
    last = members[-1]
    if key[0] == "sum":
        terms = sum(m.op.name == "add" for m in members) + 1
        products = sum(m.op.name == "mul" for m in members)
        return Title(last.name, f"sum of {terms} {'products' if products == terms else 'terms'}", joint=" = ")
    if last.kind == OPERATION:
        kinds = list(dict.fromkeys(m.op.name for m in members))
        if len(kinds) == 1:
            return Title(f"{len(members):,} × {kinds[0]}")
        return Title(f"{len(members):,} operations", listed(kinds))
    if last.kind == PARAMETER and len({matrix_of(m) for m in members}) == 1:
        return Title(matrix_of(last), count(len(members), "parameter"))
    return Title(f"{len(members):,} {last.kind}s")


def more(members: Sequence[object]) -> Title:
    """The title of the box of all that is far from the result."""
    return Title(f"{len(members):,} more values")


def names_given(names: Any, setting: str, what: str) -> list[str]:
    """Names for the inputs or outputs of a net, as a list. Raises ValueError for one text or a number."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        wrong = "one text" if isinstance(names, (str, bytes)) else "not a list"
        raise ValueError(f"{setting}={names!r} is {wrong}: give a list with a name for each {what} of the net")
    return [str(name) for name in names]


def matrix_of(node: Node) -> str:
    """The list or matrix that a parameter stands in: its name without the indices, `layers.0.query`."""
    return re.sub(r"(\.\d+)+$", "", node.name)


def calls_of(members: Sequence[Node]) -> int:
    """How often a neuron or a layer was called to make these values."""
    return len({m.group.call for m in members if m.group is not None and m.group.call >= 0})


def layer_title(group: Group) -> Title:
    """`Layer 2 → 4, ReLU`."""
    layer = group.module
    if not isinstance(layer, Layer):
        return neuron_title(group)
    return Title(f"Layer {len(layer.neurons[0].w)} → {len(layer.neurons)}", one_line(layer.kind, KIND_LENGTH))


def neuron_title(group: Group) -> Title:
    """`neuron 2, ReLU`; a neuron on its own has its own name."""
    assert group.made_by is not None
    name = f"neuron {group.position}" if group.layer else one_line(group.neuron)
    return Title(name, one_line(group.made_by.neuron.kind, KIND_LENGTH))
