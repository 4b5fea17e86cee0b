"""Compile a function for one structure of arguments: the trace, the tape with its gradients, and the native code.

A `Program` is what `jit(f)` keeps for each structure that it has met. Called with the numbers in the arguments it gives
what `f` gives: numbers, or Values that are each one node of the eager graph. The node's operation is the tape itself:
read with Values for numbers it gives second derivatives, read with text the formulas that drawings show.
"""

from __future__ import annotations

import ctypes
import functools
import operator
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from micrograd.compiler.arguments import Structure, rebuild
from micrograd.compiler.machine import this_machine
from micrograd.compiler.native import CALL, Native, call_module, native_of
from micrograd.compiler.simplify import simplify
from micrograd.compiler.symbols import TAPE, Symbol, operand_of
from micrograd.compiler.tape import Tape
from micrograd.compiler.trace import Trace, without_random_numbers
from micrograd.engine import UNREACHED, Value, constant
from micrograd.table import DETACHED, Op
from micrograd.text import TEXT, Text
from micrograd.transforms import gradients, map_numbers

READABLE = 30  # instructions whose derivatives are still shown as formulas


class NotFiniteError(ArithmeticError):
    """A compiled result or derivative is nan or inf: the function itself, run again, says why."""


class Program:
    """`values` is the tape of the results alone, `tape` the one with their derivatives by every Value."""

    def __init__(self, f: Callable[..., Any], name: str, names: Sequence[str], structures: Sequence[Structure]):
        self.name = name
        trace = Trace()
        self._call = f
        self._named, self._structures = list(names), list(structures)
        kinds: list[str] = []

        def argument(name: str, kind: str) -> Any:
            kinds.append(kind)
            return trace.argument(name, whole=kind == "whole")

        with trace, without_random_numbers():
            args = [rebuild(structure, name, argument) for name, structure in zip(names, structures, strict=True)]
            given = len(kinds)
            out = f(args)
            self._results: list[Any] = []
            self._plain: list[Any] = []  # float or bool for results that are no Values, and None for others
            arrangement = map_numbers(lambda x: self._result(x, trace), out)
            self._leaves = list(trace.leaves)
            self._by = [i for i, kind in enumerate(kinds) if kind == "value"]
            self._by += range(given, given + len(self._leaves))
            self.values = self._tape(trace, with_derivatives=False)
        self._trace: Trace | None = trace
        self.indices = trace.indices
        self._is_single = isinstance(arrangement, _Place) and self._plain[0] is None
        self._arranged = _arranger(arrangement)
        self._all_values = set(kinds) <= {"value"}
        self._entries = [
            Op(name, name if name.isidentifier() else "jit", functools.partial(self._rule, k))
            for k in range(len(self._plain))
        ]

    def _result(self, x: Any, trace: Trace) -> Any:
        """Note a number that the function returns; a place marks it in the arrangement."""
        plain = None
        if isinstance(x, Symbol):  # x > 0, or x.data
            plain = bool if x.is_condition else float
            x = TAPE.where(x, 1.0, 0.0) if x.is_condition else x
            x = constant(x, "jit")
        if not isinstance(x, Value):
            return x
        self._results.append(trace.node(x))
        self._plain.append(plain)
        return _Place(len(self._results) - 1)

    def _tape(self, trace: Trace, *, with_derivatives: bool) -> Tape:
        tape, several = trace.tape, len(self._results) > 1
        tape.outputs = {f"value[{k}]" if several else "value": operand_of(x.data) for k, x in enumerate(self._results)}
        if with_derivatives:
            inputs = [trace.inputs[i] for i in self._by]
            for k, x in enumerate(self._results):
                for node, i in zip(trace.gradients(x, inputs), self._by):
                    d = f"d[{k}]/d" if several else "d/d"
                    tape.outputs[d + tape.inputs[i]] = operand_of(node)
        return simplify(tape)

    @functools.cached_property
    def tape(self) -> Tape:
        """The results and their derivatives. Taken when first asked for: predicting needs none."""
        trace, self._trace = self._trace, None
        assert trace is not None
        with trace:
            tape = self._tape(trace, with_derivatives=True)
        del self._results  # and with them all of the trace's nodes
        return tape

    @functools.cached_property
    def _with_derivatives(self) -> _Computer:
        return _Computer(self.tape)

    @functools.cached_property
    def _without(self) -> _Computer:
        return _Computer(self.values)

    @property
    def native(self) -> Native:
        """The code with derivatives, if there are any to take."""
        return (self._with_derivatives if self._by else self._without).native

    def __call__(self, given: list[Any], *, connected: bool) -> Any:
        """What the function gives for these numbers and Values; `connected` says whether it belongs to a graph."""
        for i, count, said in self.indices:
            if not 0 <= given[i] < count:
                raise IndexError(said.format(given[i]))
        if self._all_values:
            numbers = [x.data for x in given]
        else:
            numbers = [x.data if isinstance(x, Value) else x for x in given] if self._by else given
        if self._leaves:
            numbers += [leaf.data for leaf in self._leaves]
        if not connected or not self._by:
            out: list[Any] = self._without(numbers)
            if self._by:
                out = [node_of(number, DETACHED, (), ()) for number in out]
            return out[0] if self._is_single else self._arranged(self._as_plain(out))
        values = given if self._all_values else [x if isinstance(x, Value) else constant(x, "jit") for x in given]
        operands = (*values, *self._leaves)
        if self._is_single:
            out = self._with_derivatives(numbers)
            local = out[1:]
            if len(self._by) < len(operands):
                return node_of(out[0], self._entries[0], operands, _spread(local, self._by, len(operands)))
            return node_of(out[0], self._entries[0], operands, tuple(local))
        out = self._without(numbers)
        rows = _Rows(self, given, numbers, operands)
        nodes = [node_of(x, self._entries[k], operands, functools.partial(rows.row, k)) for k, x in enumerate(out)]
        return self._arranged(self._as_plain(nodes))

    def _as_plain(self, out: list[Any]) -> list[Any]:
        """Floats and bools where the function gave these rather than Values."""
        return [x if kind is None else kind(x.data if isinstance(x, Value) else x) for x, kind in zip(out, self._plain)]

    def eager_row(self, k: int, given: Sequence[Any], operands: Sequence[Value]) -> tuple[float, ...]:
        """The derivatives of result k, from the function itself: where there is one that does not exist, its error."""
        numbers = iter(given)
        args = [rebuild(s, name, lambda *_: next(numbers)) for name, s in zip(self._named, self._structures)]
        found: list[Any] = []
        map_numbers(lambda x: (found.append(x), x)[1], self._call(args))  # type: ignore[func-returns-value]
        results = [x for x in found if isinstance(x, Value)]
        return tuple(gradients(results[k], operands))

    def _rule(self, k: int, m: Any, *operands: Any) -> tuple[Any, Callable[[], tuple[Any, ...]]]:
        """The table's reading of the tape: the value, and the local derivatives, on any kind of number."""
        if m is TEXT and len(self.tape) > READABLE:
            return Text(self.name), lambda: tuple(Text("…") for _ in operands)
        value = list(self.values.run(m, operands).values())[k]

        def derivatives() -> tuple[Any, ...]:
            out = list(self.tape.run(m, operands).values())[len(self._plain) :]
            width = len(self._by)
            return _spread(out[k * width : (k + 1) * width], self._by, len(operands))

        return value, derivatives


class _Computer:
    """Native code for a tape: from a list of numbers to the list of outputs, or NotFiniteError."""

    def __init__(self, tape: Tape):
        self.native = native_of(call_module(tape, this_machine()), this_machine(), call=CALL)
        self._call, self._inputs = self.native.call, len(tape.inputs)
        self._buffer = ctypes.c_double * (len(tape.inputs) + len(tape.outputs))

    def __call__(self, numbers: list[float]) -> list[float]:
        buffer = self._buffer(*numbers)
        self._call(buffer)
        out = buffer[self._inputs :]
        if not isfinite(sum(out)):
            raise NotFiniteError
        return out

    def outputs(self, numbers: list[float]) -> list[float]:
        """All outputs, nan and inf among them."""
        buffer = self._buffer(*numbers)
        self._call(buffer)
        return buffer[self._inputs :]


class _Place:
    """Where result number k belongs in what the function returns."""

    def __init__(self, k: int):
        self.k = k


def _arranger(arrangement: Any) -> Callable[[Sequence[Any]], Any]:
    """From a list of results to the arrangement with each in its place."""
    if isinstance(arrangement, _Place):
        return operator.itemgetter(arrangement.k)
    kind = type(arrangement)
    if kind in (list, tuple):
        parts = [_arranger(part) for part in arrangement]
        return lambda out: kind([part(out) for part in parts])
    return lambda out: map_numbers(lambda x: out[x.k] if isinstance(x, _Place) else x, arrangement)


class _Rows:
    """The derivatives of several results by the same operands, computed when the first of them is asked for."""

    def __init__(self, program: Program, given: Sequence[Any], numbers: list[float], operands: tuple[Value, ...]):
        self.program, self.given, self.numbers, self.operands = program, given, numbers, operands

    @functools.cached_property
    def _all(self) -> list[float]:
        return self.program._with_derivatives.outputs(self.numbers)[len(self.program._plain) :]

    def row(self, k: int) -> tuple[float, ...]:
        by = self.program._by
        derivatives = self._all[k * len(by) : (k + 1) * len(by)]
        if not all(map(isfinite, derivatives)):
            return self.program.eager_row(k, self.given, self.operands)
        return _spread(derivatives, by, len(self.operands))

    def __deepcopy__(self, memo: Any) -> _Rows:
        return self

    def __reduce__(self) -> Any:
        return _KeptRows, ([self.row(k) for k in range(len(self.program._plain))],)


class _KeptRows:
    """What a pickle has in place of `_Rows`."""

    def __init__(self, rows: list[tuple[float, ...]]):
        self.rows = rows

    def row(self, k: int) -> tuple[float, ...]:
        return self.rows[k]


def _spread(derivatives: Sequence[Any], places: Sequence[int], count: int) -> tuple[Any, ...]:
    """One derivative for each operand: 0.0 for the plain numbers, by which nobody asks."""
    out: list[Any] = [0.0] * count
    for place, derivative in zip(places, derivatives):
        out[place] = derivative
    return tuple(out)


def node_of(data: float, entry: Op, operands: tuple[Value, ...], local: Any) -> Value:
    node = object.__new__(Value)
    node.data, node.grad, node.label, node._prev, node._operation, node._local = (
        data,
        UNREACHED,
        "",
        operands,
        entry,
        local,
    )
    return node
