"""The page of comparisons, its charts and the numbers about speed in the docs are what the file of results says."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import charts, facts, figures, page, results, say  # noqa: E402

FOUND = results.load()
NUMBERS = results.index(FOUND)
WRITTEN = page.written(FOUND)
PAGES = {str(path.relative_to(ROOT)): path for path in figures.pages() if path.name != "benchmarks.md"}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_page_and_the_charts_are_what_the_results_give(name):
    assert (results.DOCS / name).read_text(encoding="utf-8") == WRITTEN[name], "run python -m benchmarks --render"


def test_there_is_no_other_chart():
    kept = {f"benchmarks/{path.name}" for path in (results.DOCS / "benchmarks").glob("*.svg")}
    assert kept == {name for name in WRITTEN if name.endswith(".svg")}
    assert all(f"]({name})" in WRITTEN["benchmarks.md"] for name in kept)


@pytest.mark.parametrize("name", PAGES)
def test_numbers_about_speed_come_from_the_results(name):
    text = PAGES[name].read_text(encoding="utf-8")
    assert figures.filled(text, NUMBERS, name) == text, "run python -m benchmarks --render"
    assert not re.search(r"^ *<!-- figure", text, re.MULTILINE), "a line that begins with a comment ends a paragraph"
    assert not figures.unproven(text), "write it as a figure: python -m benchmarks --keys lists them"


def test_the_results_say_where_and_how_they_were_measured():
    assert {"cpu", "cores", "system", "python"} <= FOUND["machine"].keys()
    assert {"micrograd", "the original micrograd", "PyTorch", "JAX", "NumPy", "tinygrad"} <= FOUND["versions"].keys()
    for part in [*FOUND["comparisons"].values(), *FOUND["eager"].values()]:
        about = part["measured"]
        assert about["date"] and about["commit"] and about["rounds"] >= 1
        assert 0 < about["noise"]["minimum"] <= about["noise"]["median"] <= about["noise"]["maximum"]
    for part in FOUND["comparisons"].values():
        assert not part.get("failed"), part
        assert all(0 < row["minimum"] <= row["median"] <= row["maximum"] for row in part["rows"].values())


def changed(key, factor):
    """The results, with one row's times changed."""
    found = copy.deepcopy(FOUND)
    name, slug = key.split("/")
    row = found["comparisons"][name]["rows"][slug]
    for by in ("median", "minimum", "maximum"):
        row[by] *= factor
    return found


def test_what_is_faster_than_ours_is_listed_as_soon_as_it_is():
    def lost(found):
        return {(loss.part, loss.slug, loss.ours["engine"]) for loss in facts.lost(found)}

    pair = ("moons", "torch-eager", "micrograd step.run")
    assert pair not in lost(FOUND)
    faster = changed("moons/torch-eager", 1e-4)
    assert pair in lost(faster)
    assert "| moons | PyTorch eager | micrograd step.run |" in page.page(faster).partition("## How it was")[0]
    sums = [sum(facts.counted(found)) for found in (FOUND, faster)]
    assert sums[0] == sums[1] and facts.counted(faster)[2] >= facts.counted(FOUND)[2] + 2  # step.run and step(X, y)
    only_once = copy.deepcopy(FOUND)
    only_once["comparisons"]["moons"]["rows"]["torch-eager"]["minimum"] = 1e-12
    assert lost(only_once) == lost(FOUND)  # a lucky minimum is not enough


def test_a_figure_follows_the_results():
    text = "takes <!-- figure: moons/run -->3 s<!-- -->, <!-- figure: moons/jax-scan over moons/run -->9<!-- --> times"
    once, twice = (figures.filled(text, results.index(found)) for found in (FOUND, changed("moons/run", 2)))
    assert once != twice != text
    assert f"-->{say.quantity(NUMBERS['moons/run'])}<!--" in once
    assert figures.filled(once, NUMBERS) == once
    with pytest.raises(
        figures.UnknownFigure, match=r"README.md: there is no figure 'moon/run' .*near it are .*moons/run"
    ):
        figures.filled("<!-- figure: moon/run --><!-- -->", NUMBERS, "README.md")


def test_speed_that_is_written_by_hand_is_found():
    assert figures.unproven("It takes 12 µs, or 1.5 ms, and is 1,000 times as fast.") == [
        "12 µs",
        "1.5 ms",
        "1,000 times as fast",
    ]
    assert not figures.unproven("Two of 3 classes, used 2 times, <!-- figure: moons/run -->17 µs<!-- -->.\n")
    assert not figures.unproven("```sh\nsleep 20 ms\n```\n")


def test_other_machines_and_versions_do_not_mix():
    new = {"machine": FOUND["machine"], "versions": {}, "comparisons": {}, "eager": {}}
    order = [*FOUND["comparisons"], *FOUND["eager"]]
    assert results.merged(FOUND, new, order) == FOUND
    part = FOUND["comparisons"]["xor"] | {"text": "new"}
    mixed = results.merged(FOUND, new | {"comparisons": {"xor": part}}, order)
    assert mixed["comparisons"] == FOUND["comparisons"] | {"xor": part} and mixed["eager"] == FOUND["eager"]
    with pytest.raises(
        results.OtherMachine, match=r"was measured with cpu .*, and here it is a new one: remove the file"
    ):
        results.merged(FOUND, new | {"machine": FOUND["machine"] | {"cpu": "a new one"}}, order)
    with pytest.raises(results.OtherMachine, match="was measured with JAX"):
        results.merged(FOUND, new | {"versions": {"JAX": "0.0"}}, order)


def test_numbers_are_kept_with_five_digits(tmp_path):
    results.save({"machine": {}, "versions": {}, "comparisons": {}, "eager": {}, "x": 1 / 3}, tmp_path)
    assert json.loads((tmp_path / results.PLACE).read_text())["x"] == 0.33333


SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", [name for name in WRITTEN if name.endswith(".svg")])
def test_a_chart_stays_within_its_frame_and_says_its_numbers(name):
    root = ET.fromstring(WRITTEN[name])
    assert root.find(f"{SVG}title").text and root.find(f"{SVG}desc").text
    width, height = (float(root.get(side)) for side in ("width", "height"))
    assert width == charts.WIDTH
    assert "prefers-color-scheme:dark" in root.find(f"{SVG}style").text
    for block in root.iter(f"{SVG}rect"):
        assert 0 <= float(block.get("x")) and float(block.get("x")) + float(block.get("width")) <= width
        assert 0 <= float(block.get("y")) <= height - 10
    for text in root.iter(f"{SVG}text"):
        wide = 0.5 * float(text.get("font-size")) * len(text.text)
        left = float(text.get("x")) - {"end": wide, "middle": wide / 2}.get(text.get("text-anchor"), 0)
        assert 0 <= left and left + wide <= width, text.text


def test_a_longer_time_has_a_longer_bar():
    rows = [charts.Bar(str(x), x, str(x), "ours") for x in (1e-6, 3e-6, 2e-2)]
    drawn = ET.fromstring(charts.bars("t", "Title", [], [("", rows)]))
    widths = [float(rect.get("width")) for rect in drawn.iter(f"{SVG}rect") if rect.get("height") == str(charts.BAR)]
    assert widths[0] < widths[1] < widths[2]
    around = ET.fromstring(
        charts.balance("t", "Title", [], [("", [charts.Bar("a", x, "", "ours") for x in (0.5, 2.0)])])
    )
    slower, faster = (r for r in around.iter(f"{SVG}rect") if r.get("height") == str(charts.BAR))
    assert float(slower.get("x")) < float(faster.get("x")) and slower.get("fill") != faster.get("fill")


def test_pages_are_rendered_without_an_engine_and_keys_are_listed(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / results.PLACE).write_text((results.DOCS / results.PLACE).read_text(encoding="utf-8"), encoding="utf-8")

    def run(*options):
        command = [sys.executable, "-m", "benchmarks", *options, "--to", str(tmp_path)]
        said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert said.returncode == 0, said.stderr
        return said.stdout

    run("--render")
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in WRITTEN} == WRITTEN
    assert len(run("--keys").splitlines()) == len(NUMBERS)
