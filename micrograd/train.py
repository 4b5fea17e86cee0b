"""Train a model in one call: `history = fit(net, cross_entropy, X, y, epochs=50)`.

    >>> import random
    >>> from micrograd.losses import mse
    >>> from micrograd.nn import MLP
    >>> from micrograd.optim import SGD
    >>> from micrograd.train import fit
    >>> net = MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
    >>> rows, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = fit(net, mse, rows, targets, optimizer=SGD(net.parameters(), lr=0.1), epochs=400, progress=False)
    >>> f"{history['loss'][0]:.2f} {history['loss'][-1]:.4f}"
    '0.68 0.0002'

The loop is the one that README writes out, or the compiler's, which gives the same numbers sooner. The optimizer
brings its learning rate or schedule, and clips gradients if it was made with `clip=`.
"""

from __future__ import annotations

import math
import random
import time
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from micrograd.backends import Backend, backend_for
from micrograd.checkpoints import CheckpointError, read, write
from micrograd.data import split
from micrograd.engine import Value
from micrograd.history import History, Record
from micrograd.nn import MLP, Layer, Neuron
from micrograd.optim import Adam, Optimizer
from micrograd.progress import progress as progress_of
from micrograd.table import as_count, is_bool

CHECKPOINT = "checkpoint.safetensors"


def fit(
    model: Any,
    loss: Callable[[Any, Any], Any],
    X: Sequence[Any],
    y: Sequence[Any],
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    validation: float | tuple[Sequence[Any], Sequence[Any]] | None = None,
    metrics: dict[str, Callable[[Any, Any], Any]] | None = None,
    callbacks: Iterable[Callable[[Record], Any]] = (),
    patience: int | None = None,
    keep_best: bool = False,
    seed: int = 0,
    backend: str = "auto",
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> History:
    """Train `model` on the rows of X and their targets y, and say what was measured after each epoch.

    `loss(output, target)` is for one row; the mean over a batch of `batch_size` rows (None: all) is what falls. The
    default optimizer is `Adam(model.parameters(), lr=0.01)`. `validation` is a fraction of the rows to hold out, or a
    pair of other rows and targets. `metrics` are more functions of (output, target), by name, of which the mean is
    noted, such as {"accuracy": metrics.is_right}.

    After each epoch every callback is given its record, and ends training by returning False. So does `patience`: so
    many epochs without a lower loss, of the validation rows if there are any. With `keep_best` the parameters of the
    epoch with the lowest such loss are put back at the end.

    `backend` is "eager", "jit", or "auto": compiled where the extra `jit` is installed and the loss can be. Both give
    the same history to 1e-9. `progress` is False for silence, None for a bar in a terminal and lines elsewhere.

    `checkpoint` is a folder that keeps the run after each epoch; with `resume=True` a run that was killed goes on from
    there, and ends with the very numbers of one that was not. It must be called with the same model, data and options;
    only `epochs` may be more. Ctrl-C leaves the last checkpoint, and the parameters of the last whole step.

    Raises FloatingPointError when a loss or a gradient becomes nan or inf: the message names the operation, the step is
    not taken, and parameters are as after the last one. So it does where a metric has no result after an epoch.
    ValueError for data or options that cannot be.
    """
    parameters = model.parameters()
    optimizer = optimizer or Adam(parameters, lr=0.01)
    rng = random.Random(seed)
    _check(epochs, batch_size, patience, len(X), len(y))
    held_out: tuple[Sequence[Any], Sequence[Any]] | None = None
    if isinstance(validation, tuple):
        held_out = validation
        _check_pair("validation", *held_out)
    elif validation is not None:
        X, y, *others = split(X, y, held_out=validation, rng=rng)
        held_out = others[0], others[1]
    run = _Run(optimizer, rng, patience=patience, keep_best=keep_best)
    chosen = backend_for(backend, model, loss, optimizer, metrics or {}, X, y)
    run.history.backend = chosen.name
    path = Path(checkpoint) / CHECKPOINT if checkpoint is not None else None
    about: dict[str, Any] = {}  # what a run to go on with must have in common with this one
    if path:
        about = {"batch_size": batch_size, "seed": seed, "data": _fingerprint(X, y), **_identity(model, loss)}
    if path and resume and path.exists():
        run.load(path, about)
    with progress_of(epochs, progress, done=len(run.history)) as update:
        while len(run.history) < epochs and not run.history.stopped:
            record = _epoch(chosen, run, X, y, batch_size or len(X), held_out)
            answers = [callback(record) for callback in callbacks]
            if any(is_bool(answer) and not answer for answer in answers):
                run.history.stopped = "a callback said so"
            if path:
                run.save(path, about)
            update(record)
    if run.best:
        for p, x in zip(parameters, run.best):
            p.data = x
    return run.history


def _epoch(backend: Backend, run: _Run, X: Any, y: Any, batch_size: int, held_out: Any) -> Record:
    """Train once through the data, measure, and add the record."""
    began = time.perf_counter()
    rate = run.optimizer.learning_rate()
    losses, norms = backend.epoch(X, y, batch_size, run.rng)
    sizes = [min(batch_size, len(X) - start) for start in range(0, len(X), batch_size)]
    record: Record = {
        "epoch": len(run.history) + 1,
        "loss": math.fsum(x * n for x, n in zip(losses, sizes)) / len(X),  # a smaller last batch counts less
        "gradient norm": math.fsum(norms) / len(norms),
        "learning rate": rate,
    }
    record.update(_measured(backend, backend.metrics, X, y, "", record["epoch"]))
    if held_out:
        names, (rows, targets) = ["loss", *backend.metrics], held_out
        record.update(_measured(backend, names, rows, targets, "validation ", record["epoch"]))
    record["seconds"] = time.perf_counter() - began
    run.add(record)
    return record


def _measured(backend: Backend, names: list[str], X: Any, y: Any, prefix: str, epoch: float) -> Record:
    try:
        return {prefix + name: x for name, x in zip(names, backend.means(names, X, y))}
    except (ArithmeticError, ValueError) as error:
        if not hasattr(error, "failed"):  # a wrong label, say, and no operation that has no result
            raise
        what = " and ".join(prefix + name for name in names)
        raise FloatingPointError(f"{what} after epoch {epoch}: {error}") from None


class _Run:
    """What a run has come to: the history, the best parameters, and how to put all of it into a file and back."""

    def __init__(self, optimizer: Optimizer, rng: random.Random, *, patience: int | None, keep_best: bool):
        self.optimizer, self.rng, self.patience, self.keep_best = optimizer, rng, patience, keep_best
        self.history = History()
        self.best: list[float] = []
        self.lowest, self.waited = math.inf, 0

    @property
    def parameters(self) -> list[Value]:
        return self.optimizer.parameters

    def add(self, record: Record) -> None:
        """Note an epoch; stop where there was no lower loss for too long."""
        self.history.records.append(record)
        watched = record.get("validation loss", record["loss"])
        self.waited += 1
        if watched < self.lowest:
            self.lowest, self.waited = watched, 0
            if self.keep_best:
                self.best = [p.data for p in self.parameters]
        if self.patience and self.waited >= self.patience:
            self.history.stopped = f"no lower loss for {self.patience} epochs"

    def save(self, path: Path, about: dict[str, Any]) -> None:
        state = self.optimizer.state_dict()
        numbers = {f"optimizer.{name}": x for name, x in state.pop("state").items()}
        numbers["parameters"] = [p.data for p in self.parameters]
        if self.best:
            numbers["best"] = self.best
        facts = {
            **about,
            "settings": _settings(self.optimizer),
            "optimizer": state,
            "rng": self.rng.getstate(),
            "history": self.history.records,
            "stopped": self.history.stopped,
            "lowest": self.lowest,
            "waited": self.waited,
        }
        write(path, numbers, facts)

    def load(self, path: Path, about: dict[str, Any]) -> None:
        """Go on from a file; CheckpointError, and nothing changed, where it belongs to another run."""
        numbers, facts = read(path)
        wanted = {**about, "settings": _settings(self.optimizer)}
        differing = [name for name, x in wanted.items() if facts.get(name) != x]
        if differing:
            name = differing[0]
            raise CheckpointError(
                f"{path} is of another run: its {_SAID[name]}; give the same model, data and options, or another folder"
            )
        try:
            state = {"optimizer": facts["optimizer"]["optimizer"], "steps": facts["optimizer"]["steps"]}
            state["state"] = {name: numbers[f"optimizer.{name}"] for name in self.optimizer.state_names}
            parameters = numbers["parameters"]
            version, words, gauss = facts["rng"]
            rng, records = random.Random(), [dict(record) for record in facts["history"]]
            rng.setstate((version, tuple(words), gauss))
            lowest, waited, stopped = float(facts["lowest"]), int(facts["waited"]), str(facts["stopped"])
            if len(parameters) != len(self.parameters):
                raise ValueError("it has other parameters")
            self.optimizer.load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged ({error})") from None
        for p, x in zip(self.parameters, parameters):
            p.data = x
        self.rng.setstate(rng.getstate())
        self.history.records, self.history.stopped = records, stopped
        self.lowest, self.waited, self.best = lowest, waited, numbers.get("best", [])


_SAID = {
    "batch_size": "batch_size is another",
    "seed": "seed is another",
    "data": "data are others",
    "names": "parameters have other names",
    "model": "model is another, of other neurons",
    "loss": "loss is another function",
    "settings": "optimizer has other settings",
}


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """What an optimizer was made with, as far as JSON has it; a schedule is the caller's to give again."""
    plain = {k: list(x) if isinstance(x, tuple) else x for k, x in vars(optimizer).items()}
    return {k: x for k, x in plain.items() if k not in ("parameters", "state", "steps") and not callable(x)}


def _identity(model: Any, loss: Any) -> dict[str, Any]:
    """What tells a model and a loss from others, as far as it has a name: a net's own form, else its class."""
    names = [name for name, _ in model.named_parameters()] if hasattr(model, "named_parameters") else []
    return {
        "names": names,
        "model": repr(model) if type(model) in (MLP, Layer, Neuron) else type(model).__name__,
        "loss": getattr(loss, "__name__", type(loss).__name__),
    }


def _fingerprint(X: Sequence[Any], y: Sequence[Any]) -> int:
    """A number that differs, nearly always, between different data."""
    out = 0
    for rows in (X, y):
        for row in rows:
            numbers = row if hasattr(row, "__iter__") else [row]
            out = zlib.crc32(array("d", map(float, numbers)).tobytes(), out)
    return out


def _check(epochs: int, batch_size: int | None, patience: int | None, rows: int, targets: int) -> None:
    for name, x in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if x is not None:
            as_count(x, f"fit: {name}")
    if not rows or rows != targets:
        raise ValueError(f"fit: as many rows as targets are needed, and at least one, not {rows} and {targets}")


def _check_pair(name: str, X: Any, y: Any) -> None:
    if not len(X) or len(X) != len(y):
        raise ValueError(f"fit: {name} needs as many rows as targets, and at least one, not {len(X)} and {len(y)}")
