"""Say on stderr, once, that compiling takes longer than a second:

    compiling 120,000 operations ...

`with compiling:` is around all that compiles something; inside, whoever waits or works calls `look()`. A with block
inside another is part of it. To silence it, set MICROGRAD_QUIET=1 in the environment, or write `with quietly():`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator

from micrograd.anomaly import is_of_this_package

SILENCE = 1.0  # seconds until something is said


class _Compiling(threading.local):
    """What this thread compiles: since when, how many operations, and whether that was said."""

    depth = 0
    began = 0.0
    operations = 0
    said = False
    quiet = 0

    def __enter__(self) -> None:
        if not self.depth:
            self.began, self.operations, self.said = time.monotonic(), 0, False
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


compiling = _Compiling()


def look(*, recorded: int = 0) -> None:
    """Say that compiling takes time, if it does. `recorded` is how many operations there are so far."""
    if recorded > compiling.operations:
        compiling.operations = recorded
    if not compiling.depth or compiling.said or time.monotonic() - compiling.began < SILENCE:
        return
    compiling.said = True
    if compiling.quiet or os.environ.get("MICROGRAD_QUIET", "").lower() not in ("", "0", "no", "off", "false"):
        return
    so_far = " so far" if recorded else ""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be no stderr, or a closed one
        print(f"compiling {compiling.operations:,} operations{so_far} ...", file=sys.stderr, flush=True)


def known(operations: int) -> None:
    """Note how many operations there are, after the recording has ended."""
    compiling.operations = operations


def warn(text: str) -> None:
    """A warning of Python's, at the line outside this package that had something compiled."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and is_of_this_package(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Compile without saying so: for what says itself how it goes."""
    compiling.quiet += 1
    try:
        yield
    finally:
        compiling.quiet -= 1
