"""Write a net's parameters to a safetensors file with PyTorch's names, and read them back.

    to_safetensors(net, "net.safetensors")   # layers.0.weight, layers.0.bias, ...: what torch.nn.Linear calls them
    from_safetensors(net, "net.safetensors")

A file is written whole or not at all, and loaded whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from micrograd.export.layers import brief, dense_layers, flat, numbers_of, state_of
from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.nn import MLP, Layer, Neuron
from micrograd.words import did_you_mean, first_few

FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # types of safetensors, as NumPy names them


def to_safetensors(model: MLP | Layer | Neuron, path: str | os.PathLike[str]) -> Path:
    """Write the parameters with PyTorch's names: `layers.0.weight` of shape (outputs, inputs), `layers.0.bias`.

    A module with `self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 16), ...])`, in double precision, loads it with
    `load_state_dict(safetensors.torch.load_file(path))`. A single Layer or Neuron has `weight` and `bias`.

    Needs the extra `train`. Raises TypeError for a model that is not an MLP, Layer or Neuron of micrograd.nn.
    """
    save, numpy = require("safetensors.numpy", extra="train").save, require("numpy", extra="train")
    own = state_of(dense_layers(model, "to_safetensors"))
    arrays = {name: numpy.array(numbers_of(rows)) for name, rows in own.items()}
    return write_whole(path, save(arrays, {"format": "pt"}))


def from_safetensors(model: MLP | Layer | Neuron, path: str | os.PathLike[str]) -> None:
    """Set the parameters from a file that `to_safetensors` or PyTorch wrote, in float64, float32 or float16.

    Needs the extra `train`. Raises ValueError, and changes nothing, when the file is not in safetensors format, or a
    name or a shape is not the model's.
    """
    safetensors, numpy = require("safetensors", extra="train"), require("numpy", extra="train")
    own = state_of(dense_layers(model, "from_safetensors"))
    data = Path(path).read_bytes()
    try:
        found = dict(safetensors.deserialize(data))
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"from_safetensors: {str(path)!r} is not a whole safetensors file ({brief(error)}); nothing was loaded"
        ) from None
    wrong = [f"{name!r} is missing" for name in own if name not in found]
    for name, tensor in found.items():
        if name not in own:
            wrong.append(f"{brief(repr(name))} is not a parameter here{did_you_mean(name, own)}")
        elif list(tensor["shape"]) != (wanted := _shape(own[name])):
            wrong.append(f"{name!r} has the shape {tuple(tensor['shape'])}, but the model has {tuple(wanted)}")
        elif tensor["dtype"] not in FLOATS:
            wrong.append(f"{name!r} holds {tensor['dtype']}, but only {', '.join(FLOATS)} can be read")
    if wrong:
        raise ValueError(f"from_safetensors: {first_few(wrong)}; nothing was loaded")
    for name, tensor in found.items():
        numbers = numpy.frombuffer(bytes(tensor["data"]), FLOATS[tensor["dtype"]]).astype(float).tolist()
        for p, x in zip(flat(own[name]), numbers):
            p.data = x


def _shape(rows: Sequence[Any]) -> list[int]:
    return [len(rows), len(rows[0])] if isinstance(rows[0], list) else [len(rows)]
