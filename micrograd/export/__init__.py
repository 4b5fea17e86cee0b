"""Take a net elsewhere: to ONNX, to PyTorch and back, and to C.

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

    c_statements, c_file  a tape as statements of C, and the whole file
    onnx_rules            a rule of the table as ONNX's nodes
    nets                  a net as dense layers, and as ONNX and safetensors
"""

from micrograd.export.c_file import c_text, to_c
from micrograd.export.nets import from_safetensors, to_onnx, to_safetensors

__all__ = ["c_text", "from_safetensors", "to_c", "to_onnx", "to_safetensors"]
