"""Which Pythons the native core is for, and how it is compiled.

    >>> from micrograd.c_core.support import flags
    >>> "-ffp-contract=off" in flags("unix")
    True

setup.py runs this file by itself, before anything of micrograd is installed; so it imports nothing of micrograd's.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import sysconfig


def is_pure() -> bool:
    """Whether the environment asks for the Python core."""
    return os.environ.get("MICROGRAD_PURE", "").lower() not in ("", "0", "no", "off", "false")


def refusal() -> tuple[str, str] | None:
    """Why there is no native core for this Python, and what to do; None where there is one."""
    if sys.implementation.name != "cpython":
        return f"it is for CPython, and this is {sys.implementation.name}", "use CPython 3.11 or later"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it is not for free-threaded Python yet", "use the usual build of CPython, with a GIL"
    if 1e16 + 2.9999 != 1e16 + 2.0:  # with 64 bits first it would become 1e16 + 3, and then 1e16 + 4
        return "this Python rounds twice (x87), so results in C would be others", "use a 64-bit Python"
    return None


def flags(compiler: str) -> list[str]:
    """The options that make results Python's own, to the bit: no operation fused, reordered or computed otherwise."""
    if compiler == "msvc":
        return ["/O2", "/fp:precise", "/Oi-"]
    is_x86 = re.fullmatch(r"i\d86|x86|x86_64|amd64", platform.machine().lower()) and sys.maxsize < 2**32
    return ["-O2", "-fno-fast-math", "-ffp-contract=off", "-fno-builtin"] + ["-msse2", "-mfpmath=sse"] * bool(is_x86)
