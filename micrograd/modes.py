"""Change how values are recorded for a while: `no_grad()`, `detect_anomaly()`, `collector_paused()`.

All are context managers that work as decorators too, and nest. The first two count for the current thread only; the
engine pays for them with one look at `active`, which is 0 unless some thread is inside one.
"""

from __future__ import annotations

import contextlib
import gc
import linecache
import math
import os
import sys
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from micrograd.coerce import as_float, float_of
from micrograd.locks import new_in_child
from micrograd.table import CONSTANT, DETACHED, FLOAT

_PACKAGE = os.path.dirname(__file__) + os.sep
active = 0  # how many modes are entered, in all threads together
_entered: dict[int, int] = {}  # by each thread
# Held while gradients are added up, for `grad += ...` of two threads at once would lose one of the two. It may be taken
# again by its holder: a `_backward` written by hand may call `backward()` itself.
one_sweep = threading.RLock()


_counting = threading.RLock()
new_in_child(sys.modules[__name__], "one_sweep")
new_in_child(sys.modules[__name__], "_counting")


class _State(threading.local):
    no_grad = 0
    anomaly = 0
    traces = 0
    trace: Any = None  # the compiler's, which makes the nodes while it runs a function on symbols
    quiet = 0  # an operation that fails gives nan instead of raising


state = _State()


class _Mode(contextlib.ContextDecorator):
    counter = ""

    def __enter__(self) -> None:
        _enter(self.counter, +1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _enter(self.counter, -1)


def _enter(counter: str, by: int) -> None:
    _set(counter, getattr(state, counter) + by)


def _set(counter: str, count: int) -> None:
    """Set a counter of this thread. An interrupt in between leaves nothing that the next call does not set right."""
    global active
    setattr(state, counter, count)
    with _counting:  # between the sum and `active`, another thread could enter a mode, and be forgotten
        _entered[threading.get_ident()] = state.no_grad + state.anomaly + state.traces
        active = sum(_entered.values())


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

    Data that was assigned between forward and backward is found too, and is a RuntimeError: local derivatives are those
    of forward, so what is assigned later changes no gradient.
    """

    counter = "anomaly"


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Train faster by stopping Python's cyclic garbage collector inside (in all threads); large graphs gain most.

    Graphs hold no reference cycles, so dropping a loss frees its graph at once without the collector, which would
    only walk every living node again and again. One thing makes cycles: `backward(create_graph=True)` hangs graphs of
    gradients on the very nodes they are made of, until those `grad`s are set to something else.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Build graphs even inside `no_grad()`: what `grad(f)` needs to do its work anywhere."""
    before = state.no_grad
    try:
        state.no_grad = 0
        yield
    finally:
        state.no_grad = before


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Neither `no_grad()` nor `detect_anomaly()` inside."""
    before = state.no_grad, state.anomaly
    try:
        state.no_grad = state.anomaly = 0
        yield
    finally:
        state.no_grad, state.anomaly = before


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What fails gives nan inside: how those derivatives of a rule are read that do exist."""
    state.quiet += 1
    try:
        with plainly():
            yield
    finally:
        state.quiet -= 1


@contextlib.contextmanager
def tracing(trace: Any) -> Iterator[None]:
    """Let `trace` make every node: how the compiler runs a function, or backward, on symbols."""
    before = state.trace, state.anomaly, state.traces
    try:
        state.anomaly = 0  # symbols are neither nan nor inf
        state.trace = trace
        _set("traces", before[2] + 1)
        with recording():
            yield
    finally:
        state.trace, state.anomaly = before[:2]
        _set("traces", before[2])


def made(node: Any) -> None:
    """Let the modes that are on see a node that was recorded."""
    if state.anomaly:
        check_forward(node)
    if state.no_grad:
        node._prev, node._operation, node._local = (), DETACHED, ()


def made_by_hand(node: Any) -> None:
    """Let the modes that are on see a node that a user made, as `Value(2.0)` does."""
    if state.trace:
        state.trace.made(node)
    if state.no_grad:
        node._prev = ()
    if state.anomaly:
        check_forward(node)


def passed_on(node: Any) -> None:
    """Let the modes that are on see a node whose gradient has gone to its operands."""
    if state.anomaly:
        check_sums(node)


def check_forward(node: Any) -> None:
    """Note the user's line on a new node, and refuse the node when its data is nan or inf."""
    node._made_at = line_of_the_user(sys._getframe(1))
    if not math.isfinite(node.data):
        error = FloatingPointError(f"{_told(node)} gave {node.data!r}, at {node._made_at}")
        error.failed = (node._operation, node._prev)  # type: ignore[attr-defined]
        raise error


def check_backward(node: Any, derivatives: tuple[Any, ...]) -> None:
    """Refuse data assigned since forward, and a contribution, local derivative times upstream, that is nan or inf."""
    _check_unchanged(node)
    for position, (parent, local) in enumerate(zip(node._prev, derivatives)):
        if parent._operation is CONSTANT:
            continue  # nobody reads a constant's gradient
        if not math.isfinite(float_of(local) * float_of(node.grad)):
            raise FloatingPointError(
                f"backward through {_told(node)}: to operand {position + 1}, {_name(parent, position)}, it sends "
                f"{float_of(local)!r} (local derivative) x {float_of(node.grad)!r} (upstream gradient); "
                f"made at {_made_at(node)}"
            )


def _check_unchanged(node: Any) -> None:
    """Refuse a node whose number is not what its operands' numbers give: one of them was assigned since."""
    if not node._operation.in_table:
        return  # compiled code rounds otherwise, and what was written by hand has no rule
    try:
        now = node._operation.rule(FLOAT, *[as_float(p.data, "data") for p in node._prev])[0]
    except (ArithmeticError, ValueError, TypeError) as error:
        now = error
    if now != node.data and (now == now or node.data == node.data):
        raise RuntimeError(
            f"backward through {_told(node)}: it was {node.data!r}, and from its operands as they are now it would be "
            f"{now!r}, so some data was assigned after it was used. Derivatives are those of forward: assign before "
            f"computing, or compute again; made at {_made_at(node)}"
        )


def check_sums(node: Any) -> None:
    """Refuse an operand's gradient that became nan or inf by adding finite contributions up."""
    for position, parent in enumerate(node._prev):
        if parent._operation is not CONSTANT and not math.isfinite(float_of(parent.grad)):
            raise FloatingPointError(
                f"backward through {_told(node)}: the gradient of {_name(parent, position)} became "
                f"{float_of(parent.grad)!r} as contributions were added up; made at {_made_at(node)}"
            )


def _made_at(node: Any) -> str:
    return getattr(node, "_made_at", "a line outside detect_anomaly()")


def _name(operand: Any, position: int) -> str:
    return str(operand.label) or f"operand {position + 1}"


def _told(node: Any) -> str:
    if not node._prev:
        return f"{node.label or 'Value()'}"
    label = f"{node.label} = " if node.label else ""
    names = [str(p.label) or repr(float(p.data)) for p in node._prev]
    values = [f"{p.label} = {float(p.data)!r}" for p in node._prev if p.label]
    return label + node._operation.formula(names) + (f", where {', '.join(dict.fromkeys(values))}," if values else "")


def line_of_the_caller() -> str:
    """`line_of_the_user` for the line that is running."""
    return line_of_the_user(sys._getframe(1))


def is_of_this_package(frame: FrameType) -> bool:
    """Whether code of this package runs in the frame, and not a user's."""
    return frame.f_code.co_filename.startswith(_PACKAGE)


def line_of_the_user(frame: FrameType | None) -> str:
    """`file.py:12 in loss: y = x / z`, for the innermost frame outside this package."""
    while frame is not None and is_of_this_package(frame):
        frame = frame.f_back
    if frame is None:
        return "an unknown line"
    file, line = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(file, line, frame.f_globals).strip()
    return f"{file}:{line} in {frame.f_code.co_name}" + (f": {code}" if code else "")
