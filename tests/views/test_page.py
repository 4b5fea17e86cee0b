"""The page: in a real browser, from a file, with keyboard and mouse, and with labels that look like markup."""

from __future__ import annotations

import base64
import functools
import hashlib
import math
import random
import re
import shutil

import pytest

from micrograd import Value, exp, log, relu, tanh
from micrograd.losses import mse
from micrograd.nn import MLP, Neuron
from micrograd.views.page import explain, page, save
from micrograd.views.trace import Trace, trace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ALONE = ["background-networking", "component-update", "sync"]  # parts that would use the network by themselves
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", *(f"--disable-{what}" for what in ALONE)]
HOSTILE = ["</script><script>alert(1)</script>", "</template><img src=x onerror=alert(1)>", "<b>x</b>", "a|b", "x<0"]
HOSTILE += ['"];evil[label="', "&lt;i&gt; {0} ${1}", "new\nline", "l" * 10_000]


def fraction():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = x / (x + y)
    z.label = "z"
    return z


def neuron():
    """The two-input neuron of Karpathy's lecture."""
    x1, x2, w1, w2, b = (Value(v, label=n) for v, n in zip((2.0, 0.0, -3.0, 1.0, 6.88), "x1 x2 w1 w2 b".split()))
    e = exp(2 * (x1 * w1 + x2 * w2 + b))
    return (e - 1) / (e + 1)


def random_graph(seed=5, values=40):
    """A graph of exactly `values` values, all of which lead to the result, some by several paths."""
    rng = random.Random(seed)
    made = [Value(rng.uniform(-1, 1)) for _ in range(values // 4)]
    unused = list(made)
    while len(made) < values:
        together = len(unused) > values - len(made)  # time to bring together what is left
        a, b = unused.pop(0), unused.pop(0) if together else rng.choice(made)
        made.append(rng.choice([a * b, a + b, a - b] + [tanh(a)] * (not together)))
        unused.append(made[-1])
    return made[-1]


def net(*sizes):
    rng = random.Random(1)
    inputs, *layers = sizes or (3, 4, 1)
    f = MLP(inputs, layers, rng=rng)
    return mse([f([rng.uniform(-1, 1) for _ in range(inputs)]) for _ in range(2)], [1.0, -1.0])


def by_hand():
    x = Value(3.0, label="x")
    out = Value(9.0, (x,), "square")
    out._backward = lambda: setattr(x, "grad", x.grad + 2 * x.data * out.grad)
    return out * x + 1


def not_finite():
    x = Value(math.inf, label="x")
    return x * 0.0 + Value(-0.0) * x - Value(1e-300) * 1e-300


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


def test_the_same_trace_gives_the_same_text(tmp_path):
    text = page(trace(fraction()))
    assert text == page(trace(fraction())) and "<title>z = x / v1, step by step</title>" in text
    assert explain(fraction(), str(tmp_path / "a.html"), names={"other": Value(1.0)}) == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_bytes() == text.encode()


def test_sizes():
    for t in map(trace, (*map(random_graph, range(6)), Neuron(9)([float(i) for i in range(9)]))):
        assert 37 <= len(t.graph.nodes) <= 40 and len(page(t).encode()) < 40_000
    for t in map(trace, (net(6, 10, 9, 1), random_graph(1, values=1000))):
        assert len(t.graph.nodes) > 950 and len(page(t).encode()) < 500_000
    with pytest.raises(ValueError, match="20,001 values is too large for a browser"):
        page(trace(functools.reduce(lambda x, _: -x, range(20_000), Value(1.0))))


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH: the page was not opened")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the page was not opened")
    with playwright.sync_playwright() as p, p.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as browser:
        yield browser


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a page. At the end, check that the page logged nothing, requested nothing and showed no dialog."""
    wrong, tabs = [], []

    def visit(what, width=1100, **options):
        tab = browser.new_page(viewport={"width": width, "height": 800}, **options)
        tabs.append(tab)
        tab.set_default_timeout(20_000)
        path = save(what if isinstance(what, Trace) else trace(what), tmp_path / f"page{len(tabs)}.html")
        tab.on("console", lambda message: wrong.append(f"console {message.type}: {message.text}"))
        tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on("request", lambda request: request.url == path.as_uri() or wrong.append(f"request: {request.url}"))
        tab.goto(path.as_uri())
        return tab

    yield visit
    for tab in tabs:
        tab.close()
    assert wrong == []


def said(tab):
    return tab.locator("#arithmetic").text_content()


def press(tab, *keys):
    for key in keys:
        tab.keyboard.press(key)


def at(tab):
    return int(tab.get_by_role("slider").input_value())


def box(tab, text):
    """The drawn node whose label starts with a text."""
    return tab.locator("#nodes > g").filter(has=tab.locator("text", has_text=re.compile("^" + re.escape(text)))).first


@pytest.mark.parametrize("make", [fraction, neuron, by_hand, not_finite, random_graph, net])
def test_the_page_says_what_the_trace_says_and_comes_to_the_same_gradients(open_page, make):
    t = trace(make())
    tab = open_page(t)
    lines = [*t.forward(), *map(repr, t)]
    assert tab.evaluate("() => Array.from({length: last}, (_, i) => arithmeticAt(i + 1))") == lines
    for i in (1, len(lines) // 2, len(lines)):
        tab.get_by_role("slider").fill(str(i))
        assert said(tab) == lines[i - 1]
    for p in {0, 1, len(t) // 2, len(t)}:  # as the text that the details show, which keeps -0 and nan
        texts = tab.evaluate("p => gradsAt(forward + p).map(x => x === null ? null : full(x))", p)
        grads = [None if text is None else float(text) for text in texts]
        assert list(map(repr, grads)) == list(map(repr, t.grads(p)))


def test_numbers_are_written_as_python_writes_them(open_page):
    rng = random.Random(0)
    numbers = "0 -0.0 .03125 .09375 -2.0625 1.00005 999.95 9999.5 1e-5 1e-4 99995 1e21 1.5e300 2.5 1e22 5e-324 10003.5"
    numbers = [float(x) for x in f"{numbers} nan inf -inf".split()]
    numbers += [rng.uniform(-1, 1) * 10.0 ** rng.randint(-8, 8) for _ in range(2000)]
    numbers += [rng.randint(-(10**6), 10**6) / 2 ** rng.randint(0, 12) for _ in range(4000)]
    tab = open_page(fraction())
    assert tab.evaluate("xs => xs.map(short)", numbers) == [f"{x:.4g}" for x in numbers]
    assert [repr(float(x)) for x in tab.evaluate("xs => xs.map(full)", numbers)] == [repr(x) for x in numbers]


def test_scrubbing_to_each_end(open_page):
    t = trace(fraction())
    tab = open_page(t)
    scrubber, z = tab.get_by_role("slider", name="Step"), box(tab, "z = x / v1")
    assert (scrubber.get_attribute("max"), at(tab)) == ("6", 0)
    assert z.text_content() == "z = x / v1data · \u00a0 grad ·" and z.get_attribute("class") == "ahead"
    scrubber.fill("6")
    assert said(tab) == repr(t[3]) and "ahead" not in z.get_attribute("class")
    assert tab.locator("#stage").text_content() == "Backward, step 4 of 4" == scrubber.get_attribute("aria-valuetext")
    assert box(tab, "x").text_content() == "xdata 2 \u00a0 grad -1used 2 times"
    scrubber.fill("2")
    assert said(tab) == "z = x / v1 = 2 / (-2) = -1" and z.text_content() == "z = x / v1data -1 \u00a0 grad 1"
    assert "Backward starts at the result" in tab.locator("#remark").text_content()
    scrubber.fill("0")
    assert said(tab).startswith("Nothing is computed yet")

    def lit():  # what a step is about
        boxes = [tab.locator(f"{each} text:first-of-type").all_text_contents() for each in ("g.to", "g.from")]
        return [*boxes, tab.locator("path.lit").count()]

    scrubber.fill("1")
    assert lit() == [["v1 = x + y"], ["x", "y"], 2]
    scrubber.fill("5")
    assert lit() == [["x"], ["v1 = x + y"], 1] and tab.locator("#remark").text_content() == "d v1 / d x = 1"
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect(tab.locator("g.to > ellipse")).to_have_css("stroke-width", "3px")  # once its transition is over


def test_playing_stops_at_the_end_and_pausing_stops_it_before(open_page):
    t = trace(neuron())
    tab = open_page(t)
    play, pause = (tab.get_by_role("button", name=name) for name in ("Play", "Pause"))
    tab.wait_for_timeout(1200)
    assert at(tab) == 0  # nothing plays by itself
    play.click()
    tab.get_by_text("Forward, step 2 of").wait_for()
    pause.click()
    stopped = at(tab)
    tab.wait_for_timeout(1200)
    assert at(tab) == stopped and play.is_visible()
    tab.get_by_role("slider").fill(str(len(t.forward()) + len(t) - 1))
    play.click()
    tab.get_by_text(repr(t[-1])).wait_for()
    assert play.is_visible()
    play.click()  # at the end it starts again
    assert at(tab) == 0 and pause.is_visible()
    press(tab, "ArrowRight")  # a step by hand pauses
    assert play.is_visible()


def test_keyboard_alone(open_page):
    tab = open_page(fraction())
    focus = "document.activeElement"
    label, play = f"{focus}.getAttribute('aria-label') ?? {focus}.textContent", "byId('play').textContent"

    def after(*keys, what="byId('scrubber').valueAsNumber"):
        press(tab, *keys)
        return tab.evaluate(what)

    assert [after("ArrowRight", "ArrowRight", "ArrowLeft"), after("End"), after("ArrowRight")] == [1, 6, 6]
    # z sends in steps 3 and 4, v1 in 5 and 6
    assert [after("p"), after("n"), after("n"), after("Home"), after("p")] == [3, 5, 6, 0, 0]
    assert [after("n") for _ in range(5)] == [1, 2, 3, 5, 6] and [after("p") for _ in range(4)] == [3, 2, 1, 0]
    assert [after(" ", what=play), after(" ", what=play)] == ["Pause", "Play"]
    # the scrubber moves by its own keys, once for each
    assert after("Home", "Tab", what=label) == "Step"
    assert [after("ArrowRight", "ArrowRight", "ArrowLeft"), after("End"), after("Home"), after("n")] == [1, 6, 0, 1]
    assert [after(" ", what=play), after(" ", what=play)] == ["Pause", "Play"]
    buttons = ["First step", "Previous step", "Play", "Next step", "Last step"]
    assert [after("Tab", what=label) for _ in buttons] == buttons
    # "Next step" has space and Enter for itself, and leaves the arrows
    assert after("Home", "Shift+Tab", " ", " ", "Enter") == 3 and after("ArrowLeft") == 2
    # then come the nodes, operands first
    press(tab, "Tab")
    for name in ("x", "y", "v1", "z"):
        assert re.match(f"{name}( = .*)?: ", after("Tab", what=label))
        assert after(what=f"getComputedStyle({focus}).outlineStyle") == "solid"
        assert after(" " if name == "y" else "Enter", what="byId('details').firstChild.textContent") == name
        assert after(what=play) == "Play"


def test_the_details_of_a_node_and_why(open_page):
    tab = open_page(fraction())
    facts, items = tab.locator("#details dl"), tab.locator("#details li")
    box(tab, "x").click()
    assert facts.text_content() == "kindinputdata2grad· (not computed yet)"
    assert tab.locator("#details p").text_content() == "x.grad = -1, the sum over 2 paths:"
    assert items.all_text_contents() == ["x -> z:  -0.5000 = -0.5", "x -> v1 -> z:  1.0000 x -0.5000 = -0.5"]
    press(tab, "End")
    assert facts.text_content() == "kindinputdata2grad-1"
    box(tab, "z").click()
    assert facts.text_content() == "kindoperationformulax / v1data-1grad1"
    assert items.all_text_contents() == ["d z / d x = 1 / v1 = -0.5", "d z / d v1 = -z / v1 = -0.5", "z:  1 = 1"]
    assert tab.locator("#nodes > g[aria-pressed=true]").count() == 1

    def why(what, name):
        tab = open_page(what)
        box(tab, name).click()
        return tab.locator("#details p").text_content(), tab.locator("#details li").all_text_contents()

    t = trace(neuron())
    products = [float(way.rpartition(" = ")[2]) for way in why(t, "w1")[1]]
    assert products == t.why("w1").products and math.isclose(sum(products), t.grads()[t.graph.node("w1").index])
    ways = why(functools.reduce(lambda y, _: y + y, range(50), Value(1.0, label="x")), "x")[1]
    assert len(ways) == 21 and "(39 more)" in ways[0]
    assert ways[-1] == f"and {2**50 - 20:,} more paths, too many to list; all of them sum to the gradient"
    unused = Value(7.0, (Value(2.0, label="unused"),), "f") * 2
    assert why(unused, "unused")[0].startswith("unused does not reach v2")
    assert "written by hand is on the way" in why(by_hand(), "x")[0]


def test_stepping_back_gives_exactly_the_earlier_state_in_a_narrow_window_too(open_page):
    t = trace(neuron())
    tab = open_page(t, width=360)
    box(tab, "x1").click()
    state = """() => JSON.stringify([...document.querySelectorAll("main *")].map(e => [[...e.classList].sort(),
      ...["aria-label", "aria-valuetext", "fill-opacity", "stroke-width"].map(name => e.getAttribute(name)), e.value,
      e.children.length ? "" : e.textContent]))"""
    sides = "g => [g, g.closest('#scroller')].map(e => e.getBoundingClientRect()).flatMap(r => [r.left, r.right])"
    states = [tab.evaluate(state)]
    for _ in range(len(t.forward()) + len(t)):
        press(tab, "ArrowRight")
        states.append(tab.evaluate(state))
        left, right, start, end = tab.locator("g.to, g.from").first.evaluate(sides)  # the drawing scrolls by itself
        assert start < right and left < end and tab.evaluate("document.documentElement.scrollWidth") == 360
    assert len(set(states)) == len(states)
    for earlier in reversed(states[:-1]):
        press(tab, "ArrowLeft")
        assert tab.evaluate(state) == earlier


def test_a_folded_drawing_steps(open_page):
    t = trace(net(4, 8, 6, 1))
    assert len(t.graph.nodes) > 400
    tab = open_page(t)
    assert tab.locator("#nodes > g").count() <= 100
    lines = [*t.forward(), *map(repr, t)]
    for i in [*range(0, len(lines), 29), len(lines) - 1]:
        tab.get_by_role("slider").fill(str(i + 1))
        assert said(tab) == lines[i] and tab.locator("g.to, g.from").count() > 0
    tab.locator("g.folded").first.click()
    members = tab.locator("#details li button")
    assert 2 <= members.count() <= 60
    members.first.click()
    assert "part of" in tab.locator("#details dl").text_content()
    assert tab.evaluate("() => document.activeElement.closest('#details') !== null")


def test_dark_mode_can_be_read_and_less_motion_is_none(open_page):
    parts = ["section", "#nodes text", "#nodes .positive > *", "#nodes .negative > *", "#remark", "#nodes .to > *"]
    look = f"""() => {parts}.map(part => getComputedStyle(document.querySelector(part))).map((style, i) =>
      [style.backgroundColor, style.fill, style.fill, style.fill, style.color, style.stroke][i])"""
    motion = "() => [...document.querySelectorAll('*')].map(e => getComputedStyle(e).transitionDuration).join(' ')"
    looks = []
    for scheme in ("light", "dark"):
        tab = open_page(neuron(), color_scheme=scheme, reduced_motion="reduce")
        press(tab, "End")
        looks.append(tab.evaluate(look))
        paper, text, positive, negative, muted, lit = looks[-1]
        # the ratios that WCAG asks of text and of marks
        assert min(contrast(text, behind) for behind in (paper, positive, negative)) >= 4.5
        assert contrast(muted, paper) >= 4.5 and contrast(lit, paper) >= 3
        assert set(tab.evaluate(motion).split()) == {"0s"} and tab.evaluate("document.getAnimations().length") == 0
    assert all(light != dark for light, dark in zip(*looks))
    press(tab, " ")  # play still steps
    tab.get_by_text("Forward, step 1 of").wait_for()
    assert "0.2s" in open_page(neuron(), reduced_motion="no-preference").evaluate(motion)


def contrast(*colours):
    found = []
    for colour in colours:
        channels = [int(x) / 255 for x in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        found.append(0.05 + 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return max(found) / min(found)


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: label[:12])
def test_hostile_labels_are_text(open_page, label):
    z = relu(Value(6.0, (Value(2.0, label=label), Value(3.0, label="y")), label))
    z.label = label
    assert page(trace(z)).count("</script>") == page(trace(z)).count("</template>") == 1
    tab = open_page(z)
    text = label.replace("\n", " ")[:40]
    drawn = " ".join(tab.locator("#nodes text").all_text_contents())
    assert text in drawn
    tab.locator("#nodes > g").first.click()
    assert tab.locator("#details h2").text_content().startswith(text)
    press(tab, "End")
    assert text in said(tab) and len(said(tab)) < 600
    assert tab.locator("script").count() == 1 and tab.locator("img, i, a, b:not(.legend b)").count() == 0


def test_every_control_and_every_node_has_a_name(open_page):
    t = trace(neuron())
    tab = open_page(t)
    press(tab, "End")
    box(tab, "b").click()
    controls = re.findall(r"- '?(button|slider|group|region)\b(.*)", tab.locator("body").aria_snapshot())
    nodes = tab.locator("#nodes > g[role=button][tabindex='0']").count()
    assert nodes == tab.locator("#nodes > g").count() and len(controls) == 5 + 1 + 2 + 3 + nodes
    assert [c for c in controls if not re.match(r' "[^"]+', c[1])] == []
    name = f"b: input, data 6.88, gradient {t.grads()[t.graph.node('b').index]:.4g}"
    assert tab.get_by_role("button", name=name, pressed=True).count() == 1
    assert tab.locator("html[lang=en] #arithmetic[aria-live=polite]").count() == 1


def test_a_forward_that_failed_is_shown_up_to_the_failure(open_page):
    with pytest.raises(ValueError) as caught:
        log(Value(-2.0, label="x") + 1)
    t = trace(caught.value)
    tab = open_page(t)
    press(tab, "End", "ArrowRight")
    assert at(tab) == 2 and said(tab) == t.forward()[-1] and "failed: " in said(tab)
    assert tab.locator("#remark").text_content() == "Forward stopped here, so there is no backward."
    assert "grad ·" in box(tab, "x").text_content() and "failed" in tab.locator("g.to").text_content()
    tab.locator("g.to").click()
    assert t.graph.error in tab.locator("#details").text_content()
    tab = open_page(Value(3.0, label="x"))
    press(tab, "End", "n", "p", "ArrowLeft", " ")
    assert box(tab, "x").text_content() == "xdata 3 \u00a0 grad 1"
