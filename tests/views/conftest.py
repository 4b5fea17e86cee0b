"""Both programs that draw; a real browser, in which whatever a page logs, requests or pops up fails the test."""

from __future__ import annotations

import shutil

import pytest
from helpers.browser import chromium

from micrograd.views.page import save
from micrograd.views.trace import Trace, trace


@pytest.fixture(params=["dot", "webassembly"])
def graphviz_kind(request, monkeypatch, tmp_path):
    """A test of drawings runs twice: with `dot` on PATH, and with a PATH that holds nothing."""
    if request.param == "dot" and not shutil.which("dot"):
        pytest.skip("there is no dot program on PATH (install Graphviz to run these with it)")
    if request.param == "webassembly":
        monkeypatch.setenv("PATH", str(tmp_path))
        assert shutil.which("dot") is None
    return request.param


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a page. At the end, check that the page logged nothing, requested nothing and showed no dialog."""
    wrong, tabs = [], []

    def visit(what, width=1280, address="", **options):
        tab = browser.new_page(viewport={"width": width, "height": 800}, **{"reduced_motion": "reduce", **options})
        tabs.append(tab)
        tab.set_default_timeout(20_000)
        path = save(what if isinstance(what, Trace) else trace(what), tmp_path / f"page{len(tabs)}.html")
        tab.on("console", lambda message: wrong.append(f"console {message.type}: {message.text}"))
        tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on(
            "request",
            lambda request: request.url.split("#")[0] == path.as_uri() or wrong.append(f"request: {request.url}"),
        )
        tab.goto(path.as_uri() + address)
        return tab

    yield visit
    for tab in tabs:
        tab.close()
    assert wrong == []
