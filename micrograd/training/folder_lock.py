"""Let one run at a time have a folder: `with alone_in(folder): ...`.

    >>> import pathlib, tempfile
    >>> from micrograd.training.folder_lock import LOCK, alone_in, owner_of
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with alone_in(folder):
    ...     (folder / LOCK).exists()
    True
    >>> (folder / LOCK).exists(), owner_of(folder)
    (False, None)

The lock is the operating system's, on a file that names the process: it ends with the process, so that a file left by a
killed process locks nothing. If the system or the disk has no such locks (`fcntl.flock`), nothing is refused.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from micrograd.errors import FolderInUse

LOCK = ".lock"


class _Held(threading.local):
    folders: frozenset[Path] = frozenset()  # that this thread holds: `micrograd train` calls `fit` while it holds one


_held = _Held()


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder alone, and create it if needed. Raises FolderInUse while another process or thread holds it."""
    place = Path(os.path.realpath(folder))
    if place in _held.folders:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder) if _fcntl() else contextlib.nullcontext():
        before, _held.folders = _held.folders, _held.folders | {place}
        try:
            yield
        finally:
            _held.folders = before


def check_free(folder: Path) -> None:
    """Raise FolderInUse while another run holds the folder; nothing is written."""
    if (owner := owner_of(folder)) is not None:
        raise FolderInUse(
            f"{folder} is in use: a run is training into it{owner}; wait for it, or choose another folder"
        )


def owner_of(folder: Path) -> str | None:
    """Who holds a folder, such as ", in process 1234"; None if nobody does."""
    fcntl = _fcntl()
    try:
        number = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        if fcntl and Path(os.path.realpath(folder)) not in _held.folders:
            fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        pid = os.read(number, 20).decode(errors="replace").strip()
        return f", in process {pid}" if pid.isdecimal() else ""
    except OSError:
        return None
    finally:
        os.close(number)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path, fcntl = folder / LOCK, _fcntl()
    while True:
        check_free(folder)
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.stat(path), os.fstat(number)):  # it is not a file that its owner has just removed
                break
        except FileNotFoundError:
            pass
        except BlockingIOError:  # another process was first, and has not written its number yet
            pass
        except OSError:  # a disk without locks
            break
        os.close(number)
    try:
        os.ftruncate(number, 0)
        os.pwrite(number, str(os.getpid()).encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is still locked
        os.close(number)


def _fcntl() -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module("fcntl")
    return None
