"""Which Pythons the native core is for: `refusal()` says why this one is not, and what to do.

setup.py asks before it builds the core, and the room when there is none to load. This file imports nothing of
micrograd's, because nothing of it is installed when setup.py asks.
"""

from __future__ import annotations

import sys
import sysconfig


def refusal() -> tuple[str, str] | None:
    """Why there is no native core for this Python, and what to do; None where there is one."""
    if sys.implementation.name != "cpython":
        return f"it is for CPython, and this is {sys.implementation.name}", "use CPython 3.11 or later"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it is not for free-threaded Python yet", "use the usual build of CPython, with a GIL"
    if 1e16 + 2.9999 != 1e16 + 2.0:  # with 64 bits first it would become 1e16 + 3, and then 1e16 + 4
        return "this Python rounds twice (x87), so results in C would be others", "use a 64-bit Python"
    return None
