"""Helpers of the compiler's tests: tapes of functions, IEEE arithmetic to compare with, native code on lanes."""

from __future__ import annotations

import copy
import ctypes
import math

import numpy as np

from micrograd.compiler.native.emit import Emitter
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.native import CALL, Native
from micrograd.compiler.tape.recorder import Recorder
from micrograd.compiler.tape.symbols import operand_of
from micrograd.table import ELEMENTARY, FLOAT, Namespace

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 1e-310, -2e-308, 1.0, -1.0, 0.5, 1e300, -1e300]
LANES = [lanes for lanes in (1, 2, 4, 8) if lanes <= this_machine().lanes]


def _or_numpy(name, numpy_name):
    """Python's function, or where that raises, NumPy's, which gives nan or inf."""
    ours, theirs = getattr(FLOAT, name), getattr(np, numpy_name, None)

    def function(*xs):
        try:
            return np.float64(ours(*map(float, xs)))
        except (ArithmeticError, ValueError):
            return theirs(*xs)

    return staticmethod(function)


class Ieee(Namespace):
    """Elementary functions on NumPy's float64, which give nan and inf where Python raises."""

    pow, abs = _or_numpy("pow", "power"), _or_numpy("abs", "abs")
    asin, acos, atan = _or_numpy("asin", "arcsin"), _or_numpy("acos", "arccos"), _or_numpy("atan", "arctan")

    @staticmethod
    def where(condition, x, y):
        return np.float64(x if condition else y)


for _name in ELEMENTARY:
    if _name not in vars(Ieee):
        setattr(Ieee, _name, _or_numpy(_name, _name))
IEEE = Ieee()


def tape_of(f, count):
    """The unsimplified tape of a function of `count` numbers: its value and its derivative by each."""
    recorder = Recorder()
    with recorder.recording():
        inputs = [recorder.argument(f"x{i}") for i in range(count)]
        out = recorder.node(f(*inputs))
        tape = recorder.tape
        tape.outputs = {"value": operand_of(out.data)}
        for i, d in enumerate(recorder.gradients(out, inputs)):
            tape.outputs[f"d/dx{i}"] = operand_of(d)
    return tape


PAIRS = ("pow", "add", "sub", "mul", "div", "lt", "le", "gt", "ge", "and", "or")


def operand_count(name):
    """How many operands an instruction has."""
    return {"where": 3}.get(name, 2 if name in PAIRS else 1)


def append(tape, name, operands):
    """Append an instruction to a tape; return the position of its result as a number."""
    result = tape.append(name, *operands)
    return tape.append("where", result, 1.0, 0.0) if name in ("lt", "le", "gt", "ge", "and", "or") else result


def by_ieee(tape, inputs):
    """The outputs by IEEE arithmetic, one instruction after the other."""
    numpys = copy.copy(tape)  # with NumPy constants, which may be divided by zero
    numpys.code = [(name, *[np.float64(x) if isinstance(x, float) else x for x in rest]) for name, *rest in tape.code]
    with np.errstate(all="ignore"):
        return [float(x) for x in numpys.run(IEEE, [np.float64(x) for x in inputs]).values()]


class Lanes:
    """Native code for a tape on vectors: `Lanes(tape, 4)(columns)` takes 4 numbers for each input.

    Gives one list of numbers for each output.
    """

    def __init__(self, tape, lanes):
        self.lanes, self.inputs = lanes, len(tape.inputs)
        self.outputs = len(tape.outputs)
        e = Emitter(this_machine(), lanes=lanes)

        def fetch(position):
            return e.let(f"load {e.type}, ptr {e.at('%numbers', lanes * tape.code[position][1])}, align 8")

        names = e.code(tape, range(len(tape.code)), fetch, lambda position, name: None)
        for place, x in enumerate(tape.outputs.values(), start=self.inputs):
            result = e.value(x) if isinstance(x, float) else names[x] if x in names else fetch(x)
            e.do(f"store {e.type} {result}, ptr {e.at('%numbers', lanes * place)}, align 8")
        head = "define void @call(ptr %numbers) {"
        text = "\n".join([*sorted(e.declared), head, *e.lines, "  ret void", "}"])
        self.native = Native(text, this_machine(), call=CALL)

    def __call__(self, columns):
        given = [x for column in columns for x in column]
        numbers = (ctypes.c_double * (self.lanes * (self.inputs + self.outputs)))(*given)
        self.native.call(numbers)
        out = numbers[self.lanes * self.inputs :]
        return [out[i : i + self.lanes] for i in range(0, len(out), self.lanes)]


def assert_same(got, wanted, *, rel=1e-12, scale=0.0, what=""):
    """Check that two numbers agree to 1e-12 relative, and that nan, and the signs of inf and zero, are the same.

    `scale` is the size of the terms of a sum, if they may cancel.
    """
    if math.isnan(wanted):
        assert math.isnan(got), (got, wanted, what)
    elif math.isinf(wanted) or math.isinf(got):
        assert got == wanted, (got, wanted, what)
    elif got == 0.0 and wanted == 0.0:
        assert math.copysign(1.0, got) == math.copysign(1.0, wanted), (got, wanted, what)
    else:
        assert abs(got - wanted) <= rel * max(abs(wanted), scale) + 1e-322, (got, wanted, what)
