"""The exercises: their page and their notebook are one, and the notebook runs as it is given and as it is solved."""

from __future__ import annotations

import doctest
import importlib.util
import re
import warnings
from pathlib import Path

import nbformat
import pytest

nbclient = pytest.importorskip("nbclient")
ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("exercises", ROOT / "demos" / "notebooks" / "exercises.py")
exercises = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exercises)
PAGE = exercises.PAGE.read_text(encoding="utf-8")


def test_the_notebook_is_the_page_and_nobody_has_run_it():
    saved = nbformat.read(exercises.NOTEBOOK, as_version=4)
    assert saved == exercises.notebook(PAGE), "run python demos/notebooks/exercises.py"
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert len(code) == 11 and not any(cell.outputs or cell.execution_count for cell in code)
    text = "\n".join(cell.source for cell in saved.cells if cell.cell_type == "markdown")
    assert text.count("<summary>A solution</summary>") == 10 == len(exercises.solutions(PAGE))
    assert re.findall(r"^## (\d+)\. ", text, re.MULTILINE) == [str(i) for i in range(1, 11)]


def test_links_lead_somewhere_from_the_page_and_from_the_notebook():
    links = re.compile(r"\]\((?!\w+:|#)([^)#]+)")
    assert len(links.findall(PAGE)) >= 3
    for text, folder in [(PAGE, exercises.PAGE.parent), (exercises.from_here(PAGE), exercises.HERE)]:
        for target in links.findall(text):
            assert (folder / target).exists(), target


def test_the_session_on_the_page_prints_what_is_shown():
    test = doctest.DocTestParser().get_doctest(PAGE, {}, "exercises.md", "exercises.md", 0)
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append)
    assert runner.tries >= 3 and not runner.failures, "".join(said)


def run(book, tmp_path, monkeypatch):
    """What each cell shows, after the notebook has run from top to bottom; an error in a cell is an error here."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for the kernel
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own
        nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    for cell in code:
        assert all(output.output_type == "execute_result" for output in cell.outputs), cell.outputs
    return ["".join(output.data["text/plain"] for output in cell.outputs) for cell in code]


def test_as_it_is_given_each_check_says_what_to_do(tmp_path, monkeypatch):
    imports, first, *later = run(exercises.notebook(PAGE), tmp_path, monkeypatch)
    assert imports == ""
    assert first == (
        "Step 1 of 10, a number that remembers: not yet.\n"
        "Value.__init__: Value(2.0).data is still ...\n"
        "  your line, In[2]:3:  self.data = ...  # the number\n"
        "  fill the gap: data is the number that is given"
    )
    for step, said in enumerate(later, start=2):
        assert said.startswith(f"Step {step} builds on step 1, a number that remembers, which is not right yet:\n"), (
            said
        )


def test_with_the_solutions_filled_in_all_ten_steps_are_right(tmp_path, monkeypatch):
    book = exercises.notebook(PAGE)
    cells = [cell for cell in book.cells if cell.cell_type == "code"][1:]
    for cell, solution in zip(cells, exercises.solutions(PAGE), strict=True):
        cell.source = f"{solution}\n\n\n{cell.source.splitlines()[-1]}"
    _, *said = run(book, tmp_path, monkeypatch)
    for step, text in enumerate(said, start=1):
        assert re.match(rf"Step {step} of 10, [^:]*: right\.\n", text), text
    assert "Your neuron learned the logical and" in said[-1]
