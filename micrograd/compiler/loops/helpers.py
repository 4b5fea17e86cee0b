"""Threads that help native code with its steps: `with helping(native, context, 1):` runs one beside this thread."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator
from typing import Any

from micrograd.compiler.native.native import Native
from micrograd.locks import begin


@contextlib.contextmanager
def helping(native: Native, context: Any, count: int) -> Iterator[None]:
    """So many threads run `help` of the native code until the block ends. The code must not run before or after."""
    context.joined = context.phase = context.arrived = 0

    def help() -> None:
        running.append(context)
        try:
            if not over:  # after an interrupt it may begin late
                native.help(ctypes.addressof(context))
        finally:
            running.pop()

    over, running = False, list[Any]()
    try:
        begun = 0
        while begun < count and begin(threading.Thread(target=help, daemon=True)):  # or fewer help
            begun += 1
        context.workers = 1 + begun
        yield
    finally:
        interrupt: BaseException | None = None
        while not over or running:  # to the end, whatever comes: a helper left behind would join the next steps
            try:
                over, context.workers, context.phase = True, 1, -1
                while running:
                    time.sleep(1e-5)
            except BaseException as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt
