"""A net as dense layers, and as files: ONNX, and safetensors with PyTorch's names.

    to_onnx(net, "net.onnx")                 # Gemm and activation nodes, in double precision
    to_safetensors(net, "net.safetensors")   # layers.0.weight, layers.0.bias, ...: what torch.nn.Linear calls them
    from_safetensors(net, "net.safetensors")

A file is written whole or not at all.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from micrograd.engine import Value
from micrograd.export.c_file import refuse_keeper
from micrograd.export.onnx_rules import Nodes
from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.nn import MLP, Layer, Neuron
from micrograd.table import Op
from micrograd.words import cut, did_you_mean, first_few, unwrapped

OPSET, IR_VERSION = 13, 8  # of ONNX: the oldest that have all that is used, so that old runtimes read the file too
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # types of safetensors, as NumPy names them


class Dense(NamedTuple):
    """One layer: its name, such as "layers.0", rows of weights, biases or None, and its activation function or None."""

    name: str
    weights: list[list[Value]]
    biases: list[Value] | None
    activation: Callable[[Any], Any] | None


def to_onnx(model: MLP | Layer | Neuron, path: str | os.PathLike[str]) -> Path:
    """Write a net as ONNX: a Gemm node for each layer, and nodes for its activation function.

    The graph takes `x`, doubles of shape (batch, inputs), and gives `y` of shape (batch, outputs), whatever the batch.
    An activation that ONNX has no double-precision node for is made of several, from the rule of the table.

    Needs the extra `export`. Raises TypeError for what is no MLP, Layer or Neuron of micrograd.nn's, and for an
    activation function that is not in the table.
    """
    onnx, numpy = require("onnx", extra="export"), require("numpy", extra="export")
    nodes = Nodes(onnx, numpy)
    layers = dense_layers(model, "to_onnx")
    entries = [_entry(layer) for layer in layers]  # before anything is made
    x = nodes.tensor("x")
    for layer, entry in zip(layers, entries):
        of = layer.name or type(model).__name__.lower()
        operands: list[Any] = [x, nodes.initial(f"{of}.weight", _numbers(layer.weights))]
        if layer.biases:
            operands.append(nodes.initial(f"{of}.bias", _numbers(layer.biases)))
        x = nodes.add("Gemm", *operands, prefix=of, transB=1)
        if entry is not None:
            x = nodes.apply(entry, x, prefix=f"{of}.{entry.name}")
    nodes.add("Identity", x, output="y")
    helper = onnx.helper
    shapes = {"x": ["batch", len(layers[0].weights[0])], "y": ["batch", len(layers[-1].weights)]}
    given, result = [helper.make_tensor_value_info(n, onnx.TensorProto.DOUBLE, shape) for n, shape in shapes.items()]
    graph = helper.make_graph(nodes.nodes, type(model).__name__, [given], [result], nodes.initializers)
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="micrograd",
        doc_string=f"{type(model).__name__} of {len(model.parameters())} parameters",
    )
    return write_whole(path, made.SerializeToString(deterministic=True))


def to_safetensors(model: MLP | Layer | Neuron, path: str | os.PathLike[str]) -> Path:
    """Write the parameters as PyTorch names them: `layers.0.weight` of shape (outputs, inputs), `layers.0.bias`.

    A module with `self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 16), ...])`, in double precision, loads it by
    `load_state_dict(safetensors.torch.load_file(path))`. A single Layer or Neuron has `weight` and `bias`.

    Needs the extra `train`. Raises TypeError for what is no MLP, Layer or Neuron of micrograd.nn's.
    """
    save, numpy = require("safetensors.numpy", extra="train").save, require("numpy", extra="train")
    own = _state(dense_layers(model, "to_safetensors"))
    return write_whole(path, save({name: numpy.array(_numbers(rows)) for name, rows in own.items()}, {"format": "pt"}))


def from_safetensors(model: MLP | Layer | Neuron, path: str | os.PathLike[str]) -> None:
    """Set the parameters from a file that `to_safetensors`, or PyTorch, wrote: float64, float32 or float16.

    Needs the extra `train`. Raises ValueError, and changes nothing, when the file is no safetensors, or a name or a
    shape is not the model's.
    """
    safetensors, numpy = require("safetensors", extra="train"), require("numpy", extra="train")
    own = _state(dense_layers(model, "from_safetensors"))
    data = Path(path).read_bytes()
    try:
        found = dict(safetensors.deserialize(data))
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"from_safetensors: {str(path)!r} is not a whole safetensors file ({_brief(error)}); nothing was loaded"
        ) from None
    wrong = [f"{name!r} is missing" for name in own if name not in found]
    for name, tensor in found.items():
        if name not in own:
            wrong.append(f"{_brief(repr(name))} is not a parameter here{did_you_mean(name, own)}")
        elif list(tensor["shape"]) != (wanted := _shape(own[name])):
            wrong.append(f"{name!r} has the shape {tuple(tensor['shape'])}, where {tuple(wanted)} is wanted")
        elif tensor["dtype"] not in FLOATS:
            wrong.append(f"{name!r} holds {tensor['dtype']}, where one of {', '.join(FLOATS)} is wanted")
    if wrong:
        raise ValueError(f"from_safetensors: {first_few(wrong)}; nothing was loaded")
    for name, tensor in found.items():
        numbers = numpy.frombuffer(bytes(tensor["data"]), FLOATS[tensor["dtype"]]).astype(float).tolist()
        for p, x in zip(_flat(own[name]), numbers):
            p.data = x


def dense_layers(model: Any, doing: str) -> list[Dense]:
    """The layers of a net that is nothing but layers, one feeding the next. Raises TypeError for any other."""
    refuse_keeper(model, doing)
    named = {"": model}
    if isinstance(model, MLP):
        named = {f"layers.{i}": layer for i, layer in enumerate(model.layers)}
    layers = [_dense(name, layer, doing) for name, layer in named.items()]
    for one, following in itertools.pairwise(layers):
        if len(one.weights) != len(following.weights[0]):
            raise TypeError(
                f"{doing}: {one.name} has {len(one.weights)} outputs and {following.name} {len(following.weights[0])} "
                "inputs: they must be as many"
            )
    kept = {id(p) for rows in _state(layers).values() for p in _flat(rows)}
    beside = [name for name, p in model.named_parameters() if id(p) not in kept]
    if beside or (type(model).__call__ is not MLP.__call__ and isinstance(model, MLP)):
        what = f"the parameter {beside[0]!r} beside its layers" if beside else "a __call__ of its own"
        raise TypeError(f"{doing}: this {type(model).__name__} has {what}; {_advice(doing)}")
    return layers


def _dense(name: str, layer: Any, doing: str) -> Dense:
    neurons = [layer] if isinstance(layer, Neuron) else layer.neurons if isinstance(layer, Layer) else []
    own = [type(layer).__call__ in (Layer.__call__, Neuron.__call__)]
    own += [isinstance(n, Neuron) and type(n).__call__ is Neuron.__call__ for n in neurons]
    if not neurons or not all(own):
        what = f"{name} is" if name else "the model is"
        raise TypeError(
            f"{doing} writes an MLP, a Layer or a Neuron of micrograd.nn's, and {what} {_brief(type(layer))}; "
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
        return "build the net as an MLP, or write it as C, which any function can be: to_c(f, 'net.c', example=...)"
    return "build the net as an MLP, or keep the numbers of its state_dict()"


def _entry(layer: Dense) -> Op | None:
    """The row of the table that a layer's activation is."""
    if layer.activation is None:
        return None
    entry = getattr(layer.activation, "op", None)
    if not isinstance(entry, Op):
        name = getattr(layer.activation, "__name__", repr(layer.activation))
        raise TypeError(
            f"to_onnx: the activation of {layer.name or 'the layer'}, {_brief(name)}, is a function of your own; "
            "enter it into the table with @micrograd.op and give its name, such as activation='tanh'"
        )
    return entry


def _state(layers: Sequence[Dense]) -> dict[str, Any]:
    """The parameters by PyTorch's names: rows of Values for weights, a row for biases."""
    out: dict[str, Any] = {}
    for layer in layers:
        prefix = f"{layer.name}." if layer.name else ""
        out[f"{prefix}weight"] = layer.weights
        if layer.biases:
            out[f"{prefix}bias"] = layer.biases
    return out


def _flat(rows: Sequence[Any]) -> list[Value]:
    return [p for row in rows for p in (row if isinstance(row, list) else [row])]


def _shape(rows: Sequence[Any]) -> list[int]:
    return [len(rows), len(rows[0])] if isinstance(rows[0], list) else [len(rows)]


def _numbers(rows: Sequence[Any]) -> list[Any]:
    return [[p.data for p in row] if isinstance(row, list) else row.data for row in rows]


def _brief(x: Any) -> str:
    return cut(unwrapped(x), 100)
