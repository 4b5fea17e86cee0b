"""The site: built from docs/ as CONTRIBUTING says, every link leads somewhere, and nothing is asked of anybody else."""

from __future__ import annotations

import ast
import contextlib
import doctest
import functools
import http.server
import importlib
import inspect
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag

import matplotlib.image
import pytest
import yaml
from helpers.browser import chromium

import micrograd
from micrograd.table import FLOAT, TABLE, split_case
from micrograd.text import derivative_formulas

fcntl = pytest.importorskip("fcntl")
ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
MADE_ALIKE = {f"api/{page}.md" for page in "transforms losses optim training data estimators export foreign".split()}
TAG = re.compile(r"<(\w+)((?:\s+[\w:-]+(?:=(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?)*)\s*/?>")
ATTRIBUTE = re.compile(r"\b(href|src|srcset|poster|action|data)=(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
FETCHED = re.compile(r"(?:@import\s*|url\()[\"']?(?!data:|#|\))([^\"')]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The real site, built once for all workers, in a folder of a folder: as a host may serve it."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    out = shared / "host" / "some" / "where"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            subprocess.run([sys.executable, DOCS / "build.py", "--out", out], check=True, cwd=shared)
    return out


@pytest.fixture(scope="module")
def html(site):
    """The text of every page, by its path in the site."""
    return {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


@pytest.fixture(scope="module")
def building():
    """The modules that make the site."""
    sys.path.insert(0, str(DOCS))
    try:
        names = ["operations", *(f"building.{path.stem}" for path in (DOCS / "building").glob("[!_]*.py"))]
        yield {name.rpartition(".")[2]: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(DOCS))


def links(text):
    """What a page's elements refer to: tag, attribute, address."""
    for tag, attributes in TAG.findall(text):
        for attribute, *values in ATTRIBUTE.findall(attributes):
            yield tag, attribute, "".join(values)


def test_every_link_and_anchor_leads_somewhere(site, html):
    ids = {name: set(re.findall(r"""\bid=["']?([^\s"'>]+)""", text)) for name, text in html.items()}
    wrong, followed = [], 0
    for name, text in html.items():
        for _, _, address in links(text):
            if re.match(r"[a-z]+:", address):
                continue
            path, anchor = urldefrag(address)
            target = (site / name).parent / unquote(path) if path else site / name
            target = Path(os.path.normpath(target))
            at = target.relative_to(site).as_posix() if target.is_relative_to(site) else ""
            followed += 1
            if not target.is_file() or (anchor and at in ids and unquote(anchor) not in ids[at]):
                wrong.append((name, address))
    assert not wrong[:20]
    assert followed > 10_000


def test_nothing_refers_to_elsewhere_but_links_that_a_reader_follows(site, html):
    elsewhere = [
        (name, tag, address)
        for name, text in html.items()
        for tag, _, address in links(text)
        if re.match(r"(https?:)?//", address) and tag != "a"
    ]
    assert not elsewhere
    for path in site.rglob("*"):
        if path.suffix in (".css", ".svg", ".html") and "source" not in path.parts:
            for address in FETCHED.findall(path.read_text(encoding="utf-8")):
                assert not re.match(r"[a-z]+:|//", address.strip()), (path, address)
        if path.suffix == ".js" and path.name != "search.js":  # which is the pages' text
            hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8")))
            assert hosts <= {"www.w3.org", "fontawesome.com"}, path  # names of formats, and a licence


def listed(entry):
    """The pages of a part of the navigation, in order."""
    if isinstance(entry, str):
        return [entry]
    return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in listed(part)]


def test_the_navigation_has_every_page():
    pages = listed(CONFIG["nav"])
    assert len(pages) == len(set(pages))
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    written |= {path.name for path in ROOT.glob("*.md")} - {"README.md"}
    made = {page for page in pages if page.startswith(("api/", "live/", "source/"))}
    assert written <= set(pages) and set(pages) - written <= made


def test_the_reference_has_every_public_name(building, html):
    known = building["reference"].entries()
    assert set(micrograd.__all__) <= set(known) | set(TABLE)
    for room in ("losses", "optim", "metrics", "estimators", "training.history", "transforms"):
        module = importlib.import_module(f"micrograd.{room}")
        own = [n for n, x in vars(module).items() if getattr(x, "__module__", "") == module.__name__ and n[0] != "_"]
        documented = [n for n in own if n in known]
        assert documented, room
        if room in ("losses", "optim", "metrics", "estimators", "training.history"):
            assert documented == own, room
    for room in ("export", "views.trace"):
        assert set(importlib.import_module(f"micrograd.{room}").__all__) <= set(known), room
    for name, entry in known.items():
        assert inspect.getdoc(entry.thing), name
        assert f'id="{name}"' in html[f"api/{entry.page}.html"], name


def test_the_page_of_operations_is_made_from_the_table(building, tmp_path):
    operations = building["operations"]
    operations.main(tmp_path)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.*")}
    kept = {path.relative_to(DOCS): path.read_text() for path in (DOCS / "operations").glob("*.svg")}
    kept[Path("operations.md")] = (DOCS / "operations.md").read_text()
    assert made == kept, "run python docs/operations.py"
    names = [entry.name for entry in operations.rows()]
    assert re.findall(r"^### (\w+)$", kept[Path("operations.md")], re.MULTILINE) == names and len(names) >= 36
    assert set(operations.SECTIONS.values()) < set(names)
    assert max(len(text) for path, text in kept.items() if path.suffix == ".svg") < 5000


def test_the_derivatives_are_written_as_mathematics(html):
    rows = re.findall(r"^\| ∂/∂\w+ \|", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert len(re.findall(r"<td><math", html["operations.html"])) == len(rows) > 40
    assert "<br><code>1.12838 * exp(-x * x)</code>" in html["operations.html"]  # the rule's own order stays below


def test_a_tidied_derivative_has_the_same_value(building):
    """Wherever the rule's own cases are, and where the formula has a value at all."""
    operations, tidied = building["operations"], building["tidy"].tidied
    known = {entry.name: getattr(FLOAT, entry.name) for entry in operations.rows()} | {"abs": abs, "nan": math.nan}
    changed = 0
    for entry in operations.rows():
        names = operations.names_of(entry)
        for formula in derivative_formulas(operations.bound(entry), names):
            changed += tidied(formula) != ast.unparse(ast.parse(formula))
            for case in entry.cases:
                numbers, _ = split_case(case)
                given = dict(zip(names, [*numbers, 0.3, 0.7]))
                try:
                    value = eval(formula, known, given)
                except (ArithmeticError, ValueError):
                    continue
                assert eval(tidied(formula), known, {**given, "π": math.pi}) == pytest.approx(value, 2e-6, nan_ok=True)
    assert changed >= 8


def test_a_curve_is_broken_where_the_function_jumps(building):
    curves = building["curves"]

    def strokes(name):
        f, slope, window, _ = building["operations"].varying(TABLE[name])
        picture = curves.plot(f, slope, window, title="")
        return [path.count("M") for path in re.findall(r'<path class="\w+" d="([^"]*)"', picture)]

    assert strokes("relu") == [1, 2] and strokes("abs") == [1, 2]  # the function, then its derivative
    assert strokes("tanh") == [1, 1] and strokes("gelu") == [1, 1]
    assert strokes("take") == [3, 1]


def test_the_examples_of_the_makers_run(building):
    tried = [doctest.testmod(module) for module in building.values()]
    assert sum(result.attempted for result in tried) >= 3 and not any(result.failed for result in tried)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(site):
    """A server on this machine, which has the site in a folder of a folder."""
    handler = functools.partial(Quiet, directory=site.parents[1])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{site.relative_to(site.parents[1]).as_posix()}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def watched(browser, address, **options):
    """A tab in which whatever is asked of others, fails or is logged is an error."""
    tab, wrong = browser.new_page(**options), []
    tab.set_default_timeout(20_000)
    tab.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or wrong.append(f"request: {r.url}"))
    tab.on("response", lambda r: r.status < 400 or wrong.append(f"{r.status}: {r.url}"))
    tab.on("requestfailed", lambda r: r.failure == "net::ERR_ABORTED" or wrong.append(f"failed: {r.url}"))
    tab.on("console", lambda m: m.type not in ("error", "warning") or wrong.append(f"{m.type}: {m.text}"))
    tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    yield tab
    tab.close()
    assert not wrong


def test_pages_ask_only_their_own_host_and_fit_a_phone(browser, address):
    with watched(browser, address, viewport={"width": 390, "height": 844}) as tab:
        for page in [page for page in listed(CONFIG["nav"]) if page not in MADE_ALIKE]:
            tab.goto(address + page.removesuffix("md") + "html")
            wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (page, wide)
            broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
            assert tab.evaluate(broken) == [], page


WIDE = """[...document.querySelectorAll("img.wide")].map((e) => { const box = e.parentElement; return [
  e.getBoundingClientRect().width, parseFloat(e.style.getPropertyValue("--natural")), box.clientWidth, box.scrollWidth,
  box.getBoundingClientRect().right]; })"""


def test_a_wide_picture_stays_readable_on_a_phone_and_moves_in_its_own_box(browser, address):
    phone, desk = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
    with watched(browser, address, viewport=phone) as tab:
        for page, least in (("index.html", 1), ("gallery.html", 12)):
            tab.set_viewport_size(phone)
            tab.emulate_media(media="screen")
            tab.goto(address + page)
            found = tab.evaluate(WIDE)
            assert len(found) >= least
            for width, natural, shown, whole, right in found:
                assert natural > 1.5 * 358 and width >= 0.79 * natural
                assert whole >= width > shown and right <= 390
            tab.emulate_media(media="print")
            assert all(width <= shown == whole for width, _, shown, whole, _ in tab.evaluate(WIDE))
            tab.emulate_media(media="screen")
            tab.set_viewport_size(desk)
            assert all(width <= shown == whole for width, _, shown, whole, _ in tab.evaluate(WIDE))


def test_formulas_fit_a_phone(browser, address):
    with watched(browser, address, viewport={"width": 390, "height": 844}) as tab:
        tab.goto(f"{address}operations.html")
        ends = (
            "all => all.map((e) => [e.getBoundingClientRect().right, e.closest('table').getBoundingClientRect().right])"
        )
        found = tab.locator("td math").evaluate_all(ends)
        assert len(found) > 40 and all(right < table <= 380 for right, table in found)


def test_nothing_lies_over_code_that_nobody_points_at(browser, address):
    with watched(browser, address) as tab:
        tab.goto(address)
        code, button = tab.locator("pre").first, tab.locator(".md-code__nav").first
        button.wait_for(state="attached")
        assert button.evaluate("e => getComputedStyle(e).opacity") == "0"
        code.hover()
        assert button.evaluate("e => getComputedStyle(e).opacity") == "1"
        tab.mouse.move(1, 1)
        button.locator("button").focus()
        assert button.evaluate("e => getComputedStyle(e).opacity") == "1"


def test_pictures_turn_dark_with_the_page(browser, address, tmp_path):
    with watched(browser, address, color_scheme="light") as tab:
        tab.goto(f"{address}operations.html#tanh")
        picture = tab.get_by_alt_text("tanh and its derivative", exact=True)
        paper = []
        for name in ("light.png", "dark.png"):
            picture.screenshot(path=tmp_path / name)
            paper.append(matplotlib.image.imread(tmp_path / name)[20, 6, :3].mean())
            tab.locator("form[data-md-component=palette] label:visible").click()
        assert paper[0] > 0.95 and paper[1] < 0.2


@pytest.mark.parametrize("where", ["served", "from a disk"])
def test_the_search_finds_an_operation(browser, address, site, where):
    base = address if where == "served" else site.as_uri() + "/"
    with watched(browser, base) as tab:
        tab.goto(f"{base}api/nn.html")
        tab.locator(".md-search__button").click()
        tab.get_by_role("combobox", name="Search").fill("sigmoid")
        tab.get_by_role("option").filter(has_text="Operations").first.click()
        tab.wait_for_url(re.compile(r"operations\.html"))
        assert tab.locator("h3#sigmoid").is_visible()


def test_live_pages_play(browser, address, site):
    pages = sorted(path.name for path in (site / "live").glob("*.html") if path.name != "pages.html")
    assert len(pages) >= 4
    with watched(browser, address) as tab:
        for page in pages:
            tab.goto(f"{address}live/{page}")
            before = tab.locator("#scrubber").input_value()
            tab.keyboard.press("ArrowRight")
            assert tab.locator("#scrubber").input_value() != before, page
