"""Keep a model or a training run in one file: numbers as safetensors, the rest as JSON in its header. No pickle.

    >>> import tempfile, pathlib
    >>> from micrograd.training.checkpoints import read, write
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.safetensors"
    >>> write(path, {"w": [1.0, 2.0]}, {"epoch": 3})
    >>> numbers, facts = read(path)
    >>> numbers, facts["epoch"]
    ({'w': [1.0, 2.0]}, 3)


A file is written under another name, synced to the disk and renamed, so that there is always a whole file. Its checksum
(SHA-256) reveals a single changed bit before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from micrograd.errors import CheckpointError
from micrograd.extras import require
from micrograd.files import write_whole
from micrograd.version import VERSION
from micrograd.words import unwrapped

FORMAT = "micrograd 1"
CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run
EVERY, TIMES = 1.0, 10  # seconds at least between two writes, or this many times the time of a write


def write(path: str | Path, numbers: Mapping[str, Sequence[float]], about: Mapping[str, Any]) -> None:
    """Put lists of floats and JSON-able facts into a file, whole or not at all; micrograd's version is a fact too."""
    numpy, save = require("numpy", extra="train"), require("safetensors.numpy", extra="train").save
    arrays = {name: numpy.array(x, dtype=float) for name, x in numbers.items()}
    said = json.dumps({**about, "version": VERSION})
    metadata = {"format": FORMAT, "about": said, "checksum": _checksum(arrays, said)}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(arrays, metadata=metadata))


def _checksum(arrays: Mapping[str, Any], about: str) -> str:
    found = hashlib.sha256(about.encode())
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.shape} {array.dtype}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def read(path: str | Path) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """The numbers and the facts in a file. Raises CheckpointError if it is not a checkpoint or is damaged."""
    Path(path).open("rb").close()  # raises FileNotFoundError if there is no file
    safe_open = require("safetensors", extra="train").safe_open
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if not {"format", "about", "checksum"} <= metadata.keys():
                raise ValueError("its metadata is missing")
            check_format(path, metadata["format"], FORMAT)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is not a dict)
        if metadata["checksum"] != _checksum(arrays, metadata["about"]):
            raise ValueError("its checksum is wrong")
        about = json.loads(metadata["about"])
        numbers = {name: array.tolist() for name, array in arrays.items() if array.dtype == float and array.ndim == 1}
        if metadata["format"] != FORMAT or not isinstance(about, dict) or len(numbers) != len(arrays):
            raise ValueError("another program wrote it")
    except (ImportError, CheckpointError):
        raise
    except Exception as error:  # a damaged file may raise any error in the reader
        said = unwrapped(error)[:100] or type(error).__name__
        raise CheckpointError(f"{path} is not a micrograd checkpoint, or is damaged ({said})") from None
    return numbers, about


def check_format(path: str | Path, found: Any, own: str) -> None:
    """Raise CheckpointError for a file in a newer format: "micrograd 2" if this program knows "micrograd 1"."""
    name, _, number = own.rpartition(" ")
    given = re.fullmatch(rf"{name} ([0-9]{{1,4}})", found) if isinstance(found, str) else None
    if given and int(given[1]) > int(number):
        raise CheckpointError(f"{path} was written by a newer micrograd, in the format {found!r}: update micrograd")


class Keeper:
    """Writes what it is given to keep, but not many times a second: call `write` at the end to write the last."""

    path: Path

    def __init__(self, path: Path):
        self.path, self._next = path, 0.0
        self._pending: tuple[Mapping[str, Sequence[float]], Mapping[str, Any]] | None = None

    def keep(self, numbers: Mapping[str, Sequence[float]], about: Mapping[str, Any]) -> None:
        self._pending = numbers, about
        if time.monotonic() >= self._next:
            self.write()

    def write(self) -> None:
        """Write what was kept last, unless it is written."""
        if self._pending is not None:
            began = time.monotonic()
            write(self.path, *self._pending)
            self._pending, now = None, time.monotonic()
            self._next = now + max(EVERY, TIMES * (now - began))
