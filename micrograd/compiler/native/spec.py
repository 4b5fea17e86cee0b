"""What a module of native code is made from: a tape, where its inputs are, and the optimizer's rule.

>>> from micrograd.compiler.native.spec import Source
>>> Source("parameters", 3).is_row, Source(array=0, place=1).is_row
(False, True)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from micrograd.compiler.native.context import WIDEST, Layout
from micrograd.compiler.native.machine import Machine
from micrograd.compiler.tape.plan import Plan
from micrograd.compiler.tape.tape import Tape

# How each NumPy type of data is read: LLVM's type, and the conversion to double.
READ = {
    "f8": ("double", ""),
    "f4": ("float", "fpext"),
    **{f"i{n}": (f"i{8 * n}", "sitofp") for n in (1, 2, 4, 8)},
    **{f"u{n}": (f"i{8 * n}", "uitofp") for n in (1, 2, 4, 8)},
    "b1": ("i8", "uitofp"),
}


@dataclass(frozen=True)
class Source:
    """Where an input comes from: `memory[place]` for all rows alike, or element `place` of each row of an array."""

    memory: str = ""
    place: int = 0
    array: int = -1

    @property
    def is_row(self) -> bool:
        return self.array >= 0


@dataclass
class ModuleSpec:
    """What a module is made from. Outputs of the tape are the gradients in order, then the value.

    `types` are the NumPy types of the arrays of rows. `update` is the optimizer's tape: the inputs are the parameter,
    its gradient, its states, the learning rate and the number of the step, the outputs the new parameter and the new
    states. `scale` gives the factor on all gradients from their norm. `is_single` says that no batch has more rows than
    there are lanes. `indices` are the inputs from rows that index, each with the count of what it chooses from. With
    `exact`, no product and sum become one operation.
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

    @functools.cached_property
    def plan(self) -> Plan:
        return Plan(self.tape, rows={i for i, source in enumerate(self.sources) if source.is_row})

    @functools.cached_property
    def layout(self) -> Layout:
        return Layout(states=self.states, arrays=len(self.types))

    @property
    def states(self) -> int:
        return len(self.update.outputs) - 1 if self.update else 0

    @property
    def gradients(self) -> int:
        """How many gradients there are, with a few more numbers, always 0, to fill the widest vectors."""
        return -(-(len(self.tape.outputs) - 1) // WIDEST) * WIDEST

    @property
    def sums(self) -> int:
        """How many sums over the rows: one for each gradient, and a vector of which the first is for the value."""
        return self.gradients + WIDEST

    def place(self, output: int) -> int:
        """Where an output of the tape stands among the sums: gradients first, and the value after their padding."""
        return output if output < len(self.tape.outputs) - 1 else self.gradients
