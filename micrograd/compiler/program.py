"""Compile a function for one structure of arguments: the recording, the tape with its gradients, and the native code.

`jit(f)` keeps a `Program` for each structure of arguments. Called with the numbers in the arguments, it gives what `f`
gives: numbers, or Values that are each one node of the eager graph. The node's operation is the tape itself: read on
text, it gives the formulas that drawings show. Second derivatives come from `f`, run eagerly.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import functools
import itertools
import marshal
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any, NamedTuple

from micrograd import modes
from micrograd.c_core import native
from micrograd.compiler import notice
from micrograd.compiler.arguments import Structure, rebuild
from micrograd.compiler.estimate import said
from micrograd.compiler.fold import Folded, fold
from micrograd.compiler.loops.calls import call_text
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.memory import addresses
from micrograd.compiler.native.native import CALL, native_of
from micrograd.compiler.outside.recording import Itself, recorded
from micrograd.compiler.paused import paused
from micrograd.compiler.rows import WholeNumber
from micrograd.compiler.several import PickledRows, ResultsOfCall, node_of, sibling, spread
from micrograd.compiler.tape.guards import guarded
from micrograd.compiler.tape.recorder import Recorder
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import TAPE, Symbol, operand_of
from micrograd.compiler.tape.tape import Tape
from micrograd.derivatives import VALUE
from micrograd.engine import Value, constant
from micrograd.errors import NotFiniteError
from micrograd.locks import new_in_child
from micrograd.results import OneOf
from micrograd.table import DETACHED, Op
from micrograd.text import TEXT, opaque
from micrograd.transforms import gradients, inside_another, map_numbers

READABLE = 30  # the longest tape whose derivatives are shown as formulas
FEW = 16  # derivatives of several results that come with the results: then it is as quick, and they can be shown
SMALL = 16  # numbers that are quicker in a buffer of ctypes than in an array
SHORT = 2000  # the longest tape whose code C calls without releasing the interpreter lock


class _Recording(NamedTuple):
    """What one run of the function on symbols gave."""

    recorder: Recorder
    kinds: list[str]  # of the arguments' numbers
    results: list[Value]
    plain: list[Any]  # for each result: None if it is a Value, else float or bool
    leaf_of: list[int]  # each result's place among all numbers that the function returns
    arrangement: Any


class Program:
    """`values` is the tape of the results alone; `tape` also has their derivatives by every Value.

    Where there are many of these, `tape` is given an upstream gradient for each result, `upstream[k]`, and has the
    vector-Jacobian product: for each Value, the sum of its derivatives times the upstream gradients. `has_rows` tells
    them apart. Rounded as eagerly, only each derivative alone is the same; so with `exact` there are always rows.

    `functions` are the user's functions that `f` calls. `outside` holds the places outside that the recording read.
    With `exact`, every operation is rounded as it is eagerly.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        name: str,
        names: Sequence[str],
        structures: Sequence[Structure],
        *,
        functions: Sequence[Any] = (),
        exact: bool = False,
    ):
        self.name, self.exact = name, exact
        self._call = f
        self._named, self._structures = list(names), list(structures)
        self._lock = threading.RLock()
        new_in_child(self)
        with notice.compiling():
            self.outside: Any
        found, self.outside = recorded(self._record, *functions)
        self._recording: _Recording | None = found
        self._tape: Tape | None = None
        self._of_values: _Computer | None = None
        self._of_tape: _Computer | None = None
        self.code: Any = None  # for C: see `_code_of`
        self.product_code: Any = None  # for C: see `_product_code_of`
        given = len(found.kinds)
        self._leaves = list(found.recorder.leaves)
        self.by = [i for i, kind in enumerate(found.kinds) if kind == "value"]
        self.by += range(given, given + len(self._leaves))
        self._plain, self._leaf_of = found.plain, found.leaf_of
        self.count: int = len(found.plain)  # of results
        self._at_once = self.count == 1 or self.count * len(self.by) <= FEW
        self.has_rows: bool = exact or self._at_once
        self.values: Tape = self._tape_of(found, with_derivatives=False)
        self.indices: list[tuple[int, int]] = found.recorder.indices
        self._is_single = isinstance(found.arrangement, _Place) and self._plain[0] is None
        self._arranged = _arranger(found.arrangement)
        self._all_values = set(found.kinds) <= {"value"}
        self._entries = [
            Op(name, name if name.isidentifier() else "jit", functools.partial(self._rule, k))
            for k in range(len(self._plain))
        ]

    def _record(self, kind: type[Tape]) -> tuple[Tape, Any, _Recording]:
        """Run the function once on symbols."""
        recorder = Recorder(kind)
        recorder.tape.has_static = True
        found = _Recording(recorder, [], [], [], [], None)

        def argument(name: str, kind: str) -> Any:
            found.kinds.append(kind)
            return recorder.argument(name, whole=kind == "whole")

        with recorder.recording():
            pairs = zip(self._named, self._structures, strict=True)
            out = self._call([rebuild(structure, name, argument) for name, structure in pairs])
            count = itertools.count()
            found = found._replace(arrangement=map_numbers(lambda x: _result(x, next(count), found), out))
        results = marshal.dumps([operand_of(x.data) for x in found.results], 2)
        compared = results, found.plain, found.leaf_of, list(map(Itself, recorder.leaves)), recorder.indices
        return recorder.tape, compared, found

    @paused()
    def _tape_of(self, found: _Recording, *, with_derivatives: bool) -> Tape:
        tape, several = found.recorder.tape, len(found.results) > 1
        tape.outputs = {f"value[{k}]" if several else "value": operand_of(x.data) for k, x in enumerate(found.results)}
        if not found.results:
            tape.outputs["value"] = 0.0  # an output that becomes nan when an operation fails
        if with_derivatives:
            inputs = [found.recorder.inputs[i] for i in self.by]
            roots = [(x, f"d[{k}]/d" if several else "d/d") for k, x in enumerate(found.results)]
            if not self.has_rows:
                upstream = [found.recorder.argument(f"upstream[{k}]") for k in range(self.count)]
                weights = [x.data if plain is None else 0.0 for x, plain in zip(upstream, self._plain)]
                roots = [(found.recorder.weighted(found.results, weights), "d/d")]
            for x, d in roots:
                for node, i in zip(found.recorder.gradients(x, inputs, eagerly=self.exact), self.by):
                    tape.outputs[d + tape.inputs[i]] = operand_of(node)
        return simplify(guarded(tape), exact=self.exact)

    @property
    def tape(self) -> Tape:
        """The results and their derivatives. Made when first asked for: predicting needs no derivatives."""
        if self._tape is None:
            with self._lock:
                if self._recording is not None:  # else another thread made it first
                    try:
                        with self._recording.recorder.recording():
                            self._tape = self._tape_of(self._recording, with_derivatives=True)
                    except (ArithmeticError, ValueError) as error:  # on constants, as x / 0.0: so will eager code
                        raise NotFiniteError from error
                    self._recording = None  # frees all of the recorder's nodes
        assert self._tape is not None
        return self._tape

    def _without_derivatives(self) -> _Computer:
        with self._lock:
            if self._of_values is None:  # else another thread made it first
                self._of_values = _Computer(self.values, exact=self.exact)
                if not self.by:
                    self.code = self._code_of(self._of_values)
            return self._of_values

    def _with_derivatives(self) -> _Computer:
        with self._lock:
            if self._of_tape is None:
                self._of_tape = _Computer(self.tape, exact=self.exact)
                self.code = self._code_of(self._of_tape)
                self.product_code = self._product_code_of(self._of_tape)
            return self._of_tape

    def outputs(self, numbers: list[float]) -> list[float]:
        """All numbers that `tape` gives, even if some are nan or inf."""
        return self._with_derivatives().outputs(numbers)

    def _code_of(self, computer: _Computer) -> Any:
        """What C needs to do a call with floats and Values alone, without Python; None where it cannot."""
        if not (native and self._is_single and set(self._structures) <= {"value", "number"}):
            return None
        if len(computer.tape) > SHORT or computer.kept:  # C gives no room behind the outputs
            return None
        kinds = bytes(kind == "value" for kind in self._structures)
        holds = self.outside.holds if self.outside.reads else None
        address = addresses(computer.native.address("call"))
        return address, self._entries[0], kinds, tuple(self._leaves), holds, computer.native  # as calls.h has them

    def _product_code_of(self, computer: _Computer) -> Any:
        """What C needs to go back through several results; None where there are rows."""
        if not native or self.has_rows:
            return None
        places = array.array("q", self.by).tobytes()
        address = addresses(computer.native.address("call"))
        return address, places, computer.kept, computer.native  # as several.h has them

    @functools.cached_property
    def folded(self) -> Folded:
        """The tape as loops; its arguments are `row`."""
        return fold(self.tape, rows=range(len(self.tape.inputs)))

    @property
    def shown(self) -> _Computer:
        """The code compiled with derivatives, if there is a Value to differentiate by."""
        return self._with_derivatives() if self.by else self._without_derivatives()

    def __call__(self, given: list[Any], *, connected: bool) -> Any:
        """What the function gives for these numbers and Values; `connected`: the result is part of a graph."""
        for i, count in self.indices:
            if not 0 <= given[i] < count:
                raise NotFiniteError  # eager code then raises the right error, maybe an earlier one
        if self._all_values:
            numbers = [x.data for x in given]
        else:
            numbers = [x.data if isinstance(x, Value) else x for x in given] if self.by else given
        if self._leaves:
            numbers += [leaf.data for leaf in self._leaves]
        if not connected or not self.by:
            out: list[Any] = (self._of_values or self._without_derivatives())(numbers)
            if self.by:
                out = [node_of(number, DETACHED, (), ()) for number in out]
            return out[0] if self._is_single else self._arranged(self._as_plain(out))
        values = given if self._all_values else [x if isinstance(x, Value) else constant(x, "jit") for x in given]
        operands = (*values, *self._leaves)
        if self._is_single:
            out = (self._of_tape or self._with_derivatives())(numbers)
            local = out[1:]
            if len(self.by) < len(operands):
                return node_of(out[0], self._entries[0], operands, spread(local, self.by, len(operands)))
            return node_of(out[0], self._entries[0], operands, tuple(local))
        if self._at_once:
            out = (self._of_tape or self._with_derivatives())(numbers)
            width = len(self.by)
            starts = range(self.count, len(out), width)
            locals_: list[Any] = [spread(out[i : i + width], self.by, len(operands)) for i in starts]
        else:
            out = (self._of_values or self._without_derivatives())(numbers)
            results = ResultsOfCall(self, numbers, operands)
            locals_ = [OneOf(results, k) for k in range(self.count)]
        nodes: list[Value] = []
        for x, entry, local in zip(out, self._entries, locals_):
            nodes.append(sibling(nodes[0], x, entry, local) if nodes else node_of(x, entry, operands, local))
        return self._arranged(self._as_plain(nodes))

    def _as_plain(self, out: list[Any]) -> list[Any]:
        """Turn results into floats and bools where the function gave those rather than Values."""
        return [x if kind is None else kind(x.data if isinstance(x, Value) else x) for x, kind in zip(out, self._plain)]

    def again(self, operands: Sequence[Value], numbers: Sequence[float] | None = None) -> tuple[list[Any], list[Any]]:
        """The results, computed eagerly, and the Values to differentiate them by, one for each of `by`.

        Each argument gets its own stand-in, so that a Value given twice is two operands. With `numbers`, those of an
        earlier call, the results are that call's.
        """
        then = () if numbers is None else numbers[len(numbers) - len(self._leaves) :]
        if numbers is not None and not self.outside.holds():
            raise RuntimeError(
                f"backward through {self.name}: a derivative is missing or not finite, so {self.name} itself has to be "
                "run again, but something that it reads from outside has changed since the call; call it again, or "
                "backward() before the change"
            )
        inputs: list[Value] = []
        given = itertools.count()

        def argument(name: str, kind: str) -> Any:
            i = next(given)
            number = operands[i].data if numbers is None else numbers[i]
            if kind != "value":
                return WholeNumber(number) if kind == "whole" else number
            stand_in = operands[i] * 1.0
            stand_in.data, stand_in.label = number, getattr(operands[i], "label", "")
            inputs.append(stand_in)
            return stand_in

        pairs = zip(self._named, self._structures)
        with _having(self._leaves, then):
            out = inside_another(lambda: self._call([rebuild(structure, name, argument) for name, structure in pairs]))
        found: list[Any] = []
        map_numbers(found.append, out)
        return [found[leaf] for leaf in self._leaf_of], inputs + self._leaves

    def _rule(self, k: int, m: Any, *operands: Any) -> tuple[Any, Callable[[], tuple[Any, ...]]]:
        """The rule of this node's operation: the value and the local derivatives, on any kind of number.

        On Values, the function itself is run: a formula on the tape can have a corner where the operation that wrote it
        has none, such as the abs in sigmoid, and its second derivative would be wrong there.
        """
        count = len(operands)
        if m is TEXT and not (self.has_rows and len(self.tape) <= READABLE):
            return opaque(self.name, operands)
        if m is VALUE:
            results, inputs = self.again(operands)
            return None, lambda: spread(gradients(results[k], inputs, create_graph=True), self.by, count)
        value = list(self.values.run(m, operands).values())[k]

        def derivatives() -> tuple[Any, ...]:
            weights = [] if self.has_rows else [float(place == k) for place in range(self.count)]
            out = list(self.tape.run(m, [*operands, *weights]).values())[self.count :]
            width = len(self.by) if self.has_rows else 0
            return spread(out[k * width : k * width + len(self.by)], self.by, count)

        return value, derivatives


@contextlib.contextmanager
def _having(leaves: Sequence[Value], numbers: Sequence[float]) -> Iterator[None]:
    """Leaves have these numbers inside, if they have others now; one thread at a time, so that none is lost."""
    with modes.one_sweep if leaves and numbers else contextlib.nullcontext():
        changed = [(leaf, leaf.data, x) for leaf, x in zip(leaves, numbers) if repr(leaf.data) != repr(x)]
        try:
            for leaf, _, x in changed:
                leaf.data = x
            yield
        finally:
            for leaf, now, x in changed:
                if repr(leaf.data) == repr(x):  # else another thread assigned it meanwhile
                    leaf.data = now


def _result(x: Any, leaf: int, found: _Recording) -> Any:
    """Note a number that the function returns, and put a _Place for it into the arrangement."""
    plain = None
    if isinstance(x, Symbol):  # x > 0, or x.data
        plain = bool if x.is_condition else float
        x = TAPE.where(x, 1.0, 0.0) if x.is_condition else x
        x = constant(x, "jit")
    if not isinstance(x, Value):
        return x
    found.results.append(found.recorder.node(x))
    found.plain.append(plain)
    found.leaf_of.append(leaf)
    return _Place(len(found.results) - 1)


class _Computer:
    """Native code for a tape: takes a list of numbers; gives the list of outputs or raises NotFiniteError."""

    def __init__(self, tape: Tape, *, exact: bool):
        self.tape = tape
        notice.known(functools.partial(said, [len(tape)]))
        with paused():
            text, self.kept, self.how = call_text(tape, this_machine(), exact=exact)
        self.native: Any = native_of(text, this_machine(), call=CALL)
        self._call, self._inputs = self.native.call, len(tape.inputs)
        self._end, room = len(tape.inputs) + len(tape.outputs), len(tape.outputs) + self.kept
        self._buffer = ctypes.c_double * (len(tape.inputs) + room)
        self._is_small = len(tape.inputs) + room < SMALL
        self._room = array.array("d", bytes(8 * room))

    def __call__(self, numbers: list[float]) -> list[float]:
        out = self.outputs(numbers)
        if not isfinite(sum(out)):
            raise NotFiniteError
        return out

    def outputs(self, numbers: list[float]) -> list[float]:
        """All outputs, even if some are nan or inf."""
        if self._is_small:
            given = self._buffer(*numbers)
            self._call(given)
            return given[self._inputs : self._end]
        memory = array.array("d", numbers) + self._room
        self._call(self._buffer.from_buffer(memory))
        return memory[self._inputs : self._end].tolist()


class _Place:
    """Where result number k belongs in what the function returns."""

    def __init__(self, k: int):
        self.k = k


def _arranger(arrangement: Any) -> Callable[[Sequence[Any]], Any]:
    """A function that puts a list of results into the arrangement, each in its place."""
    if isinstance(arrangement, _Place):
        return operator.itemgetter(arrangement.k)
    kind = type(arrangement)
    if kind in (list, tuple):
        parts = [_arranger(part) for part in arrangement]
        return lambda out: kind([part(out) for part in parts])
    return lambda out: map_numbers(lambda x: out[x.k] if isinstance(x, _Place) else x, arrangement)


_KeptRows = PickledRows  # the name in older pickles
