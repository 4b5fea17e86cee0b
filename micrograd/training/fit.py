"""Train a model in one call: `history = fit(net, cross_entropy, X, y, epochs=50)`.

    >>> import random
    >>> from micrograd.losses import mse
    >>> from micrograd.nn import MLP
    >>> from micrograd.optim import SGD
    >>> from micrograd.training.fit import fit
    >>> net = MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
    >>> rows, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = fit(net, mse, rows, targets, optimizer=SGD(net.parameters(), lr=0.1), epochs=400, progress=False)
    >>> f"{history['loss'][0]:.2f} {history['loss'][-1]:.4f}"
    '0.68 0.0002'

The loop is the one that README writes out, or the compiler's, which gives the same numbers sooner. The optimizer
brings its learning rate or schedule, and clips gradients if it was made with `clip=`.
"""

from __future__ import annotations

import contextlib
import functools
import math
import operator
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from micrograd.blame import renumber
from micrograd.coerce import as_count, is_bool
from micrograd.data.batching import split
from micrograd.files import remove_leftovers
from micrograd.intake import plain, taken
from micrograd.optim import Adam, Optimizer
from micrograd.training.backends import Backend
from micrograd.training.checkpoints import CHECKPOINT, Keeper
from micrograd.training.choice import SHORT, Work, backend_for
from micrograd.training.folder_lock import alone_in
from micrograd.training.history import History, Record
from micrograd.training.progress import Display
from micrograd.training.progress import progress as progress_of
from micrograd.training.run_state import RunState
from micrograd.training.same_run import fingerprint, identity

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

    `backend` is "eager", "jit", or "auto": compiled where the extra `jit` is installed, the loss can be recorded, and
    compiling takes less time than it saves; `history.why` says in a line what was chosen and why. Both give the same
    history to 1e-9. `progress` is a bar in a terminal and lines elsewhere, within a long epoch too, or False for
    silence.

    `checkpoint` is a folder that keeps the run: it is written after an epoch, at most about once a second, and when
    training ends, whatever ends it; meanwhile no other run may have it. With `resume=True` a run that was killed goes
    on from there, and ends with the very numbers of one that was not. It must be called with the same model, data and
    options; only `epochs` may be more.

    X and y are rows of numbers, lists, arrays, DataFrames or sparse matrices, taken by position, and are not to change
    meanwhile; eagerly, they may be whatever the model takes. True and False count as 1 and 0.

    Whatever ends training early, Ctrl-C too, carries what was measured until then: `error.history`.

    Raises FloatingPointError when a loss or a gradient becomes nan or inf: the message names the operation, the step is
    not taken, and parameters are as after the last one. So it does where a metric has no result after an epoch.
    ValueError for data or options that cannot be; where a row is to blame, its index is said.
    """
    optimizer = Adam(model.parameters(), lr=0.01) if optimizer is None else optimizer
    _check_kinds(loss, optimizer, metrics, callbacks)
    epochs, callbacks = as_count(epochs, "fit: epochs"), tuple(callbacks)
    given_size, patience = _count("batch_size", batch_size), _count("patience", patience)
    seed = operator.index(seed) if hasattr(seed, "__index__") else seed
    X, y = plain(X, "fit: X"), plain(y, "fit: y")
    _check_pair("X and y", X, y)
    _check_metrics(metrics or {})
    _check_optimizer(optimizer, model)
    rng = random.Random(seed)
    held_out: tuple[Any, Any] | None = None
    places = _Places()
    if isinstance(validation, (tuple, list)):
        if len(validation) != 2:
            raise ValueError(
                f"fit: validation is a fraction, or a pair of rows and targets, not {len(validation)} things"
            )
        held_out = plain(validation[0], "fit: validation's X"), plain(validation[1], "fit: validation's y")
        _check_pair("validation", *held_out)
        places = _Places(prefix="validation ")
    elif validation is not None:
        train, _, test, _ = split(range(len(X)), y, held_out=validation, rng=rng)
        if not train or not test:
            raise ValueError(f"fit: validation={validation} of {len(X)} rows leaves none on one side")
        held_out = taken(X, test), taken(y, test)
        X, y = taken(X, train), taken(y, train)
        places = _Places(train, test)
    run = RunState(optimizer, rng, patience=patience, keep_best=keep_best)
    if resume and checkpoint is None:
        raise ValueError("fit: resume=True goes on from a checkpoint: name its folder, checkpoint='run/'")
    path, about = None, {}
    if checkpoint is not None:
        path = _folder(checkpoint) / CHECKPOINT
        # What a run to go on with must have in common with this one.
        options = {"batch_size": given_size, "seed": repr(seed), "patience": patience, "keep_best": keep_best}
        about = options | identity(model, loss, metrics or {}, optimizer) | {"data": fingerprint(X, y)}
        about["validation"] = fingerprint(*held_out) if held_out else None
    with alone_in(path.parent) if path else contextlib.nullcontext():
        if path:
            remove_leftovers(path)
        if path and resume and path.exists():
            run.load(path, about)
        keeper, history = Keeper(path), run.history
        work = Work(X, y, held_out, max(1, epochs - len(history)), given_size or len(X))
        try:
            with places.of_training():
                chosen = backend_for(backend, model, loss, optimizer, metrics or {}, work)
            history.backend, history.why = chosen.name, chosen.why
            with progress_of(epochs, progress, done=len(history)) as show:
                if len(history) < epochs and (backend == "auto" or chosen.compiling > SHORT):
                    show.say(chosen.why)
                while len(history) < epochs and not history.stopped:
                    record = _epoch(chosen, run, work, places, show)
                    answers = [callback(record) for callback in callbacks]
                    if any(is_bool(answer) and not answer for answer in answers):
                        history.stopped = "a callback said so"
                    if path:
                        keeper.keep(*run.state(about))
                    show(record)
        except BaseException as error:
            with contextlib.suppress(AttributeError):  # of a kind that takes none
                error.history = history  # type: ignore[attr-defined]
            raise
        finally:
            keeper.write()  # also after Ctrl-C, or an error
    if run.best:
        for p, x in zip(run.parameters, run.best):
            p.data = x
    return history


class _Places:
    """Where the rows to train on, and those held out, were among the data given: errors speak of these places."""

    def __init__(self, train: list[int] | None = None, test: list[int] | None = None, *, prefix: str = ""):
        self.train, self.test, self.prefix = train, test, prefix

    def of_training(self) -> contextlib.AbstractContextManager[None]:
        return _renumbered(self.train, "")

    def of_validation(self) -> contextlib.AbstractContextManager[None]:
        return _renumbered(self.test, self.prefix)


@contextlib.contextmanager
def _renumbered(places: list[int] | None, prefix: str) -> Iterator[None]:
    """Say of errors that name a row by its index, `row 3: ...`, which row of the data given that is."""

    try:
        yield
    except (ArithmeticError, ValueError, LookupError) as error:
        renumber(error, places, prefix)
        raise


def _epoch(backend: Backend, run: RunState, work: Work, places: _Places, show: Display) -> Record:
    """Train once through the data, measure, and add the record."""
    began = time.perf_counter()
    rate = run.optimizer.learning_rate()
    X, y, batch_size, number = work.X, work.y, work.batch_size, len(run.history) + 1
    with places.of_training():
        within = functools.partial(show.within, number) if show.is_on else None
        losses, norms = backend.epoch(X, y, batch_size, run.rng, within)
    sizes = [min(batch_size, len(X) - start) for start in range(0, len(X), batch_size)]
    record: Record = {
        "epoch": number,
        "loss": math.fsum(x * n for x, n in zip(losses, sizes)) / len(X),  # a smaller last batch counts less
        "gradient norm": math.fsum(norms) / len(norms),
        "learning rate": rate,
    }
    with places.of_training():
        record.update(_measured(backend, backend.metrics, X, y, "", number))
    if work.held_out:
        with places.of_validation():
            record.update(_measured(backend, ["loss", *backend.metrics], *work.held_out, "validation ", number))
    record["seconds"] = time.perf_counter() - began
    run.add(record)
    if backend.why != run.history.why:  # it went over to the other
        show.say(backend.why)
        run.history.backend, run.history.why = backend.name, backend.why
    return record


def _measured(backend: Backend, names: list[str], X: Any, y: Any, prefix: str, epoch: float) -> Record:
    try:
        found = {prefix + name: x for name, x in zip(names, backend.means(names, X, y))}
    except (ArithmeticError, ValueError) as error:
        if not hasattr(error, "failed"):  # a wrong label, say, and no operation that has no result
            raise
        what = " and ".join(prefix + name for name in names)
        raise FloatingPointError(f"{what} after epoch {epoch}: {error}") from None
    for name, x in found.items():
        if math.isnan(x):
            raise FloatingPointError(f"{name} after epoch {epoch} is nan: is there a nan in the rows?")
    return found


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
    return path
