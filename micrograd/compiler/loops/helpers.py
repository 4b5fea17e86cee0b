"""Threads that help native code with its steps: `with helping(native, context, 1):` runs one beside this thread."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from typing import Any

from micrograd.compiler.native.native import Native
from micrograd.locks import begin


@contextlib.contextmanager
def helping(native: Native, context: Any, count: int) -> Iterator[None]:
    """So many threads run `help` of the native code until the block ends. The code must not run before or after."""
    context.joined = context.phase = context.arrived = 0

    def help() -> None:  # after an interrupt it may begin late: it keeps the context, where it reads that all is over
        if not over:
            native.help(ctypes.addressof(context))

    threads, over = [], False
    try:
        for _ in range(count):
            thread = threading.Thread(target=help, daemon=True)
            if not begin(thread):  # no more threads can be started: fewer help
                break
            threads.append(thread)
        context.workers = 1 + len(threads)
        yield
    finally:
        over, context.workers, context.phase = True, 1, -1
        for thread in threads:
            thread.join()
