"""Every block of code in the README and the docs runs, and what it prints is what it shows."""

from __future__ import annotations

import doctest
import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
WITH_SESSIONS = [page for page in PAGES if re.search(r"^```(pycon|python)$", page.read_text(), re.MULTILINE)]
PATH = "ten_minutes chain_rule neuron net training compiling inside".split()
LEARN = [DOCS / "learn" / f"{name}.md" for name in PATH]


def in_docs(page):
    """A page by its place, because there are two training.md."""
    return str(page.relative_to(ROOT))


spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)


@pytest.mark.parametrize("page", WITH_SESSIONS, ids=in_docs)
def test_sessions_print_what_the_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the pages save their files
    blocks = [code for language, code in pictures.BLOCK.findall(page.read_text()) if language in ("pycon", "python")]
    assert all(">>>" in code for code in blocks), "show sessions with their output, so that they can be checked"
    test = pictures.session(page)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
    assert runner.tries >= len(blocks)
    if page in LEARN:  # the pictures are those that the page's sessions have saved
        for name in pictures.shown(page):
            assert words(tmp_path / name) == words(page.parent / name), f"run python docs/pictures.py for {name}"


@pytest.mark.parametrize("page", LEARN, ids=in_docs)
def test_a_learning_page_asks_questions_and_leads_to_the_next(page):
    lesson, asked = page.read_text().split("\n## Try\n")
    questions, answers = asked.split('<details markdown="1"><summary>Answers</summary>')
    numbers = re.findall(r"^(\d)\. ", questions, re.MULTILINE)
    assert 2 <= len(numbers) <= 4 and numbers == re.findall(r"^\*\*(\d)\.\*\* ", answers, re.MULTILINE)
    after = [*LEARN[1:], DOCS / "learn" / "exercises.md"][LEARN.index(page)]
    assert f"]({after.name})" in answers.split("</details>")[1]
    assert "```pycon" in lesson


def test_the_readme_opens_with_three_sentences_and_a_session():
    readme = (ROOT / "README.md").read_text()
    opening = readme.split("```pycon")[0].split("\n\n", 1)[1]
    assert len(re.findall(r"\.(?:\s|$)", opening)) == 3


def test_the_readme_has_exactly_two_set_up_commands():
    blocks = pictures.BLOCK.findall((ROOT / "README.md").read_text())
    commands = [code.strip() for language, code in blocks if language == "sh"]
    assert commands == [
        "python -m pip install '.[jit,train]' && micrograd train iris",
        "python -m pip install -e '.[test]' && python -m pytest -n auto",
    ]


def test_relative_links_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_pictures_are_those_that_the_script_makes(tmp_path):
    pictures.draw(tmp_path)
    made = {path.name for path in tmp_path.glob("*.svg")}
    others = [page for page in PAGES if page.parent in (ROOT, DOCS)]
    shown = {name for page in others for name in re.findall(r"!\[[^\]]*\]\((?:docs/)?(\w+\.svg)\)", page.read_text())}
    assert made == shown == {path.name for path in DOCS.glob("*.svg")}
    for name in made:  # places may differ from one Graphviz to the next; the words do not
        assert words(tmp_path / name) == words(DOCS / name), f"run python docs/pictures.py for {name}"
    shown = sorted(name for page in LEARN for name in pictures.shown(page))
    assert shown == sorted(path.name for path in (DOCS / "learn").glob("*.svg"))


def words(path):
    return sorted(e.text or "" for e in ET.parse(path).iter("{http://www.w3.org/2000/svg}text"))
