"""Write a file whole or not at all: `write_whole(path, data)`.

    >>> import pathlib, tempfile
    >>> from micrograd.files import write_whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_whole(pathlib.Path(folder, "numbers.bin"), b"1 2 3")
    ...     path.read_bytes()
    b'1 2 3'

If the program is killed midway, or the disk is full, the file that was there before stays.
"""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Put `data` in a temporary file beside `path`, wait until it is on the disk, and rename it. Gives the path.

    The file keeps the permissions of the one that it replaces. A path that is not a file, such as /dev/stdout or a
    pipe, is written to directly. Raises OSError, which names the path.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)  # the target of a link is replaced, not the link
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    return path


def beside(target: Path, middle: str) -> str:
    """The name of a temporary file for this one, with a long name cut short."""
    short = target.name.encode()[:100].decode(errors="ignore")
    return f".{short}.{middle}.tmp"


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of writers that were killed. Nobody else may be writing this file now."""
    for leftover in path.parent.glob(glob.escape(beside(path, "?")).replace("[?]", "*")):
        leftover.unlink(missing_ok=True)


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(beside(target, secrets.token_hex(4)))
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be opened: put the new name on the disk too
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
