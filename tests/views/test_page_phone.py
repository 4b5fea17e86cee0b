"""The page of a small net, which begins with a box for each neuron; and on a phone, where everything has its room."""

from __future__ import annotations

import random

import pytest
from helpers.pages import card, fraction, neuron, press

from micrograd import Value, explain
from micrograd.losses import hinge
from micrograd.nn import MLP, Neuron
from micrograd.views.page import Page
from micrograd.views.trace import trace

PHONE = {"width": 390, "has_touch": True, "is_mobile": True}
SIDES = "all => all.map(e => { const r = e.getBoundingClientRect(); return [r.left, r.right, r.top, r.bottom]; })"
# how far the text of a button is from its border, on the left and on the right
ROOM = """all => all.map(e => { const text = document.createRange(); text.selectNodeContents(e);
  const [a, b] = [e, text].map(x => x.getBoundingClientRect()); return min(b.left - a.left, a.right - b.right); })"""


def small_net():
    net = MLP(2, [3, 1], rng=random.Random(7))
    loss = hinge(net([Value(0.6, label="x1"), Value(-0.3, label="x2")]), 1)
    loss.label = "loss"
    return loss


def titles(tab):
    return [" ".join(each.all_text_contents()) for each in (c.locator(".name") for c in tab.locator(".card").all())]


def test_a_small_net_begins_with_its_neurons(open_page):
    tab = open_page(small_net())
    neurons = [f"neuron {k}, ReLU" for k in range(3)]
    assert sorted(titles(tab)) == sorted([*neurons, "neuron 0, Linear", "hinge loss", "x1", "x2"])
    card(tab, "neuron 2, ReLU").click()
    assert {"w.0", "w.1", "b"} < set(titles(tab)) and tab.locator(".opened").count() == 1
    weight = card(tab, "w.1")
    assert weight.locator(".kind").text_content() == "layers.0.neurons.2"
    assert weight.get_attribute("aria-label").startswith("layers.0.neurons.2.w.1: parameter")
    press(tab, "Escape")
    assert len(titles(tab)) == 7


def test_one_neuron_is_shown_value_by_value_and_fold_says_otherwise(open_page, tmp_path):
    one = Neuron(2, rng=random.Random(0))([Value(1.0, label="x1"), Value(2.0, label="x2")])
    assert "w.0" in " ".join(titles(open_page(one))) and open_page(one).locator(".card.folded").count() == 0
    loss = small_net()
    every, layers = (Page(trace(loss), fold=by).text for by in ("none", "layer"))
    assert '"Layer 2 → 3, ReLU"' in layers and "neuron 0, ReLU" not in every
    assert explain(loss, tmp_path / "a.html", fold="none").read_text(encoding="utf-8") == every
    assert trace(loss).html(tmp_path / "b.html", fold="layer").read_text(encoding="utf-8") == layers
    with pytest.raises(ValueError, match="fold='nerons' is not a way to fold"):
        explain(loss, fold="nerons")


def test_a_phone_sees_the_neurons_at_once(open_page):
    tab = open_page(small_net(), **PHONE)
    ((_, right, *_),) = tab.locator("#stage-area").evaluate_all(SIDES)
    for k in range(3):
        ((start, end, top, bottom),) = card(tab, f"neuron {k}, ReLU").locator(".frame").evaluate_all(SIDES)
        assert 0 < start < end <= right and bottom - top > 40


@pytest.mark.parametrize("graph", [fraction, neuron, small_net])
@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_inputs_and_buttons_whole(open_page, graph, width):
    tab = open_page(graph(), **{**PHONE, "width": width})
    for left, right, *_ in tab.locator("header :is(input, button:visible)").evaluate_all(SIDES):
        assert 0 <= left < right <= width
    shown, whole = tab.evaluate("[byId('inputs').clientWidth, byId('inputs').scrollWidth]")
    assert whole <= shown  # what is more stands below, and a part of it can be seen
    buttons = tab.locator("footer button")
    assert min(buttons.evaluate_all(ROOM)) >= 5
    lines = {top for *_, top, _ in buttons.evaluate_all(SIDES)}
    assert len(lines) == 1


def test_what_a_phone_opens_can_be_read(open_page):
    tab = open_page(small_net(), **PHONE)
    card(tab, "neuron 1, ReLU").click()
    ((*_, top, bottom),) = card(tab, "w.1").locator(".name").evaluate_all(SIDES)
    assert bottom - top > 10  # pixels; it was 8
