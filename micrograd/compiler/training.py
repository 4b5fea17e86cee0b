"""Train natively: `step = train_step(loss, optimizer)`, then `step(X, y)` or `step.run(X, y, epochs=100)`.

    >>> import random
    >>> from micrograd.compiler.training import train_step
    >>> from micrograd.losses import mse
    >>> from micrograd.nn import MLP
    >>> from micrograd.optim import SGD
    >>> net = MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
    >>> step = train_step(lambda x, y: mse(net(x), y), SGD(net.parameters(), lr=0.1))
    >>> losses = step.run([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=500)
    >>> f"{losses[0]:.2f} {losses[-1]:.4f}"
    '0.68 0.0000'
    >>> round(net([1, 0]).data)
    1

`loss` is a function of one example; a step takes the mean over a batch. The optimizer's rule, its state and the model's
parameters are those that eager training uses: the two can take turns.
"""

from __future__ import annotations

import functools
import operator
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from micrograd.blame import first_guilty, not_finite
from micrograd.compiler.batch import BatchProgram
from micrograd.compiler.context import BAD_INDEX, COLUMNS, NOT_FINITE, SLOT, STEPS_AT_ONCE
from micrograd.compiler.inside import Inside
from micrograd.compiler.native import Memory, Native
from micrograd.compiler.rows import Rows, as_rows, names_of
from micrograd.compiler.rule import check_rule, scale_tape, update_tape
from micrograd.compiler.shuffle import generator, put_back, words_of
from micrograd.compiler.store import store_of
from micrograd.compiler.tape import Tape
from micrograd.extras import require
from micrograd.optim import Optimizer
from micrograd.table import as_count, is_bool

TAKEN = SLOT["taken"]
KEPT = 16  # structures of data that one step is compiled for at a time


def train_step(loss: Callable[..., Any], optimizer: Optimizer) -> TrainStep:
    """A compiled training step: forward, backward and the optimizer's update over a batch, in one native call.

    `loss` gives the loss of one example from a row of each array of data; Values that it uses and that are not among
    the optimizer's parameters are read afresh at each call. The optimizer must not override `Optimizer.step`.

    Needs the extra `jit`. Raises TypeError when `loss` asks for a number while it is recorded: see `jit`.
    """
    return TrainStep(loss, optimizer)


class TrainStep(Inside):
    """What `train_step` gives. `tape`, `update_tape`, `llvm_ir` and `assembly` show what was compiled last."""

    def __init__(self, loss: Callable[..., Any], optimizer: Optimizer):
        if not callable(loss) or not isinstance(optimizer, Optimizer):
            raise TypeError(f"train_step takes a loss function and an optimizer, not {loss!r} and {optimizer!r}")
        check_rule(optimizer, "train_step")
        self.loss, self.optimizer = loss, optimizer
        self._names = functools.cache(lambda count: names_of(loss, count))
        self._lock = threading.RLock()  # the parameters are for one call at a time
        self._running = False
        self._losses, self._norms, self._rates = Memory(COLUMNS), Memory(COLUMNS), Memory(COLUMNS)
        self.norms: Any = None  # of the gradient of each step of the last run, before any clipping
        self._constant_rate: Any = None  # the learning rate that all of `rates` holds
        self._programs: OrderedDict[Any, BatchProgram] = OrderedDict()
        self._adopt()

    def _adopt(self) -> None:
        """Take in the optimizer's parameters and states as they are now."""
        optimizer = self.optimizer
        self._parameters, self._listed = tuple(optimizer.parameters), optimizer.parameters
        self._store = store_of(optimizer.parameters)
        self._states = [Memory(len(self._store.memory.view)) for _ in optimizer.state]
        self._views = {n: m.view[: len(optimizer.parameters)] for n, m in zip(optimizer.state, self._states)}
        settings = sorted(set(vars(optimizer)) - {"parameters", "state", "steps", "lr"})
        self._known = len(vars(optimizer))
        self._settings_now = operator.attrgetter("__class__", *settings)  # what the rule reads as constants
        self._settings: Any = None
        self._programs.clear()
        self._data: tuple[Any, ...] = ()  # the arrays of the last call, and what was made ready for them
        self._batch_size: int | None = None
        self._ready: tuple[BatchProgram, Native, Rows] | None = None
        self._live: list[Any] = []  # the arrays among them, and their shapes
        self._shapes: list[tuple[int, ...]] = []

    def __call__(self, *data: Any) -> float:
        """One step on all rows of `data`; gives the mean loss before it.

        Raises FloatingPointError, and changes nothing, when the loss or a gradient is nan or inf.
        """
        with self._lock:
            program, native, rows = self._prepared(data, None)
            self._running = True
            try:
                program.start()
                self._take(program, native, rows, 1, 0)
                return self._losses.view[0]
            finally:
                self._running = False

    def run(
        self,
        *data: Any,
        epochs: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        shuffle: Any = None,
        callback: Callable[[int, float], Any] | None = None,
        every: int = 1,
    ) -> Any:
        """Train for so many epochs, or steps; gives an array with the mean loss of each step, before the step.

        An epoch goes through the rows in batches of `batch_size` (by default all), of which the last may be smaller.
        `shuffle` is a seed or a `random.Random`: each epoch then has another order, the one that `data.batches` gives.
        `callback(step, loss)` is called after each `every` steps, counted from 1; if it returns False, training ends.

        Ctrl-C ends training between two steps: the model and the optimizer are as after the last whole one. So does a
        loss or gradient that is nan or inf: FloatingPointError says where it came from.
        """
        epochs, steps = _count("epochs", epochs), _count("steps", steps)
        batch_size, every = _count("batch_size", batch_size), _count("every", every) or 1
        if epochs is not None and steps is not None:
            raise ValueError("give epochs or steps, not both")
        rng = generator(shuffle)
        with self._lock:
            program, native, rows = self._prepared(data, batch_size)
            in_epoch = -(-rows.count // min(batch_size or rows.count, rows.count))
            total = steps if steps is not None else in_epoch * (1 if epochs is None else epochs)
            numpy = require("numpy", extra="jit")
            losses, self.norms = numpy.empty(total), numpy.empty(total)
            program.start()
            words = words_of(rng) if rng else None
            try:
                self._running = self._store.is_in_use = True
                self._read_outside(program)  # again: from now on, nobody else can take the parameters over
                if words:
                    program.will_shuffle(words.buffer_info()[0])
                return self._run(program, native, rows, losses, callback, every)
            finally:
                self._running = self._store.is_in_use = False
                program["shuffle"] = 0
                if rng and words:
                    put_back(rng, words)

    def _run(self, program: BatchProgram, native: Native, rows: Rows, losses: Any, callback: Any, every: int) -> Any:
        taken, total = 0, len(losses)
        while taken < total:
            count = min(STEPS_AT_ONCE, total - taken, *([every - taken % every] if callback else []))
            self._take(program, native, rows, count, taken)
            losses[taken : taken + count] = self._losses.view[:count]
            self.norms[taken : taken + count] = self._norms.view[:count]
            taken += count
            if callback and (taken % every == 0 or taken == total):
                answer = callback(taken, float(losses[taken - 1]))
                if is_bool(answer) and not answer:
                    self.norms = self.norms[:taken]
                    return losses[:taken]
                if self._settings_now(self.optimizer) != self._settings:
                    raise RuntimeError(
                        "a callback may change the optimizer's lr; change its other settings between runs"
                    )
                self._read_outside(program)
        return losses

    def _take(self, program: BatchProgram, native: Native, rows: Rows, count: int, before: int) -> None:
        """Take so many steps, at most STEPS_AT_ONCE, and leave their losses in memory; `before` counts earlier ones."""
        optimizer = self.optimizer
        if optimizer.lr != self._constant_rate:  # which a schedule never is
            is_schedule = callable(optimizer.lr)
            rates = optimizer.learning_rates(count if is_schedule else COLUMNS)
            self._rates.view[: len(rates)] = array("d", rates)
            self._constant_rate = None if is_schedule else optimizer.lr
        start = program.places[TAKEN] = optimizer.steps
        try:
            status = program.go(native, count)
        finally:
            optimizer.steps = program.places[TAKEN]
        if status == BAD_INDEX:
            raise program.bad_index(rows)
        if status == NOT_FINITE:
            chosen = [(i, rows.row(i)) for i in program.rows_of_this_step()]
            step = before + optimizer.steps - start + 1
            raise not_finite(step, first_guilty(self.loss, chosen, optimizer.parameters))

    def _prepared(self, data: tuple[Any, ...], batch_size: int | None) -> tuple[BatchProgram, Native, Rows]:
        """The program for this data, pointed at it; parameters and the optimizer's state where it looks for them."""
        if self._running:
            raise RuntimeError("a step is under way: neither a callback of run() nor a signal handler may take another")
        optimizer = self.optimizer
        if optimizer.parameters is not self._listed or len(self._listed) != len(self._parameters):
            self._adopt()
        ready = self._ready
        if (
            ready is None
            or batch_size != self._batch_size
            or len(data) != len(self._data)
            or not all(map(operator.is_, data, self._data))
            or [x.shape for x in self._live] != self._shapes  # changed in place, as by resize()
            or len(optimizer.__dict__) != self._known
            or self._settings_now(optimizer) != self._settings
        ):
            self._ready = None
            if len(vars(optimizer)) != self._known:
                self._adopt()
            rows = as_rows(data, self._names(len(data))) if data else Rows([], (), 1)
            program = self._program(rows)
            if program.required:
                program.check_rows(rows)
            ready = program, program.set_rows(rows, batch_size=min(batch_size or rows.count, rows.count)), rows
            if rows.are_arrays:  # a list may hold other numbers next time
                self._live, self._shapes = rows.arrays, [x.shape for x in rows.arrays]
                self._data, self._batch_size, self._ready = data, batch_size, ready
        assert ready is not None
        self._read_outside(ready[0])
        return ready

    def _read_outside(self, program: BatchProgram) -> None:
        """Bring in what others changed: parameters that another step took over, a state that was loaded, leaves."""
        if not self._store.is_current:
            self._store.take()
        state = self.optimizer.state
        for name, view in self._views.items():
            if state[name] is not view:
                view[:] = array("d", state[name])
                state[name] = view
        if program.leaves:
            program.read_leaves()

    def _program(self, rows: Rows) -> BatchProgram:
        settings = self._settings_now(self.optimizer)
        if settings != self._settings:
            self._programs.clear()
            self._settings = settings
        program = self._programs.get(rows.structures)
        if program is not None:
            self._programs.move_to_end(rows.structures)
        else:
            names = self._names(len(rows.structures))
            try:
                program = BatchProgram(
                    lambda row: self.loss(*row),
                    names,
                    [(True, structure) for structure in rows.structures],
                    parameters=self._parameters,
                    update=update_tape(self.optimizer),
                    scale=scale_tape(self.optimizer),
                )
            except (TypeError, ValueError) as error:
                rows_are = ", ".join(_said(name, shape) for name, (_, shape, _) in zip(names, rows.structures))
                error.add_note(f"train_step calls the loss with one row at a time: {rows_are}")
                raise
            self._programs[rows.structures] = program
            program["parameters"], program["rates"] = self._store.memory.address, self._rates.address
            program["losses"], program["norms"] = self._losses.address, self._norms.address
            program.set_states([memory.address for memory in self._states])
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        return program

    def numbers(self) -> list[float]:
        """The parameters' present numbers, all at once."""
        if not self._store.is_current:
            return [p.data for p in self._parameters]
        return self._store.memory.view[: len(self._parameters)].tolist()

    def trace(self, *data: Any) -> Tape:
        """The tape for such data, without compiling it yet: to see what it is, and how long."""
        with self._lock:
            return self._program(as_rows(data, self._names(len(data)))).tape

    def __repr__(self) -> str:
        name = getattr(self.loss, "__name__", type(self.loss).__name__)
        return f"train_step({name}, {type(self.optimizer).__name__}; {self.optimizer.steps} steps taken)"

    def _last(self) -> BatchProgram:
        if not self._programs:
            raise RuntimeError("nothing has been compiled yet: take a step first")
        return next(reversed(self._programs.values()))

    @property
    def update_tape(self) -> Tape:
        """The optimizer's rule for one parameter."""
        return update_tape(self.optimizer)


def _count(what: str, n: Any) -> int | None:
    return None if n is None else as_count(n, what)


def _said(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} is one number" if not shape else f"{name} holds {' x '.join(map(str, shape))} numbers"
