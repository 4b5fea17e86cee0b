"""Compile a function of one example for batches: the mean over the rows, its derivatives, and steps of training.

A `BatchProgram` is made for one structure of arguments. It holds the memory that native code works on, and compiles
once for each width of vectors that the sizes of its batches call for.
"""

from __future__ import annotations

import ctypes
import itertools
import marshal
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from micrograd.blame import not_connected
from micrograd.compiler.arguments import rebuild
from micrograd.compiler.native.context import COLUMNS, PAUSED, SLOT, SLOTS, WIDEST, Batch, Source
from micrograd.compiler.native.loop import batch_module
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.native import RUN, Memory, Native, native_of
from micrograd.compiler.native.update import schedule_of
from micrograd.compiler.outside.recording import recorded
from micrograd.compiler.rows import Rows, address_of, row_symbols
from micrograd.compiler.tape.guards import guarded
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import TAPE, Symbol, operand_of
from micrograd.compiler.tape.tape import Tape
from micrograd.compiler.tape.trace import Trace
from micrograd.engine import Value, constant, topological_order
from micrograd.extras import require
from micrograd.locks import new_in_child

PAUSE = 0.02  # seconds after which native code comes back to Python, so that Ctrl-C is heard
ROWS, UNCHECKED, POSITION, DONE, NUMBER, STEPS, BUDGET = (
    SLOT[name] for name in ("rows", "unchecked", "position", "done", "number", "steps", "budget")
)


class _Recording(NamedTuple):
    """What one run of the function on symbols gave: where each input of the tape comes from, and the result."""

    trace: Trace
    sources: list[Source]  # of the arguments
    types: list[str]  # of the numbers in each array of rows
    by: list[Value]  # the arguments that derivatives are taken by
    result: Value


class BatchProgram:
    """The tape of one row, its result and derivatives, and native code for whole batches.

    `f` is called with one argument for each structure: `(True, rows)` stands for rows of data, `(False, structure)` for
    what is the same for all rows. Derivatives are taken by `parameters`, or if None by every Value that is met, first
    those among the arguments. `leaves` are the Values met inside `f` that are no parameters: they are read afresh at
    each call. `rule` gives the optimizer's tapes, of its update and its scale. `functions` are the user's own, and
    `outside` is what they read from outside.
    """

    def __init__(
        self,
        f: Callable[[list[Any]], Any],
        names: Sequence[str],
        structures: Sequence[tuple[bool, Any]],
        *,
        parameters: Sequence[Value] | None = None,
        rule: Callable[[], tuple[Tape, Tape]] | None = None,
        functions: Sequence[Any] = (),
        exact: bool = False,
    ):
        self._lock: Any = threading.RLock()
        new_in_child(self)
        self._f, self._names, self._structures = f, names, structures
        self._parameters, self._rule, self._exact = parameters, rule, exact
        (found, self._update, self._scale), self.outside = recorded(self._record, *functions)
        trace, by, place_of = found.trace, list(found.by), {id(p): i for i, p in enumerate(parameters or ())}
        if parameters and not any(id(leaf) in place_of for leaf in trace.leaves):
            raise ValueError(
                f"the loss uses none of the optimizer's {len(parameters)} parameters: was the model made anew "
                "after the optimizer?"
            )
        reached = {*topological_order(found.result)}
        if parameters and not any(id(leaf) in place_of and trace.node(leaf) in reached for leaf in trace.leaves):
            raise not_connected("a number")
        _check_no_shortcut(trace.leaves, parameters or [])
        self._sources, self._types = found.sources, found.types
        self._first_leaf = sum(not source.is_row for source in found.sources)
        self.leaves: list[Value] = []  # the Values from outside that are read afresh at each call
        with trace.recording():
            by += [trace.node(p) for p in (trace.leaves if parameters is None else parameters)]
            for leaf in trace.leaves:
                if id(leaf) in place_of:
                    self._sources.append(Source("parameters", place_of[id(leaf)]))
                else:
                    self._sources.append(Source("others", self._first_leaf + len(self.leaves)))
                    self.leaves.append(leaf)
            tape, number = trace.tape, {node: i for i, node in enumerate(trace.inputs)}
            try:
                gradients = trace.gradients(found.result, by, eagerly=exact)
            except (ArithmeticError, ValueError):  # of constants, as in x / 0.0: eagerly, too, for each row
                gradients = [math.nan] * len(by)
            tape.outputs = {f"d/d{tape.inputs[number[x]]}": operand_of(d) for x, d in zip(by, gradients)}
            tape.outputs["value"] = operand_of(found.result.data)
            self.tape = simplify(guarded(tape), exact=exact)
        self.indices = trace.indices
        self._natives: dict[tuple[int, bool], Native] = {}
        self._last: Native | None = None  # the code used last, and for how many rows
        self._last_count = 0
        self._budget = 64
        self._ordered = 0  # how many rows `order` counts through, 0 after a shuffle
        self._set_up_memory()

    def _record(self, kind: type[Tape]) -> tuple[Tape, Any, tuple[_Recording, Tape | None, Tape | None]]:
        """Run the function once on symbols, and the optimizer's rule."""
        trace = Trace(kind)
        sources: list[Source] = []
        types: list[str] = []
        by: list[Value] = []
        others, in_row = itertools.count(), itertools.count()

        def other(name: str, kind: str) -> Value:
            sources.append(Source("others", next(others)))
            node = trace.argument(name, whole=kind == "whole")
            if kind == "value" and self._parameters is None:
                by.append(node)
            return node

        def number_of_row(name: str, kind: str) -> Value:
            sources.append(Source(array=len(types) - 1, place=next(in_row)))
            return trace.argument(name, whole=kind == "whole")

        with trace.recording():
            args = []
            for name, (is_rows, structure) in zip(self._names, self._structures, strict=True):
                if is_rows:
                    types.append(structure[2])
                    in_row = itertools.count()
                    args.append(row_symbols(structure, name, number_of_row))
                else:
                    args.append(rebuild(structure, name, other))
            out = self._f(args)
            if isinstance(out, (Symbol, int, float)):  # x > 0, x.data or 1.0
                is_condition = isinstance(out, Symbol) and out.is_condition
                out = constant(TAPE.where(out, 1.0, 0.0) if is_condition else out, "jit")
            if not isinstance(out, Value):
                raise TypeError(f"the function must return one number for a row, not {type(out).__name__}: {out!r}")
            result = trace.node(out)
        update, scale = self._rule() if self._rule else (None, None)
        compared = [marshal.dumps(operand_of(result.data), 2), list(map(id, trace.leaves)), trace.indices]
        compared += [marshal.dumps(each.code, 2) for each in (update, scale) if each]
        return trace.tape, compared, (_Recording(trace, sources, types, by, result), update, scale)

    def _batch(self, lanes: int, *, is_single: bool = False) -> Batch:
        indices = [(self._sources[place], count) for place, count in self.indices]
        return Batch(
            self.tape,
            self._sources,
            self._types,
            self._update,
            self._scale,
            this_machine(),
            lanes,
            is_single,
            [(source, count) for source, count in indices if source.is_row],
            self._exact,
        )

    def _set_up_memory(self) -> None:
        batch = self._batch(1)
        self.context = Memory(batch.slots, "q")
        self.places = self.context.view
        self.gradients, self.others = Memory(batch.sums), Memory(len(self._sources))
        table = len(schedule_of(self._update).shared) * COLUMNS if self._update else 0
        self._kept = {
            "gradients": self.gradients,
            "others": self.others,
            "shared": Memory(len(batch.plan.shared)),
            "sums": Memory(WIDEST * batch.sums),
            "tail": Memory(WIDEST * batch.sums),
            "table": Memory(table),
        }
        for name, memory in self._kept.items():
            self[name] = memory.address
        self._first_array = batch.array_slot(0)
        self._value = batch.gradients

    def __setitem__(self, slot: str, x: int) -> None:
        """Set a number or an address in the context."""
        self.places[SLOT[slot]] = x

    def __getitem__(self, slot: str) -> int:
        return self.places[SLOT[slot]]

    def set_states(self, addresses: Sequence[int]) -> None:
        """Say where the optimizer's states are."""
        for k, address in enumerate(addresses):
            self.places[len(SLOTS) + k] = address

    def set_rows(self, rows: Rows, *, batch_size: int) -> Native:
        """Point at the data, from its first row on; gives the code for batches of that size."""
        for slot, array in zip(range(self._first_array, len(self.places), 2), rows.arrays):
            self.places[slot], self.places[slot + 1] = address_of(array), array.strides[0]
        self["rows"], self["batch"] = rows.count, batch_size
        return self.native_for(min(batch_size, rows.count))

    def start(self) -> None:
        """Begin at the first row of the data, in its own order."""
        places = self.places
        places[POSITION], places[UNCHECKED] = 0, 1
        if self._ordered != places[ROWS]:
            numpy = require("numpy", extra="jit")
            self._order = numpy.arange(self["rows"], dtype=numpy.int64)
            self["order"] = address_of(self._order)
            self._ordered = self["rows"]

    def results(self) -> list[float]:
        """The derivatives, and after them the mean."""
        return [*self.gradients.view[: len(self.tape.outputs) - 1], self.gradients.view[self._value]]

    def read_leaves(self) -> None:
        """Bring in the numbers of Values from outside that are no parameters."""
        for i, leaf in enumerate(self.leaves):
            self.others.view[self._first_leaf + i] = leaf.data

    def will_shuffle(self, words: int) -> None:
        """Let native code change the order of the rows, by a generator whose state is at an address."""
        self["shuffle"] = words
        self._ordered = 0

    def rows_of_this_step(self) -> Any:
        """The numbers of the rows in the batch that native code is at."""
        first = self["position"]
        return self._order[first : first + self["batch"]]

    def native_for(self, count: int) -> Native:
        """Code for batches of so many rows: with as many lanes as they fill, or code for larger ones that is there."""
        if count == self._last_count and self._last is not None:
            return self._last
        machine = this_machine()
        is_single = count <= machine.lanes
        lanes = 1 << (count - 1).bit_length() if is_single else machine.lanes_in_loops
        native = self._natives.get((lanes, is_single)) or self._natives.get((machine.lanes_in_loops, False))
        if native is None:
            text = batch_module(self._batch(lanes, is_single=is_single))
            native = self._natives[lanes, is_single] = native_of(text, machine, run=RUN)
        if native is not self._last:  # what one with other lanes left between the sums would be taken for numbers
            for name in ("sums", "tail"):
                ctypes.memset(self._kept[name].address, 0, self._kept[name].view.nbytes)
            self._last = native
        self._last_count = count
        return native

    @property
    def in_use(self) -> Any:
        """`with program.in_use:` one call at a time. Other threads wait; a call in the midst of one is refused."""
        if self._lock._is_owned():  # by a signal handler; asked of Python's own lock, which Ctrl-C cannot leave held
            raise RuntimeError("this compiled function is in the midst of a call already")
        return self._lock

    @property
    def native(self) -> Native:
        """The code compiled last. Raises RuntimeError where the only calls were refused before."""
        if not self._natives:
            raise RuntimeError("nothing has been compiled yet: the last call was refused")
        return next(reversed(self._natives.values()))

    def has_bad_index(self, numbers: Sequence[Any]) -> bool:
        """Whether a number that indexes, and is the same for all rows, is out of range."""
        sources = [(self._sources[place], count) for place, count in self.indices]
        return any(not source.is_row and not 0 <= numbers[source.place] < count for source, count in sources)

    def go(self, native: Native, steps: int) -> int:
        """Take so many steps from where the last call ended; gives what `run` returns.

        Comes back to Python every PAUSE seconds, for Ctrl-C to be heard, and goes on.
        """
        places = self.places
        places[DONE] = places[NUMBER] = 0
        places[STEPS], places[BUDGET] = steps, self._budget
        status = native.run(self.context.address)
        while status == PAUSED:
            began = time.perf_counter()
            places[BUDGET] = self._budget
            status = native.run(self.context.address)
            took = time.perf_counter() - began
            if status == PAUSED:
                self._budget = max(1, int(self._budget * min(4.0, PAUSE / max(took, 1e-9))))
        return status


def _check_no_shortcut(leaves: Sequence[Value], parameters: Sequence[Value]) -> None:
    """Refuse a value that was computed outside from parameters: their gradient through it would be lost."""
    own = {*parameters}
    for leaf in leaves:
        if leaf._prev and not own.isdisjoint(topological_order(leaf)):
            raise TypeError(
                f"the loss uses {leaf!r}, which was computed from the optimizer's parameters outside; compute it "
                "inside the loss, so that it is computed anew at each step and gradients go through it"
            )
