"""Check that a checkpoint belongs to the run to resume: the same model, data and options.

    >>> from micrograd.training.same_run import fingerprint
    >>> fingerprint([[0, 1]], [1]) == fingerprint([[0.0, 1.0]], [1.0]) != fingerprint([[0, 2]], [1])
    True

Functions cannot be compared: a loss or a metric is known by its name, a schedule by the rates that it gave.
"""

from __future__ import annotations

import json
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from micrograd.errors import CheckpointError
from micrograd.nn import MLP, Layer, Neuron
from micrograd.optim import Optimizer
from micrograd.training.options import Options
from micrograd.training.parts import Parts

SAID = {
    "batch_size": "its batch_size differs",
    "seed": "its seed differs",
    "patience": "its patience differs",
    "keep_best": "its keep_best differs",
    "data": "it was trained on other data",
    "validation": "its validation rows differ",
    "names": "its parameters have other names",
    "model": "its model has other neurons",
    "frozen": "its parameters that the optimizer does not train differ",
    "loss": "its loss is another function",
    "metrics": "its metrics differ",
    "settings": "its optimizer has other settings",
}


def identity(model: Any, options: Options, parts: Parts) -> dict[str, Any]:
    """What a resumed run must have in common with this one, as facts for JSON."""
    optimizer = options.optimizer
    trained = {id(p) for p in optimizer.parameters}
    frozen = [p.data for p in model.parameters() if id(p) not in trained]
    return {
        "batch_size": options.batch_size,
        "seed": repr(options.seed),
        "patience": options.patience,
        "keep_best": options.keep_best,
        "names": [name for name, _ in model.named_parameters()] if hasattr(model, "named_parameters") else [],
        "model": repr(model) if type(model) in (MLP, Layer, Neuron) else type(model).__name__,
        "frozen": zlib.crc32(array("d", frozen).tobytes()),
        "loss": _name(options.loss),
        "metrics": {name: _name(metric) for name, metric in options.metrics.items()},
        "settings": _settings(optimizer),
        "data": fingerprint(parts.X, parts.y),
        "validation": fingerprint(*parts.held_out) if parts.held_out else None,
    }


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)


def _settings(optimizer: Optimizer) -> str:
    """The settings of an optimizer. A schedule is not called here: it may not be defined for steps never taken."""
    known = {k: x for k, x in vars(optimizer).items() if k not in ("parameters", "state", "steps") and not callable(x)}
    return json.dumps(known, sort_keys=True, default=repr)


def fingerprint(X: Sequence[Any], y: Sequence[Any]) -> int:
    """A checksum of the data: different data nearly always give different numbers."""
    out = 0
    for rows in (X, y):
        for row in rows:
            try:
                found = array("d", _numbers(row)).tobytes()
            except (TypeError, ValueError):  # rows of something else, such as words
                found = re.sub(r" at 0x\w+", "", repr(row)).encode()
            out = zlib.crc32(found, out)
    return out


def _numbers(x: Any) -> Iterator[float]:
    if not hasattr(x, "__iter__"):
        yield float(x)
    elif isinstance(x, str):
        raise TypeError("text")
    else:
        for item in x:
            yield from _numbers(item)


def check_schedule(path: Path, optimizer: Optimizer, records: Sequence[dict[str, float]], steps: int) -> None:
    """Raise CheckpointError unless a schedule gives the rates at which the first and the last epoch began."""
    if callable(optimizer.lr) and records:
        last = len(records) - 1
        for epoch in {0, last}:
            if float(optimizer.lr(epoch * steps // len(records))) != records[epoch]["learning rate"]:
                raise _another(path, "settings")


def check_same(path: Path, kept: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise CheckpointError with the first difference, unless the file belongs to the wanted run."""
    for name, x in wanted.items():
        if kept.get(name) != x:
            raise _another(path, name)


def _another(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path} belongs to another run: {SAID[name]}; give the same model, data and options, or another folder"
    )
