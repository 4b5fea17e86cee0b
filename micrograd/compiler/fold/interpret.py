"""Run a folded program line by line, in Python: `run(folded, inputs)` and `run_stored(storage, inputs)`.

    >>> from micrograd.compiler.fold.folding import fold
    >>> from micrograd.compiler.fold.interpret import run
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> tape.outputs["value"] = tape.append("mul", 0, tape.append("exp", 1))
    >>> run(fold(tape), [3.0, 0.0]) == tape.run(FLOAT, [3.0, 0.0])
    True

They are slow and plain: every other reader of a folded program must give what they give, by name.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from micrograd.compiler.fold.forms import Access, Body, Folded, Line, Loop, Output
from micrograd.compiler.fold.storage import Cell, Storage, Variable
from micrograd.compiler.tape.tape import INFIX
from micrograd.table import FLOAT


def run(folded: Folded, inputs: Sequence[float], *, m: Any = FLOAT) -> dict[str, Any]:
    """The outputs for `inputs`, which are in the order of the tape's inputs; `m` computes the elementary functions.

    Raises AssertionError if a place is written twice, or read before it is written.
    """
    spaces: dict[str, Any] = {space: [inputs[i] for i in numbers] for space, numbers in folded.inputs}
    temporaries = spaces["temporary"] = {}
    outputs: dict[str, Any] = {}

    def read(access: Access, counters: list[int]) -> Any:
        if access.space == "constant":
            return access.base
        if access.space == "counter":
            return access.base + sum(map(operator.mul, access.strides, counters))
        return spaces[access.space][access.place.at(counters)]

    def execute(body: Body, counters: list[int]) -> None:
        for entry in body:
            if isinstance(entry, Loop):
                count = entry.count if isinstance(entry.count, int) else entry.count.at(counters)
                for counter in range(count):
                    execute(entry.body, [*counters, counter])
            elif isinstance(entry, Output):
                outputs[folded.outputs[entry.number.at(counters)]] = read(entry.value, counters)
            else:
                place = entry.result.place.at(counters)
                assert place not in temporaries and 0 <= place < folded.places, (str(entry), counters)
                temporaries[place] = computed(entry, [read(x, counters) for x in entry.operands], m)

    execute(folded.body, [])
    return {name: outputs[name] for name in folded.outputs}


def run_stored(storage: Storage, inputs: Sequence[float], *, m: Any = FLOAT) -> dict[str, Any]:
    """As `run`, with each number kept where `storage` says."""
    folded = storage.folded
    spaces: dict[str, Any] = {space: [inputs[i] for i in numbers] for space, numbers in folded.inputs}
    memory: list[Any] = [None] * storage.size
    variables: dict[Variable, Any] = {}
    outputs: dict[str, Any] = {}

    def read(access: Access, where: Variable | Cell | None, counters: list[int]) -> Any:
        if isinstance(where, Variable):
            return variables[where]
        if where is not None:
            return memory[where.place.at(counters)]
        if access.space == "constant":
            return access.base
        if access.space == "counter":
            return access.base + sum(map(operator.mul, access.strides, counters))
        return spaces[access.space][access.place.at(counters)]

    def execute(body: Body, counters: list[int]) -> None:
        for entry in body:
            if isinstance(entry, Loop):
                loop = storage.loops[id(entry)]
                count = entry.count if isinstance(entry.count, int) else entry.count.at(counters)
                values = [
                    variables.get(x) if isinstance(x, Variable) else memory[x.place.at(counters)]
                    for _, x in loop.carried
                ]
                variables.update(zip([variable for variable, _ in loop.carried], values))
                for counter in range(count):
                    execute(entry.body, [*counters, counter])
                for variable, cell in loop.stores:
                    memory[cell.place.at(counters)] = variables[variable]
                continue
            kept = storage.lines[id(entry)]
            if isinstance(entry, Output):
                outputs[folded.outputs[entry.number.at(counters)]] = read(entry.value, kept.reads.get(0), counters)
                continue
            assert kept.variable
            operands = [read(x, kept.reads.get(k), counters) for k, x in enumerate(entry.operands)]
            variables[kept.variable] = computed(entry, operands, m)
            if kept.cell:
                memory[kept.cell.place.at(counters)] = variables[kept.variable]

    execute(folded.body, [])
    return {name: outputs[name] for name in folded.outputs}


def computed(line: Line, operands: list[Any], m: Any) -> Any:
    """The result of an instruction on numbers."""
    return (INFIX.get(line.op) or getattr(m, line.op))(*operands)
