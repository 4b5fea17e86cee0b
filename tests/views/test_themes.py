"""Light, dark and print: what a drawing looks like in a real browser, and that ten of them can share a page."""

from __future__ import annotations

import random
import re
import shutil

import pytest
from helpers.pages import contrast, rgb

from micrograd import MLP, Value, draw_dot, draw_net, save, svg, trace
from micrograd.training.history import History
from micrograd.views.layout import render
from micrograd.views.small import PAINTS, Picture, paint
from micrograd.views.theme import DARK, FULL, LIGHT, PRINT, SIGNS, STEPS, THEMES


def example(grad=True):
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = x / (x + y)
    z.label = "z"
    if grad:
        z.backward()
    return z


@pytest.fixture
def show(browser):
    tabs = []

    def shown(markup, scheme="light", width=900):
        tab = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
        tabs.append(tab)
        tab.set_content(f"<!doctype html><meta charset=utf-8><body>{markup}")
        return tab

    yield shown
    for tab in tabs:
        tab.close()


FILL = "s => getComputedStyle(document.querySelector(s)).fill"


LOOK = "([selector, what]) => getComputedStyle(document.querySelector(selector))[what]"


def colours(tab, where="svg"):
    """The paper of the first card, the ink of its name, and the tint of its gradient."""
    return [tab.evaluate(FILL, f"{where} .b0 {part}") for part in ("rect", "text", "path")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "element, attribute, said, palette",
    [
        ("body", "", "", None),
        ("body", "data-jp-theme-light", "true", LIGHT),
        ("body", "data-jp-theme-light", "false", DARK),
        ("body", "class", "vscode-light", LIGHT),
        ("body", "class", "vscode-dark", DARK),
        ("body", "data-vscode-theme-kind", "vscode-light", LIGHT),
        ("body", "data-vscode-theme-kind", "vscode-dark", DARK),
        ("body", "data-vscode-theme-kind", "vscode-high-contrast-light", LIGHT),
        ("body", "data-vscode-theme-kind", "vscode-high-contrast", DARK),
        ("html", "theme", "light", LIGHT),
        ("html", "theme", "dark", DARK),
    ],
)
def test_pictures_are_light_or_dark_as_the_page_says_or_the_system(element, attribute, said, palette, scheme, show):
    painted = "".join(f"<circle {paint(name)} r='9'/>" for name in PAINTS)
    small = f"<div id=small>{Picture(painted, 50, 50, about='all colours').svg}</div><p class=ink>"
    tab = show(f"<div id=drawing>{svg(example())}</div>{small}", scheme)
    if attribute:
        tab.evaluate("a => document.querySelector(a[0]).setAttribute(a[1], a[2])", [element, attribute, said])
    palette = palette or (DARK if scheme == "dark" else LIGHT)
    assert colours(tab, "#drawing") == [rgb(palette[name]) for name in ("paper", "ink", "negative6")]
    assert tab.evaluate("getComputedStyle(document.querySelector('svg')).backgroundColor") == "rgba(0, 0, 0, 0)"
    for name, (what, colour) in PAINTS.items():
        assert tab.evaluate(LOOK, [f"#small circle.{name}", what]) == rgb(palette[colour]), name
    assert tab.evaluate(LOOK, ["p.ink", "fill"]) == "rgb(0, 0, 0)", "a picture's rules stay inside it"


def small_pictures(theme):
    net = MLP(2, [3, 1], rng=random.Random(0))
    history = History([{"epoch": i, "loss": 1 / i, "validation loss": 2 / i} for i in (1, 2, 3)])
    return [draw_net(net, [1.0, -2.0], theme=theme), history.picture(theme=theme)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_pictures_have_the_same_themes(scheme, show):
    """All on one page: the colours of one do not reach another."""
    made = {theme: small_pictures(theme) for theme in THEMES}
    tab = show("".join(picture.svg for pictures in made.values() for picture in pictures), scheme)
    palettes = {"auto": DARK if scheme == "dark" else LIGHT, "light": LIGHT, "dark": DARK, "print": PRINT}
    ids = [re.search(r'id="(\w+)"', picture.svg)[1] for pictures in made.values() for picture in pictures]
    assert len({*ids}) == 8
    for i, theme in enumerate(theme for theme in THEMES for _ in range(2)):
        for name in ("paper", "ink", "muted", "plus"):
            what, colour = PAINTS[name]
            shown = tab.evaluate(LOOK, [f"#{ids[i]} .{name}", what])
            assert shown == rgb(palettes[theme][colour]), (theme, name)


def test_small_pictures_in_print_tell_signs_apart_without_colour():
    net, history = (picture.svg for picture in small_pictures("print"))
    for colour in re.findall('"#([0-9a-f]{6})"', net + history):
        red, green, blue = bytes.fromhex(colour)
        assert max(red, green, blue) - min(red, green, blue) <= 3, colour
    marks = {name: re.findall(f'<(?:path|circle) class="{name}"[^>]*>', net) for name in PAINTS}
    assert all("stroke-dasharray" in mark for name in ("minus", "negative") for mark in marks[name])
    assert all("-hatch)" in mark for mark in marks["negative"]) and marks["negative"] and marks["minus"]
    assert marks["plus"] and not any("stroke-dasharray" in mark for mark in marks["plus"] + marks["positive"])
    dashed = [mark for mark in re.findall("<path [^>]*>", history) if "stroke-dasharray" in mark]
    assert len(dashed) == 2 and all('class="plus"' in mark for mark in dashed)  # the line and its name's


@pytest.mark.parametrize("theme, palette", [("light", LIGHT), ("dark", DARK), ("print", PRINT)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_theme_that_was_asked_for_stays(theme, palette, scheme, show):
    found = colours(show(svg(example(), theme=theme), scheme))
    assert found[:2] == [rgb(palette["paper"]), rgb(palette["ink"])]


def test_print_tells_signs_apart_without_colour():
    text = svg(example(), theme="print")
    for colour in re.findall('"#([0-9a-f]{6})"', text):
        red, green, blue = bytes.fromhex(colour)
        assert max(red, green, blue) - min(red, green, blue) <= 3, colour
    assert text.count("-hatch)") == 3  # x, y and their sum have negative gradients, z a positive one


def test_print_tells_signs_apart_in_png_too(tmp_path):
    source = save(example(), tmp_path / "a.dot", theme="print").read_text()
    assert source.count("ROUNDED,DASHED") == 3 and PRINT["positive6"] in source
    assert not any(LIGHT[f"negative{step}"] in source for step in range(1, STEPS + 1))


@pytest.mark.parametrize("theme", THEMES)
def test_a_name_that_is_a_colour_stays_as_it_is(theme, tmp_path):
    name = f'"{LIGHT["ink"]}"'
    x = Value(2.0, label=name)
    assert f">{name}<" in svg(x * 3.0, theme=theme).replace("&quot;", '"')
    assert f"<B>{name}</B>" in save(x * 3.0, tmp_path / "a.dot", theme=theme).read_text().replace("&quot;", '"')


def test_a_file_opened_by_itself_has_dark_paper_for_dark_readers(browser, tmp_path):
    path = save(example(), tmp_path / "a.svg")
    tab = browser.new_page(viewport={"width": 700, "height": 400}, color_scheme="dark")
    tab.goto(path.as_uri())
    shown = tab.screenshot(type="png")
    tab.close()
    tab = browser.new_page()
    tab.set_content("<canvas></canvas>")
    painted = tab.evaluate(
        """async bytes => {
            const image = await createImageBitmap(new Blob([new Uint8Array(bytes)])), canvas = new OffscreenCanvas(9, 9)
            canvas.getContext("2d").drawImage(image, 695, 395, 5, 5, 0, 0, 5, 5)
            return [...canvas.getContext("2d").getImageData(2, 2, 1, 1).data]
        }""",
        list(shown),
    )
    tab.close()
    assert max(painted[:3]) < 64  # an SVG without color-scheme stands on white, where its light borders are lost


def test_ten_drawings_share_a_page(show):
    drawn = [svg(example(), theme=theme) for theme in THEMES] + [
        svg(Value(float(i), label="x") * 2.0) for i in range(4)
    ]
    drawn += [svg(example(grad=False)), svg(example(), style="record")]
    tab = show("".join(drawn), "dark")
    ids = tab.evaluate("[...document.querySelectorAll('svg, svg g[id], svg marker, svg pattern')].map(e => e.id)")
    assert len(set(ids)) == len(ids)
    kept = [tab.evaluate(FILL, f"svg:nth-of-type({i + 1}) .b0 rect") for i in range(4)]
    assert kept == [rgb(p["paper"]) for p in (DARK, LIGHT, DARK, PRINT)]  # no drawing's colours reach another's
    for text in drawn:
        own = re.search(r'<svg[^>]* id="(\w+)"', text)[1]
        sheet = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
        selectors = [s.strip() for s in re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", sheet))]
        assert selectors and all(f"#{own}" in part for s in selectors for part in s.split(","))


@pytest.mark.parametrize("width", [1280, 390])
def test_a_wide_drawing_fits_where_it_stands(width, show):
    y = Value(0.5, label="x")
    for _ in range(12):
        y = y.tanh()
    tab = show(svg(y), width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    box = tab.evaluate("(({width, height}) => [width, height])(document.querySelector('svg').getBoundingClientRect())")
    shape = [float(v) for v in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg(y)).groups()]
    assert box[0] / box[1] == pytest.approx(shape[0] / shape[1], rel=0.05)  # nothing is squeezed


def test_names_keep_inside_their_cards(show):
    names = ["x", "a rather long name", "WWWWWWWWWW", "iiiiiiiii", "数値", "layers.0.neurons.0.w.1"]
    roots = [Value(2.0, label=name) * Value(3.0, label="other") for name in names]
    tab = show("".join(map(svg, roots)))
    over = tab.evaluate(
        """[...document.querySelectorAll('.node')].flatMap(g => {
            const card = g.querySelector('rect').getBoundingClientRect()
            return [...g.querySelectorAll('text')].map(t => t.getBoundingClientRect())
                .filter(t => t.left < card.left || t.right > card.right || t.bottom > card.bottom).length
        })"""
    )
    assert over and not any(over)


@pytest.mark.parametrize("palette", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
def test_every_text_can_be_read(palette):
    for name in ("ink", "muted", "alarm"):
        assert contrast(rgb(palette[name]), rgb(palette["paper"])) >= 4.5, name
    for sign in SIGNS:
        for step in range(1, STEPS + 1):
            assert contrast(rgb(palette[f"{sign}-ink"]), rgb(palette[f"{sign}{step}"])) >= 4.5, (sign, step)
    assert set(FULL) == {"light", "dark", "print"} and len(set(LIGHT.values())) == len(LIGHT)  # colours are keys


def test_themes_and_styles_are_checked():
    with pytest.raises(ValueError, match="theme='sepia' is not a theme: choose 'auto', 'light'"):
        draw_dot(example(), theme="sepia")
    with pytest.raises(ValueError, match="theme='sepia' is not a theme: choose 'auto', 'light'"):
        draw_net(MLP(2, [1]), theme="sepia")
    with pytest.raises(ValueError, match="theme='sepia' is not a theme: choose 'auto', 'light'"):
        History([{"epoch": 1, "loss": 1.0}]).picture(theme="sepia")
    with pytest.raises(ValueError, match="style='cards' is not a style: choose 'card' or 'record'"):
        draw_dot(example(), style="cards")


def test_png_and_pdf_come_in_the_theme_that_was_asked_for(tmp_path):
    if not shutil.which("dot"):
        pytest.skip("there is no dot program on PATH")
    light = save(example(), tmp_path / "a.png").read_bytes()
    assert light == save(example(), tmp_path / "b.png", theme="light").read_bytes()
    dark = save(example(), tmp_path / "c.png", theme="dark").read_bytes()
    assert dark.startswith(b"\x89PNG") and dark != light
    assert save(example(), tmp_path / "d.pdf", theme="print").read_bytes().startswith(b"%PDF")


def test_the_record_style_draws_as_the_original_notebook():
    x = Value(2.0, label="a|b <c>{d}\\n")
    z = x * 3.0
    z.label = "z"
    source = draw_dot(z, style="record").source
    assert re.findall(r'label="\{ (.*?) \}"', source)[-1] == "z | data 6.0000 | grad · "[:-1]
    assert 'label="*"' in source and "b1o -> b1" in source and "rankdir=LR" in source
    text = svg(z, style="record")
    assert "a|b &lt;c&gt;{d}\\n" in text.replace("\xa0", " ") and text.count("data 2.0000") == 1
    z.backward()
    assert "grad 3.0000" in svg(z, style="record")


def test_what_a_user_adds_to_a_drawing_is_drawn(show):
    dot = draw_dot(example())
    dot.node("mine", "a note")
    dot.edge("mine", "b0")
    copied = dot.copy()
    copied.node("more", "another")
    text = dot.pipe(encoding="utf-8")
    assert ">a note</text>" in text and "another" not in text and "another" in copied.pipe(encoding="utf-8")
    note = "text => [...document.querySelectorAll('text')].find(e => e.textContent == 'a note')"
    tab = show(text[text.index("<svg") :], "dark")
    assert tab.evaluate(f"getComputedStyle(({note})()).fill") == rgb(DARK["ink"])
    assert render(dot.source)


def test_the_record_of_steps_is_dark_too(show):
    tab = show(trace(example()).svg(step=1), "dark")
    assert tab.evaluate("getComputedStyle(document.querySelector('.b2 .rim, .b0 .rim')).stroke") == rgb(DARK["lit"])
