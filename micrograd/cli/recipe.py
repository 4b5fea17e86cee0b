"""Describe in JSON how a net is built, and build it from that: `recipe(net)` and `net_of(recipe)`.

    >>> from micrograd.nn import MLP
    >>> from micrograd.cli.recipe import net_of, recipe
    >>> recipe(MLP(2, [16, 1], activation="tanh"))
    {'kind': 'MLP', 'inputs': 2, 'layers': [16, 1], 'activation': 'tanh', 'output': 'linear', 'bias': True}
    >>> net_of(recipe(MLP(2, [3, 1])))
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]

A recipe does not hold the parameters: `net_of(recipe, numbers)` sets them from `[p.data for p in net.parameters()]`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.coerce import as_float
from micrograd.engine import Value
from micrograd.losses import binary_cross_entropy, cross_entropy, hinge, mse
from micrograd.nn import MLP, Neuron
from micrograd.schema import BOOL, TEXT, check, one_of, whole
from micrograd.table import TABLE
from micrograd.words import quoted

SIZE = whole(1)
SHAPE: dict[str, Any] = {
    "kind": one_of("MLP"),
    "inputs": SIZE,
    "layers": [SIZE],
    "activation": TEXT,
    "output": TEXT,
    "bias": BOOL,
}
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    f.__name__: f for f in (cross_entropy, hinge, mse, binary_cross_entropy)
}  # the losses that a file may name
WITH_PROBABILITY = ("binary_cross_entropy", "cross_entropy")
MAX_PARAMETERS = 1_000_000  # each is a Python object; a damaged recipe must not fill the memory


def recipe(net: Any) -> dict[str, Any]:
    """The recipe of an MLP. Raises ValueError if no recipe describes it: a subclass, or a function as activation."""
    if type(net) is not MLP:
        raise ValueError(f"a recipe describes an MLP, not {quoted(net)}")
    *hidden, last = [layer.neurons for layer in net.layers]
    names = {_activation_of(neuron) for neurons in hidden for neuron in neurons} or {"linear"}
    outputs = {_activation_of(neuron) for neuron in last}
    biases = {neuron.b is not None for neurons in (*hidden, last) for neuron in neurons}
    if max(len(names), len(outputs), len(biases)) > 1:
        raise ValueError("a recipe describes an MLP whose neurons are alike: one activation, and all or none with bias")
    made = {
        "kind": "MLP",
        "inputs": len(net.layers[0].neurons[0].w),
        "layers": [len(layer.neurons) for layer in net.layers],
        "activation": names.pop(),
        "output": outputs.pop(),
        "bias": biases.pop(),
    }
    if count_of(made) != len(net.parameters()):
        raise ValueError("a recipe describes an MLP whose layers fit each other and share no parameter")
    return made


def net_of(recipe: Any, numbers: Sequence[float] | None = None) -> MLP:
    """The net of a recipe, with these numbers as parameters if given. Raises ValueError for a wrong recipe."""
    count = count_of(recipe)
    if numbers is not None and len(numbers) != count:
        raise ValueError(f"the recipe has {count:,} parameters, and there are {len(numbers):,} numbers for them")
    options = {name: recipe[name] for name in ("activation", "output", "bias")}
    net = MLP(recipe["inputs"], recipe["layers"], **options)
    for p, x in zip(net.parameters(), numbers or ()):
        p.data = as_float(x, "a parameter")
    return net


def count_of(recipe: Any) -> int:
    """The number of parameters of a recipe's net, without building it. Raises ValueError for a wrong recipe."""
    check(recipe, SHAPE, "recipe")
    for key in ("activation", "output"):
        check_activation(recipe[key])
    return count_of_sizes([recipe["inputs"], *recipe["layers"]], bias=recipe["bias"])


def count_of_sizes(sizes: Sequence[int], *, bias: bool = True) -> int:
    """The number of parameters of layers between these sizes. Raises ValueError for too many."""
    count = sum((below + bias) * size for below, size in itertools.pairwise(sizes))
    if count > MAX_PARAMETERS:
        raise ValueError(f"a net of {count:,} parameters is too large here: at most {MAX_PARAMETERS:,}")
    return count


def check_activation(name: str) -> str:
    """The name of an activation function, as given. Raises ValueError for another, with the nearest names."""
    Neuron(1, activation=name)
    return name


def _activation_of(neuron: Neuron) -> str:
    if not neuron.nonlin:
        return "linear"
    for name, entry in TABLE.items():
        if entry.is_unary and getattr(Value, name) is neuron.activation:
            return name
    raise ValueError(f"a recipe names activations of the table, such as 'tanh': {neuron.activation!r} is not one")
