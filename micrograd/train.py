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
import operator
import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from micrograd.backends import Backend, backend_for
from micrograd.checkpoints import CHECKPOINT, CheckpointError, Keeper, read
from micrograd.data import split
from micrograd.engine import Value
from micrograd.files import remove_leftovers
from micrograd.history import History, Record
from micrograd.identity import check_same, check_schedule, fingerprint, identity
from micrograd.intake import plain, taken
from micrograd.optim import Adam, Optimizer
from micrograd.progress import progress as progress_of
from micrograd.table import as_count, is_bool

COLUMNS = ("epoch", "loss", "gradient norm", "learning rate", "seconds")  # of every history


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
    progress: bool = True,
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
    the same history to 1e-9. `progress` is a bar in a terminal and lines elsewhere, or False for silence.

    `checkpoint` is a folder that keeps the run: it is written after an epoch, at most about once a second, and when
    training ends, whatever ends it. With `resume=True` a run that was killed goes on from there, and ends with the very
    numbers of one that was not. It must be called with the same model, data and options; only `epochs` may be more.

    X and y are rows of numbers, lists or arrays, and are not to change meanwhile; eagerly, they may be whatever the
    model takes. True and False count as 1 and 0.

    Raises FloatingPointError when a loss or a gradient becomes nan or inf: the message names the operation, the step is
    not taken, and parameters are as after the last one. So it does where a metric has no result after an epoch.
    ValueError for data or options that cannot be.
    """
    optimizer = Adam(model.parameters(), lr=0.01) if optimizer is None else optimizer
    _check_kinds(loss, optimizer, metrics, callbacks)
    epochs, callbacks = as_count(epochs, "fit: epochs"), tuple(callbacks)
    batch_size, patience = _count("batch_size", batch_size), _count("patience", patience)
    seed = operator.index(seed) if hasattr(seed, "__index__") else seed
    X, y = plain(X, "fit: X"), plain(y, "fit: y")
    _check_pair("X and y", X, y)
    _check_metrics(metrics or {})
    _check_optimizer(optimizer, model)
    rng = random.Random(seed)
    held_out: tuple[Any, Any] | None = None
    if isinstance(validation, (tuple, list)):
        if len(validation) != 2:
            raise ValueError(
                f"fit: validation is a fraction, or a pair of rows and targets, not {len(validation)} things"
            )
        held_out = plain(validation[0], "fit: validation's X"), plain(validation[1], "fit: validation's y")
        _check_pair("validation", *held_out)
    elif validation is not None:
        train, _, test, _ = split(range(len(X)), y, held_out=validation, rng=rng)
        if not train or not test:
            raise ValueError(f"fit: validation={validation} of {len(X)} rows leaves none on one side")
        held_out = taken(X, test), taken(y, test)
        X, y = taken(X, train), taken(y, train)
    run = _Run(optimizer, rng, patience=patience, keep_best=keep_best)
    chosen = backend_for(backend, model, loss, optimizer, metrics or {}, X, y)
    run.history.backend = chosen.name
    path, about = None, {}
    if resume and checkpoint is None:
        raise ValueError("fit: resume=True goes on from a checkpoint: name its folder, checkpoint='run/'")
    if checkpoint is not None:
        path = _folder(checkpoint) / CHECKPOINT
        remove_leftovers(path)
        # What a run to go on with must have in common with this one.
        options = {"batch_size": batch_size, "seed": repr(seed), "patience": patience, "keep_best": keep_best}
        about = options | identity(model, loss, metrics or {}, optimizer) | {"data": fingerprint(X, y)}
        about["validation"] = fingerprint(*held_out) if held_out else None
    if path and resume and path.exists():
        run.load(path, about)
    keeper = Keeper(path)
    try:
        with progress_of(epochs, progress, done=len(run.history)) as update:
            while len(run.history) < epochs and not run.history.stopped:
                record = _epoch(chosen, run, X, y, batch_size or len(X), held_out)
                answers = [callback(record) for callback in callbacks]
                if any(is_bool(answer) and not answer for answer in answers):
                    run.history.stopped = "a callback said so"
                if path:
                    keeper.keep(*run.state(about))
                update(record)
    finally:
        keeper.write()  # also after Ctrl-C, or an error
    if run.best:
        for p, x in zip(run.parameters, run.best):
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
            self.lowest, self.waited, self.history.best = watched, 0, int(record["epoch"])
            if self.keep_best:
                self.best = [p.data for p in self.parameters]
        if self.patience and self.waited >= self.patience:
            self.history.stopped = f"no lower loss for {self.patience} epochs"

    def state(self, about: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, Any]]:
        """Numbers and facts to go on from, as they are now."""
        state = self.optimizer.state_dict()
        numbers = {f"optimizer.{name}": x for name, x in state.pop("state").items()}
        numbers["parameters"] = [p.data for p in self.parameters]
        if self.best:
            numbers["best"] = self.best
        facts = {
            "run": about,
            "optimizer": state,
            "lr": None if callable(self.optimizer.lr) else self.optimizer.lr,  # which callbacks may change
            "rng": self.rng.getstate(),
            "history": [*self.history.records],
            "stopped": self.history.stopped,
            "best epoch": self.history.best,
            "lowest": self.lowest,
            "waited": self.waited,
        }
        return numbers, facts

    def load(self, path: Path, about: dict[str, Any]) -> None:
        """Go on from a file; CheckpointError, and nothing changed, where it belongs to another run."""
        numbers, facts = read(path)
        try:
            check_same(path, facts["run"], about)
            state = {"optimizer": facts["optimizer"]["optimizer"], "steps": facts["optimizer"]["steps"]}
            state["state"] = {name: numbers[f"optimizer.{name}"] for name in self.optimizer.state_names}
            parameters, rate = numbers["parameters"], facts["lr"]
            version, words, gauss = facts["rng"]
            rng, records = random.Random(), [dict(record) for record in facts["history"]]
            rng.setstate((version, tuple(words), gauss))
            lowest, waited, stopped = float(facts["lowest"]), int(facts["waited"]), str(facts["stopped"])
            best = int(facts["best epoch"])
            check_schedule(path, self.optimizer, records, state["steps"])
            if len(parameters) != len(self.parameters):
                raise ValueError("it has other parameters")
            self.optimizer.load_state_dict(state)
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged ({error})") from None
        for p, x in zip(self.parameters, parameters):
            p.data = x
        if rate is not None:
            self.optimizer.lr = rate
        self.rng.setstate(rng.getstate())
        self.history.records, self.history.stopped, self.history.best = records, stopped, best
        self.lowest, self.waited, self.best = lowest, waited, numbers.get("best", [])


def _count(name: str, n: Any) -> int | None:
    return None if n is None else as_count(n, f"fit: {name}")


def _check_pair(name: str, X: Any, y: Any) -> None:
    if not len(X) or len(X) != len(y):
        raise ValueError(f"fit: {name} must be as many rows as targets, and at least one, not {len(X)} and {len(y)}")


def _check_kinds(loss: Any, optimizer: Any, metrics: Any, callbacks: Any) -> None:
    if not callable(loss):
        raise TypeError(f"fit: the loss is a function of (output, target), such as micrograd.losses.mse, not {loss!r}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"fit: the optimizer is made for the model, such as Adam(model.parameters()), not {optimizer!r}"
        )
    if metrics is not None and not (isinstance(metrics, dict) and all(map(callable, metrics.values()))):
        raise TypeError(f"fit: metrics are functions by name, such as {{'accuracy': is_right}}, not {metrics!r}")
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"fit: callbacks are a list of functions of a record, not {callbacks!r}")


def _check_metrics(metrics: dict[str, Any]) -> None:
    for name in metrics:
        if name in COLUMNS or name.startswith("validation "):
            raise ValueError(f"fit: a metric cannot be called {name!r}, which the history has another use for")


def _check_optimizer(optimizer: Optimizer, model: Any) -> None:
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for p in optimizer.parameters):
        raise ValueError(
            f"fit: none of the optimizer's {len(optimizer.parameters)} parameters is the model's: was the model made "
            "anew after the optimizer?"
        )


def _folder(given: str | Path) -> Path:
    path = Path(given)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"fit: checkpoint names a folder for the run's file, and {path} is a file")
    path.mkdir(parents=True, exist_ok=True)
    return path
