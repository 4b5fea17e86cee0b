"""Run native code on batches of rows: the mean of a function over the rows, its derivatives, and steps of training.

A `BatchProgram` owns the context and the memory that native code works on. `point_at` and `start` set up a batch, `run`
computes it, `results` and `rows_of_this_step` read what came out, and `means` does all of this in one call.
"""

from __future__ import annotations

import ctypes
import functools
import math
import threading
import time
from collections.abc import Sequence
from typing import Any

from micrograd.compiler import notice
from micrograd.compiler.estimate import said
from micrograd.compiler.fold import Folded
from micrograd.compiler.loops.helpers import helping
from micrograd.compiler.loops.widths import Widths
from micrograd.compiler.native.context import BAD_INDEX, COLUMNS, PAUSED, WIDEST
from micrograd.compiler.native.memory import Memory, addresses
from micrograd.compiler.native.native import Native
from micrograd.compiler.native.shuffle import Twister
from micrograd.compiler.optimizer_memory import OptimizerMemory
from micrograd.compiler.row_tape import RowTape
from micrograd.compiler.rows import Rows, address_of
from micrograd.compiler.tape.plan import rule_plan
from micrograd.engine import Value
from micrograd.extras import require
from micrograd.locks import new_in_child

ATTRIBUTES = ("unmoved", "lr", "steps", "state")  # those that C reads
PAUSE = 0.02  # seconds after which native code returns to Python, so that Ctrl-C works


class BatchProgram:
    """Native code for batches of rows of one structure, and its memory. `optimizer` has the parameters' memory, and
    `settings` are those of `Widths`."""

    leaves: list[Value]
    code: Widths
    tape: Any
    outside: Any

    def __init__(self, recorded: RowTape, optimizer: OptimizerMemory | None = None, **settings: Any):
        self._lock: Any = threading.RLock()
        new_in_child(self)
        spec, self._shared_indices, self.leaves, self._first_leaf, self.outside = recorded
        self.tape, self.code = spec.tape, Widths(spec, **settings)
        self._said = functools.partial(said, [len(spec.tape)])
        self._results, self._value = Memory(spec.sums), spec.gradients
        self._others = Memory(len(spec.sources))
        # The sums over blocks of rows; and the part of the optimizer's rule that is computed ahead for many steps.
        self._sums, self._tail = Memory(WIDEST * spec.sums), Memory(WIDEST * spec.sums)
        self._ahead = Memory(len(rule_plan(spec.update).shared) * COLUMNS if spec.update else 0)
        self.context: Any = spec.layout.structure()
        self._address = ctypes.addressof(self.context)
        own = {"gradients": self._results, "others": self._others, "sums": self._sums, "tail": self._tail}
        own["ahead"] = self._ahead
        if optimizer is not None:
            own |= optimizer.fields()
        self._kept = own  # keep them alive while the context has their addresses
        for name, memory in own.items():
            setattr(self.context, name, memory.address)
        self._arrays = self.context.arrays
        self._native: Native | None = None  # the code for batches of the rows' size
        self.context.workers = 1
        self.context.allowance = 64  # blocks of rows until the first pause
        self._count = self._size = 0  # of the rows, and of a batch
        self._ordered = 0  # how many rows `order` lists in order: 0 after a shuffle

    # ------------------------------------------------------------ run a batch

    def point_at(self, rows: Rows, batch_size: int) -> None:
        """Work on these rows, in batches of `batch_size`, which is at most their count."""
        context, places = self.context, self._arrays
        for k, array in enumerate(rows.arrays):
            places[2 * k], places[2 * k + 1] = address_of(array), array.strides[0]
        if rows.count != self._count or batch_size != self._size:
            context.rows = self._count = rows.count
            context.batch = self._size = batch_size
        notice.known(self._said)
        code, *sizes = self.code.of(batch_size)
        if code is not self._native:  # code with another number of lanes lays the sums out differently
            self._native = None  # until all is in place: an interrupt may come between
            for name, words in zip(("work", "shared"), sizes):
                self._kept[name] = memory = Memory(words)
                setattr(context, name, memory.address)
            for memory in (self._sums, self._tail):
                ctypes.memset(memory.address, 0, memory.view.nbytes)
            self._native = code

    def start(self, twister: Twister | None = None) -> None:
        """Begin at the first row, with the rows in their own order or, given a generator, shuffled in each epoch."""
        context = self.context
        context.restart = 1
        if self._ordered != self._count:
            self._ordered = 0
            numpy = require("numpy", extra="jit")
            self._order = numpy.arange(self._count, dtype=numpy.int64)
            context.order = address_of(self._order)
            self._ordered = self._count
        if twister:
            context.generator, context.draw = twister.address, twister.draw
            self._ordered = 0

    def read_leaves(self) -> None:
        """Copy in the numbers of the Values from outside that are not parameters."""
        for i, leaf in enumerate(self.leaves):
            self._others.view[self._first_leaf + i] = leaf.data

    def run(self, steps: int) -> int:
        """Take `steps` steps from where the last call ended; return the status that native `run` returns.

        Native code returns to Python every PAUSE seconds, so that Ctrl-C works, and then goes on.
        """
        assert self._native is not None
        self.context.asked = steps
        if self.code.spec.threads > 1 and steps > 1:
            with helping(self._native, self.context, self.code.spec.threads - 1):
                return self.go_on(self._native.run(self._address))
        return self.go_on(self._native.run(self._address))

    def go_on(self, status: int) -> int:
        """Finish the steps that a first call of native `run`, which returned this status, has begun."""
        context, code = self.context, self._native
        assert code is not None
        while status == PAUSED:
            began = time.perf_counter()
            status = code.run(self._address)
            took = time.perf_counter() - began
            if status == PAUSED:
                context.allowance = max(1, int(context.allowance * min(4.0, PAUSE / max(took, 1e-9))))
        return status

    def again(self, data: tuple[Any, ...], places: Any, optimizer: Any, memory: OptimizerMemory) -> Any:
        """For C: this step, to be taken again on the same arrays. False where that needs Python."""
        own = any(hasattr(type(optimizer), name) for name in ATTRIBUTES)  # as properties
        if self.leaves or own or places is None or self._native is None:
            return False
        context, kind = self.context, type(self.context)
        fields = [self._address + getattr(kind, name).offset for name in ("restart", "asked", "taken")]
        places_in_c = addresses(self._native.address("run"), self._address, *fields, context.rates, context.losses)
        states, owners = tuple(memory.views.items()), (self, self._native, memory)
        return places_in_c, data, places, states, self.outside, optimizer, ATTRIBUTES, owners  # as calls.h has them

    # ------------------------------------------------------------ read what came out

    def results(self) -> list[float]:
        """The derivatives, then the mean."""
        return [*self._results.view[: len(self.tape.outputs) - 1], self._results.view[self._value]]

    @property
    def position(self) -> int:
        """The row where native code is, counted in the order of the rows."""
        return self.context.position

    def rows_of_this_step(self) -> Any:
        """The numbers of the rows in the batch where native code is."""
        return self._order[self.position : self.position + self.context.batch]

    def stop_shuffling(self) -> None:
        """Detach the generator."""
        self.context.generator = self.context.draw = 0

    # ------------------------------------------------------------ both in one call

    def means(self, rows: Rows, numbers: Sequence[Any]) -> list[float] | None:
        """The derivatives and the mean over all rows; None if one is not finite or an index is out of range.

        `numbers` are the arguments that all rows share, floats and Values.
        """
        if any(not 0 <= numbers[place] < count for place, count in self._shared_indices):
            return None
        self.point_at(rows, rows.count)
        for i, x in enumerate(numbers):
            self._others.view[i] = x.data if isinstance(x, Value) else x
        self.read_leaves()
        self.start()
        if self.run(1) == BAD_INDEX:
            return None
        out = self.results()
        return out if math.isfinite(sum(out)) else None

    @property
    def in_use(self) -> Any:
        """`with program.in_use:` allows one call at a time: other threads wait; a call from within a call is refused.

        A signal handler can call from within a call. The lock is Python's own, so Ctrl-C cannot leave it held.
        """
        if self._lock._is_owned():
            raise RuntimeError("this compiled function is already running: a signal handler may not call it again")
        return self._lock

    @functools.cached_property
    def folded(self) -> Folded:
        """The tape as loops."""
        return self.code.folded()

    @property
    def shown(self) -> Widths:
        """Its `native` is the code compiled last, and `how` says how it runs."""
        return self.code
