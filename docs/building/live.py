"""Pages that play a graph, step by step: what `explain(z, "page.html")` writes, and one page that shows them.

Each is a function, as in gallery.py: its first line says what to try, and its body is the code that made it.
"""

from __future__ import annotations

import inspect
import random
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from micrograd import Value, explain, sigmoid, tanh
from micrograd.losses import hinge
from micrograd.nn import MLP

LIVE: dict[str, tuple[str, Callable[[Path], None]]] = {}


def live(title: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Put a function among the live pages, under this title."""

    def entered(function: Callable[[Path], None]) -> Callable[[Path], None]:
        LIVE[function.__name__] = title, function
        return function

    return entered


@live("A quotient")
def quotient(path: Path) -> None:
    """`x` is used twice: watch its gradient arrive in two parts, then drag `y` until x + y is nearly 0."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    s = x + y
    s.label = "s"
    z = x / s
    z.label = "z"
    explain(z, path)


@live("A sigmoid")
def a_sigmoid(path: Path) -> None:
    """The local derivative is out · (1 − out), never more than a quarter. Type 8 for `x`: almost nothing comes back."""
    x = Value(0.0, label="x")
    out = sigmoid(x)
    out.label = "out"
    explain(out, path)


@live("A neuron")
def neuron(path: Path) -> None:
    """The lecture's neuron: the weight `w2` has no gradient because its input is 0. Make `x2` something else."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    out = tanh(n)
    out.label = "out"
    explain(out, path)


@live("A small net")
def small_net(path: Path) -> None:
    """A net of two layers and its loss, one box for each neuron: open one to see what it is made of."""
    net = MLP(2, [3, 1], rng=random.Random(7))
    x = [Value(0.6, label="x1"), Value(-0.3, label="x2")]
    loss = hinge(net(x), 1)
    loss.label = "loss"
    explain(loss, path)


def write_live(folder: Path) -> None:
    """Write the live pages, and the page that shows them."""
    (folder / "live").mkdir(exist_ok=True)
    parts = [
        "# Live pages",
        "Each of these is one file that `explain(z, path)` wrote. Play it, or go step by step with the buttons or the "
        "arrow keys. Choose a box to see why its gradient is what it is, and drag an input: everything is computed "
        "again in the page.",
    ]
    for name, (title, function) in LIVE.items():
        function(folder / "live" / f"{name}.html")
        body = textwrap.dedent(inspect.getsource(function).partition('"""\n')[2])
        body = re.sub(r"\bpath\b", f'"{name}.html"', body).strip()
        parts += [f"## {title}", inspect.getdoc(function) or "", frame(name, title)]
        parts.append(f'??? note "The code"\n\n    ```python\n{textwrap.indent(body, "    ")}\n    ```')
    (folder / "live" / "pages.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def frame(name: str, title: str) -> str:
    """A live page inside another page, and the link that opens it alone."""
    return (
        f'<iframe class="live" src="{name}.html" title="{title}: play each step" loading="lazy"></iframe>\n\n'
        f"[Open it alone]({name}.html){{ .alone }}"
    )
