"""The context: what Python and native code tell each other, field by field, in a layout that is defined once.

>>> from micrograd.compiler.native.context import Layout
>>> layout = Layout(states=1, arrays=1)
>>> list(layout.kinds)[-3:]
['state0', 'array0', 'stride0']
>>> context = layout.structure()
>>> context.rows = 150
>>> context.rows, context.position
(150, 0)

In Python it is a `ctypes.Structure`, in LLVM the type `%Context`: 64-bit numbers and addresses that Python sets and
native code reads. Python sets how many steps are `asked` for, whether to `restart` at the first row, and the
`allowance` of blocks until the next pause. The last line of FIELDS has the fields that `run` changes: where it is.
"""

from __future__ import annotations

import ctypes
from typing import Any

from micrograd.compiler.native.emit import Emitter

FINISHED, PAUSED, NOT_FINITE, BAD_INDEX = range(4)  # what `run` returns

STEPS_AT_ONCE = 4096  # the most steps that one call of `run` may take
WIDEST = 8  # the most lanes of any machine
COLUMNS = STEPS_AT_ONCE + WIDEST  # the length of arrays with a number for each step: whole vectors are read

ADDRESS, NUMBER = "ptr", "i64"  # as LLVM calls them
FIELDS = {
    **dict.fromkeys(("parameters", "others", "shared", "sums", "tail", "gradients", "order", "work"), ADDRESS),
    **dict.fromkeys(("generator", "draw", "ahead", "losses", "norms", "rates"), ADDRESS),
    **dict.fromkeys(("rows", "batch", "asked", "allowance", "restart"), NUMBER),
    **dict.fromkeys(("workers", "joined", "phase", "arrived", "first", "last"), NUMBER),
    **dict.fromkeys(("steps", "taken", "position", "done", "number", "budget"), NUMBER),
}
IN_PYTHON: dict[str, Any] = {ADDRESS: ctypes.c_size_t, NUMBER: ctypes.c_int64}


class Layout:
    """The context's fields, in order: FIELDS, then the optimizer's states, then each array's address and stride.

    `kinds` says for each whether it is an address or a number.
    """

    kinds: dict[str, str]

    def __init__(self, *, states: int, arrays: int):
        self.kinds = dict(FIELDS)
        self.kinds |= {f"state{k}": ADDRESS for k in range(states)}
        for k in range(arrays):
            self.kinds |= {f"array{k}": ADDRESS, f"stride{k}": NUMBER}  # from row to row, in bytes
        self._places = {name: place for place, name in enumerate(self.kinds)}

    def structure(self) -> Any:
        """A new context for Python, with every field 0; `arrays` holds each array's address and stride, in turn."""
        names = {name: IN_PYTHON[kind] for name, kind in self.kinds.items()}
        own = [name for name in names if name.startswith(("array", "stride"))]
        fields = [(name, names[name]) for name in names if name not in own]
        return type("Context", (ctypes.Structure,), {"_fields_": [*fields, ("arrays", ctypes.c_int64 * len(own))]})()

    def llvm_type(self) -> str:
        """The declaration of `%Context` in a module."""
        return f"%Context = type {{ {', '.join(self.kinds.values())} }}"

    def get(self, e: Emitter, name: str) -> str:
        """Write LLVM code that reads a field of %context."""
        return e.load(self.at(e, name), 0, of=self.kinds[name])

    def put(self, e: Emitter, name: str, x: str | int) -> None:
        """Write LLVM code that sets a field."""
        e.store(str(x), self.at(e, name), 0, of=self.kinds[name])

    def at(self, e: Emitter, name: str) -> str:
        """Write LLVM code that computes the address of a field."""
        return e.let(f"getelementptr inbounds %Context, ptr %context, i32 0, i32 {self._places[name]}  ; {name}")
