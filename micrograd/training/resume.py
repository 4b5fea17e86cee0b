"""Keep a run in its folder, and go on from there: `with kept_in(path, run, about, resume=True) as keep: ...`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from micrograd.files import remove_leftovers
from micrograd.training.checkpoints import CHECKPOINT, Keeper
from micrograd.training.folder_lock import alone_in
from micrograd.training.run_state import RunState


def path_in(folder: str | Path | None, *, resume: bool) -> Path | None:
    """The file of a run in its folder; None without a folder. Raises an error if it is not a folder."""
    if folder is None:
        if resume:
            raise ValueError("fit: resume=True needs the folder of a checkpoint: add checkpoint='run/'")
        return None
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"fit: checkpoint must be a folder, and {path} is a file")
    return path / CHECKPOINT


@contextlib.contextmanager
def kept_in(path: Path | None, run: RunState, about: dict[str, Any], *, resume: bool) -> Iterator[Callable[[], None]]:
    """Hold the folder of a run alone; with `resume`, load the run's state from its file.

    Yields `keep`, to be called after each epoch. Whatever ends the block, what is not yet written is written then.
    """
    if path is None:
        yield lambda: None
        return
    with alone_in(path.parent):
        remove_leftovers(path)
        if resume and path.exists():
            run.load(path, about)
        keeper = Keeper(path)
        try:
            yield lambda: keeper.keep(*run.state(about))
        finally:
            keeper.write()  # also after Ctrl-C, or an error
