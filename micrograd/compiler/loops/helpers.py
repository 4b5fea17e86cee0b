"""Threads that help native code with its steps: `with helping(native, context, 1):` runs one beside this thread."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from typing import Any

from micrograd.compiler.native.native import Native


@contextlib.contextmanager
def helping(native: Native, context: Any, count: int) -> Iterator[None]:
    """So many threads run `help` of the native code until the block ends. The code must not run before or after."""
    address = ctypes.addressof(context)
    context.joined = context.phase = context.arrived = 0
    threads = [threading.Thread(target=native.help, args=(address,), daemon=True) for _ in range(count)]
    started = 0
    try:
        with contextlib.suppress(RuntimeError):  # no more threads can be started: fewer help
            for thread in threads:
                thread.start()
                started += 1
        context.workers = 1 + started
        yield
    finally:
        context.workers, context.phase = 1, -1
        for thread in threads[:started]:
            thread.join()
