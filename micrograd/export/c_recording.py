"""Record a function once on symbols, for C: its tape, and the place of each argument and result in C's arrays.

>>> from micrograd.export.c_recording import Recording
>>> given = Recording({"x": [("point", ("list", "number", "number")), ("scale", "number")]}, lambda p, s: p[0] * s, {})
>>> print(*given.layout, sep="\\n")
x[0] to x[1]    point[0] to point[1]
x[2]            scale
>>> given.declared()
['const double x[3]']
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.coerce import as_float
from micrograd.compiler.arguments import flatten, rebuild
from micrograd.compiler.fold import Folded, choice
from micrograd.compiler.tape.recorder import Recorder
from micrograd.compiler.tape.simplify import simplify, without_dead_code
from micrograd.compiler.tape.symbols import operand_of
from micrograd.compiler.tape.tape import Operand, Tape
from micrograd.engine import Value, topological_order
from micrograd.export.c_loops import loop_statements, places_of
from micrograd.export.c_statements import Statements, inputs_used, plain
from micrograd.nn import made_of
from micrograd.transforms import map_numbers

Argument = tuple[str, Any]  # its name, and the structure of its numbers
Names = dict[int, str]  # of parameters, by their id


class Recording:
    """A function recorded once on symbols: the tape of its results and, for a loss, its derivatives `by` Values.

    `arrays` lists for each C argument the function's arguments whose numbers it holds.
    """

    recorder: Recorder
    tape: Tape

    def __init__(
        self, arrays: dict[str, list[Argument]], f: Callable[..., Any], names: Names, *, by: Sequence[Value] = ()
    ):
        self.recorder = recorder = Recorder()
        self.sizes: dict[str, int] = {}
        self.layout: list[str] = []  # lines that tell people where each number is
        self._places: list[str] = []  # in C, of the tape's inputs that are arguments
        with recorder.recording():
            args = [x for array, arguments in arrays.items() for x in self._array(array, arguments)]
            out = f(*args)
            self._results: list[Value | float] = []
            self.arrangement: Any = flatten(map_numbers(self._result, out), [])
            if not self._results:
                raise TypeError(f"to_c: the function must return at least one number, not {out!r}")
            gradients: list[Any] = []
            if by:
                if not isinstance(out, Value):
                    raise TypeError(
                        "to_c: the loss must be one Value, computed from the parameters, "
                        f"not {type(out).__name__}: {out!r}"
                    )
                gradients = recorder.gradients(recorder.node(out), [recorder.node(p) for p in by])
        outputs = {f"y[{k}]": _operand(x) for k, x in enumerate(self._results)}
        outputs |= {f"gradient[{i}]": operand_of(d) for i, d in enumerate(gradients)}
        self.tape, self._named = self._simplified(outputs, names)
        self._used = inputs_used(self.tape)

    def _array(self, array: str, arguments: list[Argument]) -> list[Any]:
        """The function's arguments that one C argument holds, with a symbol for each number."""
        taken: list[str] = []
        args = []

        def argument(name: str, kind: str) -> Value:
            taken.append(name)
            return self.recorder.argument(name, whole=kind == "whole")

        for name, structure in arguments:
            start = len(taken)
            args.append(rebuild(structure, name, argument))
            if len(taken) > start:
                more = f" to {taken[-1]}" if len(taken) > start + 1 else ""
                self.layout.append(located(array, start, len(taken), taken[start] + more))
        self.sizes[array] = len(taken)
        self._places += [f"{array}[{i}]" for i in range(len(taken))]
        return args

    def _result(self, x: Any) -> float:
        self._results.append(self.recorder.node(x) if isinstance(x, Value) else as_float(x, "to_c: a result"))
        return 0.0

    def _simplified(self, outputs: dict[str, Operand], names: Names) -> tuple[Tape, dict[int, str]]:
        """The simplified tape, and the names of the neurons that some of its results belong to."""
        labels = {}
        for result in [x for x in self._results if isinstance(x, Value)]:
            for node in topological_order(result):
                call = made_of(node)
                if call is not None and (name := names.get(id(call.neuron.w[0]), "").removesuffix("w.0")):
                    labels["\n" + name[:-1]] = operand_of(node.data)
        tape = self.recorder.tape
        tape.outputs = {**labels, **outputs}
        whole = simplify(tape)
        named = {x: label[1:] for label, x in whole.outputs.items() if label in labels and isinstance(x, int)}
        whole.outputs = {key: x for key, x in whole.outputs.items() if key not in labels}
        short = without_dead_code(whole)
        return short, named if len(short) == len(whole) else {}  # else the numbering has changed

    def leaves(self) -> list[Value]:
        """The Values from outside that an instruction or a result uses."""
        return [x for i, x in enumerate(self.recorder.leaves, start=len(self._places)) if i in self._used]

    def indices(self) -> list[str]:
        """A line for each number that is an index."""
        return [
            f"{self._places[i]} is an index: a whole number from 0 to {count - 1}" for i, count in self.recorder.indices
        ]

    def declared(self) -> list[str]:
        """C's arguments that hold numbers."""
        return [f"const double {array}[{size}]" for array, size in self.sizes.items() if size]

    def folded(self, places: Names, *, first: int = 0) -> Folded | None:
        """The tape as loops, if it is long and folds well. Its outputs are counted from output number `first`; those
        before that come last. `places` says where Values from outside are.
        """
        tape = copy.copy(self.tape)
        outputs = list(tape.outputs.items())
        tape.outputs = dict(outputs[first:] + outputs[:first])
        arrays, numbers = places_of(self._inputs(places))
        return choice(tape, spaces=arrays, places=numbers).folded

    def loops(self, folded: Folded, results: str) -> list[str]:
        """The folded tape as C, which writes its outputs to the array `results`."""
        return [*self._unused(), *loop_statements(folded, results)]

    def statements(self, places: Names) -> tuple[Statements, list[str]]:
        """The instructions as C: their writer, and its lines. `places` says where Values from outside are."""
        statements = Statements(self.tape, self._inputs(places), named=self._named)
        return statements, [*self._unused(), *statements.lines(range(len(self.tape)))]

    def _inputs(self, places: Names) -> list[str]:
        return [*self._places, *(places.get(id(leaf), "") for leaf in self.recorder.leaves)]

    def _unused(self) -> list[str]:
        """Statements for C's arguments that are not read, which compilers would warn of."""
        read = {self._places[i].partition("[")[0] for i in self._used if i < len(self._places)}
        return [f"(void){array};" for array, size in self.sizes.items() if size and array not in read]


def _operand(x: Value | float) -> Operand:
    return operand_of(x.data) if isinstance(x, Value) else x


def located(array: str, start: int, end: int, what: str) -> str:
    """A line that says where some numbers are: `x[0] to x[3]    row[0] to row[3]`."""
    where = f"{array}[{start}]" + (f" to {array}[{end - 1}]" if end > start + 1 else "")
    return f"{where:<15} {plain(what) if what != where else 'its numbers, in order'}"
