"""Which core runs: the native one, written in C, or the Python one, which says what the native one does.

    >>> import micrograd
    >>> from micrograd import c_core
    >>> micrograd.core == c_core.NAME and c_core.NAME in ("native", "python")
    True
    >>> (c_core.native is None) == bool(c_core.why)
    True

`native` is the extension module that holds the native core, or None; `why` then says why there is none, and `how` what
to do for it. With MICROGRAD_PURE=1 in the environment the Python core runs although the native one is there. Both give
the same results, to the bit, and the same errors.

The core in C is _core.c and the headers that it includes. One of them, rules.h, is not written by hand: setup.py has it
written from the table of operations when it builds the core.

    support         which Pythons the native core is for, and how it is compiled
    sources         the C that a core is built from, as one number
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from micrograd.c_core.support import is_pure, refusal

NOT_BUILT = "not_built.txt"  # where setup.py writes, in two lines, why it could not build the core and what to do
AGAIN = "install micrograd again"


def _chosen() -> tuple[Any, str, str]:
    """The native core; or None, why, and what to do."""
    if is_pure():
        return None, "MICROGRAD_PURE=1 is set", "unset it"
    try:
        core = importlib.import_module(f"{__name__}._core")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == f"{__name__}._core":
            return None, *_not_built()
        return None, f"it cannot be loaded: {error}", AGAIN
    built_from = getattr(core, "sources", -1)  # 0 where somebody compiled it without setup.py
    if built_from and Path(__file__).with_name("_core.c").exists():  # a checkout, where C may be edited
        from micrograd.c_core.sources import digest

        if digest() != built_from:
            return None, "its C was changed after it was built", "build it again: python -m pip install -e ."
    return core, "", ""


def _not_built() -> tuple[str, str]:
    if refused := refusal():
        return refused
    try:
        why, how = Path(__file__).with_name(NOT_BUILT).read_text("utf-8").splitlines()
        return why, how
    except (OSError, ValueError):
        if Path(__file__).parents[2].joinpath("setup.py").exists():
            return (
                "this is a checkout, in which it was not built; what pip installs from it is elsewhere",
                "python -m pip install -e . there, or start Python in another folder",
            )
        return f"it was not built for this Python, {sys.version_info.major}.{sys.version_info.minor}", AGAIN


native: Any
why: str
how: str
native, why, how = _chosen()
NAME = "native" if native else "python"


def described(in_python: Iterable[str] = ()) -> str:
    """Which core runs and, if it is the Python one, why and how to get the other: for people, in one or two lines.

    `in_python` are the names of rows that the native core leaves to Python because their rules were changed.
    """
    if not native:
        return f"Python core: {why}\nfor the native core, {how}"
    names = ", ".join(sorted(in_python))
    return "native core" + (f"\nin Python, because their rules were changed: {names}" if names else "")
