"""What `fit` was asked for, checked once: `checked(model, loss, optimizer, ...)` gives its `Options`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from micrograd.coerce import as_count, as_count_or_none
from micrograd.optim import Adam, Optimizer
from micrograd.training.history import Record

COLUMNS = ("epoch", "loss", "gradient norm", "learning rate", "seconds")  # in every history


class Options(NamedTuple):
    """How to train, as `fit` describes it."""

    loss: Callable[[Any, Any], Any]
    optimizer: Optimizer
    epochs: int
    batch_size: int | None  # None: all rows
    metrics: dict[str, Callable[[Any, Any], Any]]
    callbacks: tuple[Callable[[Record], Any], ...]
    patience: int | None
    keep_best: bool
    seed: Any


def checked(
    model: Any,
    loss: Any,
    optimizer: Any,
    epochs: Any,
    batch_size: Any,
    metrics: Any,
    callbacks: Any,
    patience: Any,
    keep_best: bool,
    seed: Any,
) -> Options:
    """The options, checked. Raises TypeError for a wrong type, ValueError for a wrong count."""
    if not hasattr(model, "parameters"):
        raise TypeError(f"fit: the model comes first, and must have parameters() as an MLP has, not {model!r}")
    optimizer = Adam(model.parameters(), lr=0.01) if optimizer is None else optimizer
    if not callable(loss):
        raise TypeError(
            f"fit: the loss must be a function of (output, target), such as micrograd.losses.mse, not {loss!r}"
        )
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"fit: the optimizer must be one made for the model, such as Adam(model.parameters()), not {optimizer!r}"
        )
    if metrics is not None and not (isinstance(metrics, dict) and all(map(callable, metrics.values()))):
        raise TypeError(
            f"fit: metrics must be a dict of functions by name, such as {{'accuracy': is_right}}, not {metrics!r}"
        )
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"fit: callbacks must be a list of functions of a record, not {callbacks!r}")
    return Options(
        loss,
        optimizer,
        as_count(epochs, "fit: epochs"),
        callbacks=tuple(callbacks),
        batch_size=as_count_or_none(batch_size, "fit: batch_size"),
        patience=as_count_or_none(patience, "fit: patience"),
        metrics=metrics or {},
        keep_best=keep_best,
        seed=operator.index(seed) if hasattr(seed, "__index__") else seed,
    )


def check_together(options: Options, model: Any) -> None:
    """Raise ValueError if a metric has the name of a history column, or the optimizer belongs to another model."""
    for name in options.metrics:
        if name in COLUMNS or name.startswith("validation "):
            raise ValueError(
                f"fit: a metric cannot be called {name!r}: the history has a column of that name; choose another"
            )
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for p in options.optimizer.parameters):
        raise ValueError(
            f"fit: none of the optimizer's {len(options.optimizer.parameters)} parameters belongs to the "
            "model: was the model rebuilt after the optimizer was made?"
        )
