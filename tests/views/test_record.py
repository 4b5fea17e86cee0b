"""Traces: the steps, their arithmetic, going back, why, pictures of steps; and the graph stays as it was."""

from __future__ import annotations

import itertools
import math
import random
import re
import xml.etree.ElementTree as ET

import pytest
from helpers.graphs import programs
from helpers.graphs import run as run_program
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, sigmoid, svg, trace
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.views.record import Record
from micrograd.views.sentence import columns
from micrograd.views.why import counted
from micrograd.words import short


def expression():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    f = (x + sigmoid(y)) / (sigmoid(x) + (x + y) ** 2)
    f.label = "f"
    return x, y, f


def test_steps_show_the_arithmetic_with_the_numbers_put_in():
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    d = a * b
    d.label = "d"
    e = d + a
    e.label = "e"
    L = e * c
    L.label = "L"
    t = trace(L)
    assert [repr(step) for step in t] == [
        "[1/6] ∂L/∂e = c = 10; times L.grad: 10 × 1 = 10\n      e.grad = 10 from L",
        "[2/6] ∂L/∂c = e = -4; times L.grad: -4 × 1 = -4\n      c.grad = -4 from L",
        "[3/6] ∂e/∂d = 1; times e.grad: 1 × 10 = 10\n      d.grad = 10 from e",
        "[4/6] ∂e/∂a = 1; times e.grad: 1 × 10 = 10\n      a.grad = 10 from e",
        "[5/6] ∂d/∂a = b = -3; times d.grad: -3 × 10 = -30\n      a.grad = 10 from e + (-30) from d = -20",
        "[6/6] ∂d/∂b = a = 2; times d.grad: 2 × 10 = 20\n      b.grad = 20 from d",
    ]
    assert "e = d + a = -6 + 2 = -4" in t.forward()
    step = next(s for s in t if s.accumulates)
    assert step.number == 5 and step.before + step.contribution == step.after


def test_a_trace_touches_nothing_until_applied():
    x, y, f = expression()
    x.grad, f.grad = 5.0, 7.0
    t = trace(f)
    print(t, t.table(), t.why(x))
    assert (x.grad, y.grad, f.grad) == (5.0, 0.0, 7.0)
    t.apply()
    assert x.grad == pytest.approx(5.0 + 0.5348320870757594)
    assert f.grad == 1.0


@given(programs(), st.tuples(*[st.floats(-2, 2)] * 3))
def test_the_record_is_what_backward_does(program, point):
    leaves = [Value(x) for x in point]
    out = run_program(program, leaves)
    t = trace(out)
    out.backward()
    for node, grad in zip(t.graph.nodes, t.grads()):
        assert grad == node.value.grad or (grad is None and node.value.grad == 0.0)
    for step in t:
        assert step.before + step.contribution == step.after


@given(programs(), st.tuples(*[st.floats(-2, 2)] * 3))
def test_why_sums_to_the_gradient(program, point):
    leaves = [Value(x) for x in point]
    t = trace(run_program(program, leaves))
    grads = t.grads()
    for node in t.graph.nodes:
        why = t.why(node.index, limit=3000)
        if why.complete:
            scale = max(1.0, sum(map(abs, why.products)))  # terms of either sign may cancel
            assert abs(why.total - (grads[node.index] or 0.0)) <= 1e-12 * scale
            assert why.rest == 0.0 and "together" not in repr(why)
        else:
            assert f"… and {why.count - 3000:,} more paths: " in repr(why)
        assert f"over {why.count:,} path" in repr(why) or why.count == 0
        sizes = [abs(x) for x in why.products]  # the search multiplies in another order than the product that is shown
        assert all(x >= y * (1 - 1e-12) for x, y in itertools.pairwise(sizes))


@given(programs(), st.tuples(*[st.floats(-2, 2)] * 3), st.integers(1, 12))
def test_why_lists_the_largest_paths_and_sums_the_rest(program, point, limit):
    t = trace(run_program(program, [Value(x) for x in point]))
    for node in t.graph.nodes:
        every, some = t.why(node.index, limit=1000), t.why(node.index, limit=limit)
        if every.complete:
            assert some.products == every.products[:limit]
            assert some.rest == math.fsum(every.products[limit:])


def test_why_finds_the_largest_of_too_many_paths_at_once_and_says_so():
    x = Value(1.0, label="x")
    y = x
    for k in range(40):
        y = y + y * 0.5 ** (k + 1)
    why = trace(y).why(x, limit=4)
    assert why.count == 2**40 and why.products == [1.0, 0.5, 0.25, 0.125]
    assert not why.complete and why.rest == pytest.approx(why.gradient - 1.875)
    assert f"… and {2**40 - 4:,} more paths: {short(why.rest)} together" in repr(why)
    assert why.gradient == pytest.approx(y.data)


def test_why_counts_paths_too_many_for_digits_by_their_power_of_ten():
    x = y = Value(1.0, label="x")
    for _ in range(15_000):
        y = 0.5 * y + 0.5 * y
    why = trace(y).why(x, limit=2)
    assert why.count == 2**15_000 and "the sum over about 10^4515 paths\n" in repr(why)
    assert "… and about 10^4515 more paths: 1 together" in repr(why)
    assert counted(10**15 - 1, "path") == "999,999,999,999,999 paths" and counted(1, "path") == "1 path"
    for power in (15, 16, 300, 4999):  # where the logarithm, rounded, is off by one
        assert counted(10**power, "path") == f"about 10^{power} paths"
        assert counted(10 ** (power + 1) - 1, "path") == f"about 10^{power} paths"


def test_why_stays_within_a_terminal():
    net = MLP(2, [8, 8, 1], activation="tanh", rng=random.Random(0))
    loss = sum([net([0.1 * k, 1.0]) ** 2 for k in range(8)], start=Value(0.0))
    loss.label = "the loss " * 30
    t = trace(loss, names={"a_net_of_mine" * 5: net})
    for node in t.graph.nodes[:40]:
        lines = repr(t.why(node.index)).splitlines()
        assert len(lines) <= 2 * 20 + 3 and all(columns(line) <= 80 for line in lines)
    assert "the sum over 64 paths" in repr(t.why(net.layers[0].neurons[0].w[0]))
    assert len(t.why(net.layers[0].neurons[0].w[0], limit=50).paths) == 50
    named = repr(trace(net([0.1, 1.0]), names={"net": net}).why(net.layers[0].neurons[0].w[1]))
    assert re.search(r"layers\.0\.neurons\.0\.w\.1 → layers\.1\.neurons\.7 → layers\.2\.neurons\.0 → ", named)
    assert re.search(r" × 1 \(\d+ times\) = ", named)


def test_why_of_what_does_not_reach_the_result_and_of_the_result():
    x, z = Value(1.0, label="x"), Value(2.0, label="z")
    t = trace(Value(3.0, (x * 1.0, z), "f"))
    assert "does not reach" in repr(t.why(z))
    assert t.why(t.graph.root.index).total == 1.0


def test_positions_are_indices_into_time():
    _, _, f = expression()
    t = trace(f)
    assert len(t) == 11 and t[3].number == 4 and t[-1] is t[10]
    states = [t.grads(p) for p in range(len(t) + 1)]
    assert states[0] == [None] * (len(t.graph.nodes) - 1) + [1.0]
    for p, step in enumerate(t):
        changed = [i for i, (a, b) in enumerate(zip(states[p], states[p + 1])) if a != b]
        assert changed in ([step.receiver], [])
    assert [t.grads(p) for p in range(len(t) + 1)] == states
    assert [s.number for s in t.at("x")] == [6, 8, 9]
    assert [s.number for s in t.at(f)] == [1, 2]
    with pytest.raises(KeyError):
        t.at("zz")


def test_later_changes_to_the_graph_do_not_change_the_record():
    x = Value(2.0, label="x")
    z = x * x
    t = trace(z)
    x.data = z.data = 100.0
    assert t.forward() == ["v1 = x * x = 2 * 2 = 4"]
    assert [step.after for step in t] == [2.0, 4.0]


def test_a_backward_by_hand_is_a_step_of_its_own():
    x = Value(2.0, label="x")
    out = Value(x.data**2, (x,), "square", label="out")

    def step():
        x.grad += 2 * x.data * out.grad

    out._backward = step
    t = trace(out * 10.0)
    assert repr(t.at("x")[0]) == (
        "[2/2] out's backward, written by hand, adds 40 to x.grad\n      x.grad = 40 from out"
    )
    assert "written by hand" in repr(t.why(x))
    assert x.grad == 0.0


def test_the_table():
    rows = [line.split() for line in trace(expression()[2]).table().splitlines()]
    assert rows[0] == ["name", "=", "data", "grad"]
    assert rows[-1] == ["f", "v2", "/", "v6", "0.4135", "1"]


def test_a_failed_forward_has_a_trace_without_backward():
    with pytest.raises(ValueError) as caught:
        (Value(1.0, label="x") - 2.0).sqrt()
    t = trace(caught.value)
    assert len(t) == 0
    assert "failed" in t.forward()[-1]
    assert t.grads() == [None] * 4


def test_a_derivative_that_does_not_exist_is_said_and_leaves_no_trace():
    x = Value(0.0, label="x")
    x.grad = 3.0
    with pytest.raises(ZeroDivisionError, match="backward through sqrt"):
        trace(x.sqrt() * 2.0)
    assert x.grad == 3.0


SVG = "{http://www.w3.org/2000/svg}"


def test_what_no_longer_follows_is_said_and_not_shown_as_an_equation():
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    z = x * w
    z.label = "z"
    z.backward()
    w.data = 100.0  # as an optimizer's step does
    t = trace(z)
    assert t.forward() == ["z = x * w = (before data changed) = 6"]
    assert str(t[0]) == "[1/2] ∂z/∂x = (before data changed) = 3; times z.grad: 3 × 1 = 3\n      x.grad = 3 from z"
    assert not t.graph.follows(t.graph.root) and "= w" not in svg(z, derivatives=True)
    again = trace(x * w)
    assert again.forward() == ["v1 = x * w = 2 * 100 = 200"] and again.graph.follows(again.graph.root)
    net = MLP(2, [2, 1], rng=random.Random(0))
    loss = mse([net([1.0, 2.0])], [1.0])
    assert all(Record(loss).graph.follows(node) for node in Record(loss).graph.nodes)


def test_stills_show_the_gradients_of_their_moment():
    t = trace(expression()[2])
    start, end = t.svg(step=0), t.svg()
    assert start.count(">·</text>") == 8 and end.count(">·</text>") == 0
    assert "var(--lit)" in end and "stroke:var(--lit)" not in start
    assert "stroke:#7c3aed" in t.svg(theme="light") and "stroke:#a78bfa" in t.svg(theme="dark")
    ET.fromstring(end)
    with pytest.raises(IndexError, match="this trace has 11 steps"):
        t.svg(step=12)


def test_a_lit_edge_points_the_way_that_backward_goes():
    x = Value(3.0, label="x")
    t = trace(x * x)
    for step, edge in ((1, "e0_1_0"), (2, "e0_1_1")):  # one of two edges between the same boxes
        rule = re.search(rf"\.{edge} path\{{([^}}]*)\}}", t.svg(step=step))[1]
        assert "marker-end:none" in rule and re.search(r"marker-start:url\(#\w+-\d-back\)", rule)
        assert t.svg(step=step).count("marker-start") == 1
        assert 'orient="auto-start-reverse"' in t.svg(step=step)


def test_stills_and_animations_take_what_drawings_take(tmp_path):
    t = trace(expression()[2])
    assert "∂" in "".join(ET.fromstring(t.svg()).itertext())
    words = [e.text for e in ET.fromstring(t.svg(derivatives=False)).iter(f"{SVG}text")]
    assert not any("∂" in word for word in words)
    net = MLP(2, [3, 1], rng=random.Random(0))
    t = trace(net([1.0, 2.0]))
    assert "Layer 2 → 3" in t.svg(fold="layer", theme="dark", rankdir="TB")
    text = t.animate(tmp_path / "a.svg", fold="layer", theme="print").read_text()
    assert "Layer 2 → 3" in text and "prefers-color-scheme" not in text
    with pytest.raises(ValueError, match="theme='sepia' is not a theme"):
        t.svg(theme="sepia")
    for wrong in (lambda: t.svg(colour=1), lambda: t.animate(tmp_path / "a.svg", colour=1), lambda: t.debug(colour=1)):
        with pytest.raises(
            TypeError, match=r"^(Trace\.)?(svg|animate|debug)\(\) got an unexpected keyword argument 'colour'"
        ):
            wrong()


def test_the_animation_plays_by_css_and_stands_still_on_request(tmp_path):
    t = trace(expression()[2])
    text = t.animate(tmp_path / "b.svg", seconds=2).read_text()
    root = ET.fromstring(text)
    frames = [g for g in root.iter(f"{SVG}g") if (g.get("class") or "").startswith("frame")]
    assert len(frames) == len(t) + 1
    id = root.get("id")
    assert "<script" not in text and f"animation:{id} 24s" in text
    assert f"prefers-reduced-motion:reduce){{#{id} .frame{{animation:none}}#{id} .f11{{visibility:visible" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    captions = [e.text for e in frames[5].iter(f"{SVG}text") if e.get("class") == "caption"]
    assert "".join("".join(captions).split()) == "".join(str(t[4]).split())
    net = MLP(3, [8, 1], rng=random.Random(0))
    with pytest.raises(ValueError, match="too long to watch"):
        trace(net([1.0, 2.0, 3.0])).animate(tmp_path / "c.svg")
    with pytest.raises(ValueError, match="more than 0"):
        t.animate(tmp_path / "c.svg", seconds=0)


def test_the_caption_does_not_widen_the_animation(tmp_path):
    t = trace(expression()[2])
    width = lambda text: float(ET.fromstring(text).get("width"))  # noqa: E731
    assert width(t.animate(tmp_path / "a.svg").read_text()) == width(t.svg())


def test_constants_are_sent_nothing():
    x = Value(2.0, label="x")
    t = trace((1 - x * 3.0) ** 2)
    assert [t.graph.nodes[step.receiver].kind for step in t] == ["operation", "operation", "input"]


def test_numbers_of_any_size_keep_four_digits():
    z = Value(5.0, label="z")
    step = trace(z * 1e-6 * 1.23456e-6)[-1]
    assert repr(step).endswith("= 1.235e-12\n      z.grad = 1.235e-12 from v1")


def test_the_factors_of_a_path_stand_in_the_order_of_its_arrows():
    x, w = Value(1.0, label="x"), Value(3.0, label="w")
    z = (x * 2.0) * w
    assert "x → v1 → v2: 2 × 3 = 6" in repr(trace(z).why(x))


def test_a_backward_by_hand_hides_only_the_paths_through_it():
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    made = Value(1.0, (a,), "f")
    made._backward = lambda: None
    t = trace(made + b * 2.0)
    assert t.why(b).total == 2.0
    assert "written by hand" in repr(t.why(a))


def test_positions_beyond_the_steps_are_refused():
    t = trace(Value(1.0) * Value(2.0))
    for position in (-1, 3):
        with pytest.raises(IndexError, match="this trace has 2 steps"):
            t.grads(position)


def test_hostile_names_in_an_animation(tmp_path):
    for label in ("a\x1bb", "a\ud800b", "</text><script>", "long" * 3000):
        x = Value(2.0, label=label)
        text = trace(x * x).animate(tmp_path / "a.svg").read_text()
        ET.fromstring(text)
        assert "<script" not in text
        assert float(ET.fromstring(text).get("width")) < 2500
    with pytest.raises(ValueError, match=r"the suffix must be \.svg"):
        trace(x).animate(tmp_path / "a.gif")
    with pytest.raises(ValueError, match=r"the suffix must be \.html"):
        trace(x).html(tmp_path / "a.pdf")


def test_large_graphs_pass_through_every_view():
    x = Value(0.5, label="x")
    y = x
    for _ in range(50_000):
        y = y.sin() + 1e-9
    t = trace(y)
    assert len(t) == 100_000
    assert t.why(x).count == 1
    assert t.grads(3)[-1] == 1.0
    assert len(t.table().splitlines()) == 100_002
