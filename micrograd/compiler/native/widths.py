"""Native code for batches of any size, compiled once for each vector width that the sizes need."""

from __future__ import annotations

import dataclasses

from micrograd.compiler.native.loop import module_text
from micrograd.compiler.native.native import RUN, Native, native_of
from micrograd.compiler.native.spec import ModuleSpec


class Widths:
    """The native code of one spec: `of(count)` for batches of so many rows."""

    def __init__(self, spec: ModuleSpec):
        self.spec = spec
        self._natives: dict[tuple[int, bool], Native] = {}
        self._last: tuple[int, Native] | None = None  # the last batch size, and its code

    def of(self, count: int) -> Native:
        """Code with as many lanes as the rows fill, or existing code for larger batches."""
        if self._last and self._last[0] == count:
            return self._last[1]
        machine = self.spec.machine
        is_single = count <= machine.lanes
        lanes = 1 << (count - 1).bit_length() if is_single else machine.lanes_in_loops
        native = self._natives.get((lanes, is_single)) or self._natives.get((machine.lanes_in_loops, False))
        if native is None:
            text = module_text(dataclasses.replace(self.spec, lanes=lanes, is_single=is_single))
            native = self._natives[lanes, is_single] = native_of(text, machine, run=RUN)
        self._last = count, native
        return native

    @property
    def latest(self) -> Native:
        """The code compiled last. Raises RuntimeError if every call was refused before it was compiled."""
        if not self._natives:
            raise RuntimeError("nothing has been compiled yet: the last call was refused")
        return next(reversed(self._natives.values()))
