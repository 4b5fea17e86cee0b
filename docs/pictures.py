"""Make the pictures of the documentation: `python docs/pictures.py` writes them beside itself."""

from __future__ import annotations

import random
from pathlib import Path

from micrograd import Value, save, sigmoid, trace
from micrograd.losses import hinge
from micrograd.nn import MLP


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


def main(folder=Path(__file__).parent):
    """Write every picture into a folder."""
    trace(quotient()).animate(folder / "steps.svg")
    for name, root in [("quotient", quotient()), ("sigmoids", with_sigmoids()), ("net", net())]:
        root.backward()
        save(root, folder / f"{name}.svg")
    save(quotient(), folder / "forward.svg")


if __name__ == "__main__":
    main()
