"""Write the notebook of the exercises from their page: `python demos/notebooks/exercises.py`.

docs/learn/exercises.md is the source of both. A block of Python there is a cell to fill in, a folded solution stays
folded, and links lead from here to where they led from there.
"""

import os
import re
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "learn" / "exercises.md"
NOTEBOOK = HERE / "exercises.ipynb"
FOLDED = re.compile(r"(<details[^>]*>.*?</details>)", re.DOTALL)
CODE = re.compile(r"^```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells(page):
    """The page as cells, each with its kind: "markdown" or "code"."""
    found = []
    for i, part in enumerate(FOLDED.split(page)):
        is_folded = i % 2
        for j, text in enumerate([part] if is_folded else CODE.split(part)):
            if text.strip():
                found.append(("code" if j % 2 else "markdown", text.strip()))
    return found


def solutions(page):
    """The solutions, one for each step."""
    return [CODE.search(folded)[1].strip() for folded in FOLDED.findall(page)]


def from_here(text):
    """The text with its links to files as they are from this folder."""

    def led(match):
        target = os.path.relpath(PAGE.parent / match[1], HERE)
        return f"]({Path(target).as_posix()}{match[2]})"

    return re.sub(r"\]\((?!\w+:|#)([^)#]+)([^)]*)\)", led, text)


def notebook(page):
    """The page as a notebook that nobody has run yet."""
    book = nbformat.v4.new_notebook()
    for i, (kind, text) in enumerate(cells(page)):
        new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        book.cells.append(new(text if kind == "code" else from_here(text), id=f"cell-{i}"))
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return book


if __name__ == "__main__":
    nbformat.write(notebook(PAGE.read_text(encoding="utf-8")), NOTEBOOK)
