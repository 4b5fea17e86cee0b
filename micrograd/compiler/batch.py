"""Run native code on batches of rows: the mean of a function over the rows, its derivatives, and steps of training.

A `BatchProgram` owns the context and the memory that native code works on. A batch goes down in `point_at` and `start`,
through `run`, and what it came to is read from here: `results`, `position`, `taken`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import math
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from micrograd.compiler.native.context import BAD_INDEX, COLUMNS, PAUSED, WIDEST
from micrograd.compiler.native.loop import module_text
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.memory import Memory
from micrograd.compiler.native.native import RUN, Native, native_of
from micrograd.compiler.native.shuffle import Twister
from micrograd.compiler.native.spec import ModuleSpec
from micrograd.compiler.optimizer_memory import OptimizerMemory
from micrograd.compiler.row_tape import RowTape
from micrograd.compiler.rows import Rows, address_of
from micrograd.compiler.tape.plan import rule_plan
from micrograd.engine import Value
from micrograd.extras import require
from micrograd.locks import new_in_child

PAUSE = 0.02  # seconds after which native code comes back to Python, so that Ctrl-C is heard


class Ready(NamedTuple):
    """Rows that a program was pointed at, and its code for batches of their size."""

    program: BatchProgram
    native: Native
    rows: Rows


class BatchProgram:
    """Native code for batches of rows of one structure, and its memory. `optimizer` has that of what is trained."""

    def __init__(self, recorded: RowTape, optimizer: OptimizerMemory | None = None):
        self._lock: Any = threading.RLock()
        new_in_child(self)
        self.tape, self.leaves, self.outside = recorded.tape, recorded.leaves, recorded.outside
        self._first_leaf, self._indices = recorded.first_leaf, recorded.indices
        self.code = _Code(recorded)
        spec = self.code.spec
        self._results, self._value = Memory(spec.sums), spec.gradients
        self.others = Memory(len(recorded.sources))
        # What blocks of rows add up to; and of the optimizer's rule, what is computed ahead for many steps.
        self._sums, self._tail = Memory(WIDEST * spec.sums), Memory(WIDEST * spec.sums)
        self._shared = Memory(len(spec.plan.shared))
        self._ahead = Memory(len(rule_plan(spec.update).shared) * COLUMNS if spec.update else 0)
        self.context = spec.layout.structure()
        self._address = ctypes.addressof(self.context)
        own = {"gradients": self._results, "others": self.others, "sums": self._sums, "tail": self._tail}
        own |= {"shared": self._shared, "ahead": self._ahead}
        if optimizer is not None:
            own |= optimizer.fields()
        self._kept = own  # for as long as the context has their addresses
        for name, memory in own.items():
            setattr(self.context, name, memory.address)
        self._arrays = [(f"array{k}", f"stride{k}") for k in range(len(recorded.types))]
        self._last: Native | None = None  # the code that the sums are of
        self.context.allowance = 64  # blocks of rows until the first pause
        self._count = self._ordered = 0  # rows, and how many `order` counts through: 0 after a shuffle

    # ------------------------------------------------------------ a batch goes down

    def point_at(self, rows: Rows, *, batch_size: int) -> Ready:
        """Work on these rows, in batches of so many."""
        context = self.context
        for (address, stride), array in zip(self._arrays, rows.arrays):
            setattr(context, address, address_of(array))
            setattr(context, stride, array.strides[0])
        context.rows, context.batch, self._count = rows.count, batch_size, rows.count
        native = self.code.of(min(batch_size, rows.count))
        if native is not self._last:  # what one with other lanes left between the sums would be taken for numbers
            for memory in (self._sums, self._tail):
                ctypes.memset(memory.address, 0, memory.view.nbytes)
            self._last = native
        return Ready(self, native, rows)

    def start(self, twister: Twister | None = None) -> None:
        """Begin at the first row, in the rows' own order, or for each epoch in another that a generator gives."""
        context = self.context
        context.restart = 1
        if self._ordered != self._count:
            numpy = require("numpy", extra="jit")
            self._order = numpy.arange(self._count, dtype=numpy.int64)
            context.order = address_of(self._order)
            self._ordered = self._count
        if twister:
            context.generator, context.draw = twister.address, twister.draw
            self._ordered = 0

    def read_leaves(self) -> None:
        """Bring in the numbers of Values from outside that are not parameters."""
        for i, leaf in enumerate(self.leaves):
            self.others.view[self._first_leaf + i] = leaf.data

    def run(self, native: Native, steps: int, taken: int = 0) -> int:
        """Take so many steps from where the last call ended; gives what native `run` returns.

        `taken` is the number of steps that the optimizer has taken. Comes back to Python every PAUSE seconds, for
        Ctrl-C to be heard, and goes on.
        """
        context = self.context
        context.taken, context.asked = taken, steps
        status = native.run(self._address)
        while status == PAUSED:
            began = time.perf_counter()
            status = native.run(self._address)
            took = time.perf_counter() - began
            if status == PAUSED:
                context.allowance = max(1, int(context.allowance * min(4.0, PAUSE / max(took, 1e-9))))
        return status

    # --------------------------------------------------------------- and comes up

    def results(self) -> list[float]:
        """The derivatives, and after them the mean."""
        return [*self._results.view[: len(self.tape.outputs) - 1], self._results.view[self._value]]

    def rows_of_this_step(self) -> Any:
        """The numbers of the rows in the batch that native code is at."""
        first = self.context.position
        return self._order[first : first + self.context.batch]

    def stop_shuffling(self) -> None:
        """Let go of the generator."""
        self.context.generator = self.context.draw = 0

    def means(self, rows: Rows, numbers: Sequence[Any]) -> list[float] | None:
        """The derivatives and the mean over all rows; None where one is not finite or an index is out of range.

        `numbers` are the arguments that all rows share, floats and Values.
        """
        for source, count in self._indices:
            if not source.is_row and not 0 <= numbers[source.place] < count:
                return None
        ready = self.point_at(rows, batch_size=rows.count)
        for i, x in enumerate(numbers):
            self.others.view[i] = x.data if isinstance(x, Value) else x
        self.read_leaves()
        self.start()
        if self.run(ready.native, 1) == BAD_INDEX:
            return None
        out = self.results()
        return out if math.isfinite(sum(out)) else None

    @property
    def in_use(self) -> Any:
        """`with program.in_use:` one call at a time. Other threads wait; a call in the midst of one is refused."""
        if self._lock._is_owned():  # by a signal handler; asked of Python's own lock, which Ctrl-C cannot leave held
            raise RuntimeError("this compiled function is in the midst of a call already")
        return self._lock

    @property
    def native(self) -> Native:
        """The code compiled last. Raises RuntimeError where the only calls were refused before."""
        return self.code.latest


class _Code:
    """A recorded function's native code, compiled once for each width of vectors that the sizes of batches call for."""

    def __init__(self, recorded: RowTape):
        indices = [(source, count) for source, count in recorded.indices if source.is_row]
        self.spec = ModuleSpec(
            recorded.tape,
            recorded.sources,
            recorded.types,
            update=recorded.update,
            scale=recorded.scale,
            machine=this_machine(),
            indices=indices,
            exact=recorded.exact,
        )
        self._natives: dict[tuple[int, bool], Native] = {}
        self._last: tuple[int, Native] | None = None  # for how many rows it was asked last, and what it gave

    def of(self, count: int) -> Native:
        """Code for batches of so many rows: with as many lanes as they fill, or code for larger ones that is there."""
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
        if not self._natives:
            raise RuntimeError("nothing has been compiled yet: the last call was refused")
        return next(reversed(self._natives.values()))
