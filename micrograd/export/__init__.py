"""Nets, and the table, in other languages: a net as ONNX, for PyTorch and back, and in C; the table in C and as types.

    >>> import pathlib, random, tempfile
    >>> from micrograd.export import from_safetensors, to_safetensors
    >>> from micrograd.nn import MLP
    >>> net, other = MLP(2, [3, 1], rng=random.Random(0)), MLP(2, [3, 1], rng=random.Random(1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = to_safetensors(net, pathlib.Path(folder, "net.safetensors"))
    ...     from_safetensors(other, path)
    >>> other.state_dict() == net.state_dict()
    True

Read in this order:

    layers                 a net as dense layers
    c_statements           a tape as C statements
    c_loops                a folded tape as C statements and loops
    c_rules                the rules of the table as C, for the native core
    c_recording, c_alias   a function recorded once, and the place of each number in C; the function's older name
    c_file                 the whole C file
    onnx_rules, onnx_file  a rule of the table as ONNX nodes; a net as an ONNX file
    stub_file              the operations as type checkers know them: ops.pyi
    torch_file             a net's parameters as safetensors, with PyTorch's names, and back
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
from micrograd.export.c_file import c_text, to_c
from micrograd.export.onnx_file import to_onnx
from micrograd.export.torch_file import from_safetensors, to_safetensors

__all__ = ["c_text", "from_safetensors", "to_c", "to_onnx", "to_safetensors"]
