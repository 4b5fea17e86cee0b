"""Print all that is printed, or say that it could not be: `with whole_output(is_program=True): ...`."""

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
    """Print all that is printed, or raise OSError before the exit status is said.

    Unbuffered, Python prints what one call of the system takes and forgets the rest; buffered, it hears of a full disk
    when all is over.
    """
    out: Any = sys.stdout
    is_raw = isinstance(getattr(out, "buffer", None), io.RawIOBase)
    whole = _lines_of(out) if is_raw else out
    sys.stdout = whole
    try:
        yield
        whole.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in (*FULL, errno.EPIPE):  # files are named by those who write
            raise
        if is_program:
            with contextlib.suppress(OSError, ValueError):  # what is left goes nowhere, also when Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), whole.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from None  # a BrokenPipeError, where it is one
    finally:
        sys.stdout = out
        if is_raw:
            with contextlib.suppress(OSError):
                whole.detach().detach()
