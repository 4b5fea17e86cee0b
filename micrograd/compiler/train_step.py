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
parameters are the same objects that eager training uses, so eager and compiled training can take turns.
"""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from micrograd.blame import FEW, first_bad_row, first_refused, not_finite
from micrograd.c_core import native
from micrograd.changes import changes
from micrograd.coerce import as_count_or_none, is_bool
from micrograd.compiler import notice
from micrograd.compiler.arguments import names_of
from micrograd.compiler.batch import BatchProgram
from micrograd.compiler.compiled_forms import CompiledForms
from micrograd.compiler.loops.widths import checked, warn_of_exact_threads
from micrograd.compiler.native.context import BAD_INDEX, STEPS_AT_ONCE
from micrograd.compiler.native.shuffle import Twister, generator
from micrograd.compiler.native.store import Store, store_of
from micrograd.compiler.one_row import noted
from micrograd.compiler.optimizer_memory import OptimizerMemory
from micrograd.compiler.outside.recording import Programs
from micrograd.compiler.row_tape import RowTape, row_tape
from micrograd.compiler.rows import Rows, Watch, as_rows
from micrograd.compiler.tape.rule import scale_tape, update_tape
from micrograd.compiler.tape.tape import Tape
from micrograd.errors import TraceError
from micrograd.extras import require
from micrograd.kinds import Floats, Seed
from micrograd.optim import Optimizer

MOST_STRUCTURES = 16  # structures of data for which one step keeps compiled code


def train_step(
    loss: Callable[..., Any], optimizer: Optimizer, *, exact: bool = False, loops: bool | None = None, threads: int = 1
) -> TrainStep:
    """A compiled training step: forward, backward and the optimizer's update over a batch, in one native call.

    `loss` gets one row of each array of data and gives its loss. Values that it uses but that are not parameters of the
    optimizer are read again at each call. The optimizer must not override `Optimizer.step`.

    A product and a sum may be rounded once together, which is more accurate but differs from eager code; with
    `exact=True` each is rounded by itself. Either way, the sums over the rows are taken in another order than eagerly.

    A large loss is compiled as loops, a small one as straight-line code; `loops` decides for experts, and a UserWarning
    says so where `loops=True` cannot be done. `threads` has an effect only where the program runs as loops, and not
    with `exact=True`; it counts in `run` only, and results do not depend on it.

    Needs the extra `jit`. Raises TypeError when `loss` asks for a number while it is recorded, or does not do the same
    each time it runs: see `jit`.
    """
    step = TrainStep(loss, optimizer, exact=exact, loops=loops, threads=threads)
    warn_of_exact_threads(exact=exact, threads=threads)
    return step


class _Batches(NamedTuple):
    """The arrays of a call, and the program that points at their rows: the next call with the same arrays finds it."""

    data: tuple[Any, ...]
    batch_size: int | None
    program: BatchProgram
    rows: Rows
    watch: Watch | None = None  # knows whether an array was moved since; None if nobody watches
    again: Any = None  # for C: a step on all rows, to be taken again; False where that needs Python, None if not yet

    def are_for(self, data: tuple[Any, ...], batch_size: int | None) -> bool:
        """Whether these are the arrays, nothing was moved, and what the loss takes from outside is the same."""
        then, size, program, _, watch, _ = self
        return (
            watch is not None
            and batch_size == size
            and len(data) == len(then)
            and all(map(operator.is_, data, then))
            and watch.are_in_place()
            and program.outside.unmoved()
        )


class TrainStep(CompiledForms):
    """What `train_step` gives. `tape`, `update_tape`, `llvm_ir` and `assembly` show the code compiled last; `constants`
    are the numbers that the loss took from outside: globals, variables of enclosing functions, attributes.
    """

    def __init__(self, loss: Callable[..., Any], optimizer: Optimizer, *, exact: bool = False, **settings: Any):
        if not callable(loss) or not isinstance(optimizer, Optimizer):
            raise TypeError(f"train_step takes a loss function and an optimizer, not {loss!r} and {optimizer!r}")
        self.loss, self.optimizer, self.exact, self.settings = loss, optimizer, exact, checked(**settings)
        self._names = functools.cache(lambda count: names_of(loss, count))
        self.norms: Any = None  # of the gradient of each step of the last run, before any clipping
        self._programs: Programs[BatchProgram] = Programs(MOST_STRUCTURES)
        self._adopt()

    def _adopt(self) -> None:
        """Adopt the optimizer's present parameters, states and settings."""
        store = store_of(self.optimizer.parameters)
        with getattr(self, "_store", store).lock:  # wait for the steps of other threads
            self._memory, self._store = OptimizerMemory(self.optimizer, store), store
            self._changes = changes.count
            self._programs.clear()
            self._last_batches: _Batches | None = None

    def __call__(self, *data: Any) -> float:
        """Take one step on all rows of `data`; return the mean loss before it.

        Raises FloatingPointError, and changes nothing, when the loss or a gradient is nan or inf. Raises ValueError
        when the loss refuses a row, such as one with a wrong label.
        """
        while True:
            store = self._store
            lock = store.lock
            if lock._is_owned():
                store.refuse_a_second_use()
            with lock:  # the cheap test comes first: usually nothing has changed since the last step
                unchanged = changes.count == self._changes and store.is_current and store is self._store
                if unchanged or self._works_on(store):
                    last = self._last_batches
                    if last is not None and last.again:
                        done = native.take(last.again, data, self.optimizer)
                        if done.__class__ is float:
                            return done
                        if done is not None:  # C has begun the step
                            self._take(last, 1, 0, begun=done)
                            return self._memory.losses.view[0]
                    batches = self._prepared(data, None)
                    batches.program.start()
                    self._take(batches, 1, 0)
                    if native and batches.again is None and batches.watch is not None:
                        self._let_c_take(batches)
                    return self._memory.losses.view[0]
            self._catch_up()

    def _let_c_take(self, batches: _Batches) -> None:
        """Prepare the step that was just taken for C, unless a schedule has to be asked for its rate."""
        optimizer, watch = self.optimizer, batches.watch
        if optimizer.lr.__class__ is float and watch is not None:
            again = batches.program.again(batches.data, watch.places, optimizer, self._memory)
            self._last_batches = batches._replace(again=again)

    def _alone(self, do: Callable[..., Any], *given: Any) -> Any:
        """Call `do` while only this thread uses the parameters, after adopting the optimizer's changes."""
        while True:
            store = self._store
            store.refuse_a_second_use()
            with store.lock:
                if self._works_on(store):
                    return do(*given)
            self._catch_up()

    def _works_on(self, store: Store) -> bool:
        """Whether the store holds the numbers and nothing in the optimizer has changed. Needs the store's lock."""
        if store is not self._store or not store.is_current:
            return False
        count = changes.count
        if not self._memory.is_of(self.optimizer):
            return False
        if self._last_batches is not None and not self._last_batches.program.outside.holds():
            self._last_batches = None
        self._changes = count
        return True

    def _catch_up(self) -> None:
        """Adopt the changes that `_works_on` found. Must not hold the store's lock."""
        if not self._memory.is_of(self.optimizer):
            self._adopt()
        self._store.ready()

    def run(
        self,
        *data: Any,
        epochs: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        shuffle: Seed = None,
        callback: Callable[[int, float], Any] | None = None,
        every: int = 1,
    ) -> Floats:
        """Train for a number of epochs or steps; return an array with the mean loss before each step.

        An epoch goes through the rows in batches of `batch_size` (by default all rows); the last batch may be smaller.
        `shuffle` is a seed or a `random.Random`: each epoch then has a new order, the one that `data.batches` gives.
        `callback(step, loss)` is called after every `every` steps, counted from 1; if it returns False, training ends.

        Ctrl-C ends training between two steps: the model and the optimizer are as after the last complete step. So does
        a loss or gradient that is nan or inf: FloatingPointError says where it came from.
        """
        epochs, steps = as_count_or_none(epochs, "epochs"), as_count_or_none(steps, "steps")
        batch_size, every = as_count_or_none(batch_size, "batch_size"), as_count_or_none(every, "every") or 1
        if epochs is not None and steps is not None:
            raise ValueError("give epochs or steps, not both")
        rng = generator(shuffle)
        return self._alone(self._run_all, data, batch_size, epochs, steps, rng, callback, every)

    def _run_all(self, data: Any, batch_size: Any, epochs: Any, steps: Any, rng: Any, callback: Any, every: int) -> Any:
        """`run` after its options were checked, while only this thread uses the parameters."""
        batches = self._prepared(data, batch_size, watched=True)
        program, rows = batches.program, batches.rows
        in_epoch = -(-rows.count // min(batch_size or rows.count, rows.count))
        total = steps if steps is not None else in_epoch * (1 if epochs is None else epochs)
        numpy = require("numpy", extra="jit")
        losses, self.norms = numpy.empty(total), numpy.empty(total)
        if rng is None:
            program.start()
            return self._run(batches, losses, callback, every)
        if self._last_batches is not None:  # C knows the rows in their own order
            self._last_batches = batches._replace(again=None)
        twister = self._twister
        twister.take_over(rng)
        try:
            program.start(twister)
            return self._run(batches, losses, callback, every)
        finally:
            program.stop_shuffling()
            twister.put_back(rng)

    @functools.cached_property
    def _twister(self) -> Twister:
        return Twister()

    def _run(self, batches: _Batches, losses: Any, callback: Any, every: int) -> Any:
        taken, total, norms, noted = 0, len(losses), self.norms, self._memory
        while taken < total:
            count, start = min(STEPS_AT_ONCE, total - taken, *([every - taken % every] if callback else [])), taken
            steps = self.optimizer.steps
            try:
                self._take(batches, count, taken)
            finally:  # also after Ctrl-C or a failed step
                taken += (done := self.optimizer.steps - steps)
                losses[start:taken] = noted.losses.view[:done]
                norms[start:taken] = noted.norms.view[:done]
                if done < count:
                    self.norms = norms[:taken]
            if callback and (taken % every == 0 or taken == total):
                answer = callback(taken, float(losses[taken - 1]))
                if is_bool(answer) and not answer:
                    self.norms = self.norms[:taken]
                    return losses[:taken]
                self._check_after_callback(batches)
                self._read_outside(batches.program)
        return losses

    def _check_after_callback(self, batches: _Batches) -> None:
        """Refuse changes by a callback that the run cannot follow."""
        if not self._memory.is_of(self.optimizer):
            raise RuntimeError(
                "a callback changed the optimizer's settings or parameters: it may change lr; change others after run()"
            )
        if batches.watch is not None and not batches.watch.are_in_place():
            raise RuntimeError("a callback moved or reshaped the data of its own run: do that after the run")
        if not batches.program.outside.holds():
            raise batches.program.outside.refusal("was changed by a callback of run()")

    def _take(self, batches: _Batches, count: int, before: int, *, begun: int | None = None) -> None:
        """Take `count` steps, at most STEPS_AT_ONCE, and leave their losses in memory; `before` counts earlier ones.

        `begun` is what native code returned where C has called it for the first time.
        """
        optimizer, program = self.optimizer, batches.program
        context = program.context
        if begun is None and optimizer.lr != self._memory.constant_rate:  # always so for a schedule
            self._memory.read_rates(optimizer, count)
        start = context.taken = optimizer.steps  # before anything that Ctrl-C may end
        try:
            status = program.run(count) if begun is None else program.go_on(begun)
        finally:
            optimizer.__dict__["steps"] = context.taken  # faster than setting a watched attribute
        if status:
            raise self._refusal(status, batches, before + optimizer.steps - start + 1)

    def _refusal(self, status: int, batches: _Batches, step: int) -> BaseException:
        """The error for a step that native code did not take: what the loss says when it runs on the first bad row."""
        program = batches.program
        if status == BAD_INDEX:
            row = program.position  # the first with a bad index; the loss may refuse an earlier row
            numbers: Any = range(0 if row < FEW else row, row + 1)
        else:
            numbers = program.rows_of_this_step()
        chosen = [(i, batches.rows.row(i)) for i in numbers]
        return not_finite(step, first_bad_row(self.loss, chosen, self.optimizer.parameters), self.optimizer)

    def _prepared(self, data: tuple[Any, ...], batch_size: int | None, *, watched: bool = False) -> _Batches:
        """The program for this data, with its context set for it and the optimizer's state copied in.

        Setting up a watch costs more than pointing at new arrays, so arrays are watched from their second call on, or
        from the first if `watched`.
        """
        last = self._last_batches
        if last is not None and last.are_for(data, batch_size):
            batches = last
        else:
            self._last_batches = None
            rows = as_rows(data, self._names(len(data))) if data else Rows([], (), 1)
            with notice.compiling():
                if last is not None and last.rows.structures == rows.structures and last.program.outside.unmoved():
                    program = last.program
                else:
                    program = self._programs.get(rows.structures, lambda: self._recorded(rows))
                program.point_at(rows, min(batch_size or rows.count, rows.count))
            batches = _Batches(data, batch_size, program, rows)
            if rows.are_arrays:  # a list may hold different numbers next time
                again = last is not None and len(data) == len(last.data) and all(map(operator.is_, data, last.data))
                if watched or again:
                    batches = batches._replace(watch=Watch(rows.arrays))
                self._last_batches = batches
        if self._memory.states or batches.program.leaves:
            self._read_outside(batches.program)
        return batches

    def _read_outside(self, program: BatchProgram) -> None:
        """Copy in what may have changed outside: the optimizer's state, and Values that are not parameters."""
        self._memory.read_states(self.optimizer)
        if program.leaves:
            program.read_leaves()

    def _recorded(self, rows: Rows) -> BatchProgram:
        names = self._names(len(rows.structures))
        with noted("train_step", self.loss, names, rows):
            recorded = self._row_tape(names, rows)
        return BatchProgram(recorded, self._memory, **self.settings)

    def _row_tape(self, names: list[str], rows: Rows) -> RowTape:
        memory = self._memory
        try:
            return row_tape(
                lambda row: self.loss(*row),
                names,
                [(True, structure) for structure in rows.structures],
                parameters=memory.parameters,
                rule=lambda: (update_tape(self.optimizer), scale_tape(self.optimizer)),
                functions=(self.loss, self.optimizer.update, self.optimizer.scale),
                exact=self.exact,
            )
        except (ArithmeticError, ValueError, TypeError, LookupError) as error:
            row = [(0, rows.row(0))] if rows.arrays else [(0, [])]
            if isinstance(error, TypeError) and not isinstance(error, TraceError):
                if refused := first_refused(self.loss, row):  # the loss fails before the line where recording did
                    raise not_finite(1, refused, self.optimizer) from None
            elif isinstance(error, (ArithmeticError, LookupError)) or hasattr(error, "failed"):  # on constants
                raise not_finite(1, first_bad_row(self.loss, row, memory.parameters), self.optimizer) from None
            raise

    def numbers(self) -> list[float]:
        """The parameters' present numbers."""
        return self._memory.numbers()

    def trace(self, *data: Any) -> Tape:
        """The tape for such data, not yet compiled: to see what it holds, and how long it is."""
        rows = as_rows(data, self._names(len(data)))

        def tape() -> Tape:
            return self._programs.get(rows.structures, lambda: self._recorded(rows)).tape

        return tape() if self._store.lock._is_owned() else self._alone(tape)  # owned in a callback of a run

    def __repr__(self) -> str:
        name = getattr(self.loss, "__name__", type(self.loss).__name__)
        return f"train_step({name}, {type(self.optimizer).__name__}; {self.optimizer.steps} steps taken)"

    def __deepcopy__(self, memo: Any) -> TrainStep:
        loss, optimizer = copy.deepcopy(self.loss, memo), copy.deepcopy(self.optimizer, memo)
        return TrainStep(loss, optimizer, exact=self.exact, **self.settings)

    def __reduce__(self) -> Any:
        return _made_again, (self.loss, self.optimizer, self.exact, self.settings)

    def _last(self) -> BatchProgram:
        program = self._programs.latest
        if program is None:
            raise RuntimeError("nothing has been compiled yet: take a step first")
        return program

    @property
    def update_tape(self) -> Tape:
        """The optimizer's rule for one parameter."""
        return update_tape(self.optimizer)


def _made_again(loss: Any, optimizer: Optimizer, exact: bool, settings: Any = None) -> TrainStep:
    return TrainStep(loss, optimizer, exact=exact, **(settings or {}))
