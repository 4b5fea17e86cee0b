"""Ctrl-C at any moment: `interrupted(run, seconds)`. What it leaves: `threads_that_stay(count)`."""

from __future__ import annotations

import signal
import threading
import time


def interrupted(run, seconds):
    """Whether a KeyboardInterrupt after `seconds` came before the end of `run()`."""
    armed = [True]

    def handler(*_):
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        run()
        armed.clear()
        return False
    except KeyboardInterrupt:
        return True
    finally:
        armed.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def threads_that_stay(count):
    """How many threads there are once there are not more than `count`, or after 10 s: one whose work is done still
    takes a moment to end.
    """
    until = time.monotonic() + 10.0
    while threading.active_count() > count and time.monotonic() < until:
        time.sleep(0.001)
    return threading.active_count()
