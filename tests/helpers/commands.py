"""Run the command line in this process, on a file of flowers."""

from __future__ import annotations

import random

from micrograd.cli import command as cli
from micrograd.training.checkpoints import CHECKPOINT, read

FILES = {"run.json", CHECKPOINT, "model.safetensors", "history.csv", "loss.png", "net.svg", "weights.svg"}


def command(*arguments, capsys):
    """The exit status, and what was printed to standard output and standard error."""
    try:
        status = cli.main(list(map(str, arguments)))
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr()
    return status, said.out, said.err


def parameters_of(folder):
    return read(folder / "model.safetensors")[0]["parameters"]


def flowers(path="flowers.csv", rows=90):
    """Two kinds of numbers, a column of text, and a target of text."""
    rng = random.Random(0)
    lines = ["length;width;colour;kind"]
    for i in range(rows):
        kind = i % 3
        colour = ["red", "blue", "white"][kind if rng.random() < 0.8 else 0]
        lines.append(f"{rng.gauss(kind, 0.2):.3f};{rng.gauss(-kind, 0.3):.3f};{colour};{'abc'[kind]}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path
