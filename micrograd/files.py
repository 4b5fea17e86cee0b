"""Write a file whole or not at all: `write_whole(path, data)`.

    >>> import pathlib, tempfile
    >>> from micrograd.files import write_whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_whole(pathlib.Path(folder, "numbers.bin"), b"1 2 3")
    ...     path.read_bytes()
    b'1 2 3'

A program that is killed in the midst of it, or a disk that is full, leaves the file that was there before.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Put `data` in a temporary file beside `path`, wait until it is on the disk, and rename it. Gives the path."""
    path = Path(path)
    target = path.resolve()  # what a link points at is replaced, and not the link
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be opened, so that the new name is on the disk too
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path
