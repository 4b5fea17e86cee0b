"""Locks that a forked process can go on with.

Only the thread that forks lives on in the child: what another thread held there would be held for ever. So an object
with a lock gets a new one in the child (`new_in_child(self)`), and what must not be forked in the midst of its work,
LLVM above all, is waited for: a lock of `held_over_forks()` is taken before a fork and given back on both sides.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

_owners: list[tuple[weakref.ref[Any], str]] = []  # no WeakSet: its callbacks would swallow a Ctrl-C
_held: list[Any] = []


def new_in_child(owner: Any, name: str = "_lock") -> None:
    """After a fork, give `owner` a new lock of that name in the child, unless the thread that lives on holds it."""
    with _listing:
        if len(_owners) % 1024 == 1023:
            _owners[:] = [(each, other) for each, other in _owners if each() is not None]
        _owners.append((weakref.ref(owner), name))


def held_over_forks() -> Any:
    """A lock that no thread holds at the moment of a fork but the one that forks; one thread may take it twice."""
    lock = threading.RLock()
    _held.append(lock)
    return lock


_listing = held_over_forks()
compiling = held_over_forks()  # LLVM's global context is for one thread at a time
importing = held_over_forks()  # an import that a thread has begun would never end in the child


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
