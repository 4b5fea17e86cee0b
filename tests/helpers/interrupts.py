"""Ctrl-C at any moment: `interrupted(run, seconds)`."""

from __future__ import annotations

import signal


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
