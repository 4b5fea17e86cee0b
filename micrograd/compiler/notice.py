"""Say on stderr that compiling takes longer than a second: once while the function is recorded, once after it:

    compiling 19,456 instructions so far ...
    compiling 96,985 instructions, about 7 s ...

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
from collections.abc import Callable, Iterator

from micrograd.anomaly import is_of_this_package

SILENCE = 1.0  # seconds until something is said


class _Compiling(threading.local):
    """What this thread compiles: since when, what to say once it is recorded, and how much was said."""

    depth = 0
    began = 0.0
    described: Callable[[float], str] | None = None
    said_so_far = said = False
    quiet = 0

    def __enter__(self) -> None:
        if not self.depth:
            self.began, self.described = time.monotonic(), None
            self.said_so_far = self.said = False
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


compiling = _Compiling()


def look(*, recorded: int = 0) -> None:
    """Say that compiling takes time, if it does. `recorded` is the number of instructions so far, in a recording."""
    if not compiling.depth or compiling.said or (compiling.said_so_far if recorded else not compiling.described):
        return
    passed = time.monotonic() - compiling.began
    if passed < SILENCE:
        return
    if recorded or not compiling.described:
        compiling.said_so_far, text = True, f"compiling {recorded:,} instructions so far"
    else:
        compiling.said, text = True, compiling.described(passed)
    if compiling.quiet or os.environ.get("MICROGRAD_QUIET", "").lower() not in ("", "0", "no", "off", "false"):
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be no stderr, or a closed one
        print(f"{text} ...", file=sys.stderr, flush=True)


def known(described: Callable[[float], str]) -> None:
    """Note what to say from now on, given the seconds that have passed: what is recorded is being compiled."""
    compiling.described = described


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
