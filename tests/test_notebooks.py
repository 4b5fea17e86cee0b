"""The notebooks are saved with their outputs, and run today they show the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbclient")
FOLDER = Path(__file__).parent.parent / "demos" / "notebooks"
PICTURES = {"image/svg+xml", "text/html", "image/png"}


@pytest.fixture(scope="module")
def notebooks():
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_two(notebooks):  # and the exercises, which are saved as they are to be filled in: test_exercises.py
    assert [path.stem for path in notebooks.NOTEBOOKS] == ["seeing", "training"]


@pytest.mark.parametrize("name, pictures", [("seeing", 4), ("training", 3)])
def test_a_notebook_is_saved_with_the_outputs_of_today(name, pictures, notebooks, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")  # put back afterwards
    path = FOLDER / f"{name}.ipynb"
    saved, today = nbformat.read(path, as_version=4), notebooks.executed(path)
    assert notebooks.words(saved) == notebooks.words(today), "run python demos/notebooks/execute.py"
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)
    shown = [output for cell in code for output in cell.outputs]
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in shown)
    assert sum(bool(PICTURES & set(output.get("data", {}))) for output in shown) >= pictures
    assert path.stat().st_size < 300_000


def test_training_shows_its_progress_in_one_line_and_its_history_as_a_picture(notebooks):
    book = nbformat.read(FOLDER / "training.ipynb", as_version=4)
    (cell,) = (cell for cell in book.cells if "keep_best=True" in cell.source)
    progress, history = cell.outputs
    assert progress.data["text/plain"].startswith("epoch 60/60  loss 0.") and "\n" not in progress.data["text/plain"]
    assert "<svg" in history.data["text/html"]
    assert not any("np.float64" in text for _, text in notebooks.words(book))


def test_what_took_how_long_is_not_compared(notebooks):
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text="loss 0.5  in 0.3 s\n")])
    ((kinds, said),) = notebooks.words(nbformat.v4.new_notebook(cells=[cell]))
    assert (kinds, said) == (["stdout"], "loss 0.5  in ... s\n")
