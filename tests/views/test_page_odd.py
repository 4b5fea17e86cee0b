"""A page with odd graphs and odd hands: failures that end, addresses, the camera, drags, printing."""

from __future__ import annotations

import functools
import math
from importlib import resources
from pathlib import Path

import pytest
from helpers.pages import at, card, contrast, fraction, net, press

from micrograd import Value, log
from micrograd.nn import Neuron
from micrograd.views.page import squeeze
from micrograd.views.trace import trace


def test_an_operation_that_failed_goes_on_when_its_input_is_moved(open_page):
    with pytest.raises(ValueError) as caught:
        log(Value(-2.0, label="x") + 1)
    tab = open_page(trace(caught.value))
    press(tab, "End")
    assert tab.locator(".card.failed .kind").text_content() == "failed"
    tab.locator("#inputs input[type=text]").fill("1")
    press(tab, "Enter", "End")
    x = Value(1.0)
    root = log(x + 1)
    root.backward()
    assert tab.evaluate("[root.data, gradsAt(last)[0]]") == [root.data, x.grad]
    assert tab.locator(".card.failed").count() == 0 and "log(" in tab.locator(".card.result .kind").text_content()
    card(tab, tab.evaluate("root.name")).click()
    assert tab.locator("#details dd").first.text_content() == "operation"
    assert tab.locator("#change").text_content().endswith("failed → 0.6931")
    tab.get_by_role("button", name="Reset").click()
    press(tab, "End")
    assert str(caught.value) in tab.locator("#arithmetic").text_content().replace("−", "-")


def test_a_drag_to_where_there_is_no_derivative_and_back(open_page):
    x = Value(1.0, label="x")
    tab = open_page(x.sqrt() * 3)
    press(tab, "End")
    field = tab.locator("#inputs input[type=text]").first
    field.fill("0")
    press(tab, "Enter")
    assert "there is no backward here" in tab.locator("#remark").text_content()
    assert "sqrt" in tab.locator("#failure").text_content() and tab.evaluate("gradsAt(last)[0]") is None
    for rubbish in ("", "two", "1_0", "--3", "1/3"):
        field.fill(rubbish)
        press(tab, "Enter")
        assert tab.evaluate("nodes[0].data") == 0 and field.input_value() == "0"
    for text, number in (("−4e0", -4.0), ("inf", math.inf), ("-Inf", -math.inf), ("4", 4.0)):
        field.fill(text)
        press(tab, "Enter")
        assert tab.evaluate("nodes[0].data") == number
    press(tab, "End")
    assert tab.evaluate("gradsAt(last)[0]") == 0.75 and tab.locator("#failure").text_content() == ""


def test_an_address_tells_inputs_of_one_name_apart(open_page):
    def graph():
        return Value(1.0, label="x") * Value(2.0, label="x") + Value(3.0, label="step") * Value(4.0, label="__proto__")

    tab = open_page(graph())
    press(tab, "ArrowRight")
    tab.evaluate("leaves.forEach((leaf, i) => change(leaf, [5, -1/0, 7, 8][i]))")
    tab.wait_for_timeout(600)
    hash = tab.evaluate("location.hash")
    linked = open_page(graph(), address=hash)
    assert linked.evaluate("leaves.map((leaf) => full(leaf.data))") == ["5", "-inf", "7", "8"] and at(linked) == 1


def test_the_camera_stays_on_a_picture_and_on_the_box_that_opened(open_page):
    """No frame of a moving camera has a size below 0, and the card that gets the focus is inside of the opened box."""
    tab = open_page(net(4, 8, 6, 1), reduced_motion="no-preference")
    for _ in range(8):
        press(tab, "n", "n", "f", "End", "Home")
    inside = """() => { const [, x, y, width, height] = record.layouts[shown][4], [left, top, wide, high] = wanted;
      const card = cards.find((each) => each.card === document.activeElement);
      return card.x > x && card.x + card.width < x + width && card.y > y
        && left < x + width / 2 && x + width / 2 < left + wide
        && top < y + height / 2 && y + height / 2 < top + high; }"""
    tab.locator(".card.folded:has(text.open)").first.dispatch_event("click")
    assert tab.evaluate(inside)
    title = tab.locator(".opened > .label").text_content()
    press(tab, "Escape")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')").startswith(title[:20])


def test_the_picture_is_dragged_from_a_card_too_and_zoomed_about_the_pointer(open_page):
    tab = open_page(fraction())
    before, place = tab.evaluate("camera"), card(tab, "s").locator(".frame").bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + 10
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 80, y + 40, steps=4)
    tab.mouse.up()
    after = tab.evaluate("camera")
    scale = tab.evaluate("stage.clientWidth / camera[2]")
    assert math.isclose(after[0] - before[0], 80 / scale, rel_tol=0.01) and tab.evaluate("pinned") is None
    tab.mouse.click(x - 80, y + 40)
    assert tab.evaluate("pinned.name") == "s"
    place = card(tab, "s").locator(".frame").bounding_box()
    tab.mouse.move(place["x"], place["y"])
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -200)
    tab.keyboard.up("Control")
    tab.wait_for_timeout(200)
    larger = card(tab, "s").locator(".frame").bounding_box()
    assert larger["width"] > 1.5 * place["width"] and abs(larger["x"] - place["x"]) < 2 > abs(larger["y"] - place["y"])


def test_a_parameter_is_dragged_in_the_details(open_page):
    neuron = Neuron(1, nonlin=False)
    neuron.w[0].data, neuron.w[0].label = 0.5, "w"
    tab = open_page(neuron([Value(2.0, label="x")]))
    assert tab.evaluate("topInputs.map((node) => node.name)") == ["x"]
    tab.evaluate("pin(nodes.find((node) => node.data === 0.5))")
    press(tab, "End")
    place = tab.locator("#lent input[type=range]").bounding_box()
    middle = place["y"] + place["height"] / 2
    tab.mouse.move(place["x"] + place["width"] * 0.6, middle)
    tab.mouse.down()
    seen = []
    for part in (0.7, 0.8, 0.9):
        tab.mouse.move(place["x"] + place["width"] * part, middle)
        seen.append(tab.evaluate("pinned.data"))
    tab.mouse.up()
    assert seen == sorted(set(seen)) and seen[-1] > 1.3 and tab.evaluate("computed[0].data") == 2 * seen[-1]


def test_a_held_space_plays_once_and_print_shows_picture_and_sentence(open_page):
    tab = open_page(fraction())
    tab.locator("body").focus()
    for _ in range(4):
        tab.keyboard.down(" ")
    assert tab.get_by_role("button", name="Pause").count() == 1
    tab.keyboard.up(" ")
    press(tab, "End")
    tab.emulate_media(media="print")
    assert tab.locator("#picture").is_visible() and tab.locator("#arithmetic").is_visible()
    assert tab.locator("footer").is_hidden() and tab.locator("#details").is_visible()
    tab.emulate_media(media="screen", forced_colors="active")
    fills = tab.locator(".card .frame, .card .name").evaluate_all("all => all.map((e) => getComputedStyle(e).fill)")
    assert contrast(*sorted(set(fills))[:2]) >= 4.5


def test_many_paths_are_counted_in_words(open_page):
    tab = open_page(functools.reduce(lambda y, _: y + y, range(2000), Value(1e-300, label="x")))
    press(tab, "End")
    assert tab.locator("#details p").first.text_content() == "inf is the sum over about 10^602 paths:"


def test_the_squeezed_script_has_the_tokens_of_its_files():
    sources = [Path(str(each)) for each in resources.files("micrograd.views.page").iterdir()]
    source = "\n".join(each.read_text(encoding="utf-8") for each in sorted(sources) if each.suffix == ".js")

    def kept(text):
        return [token for _, token in squeeze.tokens(text) if token not in {";", ",", "(", ")", "const"}]

    squeezed = squeeze.script(source)
    assert kept(squeezed) == kept(source) and len(squeezed) < 0.8 * len(source) and squeeze.script(squeezed) == squeezed
    texts = 'a = b / c / d; /* x */ e = /[/"]/.test("// no"); f = `${g("a  b")} - ${`c  ${1}`}`; h = 1 - -1 + +2;'
    short = 'a=b/c/d;e=/[/"]/.test("// no");f=`${g("a  b")} - ${`c  ${1}`}`;h=1- -1+ +2;'
    assert squeeze.script(texts) == short
    assert squeeze.script(
        "(() => 1)();\nf((x) => x, (x, y) => y)\nlet a = 1;\nconst b = 2; for (const c of d) c();"
    ) == ("(()=>1)();f(x=>x,(x,y)=>y)\nlet a=1;const b=2;for(const c of d)c();")
    with pytest.raises(ValueError, match="a text does not end"):
        squeeze.script('const a = "b;')
