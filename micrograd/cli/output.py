"""Print everything, or raise an error: `with whole_output(is_program=True): ...`."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

FULL = [getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EDQUOT", "EIO") if hasattr(errno, name)]


def _lines_of(out: Any) -> Any:
    return io.TextIOWrapper(io.BufferedWriter(out.buffer), out.encoding, out.errors, line_buffering=True)


@contextlib.contextmanager
def whole_output(*, is_program: bool) -> Iterator[None]:
    """Print everything, or raise OSError while the exit status can still tell.

    Unbuffered, Python prints as much as one system call takes and drops the rest; buffered, it meets a full disk only
    as it exits.
    """
    if sys.stdout is None:  # closed, as by >&-
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")
    out: Any = sys.stdout
    is_raw = isinstance(getattr(out, "buffer", None), io.RawIOBase)
    whole = _lines_of(out) if is_raw else out
    sys.stdout = whole
    try:
        yield
        whole.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in (*FULL, errno.EPIPE):  # an error about another file
            raise
        if is_program:
            with contextlib.suppress(OSError, ValueError):  # drop what is left, also at Python's exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), whole.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from None  # for EPIPE, a BrokenPipeError
    finally:
        sys.stdout = out
        if is_raw:
            with contextlib.suppress(OSError):
                whole.detach().detach()
