"""A net as dense layers, one feeding the next: what ONNX and PyTorch can take.

>>> import random
>>> from micrograd.export.layers import dense_layers, state_of
>>> from micrograd.nn import MLP
>>> layers = dense_layers(MLP(2, [3, 1], activation="tanh", rng=random.Random(0)), "to_onnx")
>>> [(layer.name, len(layer.weights), getattr(layer.activation, "__name__", None)) for layer in layers]
[('layers.0', 3, 'tanh'), ('layers.1', 1, None)]
>>> list(state_of(layers))
['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from micrograd.engine import Value
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.words import cut, unwrapped


class Dense(NamedTuple):
    """One layer: its name, such as "layers.0", rows of weights, biases or None, and its activation function or None."""

    name: str
    weights: list[list[Value]]
    biases: list[Value] | None
    activation: Callable[[Any], Any] | None


def dense_layers(model: Any, doing: str) -> list[Dense]:
    """The layers of a net that is only layers, one feeding the next. Raises TypeError for any other model."""
    refuse_keeper(model, doing)
    named = {"": model}
    if isinstance(model, MLP):
        named = {f"layers.{i}": layer for i, layer in enumerate(model.layers)}
    layers = [_dense(name, layer, doing) for name, layer in named.items()]
    for one, following in itertools.pairwise(layers):
        if len(one.weights) != len(following.weights[0]):
            raise TypeError(
                f"{doing}: {one.name} has {len(one.weights)} outputs, but {following.name} has "
                f"{len(following.weights[0])} inputs: make them equal"
            )
    kept = {id(p) for rows in state_of(layers).values() for p in flat(rows)}
    beside = [name for name, p in model.named_parameters() if id(p) not in kept]
    if beside or (type(model).__call__ is not MLP.__call__ and isinstance(model, MLP)):
        what = f"the parameter {beside[0]!r} outside its layers" if beside else "a __call__ of its own"
        raise TypeError(f"{doing}: this {type(model).__name__} has {what}; {_advice(doing)}")
    return layers


def _dense(name: str, layer: Any, doing: str) -> Dense:
    neurons = [layer] if isinstance(layer, Neuron) else layer.neurons if isinstance(layer, Layer) else []
    own = [type(layer).__call__ in (Layer.__call__, Neuron.__call__)]
    own += [isinstance(n, Neuron) and type(n).__call__ is Neuron.__call__ for n in neurons]
    if not neurons or not all(own):
        what = f"{name} is" if name else "the model is"
        raise TypeError(
            f"{doing} takes an MLP, a Layer or a Neuron of micrograd.nn, but {what} {brief(type(layer))}; "
            f"{_advice(doing)}"
        )
    kinds = {(len(n.w), n.b is None, n.activation if n.nonlin else None) for n in neurons}
    if len(kinds) > 1:
        raise TypeError(
            f"{doing}: the neurons of {name or 'the layer'} differ in their inputs, bias or activation; make them alike"
        )
    (_, no_bias, activation), weights = kinds.pop(), [list(n.w) for n in neurons]
    return Dense(name, weights, None if no_bias else [n.b for n in neurons], activation)  # type: ignore[misc]


def _advice(doing: str) -> str:
    if doing == "to_onnx":
        return "build the net as an MLP, or write it as C, which works for any function: to_c(f, 'net.c', example=...)"
    return "build the net as an MLP, or save the numbers of its state_dict()"


def state_of(layers: Sequence[Dense]) -> dict[str, Any]:
    """The parameters by PyTorch's names: rows of Values for weights, a row for biases."""
    out: dict[str, Any] = {}
    for layer in layers:
        prefix = f"{layer.name}." if layer.name else ""
        out[f"{prefix}weight"] = layer.weights
        if layer.biases:
            out[f"{prefix}bias"] = layer.biases
    return out


def flat(rows: Sequence[Any]) -> list[Value]:
    return [p for row in rows for p in (row if isinstance(row, list) else [row])]


def numbers_of(rows: Sequence[Any]) -> list[Any]:
    return [[p.data for p in row] if isinstance(row, list) else row.data for row in rows]


def brief(x: Any) -> str:
    """Whatever was given, on one line of at most 100 characters."""
    return cut(unwrapped(x), 100)


def refuse_keeper(model: Any, doing: str) -> None:
    """Raise TypeError for an object that only holds a net: a trained run's model, an estimator."""
    for name in ("net", "net_"):
        if not callable(model) and isinstance(getattr(model, name, None), Module):
            raise TypeError(f"{doing}: this {type(model).__name__} is not a net: give its net, .{name}")
