"""A real Chromium, which uses no network of its own."""

from __future__ import annotations

import contextlib
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ALONE = ["background-networking", "component-update", "sync"]  # parts that would use the network by themselves
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", *(f"--disable-{what}" for what in ALONE)]


@contextlib.contextmanager
def chromium():
    """The browser, or a skipped test that says what is missing."""
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH: nothing was opened")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: nothing was opened")
    with playwright.sync_playwright() as p, p.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as browser:
        yield browser
