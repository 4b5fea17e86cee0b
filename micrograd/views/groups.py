"""Which neuron and layer made each value of a graph, and what their parameters are called.

>>> import random
>>> from micrograd.engine import topological_order
>>> from micrograd.nn import MLP
>>> from micrograd.views.groups import Groups
>>> order = topological_order(MLP(1, [1], rng=random.Random(0))([2.0]))
>>> groups = Groups(order, {value: i for i, value in enumerate(order)}, {})
>>> groups.of[-1]
Group(neuron='layers.0.neurons.0', layer='layers.0', call=0)
>>> sorted(groups.parameter_names.values())
['layers.0.neurons.0.b', 'layers.0.neurons.0.w.0']
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field

from micrograd.engine import Value
from micrograd.nn import Layer, Made, Module, Neuron, made_of

SHARED = -1  # the call of a parameter that several calls use


@dataclass(frozen=True)
class Group:
    """The neuron, layer and call that made a value: values of one group fold into one box."""

    neuron: str
    layer: str  # "" for a neuron on its own
    call: int  # which call of the layer, or of the neuron on its own
    made_by: Made | None = field(default=None, compare=False, repr=False)

    @property
    def position(self) -> int:
        """Which neuron of its layer this is."""
        return self.made_by.position if self.made_by is not None else 0

    @property
    def module(self) -> Layer | Neuron | None:
        """The layer, or the neuron on its own."""
        return (self.made_by.layer or self.made_by.neuron) if self.made_by is not None else None


class Groups:
    """Which neuron and layer made each node: `of[i]` is the group of node i, or None.

    `index` has each value's place in `order`; it is made here where none is given and it is needed.
    """

    def __init__(self, order: list[Value], index: dict[Value, int] | None, found: dict[int, str]):
        self.of: list[Group | None] = [None] * len(order)
        self.parameter_names: dict[int, str] = {}
        self._layers: dict[int, str] = {}
        self._neurons: dict[int, str] = {}
        self._calls: dict[tuple[int, int], int] = {}
        self._found = found
        for i, value in enumerate(order):
            made = made_of(value)
            if made is not None:
                if index is None:
                    index = {value: place for place, value in enumerate(order)}
                self._enter(made, i, order, index)

    def _enter(self, call: Made, output: int, order: list[Value], index: dict[Value, int]) -> None:
        layer = self._layer_name(call) if call.layer is not None else ""
        neuron = self._neuron_name(call.neuron, layer, call.position)
        key = (id(call.layer or call.neuron), id(call.inputs))
        group = Group(neuron, layer, self._calls.setdefault(key, len(self._calls)), call)
        inputs = {id(x) for x in call.inputs}
        stack = [output]
        while stack:
            i = stack.pop()
            other = self.of[i]
            if other is not None:  # seen already, or another neuron's; or a parameter that several calls use
                if other != group and other.neuron == group.neuron and not order[i]._prev:
                    self.of[i] = Group(neuron, layer, SHARED, call)
                continue
            self.of[i] = group
            stack += [index[p] for p in order[i]._prev if id(p) not in inputs]

    def _layer_name(self, call: Made) -> str:
        layer = call.layer
        assert layer is not None
        key = id(layer)
        if key not in self._layers:
            self._layers[key] = self._path_of(layer)
            if not self._layers[key]:
                free = (f"layers.{n}" for n in itertools.count(len(self._layers) - 1))
                taken = {path.rsplit(".", 4)[0] for path in self._found.values()} | set(self._layers.values())
                self._layers[key] = next(name for name in free if name not in taken)
        return self._layers[key]

    def _neuron_name(self, neuron: Neuron, layer: str, position: int) -> str:
        key = id(neuron)
        if key not in self._neurons:
            alone = sum("." not in name for name in self._neurons.values()) + 1
            name = f"{layer}.neurons.{position}" if layer else "neuron" if alone == 1 else f"neuron_{alone}"
            if not layer:
                name = self._path_of(neuron) or name
            self._neurons[key] = name
            for path, p in neuron.named_parameters():
                self.parameter_names.setdefault(id(p), f"{name}.{path}")  # a tied one has its first name
        return self._neurons[key]

    def _path_of(self, module: Module) -> str:
        """Where the given names lead to a module: to most of its parameters. Some may be tied, and named elsewhere."""
        taken = {*self._layers.values(), *self._neurons.values()}
        votes: Counter[str] = Counter()
        own = 0  # parameters that have no name elsewhere
        for path, p in module.named_parameters():
            found = self._found.get(id(p), "")
            start = found.removesuffix(f".{path}")
            if start != found and start not in taken:
                votes[start] += 1
                own += 1
            elif not found:
                own += 1
        best, most = max(votes.items(), key=lambda item: item[1], default=("", 0))
        return best if 2 * most > own else ""
