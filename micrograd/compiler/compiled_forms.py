"""Look inside a compiled function or training step: its `tape`, `program`, `llvm_ir` and `assembly`."""

from __future__ import annotations

import dataclasses
from typing import Any

from micrograd.compiler.fold import Storage, storage
from micrograd.compiler.outside.recording import Constant
from micrograd.compiler.tape.tape import Tape


class CompiledForms:
    """The properties that show what was compiled last."""

    def _last(self) -> Any:
        """The program compiled last. Raises RuntimeError if there is none yet."""
        raise NotImplementedError

    @property
    def tape(self) -> Tape:
        """The results and their derivatives, instruction by instruction."""
        return self._last().tape

    @property
    def program(self) -> Storage:
        """The same as loops, to be read: `print(step.program)`. Its first line says whether it runs as these loops, or
        instruction by instruction, and why.

        `row[...]` are the numbers of a row, or the arguments; `parameters[k]` is parameter `k` of the optimizer, and
        `others[...]` are all other numbers that the rows share; `output[k]` is the gradient of parameter `k`, and the
        last output the loss. A variable such as `v3` is a register, `m[...]` is memory.
        """
        last = self._last()
        return dataclasses.replace(storage(last.folded), how=last.shown.how)

    @property
    def constants(self) -> list[Constant]:
        """The numbers that the recording took from outside, as name, value and line: globals, attributes, items.

        They are checked before each call; if one has changed, the function is recorded again.
        """
        return self._last().outside.constants

    @property
    def llvm_ir(self) -> str:
        """The tape as LLVM code; for a training step, with the whole loop."""
        return self._last().shown.native.llvm_ir

    @property
    def assembly(self) -> str:
        """The processor's instructions, as text."""
        return self._last().shown.native.assembly
