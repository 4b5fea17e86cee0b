"""Locks that still work in a forked process.

Only the thread that forks lives on in the child: a lock that another thread held would stay locked for ever. So an
object with a lock gets a new one in the child (`new_in_child(self)`). Work that must not be forked midway, LLVM's above
all, is waited for: a lock of `held_over_forks()` is taken before a fork and released on both sides.

`begin(thread)` starts a thread so that Ctrl-C cannot leave it waiting.
"""

from __future__ import annotations

import _thread
import os
import threading
import weakref
from typing import Any

_owners: list[tuple[weakref.ref[Any], str]] = []  # not a WeakSet: its callbacks would swallow a Ctrl-C
_held: list[Any] = []


def new_in_child(owner: Any, name: str = "_lock") -> None:
    """After a fork, give `owner` a new lock of that name in the child, unless the forking thread holds the lock."""
    with _listing:
        if len(_owners) % 1024 == 1023:
            _owners[:] = [(each, other) for each, other in _owners if each() is not None]
        _owners.append((weakref.ref(owner), name))


def held_over_forks() -> Any:
    """A lock that during a fork only the forking thread holds; one thread may take it twice."""
    lock = threading.RLock()
    _held.append(lock)
    return lock


_listing = held_over_forks()
compiling: Any = held_over_forks()  # LLVM's global context is for one thread at a time
importing: Any = held_over_forks()  # an import that a thread has begun would never end in the child


def begin(thread: threading.Thread) -> bool:
    """Start a thread; False if none can be started: there are too many, or Python is ending.

    `Thread.start` waits for a sign of the new thread, with a lock that is taken in Python. An interrupt at that moment
    leaves the lock taken: the new thread could never give its sign, nor end, and Python would wait for it at its exit.
    So another thread calls it: interrupts are raised in the main thread only.
    """
    begun, done = [], threading.Lock()
    done.acquire()

    def start() -> None:
        try:
            thread.start()
            begun.append(thread)
        except RuntimeError:
            pass
        finally:
            done.release()

    try:
        _thread.start_new_thread(start, ())
    except RuntimeError:
        return False
    done.acquire()
    return bool(begun)


def _before() -> None:
    for lock in _held:
        lock.acquire()


def _after() -> None:
    for lock in reversed(_held):
        lock.release()


def _in_the_child() -> None:
    for owner, name in [(each(), name) for each, name in _owners]:
        if owner is not None and not getattr(owner, name)._is_owned():
            setattr(owner, name, threading.RLock())
    _after()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_the_child)
