"""What folded boxes are called: in parts, so that no name is taken apart; and layers whose neurons differ."""

from __future__ import annotations

import random

import pytest

from micrograd import MLP, Layer, Module, Neuron, Value, draw_dot
from micrograd.losses import cross_entropy
from micrograd.views.fold import fold
from micrograd.views.snapshot import snapshot
from micrograd.views.style import PLAIN, Painter
from micrograd.views.titles import Title


def made(graph, by, classes=()):
    """The cards of a graph's folded boxes, with those boxes."""
    folded = fold(graph, by=by, classes=classes)
    painter = Painter(graph, folded, PLAIN, [node.grad for node in graph.nodes])
    return [(painter.card(box), box) for box in folded.boxes if box.folded]


@pytest.mark.parametrize("classes", [["a, b", "c"], ["x = y", "a, 3 rows"], ["", "v1 = sum of 2 terms"]])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_class_s_name_stays_whole(classes, rows):
    net = MLP(2, [3, 2], rng=random.Random(0))
    loss = cross_entropy([net([0.5, i]) for i in range(rows)], [0] * rows)
    found = made(snapshot(loss), "repeated", classes)
    named = {card.name: card.kind for card, box in found if box.path.startswith("layers.1.")}
    assert named == {name: f"neuron {i}, Linear" for i, name in enumerate(classes)}
    assert {*classes} <= {box.title for _, box in found}


@pytest.mark.parametrize("name", ["a, net", "v1 = b", "net, 2 rows", "a: parameters"])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_neuron_s_own_name_stays_whole(name, rows):
    neuron = Neuron(2, rng=random.Random(0))
    out = sum((neuron([1.0, i]) for i in range(rows)), Value(0.0))
    graph = snapshot(out, names={name: neuron})
    card, box = next((card, box) for card, box in made(graph, "repeated") if box.kind == "neuron")
    assert (card.name, card.kind) == (name, "ReLU")
    assert box.title == (f"{name}, ReLU" if rows == 1 else f"{name}, ReLU, 2 rows")


@pytest.mark.parametrize("name", ["a, b", "s = t", "a, 2 rows"])
def test_the_name_of_a_sum_or_of_a_matrix_stays_whole(name):
    total = sum((Value(float(i)) * 2.0 for i in range(3)), Value(1.0))
    total.label = name
    ((card, box),) = made(snapshot(total), "operation")
    assert (card.name, card.kind) == (name, "sum of 4 terms") and box.title == f"{name} = sum of 4 terms"
    module, weights = Module(), [Value(1.0), Value(2.0)]
    setattr(module, name, weights)
    found = made(snapshot(weights[0].tanh() * weights[1].tanh(), names=module), "repeated")
    card, box = next((card, box) for card, box in found if box.kind == "repeated" and not box.said.name[0].isdigit())
    assert (card.name, card.sub) == (name, "2 parameters") and box.title == f"{name}, 2 parameters"


def test_a_title_in_one_text():
    assert str(Title("a, b", "c", 1200)) == "a, b, c, 1,200 rows"
    assert str(Title("v1", "sum of 3 products", joint=" = ")) == "v1 = sum of 3 products"
    assert str(Title("loss")) == "loss" and str(Title()) == ""


def mixed(*kinds):
    layer = Layer(2, len(kinds), rng=random.Random(0))
    layer.neurons = [Neuron(2, activation=kind, rng=random.Random(i)) for i, kind in enumerate(kinds)]
    return layer


@pytest.mark.parametrize("kinds", [("linear", "relu"), ("relu", "linear"), ("tanh", "tanh"), ("linear", "linear")])
def test_a_layer_is_called_what_its_summary_calls_it(kinds):
    layer = mixed(*kinds)
    title = layer.summary().rpartition(", ")[0]
    assert title == f"Layer 2 → 2, {layer.kind}" and (layer.kind == "mixed") == (len({*kinds}) == 2)
    graph = snapshot(layer([1.0, 2.0])[0] + layer([1.0, 2.0])[1])
    assert {box.title for _, box in made(graph, "layer") if box.kind == "layer"} == {title}
    of_neurons = {box.title for _, box in made(graph, "neuron") if box.kind == "neuron"}
    assert of_neurons == {f"neuron {i}, {neuron.kind}" for i, neuron in enumerate(layer.neurons)}
    assert layer.kind in draw_dot(layer([1.0, 2.0])[0] * 1.0, fold="layer").source
