"""Where things stand in a drawing: operands in their order, neurons in theirs, and nothing wider than a screen."""

from __future__ import annotations

import random
import re
import shutil
import xml.etree.ElementTree as ET

import pytest

from micrograd import Value, draw_dot, svg, tree
from micrograd.losses import binary_cross_entropy, cross_entropy, half_squared_sum, hinge, mse
from micrograd.nn import MLP, Neuron
from micrograd.views import layout
from micrograd.views.fold import LEVELS, MAX_UNFOLDED, fold
from micrograd.views.snapshot import snapshot
from micrograd.views.style import MAX_PORTS

SVG = "{http://www.w3.org/2000/svg}"


def groups(picture, kind):
    return [g for g in ET.fromstring(picture).iter(f"{SVG}g") if kind in (g.get("class") or "").split()]


def places(picture):
    """Left and top of each box, by its name; of several with one name, the last."""
    found = {}
    for group in groups(picture, "node"):
        found[next(group.iter(f"{SVG}text")).text] = tuple(
            float(v) for v in re.findall(r"-?[\d.]+", group.get("transform"))
        )
    return found


def ends(picture):
    """Where each edge ends, by its class, such as e0_3_1."""
    found = {}
    for group in groups(picture, "edge"):
        numbers = re.findall(r"-?[\d.]+", next(group.iter(f"{SVG}path")).get("d"))
        found[group.get("class").split()[-1]] = (float(numbers[-2]), float(numbers[-1]))
    return found


def operands(n):
    """A node of n operands, each of which is used once."""
    from micrograd import logsumexp

    return logsumexp([Value(0.1 * i, label=f"x{i}") for i in range(n)])


@pytest.mark.parametrize("derivatives", [False, True])
@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("n", [2, 3, 5, MAX_PORTS])
def test_edges_enter_in_the_order_of_the_operands_and_the_operands_follow(n, rankdir, derivatives, graphviz_kind):
    picture = svg(operands(n), rankdir=rankdir, derivatives=derivatives)
    axis = 1 if rankdir in ("LR", "RL") else 0
    entering = [ends(picture)[f"e{i}_{n}_{i}"][axis] for i in range(n)]
    assert entering == sorted(entering) and len(set(entering)) == n
    standing = [places(picture)[f"x{i}"][axis] for i in range(n)]
    assert standing == sorted(standing)


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("n", [2, 5])
def test_png_and_pdf_have_the_operands_in_their_order_too(n, rankdir):
    if not shutil.which("dot"):
        pytest.skip("there is no dot program on PATH")
    found = ET.fromstring(layout.render(draw_dot(operands(n), rankdir=rankdir).source))  # what PNG and PDF are made of
    axis = 1 if rankdir in ("LR", "RL") else 0
    entering = []
    for group in (g for g in found.iter(f"{SVG}g") if g.get("class") == "edge"):
        tip = next(group.iter(f"{SVG}polygon")).get("points")
        entering.append((group.get("id"), [float(v) for v in tip.split()[1].split(",")][axis]))
    standing = {t.text: float(t.get("xy"[axis])) for t in found.iter(f"{SVG}text") if t.text.startswith("x")}
    assert [name for name, _ in sorted(entering, key=lambda e: e[1])] == [f"e{i}_{n}_{i}" for i in range(n)]
    assert sorted(standing, key=standing.get) == [f"x{i}" for i in range(n)]


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_the_edge_of_a_single_operand_enters_in_the_middle(rankdir, graphviz_kind):
    x, y = Value(0.5, label="x"), Value(0.25, label="y")
    dot = draw_dot((x + y) * x.tanh(), rankdir=rankdir)
    picture = dot.pipe(encoding="utf-8")
    (aim,) = (id for id in ends(picture) if id.startswith("e0_") and dot.titles[id].startswith("operand 1: ∂v2"))
    left, top = places(picture)["v2"]
    width, height = next(card for card in dot.cards.values() if card.name == "v2").size()
    along = 1 if rankdir in ("LR", "RL") else 0
    assert ends(picture)[aim][along] == pytest.approx((left + width / 2, top + height / 2)[along], abs=1.5)


def test_a_repeated_operand_is_two_edges(graphviz_kind):
    a = Value(3.0, label="a")
    found = ends(svg(a * a))
    assert sorted(found) == ["e0_1_0", "e0_1_1"] and len(set(found.values())) == 2


def test_neurons_stand_in_their_order(graphviz_kind):
    out = MLP(3, [4, 4, 1], rng=random.Random(0))([Value(0.1 * i, label=f"x{i}") for i in range(3)])
    picture = svg(out)
    tops: dict[float, list[tuple[float, str]]] = {}
    for group in groups(picture, "node"):
        name = next(group.iter(f"{SVG}text")).text
        _, top = (float(v) for v in re.findall(r"-?[\d.]+", group.get("transform")))
        if name.startswith("neuron"):
            layer = next(t.text for t in group.iter(f"{SVG}title")).splitlines()[1].split(".")[1]
            tops.setdefault(layer, []).append((top, name))
    for column in tops.values():
        assert [name for _, name in sorted(column)] == [f"neuron {i}" for i in range(len(column))]
    assert {len(column) for column in tops.values()} == {4, 1}


def test_the_nets_of_lectures_come_out_as_neurons_that_fit_a_screen(graphviz_kind):
    out = MLP(3, [4, 4, 1], rng=random.Random(0))([2.0, 3.0, -1.0])
    out.backward()
    assert fold(snapshot(out)).level == "neuron"
    width = float(re.search(r'<svg[^>]* width="([\d.]+)"', svg(out))[1])
    assert 500 < width < 1_200


def test_numbers_given_to_a_neuron_stay_in_its_picture(graphviz_kind):
    neuron = Neuron(2, rng=random.Random(0))
    out = neuron([2.0, -3.0])
    for level in ("none", "neuron"):
        lines = [t.text for t in ET.fromstring(svg(out, fold=level)).iter(f"{SVG}text")]
        assert ("2" in lines and "−3" in lines) if level == "none" else "2, −3" in lines
    assert {node.name for node in snapshot(out).nodes if node.kind == "parameter"} == {
        "neuron.w.0",
        "neuron.w.1",
        "neuron.b",
    }
    assert "neuron" in places(svg(out, fold="neuron"))


LOSSES = [
    (lambda outputs: hinge(outputs, [1, -1, 1]), "hinge loss over 3 rows"),
    (lambda outputs: mse(outputs, [1.0, 2.0, 3.0]), "mean squared error over 3 rows"),
    (lambda outputs: half_squared_sum(outputs, [1.0, 2.0, 3.0]), "half of the squared errors over 3 rows"),
    (lambda outputs: binary_cross_entropy(outputs, [1, 0, 1]), "binary cross-entropy over 3 rows"),
    (lambda outputs: cross_entropy(outputs, [0, 1, 1]), "cross-entropy over 3 rows"),
    (lambda outputs: sum(o.exp() for o in outputs) / 3, "computed from 3 rows"),
]


@pytest.mark.parametrize("loss, words", LOSSES, ids=[words for _, words in LOSSES])
@pytest.mark.parametrize("level", ["neuron", "layer", "repeated"])
def test_a_loss_over_several_rows_is_one_box_that_says_which(loss, words, level):
    net = MLP(2, [3, 2 if words.startswith("cross") else 1], rng=random.Random(0))
    graph = snapshot(loss([net([0.1 * i, 0.5]) for i in range(3)]))
    boxes = [box for box in fold(graph, by=level).boxes if box.kind == "loss"]
    assert [box.title for box in boxes] == [words]
    assert boxes[0].members[-1] == graph.root.index


def test_what_the_user_named_in_a_loss_keeps_its_box():
    net = MLP(2, [3, 1], rng=random.Random(0))
    data = hinge([net([0.1 * i, 0.5]) for i in range(3)], [1, -1, 1])
    data.label = "data"
    total = data + 0.01 * sum(p * p for p in net.parameters())
    total.label = "total"
    graph = snapshot(total)
    boxes = fold(graph, by="repeated").boxes
    of = {graph.nodes[box.members[-1]].name: box for box in boxes}
    assert of["data"].title == "hinge loss over 3 rows" and "total" in of


@pytest.mark.parametrize("level", [*LEVELS, "auto"])
def test_classes_are_named_at_the_logits(level):
    net = MLP(4, [20, 3], rng=random.Random(0))
    loss = cross_entropy(net([Value(0.1 * i, label=f"x{i}") for i in range(4)]), 1)
    names = ["setosa", "<b>versi</b>", "virginica"]
    source = draw_dot(loss, classes=names, fold=level).source
    assert "<B>setosa</B>" in source and "<B>&lt;b&gt;versi&lt;/b&gt;</B>" in source
    with pytest.raises(ValueError, match=r"classes= has 2 names, and the net's last layer 3 outputs"):
        draw_dot(loss, classes=names[:2], fold=level)


def test_classes_need_a_net_and_a_list():
    with pytest.raises(ValueError, match="there is no net in this graph"):
        draw_dot(Value(1.0), classes=["a"])
    with pytest.raises(ValueError, match="give a list with a name for each output"):
        draw_dot(MLP(1, [3])([1.0])[0], classes="abc")


def large(size):
    """A chain in which nothing repeats."""
    rng, x = random.Random(0), Value(0.5, label="x")
    y = x
    while size > 0:
        y = rng.choice([y.tanh, y.sin, (y + x).cos, (y * x).atan])()
        size -= 2
    return y


def test_very_large_graphs_are_folded_to_the_width_of_a_screen(graphviz_kind):
    rng = random.Random(0)
    values = [Value(rng.uniform(-1, 1)) for _ in range(5)]
    while len(values) < 20_000:
        x, y = rng.choice(values[-50:]), rng.choice(values[-50:])
        values.append(rng.choice([(x + y).tanh, (x * y).sin, (x - y).cos])())
    net = MLP(2, [16, 16, 1], rng=rng)
    rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(40)]
    for root in (large(20_000), sum(values[-20:], Value(0.0)), hinge([net(row) for row in rows], [1] * 40)):
        width = float(re.search(r'viewBox="0 0 ([\d.]+) ', svg(root))[1])
        assert width < 1_600, width


def test_too_many_boxes_are_refused_by_count_before_anything_else(monkeypatch):
    monkeypatch.setattr(layout, "render", None)  # it would be an error to get as far as this
    monkeypatch.setattr("micrograd.views.draw.snapshot", None)
    with pytest.raises(ValueError, match=rf"boxes are too many to draw \(at most {MAX_UNFOLDED:,}\)"):
        draw_dot(large(20_000), fold="none")


def test_too_many_boxes_at_other_levels_and_too_much_dot_are_refused():
    with pytest.raises(ValueError, match="leave out fold="):
        draw_dot(large(20_000), fold="operation")
    with pytest.raises(layout.LayoutError, match="more than Graphviz can lay out in time: fold the graph"):
        layout.render("digraph{" + "a->b;" * 1_000_000 + "}")


def test_at_a_terminal_a_drawing_shows_the_tree_and_how_to_see_it():
    x = Value(2.0, label="x")
    z = x * x
    shown = repr(draw_dot(z))
    assert shown.startswith(str(tree(z))) and shown.splitlines()[-1].startswith("a drawing: a notebook shows it")
    assert len(shown.splitlines()[-1]) < 100
