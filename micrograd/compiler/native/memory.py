"""Memory that Python and native code share: doubles at a fixed address.

>>> from micrograd.compiler.native.memory import Memory
>>> numbers = Memory(2)
>>> numbers.view[1] = 0.5
>>> numbers.view.tolist(), numbers.address % 64
([0.0, 0.5], 0)
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

ALIGNMENT = 64  # bytes: the widest vector register


class Memory:
    """`count` doubles, aligned for vectors; `view` reads and writes them."""

    def __init__(self, count: int):
        self._bytes = bytearray(8 * count + ALIGNMENT)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._bytes))
        skipped = -start % ALIGNMENT
        self.address: int = start + skipped
        self.view: Any = memoryview(self._bytes)[skipped : skipped + 8 * count].cast("d")


def addresses(*numbers: int) -> bytes:
    """Addresses as an array of pointers, which C reads."""
    return struct.pack(f"{len(numbers)}P", *numbers)
