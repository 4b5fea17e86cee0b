"""Say which rows of the table run in C: those whose rule is the one that the native core was built from.

    >>> from micrograd.c_core import native
    >>> from micrograd.in_c import changed
    >>> changed if native else set()  # the names of the rows that run in Python although C has them
    set()

A rule may be edited in an editable install, entered again, or replaced in the table; so may a rule that it expands, as
silu does sigmoid's. Such a row runs in Python, with its new rule, until micrograd is built again. The core itself sees
when a rule gets another `__code__`.
"""

from __future__ import annotations

import sys
from typing import Any

from micrograd.c_core import native
from micrograd.fingerprints import expands, fingerprint
from micrograd.table import TABLE, Op, on_replaced

changed: set[str] = set()
_infix: dict[str, tuple[Op, Any]] = {}  # by name, what the core was given
_expanded_by: dict[str, set[str]] = {}  # by a row's name, the rows that expand its rule


def give(entry: Op, infix: Any, *, is_replaced: bool = False) -> None:
    """Give the core a row: its operation, and what its operator does in Python."""
    _infix[entry.name] = entry, infix
    place, built_from = native.rows[entry.name]
    others = expands(entry)
    for name in others:
        _expanded_by.setdefault(name, set()).add(entry.name)
    is_same = not is_replaced and fingerprint(entry) == built_from
    native.install(place, entry, infix, tuple([native.rows[name][0] for name in others]) if is_same else None)
    if is_same:
        changed.discard(entry.name)
    elif entry.name not in changed:
        changed.add(entry.name)
        print(
            f"micrograd: the rule of {entry.name} is not the one that the native core was built from, so it runs in "
            "Python; to have it in C, install micrograd again (in a checkout: python -m pip install -e .)",
            file=sys.stderr,
        )


def _again(name: str) -> None:
    """Look again at a row that was replaced in the table, and at those that expand it."""
    for expanding in sorted(_expanded_by.get(name, ())):
        give(*_infix[expanding], is_replaced=TABLE.get(expanding) is not _infix[expanding][0])
    if name in _infix:
        is_replaced = TABLE.get(name) is not _infix[name][0]
        if is_replaced != (name in changed):
            give(*_infix[name], is_replaced=is_replaced)


on_replaced(_again)
