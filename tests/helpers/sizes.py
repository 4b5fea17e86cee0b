"""How large the terms are that a program adds up: what a difference by rounding is measured with.

>>> from micrograd.compiler.tape.tape import Tape
>>> tape = Tape(["x", "y"])
>>> tape.outputs["value"] = tape.append("sub", 0, tape.append("mul", 1, 3.0))
>>> sizes(tape, [9.0, 3.0])
[18.0]
"""

from __future__ import annotations

import numpy as np

from micrograd.compiler.tape.tape import INFIX


def sizes(tape, inputs):
    """How large each output would be if all terms of all sums were added as positive numbers. `inputs` are arrays, with
    a number for each row. Rounding, in whatever order sums are taken, changes an output by a small part of this.
    """
    numbers, found = [], []
    for name, *operands in tape.code:
        if name == "input":
            numbers.append(inputs[operands[0]])
            found.append(abs(numbers[-1]))
            continue
        xs = [numbers[x] if isinstance(x, int) else x for x in operands]
        size, *others = [found[x] if isinstance(x, int) else abs(x) for x in operands]
        if name in ("neg", "abs"):
            numbers.append(-xs[0] if name == "neg" else abs(xs[0]))
        elif name == "tanh":  # its derivative is what is left of an error of its operand
            number = np.tanh(xs[0])
            numbers.append(number)
            size = abs(number) + (1 - number * number) * size
        else:
            numbers.append(INFIX[name](*xs))
            size = size * others[0] if name == "mul" else size + others[0]
        found.append(size)
    return [found[x] if isinstance(x, int) else abs(x) for x in tape.outputs.values()]
