"""Record a function of one row, its derivatives and the optimizer's rule: `row_tape(f, names, structures)`.

>>> from micrograd.compiler.row_tape import row_tape
>>> recorded = row_tape(lambda items: items[0][0] * items[0][1], ["x"], [(True, ("list", (2,), "f8"))])
>>> print(recorded.spec.tape)
%0 = input x[0]
%1 = input x[1]
%2 = mul %0 %1
value %2
>>> recorded.spec.sources[1].array, recorded.spec.sources[1].place
(0, 1)
"""

from __future__ import annotations

import itertools
import marshal
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from micrograd.blame import not_a_number, not_connected
from micrograd.compiler import notice
from micrograd.compiler.arguments import rebuild
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.spec import ModuleSpec, Source
from micrograd.compiler.outside.recording import Itself, Outside, recorded
from micrograd.compiler.paused import paused
from micrograd.compiler.rows import row_symbols
from micrograd.compiler.tape.guards import guarded
from micrograd.compiler.tape.recorder import Recorder
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import TAPE, Symbol, operand_of
from micrograd.compiler.tape.tape import Tape
from micrograd.engine import Value, constant, topological_order


class RowTape(NamedTuple):
    """What a function does for one row: `spec` has the tape, whose outputs are the derivatives, then the result.

    `leaves` are the Values that the function uses and that are not parameters: they are read again at each call.
    """

    spec: ModuleSpec
    shared_indices: list[tuple[int, int]]  # of arguments that all rows share: the place, and the number of choices
    leaves: list[Value]
    first_leaf: int  # where the leaves' numbers begin, after those of the arguments that all rows share
    outside: Outside


def row_tape(
    f: Callable[[list[Any]], Any],
    names: Sequence[str],
    structures: Sequence[tuple[bool, Any]],
    *,
    parameters: Sequence[Value] | None = None,
    rule: Callable[[], tuple[Tape, Tape]] | None = None,
    functions: Sequence[Any] = (),
    exact: bool = False,
) -> RowTape:
    """Record `f`, which is called with a list that has one argument for each structure.

    The structure `(True, rows)` stands for rows of data, `(False, structure)` for an argument that all rows share.
    Derivatives are taken by `parameters`; if that is None, by every Value that `f` uses, those among the arguments
    first. `rule` gives the optimizer's tapes: its update and its scale. `functions` are the user's functions.

    Raises ValueError if the result does not depend on a parameter, TypeError if gradients would be lost.
    """
    with notice.compiling(), paused():  # it would walk all nodes and instructions again and again
        described = list(zip(names, structures, strict=True))
        tape, rest = _differentiated(f, described, parameters, rule, functions, exact)
        tape = simplify(tape, exact=exact)  # when the recording's nodes, which take more memory, are gone
    spec = ModuleSpec(
        tape,
        rest.sources,
        rest.types,
        update=rest.update,
        scale=rest.scale,
        machine=this_machine(),
        indices=[(source, count) for source, count in rest.indices if source.is_row],
        exact=exact,
    )
    shared = [(source.place, count) for source, count in rest.indices if not source.is_row]
    return RowTape(spec, shared, rest.leaves, rest.first_leaf, rest.outside)


class _Rest(NamedTuple):
    """What is kept of a recording besides its tape."""

    sources: list[Source]  # of the tape's inputs
    types: list[str]
    update: Tape | None
    scale: Tape | None
    indices: list[tuple[Source, int]]
    leaves: list[Value]
    first_leaf: int
    outside: Outside


def _differentiated(
    f: Callable[[list[Any]], Any],
    described: list[tuple[str, tuple[bool, Any]]],
    parameters: Sequence[Value] | None,
    rule: Callable[[], tuple[Tape, Tape]] | None,
    functions: Sequence[Any],
    exact: bool,
) -> tuple[Tape, _Rest]:
    """The guarded tape of `f` and its derivatives."""
    place_of = {id(p): k for k, p in enumerate(parameters or ())}
    (found, update, scale), outside = recorded(
        lambda kind: _record(Recorder(kind, place_of), f, described, rule, by_values=parameters is None),
        *functions,
    )
    recorder, sources = found.recorder, found.sources
    _check_parameters(found, parameters or [], place_of)
    first_leaf = sum(not source.is_row for source in sources)
    leaves: list[Value] = []
    with recorder.recording():
        by = found.by + [recorder.node(p) for p in (recorder.leaves if parameters is None else parameters)]
        for leaf in recorder.leaves:
            if id(leaf) in place_of:
                sources.append(Source("parameters", place_of[id(leaf)]))
            else:
                sources.append(Source("others", first_leaf + len(leaves)))
                leaves.append(leaf)
        tape = recorder.tape
        try:
            gradients = recorder.gradients(found.result, by, eagerly=exact)
        except (ArithmeticError, ValueError):  # on constants, as x / 0.0: eager code then raises it for each row
            gradients = [math.nan] * len(by)
        tape.outputs = {f"d/d{_name(tape, x)}": operand_of(d) for x, d in zip(by, gradients)}
        tape.outputs["value"] = operand_of(found.result.data)
        tape = guarded(tape)
    indices = [(sources[place], count) for place, count in recorder.indices]
    return tape, _Rest(sources, found.types, update, scale, indices, leaves, first_leaf, outside)


def _name(tape: Tape, x: Value) -> str:
    """The name of one of the tape's inputs."""
    position = operand_of(x.data)
    assert isinstance(position, int)
    _, number = tape.code[position]
    return tape.inputs[number]


class _Recording(NamedTuple):
    """What one run of the function on symbols gave."""

    recorder: Recorder
    sources: list[Source]  # of the arguments
    types: list[str]
    by: list[Value]  # the arguments that derivatives are taken by
    result: Value


class _Arguments:
    """The symbols that a function is given, and where native code finds the number for each."""

    def __init__(self, recorder: Recorder, *, by_values: bool):
        self.recorder, self.by_values = recorder, by_values
        self.sources: list[Source] = []
        self.types: list[str] = []
        self.by: list[Value] = []
        self._shared, self._in_row = itertools.count(), itertools.count()

    def make(self, name: str, is_rows: bool, structure: Any) -> Any:
        """The symbols for one argument."""
        if not is_rows:
            return rebuild(structure, name, self._same_for_all)
        self.types.append(structure[2])
        self._in_row = itertools.count()
        return row_symbols(structure, name, self._of_row)

    def _same_for_all(self, name: str, kind: str) -> Value:
        self.sources.append(Source("others", next(self._shared)))
        node = self.recorder.argument(name, whole=kind == "whole")
        if kind == "value" and self.by_values:
            self.by.append(node)
        return node

    def _of_row(self, name: str, kind: str) -> Value:
        self.sources.append(Source(array=len(self.types) - 1, place=next(self._in_row)))
        return self.recorder.argument(name, whole=kind == "whole")


def _record(
    recorder: Recorder,
    f: Callable[[list[Any]], Any],
    described: Sequence[tuple[str, tuple[bool, Any]]],
    rule: Callable[[], tuple[Tape, Tape]] | None,
    *,
    by_values: bool,
) -> tuple[Tape, Any, tuple[_Recording, Tape | None, Tape | None]]:
    """Run the function and the optimizer's rule once on symbols."""
    given = _Arguments(recorder, by_values=by_values)
    with recorder.recording():
        out = f([given.make(name, *structure) for name, structure in described])
        if isinstance(out, (Symbol, int, float)):  # x > 0, x.data or 1.0
            is_condition = isinstance(out, Symbol) and out.is_condition
            out = constant(TAPE.where(out, 1.0, 0.0) if is_condition else out, "jit")
        if not isinstance(out, Value):
            raise not_a_number(out)
        result = recorder.node(out)
    update, scale = rule() if rule else (None, None)
    compared = [marshal.dumps(operand_of(result.data), 2), list(map(Itself, recorder.leaves)), recorder.indices]
    compared += [marshal.dumps(each.code, 2) for each in (update, scale) if each]
    found = _Recording(recorder, given.sources, given.types, given.by, result)
    return recorder.tape, compared, (found, update, scale)


def _check_parameters(found: _Recording, parameters: Sequence[Value], place_of: dict[int, int]) -> None:
    """Refuse a loss through which the parameters would get no gradient, or only part of it."""
    if not parameters:
        return
    recorder = found.recorder
    used = [leaf for leaf in recorder.leaves if id(leaf) in place_of]
    if not used:
        raise ValueError(
            f"the loss uses none of the optimizer's {len(parameters)} parameters: was the model rebuilt after the "
            "optimizer was made?"
        )
    if {*topological_order(found.result)}.isdisjoint(map(recorder.node, used)):
        raise not_connected("a number")
    own = {*parameters}
    for leaf in recorder.leaves:
        if leaf._prev and not own.isdisjoint(topological_order(leaf)):
            raise TypeError(
                f"the loss uses {leaf!r}, which was computed from the optimizer's parameters outside the loss; compute "
                "it inside, so that each step computes it again and gradients flow through it"
            )
