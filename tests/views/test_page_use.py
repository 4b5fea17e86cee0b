"""The page in use: keys, play, the address, folded boxes, inputs that move, the guide, a phone."""

from __future__ import annotations

import math
import random
import re

import pytest
from helpers.cases import ROWS
from helpers.graphs import run
from helpers.live import ulps
from helpers.pages import at, by_hand, card, fraction, go_to, net, neuron, numbers, press, random_graph

from micrograd import Value
from micrograd.table import split_case
from micrograd.views.record import Record
from micrograd.views.trace import trace

LABEL = "(e => e.getAttribute('aria-label') ?? e.textContent)(document.activeElement)"


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
    tab.wait_for_timeout(1300)
    assert at(tab) == stopped and play.is_visible()
    go_to(tab, len(t.forward()) + len(t) - 1)
    play.click()
    tab.get_by_text(f"Backward, step {len(t)} of").wait_for()
    assert play.is_visible()
    play.click()  # at the end it starts again
    assert at(tab) == 0 and pause.is_visible()
    press(tab, "ArrowRight")  # a step by hand pauses
    assert play.is_visible()


def test_space_always_plays_and_the_speed_is_chosen(open_page):
    tab = open_page(fraction())
    play = "byId('play').textContent"
    for place in ("#next", "#guide-me", "#scrubber", "#inputs input[type=range]", ".card >> nth=1", "body"):
        tab.locator(place).first.focus()
        before = at(tab)
        press(tab, " ")
        assert tab.evaluate(play) == "Pause", place
        press(tab, " ")
        assert tab.evaluate(play) == "Play" and at(tab) - before <= 1, place
    assert tab.locator("#guide").is_hidden()
    speed = tab.locator("#speed")
    said = []
    for _ in range(5):
        said.append(speed.text_content())
        speed.click()
    assert said == ["1×", "2×", "4×", "½×", "1×"]
    press(tab, "Home")
    speed.click()  # 4×: the six steps pass within two seconds
    press(tab, " ")
    tab.get_by_text("Backward, step 4 of 4").wait_for(timeout=3500)


def test_keyboard_alone(open_page):
    tab = open_page(fraction())

    def after(*keys, what="byId('scrubber').valueAsNumber"):
        press(tab, *keys)
        return tab.evaluate(what)

    assert [after("ArrowRight", "ArrowRight", "ArrowLeft"), after("End"), after("ArrowRight")] == [1, 6, 6]
    # z sends in steps 3 and 4, s in 5 and 6; x gets its second contribution in 5
    assert [after("p"), after("n"), after("n"), after("Home"), after("p")] == [3, 5, 6, 0, 0]
    assert [after("m"), after("m"), after("Home")] == [5, 6, 0]
    assert [after("n") for _ in range(5)] == [1, 2, 3, 5, 6] and [after("p") for _ in range(4)] == [3, 2, 1, 0]
    order = [
        "x, slider",
        "x",
        "y, slider",
        "y",
        "Guide me",
        r"x: input.*",
        r"y: input.*",
        r"s = x \+ y: .*",
        r"z = x / s: .*",
    ]
    order += ["First step", "Previous step", "Play", "Next step", "Last step", "Step", "Speed: 1 times", "Whole"]
    for name in order:
        assert re.fullmatch(name, after("Tab", what=LABEL)), name
        assert tab.evaluate("document.activeElement.matches(':focus-visible')")
    tab.locator("#scrubber").focus()
    assert [after("ArrowRight", "ArrowRight", "ArrowLeft"), after("End"), after("Home"), after("n")] == [1, 6, 0, 1]
    tab.locator("#next").focus()
    assert after("Home", "Enter", "Enter") == 2
    tab.locator(".card").nth(1).focus()
    assert after("Enter", what="byId('details-name').textContent") == "y"
    tab.locator("#inputs input").first.focus()
    assert after("ArrowRight", what="nodes[0].data") != 2.0  # a slider keeps its arrows
    tab.locator("#inputs input[type=text]").first.focus()
    press(tab, "ControlOrMeta+A")
    tab.keyboard.type("3")
    assert after("Enter", what="nodes[0].data") == 3 and at(tab) == 2  # as typed, and no key moved the step


def test_the_address_holds_the_step_and_the_numbers(open_page):
    tab = open_page(fraction(), address="#step=5")
    assert at(tab) == 5 and numbers(card(tab, "x"))[2] == "= −1"
    press(tab, "ArrowLeft")
    tab.locator("#inputs input[type=text]").first.fill("3")
    press(tab, "Enter")
    tab.wait_for_timeout(600)  # the address changes rarely: Safari refuses more than 100 changes in half a minute
    assert tab.evaluate("location.hash") == "#step=4&x=3"
    linked = open_page(fraction(), address="#step=4&x=3")
    assert at(linked) == 4 and numbers(card(linked, "z"))[0] == numbers(card(tab, "z"))[0] == "−3"
    linked.evaluate("location.hash = '#step=6'")
    linked.get_by_text("Backward, step 4 of 4").wait_for()
    assert numbers(card(linked, "x"))[0] == "2"
    for strange in ("#step=99", "#step=-1", "#step=x&x=&y=nan&__proto__=1", "#%E0%A4%A"):
        assert open_page(fraction(), address=strange).locator("#stage").is_visible()


def test_every_control_and_every_node_has_a_name(open_page):
    t = trace(neuron())
    tab = open_page(t)
    press(tab, "End")
    card(tab, "b").click()
    controls = re.findall(r"- '?(button|slider|textbox|group|region)\b(.*)", tab.locator("body").aria_snapshot())
    cards = tab.locator(".card[role=button][tabindex='0']").count()
    assert cards == tab.locator(".card").count() == len([n for n in t.graph.nodes if n.kind != "constant"])
    assert [c for c in controls if not re.match(r' "[^"]+', c[1])] == [] and len(controls) > cards + 10
    name = f"b: input, data 6.88, gradient {t.grads()[t.graph.node('b').index]:.4g}"
    assert tab.get_by_role("button", name=name, pressed=True).count() == 1
    assert tab.locator("html[lang=en] #arithmetic[aria-live=polite]").count() == 1


def test_stepping_back_gives_exactly_the_earlier_state_on_a_phone_too(open_page):
    t = trace(neuron())
    tab = open_page(t, width=390)
    card_in = """g => [g.querySelector('.frame'), byId('stage-area')]
      .map(e => e.getBoundingClientRect()).flatMap(r => [r.left, r.right])"""
    state = """() => JSON.stringify([...document.querySelectorAll("main *, aside *")]
      .filter((e) => !e.closest(".chip.none")).map(e => [[...e.classList].sort(),
      ...["aria-label", "aria-valuetext", "transform", "font-size"].map(name => e.getAttribute(name)), e.hidden,
      e.children.length ? "" : e.textContent]))"""
    states = [tab.evaluate(state)]
    for _ in range(len(t.forward()) + len(t)):
        press(tab, "ArrowRight")
        states.append(tab.evaluate(state))
        left, right, start, end = tab.locator(".card.to").first.evaluate(card_in)  # the picture follows
        assert start <= left and right <= end and tab.evaluate("document.documentElement.scrollWidth") == 390
    assert len(set(states)) == len(states)
    for earlier in reversed(states[:-1]):
        press(tab, "ArrowLeft")
        assert tab.evaluate(state) == earlier


def test_a_phone_shows_the_result_and_the_sentence_together(open_page):
    tab = open_page(fraction(), width=390)
    go_to(tab, 3)  # backward's first step: z sends
    seen = "e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }"
    for what in (
        card(tab, "z").locator(".frame"),
        tab.locator("#heading"),
        tab.locator("#arithmetic"),
        tab.locator("#play"),
    ):
        left, top, right, bottom = what.evaluate(seen)
        assert left >= 0 and top >= 0 and right <= 390 and bottom <= 800


@pytest.mark.parametrize("graph", [neuron, lambda: net(3, 20, 1, rows=4)])
def test_a_phone_begins_with_the_first_card_and_says_nothing_of_keys(open_page, graph):
    told = "byId('remark').textContent"
    high = "e => e.getBoundingClientRect().height"
    left = "e => e.getBoundingClientRect().left"
    phone = open_page(graph(), width=390, has_touch=True, is_mobile=True)
    assert phone.evaluate(told) == "New here? Guide me takes a minute."
    assert all(phone.locator(".card .name").nth(k).evaluate(high) > 12 for k in range(3))  # pixels, not 6
    places = [each.evaluate(left) for each in phone.locator(".card .frame").all()]
    assert 0 <= min(places) < 60
    phone.locator("#whole").click()
    assert phone.locator(".card .name").first.evaluate(high) < 10  # all of it, as small as that is
    desk = open_page(graph())
    assert "Keys: " in desk.evaluate(told)
    places = [each.evaluate(left) for each in desk.locator(".card .frame").all()]
    assert 0 <= min(places) and max(places) < 1280 - 27 * 16  # a map of everything


def test_a_long_name_is_cut_before_the_kind_and_a_long_title_shrinks_before_its_sign(open_page):
    long = [Value(2.0, label=f"{name}_{'W' * 20}") for name in ("one", "two")]
    out = long[0] * long[1] + long[0].tanh()
    out.label = "M" * 30
    tab = open_page(out)
    sides = "(e) => { const r = e.getBoundingClientRect(); return [r.left, r.right]; }"
    for each in tab.locator(".card").all():
        name, kind = (each.locator(part).evaluate(sides) for part in (".name", ".kind"))
        assert name[1] < kind[0], each.text_content()
        assert each.locator(".name").text_content()[0] in "…v"
    tab = open_page(net(3, 20, 1, rows=4))
    for each in tab.locator(".card.folded").all():
        sign = each.locator(".open").evaluate(sides)
        assert all(line.evaluate(sides)[1] < sign[0] for line in each.locator(".name").all())


def test_a_folded_picture_opens_in_place_and_steps_box_by_box(open_page):
    t = trace(net(4, 8, 6, 1))
    assert len(t.graph.nodes) > 400
    tab = open_page(t)
    assert tab.locator(".card").count() <= 100
    folded = tab.locator(".card.folded")
    assert folded.count() > 2 and tab.evaluate("countStops()") < len(t) / 2
    moved = [at(tab)]
    for _ in range(4):
        press(tab, "ArrowRight")
        moved.append(at(tab))
    assert moved == sorted(set(moved)) and moved[-1] > 4  # several steps at once
    press(tab, ".")
    assert at(tab) == moved[-1] + 1  # and one alone
    openable = tab.locator(".card.folded:has(text.open)").first
    title, before = openable.get_attribute("aria-label").partition(":")[0], tab.locator(".card").count()
    openable.dispatch_event("click")
    assert tab.locator(".opened").count() == 1 and tab.locator(".card").count() > before
    assert title[:20] in tab.locator(".opened").text_content()
    press(tab, "Escape")
    assert tab.locator(".opened").count() == 0 and tab.locator(".card").count() == before
    press(tab, "End")
    assert not {"·", ""} & {numbers(folded.nth(i))[-1] for i in range(folded.count())}  # their mean gradients


def leaf_graphs():
    """For every case of every row, the operation on leaves, with the operands that a reader may drag."""
    for param in ROWS:
        entry = param.values[0] if hasattr(param, "values") else param
        for case in entry.cases:
            operands, static = split_case(case)
            yield entry.apply([Value(x, label=f"x{i}") for i, x in enumerate(operands)], static)


def test_dragging_gives_the_engines_numbers_for_every_row_of_the_table(open_page):
    """Each row is a page of its own part of one sum; every leaf is set anew to what it is, and all must agree."""
    roots = list(leaf_graphs())
    largest = 0
    for start in range(0, len(roots), 24):
        some = roots[start : start + 24]
        total, totals = Value(0.0, label="start"), set()
        for i, root in enumerate(some):
            for x in root._prev:
                x.label = f"{x.label}_{i}" if x.label.count("_") == 0 else x.label
            total = total + root
            totals.add(total)
        record = Record(total)
        tab = open_page(trace(total))
        assert tab.evaluate("canRecompute")
        tab.evaluate("change(nodes.find((node) => node.name === 'start'), 1)")
        tab.evaluate("change(nodes.find((node) => node.name === 'start'), 0)")
        found = tab.evaluate(
            "nodes.map((node) => [full(node.data), node.locals.map((x) => x === null ? null : full(x))])"
        )
        for node, (data, locals_) in zip(record.graph.nodes, found, strict=True):
            if node.value in totals:
                continue  # the sum of all rows: its own error grows with the other rows'
            largest = max(largest, ulps(float(data), node.data))
            for (_, ours), theirs in zip(record.graph.locals_of(node), locals_):
                if theirs is not None and ours is not None:
                    largest = max(largest, ulps(float(theirs), ours))
    assert largest <= 4


def test_random_graphs_follow_their_inputs(open_page):
    """Twenty pages of ten moves each: all data and gradients, against the engine on the same numbers."""
    rng = random.Random(3)
    for _ in range(20):
        choices = [(rng.choice("+-*t"), rng.randrange(99), rng.randrange(99)) for _ in range(rng.randint(3, 25))]
        tab = open_page(trace(run(choices, [Value(rng.uniform(-2, 2), label=name) for name in "abc"])))
        names = tab.evaluate("leaves.map((leaf) => leaf.name)")
        for _ in range(10):
            moved = {name: round(rng.uniform(-2, 2), 3) for name in names}
            tab.evaluate(
                "pairs => { for (const [name, x] of pairs) change(leaves.find((leaf) => leaf.name === name), x); }",
                [*moved.items()],
            )
            found = tab.evaluate(
                "[nodes.map((node) => full(node.data)), gradsAt(last).map((x) => x === null ? null : full(x))]"
            )
            values = {name: Value(moved.get(name, 0.0), label=name) for name in "abc"}
            t = Record(run(choices, list(values.values())))
            if len(t.graph.nodes) != len(found[0]):
                continue  # another branch of the program: it keeps large numbers small
            sizes = bounds_of(t)
            for node, ours, theirs, size in zip(t.graph.nodes, t.grads(), found[1], sizes, strict=True):
                assert math.isclose(float(found[0][node.index]), node.data, rel_tol=1e-12, abs_tol=1e-12)
                if ours is not None:
                    assert abs(float(theirs) - ours) <= 1e-12 * size
        tab.close()


def bounds_of(t):
    """For each node the sum of the sizes of all terms in its gradient."""
    sizes = [0.0] * len(t.graph.nodes)
    sizes[t.graph.root.index] = 1.0
    for step in t:
        sizes[step.receiver] += abs(step.local) * sizes[step.sender] + 1e-300
    return sizes


def test_a_dragged_input_moves_everything(open_page):
    tab = open_page(fraction())
    press(tab, "End")
    slider = tab.locator("#inputs input[type=range]").first
    place = slider.bounding_box()
    middle = place["y"] + place["height"] / 2
    tab.mouse.move(place["x"] + place["width"] / 2, middle)
    tab.mouse.down()
    tab.mouse.move(place["x"] + place["width"] * 0.3, middle, steps=5)
    tab.mouse.up()
    x = tab.evaluate("nodes[0].data")
    assert -2 < x < 2 and tab.locator("#change").text_content().startswith("x 2 → ")
    leaf, y = Value(x), Value(-4.0)
    z = leaf / (leaf + y)
    z.backward()
    assert numbers(card(tab, "z"))[0] == f"{z.data:.4g}".replace("-", "−")
    assert math.isclose(tab.evaluate("gradsAt(last)[0]"), leaf.grad, rel_tol=1e-12)
    tab.get_by_role("button", name="Reset").click()
    assert (
        numbers(card(tab, "x")) == ["2", "−0.5 + (−0.5)", "= −1"]
        and tab.get_by_role("button", name="Reset").is_hidden()
    )


def test_a_domain_error_shows_as_ours_does_and_ends_when_the_number_is_mended(open_page):
    tab = open_page(fraction())
    press(tab, "End")
    field = tab.locator("#inputs input[type=text]").first
    field.fill("4")
    press(tab, "Enter")
    with pytest.raises(ZeroDivisionError) as caught:
        x, y = Value(4.0, label="x"), Value(-4.0, label="y")
        s = x + y
        s.label = "s"
        x / s
    assert str(caught.value) in tab.locator("#arithmetic").text_content().replace("−", "-")
    assert "failed" in card(tab, "z").get_attribute("class") and numbers(card(tab, "z")) == ["failed", "·"]
    go_to(tab, 1)
    assert str(caught.value) in tab.locator("[role=alert]").text_content()
    field.fill("5")
    press(tab, "Enter")
    go_to(tab, 6)
    assert at(tab) == 6 and numbers(card(tab, "z")) == ["5", "1"]


def test_what_cannot_be_computed_again_says_so(open_page):
    tab = open_page(by_hand())
    assert tab.locator("#inputs input").first.is_disabled()
    assert "it was made by hand, or data was changed since" in tab.locator("#inputs").get_attribute("title")


def test_the_guided_minute_goes_through_and_can_be_skipped(open_page):
    tab = open_page(fraction())
    tab.get_by_role("button", name="Guide me").click()
    guide, titles, places = tab.locator("#guide"), [], []
    while guide.is_visible():
        titles.append(guide.locator("h2").text_content())
        places.append(at(tab))
        if titles[-1] == "Now you":
            assert "x" in guide.text_content() and tab.evaluate(LABEL) == "x, slider"
            press(tab, "ArrowRight")
            assert "→" in tab.locator("#change").text_content()
        guide.locator("button.primary").click()
    assert titles == ["Numbers that remember", "Forward", "The question", "Why multiply?", "Why add?", "Now you"]
    assert places == [0, 2, 2, 5, 5, 6] or places == [0, 2, 2, 6, 5, 6]
    tab.get_by_role("button", name="Guide me").click()
    guide.get_by_role("button", name="Skip").click()
    assert guide.is_hidden()
    tab.get_by_role("button", name="Guide me").click()
    press(tab, "Escape")
    assert guide.is_hidden()


def test_a_graph_of_a_thousand_nodes_follows_a_drag(open_page):
    """What it takes is in benchmarks/seeing.py; here, that everything is new."""
    tab = open_page(trace(random_graph(1, values=1000)))
    press(tab, "End")
    before = tab.locator("#nodes").text_content()
    tab.evaluate("change(leaves[0], leaves[0].data + 0.5)")
    assert tab.locator("#nodes").text_content() != before
