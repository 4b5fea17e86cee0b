"""Report how good a trained net is, for the command line: held-out metrics, a summary, a drawing."""

from __future__ import annotations

import math
from pathlib import Path

from micrograd.cli.model import Model
from micrograd.cli.recipe import LOSSES, count_of, recipe
from micrograd.data.tables import Table
from micrograd.engine import Value
from micrograd.nn import MLP
from micrograd.training.progress import said
from micrograd.views.draw import save, with_suffix
from micrograd.words import count, listed, number_text, text_of

MAX_CONFUSION = 12  # classes; a larger confusion table is unreadable


def measured(model: Model, table: Table) -> tuple[dict[str, float], list[str]]:
    """How good a model is on a table's rows: metrics by name, and the lines to print."""
    answers = [answer for answer, _ in model.answers(model.preparation.rows(table))]
    if table.task == "numbers":
        return _of_numbers([float(a) for a in answers], table)
    return _of_classes([table.classes.index(str(a)) for a in answers], table)


def _of_numbers(answers: list[float], table: Table) -> tuple[dict[str, float], list[str]]:
    wanted = table.targets
    mean = math.fsum(wanted) / len(wanted)
    errors = math.fsum((a - t) ** 2 for a, t in zip(answers, wanted))
    spread = math.fsum((t - mean) ** 2 for t in wanted)
    error = math.sqrt(errors / len(wanted))
    metrics = {"root mean squared error": error}
    line = f"root mean squared error {error:.4g}, in the unit of {text_of(table.target)}"
    if spread > 0:  # R2 is not defined for one row or equal targets
        metrics["R2"] = 1 - errors / spread
        line += f", whose standard deviation is {math.sqrt(spread / len(wanted)):.4g}; R2 {metrics['R2']:.3f}"
    return metrics, [line]


def _of_classes(answers: list[int], table: Table) -> tuple[dict[str, float], list[str]]:
    right = sum(a == t for a, t in zip(answers, table.targets))
    metrics = {"accuracy": right / len(table), "right": right, "rows": len(table)}
    lines = [f"accuracy {right / len(table):.1%}: {right} of {count(len(table), 'row')} right"]
    names = [text_of(name) for name in table.classes]
    counts = [[0] * len(names) for _ in names]
    for a, t in zip(answers, table.targets):
        counts[t][a] += 1
    if len(names) <= MAX_CONFUSION:
        grid = [["true \\ predicted", *names], *([name, *map(str, row)] for name, row in zip(names, counts))]
    else:
        rights = [[name, str(row[i]), str(sum(row))] for i, (name, row) in enumerate(zip(names, counts)) if sum(row)]
        grid = [["class", "right", "rows"], *rights]
    widths = [max(map(len, column)) for column in zip(*grid)]
    for row in grid:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("  " + "  ".join(cells))
    return metrics, lines


def net_line(net: MLP) -> str:
    """A net in one line: its layers and how many parameters it has."""
    kept = recipe(net)
    layers = "-".join(map(str, [kept["inputs"], *kept["layers"]]))
    return f"net of {layers}, {kept['activation']}, {count(count_of(kept), 'parameter')}"


def summary(model: Model) -> str:
    """What a model is, what it learned from, and how good it was: several lines."""
    facts, preparation = model.facts, model.preparation
    shares = []
    for column, scale in zip(preparation.columns, preparation.scales):
        kind = f"mean {scale.mean:.4g}, sd {scale.scale:.4g}" if scale else f"{len(column.categories)} categories"
        shares.append(f"{text_of(column.name)} ({kind})")
    told = listed([text_of(name) for name in preparation.classes]) or "a number"
    metrics = ", ".join(f"{name} {number_text(x)}" for name, x in facts["metrics"].items())
    return "\n".join(
        [
            net_line(model.net),
            f"  learned from {facts['data']['name']} with {facts['loss']}, {count(facts['epochs'], 'epoch')}, "
            f"{'compiled' if facts['backend'] == 'jit' else 'eager'}, by micrograd {facts['version']}",
            f"  inputs: {listed(shares)}",
            f"  answers: {text_of(preparation.target)}: {told}",
            f"  {facts.get('measured', 'measured')}: {metrics}",
            f"  epoch {number_text(facts['last'].get('epoch'))}: {said(facts['last'])}",
        ]
    )


def draw_model(model: Model, path: Path) -> None:
    """Draw the loss of the model's example row, with gradients, folded to be readable."""
    with_suffix(path, ".svg", ".png", ".pdf", ".dot", ".gv")
    example = model.facts["example"]
    if example is None:
        raise ValueError("the model has no example row, which a drawing needs")
    row = [Value(x, label=name) for x, name in zip(example["inputs"], model.preparation.inputs)]
    output = model.net(row)
    loss = LOSSES[model.facts["loss"]](output, example["target"])
    loss.label = "loss"
    model.net.zero_grad()
    loss.backward()
    classes = [text_of(name) for name in model.preparation.classes]
    named = classes if isinstance(output, list) and len(classes) == len(output) else ()
    save(loss, path, names=model.net, classes=named)
