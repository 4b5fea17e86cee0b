"""The page as a reader sees it: in a real browser, from a file; what it says, shows and lets nobody smuggle in."""

from __future__ import annotations

import base64
import functools
import hashlib
import math
import random
import re

import pytest
from helpers.pages import (
    HOSTILE,
    at,
    by_hand,
    card,
    contrast,
    fraction,
    go_to,
    net,
    neuron,
    not_finite,
    numbers,
    press,
    random_graph,
    steps_of,
)

from micrograd import Value, log, relu
from micrograd.nn import Neuron
from micrograd.table import TABLE, split_case
from micrograd.views.page import Page, explain, page
from micrograd.views.page.contents import title_of
from micrograd.views.sentence import WIDTH, columns
from micrograd.views.snapshot import snapshot
from micrograd.views.trace import trace
from micrograd.words import short


def test_the_policy_lets_in_one_script_and_one_style_and_there_is_no_other():
    text = page(trace(neuron()))
    contents = [re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", text, flags=re.DOTALL) for tag in ("script", "style")]
    assert [len(found) for found in contents] == [1, 1]
    script, style = (base64.b64encode(hashlib.sha256(found.encode()).digest()).decode() for (found,) in contents)
    policy = f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; base-uri 'none'"
    assert f'"Content-Security-Policy" content="{policy}; form-action \'none\'"' in text
    markup = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"""<a\b|href|\bsrc=|\sstyle=|\son\w+=|%3|https?:""", markup)
    assert "innerHTML" not in text and "eval(" not in text


def test_the_policy_refuses_what_comes_from_outside(browser, tmp_path):
    path, asked = explain(fraction(), tmp_path / "z.html"), []
    tab = browser.new_page()
    tab.on("requestfinished", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    refused = tab.evaluate("""async () => {
      const found = [];
      document.addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
      const image = document.createElement("img"), script = document.createElement("script");
      image.src = "http://127.0.0.1:9/x.png";
      script.textContent = "document.title = 'smuggled'";
      document.body.append(image, script);
      await fetch("http://127.0.0.1:9/").catch(() => {});
      await new Promise((done) => setTimeout(done, 100));
      return found.sort(); }""")
    assert refused == ["connect-src", "img-src", "script-src-elem"]
    assert asked == [path.as_uri()] and tab.title() == "z = x / (x + y)"
    tab.close()


def test_the_same_trace_gives_the_same_text(tmp_path):
    text = page(trace(fraction()))
    assert text == page(trace(fraction())) and "<title>z = x / (x + y)</title>" in text
    assert explain(fraction(), str(tmp_path / "a.html"), names={"other": Value(1.0)}) == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_bytes() == text.encode()


def test_a_notebook_shows_the_page_in_place(open_page, browser):
    found = explain(fraction())
    assert isinstance(found, Page) and "z = x / (x + y)" in repr(found) and ".save(" in repr(found)
    tab, wrong = browser.new_page(viewport={"width": 1000, "height": 900}), []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.set_content(f"<p>a notebook</p>{found._repr_html_()}")
    frame = tab.frames[1]
    frame.get_by_role("button", name="Last step").click()
    assert frame.locator("#stage").text_content() == "Backward, step 4 of 4" and wrong == []
    tab.close()


def test_sizes():
    assert len(page(trace(fraction())).encode()) < 60_000
    for t in map(trace, (*map(random_graph, range(3)), Neuron(9)([float(i) for i in range(9)]))):
        assert 37 <= len(t.graph.nodes) <= 40 and len(page(t).encode()) < 80_000
    for t in map(trace, (net(6, 10, 9, 1), random_graph(1, values=1000))):
        assert len(t.graph.nodes) > 950 and len(page(t).encode()) < 500_000
    with pytest.raises(ValueError, match="20,001 values is too large for a browser"):
        page(trace(functools.reduce(lambda x, _: -x, range(20_000), Value(1.0))))


def test_the_title_is_the_expression():
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(6.7, label="b")
    spelled = {
        "tanh(w * x + b)": (w * x + b).tanh(),
        "(x - (w - b)) / (x * w)": (x - (w - b)) / (x * w),
        "-(x + w)**2": -((x + w) ** 2),
        "x / (w / b)": x / (w / b),
    }
    assert [title_of(snapshot(value)) for value in spelled.values()] == [*spelled]
    assert (
        title_of(snapshot(functools.reduce(lambda y, _: y * w + b, range(50), x))) == "v100, computed from 102 values"
    )
    assert title_of(snapshot(x)) == "x"


def test_a_result_without_a_name_is_called_as_the_box_that_it_is_in():
    loss = net(3, 20, 1, rows=4)
    values = len(snapshot(loss).nodes) - 1
    assert title_of(snapshot(loss)) == f"mean squared error over 4 rows, computed from {values:,} values"
    assert title_of(snapshot(loss**0.5 * 3)).startswith("result, computed from ")  # not known to be a loss
    loss.label = "error"
    assert title_of(snapshot(loss)).startswith("error, computed from ")


@pytest.mark.parametrize("make", [fraction, neuron, by_hand, not_finite, random_graph, net])
def test_the_page_says_what_the_trace_says_and_comes_to_the_same_gradients(open_page, make):
    t = trace(make())
    tab = open_page(t)
    text = "const textOf = (piece) => typeof piece === 'string' ? piece : [piece[1]].flat().map(textOf).join('')"
    lines = "(_, i) => linesAt(i + 1).map((line) => line.map(textOf).join(''))"
    theirs = tab.evaluate(f"() => {{ {text}; return Array.from({{length: last}}, {lines}); }}")
    heads = [0] * len(t.forward()) + [len(f"[{step.number}/{len(t)}] ") for step in t]
    for python, script, head in zip(steps_of(t), theirs, heads, strict=True):
        # a terminal has 80 columns, and Python leaves out what does not fit: only there may they differ
        assert python.splitlines() == script or max(columns(line) + head for line in script) > WIDTH, (python, script)
    ours = theirs
    for i in (1, len(ours) // 2, len(ours)):
        go_to(tab, i)
        said = "\n".join(tab.locator("#arithmetic .line").all_text_contents())
        assert said.replace("−", "-") == "\n".join(theirs[i - 1])
    for p in {0, 1, len(t) // 2, len(t)}:  # as the text that the details show, which keeps -0 and nan
        texts = tab.evaluate("p => gradsAt(forward + p).map(x => x === null ? null : full(x))", p)
        grads = [None if text is None else float(text) for text in texts]
        assert list(map(repr, grads)) == list(map(repr, t.grads(p)))


def test_formulas_are_written_as_python_writes_them(open_page):
    entries = [entry for entry in TABLE.values() if entry.built_in]
    cases = [(entry, *split_case(case)) for entry in entries for case in entry.cases]
    tab = open_page(sum(entry.apply([Value(x) for x in xs], static) for entry, xs, static in cases))
    names = "x -4 2.5e-07 layers.0.w.1 (a+b) f(x) -y".split()
    write = """names => computed.filter((node) => node.operands.length === names.length)
      .map((node) => written(node.how, names))"""
    for entry, operands, static in cases:
        for start in range(len(names)):
            some = [*names, *names][start : start + len(operands)]
            assert entry.bind(**static).formula(some) in tab.evaluate(write, some), (entry.name, some)


def test_powers_by_hand_are_written_as_python_writes_them(open_page):
    powers = [Value(9.0, (Value(2.0),), symbol) for symbol in ("**2", "**-1", "**")]
    for z in powers:
        z._backward = lambda: None
    tab = open_page(sum(powers))
    said = tab.evaluate("computed.map((node) => [node.formula, written(node.how, ['-y'])]).flat()")
    for z in powers:
        assert z._operation.formula(["-y"]) in said and z._op.replace("**", "(-y)**", 1) in z._operation.formula(["-y"])


def test_numbers_are_written_as_python_writes_them(open_page):
    rng = random.Random(0)
    some = "0 -0.0 .03125 .09375 -2.0625 1.00005 999.95 9999.5 1e-5 1e-4 99995 1e21 1.5e300 2.5 1e22 5e-324 10003.5"
    some = [float(x) for x in f"{some} nan inf -inf".split()]
    some += [rng.uniform(-1, 1) * 10.0 ** rng.randint(-8, 8) for _ in range(2000)]
    some += [rng.randint(-(10**6), 10**6) / 2 ** rng.randint(0, 12) for _ in range(4000)]
    tab = open_page(fraction())
    assert tab.evaluate("xs => xs.map(short)", some) == [short(x) for x in some]
    assert [repr(float(x)) for x in tab.evaluate("xs => xs.map(full)", some)] == [repr(x) for x in some]


def test_scrubbing_to_each_end(open_page):
    t = trace(fraction())
    tab = open_page(t)
    scrubber, z = tab.locator("#scrubber"), card(tab, "z")
    assert (scrubber.get_attribute("max"), at(tab)) == ("6", 0)
    assert numbers(z) == ["·", "·"] and "ahead" in z.get_attribute("class")
    go_to(tab, 6)
    assert "ahead" not in z.get_attribute("class") and numbers(card(tab, "x")) == ["2", "−0.5 + (−0.5)", "= −1"]
    assert tab.locator("#stage").text_content() == "Backward, step 4 of 4" == scrubber.get_attribute("aria-valuetext")
    go_to(tab, 2)
    assert tab.locator("#heading").text_content() == "z is the result." and numbers(z) == ["−1", "1"]
    assert "how fast does z change" in tab.locator("#remark").text_content()
    go_to(tab, 0)
    assert tab.locator("#arithmetic").text_content().startswith("Nothing is computed yet")

    def lit():  # what a step is about
        names = [tab.locator(f"{each} text.name").all_text_contents() for each in (".card.to", ".card.from")]
        return [*names, tab.locator("path.now").count(), tab.locator("path.backward").count()]

    go_to(tab, 1)
    assert lit() == [["s"], ["x", "y"], 2, 0]
    go_to(tab, 5)
    assert lit() == [["x"], ["s"], 1, 1]


def test_a_merge_shows_both_arrivals_and_their_sum(open_page):
    tab = open_page(fraction())
    x, chips = card(tab, "x"), tab.locator(".chip:not(.none):not(.local) text")
    go_to(tab, 3)
    assert numbers(x) == ["2", "−0.5 + …", ""] and chips.all_text_contents() == ["−0.5 from z"]
    assert tab.locator("#heading").text_content() == "z sends −0.5 to x: the first of two parts of x.grad."
    go_to(tab, 5)
    assert numbers(x) == ["2", "−0.5 + (−0.5)", "= −1"]
    assert sorted(chips.all_text_contents()) == ["−0.5 from s", "−0.5 from z", "−0.5 from z"]  # to x, and to s
    assert "Across paths, add: x reaches z twice, directly and through s." in tab.locator("#remark").text_content()
    assert tab.locator("#arithmetic .sum").text_content() == "−1"
    local = tab.locator(".chip.local text").all_text_contents()
    assert local == ["slope 1"]  # on the edge along which nothing has gone yet


def test_a_repeated_operand_is_two_edges_and_two_derivatives(open_page):
    a = Value(3.0, label="a")
    b = a * a
    b.label = "b"
    tab = open_page(b)
    assert tab.locator("path.edge").count() == 2
    press(tab, "End")
    assert numbers(card(tab, "a")) == ["3", "3 + 3", "= 6"]
    assert tab.locator("#arithmetic .line").first.text_content() == "∂b/∂(operand 2) = a = 3; times b.grad: 3 × 1 = 3"
    assert tab.locator(".chip.positive text").all_text_contents() == ["3 from b", "3 from b"]


def test_details_follow_the_receiver_until_a_card_is_chosen(open_page):
    tab = open_page(fraction())
    name, facts = tab.locator("#details-name"), tab.locator("#details dl")
    press(tab, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
    assert name.text_content() == "s" and "∂s/∂x = 1" in tab.locator("#details").text_content()
    card(tab, "y").click()
    press(tab, "End")
    assert name.text_content() == "y" and facts.text_content() == "kindinputdata−4grad−0.5"
    tab.get_by_role("button", name="follow the step").click()
    press(tab, "ArrowLeft")
    assert name.text_content() == "x"
    go_to(tab, 0)
    assert "·" in facts.text_content()


def test_why_lists_the_paths_and_lights_them(open_page):
    tab = open_page(fraction())
    press(tab, "End", "ArrowLeft")
    ways = tab.locator(".way-button")
    assert ways.all_text_contents() == ["x → z: −0.5", "x → s → z: 1 × (−0.5) = −0.5"]
    assert tab.locator("#why p").text_content() == "−1 is the sum over 2 paths:"
    ways.nth(1).focus()
    assert tab.locator("path.way").count() == 2
    assert tab.locator(".card.way text.name").all_text_contents() == ["x", "s", "z"]
    ways.nth(0).click()
    assert tab.locator(".card.way text.name").all_text_contents() == ["x", "z"]

    def why(what, name):
        tab = open_page(what)
        card(tab, name).click()
        press(tab, "End")
        return tab.locator("#details").text_content(), tab.locator(".ways li").all_text_contents()

    t = trace(neuron())
    found = [float(way.rpartition(" = ")[2].replace("−", "-")) for way in why(t, "w1")[1]]
    assert found == [float(short(x)) for x in t.why("w1").products]
    ways = why(functools.reduce(lambda y, _: y + y, range(8), Value(1.0, label="x")), "x")[1]
    assert len(ways) == 21 and ways[-1] == "and 236 more paths: 236 together"
    unused = Value(7.0, (Value(2.0, label="unused"),), "f") * 2
    assert "unused does not reach v2" in why(unused, "unused")[0]
    assert "written by hand is on the way" in why(by_hand(), "x")[0]


def test_dark_mode_can_be_read_and_less_motion_is_none(open_page):
    parts = [".card .frame", ".card text.name", ".tint.positive", ".tint.negative", ".card .label", ".card.to .frame"]
    look = f"""() => [getComputedStyle(document.body).backgroundColor,
      ...{parts}.map((part, i) => {{
      const style = getComputedStyle(document.querySelector(part)); return i === 5 ? style.stroke : style.fill; }})]"""
    looks = []
    for scheme in ("light", "dark"):
        tab = open_page(neuron(), color_scheme=scheme)
        press(tab, "End", "ArrowLeft")
        looks.append(tab.evaluate(look))
        ground, paper, text, positive, negative, muted, lit = looks[-1]
        # the ratios that WCAG asks of text and of marks
        assert min(contrast(text, behind) for behind in (ground, paper, positive, negative)) >= 4.5
        assert min(contrast(muted, behind) for behind in (ground, paper)) >= 4.5
        low = ".tint:is(.positive, .negative) ~ .low"  # a label on the tint is as dark as the number beside it
        assert tab.locator(low).first.evaluate("e => getComputedStyle(e).fill") == text
        assert contrast(lit, paper) >= 3
        spans = tab.locator("#arithmetic span").evaluate_all(
            "all => all.map(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
        )
        assert all(contrast(*pair) >= 4.5 for pair in spans if not pair[1].endswith(", 0)"))
        assert tab.evaluate("document.getAnimations().length") == 0
    assert all(light != dark for light, dark in zip(*looks))


def test_contributions_travel_unless_less_motion_is_wished(open_page):
    tab = open_page(fraction(), reduced_motion="no-preference")
    go_to(tab, 4)
    # frames come when the test says so, at the times that it says
    tab.evaluate("""() => { globalThis.waiting = []; performance.now = () => 1000;
      requestAnimationFrame = (draw) => waiting.push(draw); }""")
    press(tab, "ArrowRight")
    frame = """(now) => { waiting.splice(0).forEach((draw) => draw(now));
      return document.querySelector(".chip.now").getAttribute("transform"); }"""
    places = [tab.evaluate(frame, 1000 + 150 * i) for i in range(-1, 5)]
    rights = [float(re.findall(r"[\d.]+", each)[0]) for each in places]
    assert len(set(places)) > 4 and rights == sorted(rights, reverse=True)  # from s on the right to x on the left
    assert numbers(card(tab, "x")) == ["2", "−0.5 + …", ""]  # it has not arrived yet
    tab.evaluate(frame, 1000 + 2000)
    assert numbers(card(tab, "x")) == ["2", "−0.5 + (−0.5)", "= −1"]
    calm = open_page(fraction())
    go_to(calm, 4)
    press(calm, "ArrowRight")
    assert numbers(card(calm, "x")) == ["2", "−0.5 + (−0.5)", "= −1"]


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: label[:12])
def test_hostile_labels_are_text(open_page, label):
    z = relu(Value(6.0, (Value(2.0, label=label), Value(3.0, label="y")), label))
    z.label = label
    assert page(trace(z)).count("</script>") == page(trace(z)).count("</template>") == 1
    tab = open_page(z)
    text = label.replace("\n", " ")[:40]
    drawn = " ".join(tab.locator("#nodes text").all_text_contents())
    assert text[-12:] in drawn
    press(tab, "End")
    assert text in tab.locator("#details").text_content() or text in tab.locator("#details-name").text_content()
    assert text in tab.locator("#arithmetic").text_content()
    assert len(tab.locator("#arithmetic").text_content()) < 1200
    assert tab.locator("script").count() == 1 and tab.locator("img, i, a, b:not(.legend b)").count() == 0


def test_a_forward_that_failed_is_shown_up_to_the_failure(open_page):
    with pytest.raises(ValueError) as caught:
        log(Value(-2.0, label="x") + 1)
    t = trace(caught.value)
    tab = open_page(t)
    press(tab, "End", "ArrowRight")
    assert at(tab) == 2 and "failed: " in tab.locator("#arithmetic").text_content()
    assert t.graph.error.split(":")[0] in tab.locator("#arithmetic").text_content().replace("−", "-")
    assert "Forward stopped here, so there is no backward." in tab.locator("#remark").text_content()
    assert numbers(card(tab, "x")) == ["−2", "·"] and "failed" in tab.locator(".card.to").text_content()
    tab = open_page(Value(3.0, label="x"))
    press(tab, "End", "n", "p", "ArrowLeft", " ")
    assert numbers(card(tab, "x")) == ["3", "1"]


def test_nan_and_inf_are_marked(open_page):
    tab = open_page(not_finite())
    press(tab, "End")
    assert tab.locator(".card.odd").count() >= 2
    assert math.isnan(tab.evaluate("root.data"))
