"""Run a function once on symbols and get the tape of what it did, with `backward` gone through on the same tape.

    >>> from micrograd.compiler.trace import Trace
    >>> trace = Trace()
    >>> x, y = trace.argument("x"), trace.argument("y")
    >>> with trace:
    ...     z = x / (x + y)
    ...     dx, dy = trace.gradients(z, [x, y])
    >>> trace.tape.outputs.update(value=operand_of(z.data), dx=operand_of(dx))
    >>> print(trace.tape)
    %0 = input x
    %1 = input y
    %2 = add %0 %1
    %3 = div %0 %2
    %4 = div 1.0 %2
    %5 = neg %3
    %6 = div %5 %2
    %7 = mul %4 1.0
    %8 = mul %6 1.0
    %9 = mul 1.0 %8
    %10 = add %7 %9
    %11 = mul 1.0 %8
    value %3
    dx %10

The function computes with Values whose data are symbols; each node is recorded by the rule of its operation, with
symbols for numbers. Values from outside, such as parameters, become inputs, each when it is first met, and are not
touched themselves: stand-ins take their place in the trace's graph.
"""

from __future__ import annotations

import contextlib
import itertools
import numbers
import random
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

from micrograd import modes
from micrograd.compiler.symbols import TAPE, Symbol, TraceError, operand_of, trace_error
from micrograd.compiler.tape import Tape
from micrograd.engine import NOTHING, UNREACHED, Value, sweep, topological_order
from micrograd.table import CONSTANT, DETACHED, LEAF, Op, explain
from micrograd.transforms import borrowed_gradients


def _described(number: Any) -> str:
    return number.described() if isinstance(number, Symbol) else repr(number)


class Traced(Value):
    """A value in a trace. It stands for a number, so what a number could do and it cannot is an error that explains."""

    __slots__ = ()
    __hash__ = Value.__hash__

    def __eq__(self, other: Any) -> Any:
        if self is other or not isinstance(other, (numbers.Real, Traced)):
            return self is other
        raise trace_error(
            f"== and != compare {_described(self.data)}, which has no value while jit runs your function once to "
            "record it",
            "write where((x > 1.5) & (x < 2.5), a, b), take(values, index), or name the argument in jit(f, static=...)",
        )

    def __ne__(self, other: Any) -> Any:
        return not self == other

    def __bool__(self) -> bool:
        return bool(self.data) if isinstance(self.data, Symbol) else True

    def __index__(self) -> int:
        return self.data.__index__()  # type: ignore[attr-defined]

    def __int__(self) -> int:
        return int(self.data)

    def _as_index(self, count: int) -> Value:
        return modes.state.trace.index(self, count)

    def _require(self, allowed: Any, message: str) -> None:
        modes.state.trace.require(self, allowed, message)

    def _whole(self, *_: Any) -> Any:
        raise trace_error("//, % and divmod() of a number that jit records have no derivative", "compute it outside")

    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __divmod__ = __rdivmod__ = _whole


@contextlib.contextmanager
def without_random_numbers() -> Iterator[None]:
    """Refuse random numbers drawn inside: compiled code would have the same ones at each call.

    In the main thread only: in a program of several threads, it is more likely that another one drew them meanwhile.
    """
    numpy = sys.modules.get("numpy")

    def state() -> Any:
        drawn = numpy.random.get_state()[1:3] if numpy else ((), 0)
        return random.getstate(), tuple(drawn[0][:3]), drawn[1]

    watches = threading.current_thread() is threading.main_thread()
    before = state()
    yield
    if watches and state() != before:
        raise TraceError(
            "the function drew random numbers while jit recorded it, and they would be the same at each call; draw "
            "them outside, and give them as arguments"
        )


class Trace:
    """One recording: a context manager inside which this thread's Values write their operations on `tape`.

    `inputs` stand for the tape's inputs, in order; `leaves` are the Values from outside that were met, whose stand-ins
    are the last of them. `indices` holds the inputs that index, each with the count of what it chooses from and what to
    say when it is out of range.
    """

    def __init__(self) -> None:
        self.tape = Tape([])
        self.inputs: list[Value] = []
        self.leaves: list[Value] = []
        self.indices: list[tuple[int, int, str]] = []
        self.required: list[tuple[int, Any, str]] = []  # inputs, what they must be, and what to say if they are not
        self._whole: dict[Value, int] = {}
        self._arguments: dict[Value, int] = {}
        self._stand_ins: dict[int, Value] = {}  # by the id of a Value from outside, which `leaves` keeps alive
        self._created: dict[Value, int] = {}  # this trace's own, in order of creation
        self._entered: list[Any] = []

    def __enter__(self) -> Trace:
        self.tape.closed = False
        self._entered.append(modes.tracing(self))
        self._entered[-1].__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.pop().__exit__(kind, error, trace)
        self.tape.closed = not self._entered

    def argument(self, name: str, *, whole: bool = False) -> Traced:
        """A value that the caller of the compiled function gives: the tape's next input. A `whole` one may index."""
        taken = self.tape.inputs
        name = "_".join(name.split()) or "input"
        if name in taken:  # two leaves with one label, say
            name = next(other for n in itertools.count(2) if (other := f"{name}#{n}") not in taken)
        node = self._new(Symbol(self.tape, self.tape.add_input(name)), LEAF)
        self.inputs.append(node)
        self._arguments[node] = len(self.inputs) - 1
        if whole:
            self._whole[node] = len(self.inputs) - 1
        return node

    def index(self, node: Value, count: int) -> Value:
        """Note that a number chooses one of `count` values: those who call the compiled code check it."""
        if node not in self._whole:
            raise TypeError(
                f"{_described(node.data)} chooses one of {count} values, such as the score of a class, so it must be "
                "an integer, as it was given: y.astype(int) for an array, [int(label) for label in y] for a list"
            )
        place = self._whole[node]
        said = f"take: index {{}} ({self.tape.inputs[place]}) is out of range for {count} values: use 0 to {count - 1}"
        self.indices.append((place, count, said))
        return node

    def owns(self, x: Any) -> bool:
        """Whether x is a number of this tape."""
        return isinstance(x, Symbol) and x.tape is self.tape

    def number(self, value: Value) -> Any:
        """The symbol, or the constant, that a Value's data is here."""
        return self.node(value).data

    def node(self, value: Value) -> Value:
        """The Value itself if this trace made it, its stand-in if it comes from outside."""
        if value in self._created or value._operation is CONSTANT:
            return value
        stand_in = self._stand_ins.get(id(value))
        if stand_in is None:
            if isinstance(value.data, Symbol):
                raise trace_error(
                    "a Value that jit made while it recorded another function is used here",
                    "return it from that function, instead of keeping it in a list or an attribute",
                )
            stand_in = self._stand_ins[id(value)] = self.argument(value.label or f"leaf{len(self.leaves)}")
            self.leaves.append(value)
        return stand_in

    def require(self, node: Value, allowed: Any, message: str) -> None:
        """Note what an argument must be, for those who call the compiled code to check."""
        if node in self._arguments:
            self.required.append((self._arguments[node], allowed, message))

    def made(self, value: Value) -> None:
        """Take in a Value that the function made by hand: `Value(2.0)` is a constant of the tape."""
        if value._prev:
            raise self.error(
                f"Value(..., {value._op!r}) has children but no rule, so it cannot be recorded",
                "enter the operation into the table with @micrograd.op",
            )
        self._created[value] = len(self._created)

    def record(self, entry: Op, operands: Iterable[Value]) -> Value:
        """Make the node for one operation: its rule writes the instructions. `engine.record` ends here in a trace."""
        nodes = tuple([self.node(x) for x in operands])
        try:
            data, derivatives = entry.rule(TAPE, *[x.data for x in nodes])
        except (ArithmeticError, ValueError) as error:
            raise explain(error, entry, nodes) from None
        if isinstance(data, Symbol) and data.is_condition:
            data = TAPE.where(data, 1.0, 0.0)  # an operation of one's own may give a comparison
        node = self._new(data, entry)
        if modes.state.no_grad:
            node._operation = DETACHED
        else:
            node._prev, node._local = nodes, derivatives
        return node

    def _new(self, data: Any, entry: Op) -> Traced:
        node = object.__new__(Traced)
        node.data, node.grad, node.label, node._prev, node._operation, node._local = data, UNREACHED, "", (), entry, ()
        self._created[node] = len(self._created)
        return node

    def gradients(self, out: Value, inputs: Sequence[Value]) -> list[Any]:
        """The derivatives of `out` with respect to each of `inputs`, by the engine's own backward.

        It goes in the reverse order of creation, so that its code is as regular as that of forward.
        """
        order = sorted(topological_order(out), key=lambda node: self._created.get(node, -1))
        reached = {*inputs}  # what does not depend on them may have no derivative, and need not
        for node in order:
            if any(x in reached for x in node._prev):
                reached.add(node)
        if out not in reached:
            return [0.0] * len(inputs)
        order = [node for node in order if node in reached]
        with self, borrowed_gradients([*order, *inputs]):
            sweep(out, order, zero=NOTHING)
            return [x.grad for x in inputs]

    @staticmethod
    def error(what: str, advice: str) -> TraceError:
        return trace_error(what, advice)


__all__ = ["Trace", "TraceError", "Traced", "operand_of"]
