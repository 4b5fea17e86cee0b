"""Write the native functions of the optimizer: its rule, on one parameter in each lane.

    ahead      what depends only on the learning rate and the step's number, for many steps at once
    norm       the norm of the gradients, by which they may be scaled
    update     the rest of the rule, on all parameters

The rule is the optimizer's own `update`, run on symbols. The inputs of its tape are the parameter, its gradient, its
states, the learning rate and the step's number; the outputs are the new parameter and states.
"""

from __future__ import annotations

import functools
from typing import Any

from micrograd.compiler.native.context import COLUMNS
from micrograd.compiler.native.emit import Emitter, bits
from micrograd.compiler.native.lanes import function
from micrograd.compiler.native.spec import ModuleSpec
from micrograd.compiler.tape.plan import rule_plan
from micrograd.compiler.tape.tape import Tape, is_condition


class UpdateWriter:
    """Writes the three functions. `plan.shared` are the results that `ahead` computes: each has COLUMNS numbers."""

    spec: ModuleSpec
    tape: Tape
    declared: set[str]

    def __init__(self, spec: ModuleSpec, tape: Tape, declared: set[str]):
        self.spec, self.tape, self.declared = spec, tape, declared
        self.plan: Any = rule_plan(tape)
        self.arrays: list[str] = ["%parameters", "%gradients", *(f"%state{k}" for k in range(spec.states))]

    def _emitter(self) -> Emitter:
        machine = self.spec.machine
        return Emitter(machine, lanes=machine.lanes, declared=self.declared, exact=self.spec.exact)

    def ahead(self) -> str:
        """Compute them for %steps steps, from step %taken + 1 on."""
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
                    if is_condition(self.tape, position):
                        name = e.let(f"uitofp {e.of('i1')} {name} to {e.type}")
                    e.store(name, "%ahead", e.let(f"add i64 {s}, {self._row(position)}"))

            e.code(self.tape, self.plan.once, lambda position: given[position], keep)
        return function("void @ahead(ptr noalias %ahead, ptr noalias %rates, i64 %taken, i64 %steps)", e)

    def _row(self, position: int) -> int:
        return self.plan.shared[position] * COLUMNS

    def norm(self) -> str:
        """Return the square root of the sum of the gradients' squares."""
        e = self._emitter()
        with e.loop("i", "%count", by=e.lanes, carry=[(e.type, "%squares", "zeroinitializer")]) as i:
            gradient = e.load_vector("%gradients", i)
            contract = "" if e.exact else " contract"
            square = e.let(f"fmul{contract} {e.type} {gradient}, {gradient}")
            e.do(f"%squares.next = fadd{contract} {e.type} %squares, {square}")
        one = e.scalars()
        total = "%squares.next"
        if e.lanes > 1:
            numbers = [one.let(f"extractelement {e.type} {total}, i32 {k}") for k in range(e.lanes)]
            total = functools.reduce(lambda x, y: one.instruction("add", x, y), numbers)
        e.do(f"ret double {one.instruction('sqrt', total)}")
        return function("double @norm(ptr noalias %gradients, i64 %count)", e, returns=False)

    def _factor(self, e: Emitter) -> str | None:
        """The factor on all gradients, in every lane; None if it is always 1."""
        scale = self.spec.scale
        assert scale is not None
        (x,) = scale.outputs.values()
        if isinstance(x, float):
            return None if x == 1.0 else e.value(x)
        one = e.scalars()
        names = one.code(scale, range(len(scale)), lambda position: "%norm", lambda position, name: None)
        return e.splat(names.get(x, "%norm"))

    def update(self) -> str:
        """Apply the rule to all parameters; %ahead points at the step's column."""
        e = self._emitter()
        factor = self._factor(e)
        inputs = len(self.arrays)
        same = {inputs: e.splat("%rate"), inputs + 1: e.splat("%step")}
        for position in self.plan.shared:
            same[position] = e.splat(e.load("%ahead", self._row(position)))
            if is_condition(self.tape, position):
                same[position] = e.let(f"fcmp une {e.type} {same[position]}, {e.value(0.0)}")
        loaded: dict[int, str] = {}
        with e.loop("i", "%count", by=e.lanes) as i:

            def fetch(position: int) -> str:
                if position in same:
                    return same[position]
                if position not in loaded:
                    array = self.arrays[self.tape.code[position][1]]
                    loaded[position] = e.load_vector(array, i)
                    if array == "%gradients" and factor:
                        loaded[position] = e.instruction("mul", loaded[position], factor)
                return loaded[position]

            names = e.code(self.tape, self.plan.each_row, fetch, lambda position, name: None)
            new = [
                e.value(x) if isinstance(x, float) else names[x] if x in names else fetch(x)
                for x in self.tape.outputs.values()
            ]
            for array, x in zip([self.arrays[0], *self.arrays[2:]], new):
                e.store(x, array, i)
        given = ", ".join(f"ptr noalias {array}" for array in (*self.arrays, "%ahead"))
        return function(f"void @update({given}, double %rate, double %step, double %norm, i64 %count)", e)
