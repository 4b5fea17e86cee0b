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

The loop is the one that the README writes out, or the compiler's, which gives the same numbers faster. The optimizer
brings its learning rate or schedule, and clips gradients if it was made with `clip=`.
"""

from __future__ import annotations

import contextlib
import functools
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from micrograd.coerce import is_bool
from micrograd.compiler.notice import quietly
from micrograd.optim import Optimizer
from micrograd.training.backends import Backend
from micrograd.training.choice import SHORT, Work, backend_for
from micrograd.training.history import History, Record
from micrograd.training.options import check_together, checked
from micrograd.training.parts import Parts, divided, pair
from micrograd.training.progress import Display
from micrograd.training.progress import progress as progress_of
from micrograd.training.resume import kept_in, path_in
from micrograd.training.run_state import RunState
from micrograd.training.same_run import identity


def fit(
    model: Any,
    loss: Callable[[Any, Any], Any],
    X: Iterable[Any],
    y: Iterable[Any],
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    validation: float | tuple[Iterable[Any], Iterable[Any]] | None = None,
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
    """Train `model` on the rows of X and their targets y; returns what was measured after each epoch.

    `loss(output, target)` is for one row; training minimizes its mean over batches of `batch_size` rows (None: all).
    The default optimizer is `Adam(model.parameters(), lr=0.01)`. `validation` is a fraction of the rows to hold out, or
    a pair of other rows and targets. `metrics` are more functions of (output, target) by name, such as
    {"accuracy": metrics.is_right}; their means are recorded.

    After each epoch every callback is given its record, and ends training by returning False. `patience` ends it after
    that many epochs without a lower loss, on the validation rows if there are any. `keep_best` puts back the parameters
    of the epoch with the lowest such loss at the end.

    `backend` is "eager", "jit", or "auto": compiled if the extra `jit` is installed, the loss can be recorded, and
    compiling takes less time than it saves; `history.why` says in one line what was chosen and why. Both give the same
    history to 1e-9. `progress` shows one line that updates itself in a terminal or a notebook, and a few lines
    elsewhere, within a long epoch too; False shows nothing.

    `checkpoint` is a folder that keeps the run. It is written after an epoch, at most about once a second, and whenever
    training ends, for whatever reason; until then no other run may use it. With `resume=True` a run that was killed
    goes on from there, and ends with exactly the numbers of an unbroken run. Call it with the same model, data and
    options; only `epochs` may be larger.

    X and y are rows of numbers: lists, arrays, DataFrames or sparse matrices, taken by position. Do not change them
    during training. Eagerly, they may be whatever the model takes. True and False count as 1 and 0.

    An error that ends training early, even Ctrl-C, carries the measures so far as `error.history`.

    Raises FloatingPointError if a loss or a gradient becomes nan or inf: the message names the operation, the step is
    skipped, and the parameters are those of the step before. The same error
    is raised if a metric has no result after an epoch.
    Raises ValueError for wrong data or options; the message gives the index of a bad row.
    """
    options = checked(model, loss, optimizer, epochs, batch_size, metrics, callbacks, patience, keep_best, seed)
    X, y = pair(X, y)
    check_together(options, model)
    rng = random.Random(options.seed)
    parts = divided(X, y, validation, rng)
    run = RunState(options, rng)
    path = path_in(checkpoint, resume=resume)
    about = identity(model, options, parts) if path else {}
    epochs, history = options.epochs, run.history
    with kept_in(path, run, about, resume=resume) as keep, _carried_by_errors(history):
        size = options.batch_size or len(parts.X)
        work = Work(parts.X, parts.y, parts.held_out, max(1, epochs - len(history)), size)
        with parts.of_training(), contextlib.nullcontext() if progress else quietly():
            chosen = backend_for(backend, model, loss, options.optimizer, options.metrics, work)
        history.backend, history.why = chosen.name, chosen.why
        with progress_of(epochs, progress, done=len(history)) as show, quietly():  # the display says it
            if len(history) < epochs and (backend == "auto" or chosen.compiling > SHORT):
                show.say(chosen.why)
            while len(history) < epochs and not history.stopped:
                record = _epoch(chosen, run, parts, size, show)
                answers = [callback(record) for callback in options.callbacks]
                if any(is_bool(answer) and not answer for answer in answers):
                    history.stopped = "a callback returned False"
                keep()
                show(record)
    run.put_back_best()
    return history


def _epoch(backend: Backend, run: RunState, parts: Parts, batch_size: int, show: Display) -> Record:
    """Train for one pass over the data, measure, and add the record."""
    began = time.perf_counter()
    rate = run.optimizer.learning_rate()
    X, y, number = parts.X, parts.y, len(run.history) + 1
    with parts.of_training():
        within = functools.partial(show.within, number) if show.is_on else None
        losses, norms = backend.epoch(X, y, batch_size, run.rng, within)
    sizes = [min(batch_size, len(X) - start) for start in range(0, len(X), batch_size)]
    record: Record = {
        "epoch": number,
        "loss": math.fsum(x * n for x, n in zip(losses, sizes)) / len(X),  # a smaller last batch counts less
        "gradient norm": math.fsum(norms) / len(norms),
        "learning rate": rate,
    }
    with parts.of_training():
        record.update(_measured(backend, backend.metrics, X, y, "", number))
    if parts.held_out:
        with parts.of_validation():
            record.update(_measured(backend, ["loss", *backend.metrics], *parts.held_out, "validation ", number))
    record["seconds"] = time.perf_counter() - began
    run.add(record)
    if backend.why != run.history.why:  # it has changed from compiled to eager
        show.say(backend.why)
        run.history.backend, run.history.why = backend.name, backend.why
    return record


def _measured(backend: Backend, names: list[str], X: Any, y: Any, prefix: str, epoch: float) -> Record:
    try:
        found = {prefix + name: x for name, x in zip(names, backend.means(names, X, y))}
    except (ArithmeticError, ValueError) as error:
        if not hasattr(error, "failed"):  # bad data, such as a wrong label, rather than a failed operation
            raise
        what = " and ".join(prefix + name for name in names)
        raise FloatingPointError(f"{what} after epoch {epoch}: {error}") from None
    for name, x in found.items():
        if math.isnan(x):
            raise FloatingPointError(f"{name} after epoch {epoch} is nan: is there a nan in the rows?")
    return found


@contextlib.contextmanager
def _carried_by_errors(history: History) -> Iterator[None]:
    """Give an error that ends training the measures so far, as `error.history`."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(AttributeError):  # an error without room for attributes
            error.history = history  # type: ignore[attr-defined]
        raise
