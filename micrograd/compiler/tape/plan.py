"""Sort a tape's instructions by how often they run: once for a batch, or once for every row of it.

    >>> from micrograd.compiler.tape.plan import Plan
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["w", "x"])
    >>> decay, product = tape.append("mul", 0, 0), tape.append("mul", 0, 1)
    >>> tape.outputs["value"] = tape.append("add", decay, product)
    >>> plan = Plan(tape, rows={1})
    >>> plan.once, plan.each_row, plan.shared
    ([2], [3, 4], {2: 0})

Parameters are the same for all rows, and so is everything computed from parameters alone.
"""

from __future__ import annotations

from typing import Any

from micrograd.compiler.tape.tape import Tape


class Plan:
    """`once` and `each_row` are the positions of instructions that run once and for every row.

    `rows` are the numbers of the inputs that differ from row to row. `shared` maps each result of `once` that
    `each_row` needs, or that is an output, to its place in the memory that both use.
    """

    def __init__(self, tape: Tape, *, rows: set[int]):
        self.tape = tape
        self.once: list[int] = []
        self.each_row: list[int] = []
        self.shared: dict[int, int] = {}
        varies: list[bool] = []
        for position, instruction in enumerate(tape.code):
            if instruction[0] == "input":
                varies.append(instruction[1] in rows)
                continue
            differing = [x for x in instruction if x.__class__ is int and varies[x]]
            varies.append(bool(differing))
            (self.each_row if differing else self.once).append(position)
            if differing and len(differing) < len(instruction) - 1:
                for x in instruction:
                    self._share(x, varies)
        for x in tape.outputs.values():
            self._share(x, varies)
        self.varies = varies

    def _share(self, x: Any, varies: list[bool]) -> None:
        if isinstance(x, int) and not varies[x] and self.tape.code[x][0] != "input":
            self.shared.setdefault(x, len(self.shared))

    def differs_by_row(self, x: int | float) -> bool:
        """Whether an operand has a different number for each row."""
        return isinstance(x, int) and self.varies[x]


def rule_plan(tape: Tape) -> Plan:
    """The plan of an update: `once` depends only on its last two inputs, the learning rate and the step."""
    return Plan(tape, rows=set(range(len(tape.inputs) - 2)))
