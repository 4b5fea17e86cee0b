"""The gallery in the repository is what its script makes, small enough, and each picture is safe and themed."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAMES = sorted(path.name for path in (DOCS / "gallery").glob("*.svg"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    folder = tmp_path_factory.mktemp("docs")
    gallery.main(folder)
    return folder


def words(path):
    return sorted(e.text or "" for e in ET.parse(path).iter("{http://www.w3.org/2000/svg}text"))


def test_the_page_and_its_pictures_are_those_that_the_script_makes(made):
    assert (made / "gallery.md").read_text() == (DOCS / "gallery.md").read_text(), "run python docs/gallery.py"
    assert sorted(path.name for path in (made / "gallery").iterdir()) == NAMES
    shown = re.findall(r"!\[[^\]]*\]\(gallery/(\w+\.svg)\)", (DOCS / "gallery.md").read_text())
    assert sorted(shown) == NAMES and len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_each_picture_says_what_the_script_says(name, made):
    """Places may differ from one Graphviz to the next; the words do not."""
    assert words(made / "gallery" / name) == words(DOCS / "gallery" / name), "run python docs/gallery.py"


@pytest.mark.parametrize("name", NAMES)
def test_each_picture_is_small_themed_and_inert(name):
    text = (DOCS / "gallery" / name).read_text()
    root = ET.fromstring(text)
    assert len(text.encode()) < 40_000 and "max-width:100%" in text
    assert ("prefers-color-scheme:dark" in text) == (name != "print_theme.svg")
    assert not [e for e in root.iter() if e.tag.endswith(("script", "foreignObject", "image"))]
    assert "://" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_docs_stay_small():
    assert sum(path.stat().st_size for path in DOCS.rglob("*") if path.is_file()) < 5_000_000
