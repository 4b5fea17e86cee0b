"""Make the pictures of the documentation: `python docs/pictures.py` writes them beside itself.

Those of the learning pages are saved by the pages' own sessions, so the code that made a picture stands beside it.
"""

from __future__ import annotations

import contextlib
import doctest
import random
import re
import shutil
import tempfile
from pathlib import Path

from micrograd import Value, save, sigmoid, trace
from micrograd.losses import hinge
from micrograd.nn import MLP

HERE = Path(__file__).parent
LEARN = sorted((HERE / "learn").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def quotient():
    """x / (x + y), as in the README."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    s = x + y
    s.label = "s"
    z = x / s
    z.label = "z"
    return z


def with_sigmoids():
    """(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    f = (x + sigmoid(y)) / (sigmoid(x) + (x + y) ** 2)
    f.label = "f"
    return f


def net():
    """The loss of a small net on three examples."""
    model = MLP(2, [8, 8, 1], rng=random.Random(0))
    loss = hinge([model(row) for row in ([0.1, 0.9], [0.5, 0.2], [0.8, 0.7])], [1, -1, 1])
    loss.label = "loss"
    return loss


def session(page):
    """All sessions of a page, as one that doctest can run."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    blocks = [code for language, code in found if language in ("pycon", "python")]
    return doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)


def shown(page):
    """The names of the pictures that stand beside a page and are shown on it."""
    return re.findall(r"!\[[^\]]*\]\((\w+\.svg)\)", page.read_text(encoding="utf-8"))


def draw(folder):
    """Write the pictures of the guides into a folder."""
    trace(quotient()).animate(folder / "steps.svg")
    for name, root in [("quotient", quotient()), ("sigmoids", with_sigmoids()), ("net", net())]:
        root.backward()
        save(root, folder / f"{name}.svg")
    save(quotient(), folder / "forward.svg")


def learn(folder):
    """Run the learning pages, and copy the pictures that they show into a folder."""
    for page in filter(shown, LEARN):
        with tempfile.TemporaryDirectory() as made:
            with contextlib.chdir(made):
                doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session(page))
            for name in shown(page):
                shutil.copy(Path(made) / name, folder / name)


if __name__ == "__main__":
    draw(HERE)
    learn(HERE / "learn")
