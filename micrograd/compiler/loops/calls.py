"""Write a function of numbers, which `jit` calls, as loops where it is long and folds: `call_text(tape, machine)`.

    >>> from micrograd.compiler.loops.calls import call_text
    >>> from micrograd.compiler.native.machine import Machine
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape([f"x{i}" for i in range(900)])
    >>> total = 0
    >>> for i in range(1, 900):
    ...     total = tape.append("add", total, i)
    >>> tape.outputs["value"] = total
    >>> machine = Machine("x86_64-unknown-linux-gnu")
    >>> for loops in (False, True):
    ...     text, kept, how = call_text(tape, machine, loops=loops)
    ...     print(how, len(text.splitlines()) < 60)
    runs instruction by instruction: it was asked for, with loops=False False
    runs as loops True

The function is called as that of `call_module` is, with memory that has its inputs, and its outputs after them. Behind
these is room for the numbers that it keeps between its loops. The caller gives that room, so it is as large as it has
to be, and each of several threads that call one function has its own.
"""

from __future__ import annotations

from typing import NamedTuple

from micrograd.compiler.fold import choice, straight
from micrograd.compiler.loops.kernel import Kernel
from micrograd.compiler.loops.shape import Shape, Step
from micrograd.compiler.loops.storage import Storage
from micrograd.compiler.native.emit import Emitter, call_module
from micrograd.compiler.native.machine import Machine
from micrograd.compiler.tape.tape import Tape
from micrograd.errors import NotAsLoops


class CallText(NamedTuple):
    """The text of a module with one function, `call(numbers)`; for how many numbers there must be room behind its
    outputs; and how it runs.
    """

    text: str
    kept: int
    how: str


def call_text(tape: Tape, machine: Machine, *, exact: bool = False, loops: bool | None = None) -> CallText:
    """Write a function. `loops` says whether to write loops; None decides by the length of the tape and of what it
    folds to.
    """
    folded, how = choice(tape, loops=loops, spaces=["numbers"] * len(tape.inputs))
    if folded:
        try:
            text, kept = _Looped(tape, machine, Shape(folded), exact=exact).text()
            return CallText(text, kept, how)
        except NotAsLoops as error:
            how = straight(error).how
    return CallText(call_module(tape, machine, exact=exact), 0, how)


class _Looped:
    def __init__(self, tape: Tape, machine: Machine, shape: Shape, *, exact: bool):
        self.tape, self.machine, self.shape, self.exact = tape, machine, shape, exact
        self.storage = Storage(shape)

    def text(self) -> tuple[str, int]:
        """The text, and for how many numbers there must be room behind the outputs."""
        self._written(rehearsal=True)
        self.storage.lay_out()
        e = self._written(rehearsal=False)
        outputs = len(self.tape.inputs)
        shared = outputs + len(self.tape.outputs)
        lines = [
            *sorted(e.declared),
            "define void @call(ptr noalias %numbers) {",
            "entry:",
            f"  %outputs = getelementptr inbounds double, ptr %numbers, i64 {outputs}",
            f"  %shared = getelementptr inbounds double, ptr %numbers, i64 {shared}",
            *e.lines,
            "  ret void",
            "}",
            "",
        ]
        return "\n".join(lines), self.storage.shared_words

    def _written(self, *, rehearsal: bool) -> Emitter:
        e = Emitter(self.machine, exact=self.exact)
        e.label = "entry"
        Kernel(
            e,
            self.shape,
            self.storage,
            set(range(len(self.shape.steps))),
            wide=1,
            registers=max(1, self.machine.registers - 4),
            output=self._output,
            rehearsal=rehearsal,
        ).write()
        return e

    @staticmethod
    def _output(kernel: Kernel, step: Step, x: list[str], q: int) -> None:
        kernel.e.store(x[0], kernel.pointer("%outputs", step.output.number, q, 1), 0, of="double")
