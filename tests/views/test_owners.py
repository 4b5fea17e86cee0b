"""Whose a value is: layers and neurons by object though they share weights, outputs by place, births by operand."""

from __future__ import annotations

import math
import random
import re

import pytest

from micrograd import Value, draw_dot, svg, trace
from micrograd.losses import cross_entropy
from micrograd.nn import MLP, Layer, Neuron
from micrograd.views.fold import fold, outputs
from micrograd.views.snapshot import snapshot


def ties(net, how):
    if how == "first weight":
        net.layers[1].neurons[0].w[0] = net.layers[0].neurons[0].w[0]
    for mine, theirs in zip(net.layers[1].neurons, net.layers[0].neurons):
        if how in ("weights", "all"):
            mine.w[:] = theirs.w
        if how in ("biases", "all"):
            mine.b = theirs.b
    if how == "transposed":
        for i, neuron in enumerate(net.layers[1].neurons):
            neuron.w[:] = [other.w[i] for other in net.layers[0].neurons]
    return net


@pytest.mark.parametrize("how", ["first weight", "weights", "biases", "transposed", "all"])
@pytest.mark.parametrize("names", [lambda net: net, lambda net: {"net": net}, lambda net: None])
def test_layers_that_share_weights_are_two_layers(how, names):
    net = ties(MLP(2, [2, 2, 1], rng=random.Random(0)), how)
    graph = snapshot(net([1.0, 2.0]), names=names(net))
    owners = {}
    for node in graph.nodes:
        if node.group is not None and node.operands:
            owners.setdefault(id(node.group.module), set()).add(node.group.layer)
    start = "net." if isinstance(names(net), dict) else ""
    paths = [owners[id(layer)] for layer in net.layers]
    if how == "all":  # nothing of the second layer's own tells its path
        assert paths[0] == {f"{start}layers.0"} and paths[1] in ({f"{start}layers.1"}, {"layers.1"})
    else:
        assert paths == [{f"{start}layers.{i}"} for i in range(3)]
    assert len({node.group.neuron for node in graph.nodes if node.group and node.operands}) == 5
    titles = [box.title for box in fold(graph, by="layer").boxes if box.kind == "layer"]
    assert titles == ["Layer 2 → 2, ReLU", "Layer 2 → 2, ReLU", "Layer 2 → 1, Linear"]


@pytest.mark.parametrize("named", [True, False])
def test_one_row_of_layers_that_share_weights_has_no_dead_neuron(named):
    net = ties(MLP(2, [2, 2, 1], rng=random.Random(0)), "first weight")
    for layer in net.layers[:2]:
        layer.neurons[0].b.data = -50.0
    for level in ("layer", "neuron", "none", "repeated"):
        assert "dead" not in svg(net([1.0, 2.0]), names=net if named else None, fold=level)


def test_neurons_on_their_own_that_share_weights_are_two():
    a, b = Neuron(2, rng=random.Random(0)), Neuron(2, rng=random.Random(1))
    b.w[0] = a.w[0]
    for names, paths in (({"a": a, "b": b}, {"a", "b"}), (None, {"neuron", "neuron_2"})):
        graph = snapshot(a([1.0, 2.0]) + b([3.0, 4.0]), names=names)
        assert {node.group.neuron for node in graph.nodes if node.group} == paths


def test_a_layer_in_a_variable_has_its_name():
    hidden = Layer(2, 3, rng=random.Random(0))
    graph = snapshot(sum(hidden([1.0, 2.0])), names={"hidden": hidden})
    assert {node.group.layer for node in graph.nodes if node.group} == {"hidden"}


# -------------------------------------------------------------------- classes


def test_classes_are_those_of_the_layer_though_the_graph_uses_only_some():
    out = MLP(2, [3], rng=random.Random(0))([1.0, 2.0])
    graph = snapshot(out[2] - out[1])
    found = outputs(graph, ["a", "b", "c"])
    assert found == {graph.node(out[1]).index: "b", graph.node(out[2]).index: "c"}
    assert "<B>c</B>" in draw_dot(out[2] - out[1], classes=["a", "b", "c"]).source
    with pytest.raises(ValueError, match="classes= has 2 names, and the net's last layer 3 outputs"):
        svg(out[2] - out[1], classes=["b", "c"])


def test_classes_name_every_head_that_has_so_many_outputs():
    rng = random.Random(0)
    body = Layer(2, 3, rng=rng)
    one, two, wide = (Layer(3, size, nonlin=False, rng=rng) for size in (2, 2, 3))
    hidden = body([1.0, 2.0])
    a, b, c = one(hidden), two(hidden), wide(hidden)
    graph = snapshot(cross_entropy(a, 0) + cross_entropy(b, 1) + cross_entropy(c, 1))
    assert outputs(graph, ["p", "q"]) == {graph.node(v).index: n for head in (a, b) for v, n in zip(head, "pq")}
    three = outputs(graph, ["p", "q", "r"])
    assert three == {graph.node(v).index: n for v, n in zip(c, "pqr")}  # and not the body's three
    with pytest.raises(ValueError, match="4 names, and the net's last layers 2 outputs and 2 outputs and 3 outputs"):
        outputs(graph, list("pqrs"))


def test_a_class_of_a_neuron_on_its_own_and_of_a_net_that_feeds_itself():
    graph = snapshot(Neuron(2, rng=random.Random(0))([1.0, 2.0]) * 2.0)
    assert list(outputs(graph, ["yes"]).values()) == ["yes"]
    layer = Layer(2, 2, rng=random.Random(0))
    twice = layer(layer([1.0, 2.0]))
    graph = snapshot(twice[0] + twice[1])
    assert set(outputs(graph, ["p", "q"]).values()) == {"p", "q"}


# ---------------------------------------------------------------------- relus


@pytest.mark.parametrize(
    "activation, off",
    [
        ("relu", True),
        (lambda v: v.relu(), True),
        (lambda v: v.relu() - 0.1 * (-v).relu(), False),  # one of the two always passes a gradient
        (lambda v: v.relu() + 0.01 * v, False),
    ],
)
def test_a_relu_is_off_only_where_it_is_the_neurons_output(activation, off):
    net = MLP(2, [2, 1], activation=activation, rng=random.Random(0))
    for neuron in net.layers[0].neurons:
        neuron.b.data = -50.0
    for level in ("layer", "neuron", "none", "repeated"):
        one, two = svg(net([1.0, 2.0]), fold=level), svg(net([1.0, 2.0]) + net([2.0, 1.0]), fold=level)
        assert bool(re.search(r"\boff (in|for)\b", one)) == off and "dead" not in one
        assert ("dead" in two) == off


# --------------------------------------------------------------------- births


def test_a_nan_is_born_where_no_operand_is_nan_and_an_infinity_where_all_are_finite():
    x, w = Value(1e200, label="x"), Value(0.0, label="w")
    big = x * x
    zero_times = big * w
    difference = big - big * 2.0
    out = (zero_times + difference).tanh() + x
    out.backward()
    graph = snapshot(out)
    assert graph.births().data == {graph.node(v).index for v in (big, zero_times, difference)}
    minus = snapshot(Value(math.inf, label="inf") - Value(math.inf, label="other"))
    assert minus.births().data == {0, 1, 2}
    through = snapshot(Value(math.nan, label="n") * Value(math.inf, label="i") + 1.0)
    assert through.births().data == {0, 1}  # the nan came there


def test_a_nan_gradient_is_born_of_an_infinite_and_a_zero_factor():
    x, w, c = Value(1e200, label="x"), Value(0.0, label="w"), Value(0.0, label="c")
    big = x * x
    out = (big * w) * c
    out.backward()
    graph = snapshot(out)
    assert math.isnan(w.grad)  # inf × 0
    assert graph.births().grads.keys() >= {graph.node("w").index}
    s = Value(1e-320, label="s")
    y = s.sqrt() * 1e300 - s.sqrt() * 1e300  # its contributions are inf and -inf: their sum is the nan
    y.backward()
    graph = snapshot(y)
    assert math.isnan(s.grad)
    assert graph.births().grads == {graph.node("s").index: graph.node("s").index}


def test_births_are_only_where_the_gradient_is_not_finite_at_that_moment():
    s = Value(1e-320, label="s")
    t = trace(s.sqrt() * 1e300)
    for position in range(len(t) + 1):
        grads = t.grads(position)
        for index in t.graph.births(grads).grads:
            assert grads[index] is not None and not math.isfinite(grads[index])
