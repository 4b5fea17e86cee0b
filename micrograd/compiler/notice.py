"""Say on stderr that compiling takes longer than a second: once while the function is recorded, once after it:

    compiling 19,456 instructions so far ...
    compiling 96,985 instructions, about 7 s ...

`with compiling():` is around all that compiles something; inside, whoever waits or works calls `look()`. A with block
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
from typing import Any

from micrograd.anomaly import is_of_this_package

SILENCE = 1.0  # seconds until something is said


class _Compiling(threading.local):
    """What this thread compiles: since when, what to say once it is recorded, and how much was said."""

    def __init__(self) -> None:
        # Held inside `compiling()`. Only this thread takes it, so nobody ever waits: it is here because Ctrl-C may come
        # before the first instruction of an `__exit__` written in Python, which is then never run, but not before C's.
        self.inside = threading.RLock()
        self.began = 0.0
        self.described: Callable[[float], str] | None = None
        self.said_so_far = self.said = False
        self.quiet = 0

    @property
    def here(self) -> bool:
        return self.inside._is_owned()  # type: ignore[attr-defined]


_this: _Compiling = _Compiling()


def compiling() -> contextlib.AbstractContextManager[Any]:
    """A with block that compiles something. The outermost one is what `look()` speaks of."""
    if not _this.here:
        _this.began, _this.described = time.monotonic(), None
        _this.said_so_far = _this.said = False
    return _this.inside


def look(*, recorded: int = 0) -> None:
    """Say that compiling takes time, if it does. `recorded` is the number of instructions so far, in a recording."""
    if not _this.here or _this.said or (_this.said_so_far if recorded else not _this.described):
        return
    passed = time.monotonic() - _this.began
    if passed < SILENCE:
        return
    if recorded or not _this.described:
        _this.said_so_far, text = True, f"compiling {recorded:,} instructions so far"
    else:
        _this.said, text = True, _this.described(passed)
    if _this.quiet or os.environ.get("MICROGRAD_QUIET", "").lower() not in ("", "0", "no", "off", "false"):
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be no stderr, or a closed one
        print(f"{text} ...", file=sys.stderr, flush=True)


def known(described: Callable[[float], str]) -> None:
    """Note what to say from now on, given the seconds that have passed: what is recorded is being compiled."""
    _this.described = described


def warn(text: str) -> None:
    """A warning of Python's, at the line outside this package that had something compiled."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and is_of_this_package(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Compile without saying so: for what says itself how it goes."""
    _this.quiet += 1
    try:
        yield
    finally:
        _this.quiet -= 1
