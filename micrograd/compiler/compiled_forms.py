"""Look inside a compiled function or training step: its `tape`, `program`, `llvm_ir` and `assembly`."""

from __future__ import annotations

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
        """The same as loops, to be read: `print(step.program)`.

        `row[...]` are the numbers of a row, or the arguments; `shared[k]` is parameter `k` of the optimizer, and after
        these come other numbers that all rows share; `output[k]` is the gradient of parameter `k`, and the last output
        the loss. A variable such as `v3` is a register, `m[...]` is memory. A `train_step` whose tape is long and has
        loops runs in this form; all others run instruction by instruction.
        """
        return storage(self._last().folded)

    @property
    def constants(self) -> list[Constant]:
        """The numbers that the recording took from outside, as name, value and line: globals, attributes, items.

        They are checked before each call; if one has changed, the function is recorded again.
        """
        return self._last().outside.constants

    @property
    def llvm_ir(self) -> str:
        """The tape as LLVM code; for a training step, with the whole loop."""
        return self._last().native.llvm_ir

    @property
    def assembly(self) -> str:
        """The processor's instructions, as text."""
        return self._last().native.assembly
