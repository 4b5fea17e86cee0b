"""Nodes in C: the native core, where it was built. Python's definition of the same is node, engine and operators.

>>> from micrograd import core
>>> core in ("native", "python")
True
"""

from __future__ import annotations

import os
from typing import Any

native: Any = None  # the extension module
why = ""  # there is none
if os.environ.get("MICROGRAD_PURE", "0") not in ("", "0"):
    why = "MICROGRAD_PURE=1 is set"
else:
    try:
        from micrograd.c_core import _core as native
    except ImportError as error:
        why = f"it was not built: {error}"

NAME = "native" if native else "python"
