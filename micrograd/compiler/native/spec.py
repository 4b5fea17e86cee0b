"""What a module of native code is made from: a tape, the sources of its inputs, and the optimizer's rule.

>>> from micrograd.compiler.native.spec import Source
>>> Source("parameters", 3).is_row, Source(array=0, place=1).is_row
(False, True)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from micrograd.compiler.fold import Folded
from micrograd.compiler.native.context import WIDEST, Layout
from micrograd.compiler.native.machine import Machine
from micrograd.compiler.tape.plan import Plan
from micrograd.compiler.tape.tape import Tape

# How each NumPy number type is read: LLVM's type, and the conversion to double.
READ = {
    "f8": ("double", ""),
    "f4": ("float", "fpext"),
    **{f"i{n}": (f"i{8 * n}", "sitofp") for n in (1, 2, 4, 8)},
    **{f"u{n}": (f"i{8 * n}", "uitofp") for n in (1, 2, 4, 8)},
    "b1": ("i8", "uitofp"),
}


@dataclass(frozen=True)
class Source:
    """Where an input comes from: `memory[place]`, the same for all rows, or element `place` of each row of an array."""

    memory: str = ""
    place: int = 0
    array: int = -1

    @property
    def is_row(self) -> bool:
        return self.array >= 0


@dataclass
class ModuleSpec:
    """What a module is made from. The tape's outputs are the gradients in order, then the value.

    `types` are the number types of the arrays of rows. `update` is the optimizer's tape: its inputs are the parameter,
    its gradient, its states, the learning rate and the step's number; its outputs are the new parameter and states.
    `scale` is a tape that gives the factor on all gradients from their norm. `is_single`: no batch has more rows than
    lanes. `indices` are the row inputs used as an index, each with the number of values it chooses from. With `exact`,
    a product and a sum are never fused. `folded` is the tape as loops, if it is written so; then `wide` vectors of
    rows are computed at once, and factors of products are kept for `kept` rows.
    With several `threads`, these share the rows that are kept; with `exact` there is one.
    """

    tape: Tape
    sources: list[Source]
    types: list[str]
    update: Tape | None = None
    scale: Tape | None = None
    machine: Machine = field(default_factory=lambda: Machine(""))
    lanes: int = 1
    is_single: bool = False
    indices: list[tuple[Source, int]] = field(default_factory=list)
    exact: bool = False
    folded: Folded | None = None
    wide: int = 1
    kept: int = 0
    threads: int = 1

    @functools.cached_property
    def plan(self) -> Plan:
        return Plan(self.tape, rows={i for i, source in enumerate(self.sources) if source.is_row})

    @functools.cached_property
    def layout(self) -> Layout:
        return Layout(states=self.states, arrays=len(self.types))

    @property
    def states(self) -> int:
        return len(self.update.outputs) - 1 if self.update else 0

    @functools.cached_property
    def widths(self) -> list[int]:
        """How many numbers of each row of each array are read."""
        read = [[source.place for source in self.sources if source.array == k] for k in range(len(self.types))]
        return [max(each, default=-1) + 1 for each in read]

    @property
    def gradients(self) -> int:
        """The number of gradients, padded to whole vectors of the widest kind; the padding is always 0."""
        return -(-(len(self.tape.outputs) - 1) // WIDEST) * WIDEST

    @property
    def sums(self) -> int:
        """The number of sums over the rows: the padded gradients, then one vector that starts with the value."""
        return self.gradients + WIDEST

    def place(self, output: int) -> int:
        """An output's place among the sums: the gradients come first, the value after their padding."""
        return output if output < len(self.tape.outputs) - 1 else self.gradients
