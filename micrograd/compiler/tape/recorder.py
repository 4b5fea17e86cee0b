"""Run a function once on symbols and get the tape of what it did; `backward` is recorded on the same tape.

    >>> from micrograd.compiler.tape.recorder import Recorder
    >>> recorder = Recorder()
    >>> x, y = recorder.argument("x"), recorder.argument("y")
    >>> with recorder.recording():
    ...     z = x / (x + y)
    ...     dx, dy = recorder.gradients(z, [x, y])
    >>> recorder.tape.outputs.update(value=operand_of(z.data), dx=operand_of(dx))
    >>> print(recorder.tape)
    %0 = input x
    %1 = input y
    %2 = add %0 %1
    %3 = div %0 %2
    %4 = div 1.0 %2
    %5 = neg %3
    %6 = div %5 %2
    %7 = add %4 %6
    value %3
    dx %7

The function computes with Values whose data are symbols; the rule of each operation, run on symbols, writes the
instructions. A Value from outside, such as a parameter, becomes an input when it is first used. It is not changed: a
stand-in takes its place in the recorder's graph.
"""

from __future__ import annotations

import contextlib
import itertools
import numbers
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from micrograd import modes
from micrograd.anomaly import is_of_this_package
from micrograd.compiler import notice
from micrograd.compiler.tape.symbols import TAPE, Symbol, operand_of, trace_error
from micrograd.compiler.tape.tape import Tape
from micrograd.engine import Value, sweep, topological_order
from micrograd.errors import TraceError
from micrograd.formulas import in_words
from micrograd.node import NOTHING, UNREACHED, set_up
from micrograd.number import number_at
from micrograd.table import CONSTANT, DETACHED, RECORDED, Op
from micrograd.transforms import borrowed_gradients

AT_HAND = frozenset(("add", "sub", "mul", "neg"))  # rows whose local derivatives write nothing
_new_node: Any = object.__new__
_data = operator.attrgetter("data")


def number_inside(value: Value) -> Any:
    """A Value's number as stored in its slot; None if it is stored elsewhere, as for a trained parameter."""
    return None if value._memory is not None else Value.data.__get__(value)


def _described(number: Any) -> str:
    return number.described() if isinstance(number, Symbol) else repr(number)


class SymbolicValue(Value):
    """A Value that jit records. Where it cannot do what a number can, it raises an error that explains why."""

    __slots__ = ("place",)  # among its recorder's nodes
    place: int

    def __hash__(self) -> int:
        if modes.state.recorder and not is_of_this_package(sys._getframe(1)) and isinstance(self.data, Symbol):
            raise self.data._not_found()
        return id(self)

    def __eq__(self, other: Any) -> Any:
        if self is other or not isinstance(other, (numbers.Real, SymbolicValue)):
            return self is other
        number = self.data if isinstance(self.data, Symbol) or not isinstance(other, Value) else other.data
        return number == (other if number is self.data else self.data)  # a symbol raises an error that explains

    def __ne__(self, other: Any) -> Any:
        return not self == other

    def __bool__(self) -> bool:
        return bool(self.data) if isinstance(self.data, Symbol) else True

    def __index__(self) -> int:
        symbol: Any = self.data
        return operator.index(symbol)

    def __int__(self) -> int:
        return int(self.data)

    def _as_index(self, count: int) -> Value:
        return modes.state.recorder.index(self, count)

    def __deepcopy__(self, memo: Any) -> SymbolicValue:
        return self  # a model that kept one can still be copied; computing with it later is an error

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _lost, (_described(Value.data.__get__(self)),)

    def _whole(self, *_: Any) -> Any:
        raise trace_error("//, % and divmod() of a number that jit records have no derivative", "compute them outside")

    if not TYPE_CHECKING:
        __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __divmod__ = __rdivmod__ = _whole


def _lost(name: str) -> SymbolicValue:
    """What a pickled number of a recording becomes: a number of a recording that has ended."""
    recorder = Recorder()
    with recorder.recording():
        return recorder.argument(name)


class Recorder:
    """One recording. Inside `with recorder.recording():` this thread's Values write their operations on `tape`.

    `inputs` are the Values that stand for the tape's inputs, in order; those for `leaves`, the Values from outside that
    were used, come last. `indices` has the inputs used as an index, each with the number of values it chooses from.
    `parameters` has the places of an optimizer's by their ids: one without a label is named so, as `parameters[3]`.
    """

    def __init__(self, kind: type[Tape] = Tape, parameters: Mapping[int, int] | None = None) -> None:
        self.tape: Tape = kind([])
        self.inputs: list[Value] = []
        self.leaves: list[Value] = []
        self.indices: list[tuple[int, int]] = []
        self._whole: dict[Value, int] = {}
        self._stand_ins: dict[int, Value] = {}  # by the id of a Value from outside, which `leaves` keeps alive
        self._nodes: list[Value] = []  # the nodes that this recorder made, in order of creation
        self._by_hand: dict[int, int] = {}  # the places of those that the function made by hand, by their ids
        self._alike: dict[str, int] = {}  # for each name asked for, how many inputs have it, with a number behind
        self._parameters = parameters or {}
        self._depth = 0  # how many `with recording()` blocks are open

    @contextlib.contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Record what is computed inside the block; outside such a block nothing can be written on the tape."""
        before = self._depth
        try:
            self._depth, self.tape.closed = before + 1, False
            with modes.recorded_by(self):
                yield self
        finally:
            self._depth, self.tape.closed = before, not before

    def argument(self, name: str, *, whole: bool = False) -> SymbolicValue:
        """A Value for an argument of the function: the tape's next input. A `whole` number may be an index."""
        name, taken = "_".join(name.split()) or "input", self._alike
        if name in taken:  # such as two leaves with the same label
            numbered = ((n, f"{name}#{n}") for n in itertools.count(taken[name] + 1))
            taken[name], name = next((n, other) for n, other in numbered if other not in taken)
        taken[name] = 1
        node = self._new(Symbol(self.tape, self.tape.add_input(name)), RECORDED)
        self.inputs.append(node)
        if whole:
            self._whole[node] = len(self.inputs) - 1
        return node

    def index(self, node: Value, count: int) -> Value:
        """Note that a number chooses one of `count` values: the callers of the compiled code check its range."""
        if node not in self._whole:
            raise TypeError(
                f"{_described(node.data)} chooses one of {count} values, such as the score of a class, so it must be "
                "given as an integer: y.astype(int) for an array, [int(label) for label in y] for a list"
            )
        self.indices.append((self._whole[node], count))
        return node

    def owns(self, x: Any) -> bool:
        """Whether x is a number of this tape."""
        return isinstance(x, Symbol) and x.tape is self.tape

    def number(self, value: Value) -> Any:
        """A Value's data in this recording: a symbol or a constant."""
        return self.node(value).data

    def node(self, value: Value) -> Value:
        """The Value itself if this recorder made it or it is a constant, else its stand-in."""
        if value._operation is CONSTANT or self._place(value) is not None:
            return value
        stand_in = self._stand_ins.get(id(value))
        if stand_in is None:
            inside = number_inside(value)
            if value._operation is RECORDED or isinstance(inside, Symbol):
                raise trace_error(
                    "a Value that jit made while it recorded another function is used here",
                    "return it from that function, instead of keeping it in a list or an attribute",
                )
            if inside is not None and inside.__class__ is not float:
                number_at(value)  # raises TypeError for what is not a number
            stand_in = self._stand_ins[id(value)] = self.argument(value.label or self._name_of(value))
            self.leaves.append(value)
        return stand_in

    def _name_of(self, leaf: Value) -> str:
        """A name for a Value from outside that has no label."""
        place = self._parameters.get(id(leaf))
        return f"leaf{len(self.leaves)}" if place is None else f"parameters[{place}]"

    def made(self, value: Value) -> None:
        """Note a Value that the function made by hand: `Value(2.0)` is a constant of the tape."""
        if value._prev:
            raise self.error(
                f"Value(..., {value._op!r}) has children but no rule, so it cannot be recorded",
                "add the operation to the table with @micrograd.op",
            )
        self._by_hand[id(value)] = len(self._nodes)
        self._nodes.append(value)

    def _place(self, node: Value) -> int | None:
        """Where a node stands among those that this recorder made; None if it did not make it."""
        if node.__class__ is not SymbolicValue or node._operation is CONSTANT:
            return self._by_hand.get(id(node))
        place = node.place
        return place if place < len(self._nodes) and self._nodes[place] is node else None

    def record(self, entry: Op, operands: Iterable[Value]) -> Value:
        """Make the node for one operation: its rule writes the instructions. `engine.record` ends here."""
        made = self._nodes
        nodes: list[Value] = []
        count = len(made)
        if not count % 1024:
            notice.look(recorded=len(self.tape.code))
        for x in operands:  # without a call for each of the recorder's own
            if x.__class__ is SymbolicValue and x._operation is not CONSTANT:
                place = x.place
                if place < count and made[place] is x:
                    nodes.append(x)
                    continue
            nodes.append(self.node(x))
        try:
            data, derivatives = entry.rule(TAPE, *map(_data, nodes))
        except (ArithmeticError, ValueError) as error:
            raise in_words(error, entry, nodes) from None
        if isinstance(data, Symbol) and data.is_condition:
            data = TAPE.where(data, 1.0, 0.0)  # the rule of a user's operation may return a comparison
        node = _new_node(SymbolicValue)  # as `_new` and `set_up` do, without their calls
        node.data, node.grad, node.label = data, UNREACHED, ""
        node._prev, node._operation, node._local = (), entry, ()
        node.place = len(made)
        made.append(node)
        if modes.state.no_grad:
            node._operation = DETACHED
        else:
            node._prev, node._local = tuple(nodes), self._local(entry, derivatives)
        return node

    def _local(self, entry: Op, derivatives: Callable[[], tuple[Any, ...]]) -> Any:
        """The local derivatives if they are operands or constants, as those of + and * are; else what writes them.

        Nearly all of a large net's are, and the function that gives them would take most of a node's memory. A user's
        are taken when they are needed: what they do, and how often, is the user's affair.
        """
        later = _Deriving(self.tape, derivatives)
        if entry.name in AT_HAND and entry.built_in:
            try:
                found = later()
            except Exception:  # of a rule that was edited: an error only if they are needed
                return later
            if found.__class__ is tuple:
                return found
        return later

    def _new(self, data: Any, entry: Op) -> SymbolicValue:
        node: SymbolicValue = set_up(object.__new__(SymbolicValue), data, (), entry, ())
        node.place = len(self._nodes)
        self._nodes.append(node)
        return node

    def weighted(self, results: Sequence[Value], weights: Sequence[Any]) -> Value:
        """A node whose derivative by each result is its weight, so that `gradients` gives their weighted sum."""
        node = self._new(0.0, RECORDED)
        node._prev, node._local = tuple(results), tuple(weights)
        return node

    def gradients(self, out: Value, inputs: Sequence[Value], *, eagerly: bool = False) -> list[Any]:
        """The derivatives of `out` with respect to each of `inputs`, by the engine's own backward.

        Nodes are visited in reverse order of creation, so that the code is as regular as that of forward; with
        `eagerly`, in the engine's order, so that sums are rounded as in eager code.
        """
        order = topological_order(out) if eagerly else self._as_created(out)
        reached = self._marked(inputs)  # nodes that do not depend on the inputs need no derivative, and may have none
        place, on_the_way = self._place, []
        for node in order:
            at = place(node)
            if at is not None:
                reached[at] = reached[at] or any(reached[x] for x in map(place, node._prev) if x is not None)
                if reached[at]:
                    on_the_way.append(node)
        if not on_the_way or on_the_way[-1] is not out:
            return [0.0] * len(inputs)
        with self.recording(), borrowed_gradients([*on_the_way, *inputs]):
            sweep(out, on_the_way, zero=0.0 if eagerly else NOTHING)
            return [x.grad for x in inputs]

    def _marked(self, nodes: Iterable[Value]) -> bytearray:
        """One byte for each node that this recorder made: 1 for those given."""
        marks = bytearray(len(self._nodes))
        for place in map(self._place, nodes):
            if place is not None:
                marks[place] = 1
        return marks

    def _as_created(self, out: Value) -> list[Value]:
        """All nodes that `out` was computed from, in order of creation, and `out`."""
        place, order = self._place, []
        marks = self._marked([out])
        for at in reversed(range(len(marks))):
            if marks[at]:
                node = self._nodes[at]
                order.append(node)
                for x in map(place, node._prev):
                    if x is not None:
                        marks[x] = 1
        order.reverse()
        return order

    @staticmethod
    def error(what: str, advice: str) -> TraceError:
        return trace_error(what, advice)


class _Deriving:
    """Local derivatives. The tape notes their positions: a failure there is an error only if it is needed.

    Not a method of the recorder: nodes that know it would be freed only by Python's collector.
    """

    __slots__ = ("derivatives", "tape")

    def __init__(self, tape: Tape, derivatives: Callable[[], tuple[Any, ...]]):
        self.tape, self.derivatives = tape, derivatives

    def __call__(self) -> tuple[Any, ...]:
        start = len(self.tape)
        try:
            return self.derivatives()
        finally:
            if len(self.tape) > start:
                self.tape.derived.append((start, len(self.tape)))


class Trace(Recorder):
    """A Recorder under its former name: `with trace:` records."""

    def __enter__(self) -> Trace:
        self._entered = self.recording()
        self._entered.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._entered.__exit__(*error)


__all__ = ["Recorder", "SymbolicValue", "Trace", "TraceError", "operand_of"]
