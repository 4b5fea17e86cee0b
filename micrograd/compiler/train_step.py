"""Train natively: `step = train_step(loss, optimizer)`, then `step(X, y)` or `step.run(X, y, epochs=100)`.

    >>> import random
    >>> from micrograd.compiler.train_step import train_step
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

import copy
import functools
import operator
from array import array
from collections.abc import Callable
from typing import Any

from micrograd.blame import FEW, first_guilty, first_refused, not_finite
from micrograd.changes import changes
from micrograd.compiler.batch import BatchProgram
from micrograd.compiler.compiled_forms import Inside
from micrograd.compiler.native.context import BAD_INDEX, COLUMNS, NOT_FINITE, SLOT, STEPS_AT_ONCE
from micrograd.compiler.native.native import Memory, Native
from micrograd.compiler.native.shuffle import generator, put_back, words_of
from micrograd.compiler.native.store import Store, store_of
from micrograd.compiler.outside.places import exactly
from micrograd.compiler.outside.recording import Recorded
from micrograd.compiler.rows import Rows, as_rows, names_of, watch_of
from micrograd.compiler.tape.rule import check_rule, scale_tape, update_tape
from micrograd.compiler.tape.tape import Tape
from micrograd.errors import TraceError
from micrograd.extras import require
from micrograd.optim import Optimizer
from micrograd.table import as_count, is_bool

TAKEN = SLOT["taken"]
OWN = {"parameters", "state", "steps", "lr"}  # of every optimizer, and no settings that its rule reads as constants
PLAIN = {float, int, bool, type(None)}  # which nothing changes in place
KEPT = 16  # structures of data that one step is compiled for at a time


def train_step(loss: Callable[..., Any], optimizer: Optimizer, *, exact: bool = False) -> TrainStep:
    """A compiled training step: forward, backward and the optimizer's update over a batch, in one native call.

    `loss` gives the loss of one example from a row of each array of data; Values that it uses and that are not among
    the optimizer's parameters are read afresh at each call. The optimizer must not override `Optimizer.step`.

    A product and a sum may be rounded once together, which is nearer the truth but not what eager code gives; with
    `exact=True` each is rounded by itself. The sums over the rows are taken in another order than eagerly in any case.

    Needs the extra `jit`. Raises TypeError when `loss` asks for a number while it is recorded, or does not do the same
    each time it runs: see `jit`.
    """
    return TrainStep(loss, optimizer, exact=exact)


class TrainStep(Inside):
    """What `train_step` gives. `tape`, `update_tape`, `llvm_ir` and `assembly` show what was compiled last, `constants`
    the numbers that the loss took from outside: globals, variables of enclosing functions, attributes.
    """

    def __init__(self, loss: Callable[..., Any], optimizer: Optimizer, *, exact: bool = False):
        if not callable(loss) or not isinstance(optimizer, Optimizer):
            raise TypeError(f"train_step takes a loss function and an optimizer, not {loss!r} and {optimizer!r}")
        self.loss, self.optimizer, self.exact = loss, optimizer, exact
        self._names = functools.cache(lambda count: names_of(loss, count))
        self._losses, self._norms, self._rates = Memory(COLUMNS), Memory(COLUMNS), Memory(COLUMNS)
        self.norms: Any = None  # of the gradient of each step of the last run, before any clipping
        self._constant_rate: Any = None  # the learning rate that all of `rates` holds
        self._programs: Recorded[BatchProgram] = Recorded(KEPT)
        self._adopt()

    def _adopt(self) -> None:
        """Take in the optimizer's parameters, states and settings as they are now."""
        store = store_of(self.optimizer.parameters)
        with self._store.lock if hasattr(self, "_store") else store.lock:  # after the steps of other threads
            self._set_up(store)

    def _set_up(self, store: Store) -> None:
        optimizer = self.optimizer
        check_rule(optimizer, "train_step")
        optimizer.match_state()
        self._parameters, self._store = tuple(store.values), store
        self._states = [Memory(len(store.memory.view)) for _ in optimizer.state]
        self._views = {n: m.view[: len(self._parameters)] for n, m in zip(optimizer.state, self._states)}
        self._settings = settings_of(optimizer)
        self._changes = changes.count
        self._programs.clear()
        self._data: tuple[Any, ...] = ()  # the arrays of the last call, and what was made ready for them
        self._batch_size: int | None = None
        self._ready: tuple[BatchProgram, Native, Rows] | None = None
        self._are_in_place: Callable[[], bool] = _always  # of the arrays among them

    def __call__(self, *data: Any) -> float:
        """One step on all rows of `data`; gives the mean loss before it.

        Raises FloatingPointError, and changes nothing, when the loss or a gradient is nan or inf; ValueError where the
        loss refuses a row, such as one with a wrong label.
        """
        while True:
            store = self._store
            lock = store.lock
            if lock._is_owned():
                store.refuse_a_second_use()
            with lock:  # nearly always nothing was changed since the last step, which the first line finds
                unchanged = changes.count == self._changes and store.is_current and store is self._store
                if unchanged or self._works_on(store):
                    program, native, rows = self._prepared(data, None)
                    program.start()
                    self._take(program, native, rows, 1, 0)
                    return self._losses.view[0]
            self._catch_up()

    def _alone(self, do: Callable[..., Any], *given: Any) -> Any:
        """What `do` gives, with the parameters for this thread alone and the optimizer's changes taken in."""
        while True:
            store = self._store
            store.refuse_a_second_use()
            with store.lock:
                if self._works_on(store):
                    return do(*given)
            self._catch_up()

    def _works_on(self, store: Store) -> bool:
        """With the store's lock: whether the numbers are there, and parameters and settings are those taken in."""
        if store is not self._store or not store.is_current:
            return False
        count = changes.count
        if not self._is_adopted():
            return False
        if self._ready is not None and not self._ready[0].outside.holds():
            self._ready = None
        self._changes = count
        return True

    def _catch_up(self) -> None:
        """Without the store's lock: take in what `_works_on` missed."""
        if not self._is_adopted():
            self._adopt()
        self._store.ready()

    def _is_adopted(self) -> bool:
        """Whether the optimizer's parameters and settings are those that were taken in."""
        optimizer = self.optimizer
        if len(optimizer.parameters) != len(self._parameters):
            return False
        same = all(map(operator.is_, optimizer.parameters, self._parameters))
        return same and settings_of(optimizer) == self._settings

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
        return self._alone(self._run_all, data, batch_size, epochs, steps, rng, callback, every)

    def _run_all(self, data: Any, batch_size: Any, epochs: Any, steps: Any, rng: Any, callback: Any, every: int) -> Any:
        """`run` with its options checked, and the parameters for this thread alone."""
        program, native, rows = self._prepared(data, batch_size)
        in_epoch = -(-rows.count // min(batch_size or rows.count, rows.count))
        total = steps if steps is not None else in_epoch * (1 if epochs is None else epochs)
        numpy = require("numpy", extra="jit")
        losses, self.norms = numpy.empty(total), numpy.empty(total)
        program.start()
        words = words_of(rng) if rng else None
        try:
            if words:
                program.will_shuffle(words.buffer_info()[0])
            return self._run(program, native, rows, losses, callback, every)
        finally:
            program["shuffle"] = 0
            if rng and words:
                put_back(rng, words)

    def _run(self, program: BatchProgram, native: Native, rows: Rows, losses: Any, callback: Any, every: int) -> Any:
        taken, total, norms = 0, len(losses), self.norms
        while taken < total:
            count, start = min(STEPS_AT_ONCE, total - taken, *([every - taken % every] if callback else [])), taken
            steps = self.optimizer.steps
            try:
                self._take(program, native, rows, count, taken)
            finally:  # also after Ctrl-C, or a step that cannot be taken
                taken += (done := self.optimizer.steps - steps)
                losses[start:taken] = self._losses.view[:done]
                norms[start:taken] = self._norms.view[:done]
                if done < count:
                    self.norms = norms[:taken]
            if callback and (taken % every == 0 or taken == total):
                answer = callback(taken, float(losses[taken - 1]))
                if is_bool(answer) and not answer:
                    self.norms = self.norms[:taken]
                    return losses[:taken]
                if not self._is_adopted():
                    raise RuntimeError(
                        "a callback may change the optimizer's lr; change its other settings and its parameters "
                        "between runs"
                    )
                if not self._are_in_place():
                    raise RuntimeError("a callback moved or reshaped the data of its own run, as X.resize() does")
                if not program.outside.holds():
                    raise program.outside.refusal("was changed by a callback of run()")
                self._read_outside(program)
        return losses

    def _take(self, program: BatchProgram, native: Native, rows: Rows, count: int, before: int) -> None:
        """Take so many steps, at most STEPS_AT_ONCE, and leave their losses in memory; `before` counts earlier ones."""
        optimizer = self.optimizer
        if optimizer.lr != self._constant_rate:  # which a schedule never is
            is_schedule = callable(optimizer.lr)
            rates = optimizer.learning_rates(count if is_schedule else COLUMNS)
            self._rates.view[: len(rates)] = array("d", rates)
            self._constant_rate = optimizer.lr if optimizer.lr.__class__ is float else None  # else it may change
        start = program.places[TAKEN] = optimizer.steps
        try:
            status = program.go(native, count)
        finally:
            optimizer.__dict__["steps"] = program.places[TAKEN]  # sooner than an attribute that is watched
        if not status:
            return
        if status == BAD_INDEX:
            row = program["position"]  # the first with a bad index; one before it may be refused for something else
            first = 0 if row < FEW else row
            chosen = [(i, rows.row(i)) for i in range(first, row + 1)]
            raise not_finite(before + 1, first_guilty(self.loss, chosen, optimizer.parameters))
        if status == NOT_FINITE:
            chosen = [(i, rows.row(i)) for i in program.rows_of_this_step()]
            step = before + optimizer.steps - start + 1
            raise not_finite(step, first_guilty(self.loss, chosen, optimizer.parameters))

    def _prepared(self, data: tuple[Any, ...], batch_size: int | None) -> tuple[BatchProgram, Native, Rows]:
        """The program for this data, pointed at it; parameters and the optimizer's state where it looks for them."""
        ready = self._ready
        if (
            ready is None
            or batch_size != self._batch_size
            or len(data) != len(self._data)
            or not all(map(operator.is_, data, self._data))
            or not self._are_in_place()
            or not ready[0].outside.unmoved()
        ):
            self._ready, self._are_in_place = None, _always
            rows = as_rows(data, self._names(len(data))) if data else Rows([], (), 1)
            program = self._program(rows)
            ready = program, program.set_rows(rows, batch_size=min(batch_size or rows.count, rows.count)), rows
            if rows.are_arrays:  # a list may hold other numbers next time
                self._are_in_place = watch_of(rows.arrays)
                self._data, self._batch_size, self._ready = data, batch_size, ready
        assert ready is not None
        if self._views or ready[0].leaves:
            self._read_outside(ready[0])
        return ready

    def _read_outside(self, program: BatchProgram) -> None:
        """Bring in what others changed: a state that was loaded, leaves."""
        state = self.optimizer.state
        for name, view in self._views.items():
            if state[name] is not view:
                view[:] = array("d", state[name])
                state[name] = view
        if program.leaves:
            program.read_leaves()

    def _program(self, rows: Rows) -> BatchProgram:
        return self._programs.get(rows.structures, lambda: self._recorded(rows))

    def _recorded(self, rows: Rows) -> BatchProgram:
        names = self._names(len(rows.structures))
        try:
            program = BatchProgram(
                lambda row: self.loss(*row),
                names,
                [(True, structure) for structure in rows.structures],
                parameters=self._parameters,
                rule=lambda: (update_tape(self.optimizer), scale_tape(self.optimizer)),
                functions=(self.loss, self.optimizer.update, self.optimizer.scale),
                exact=self.exact,
            )
        except (ArithmeticError, ValueError, TypeError, LookupError) as error:
            row = [(0, rows.row(0))] if rows.arrays else [(0, [])]
            if isinstance(error, TypeError) and not isinstance(error, TraceError):
                if refused := first_refused(self.loss, row):  # which comes before what recording met
                    raise not_finite(1, refused) from None
            elif isinstance(error, (ArithmeticError, LookupError)) or hasattr(error, "failed"):  # of constants
                raise not_finite(1, first_guilty(self.loss, row, self._parameters)) from None
            rows_are = ", ".join(_said(name, shape) for name, (_, shape, _) in zip(names, rows.structures))
            error.add_note(f"train_step calls the loss with one row at a time: {rows_are}")
            raise
        program["parameters"], program["rates"] = self._store.memory.address, self._rates.address
        program["losses"], program["norms"] = self._losses.address, self._norms.address
        program.set_states([memory.address for memory in self._states])
        return program

    def numbers(self) -> list[float]:
        """The parameters' present numbers, all at once."""
        if not self._store.is_current:
            return [p.data for p in self._parameters]
        return self._store.memory.view[: len(self._parameters)].tolist()

    def trace(self, *data: Any) -> Tape:
        """The tape for such data, without compiling it yet: to see what it is, and how long."""
        return self._alone(lambda: self._program(as_rows(data, self._names(len(data)))).tape)

    def __repr__(self) -> str:
        name = getattr(self.loss, "__name__", type(self.loss).__name__)
        return f"train_step({name}, {type(self.optimizer).__name__}; {self.optimizer.steps} steps taken)"

    def __deepcopy__(self, memo: Any) -> TrainStep:
        return TrainStep(copy.deepcopy(self.loss, memo), copy.deepcopy(self.optimizer, memo), exact=self.exact)

    def __reduce__(self) -> Any:
        return _made_again, (self.loss, self.optimizer, self.exact)

    def _last(self) -> BatchProgram:
        program = self._programs.latest
        if program is None:
            raise RuntimeError("nothing has been compiled yet: take a step first")
        return program

    @property
    def update_tape(self) -> Tape:
        """The optimizer's rule for one parameter."""
        return update_tape(self.optimizer)


def _always() -> bool:
    return True


def _made_again(loss: Any, optimizer: Optimizer, exact: bool) -> TrainStep:
    return TrainStep(loss, optimizer, exact=exact)


def settings_of(optimizer: Optimizer) -> Any:
    """What the optimizer's rule reads as constants, as it is now: a copy, to compare with later."""
    kept = [(k, x) for k, x in vars(optimizer).items() if k not in OWN]
    kind = type(optimizer)
    return (kind, kind.update, kind.scale, kind.step), {k: x if x.__class__ in PLAIN else exactly(x) for k, x in kept}


def _count(what: str, n: Any) -> int | None:
    return None if n is None else as_count(n, what)


def _said(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} is one number" if not shape else f"{name} holds {' x '.join(map(str, shape))} numbers"
