"""Write a net as ONNX: `to_onnx(net, "net.onnx")`, with Gemm and activation nodes, in double precision.

A file is written whole or not at all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from micrograd.export.layers import Dense, brief, dense_layers, numbers_of
from micrograd.export.onnx_rules import Nodes
from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.nn import MLP, Layer, Neuron
from micrograd.table import Op

OPSET, IR_VERSION = 13, 8  # the oldest with all nodes used here, so that old runtimes read the file too


def to_onnx(model: MLP | Layer | Neuron, path: str | os.PathLike[str]) -> Path:
    """Write a net as ONNX: a Gemm node for each layer, and nodes for its activation function.

    The graph takes `x`, doubles of shape (batch, inputs), and gives `y` of shape (batch, outputs), whatever the batch.
    An activation without a double-precision node in ONNX becomes several nodes, from the rule of the table.

    Needs the extra `export`. Raises TypeError for a model that is not an MLP, Layer or Neuron of micrograd.nn, and for
    an activation function that is not in the table.
    """
    onnx, numpy = require("onnx", extra="export"), require("numpy", extra="export")
    nodes = Nodes(onnx, numpy)
    layers = dense_layers(model, "to_onnx")
    entries = [_entry(layer) for layer in layers]  # before anything is made
    x = nodes.tensor("x")
    for layer, entry in zip(layers, entries):
        of = layer.name or type(model).__name__.lower()
        operands: list[Any] = [x, nodes.initial(f"{of}.weight", numbers_of(layer.weights))]
        if layer.biases:
            operands.append(nodes.initial(f"{of}.bias", numbers_of(layer.biases)))
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


def _entry(layer: Dense) -> Op | None:
    """The table's row for a layer's activation; None for a linear layer."""
    if layer.activation is None:
        return None
    entry = getattr(layer.activation, "op", None)
    if not isinstance(entry, Op):
        name = getattr(layer.activation, "__name__", repr(layer.activation))
        raise TypeError(
            f"to_onnx: the activation of {layer.name or 'the layer'}, {brief(name)}, is your own function; "
            "enter it into the table with @micrograd.op and give its name, as in activation='tanh'"
        )
    return entry
