"""Let LLVM work beside the thread that waits for it, so that Ctrl-C is heard at once: `beside(work)`.

    >>> from micrograd.compiler.native.beside import beside
    >>> beside(lambda go_on: 6 * 7)
    42

Python hears an interrupt only between two of its own instructions, in its main thread, and LLVM may take seconds for
one call. So another thread makes the calls, and this one waits. When the waiting ends early, the other thread learns of
it at its next `go_on()`, ends, and gives back the locks that it holds. For the same reason no interrupt can come in the
midst of llvmlite's own Python code, whose lock would then stay taken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from micrograd.errors import GivenUp
from micrograd.locks import begin, compiling

T = TypeVar("T")
LISTEN = 0.05  # seconds at most between two looks for an interrupt where waiting for a lock cannot be interrupted


class _Beside(threading.Thread):
    """Not a daemon: Python ends after the piece that LLVM is working on."""

    def __init__(self, work: Callable[[Callable[[], None]], Any]):
        super().__init__(name="micrograd: compiling")
        self.daemon = False
        self.work, self.given_up = work, False
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = threading.Lock()
        self.ended.acquire()

    def run(self) -> None:
        try:
            with compiling:
                self.go_on()
                self.result = self.work(self.go_on)
        except BaseException as error:
            if not self.given_up:  # its traceback refers to this thread, which refers to it
                self.error = error
        finally:
            self.ended.release()

    def go_on(self) -> None:
        if self.given_up:
            raise GivenUp


def beside(work: Callable[[Callable[[], None]], T], *, waiting: Callable[[], None] = lambda: None) -> T:
    """What `work(go_on)` gives or raises; it should call `go_on()` between pieces that take not more than 0.2 s.

    Only one thread works at a time. `waiting` is called now and then until the work is done.
    """
    this = threading.current_thread()
    if isinstance(this, _Beside):
        return work(this.go_on)
    other = _Beside(work)
    try:
        if not begin(other):
            with compiling:
                return work(lambda: None)
        while not other.ended.acquire(timeout=LISTEN):
            waiting()
        if other.error is not None:
            raise other.error
        return other.result
    finally:
        other.given_up = True
        other.error = None
