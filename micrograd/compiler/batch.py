"""Compile a function of one example for batches: the mean over the rows, its derivatives, and steps of training.

A `BatchProgram` is made for one structure of arguments. It holds the memory that native code works on, and compiles
once for each width of vectors that the sizes of its batches call for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.compiler.arguments import rebuild
from micrograd.compiler.context import PAUSED, SLOT, SLOTS, Batch, Source
from micrograd.compiler.loop import batch_module
from micrograd.compiler.machine import this_machine
from micrograd.compiler.native import RUN, Memory, Native
from micrograd.compiler.rows import Rows, address_of, row_symbols
from micrograd.compiler.simplify import simplify
from micrograd.compiler.symbols import operand_of
from micrograd.compiler.tape import Tape
from micrograd.compiler.trace import Trace
from micrograd.engine import Value
from micrograd.extras import require

PAUSE = 0.02  # seconds after which native code comes back to Python, so that Ctrl-C is heard
WIDEST = 8  # lanes, of any machine


class BatchProgram:
    """The tape of one row, its result and derivatives, and native code for whole batches.

    `f` is called with one argument for each structure: `(True, rows)` stands for rows of data, `(False, structure)` for
    what is the same for all rows. Derivatives are taken by `parameters`, or if None by every Value that is met;
    `operands` are those Values that are met inside `f`, after those among the arguments.
    """

    def __init__(
        self,
        f: Callable[[list[Any]], Any],
        names: Sequence[str],
        structures: Sequence[tuple[bool, Any]],
        *,
        parameters: Sequence[Value] | None = None,
        update: Tape | None = None,
    ):
        self.lock = threading.Lock()  # the memory is for one call at a time
        self._update = update
        self._sources: list[Source] = []
        self._types: list[str] = []
        self.leaves: list[Value] = []  # the Values from outside that are read afresh at each call
        trace = Trace()
        by: list[Value] = []  # the trace's nodes that derivatives are taken by

        def other(name: str, kind: str) -> Value:
            self._sources.append(Source("others", sum(source.memory == "others" for source in self._sources)))
            node = trace.argument(name, whole=kind == "whole")
            if kind == "value":
                by.append(node)
            return node

        def number_of_row(name: str, kind: str) -> Value:
            place = sum(source.array == len(self._types) - 1 for source in self._sources)
            self._sources.append(Source(array=len(self._types) - 1, place=place))
            return trace.argument(name, whole=kind == "whole")

        with trace:
            args = []
            for name, (is_rows, structure) in zip(names, structures):
                if is_rows:
                    self._types.append(structure[2])
                    args.append(row_symbols(structure, name, number_of_row))
                else:
                    args.append(rebuild(structure, name, other))
            out = f(args)
            if not isinstance(out, Value):
                raise TypeError(f"the function must return one number for a row, not {type(out).__name__}: {out!r}")
            result = trace.node(out)
            by += [trace.node(p) for p in (trace.leaves if parameters is None else parameters)]
            place_of = {id(p): i for i, p in enumerate(parameters or ())}
            others = sum(source.memory == "others" for source in self._sources)
            for leaf in trace.leaves:
                if id(leaf) in place_of:
                    self._sources.append(Source("parameters", place_of[id(leaf)]))
                else:
                    self._sources.append(Source("others", others + len(self.leaves)))
                    self.leaves.append(leaf)
            tape, number = trace.tape, {node: i for i, node in enumerate(trace.inputs)}
            gradients = trace.gradients(result, by)
            tape.outputs = {f"d/d{tape.inputs[number[x]]}": operand_of(d) for x, d in zip(by, gradients)}
            tape.outputs["value"] = operand_of(result.data)
            self.tape = simplify(tape)
        self.indices = trace.indices
        self._natives: dict[int, Native] = {}
        self._budget = 64
        self._ordered = 0  # how many rows `order` counts through, 0 after a shuffle
        self._set_up_memory()

    def _batch(self, lanes: int) -> Batch:
        indices = [(self._sources[place], count) for place, count, _ in self.indices]
        return Batch(self.tape, self._sources, self._types, self._update, this_machine(), lanes, indices)

    def _set_up_memory(self) -> None:
        batch = self._batch(1)
        padded = batch.padded(len(self.tape.outputs))
        self.context = Memory(batch.slots, "q")
        self._places = self.context.view
        self.gradients, self.others = Memory(padded), Memory(len(self._sources))
        self._kept = {
            "gradients": self.gradients,
            "others": self.others,
            "shared": Memory(len(batch.plan.shared)),
            "sums": Memory(WIDEST * padded),
            "tail": Memory(WIDEST * padded),
        }
        for name, memory in self._kept.items():
            self[name] = memory.address
        self._first_array = batch.array_slot(0)

    def __setitem__(self, slot: str, x: int) -> None:
        """Set a number or an address in the context."""
        self._places[SLOT[slot]] = x

    def __getitem__(self, slot: str) -> int:
        return self._places[SLOT[slot]]

    def set_states(self, addresses: Sequence[int]) -> None:
        """Say where the optimizer's states are."""
        for k, address in enumerate(addresses):
            self._places[len(SLOTS) + k] = address

    def set_rows(self, rows: Rows, *, batch_size: int) -> Native:
        """Point at the data, from its first row on; gives the code for batches of that size."""
        for slot, array in zip(range(self._first_array, len(self._places), 2), rows.arrays):
            self._places[slot], self._places[slot + 1] = address_of(array), array.strides[0]
        self["rows"], self["batch"] = rows.count, batch_size
        return self.native_for(min(batch_size, rows.count))

    def start(self) -> None:
        """Begin at the first row of the data, in its own order."""
        self["position"] = self["done"] = 0
        if self._ordered != self["rows"]:
            self._order = require("numpy", extra="jit").arange(self["rows"])
            self["order"] = address_of(self._order)
            self._ordered = self["rows"]

    def will_shuffle(self, words: int) -> None:
        """Let native code change the order of the rows, by a generator whose state is at an address."""
        self["shuffle"] = words
        self._ordered = 0

    def rows_of_this_step(self) -> Any:
        """The numbers of the rows in the batch that native code is at."""
        first = self["position"]
        return self._order[first : first + self["batch"]]

    def native_for(self, count: int) -> Native:
        """Code with as many lanes as so many rows fill, or code that is there already and has more."""
        lanes = min(this_machine().lanes, 1 << (count - 1).bit_length())
        if lanes not in self._natives:
            wider = [there for there in self._natives if there > lanes]
            if wider:
                return self._natives[min(wider)]
            entries = {"run": RUN, "check": RUN} if self.indices else {"run": RUN}
            self._natives[lanes] = Native(batch_module(self._batch(lanes)), this_machine(), **entries)
        return self._natives[lanes]

    @property
    def native(self) -> Native:
        """The code compiled last."""
        return next(reversed(self._natives.values()))

    def check(self, native: Native, rows: Rows) -> None:
        """Raise IndexError if a number that indexes is out of range in some row."""
        if not self.indices:
            return
        row = native.check(self.context.address)
        if row < 0:
            return
        for place, count, said in self.indices:
            source = self._sources[place]
            found = rows.arrays[source.array][row : row + 1].reshape(-1)[source.place] if source.is_row else 0
            if not 0 <= found < count:
                raise IndexError(f"row {row}: {said.format(found)}")

    def go(self, native: Native, steps: int, *, losses: int = 0, rates: int = 0) -> int:
        """Take so many steps from where the last call ended; gives what `run` returns.

        Comes back to Python every PAUSE seconds, for Ctrl-C to be heard, and goes on.
        """
        self["losses"], self["rates"], self["steps"], self["budget"] = losses, rates, steps, self._budget
        while True:
            began = time.perf_counter()
            status = native.run(self.context.address)
            if status != PAUSED:
                return status
            took = time.perf_counter() - began
            self._budget = max(1, int(self._budget * min(4.0, PAUSE / max(took, 1e-9))))
            self["budget"] = self._budget
