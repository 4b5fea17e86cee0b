"""Every block of code in the README and the docs runs, and what it prints is what it shows."""

from __future__ import annotations

import doctest
import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sessions_print_what_the_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the pages save their files
    blocks = [code for language, code in BLOCK.findall(page.read_text()) if language in ("pycon", "python")]
    assert blocks
    assert all(">>>" in code for code in blocks), "show sessions with their output, so that they can be checked"
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
    assert runner.tries >= len(blocks)


def test_the_readme_opens_with_three_sentences_and_a_session():
    readme = (ROOT / "README.md").read_text()
    opening = readme.split("```pycon")[0].split("\n\n", 1)[1]
    assert len(re.findall(r"\.(?:\s|$)", opening)) == 3


def test_the_readme_has_exactly_two_set_up_commands():
    commands = [code.strip() for language, code in BLOCK.findall((ROOT / "README.md").read_text()) if language == "sh"]
    assert commands == [
        "python -m pip install '.[jit,train]' && micrograd train iris",
        "python -m pip install -e '.[test]' && python -m pytest -n auto",
    ]


def test_relative_links_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_pictures_are_those_that_the_script_makes(tmp_path):
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "pictures.py")
    pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pictures)
    pictures.main(tmp_path)
    made = {path.name for path in tmp_path.glob("*.svg")}
    shown = {name for page in PAGES for name in re.findall(r"!\[[^\]]*\]\((?:docs/)?(\w+\.svg)\)", page.read_text())}
    assert made == shown == {path.name for path in (ROOT / "docs").glob("*.svg")}
    for name in made:  # places may differ from one Graphviz to the next; the words do not
        assert words(tmp_path / name) == words(ROOT / "docs" / name), f"run python docs/pictures.py for {name}"


def words(path):
    return sorted(e.text or "" for e in ET.parse(path).iter("{http://www.w3.org/2000/svg}text"))
