"""ONNX against onnxruntime, state dicts against PyTorch's and against random bytes, and files written whole."""

from __future__ import annotations

import math
import os
import random
import stat
import subprocess
import sys

import numpy as np
import onnx
import pytest
import safetensors.numpy
from helpers.cases import BUILT_IN
from helpers.exported import by_python, run
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, files, tanh
from micrograd.export import from_safetensors, to_onnx, to_safetensors
from micrograd.files import write_whole
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.table import TABLE

ACTIVATIONS = [name for name, entry in BUILT_IN.items() if entry.is_unary]


# ------------------------------------------------------------------------- ONNX


@pytest.mark.parametrize("name", ["linear", *ACTIVATIONS])
def test_every_activation_over_its_domain(name, tmp_path):
    """One neuron with a weight of 1: what its activation gives over the whole of its domain, and past it."""
    neuron = Neuron(1, activation=name)
    neuron.w[0].data = 1.0
    low, high = TABLE[name].domain if name in TABLE else (-10.0, 10.0)
    X = np.linspace(low, high, 301).reshape(-1, 1)
    if name in ("sigmoid", "softplus", "relu", "elu", "silu", "gelu", "erf", "erfc", "atan", "tanh"):
        X = np.concatenate([X, [[-800.0], [800.0], [-1e200], [1e200]]])
    if name in ("asin", "acos"):
        X = np.concatenate([X, [[-1.0], [1.0]]])
    got = run(to_onnx(neuron, tmp_path / "net.onnx"), X)
    wanted = by_python(neuron, X)
    assert got.shape == wanted.shape == X.shape
    assert got == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["asin", "acos", "log", "sqrt"])
def test_outside_the_domain_is_nan(name, tmp_path):
    neuron = Neuron(1, activation=name)
    neuron.w[0].data = 1.0
    assert np.isnan(run(to_onnx(neuron, tmp_path / "net.onnx"), [[-2.0]])).all()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "softplus"])
def test_nets_of_every_form_and_any_batch(name, bias, tmp_path):
    r = random.Random(0)
    X = np.random.default_rng(0).normal(size=(9, 3))
    nets = [
        MLP(3, [5, 4, 2], activation=name, output="sigmoid", bias=bias, rng=r),
        MLP(3, [1], bias=bias, rng=r),
        Layer(3, 4, activation=name, bias=bias, rng=r),
        Neuron(3, activation=name, bias=bias, rng=r),
    ]
    mixed = MLP(3, [4, 2], activation=name, bias=bias, rng=r)
    mixed.layers.insert(1, Layer(4, 4, activation=tanh, bias=not bias, rng=r))  # as a function of the table's
    for net in [*nets, mixed]:
        for p in net.parameters():
            p.data = r.uniform(-1, 1)
        path = to_onnx(net, tmp_path / "net.onnx")
        for rows in (9, 1):
            assert run(path, X[:rows]) == pytest.approx(by_python(net, X[:rows]), rel=1e-12, abs=1e-12)


def test_the_graph_is_gemm_and_activation_nodes(tmp_path):
    model = onnx.load(to_onnx(MLP(2, [3, 3, 1], activation="tanh", output="silu"), tmp_path / "net.onnx"))
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Gemm", "Tanh", "Gemm", "Tanh", "Gemm", "Sigmoid", "Mul", "Identity"]
    assert [x.name for x in model.graph.initializer][:2] == ["layers.0.weight", "layers.0.bias"]
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == ["batch", 2]
    assert model.graph.node[0].name == "layers.0.Gemm_0" and model.producer_name == "micrograd"


class Squared(MLP):
    def __call__(self, x):
        return super().__call__(x) ** 2


class OwnNeuron(Neuron):
    def __call__(self, x):
        return super().__call__(x) * 2


class OwnLayer(Layer):
    def __call__(self, x):
        return super().__call__(x)


def with_part(kind):
    net = MLP(2, [2, 1])
    if kind == "neuron":
        net.layers[0].neurons[0] = OwnNeuron(2)
    else:
        net.layers[0] = OwnLayer(2, 2)
    return net


class Scaled(MLP):
    def __init__(self):
        super().__init__(2, [1])
        self.scale = Value(2.0)


class Custom(Module):
    def __call__(self, x):
        return x


def uneven():
    net = MLP(2, [2, 1])
    net.layers[0].neurons[1].nonlin = False
    return net


def unfit():
    net = MLP(2, [2, 1])
    net.layers.append(Layer(3, 1))
    return net


@pytest.mark.parametrize("write", [to_onnx, to_safetensors])
@pytest.mark.parametrize(
    "make, says",
    [
        (Custom, "the model is <class 'test_export.Custom'>; build the net as an MLP"),
        (lambda: 3, "the model is <class 'int'>"),
        (lambda: [Layer(2, 2)], "the model is <class 'list'>"),
        (lambda: Squared(2, [1]), "Squared has a __call__ of its own"),
        (lambda: with_part("neuron"), "but layers.0 is .*Layer"),
        (lambda: with_part("layer"), "but layers.0 is .*OwnLayer"),
        (Scaled, "the parameter 'scale' outside its layers"),
        (uneven, "the neurons of layers.0 differ"),
        (unfit, "layers.1 has 1 outputs, but layers.2 has 3 inputs"),
    ],
)
def test_what_is_no_net_of_layers_is_refused(write, make, says, tmp_path):
    with pytest.raises(TypeError, match=says):
        write(make(), tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_an_activation_of_ones_own_is_refused_by_onnx_alone(tmp_path):
    net = MLP(2, [2, 1], activation=lambda x: x * x)
    with pytest.raises(TypeError, match=r"the activation of layers.0, <lambda>, .*enter it into the table with @"):
        to_onnx(net, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
    to_safetensors(net, tmp_path / "net.safetensors")


# ------------------------------------------------------------------- state dicts


def test_the_state_dict_is_pytorchs(tmp_path):
    net = MLP(2, [3, 1], rng=random.Random(0))
    net.layers[0].neurons[2].b.data = 0.25
    found = safetensors.numpy.load_file(to_safetensors(net, tmp_path / "net.safetensors"))
    assert {name: (x.shape, str(x.dtype)) for name, x in found.items()} == {
        "layers.0.weight": ((3, 2), "float64"),
        "layers.0.bias": ((3,), "float64"),
        "layers.1.weight": ((1, 3), "float64"),
        "layers.1.bias": ((1,), "float64"),
    }
    assert found["layers.0.weight"][2, 1] == net.layers[0].neurons[2].w[1].data
    assert found["layers.0.bias"].tolist() == [0.0, 0.0, 0.25]
    layer = safetensors.numpy.load_file(to_safetensors(Layer(2, 3, bias=False), tmp_path / "layer.safetensors"))
    assert {name: x.shape for name, x in layer.items()} == {"weight": (3, 2)}


@pytest.mark.parametrize("numbers", [[0.1, -1e300, 5e-324, -0.0], [math.nan, math.inf, -math.inf, 1.0]])
def test_there_and_back_to_the_bit(numbers, tmp_path):
    net, other = (Layer(3, 1, rng=random.Random(i)) for i in range(2))
    for p, x in zip(net.parameters(), numbers):
        p.data = x
    from_safetensors(other, to_safetensors(net, tmp_path / "net.safetensors"))
    assert [p.data.hex() for p in other.parameters()] == [p.data.hex() for p in net.parameters()]


@pytest.mark.parametrize("kind", ["float64", "float32", "float16"])
def test_other_precisions_are_read(kind, tmp_path):
    weights = np.array([[0.5, 0.1]]).astype(kind)
    (tmp_path / "net").write_bytes(safetensors.numpy.save({"weight": weights, "bias": np.array([2], kind)}))
    neuron = Neuron(2)
    from_safetensors(neuron, tmp_path / "net")
    assert [p.data for p in neuron.parameters()] == [*weights[0].astype(float).tolist(), 2.0]


def test_with_pytorch(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import load_file, save_file

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)])

        def forward(self, x):
            return self.layers[1](torch.tanh(self.layers[0](x)))

    ours, theirs = MLP(2, [3, 2], activation="tanh", rng=random.Random(0)), Net().double()
    X = np.random.default_rng(0).normal(size=(5, 2))
    theirs.load_state_dict(load_file(to_safetensors(ours, tmp_path / "ours")))
    assert theirs(torch.tensor(X)).detach().numpy() == pytest.approx(by_python(ours, X), rel=1e-12)
    other = Net()  # in single precision, as PyTorch makes it
    save_file(other.state_dict(), tmp_path / "theirs")
    from_safetensors(ours, tmp_path / "theirs")
    assert other.double()(torch.tensor(X)).detach().numpy() == pytest.approx(by_python(ours, X), rel=1e-12)


def changed(**changes):
    """The file of an MLP(2, [3, 1]) with other arrays, or without those that are None."""
    arrays = {
        "layers.0.weight": np.zeros((3, 2)),
        "layers.0.bias": np.zeros(3),
        "layers.1.weight": np.zeros((1, 3)),
        "layers.1.bias": np.zeros(1),
        **{name.replace("_", "."): x for name, x in changes.items()},
    }
    return safetensors.numpy.save({name: x for name, x in arrays.items() if x is not None})


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "not a whole safetensors file"),
        (b"PK\x03\x04 a zip file", "not a whole safetensors file"),
        (changed()[:-1], "not a whole safetensors file"),
        (changed() + b"0", "not a whole safetensors file"),
        (changed(layers_1_bias=None), "'layers.1.bias' is missing; nothing was loaded"),
        (changed(layers_1_biases=np.zeros(1)), r"'layers.1.biases' is not a parameter here \(did you mean 'layers"),
        (
            changed(layers_0_weight=np.zeros((2, 3))),
            r"'layers.0.weight' has the shape \(2, 3\), but the model has \(3, 2\)",
        ),
        (changed(layers_0_weight=np.zeros(6)), r"has the shape \(6,\), but the model has \(3, 2\);"),
        (changed(layers_0_bias=np.zeros((3, 1))), r"has the shape \(3, 1\), but the model has \(3,\)"),
        (changed(layers_0_bias=np.zeros(3, int)), "'layers.0.bias' holds I64, but only F64, F32, F16 can be read"),
        (safetensors.numpy.save({f"other.{i}": np.zeros(1) for i in range(9)}), "is missing; .*, and 8 more; nothing"),
    ],
)
def test_a_file_that_is_not_the_models_is_refused_and_changes_nothing(data, says, tmp_path):
    net = MLP(2, [3, 1], rng=random.Random(0))
    before = net.state_dict()
    (tmp_path / "net").write_bytes(data)
    with pytest.raises(ValueError, match=says) as caught:
        from_safetensors(net, tmp_path / "net")
    assert "\n" not in str(caught.value)
    assert net.state_dict() == before


def refused_or_loaded(data, folder):
    """The file is loaded, or ValueError is raised and nothing has changed."""
    net = MLP(2, [3, 1], rng=random.Random(0))
    before = net.state_dict()
    path = folder / "net.safetensors"
    path.write_bytes(data)
    try:
        from_safetensors(net, path)
    except ValueError as error:
        assert "\n" not in str(error) and net.state_dict() == before
    else:
        assert all(type(p.data) is float for p in net.parameters())


@given(data=st.binary(max_size=300))
def test_random_bytes(data, tmp_path_factory):
    refused_or_loaded(data, tmp_path_factory.getbasetemp())


@given(header=st.text(max_size=100), data=st.binary(max_size=100), claimed=st.none() | st.integers(0, 2**64 - 1))
def test_random_headers(header, data, claimed, tmp_path_factory):
    text = header.encode()
    length = len(text) if claimed is None else claimed
    refused_or_loaded(length.to_bytes(8, "little") + text + data, tmp_path_factory.getbasetemp())


PLACES = st.integers(0, len(changed()) - 1)


@given(changes=st.lists(st.tuples(PLACES, st.integers(0, 255)), min_size=1, max_size=3), end=st.none() | PLACES)
def test_whole_files_cut_off_and_with_a_few_other_bytes(changes, end, tmp_path_factory):
    spoilt = bytearray(changed())
    for place, byte in changes:
        spoilt[place] = byte
    refused_or_loaded(bytes(spoilt[:end]), tmp_path_factory.getbasetemp())


def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(OSError, match=str(path.name)):
            from_safetensors(Neuron(1), path)


# ------------------------------------------------------------------------ files


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            to_onnx(Neuron(1), link)
    assert path.read_bytes() == b"old" and sorted(p.name for p in tmp_path.iterdir()) == ["link", "net.onnx"]
    to_onnx(Neuron(1), link)
    assert path.read_bytes() != b"old" and link.is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "net.onnx"]
    with pytest.raises(OSError):
        write_whole(tmp_path, b"a folder")
    with pytest.raises(OSError):
        write_whole(tmp_path / "none" / "net", b"no folder")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "net.onnx"]


def test_a_file_may_be_read_by_whom_others_may(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert stat.S_IMODE(os.stat(tmp_path / "whole").st_mode) == stat.S_IMODE(os.stat(tmp_path / "plain").st_mode)


def test_a_missing_package_names_its_extra(tmp_path):
    program = """
        import sys
        sys.modules.update(onnx=None, safetensors=None)
        from micrograd import export
        from micrograd.nn import MLP
        for function in (export.to_onnx, export.to_safetensors, export.from_safetensors):
            try:
                function(MLP(1, [1]), sys.argv[1])
            except ImportError as error:
                print(error)
    """
    code = "\n".join(line[8:] for line in program.splitlines())
    command = [sys.executable, "-c", code, str(tmp_path / "net")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == ["this needs onnx", *["this needs safetensors"] * 2]
    assert [line.partition("[")[2].partition("]")[0] for line in said] == ["export", "train", "train"]
    assert not list(tmp_path.iterdir())
