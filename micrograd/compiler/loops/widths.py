"""Native code for batches of any size, compiled for few of them: code for large batches serves smaller ones.

A tape that is long and folds well is written as loops, any other as straight-line code, which is faster as long as it
fits the processor's caches.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, NamedTuple

from micrograd.coerce import as_count, is_bool
from micrograd.compiler import notice
from micrograd.compiler.fold import Folded, choice, fold, straight
from micrograd.compiler.loops.looped_lanes import LoopedLanes
from micrograd.compiler.loops.shape import Arrays
from micrograd.compiler.loops.tiles import SIZES
from micrograd.compiler.native.lanes import LaneWriter
from micrograd.compiler.native.loop import module_text
from micrograd.compiler.native.native import RUN, Native, native_of
from micrograd.compiler.native.spec import ModuleSpec
from micrograd.errors import NotAsLoops

KEPT = 256  # the most rows for which factors of products are kept
ROOM = 1 << 18  # doubles for them that are little memory: 2 MB


class Compiled(NamedTuple):
    """Native code, and the sizes of the memory that it needs, in doubles."""

    native: Native
    work: int
    shared: int


class Width(NamedTuple):
    """How code takes its rows: see `ModuleSpec`. Those of straight-line code are not kept."""

    lanes: int
    is_single: bool
    wide: int = 1
    kept: int = 0

    def serves(self, wanted: Width) -> bool:
        """Whether code of this width serves the batches of the wanted one.

        Loops then give the same to the bit: which rows are added to which follows from `lanes` and `wide`, whatever
        could be kept. Straight-line code may round differently: with more lanes, functions and sums are other ones.
        """
        if not (self.kept and wanted.kept):
            return self == wanted or (self.kept == wanted.kept and not self.is_single)
        if (self.lanes, self.wide) != (wanted.lanes, wanted.wide):
            return False
        return self.kept >= wanted.kept and self.is_single <= wanted.is_single


def checked(*, loops: Any = None, threads: Any = 1) -> dict[str, Any]:
    """The settings of `Widths`. Raises TypeError for wrong `loops`, ValueError for wrong `threads`."""
    if loops is not None and not is_bool(loops):
        raise TypeError(f"loops must be True, False or None, which decides by the program's length, not {loops!r}")
    return {"loops": loops if loops is None else bool(loops), "threads": as_count(threads, "threads")}


def warn_of_exact_threads(*, exact: bool, threads: int) -> None:
    """Say to the caller's caller that an exact program runs on one thread."""
    if exact and threads > 1:
        warnings.warn(
            f"threads={threads} has no effect with exact=True, which adds up in the order of one thread: leave out one "
            "of the two",
            stacklevel=3,
        )


class Widths:
    """The native code of one spec: `of(count)` for batches of so many rows. `loops` says whether to write loops: None
    decides by the length of the tape. `how` says what was decided, and why.
    """

    how: str
    spec: ModuleSpec

    def __init__(self, spec: ModuleSpec, *, loops: bool | None = None, threads: int = 1):
        folded, self.how = choice(spec.tape, loops=loops, **_inputs_of(spec))
        threads = threads if folded and not spec.exact else 1
        self.spec = dataclasses.replace(spec, folded=folded, threads=threads)
        self._is_asked = bool(loops)
        self._compiled: dict[Width, Compiled] = {}
        self._last: tuple[int, Compiled] | None = None  # the last batch size, and its code

    def of(self, count: int) -> Compiled:
        """Code for batches of so many rows: code that is there, if it serves."""
        if self._last and self._last[0] == count:
            return self._last[1]
        width = self._width(count)
        compiled = self._compiled.get(width)
        if not (compiled or (self.spec.exact and self.spec.folded)):  # exact sums of other lanes are rounded otherwise
            compiled = next((code for known, code in self._compiled.items() if known.serves(width)), None)
        if compiled is None:
            try:
                width, text, *sizes = self._written(width)
            except NotAsLoops as error:
                self._give_up_loops(error)
                return self.of(count)
            entries = {"run": RUN, "help": RUN} if self.spec.threads > 1 else {"run": RUN}
            native = native_of(text, self.spec.machine, **entries)
            compiled = self._compiled[width] = Compiled(native, *sizes)
        self._last = count, compiled
        return compiled

    def _width(self, count: int) -> Width:
        """How so many rows are taken. The order of sums follows from `count` alone: `lanes` and `wide` do."""
        machine = self.spec.machine
        filled = 1 << (count - 1).bit_length()
        if not self.spec.folded or self.spec.exact:
            is_single = count <= machine.lanes
            return Width(filled if is_single else machine.lanes_in_loops, is_single)
        lanes = min(filled, machine.lanes_in_loops)
        vectors, most = -(-count // lanes), SIZES[machine.registers].vectors
        # A small batch is one block; of a large one, the last block has few lanes without a row.
        wide = vectors if vectors <= most else min(range(most, most // 2, -1), key=lambda wide: -vectors % wide)
        at_once = lanes * wide
        blocks, all_blocks = -(-count // at_once), max(1, KEPT // at_once)
        kept = at_once * min(1 << (blocks - 1).bit_length(), all_blocks)
        return Width(lanes, count <= kept, wide, kept)

    def _written(self, width: Width) -> tuple[Width, str, int, int]:
        """The text of a module, the sizes of its memory, and its width. That keeps as many rows as any batch needs, if
        this takes little memory, or if there is code for fewer rows already.
        """
        spec = dataclasses.replace(self.spec, **width._asdict())
        if not spec.folded:
            straight_line = LaneWriter(spec)
            return width, module_text(straight_line), straight_line.words, straight_line.shared_words
        writer = LoopedLanes(spec)
        if width.kept:
            at_once = width.lanes * width.wide
            most = max(1, KEPT // at_once) * at_once
            grows = any(known.kept and known.lanes * known.wide == at_once for known in self._compiled)
            if grows or most * writer.memory.words_a_row <= ROOM:
                width = width._replace(kept=most)
                writer.keep(most)
        return width, module_text(writer), writer.words, writer.shared_words

    def _give_up_loops(self, error: NotAsLoops) -> None:
        self.how = straight(error).how
        self.spec = dataclasses.replace(self.spec, folded=None, threads=1)
        if self._is_asked:
            notice.warn(
                f"loops=True was asked for, but this program {self.how}. Write what repeats in the same way each time, "
                "or leave out `loops` and the compiler chooses; print(step.program) shows the whole program"
            )

    def folded(self) -> Folded:
        """The tape as loops, however it runs."""
        return self.spec.folded or fold(self.spec.tape, **_inputs_of(self.spec))

    @property
    def native(self) -> Native:
        """The code compiled last. Raises RuntimeError if every call was refused before it was compiled."""
        if not self._compiled:
            raise RuntimeError("nothing has been compiled yet: the last call was refused")
        return next(reversed(self._compiled.values())).native


def _inputs_of(spec: ModuleSpec) -> dict[str, Any]:
    """The space and the place of each input of the tape, for `fold`: the arrays' rows lie one after the other."""
    starts = Arrays(spec.widths).starts
    return {
        "spaces": [source.memory or "row" for source in spec.sources],
        "places": [source.place + (starts[source.array] if source.is_row else 0) for source in spec.sources],
    }
