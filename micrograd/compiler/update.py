"""Write the native functions of the optimizer: its rule on as many parameters side by side as there are lanes.

    schedule   what depends on the learning rate and the step's number alone, for many steps to come at once
    update     the rest of the rule, on all parameters

The rule is the optimizer's own `update`, run on symbols: its tape has the parameter, its gradient, its states, the
learning rate and the number of the step for inputs, and the new parameter and states for outputs.
"""

from __future__ import annotations

from micrograd.compiler.context import COLUMNS, Batch
from micrograd.compiler.emit import Emitter, bits
from micrograd.compiler.lanes import function
from micrograd.compiler.plan import Plan
from micrograd.compiler.tape import Tape


class UpdateWriter:
    """Writes both functions. `plan.shared` are the results that `schedule` keeps in a table, a row for each."""

    def __init__(self, batch: Batch, tape: Tape, declared: set[str]):
        self.batch, self.tape, self.declared = batch, tape, declared
        self.plan = schedule_of(tape)
        self.arrays = ["%parameters", "%gradients", *(f"%state{k}" for k in range(batch.states))]

    def _emitter(self) -> Emitter:
        return Emitter(self.batch.machine, lanes=self.batch.machine.lanes, declared=self.declared)

    def schedule(self) -> str:
        """For %steps steps from number %taken + 1 on."""
        e = self._emitter()
        lanes = e.lanes
        with e.loop("s", "%steps", by=lanes) as s:
            first = e.let(f"add i64 {e.let('add i64 %taken, 1')}, {s}")
            one = e.scalars()
            number = e.splat(one.let(f"sitofp i64 {first} to double"))
            if lanes > 1:
                following = ", ".join(f"double {bits(float(k))}" for k in range(lanes))
                number = e.let(f"fadd {e.type} {number}, <{following}>")
            given = {len(self.arrays): e.load_vector("%rates", s), len(self.arrays) + 1: number}

            def keep(position: int, name: str) -> None:
                if position in self.plan.shared:
                    e.store(name, "%table", e.let(f"add i64 {s}, {self._row(position)}"))

            e.code(self.tape, self.plan.once, lambda position: given[position], keep)
        return function("void @schedule(ptr noalias %table, ptr noalias %rates, i64 %taken, i64 %steps)", e)

    def _row(self, position: int) -> int:
        return self.plan.shared[position] * COLUMNS

    def update(self) -> str:
        """%table points at the step's column."""
        e = self._emitter()
        inputs = len(self.arrays)
        same = {inputs: e.splat("%rate"), inputs + 1: e.splat("%step")}
        same |= {position: e.splat(e.load("%table", self._row(position))) for position in self.plan.shared}
        loaded: dict[int, str] = {}
        with e.loop("i", "%count", by=e.lanes) as i:

            def fetch(position: int) -> str:
                if position in same:
                    return same[position]
                if position not in loaded:
                    loaded[position] = e.load_vector(self.arrays[self.tape.code[position][1]], i)
                return loaded[position]

            names = e.code(self.tape, self.plan.each_row, fetch, lambda position, name: None)
            new = [
                e.value(x) if isinstance(x, float) else names[x] if x in names else fetch(x)
                for x in self.tape.outputs.values()
            ]
            for array, x in zip([self.arrays[0], *self.arrays[2:]], new):
                e.store(x, array, i)
        given = ", ".join(f"ptr noalias {array}" for array in (*self.arrays, "%table"))
        return function(f"void @update({given}, double %rate, double %step, i64 %count)", e)


def schedule_of(tape: Tape) -> Plan:
    """What of an update depends on the parameter, and what on its last two inputs, the learning rate and the step."""
    return Plan(tape, rows=set(range(len(tape.inputs) - 2)))
