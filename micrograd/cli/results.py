"""What a run of `micrograd train` leaves: the files in its folder, and the lines that say what they hold."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from micrograd.cli.model import MODEL, Model
from micrograd.cli.recipe import net_of, recipe
from micrograd.cli.report import draw_model, measured
from micrograd.cli.train import Training
from micrograd.data.tables import Table
from micrograd.modes import no_grad
from micrograd.training.backends import has_compiler
from micrograd.training.plots import decision_regions
from micrograd.training.predict import is_worth_compiling
from micrograd.views.net import draw_net
from micrograd.words import count, unwrapped


def results(run: Training, failed: list[str]) -> Iterator[str]:
    """Measure the net and write the folder's files; yields the lines to print.

    If a picture cannot be made, `failed` gets the reason, and the other pictures are made.
    """
    model = _model_of(run)
    stopped = f" ({run.history.stopped})" if run.history.stopped else ""
    how = "compiled" if run.history.backend == "jit" else "eager"
    best = f"; the net is that of epoch {run.history.best}" if run.options.patience else ""
    ran = len(run.history) - (run.done if run.goes_on else 0)
    in_all = f", {len(run.history):,} in all" if run.goes_on else ""
    yield f"{count(ran, 'epoch')}{stopped} in {run.seconds:.1f} s{in_all}, {how}{best}"
    if run.history.turned and not run.options.patience:
        yield f"{run.history.turned}: --patience 20 stops in time and keeps the best net"
    table = run.test or run.learned
    where = "held out" if run.test else "on the rows that it learned from"
    try:
        model.facts["metrics"], lines = measured(model, table)
        model.facts["measured"] = where
    finally:
        model.save(run.folder)  # before anything that may fail
    yield f"{where}: {lines[0]}"
    yield from lines[1:]
    folder = str(run.folder) if str(run.folder)[:1] != "-" else os.path.join(".", run.folder)
    yield f"{run.folder / MODEL}  the net: {shlex.join(['micrograd', 'predict', folder])} FILE.csv"
    run.history.to_csv(run.folder / "history.csv")
    yield f"{run.folder / 'history.csv'}  what was measured after each epoch"
    pictures: dict[str, tuple[str, Callable[[Path], None]]] = {"loss.png": ("the same, drawn", run.history.plot)}
    if _has_regions(run.table):
        pictures["regions.png"] = "the class chosen at each point of the plane", partial(_regions, run, model)
    pictures["net.svg"] = "the net and its gradients for one row", partial(draw_model, model)
    pictures["weights.svg"] = "its neurons as circles and its weights as lines", partial(_weights, model)
    for name, (what, draw) in pictures.items():
        path = run.folder / name
        try:
            draw(path)
            yield f"{path}  {what}"
        except Exception as error:  # whatever it is, the run is complete without its picture
            said = unwrapped(error)[:200] or "no more is known"
            failed.append(f"{path} could not be drawn: {type(error).__name__}: {said}")


def _model_of(run: Training) -> Model:
    # A net of plain Values: the compiled run keeps its parameters in native memory.
    net = net_of(recipe(run.net), [p.data for p in run.net.parameters()])
    table = run.test or run.train
    example = {"inputs": run.preparation.rows(table.take([0]))[0], "target": run.targets(table.take([0]))[0]}
    last = run.history[run.history.best - 1 if run.options.patience else -1]
    facts = {
        "data": {"name": run.kept["data"]},
        "loss": run.loss,
        "backend": run.history.backend,
        "metrics": {},
        "epochs": len(run.history),
        "last": last,
        "example": example,
    }
    return Model(net, run.preparation, facts)


def _weights(model: Model, path: Path) -> None:
    preparation, outputs = model.preparation, len(model.net.layers[-1].neurons)
    classes = preparation.classes if len(preparation.classes) == outputs else [preparation.target]
    draw_net(model.net, inputs=preparation.inputs, classes=classes).save(path)


def _has_regions(table: Table) -> bool:
    columns = table.columns
    if table.task != "classes" or len(columns) != 2 or any(column.categories for column in columns):
        return False
    return all(min(column) < max(column) for column in zip(*table.rows))


def _regions(run: Training, model: Model, path: Path) -> None:
    net: Any = model.net
    count = len(net.parameters())
    points = 60 if count < 2_000 else 25 if count < 50_000 else 10  # eagerly, more would take too long
    if model.backend == "auto" and has_compiler() and is_worth_compiling(net, 60 * 60):
        from micrograd.compiler.jit import jit

        net, points = jit(net), 60
    with no_grad():
        decision_regions(
            lambda row: net(run.preparation.row(row)),
            [[float(x) for x in row] for row in run.table.rows],
            run.table.targets,
            path,
            points=points,
            classes=run.table.classes,
            inputs=[column.name for column in run.table.columns],
        )
