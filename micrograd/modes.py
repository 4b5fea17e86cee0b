"""Change how values are recorded for a while: `no_grad()`, `detect_anomaly()`, `collector_paused()`.

All are context managers that work as decorators too, and nest. The first two apply to the current thread only; they
cost the engine one look at `active`, which is 0 unless some thread is inside one.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from micrograd.anomaly import check_forward, check_sums
from micrograd.c_core import native
from micrograd.locks import new_in_child
from micrograd.table import DETACHED

active: int = 0  # how many modes are entered, in all threads together
_entered: dict[int, int] = {}  # by each thread
# Held while gradients are added up, because `grad += ...` in two threads at once would lose one of the two. Its holder
# may take it again: a `_backward` written by hand may call `backward()` itself.
one_sweep: Any = threading.RLock()


_counting = threading.RLock()
new_in_child(sys.modules[__name__], "one_sweep")
new_in_child(sys.modules[__name__], "_counting")


class _State(threading.local):
    no_grad = 0
    anomaly = 0
    recorders = 0
    recorder: Any = None  # the compiler's, which makes the nodes while it runs a function on symbols
    quiet = 0  # an operation that fails gives nan instead of raising


state: _State = _State()
# put(name, x) sets one of this thread's modes, for the native core too. It is C, where no Ctrl-C comes between.
put: Any = functools.partial(native.put if native else setattr, state)


class _Mode(contextlib.ContextDecorator):
    """Ctrl-C may come between any two calls of Python's: a mode is then not entered, or it is left all the same."""

    counter = ""

    def __enter__(self) -> None:
        before = state.no_grad if self.counter == "no_grad" else state.anomaly  # no call, so that nothing comes between
        try:
            _set(self.counter, before + 1)
        except BaseException:
            _set(self.counter, before)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        after = (state.no_grad if self.counter == "no_grad" else state.anomaly) - 1
        try:
            _set(self.counter, after)
        except BaseException:
            _set(self.counter, after)
            raise


def _set(counter: str, count: int) -> None:
    """Set a counter of this thread. What an interrupt leaves half done, the next call sets right."""
    global active
    put(counter, count)
    with _counting:  # so that a thread that enters a mode between the sum and `active` is not forgotten
        _entered[threading.get_ident()] = state.no_grad + state.anomaly + state.recorders
        active = sum(_entered.values())
        if native:
            native.set_active(active)


class no_grad(_Mode):
    """Compute without building a graph: every result stands alone, and nothing is kept for backward.

    >>> from micrograd import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * 2
    >>> y._prev
    ()
    """

    counter = "no_grad"


class detect_anomaly(_Mode):
    """Stop with a FloatingPointError at the first operation, forward or backward, that makes a nan or an inf.

    The message names the operation, its operands with their labels, and the line of your code that ran it. Each
    operation then also looks up that line, so values made inside are a few times slower to make.

    Data assigned between forward and backward is found too, and raises a RuntimeError: local derivatives are those of
    forward, so data assigned later changes no gradient.
    """

    counter = "anomaly"


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Train faster by stopping Python's cyclic garbage collector inside (in all threads); large graphs gain most.

    Graphs hold no reference cycles, so dropping a loss frees its graph at once without the collector, which would
    only walk every living node again and again. One thing makes cycles: `backward(create_graph=True)` hangs graphs of
    gradients on the very nodes they are made of, until those `grad`s are set to something else.

    From about 260,000 nodes in a step of training on, steps are about five times as fast inside.
    """
    was_on = gc.isenabled()  # where it is off already, nobody may turn it off again: another thread may turn it on
    try:
        if was_on:
            gc.disable()
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def _changed(**to: Any) -> Iterator[None]:
    """Set some of this thread's modes inside. What was comes back even if Ctrl-C comes in the midst of that."""
    before = {name: getattr(state, name) for name in to}
    try:
        _put_all(to)
        yield
    finally:
        try:
            _put_all(before)
        except BaseException:
            _put_all(before)
            raise


def _put_all(values: dict[str, Any]) -> None:
    for name, x in values.items():
        put(name, x)
    if "recorders" in values:
        _set("recorders", values["recorders"])


def with_graphs() -> contextlib.AbstractContextManager[None]:
    """Build graphs even inside `no_grad()`: what `grad(f)` needs to do its work anywhere."""
    return _changed(no_grad=0)


def plainly() -> contextlib.AbstractContextManager[None]:
    """Neither `no_grad()` nor `detect_anomaly()` inside."""
    return _changed(no_grad=0, anomaly=0)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """An operation that fails inside gives nan, so that a rule gives those of its derivatives that do exist."""
    state.quiet += 1
    try:
        with plainly():
            yield
    finally:
        state.quiet -= 1


def recorded_by(recorder: Any) -> contextlib.AbstractContextManager[None]:
    """Let `recorder` make every node: how the compiler runs a function, or backward, on symbols."""
    # symbols are neither nan nor inf
    return _changed(anomaly=0, no_grad=0, recorder=recorder, recorders=state.recorders + 1)


def made(node: Any) -> None:
    """Let the modes that are on see a node that was recorded."""
    if state.anomaly:
        check_forward(node)
    if state.no_grad:
        node._prev, node._operation, node._local = (), DETACHED, ()


def made_by_hand(node: Any) -> None:
    """Let the modes that are on see a node that a user made, as `Value(2.0)` does."""
    if state.recorder:
        state.recorder.made(node)
    if state.no_grad:
        node._prev = ()
    if state.anomaly:
        check_forward(node)


def passed_on(node: Any) -> None:
    """Let the modes that are on see a node whose gradient has gone to its operands."""
    if state.anomaly:
        check_sums(node)
