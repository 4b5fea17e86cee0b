"""Neurons, layers and nets: what they compute, what they are called, what they refuse."""

from __future__ import annotations

import copy
import math
import pickle
import random

import numpy
import pytest

import nn as nn_of_the_checkout
from micrograd import Value, nn, no_grad, op
from micrograd.nn import MLP, Call, Layer, Module, Neuron, made_of
from micrograd.table import TABLE


def rng():
    return random.Random(0)


def test_a_neuron_is_a_weighted_sum_through_an_activation():
    n = Neuron(2, activation="tanh", rng=rng())
    n.b.data = 0.5
    out = n([1.0, -2.0])
    assert out.data == math.tanh(0.5 + n.w[0].data - 2 * n.w[1].data)
    n.nonlin = False
    assert n([1.0, -2.0]).data == pytest.approx(0.5 + n.w[0].data - 2 * n.w[1].data)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "leaky_relu", "softplus", "sin"])
def test_activation_by_name_is_the_table_s(activation):
    n = Neuron(1, activation=activation, bias=False, rng=rng())
    assert n([2.0]).data == getattr(n.w[0] * 2.0, activation)().data


def test_activation_by_callable():
    n = Neuron(1, activation=lambda v: v * v, bias=False, rng=rng())
    assert n([2.0]).data == (2 * n.w[0].data) ** 2
    with pytest.raises(ValueError, match="did you mean 'sigmoid'"):
        Neuron(1, activation="sigmiod")
    with pytest.raises(ValueError, match="choose from"):
        Neuron(1, activation="???")


def test_output_activation_and_no_biases():
    net = MLP(3, [4, 1], activation="sigmoid", output="sigmoid", bias=False, rng=rng())
    assert repr(net.layers[1]) == "Layer of [SigmoidNeuron(4)]"
    assert len(net.parameters()) == 16
    assert 0 < net([0, 0, 1]).data < 1
    assert repr(MLP(3, [4, 1], activation="tanh").layers) == repr(
        [Layer(3, 4, activation="tanh"), Layer(4, 1, nonlin=False)]
    )


@pytest.mark.parametrize(
    "init, spread", [("uniform", 1 / math.sqrt(3)), ("xavier", math.sqrt(2 / 1050)), ("he", math.sqrt(2 / 1000))]
)
def test_initialisations_have_their_published_spread(init, spread):
    layer = Layer(1000, 50, init=init, rng=rng())
    weights = [w.data for n in layer.neurons for w in n.w]
    assert math.sqrt(sum(w * w for w in weights) / len(weights)) == pytest.approx(spread, rel=0.01)
    assert {n.b.data for n in layer.neurons} == {0.0}


def test_initialisation_by_callable_and_bad_options():
    assert [w.data for w in Neuron(2, init=lambda rng, fan_in, fan_out: fan_in + fan_out).w] == [3.0, 3.0]
    with pytest.raises(ValueError, match="choose from uniform, xavier, he"):
        Neuron(2, init="zeros")
    with pytest.raises(TypeError, match=r"random\.Random\(7\)"):
        Neuron(2, rng=7)
    for nin, nouts in [(0, [1]), (2, [0]), (2.5, [1]), (-1, [1])]:
        with pytest.raises(ValueError, match="whole number"):
            MLP(nin, nouts)
    for nouts in ([], 3):
        with pytest.raises(TypeError, match=r"\[16, 16, 1\]"):
            MLP(2, nouts)


def test_the_same_seed_gives_the_same_net():
    assert MLP(2, [3, 1], rng=rng()).state_dict() == MLP(2, (3, 1), rng=rng()).state_dict()


@pytest.mark.parametrize("x", [[1.0], [1.0, 2.0, 3.0], [], 1.0, numpy.ones(3), iter([1.0])])
def test_a_wrong_number_of_inputs_is_an_error(x):
    net = MLP(2, [3, 1], rng=rng())
    with pytest.raises(ValueError, match=r"ReLUNeuron\(2\) takes 2 inputs, got [013]"):
        net(x)


def test_rows_come_in_many_forms():
    net = MLP(2, [3, 1], rng=rng())
    wanted = net([1.0, 2.0]).data
    for row in ((1, 2), numpy.array([1.0, 2.0]), [Value(1.0), Value(2.0)], iter([1.0, 2.0]), map(float, "12")):
        assert net(row).data == wanted
    assert MLP(1, [1, 1], rng=rng())(0.5).data == MLP(1, [1, 1], rng=rng())([0.5]).data
    with pytest.raises(ValueError, match=r"one example at a time.*\(2, 2\)"):
        net(numpy.ones((2, 2)))


def test_names_of_parameters():
    net = MLP(2, [3, 1], rng=rng())
    names = [name for name, _ in net.named_parameters()]
    assert names[:4] == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
    ]
    assert names[-1] == "layers.1.neurons.0.b"
    assert [p for _, p in net.named_parameters()] == net.parameters()


def test_a_module_of_ones_own_finds_its_parameters():
    class Mine(Module):
        def __init__(self):
            self.table = {"a": Value(1.0), "b": [Value(2.0)]}
            self.tied = self.table["a"]
            self.inner = Neuron(1, rng=rng())
            self.me = self
            self.last = self.tied * 2.0
            self.size = 3

    mine = Mine()
    assert list(mine.state_dict()) == ["table.a", "table.b.0", "inner.w.0", "inner.b"]
    for p in mine.parameters():
        p.grad = 5.0
    mine.zero_grad()
    assert {p.grad for p in mine.parameters()} == {0.0}
    assert Module().parameters() == []


def test_state_dict_round_trip():
    net, other = MLP(2, [3, 1], rng=rng()), MLP(2, [3, 1], rng=random.Random(1))
    other.load_state_dict(net.state_dict())
    assert other([1.0, 2.0]).data == net([1.0, 2.0]).data


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda s: s.pop("layers.0.neurons.0.b"), "'layers.0.neurons.0.b' is missing"),
        (lambda s: s.update(extra=1.0), "'extra' is not a parameter here"),
        (
            lambda s: s.update({"layers.0.neuron.0.b": s.pop("layers.0.neurons.0.b")}),
            r"did you mean 'layers.0.neurons.0.b'",
        ),
        (lambda s: s.update({"layers.0.neurons.0.b": "text"}), "layers.0.neurons.0.b: 'text' is a str"),
        (lambda s: s.clear(), r"and 8 more; nothing was loaded"),
    ],
)
def test_a_wrong_state_dict_is_refused_and_nothing_is_loaded(change, says):
    net = MLP(2, [3, 1], rng=rng())
    before = net.state_dict()
    state = {name: x + 1 for name, x in before.items()}
    change(state)
    with pytest.raises((ValueError, TypeError), match=says):
        net.load_state_dict(state)
    assert net.state_dict() == before


def test_nets_copy_and_pickle():
    net = MLP(2, [3, 1], activation="tanh", rng=rng())
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.state_dict() == net.state_dict()
        assert repr(twin) == repr(net)
        twin.parameters()[0].data += 1
        assert twin.state_dict() != net.state_dict()


def test_import_nn_from_a_checkout():
    assert nn_of_the_checkout.MLP is nn.MLP
    assert set(nn_of_the_checkout.__all__) == {"MLP", "Layer", "Module", "Neuron"}


def test_the_linear_activation_and_operations_of_ones_own():
    assert repr(MLP(1, [2, 1], activation="linear").layers[0]) == "Layer of [LinearNeuron(1), LinearNeuron(1)]"

    @op("double", cases=[(2.0,)])
    def double(m, z):
        return 2.0 * z, lambda: (2.0,)

    try:
        assert repr(Neuron(1, activation="double")) == "DoubleNeuron(1)"
    finally:
        del TABLE["double"], Value.double
    with pytest.raises(ValueError, match="no activation function is called 'power'"):
        Neuron(1, activation="power")
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        Neuron(1, activation="ReLU")


@pytest.mark.parametrize(
    "attempt, says",
    [
        (lambda: Neuron(2, "tanh"), r"Neuron\(2, activation='tanh'\)"),
        (lambda: MLP(2, [1], seed=0), r"no option 'seed'.*rng=random\.Random\(seed\)"),
        (lambda: MLP(2, [1], nonlin=False), "no option 'nonlin'"),
        (lambda: MLP(2, [1])(None), "a row of inputs is a sequence"),
        (lambda: MLP(2, [1])({"a": 1, "b": 2}), "a row of inputs is a sequence"),
        (lambda: MLP(2, [1])([[1, 2], [3, 4]]), "one example at a time"),
        (lambda: Neuron(2, init=0.1), "choose from"),
    ],
)
def test_likely_slips_are_explained(attempt, says):
    with pytest.raises((TypeError, ValueError), match=says):
        attempt()


def test_numpy_sizes_inputs_and_arrays_of_parameters():
    net = MLP(numpy.int64(1), [numpy.int64(2), 1], rng=rng())
    assert net(numpy.float32(0.5)).data == net([0.5]).data

    class Mine(Module):
        def __init__(self):
            self.w = numpy.array([Value(1.0), Value(2.0)])
            with no_grad():
                self.last = self.w[0] * 2.0
            self.two = (self.w[0] + 2.0)._prev[1]

    assert list(Mine().state_dict()) == ["w.0", "w.1"]


@pytest.mark.parametrize(
    "row, said",
    [
        ([Value(1 / 3)], r"got 1: \[0\.333333\]$"),
        ([Value(1 / 3, label="x")] * 20, r"got 20: \[(0\.333333, ){6}\.\.\.\]$"),
        ([1.5, 2, 3.25], r"got 3: \[1\.5, 2, 3\.25\]$"),
    ],
)
def test_a_row_of_another_length_is_shown_in_whole_numbers(row, said):
    with pytest.raises(ValueError, match=said):
        MLP(2, [1])(row)


@pytest.mark.parametrize(
    "net, summary",
    [
        (MLP(2, [16, 16, 1]), "MLP 2 → 16 → 16 → 1, ReLU, 337 parameters"),
        (MLP(3, [4, 1], activation="sigmoid", output="sigmoid", bias=False), "MLP 3 → 4 → 1, Sigmoid, 16 parameters"),
        (MLP(3, [4, 1], activation="tanh", output="sigmoid"), "MLP 3 → 4 → 1, Tanh and Sigmoid, 21 parameters"),
        (MLP(3, [2]), "MLP 3 → 2, Linear, 8 parameters"),
        (MLP(64, [100, 10]), "MLP 64 → 100 → 10, ReLU, 7,510 parameters"),
        (Layer(2, 4), "Layer 2 → 4, ReLU, 12 parameters"),
        (Neuron(1, bias=False, nonlin=False), "Neuron 1 → 1, Linear, 1 parameter"),
        (Module(), "Module, 0 parameters"),
    ],
)
def test_a_net_in_one_line_which_ipython_shows_while_repr_stays_the_original_s(net, summary):
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    assert net.summary() == pretty(net) == summary
    assert pretty([net]) == f"[{summary}]"
    assert str(net) == repr(net) != summary

    class Mine(type(net)):
        def __repr__(self):
            return "mine"

    assert pretty(Mine.__new__(Mine)) == "mine"


def test_a_layer_of_different_neurons_says_so():
    layer = Layer(2, 2)
    layer.neurons[1].nonlin = False
    assert layer.summary() == "Layer 2 → 2, mixed, 6 parameters"


def test_what_a_neuron_gave_says_so_whatever_happens_to_its_layer_later():
    layer = Layer(2, 3, rng=random.Random(0))
    first, second, third = layer([1.0, 2.0])
    neurons = list(layer.neurons)
    del layer.neurons[0]
    assert [made_of(v).neuron for v in (first, second, third)] == neurons
    assert made_of(third).layer is layer and made_of(third).position == 2 and made_of(third).inputs == (1.0, 2.0)
    alone = neurons[0]([1.0, 2.0])
    assert made_of(alone) == (neurons[0], (1.0, 2.0), None, 0)
    assert made_of(alone * 1.0) is made_of(Value(1.0)) is None


def test_neurons_of_other_classes_are_called_as_they_wish():
    class Doubled(Neuron):
        def __call__(self, x):
            return super().__call__([2.0 * number for number in x]) if self.nonlin else 0.5

    layer = Layer(1, 3, rng=random.Random(0))
    layer.neurons[1], layer.neurons[2] = Doubled(1, activation="tanh"), Doubled(1, False)
    plain, doubled, number = layer([3.0])
    assert doubled.data == pytest.approx(layer.neurons[1].activation(6.0 * layer.neurons[1].w[0]).data)
    assert number == 0.5 and made_of(plain).position == 0
    assert made_of(doubled)[2:] == (layer, 1) and made_of(doubled).neuron is layer.neurons[1]


def test_the_calls_of_older_pickles_are_read():
    """There each neuron had a Call of its own, with its position."""
    neuron = Neuron(1, rng=random.Random(0))
    out, call = neuron([1.0]), Call.__new__(Call)
    del out._position
    call.neuron, call.inputs, call.layer, call.position = neuron, (1.0,), None, 4
    out._call = call
    assert made_of(pickle.loads(pickle.dumps(out)))[1:] == ((1.0,), None, 4)
