"""Run the notebooks and save them with their outputs: `python demos/notebooks/execute.py`.

Run it after anything has changed that they show; a test compares their words with those of today.
"""

import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

import nbclient
import nbformat

HERE = Path(__file__).resolve().parent
NOTEBOOKS = sorted(path for path in HERE.glob("*.ipynb") if path.stem != "exercises")  # saved without outputs


def executed(path):
    """The notebook after it has run from top to bottom, in an empty folder, on the package of this checkout."""
    os.environ["PYTHONPATH"] = str(HERE.parent.parent)  # for the kernel
    book = nbformat.read(path, as_version=4)
    about = dict(book.metadata)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own
        nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": folder}}).execute()
    book.metadata = about  # without the version of Python
    for cell in book.cells:
        cell.metadata = {}  # without the time
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return book


def joined(outputs):
    """The outputs with printed lines in one piece, however they arrived."""
    found = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream" and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def words(book):
    """For each cell, what its outputs are and the text that they show, without addresses and how long things took."""
    found = []
    for cell in book.cells:
        kinds, said = [], []
        for output in cell.get("outputs", []):
            kinds += sorted(output.get("data", {output.get("name"): ""}))
            said.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
        found.append((kinds, re.sub(r"\b[\d.]+ s\b", "... s", re.sub(r" at 0x\w+", " at ...", "\n".join(said)))))
    return found


def main():
    """Run every notebook and save it."""
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
