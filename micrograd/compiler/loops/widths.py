"""Native code for batches of any size, compiled once for each vector width that the sizes need.

A tape that is long and folds well is written as loops, any other as straight-line code, which is faster as long as it
fits the processor's caches.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, NamedTuple

from micrograd.compiler.fold import Folded, fold, folded_if_worth
from micrograd.compiler.loops.looped_lanes import LoopedLanes
from micrograd.compiler.native.lanes import LaneWriter
from micrograd.compiler.native.loop import module_text
from micrograd.compiler.native.native import RUN, Native, native_of
from micrograd.compiler.native.spec import ModuleSpec
from micrograd.errors import NotAsLoops

KEPT = 256  # the most rows for which factors of products are kept


class Compiled(NamedTuple):
    """Native code, and the sizes of the memory that it needs, in doubles."""

    native: Native
    work: int
    shared: int


def folded_of(spec: ModuleSpec) -> Folded:
    """The tape of a spec as loops."""
    return fold(spec.tape, **_inputs_of(spec))


def _inputs_of(spec: ModuleSpec) -> dict[str, Any]:
    """The space and the place of each input of the tape, for `fold`: the arrays' rows lie one after the other."""
    starts = list(itertools.accumulate(spec.widths, initial=0))
    return {
        "spaces": [source.memory or "row" for source in spec.sources],
        "places": [source.place + (starts[source.array] if source.is_row else 0) for source in spec.sources],
    }


class Widths:
    """The native code of one spec: `of(count)` for batches of so many rows. `loops` says whether to write loops: None
    decides by the length of the tape.
    """

    def __init__(self, spec: ModuleSpec, *, loops: bool | None = None, threads: int = 1):
        folded = folded_if_worth(spec.tape, loops=loops, **_inputs_of(spec))
        if folded:
            spec = dataclasses.replace(spec, folded=folded)
        self.spec = dataclasses.replace(spec, threads=threads if spec.folded and not spec.exact else 1)
        self._compiled: dict[tuple[int, bool, int, int], Compiled] = {}
        self._last: tuple[int, Compiled] | None = None  # the last batch size, and its code

    def of(self, count: int) -> Compiled:
        """Code with as many lanes as the rows fill, or existing code for larger batches."""
        if self._last and self._last[0] == count:
            return self._last[1]
        machine = self.spec.machine
        is_single = count <= machine.lanes
        lanes = 1 << (count - 1).bit_length() if is_single else machine.lanes_in_loops
        wide, kept = 1, 0
        if self.spec.folded and not self.spec.exact:
            lanes = min(lanes, machine.lanes_in_loops)
            vectors = -(-count // lanes)
            most = 5 if machine.registers == 32 else 3
            wide = min(range(1, min(most, vectors) + 1), key=lambda wide: (-(-vectors // wide) * wide, -wide))
            at_once = lanes * wide
            kept = min(-(-count // at_once), max(1, KEPT // at_once)) * at_once
            is_single = count <= kept
        key = lanes, is_single, wide, kept
        compiled = self._compiled.get(key) or self._compiled.get((machine.lanes_in_loops, False, wide, kept))
        if compiled is None:
            spec = dataclasses.replace(self.spec, lanes=lanes, is_single=is_single, wide=wide, kept=kept)
            try:
                writer: LaneWriter = LoopedLanes(spec) if spec.folded else LaneWriter(spec)
            except NotAsLoops:
                self.spec = dataclasses.replace(self.spec, folded=None, threads=1)
                return self.of(count)
            entries = {"run": RUN, "help": RUN} if self.spec.threads > 1 else {"run": RUN}
            native = native_of(module_text(writer), machine, **entries)
            compiled = self._compiled[key] = Compiled(native, writer.words, writer.shared_words)
        self._last = count, compiled
        return compiled

    @property
    def latest(self) -> Native:
        """The code compiled last. Raises RuntimeError if every call was refused before it was compiled."""
        if not self._compiled:
            raise RuntimeError("nothing has been compiled yet: the last call was refused")
        return next(reversed(self._compiled.values())).native
