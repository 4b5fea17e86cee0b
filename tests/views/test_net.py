"""A net drawn as circles and lines: what is shown, how it reads on hover, and how it looks in a real browser."""

from __future__ import annotations

import itertools
import math
import random
import re
import xml.etree.ElementTree as ET

import pytest

from micrograd import MLP, Layer, Module, Neuron, Value, draw_net
from micrograd.losses import cross_entropy, mse
from micrograd.optim import SGD
from micrograd.words import drawn

MINUS = "\N{MINUS SIGN}"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ["<b>&amp;", "]]>", 'a"b', "</svg>", "x\x00y", r"\n\\", "名前", "a" * 300]


def made(sizes=(2, [4, 4, 1]), seed=0, **options):
    return MLP(*sizes, rng=random.Random(seed), **options)


def parsed(picture):
    return ET.fromstring(picture.svg)


def words(picture):
    return [element.text for element in parsed(picture).iter(f"{SVG}text")]


def lines(picture):
    """The lines between neurons, by the name of the weight: the attributes, and the title."""
    found = {}
    for path in parsed(picture).iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None:
            found[title.text.partition(" = ")[0]] = (path.attrib, title.text)
    return found


def circles(picture):
    return [(circle, circle.find(f"{SVG}title").text) for circle in parsed(picture).iter(f"{SVG}circle")]


def test_every_weight_is_a_line_with_its_exact_numbers():
    net = made()
    mse(net([1.0, -2.0]), 1.0).backward()
    found = lines(draw_net(net))
    weights = {name: p for name, p in net.named_parameters() if ".w." in name}
    assert found.keys() == weights.keys()
    largest = max(abs(p.data) for p in weights.values())
    for name, p in weights.items():
        attributes, title = found[name]
        assert title == f"{name} = {p.data!r}\ngradient {p.grad + 0.0!r}".replace("-", MINUS)
        assert attributes["class"] == ("plus" if p.data > 0 else "minus")
        assert float(attributes["stroke-width"]) == pytest.approx(0.5 + 3.5 * abs(p.data) / largest, abs=0.006)
    assert len(circles(draw_net(net))) == 2 + 4 + 4 + 1


def test_by_gradient_and_before_there_is_one():
    net = made()
    assert {attributes["class"] for attributes, _ in lines(draw_net(net, by="grad")).values()} == {"rule"}
    assert "gradients are not computed yet: call backward() first" in words(draw_net(net, by="grad"))
    assert all(title.endswith("gradient ·") for _, title in lines(draw_net(net, by="grad")).values())
    mse(net([1.0, -2.0]), 1.0).backward()
    for name, (attributes, _) in lines(draw_net(net, by="grad")).items():
        grad = dict(net.named_parameters())[name].grad
        assert attributes["class"] == ("plus" if grad > 0 else "minus" if grad < 0 else "rule")


def test_a_row_tints_neurons_by_their_outputs():
    net, row = made((2, [3, 2]), activation="tanh"), [0.5, -1.0]
    about = circles(draw_net(net, row))
    hidden = net.layers[0](row)
    outputs = [*row, *(v.data for v in hidden), *(v.data for v in net.layers[1](hidden))]
    assert sorted(re.search(r"(?:output|=) (.*)", title)[1] for _, title in about) == sorted(
        repr(x).replace("-", MINUS) for x in outputs
    )
    largest = max(map(abs, outputs))
    for circle, title in about:
        x = float(re.search(r"(?:output|=) (.*)", title)[1].replace(MINUS, "-"))
        assert circle.attrib["class"] == ("positive" if x > 0 else "negative")
        assert float(circle.attrib["fill-opacity"]) == pytest.approx(0.15 + 0.85 * abs(x) / largest, abs=0.006)
    assert {drawn(x) for x in [*row, *outputs[-2:]]} <= set(words(draw_net(net, row)))


def test_without_a_row_neurons_are_tinted_by_their_biases():
    net = made((2, [2, 1]))
    net.layers[0].neurons[0].b.data, net.layers[0].neurons[1].b.data = 0.5, -1.0
    tints = {title.partition(":")[0]: circle.attrib for circle, title in circles(draw_net(net))}
    assert tints["layers.0.neurons.0"]["class"] == "positive" and tints["layers.0.neurons.1"]["class"] == "negative"
    assert tints["layers.1.neurons.0"]["class"] == "paper"
    assert any(said.endswith("; tint: bias up to 1") for said in words(draw_net(net)))
    assert any(f"bias {MINUS}1.0, gradient ·" in title for _, title in circles(draw_net(net)))
    assert "bias" not in "".join(title for _, title in circles(draw_net(made(bias=False))))


def test_columns_say_what_they_are_and_names_stand_beside():
    net = made((4, [16, 3]), activation="tanh")
    inputs, classes = ["sepal length", "sepal width", "petal length", "petal width"], ["setosa", "versicolor", "other"]
    said = words(draw_net(net, [5.1, 3.5, -1.4, 0.2], inputs=inputs, classes=classes))
    assert [said.index(word) for word in ("inputs", "Tanh", "Linear")] == sorted(
        said.index(word) for word in ("inputs", "Tanh", "Linear")
    )
    assert {*inputs, *classes, "4", "16 neurons", "3 neurons", f"{MINUS}1.4"} <= set(said)


@pytest.mark.parametrize("size, most, gap", [(16, 16, None), (17, 16, 1), (64, 16, 48), (64, 3, 61), (5, 4, 1)])
def test_the_middle_of_a_long_column_is_left_out(size, most, gap):
    picture = draw_net(made((size, [2])), most=most)
    shown = [title for _, title in circles(picture) if title.startswith("input")]
    assert len(shown) == min(size, most)
    assert shown[0] in ("input 0", f"input {size - min(size, most) // 2}") and f"input {size - 1}" in shown
    gaps = [said for said in words(picture) if "more" in said]
    assert gaps == ([f"⋮ {gap} more"] if gap else [])
    heights = sorted(float(c.attrib["cy"]) for c, title in circles(picture) if title.startswith("input"))
    assert min((b - a for a, b in itertools.pairwise(heights)), default=99) > 2 * 10


def test_large_nets_stay_small_and_quick():
    assert len(draw_net(made((784, [100, 10]))).svg) < 150_000


def test_layers_neurons_and_modules_of_ones_own():
    assert len(circles(draw_net(Layer(3, 4)))) == 7 and len(circles(draw_net(Neuron(2)))) == 3

    class Scorer(Module):
        def __init__(self):
            self.vectors = {"a": [Value(1.0)]}
            self.hidden = Layer(3, 4, activation="sigmoid")
            self.U = Neuron(4, nonlin=False, bias=False)

        def __call__(self, x):
            return self.U(self.hidden(x))

    assert draw_net(Scorer()).about == "Scorer, 21 parameters"
    assert {name.partition(".")[0] for name in lines(draw_net(Scorer()))} == {"hidden", "U"}


def test_odd_numbers_are_marked_apart():
    net = made((2, [2, 1]))
    net.layers[0].neurons[0].w[0].data = math.nan
    net.layers[0].neurons[0].w[1].data = 0.0
    net.layers[0].neurons[1].b.data = math.inf
    found = lines(draw_net(net))
    assert found["layers.0.neurons.0.w.0"][0]["class"] == "now" and "nan" in found["layers.0.neurons.0.w.0"][1]
    assert found["layers.0.neurons.0.w.1"][0]["class"] == "rule"
    for p in net.parameters():
        p.data = 0.0
    assert "weights are all 0" in words(draw_net(net))


class TwoHeads(Module):
    def __init__(self):
        self.left, self.right = Layer(2, 3), Layer(2, 3)


@pytest.mark.parametrize(
    "draw, says",
    [
        (lambda: draw_net(Value(1.0)), "draw_dot draws a Value"),
        (lambda: draw_net([1, 2]), "give an MLP, a Layer or a Neuron"),
        (lambda: draw_net(Module()), "has no layers; draw_dot draws what it computes"),
        (lambda: draw_net(TwoHeads()), "layers 0 and 1 of this TwoHeads are not a chain: 3 outputs, then 2 inputs"),
        (lambda: draw_net(made(), by="size"), "choose 'weight' or 'grad'"),
        (lambda: draw_net(made(), most=2), "at least 3"),
        (lambda: draw_net(made(), [1.0]), "a row of 1 number for a net of 2 inputs"),
        (lambda: draw_net(made(), inputs=["a"]), r"1 name for 2 inputs: \['a'\]"),
        (lambda: draw_net(made(), classes=["a", "b"]), "2 names for 1 output"),
        (lambda: draw_net(made(), classes="ab"), "classes='ab' is one text: give a list with a name for each output"),
        (lambda: draw_net(made(), inputs="ab"), "inputs='ab' is one text: give a list with a name for each input of"),
        (lambda: draw_net(made(), inputs=2), "inputs=2 is not a list: give a list with a name for each input"),
        (lambda: draw_net(made(), 5), "the row is 5: give a list with a number for each of the net's 2 inputs"),
        (lambda: draw_net(made(), "ab"), "the row is 'ab': give a list with a number for each of the net's 2 inputs"),
        (lambda: draw_net(made(), {"a": 1, "b": 2}), "the row is .*: give a list with a number for each"),
        (lambda: draw_net(made(), ["a", 1]), "draw_net: input 0.*'a'"),
        (lambda: draw_net(made()).save("net.png"), r"'net.png': this picture is saved as \.svg"),
    ],
)
def test_likely_slips_are_explained(draw, says):
    with pytest.raises((TypeError, ValueError), match=says):
        draw()


def test_drawing_in_a_training_loop_shows_the_parameters_of_that_moment_and_changes_nothing():
    net = made((3, [4, 2]))
    optimizer, pictures = SGD(net.parameters(), lr=0.1), []
    for _ in range(3):
        optimizer.zero_grad()
        cross_entropy(net([1.0, 2.0, 3.0]), 1).backward()
        before = [(p.data, p.grad) for p in net.parameters()]
        pictures.append(draw_net(net, [1.0, 2.0, 3.0]))
        assert before == [(p.data, p.grad) for p in net.parameters()]
        optimizer.step()
    assert len({picture.svg for picture in pictures}) == 3
    assert draw_net(net).svg == draw_net(net).svg


def test_a_picture_shows_itself_and_is_saved(tmp_path):
    picture = draw_net(made())
    assert repr(picture) == (
        '<picture of MLP 2 → 4 → 4 → 1, ReLU, 37 parameters, 480 by 278: save it with .save("picture.svg")>'
    )
    assert picture._repr_svg_() == picture._repr_html_() == picture.svg
    assert picture.save(tmp_path / "net.svg").read_text(encoding="utf-8") == picture.svg
    assert "max-width:100%;height:auto}" in picture.svg and f'viewBox="0 0 {picture.width} ' in picture.svg


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_text(name):
    said = words(draw_net(made((1, [1])), inputs=[name], classes=[name]))
    plain = "".join(c if c.isprintable() else " " for c in name)
    shown = plain if len(plain) <= 22 else plain[:21] + "…"
    assert said.count(shown) == 2


# ------------------------------------------------------------------ in a browser


def test_over_a_neuron_its_own_weights_come_forward(browser):
    page = browser.new_page()
    page.set_content(draw_net(made((2, [2, 1]))).svg)
    page.hover(".neuron >> nth=1 >> circle")  # the last layer is drawn first
    looks = page.eval_on_selector_all(".neuron", "all => all.map(n => [...n.querySelectorAll('path')].map(p => "
                                      "Number(getComputedStyle(p).strokeOpacity)))")  # fmt: skip
    page.close()
    assert [len(look) for look in looks] == [2, 2, 2, 0, 0]
    assert min(looks[1]) >= 0.2 and {*looks[0], *looks[2]} == {0.08}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "sizes, options",
    [
        ((2, [4, 4, 1]), {}),
        ((2, [4, 4, 1]), {"row": [1.0, -2.0], "inputs": ["x", "y"]}),
        ((4, [16, 3]), {"row": [5.1, 3.5, 1.4, 0.2], "inputs": ["W" * 22] * 4, "classes": ["W" * 22] * 3}),
        ((64, [30, 10]), {"classes": list("0123456789")}),
        ((40, [2]), {"row": [0.25] * 40, "inputs": [f"input {i}" for i in range(40)]}),
    ],
)
def test_words_stand_inside_the_picture_and_beside_circles(browser, sizes, options, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(draw_net(made(sizes), **options).svg)
    boxes = page.evaluate(
        "() => ['svg', 'circle', 'text'].map(tag => [...document.querySelectorAll(tag)].map(e => "
        "{const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom, e.textContent]}))"
    )
    page.close()
    ((left, top, right, bottom, _),), rounds, texts = boxes
    assert right <= width
    shown = [t for t in texts if "W" not in t[4]]  # nothing is wider than 22 Ws: they may leave, words may not
    assert shown
    for x0, y0, x1, y1, said in shown:
        assert left - 0.5 <= x0 and x1 <= right + 0.5 and top <= y0 and y1 <= bottom, said
    for one in [*rounds, *texts]:
        for other in texts:
            if one is not other and one[4] != other[4]:
                apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] + 3 or other[3] <= one[1] + 3
                assert apart, (one, other)
