"""Random programs of loops, unrolled on a tape as Python unrolls them while it is recorded.

    >>> body = [("mul", 0, [("input", 0, (1,)), ("constant", 0.5)]), ("output", 0)]
    >>> print(unrolled(("loop", 2, 0, body), ["x", "y"]))
    %0 = input x
    %1 = input y
    %2 = mul %0 0.5
    %3 = mul %1 0.5
    d0 %2
    d1 %3
    r0 %3
    r1 %0
    r2 %0

A program is a nest of tuples. `("loop", count, slope, body)` runs its body `count + slope * (the loop's around it
counter)` times. `(op, register, operands)` writes a register, and appends the result to the list of all results. An
operand is an input or an earlier result at an affine place, a register (carried from turn to turn), the result some
instructions ago, or a constant. `("output", register)` makes a register an output; `("only", turn, instruction)` is an
instruction in one turn of the loop around it.
"""

from __future__ import annotations

import random

from micrograd.compiler.tape.tape import Tape

REGISTERS = 3
UNARY, BINARY = ("neg", "abs", "tanh"), ("add", "mul", "sub", "add", "mul", "add")
OPERANDS = "register register input input ago ago result constant".split()
COUNTS = (1, 2, 3, 4, 5, 8)  # turns of a loop
LARGE = (5, 8, 11, 16, 23)  # where loops shall be too long to be written without a loop


def random_program(seed, *, large=False, inputs=13):
    """A nest of loops, up to three deep. With `large` loops are long, and some are layers of neurons with the gradients
    of their weights.
    """
    rng = random.Random(seed)

    def operand():
        kind = rng.choice(OPERANDS)
        strides = tuple(rng.choice((0, 0, 1, 1, 2, -1, 3)) for _ in range(rng.randrange(4)))
        choices = {
            "register": lambda: (rng.randrange(REGISTERS),),
            "input": lambda: (rng.randrange(inputs), strides),
            "result": lambda: (rng.randrange(40), strides),
            "ago": lambda: (rng.choice((1, 1, 1, 2, 3)),),
            "constant": lambda: (rng.choice((0.5, -0.0, 0.0, 3.0)),),
        }
        return (kind, *choices[kind]())

    def instruction():
        names, count = rng.choice(((UNARY, 1), (BINARY, 2), (BINARY, 2)))
        return (rng.choice(names), rng.randrange(REGISTERS), [operand() for _ in range(count)])

    def loop(depth):
        body = [statement(depth - 1) for _ in range(rng.choice((1, 2, 2, 3)))]
        return ("loop", rng.choice(LARGE if large else COUNTS), rng.choice((0, 0, 0, 1, 1, -1)), body)

    def layer():
        """Sums of products, a function of each sum, and each neuron's result times each input as outputs."""
        units, count, slope = rng.choice(LARGE), rng.choice(LARGE), rng.choice((0, 0, 0, 1))
        x = ("input", rng.randrange(inputs), (1,))
        weights = ("input", rng.randrange(inputs), (1, rng.choice((0, 1, 3))))
        gradient = [("mul", 1, [("register", 0), x]), *[("output", 1)] * (rng.random() < 0.8)]
        return [
            ("loop", units, 0, [
                ("mul", 0, [operand(), ("constant", 0.5)]),
                ("loop", count, slope, [("mul", 1, [x, weights]), ("add", 0, [("register", 0), ("ago", 1)])]),
                ("tanh", 0, [("register", 0)]),
                ("loop", count, 0, gradient),
            ])
        ]  # fmt: skip

    def statement(depth):
        if depth and rng.random() < 0.5:
            return loop(depth)
        if rng.random() < 0.1:
            return ("output", rng.randrange(REGISTERS))
        return ("only", rng.randrange(5), instruction()) if rng.random() < 0.02 else instruction()

    if large and rng.random() < 0.5:
        return ("loop", 1, 0, [*layer(), loop(2), *[statement(2) for _ in range(rng.randrange(2))]])
    return ("loop", 1, 0, [loop(3), *[statement(2) for _ in range(rng.randrange(3))]])


def unrolled(program, inputs, most=3000):
    """The tape of a program; it ends early after `most` instructions."""
    tape = Tape(inputs)
    results, registers = [*range(len(inputs))], [0] * REGISTERS

    def operand(x, counters):
        kind, at, *rest = x
        if kind == "constant":
            return at
        if kind == "register":
            return registers[at]
        if kind == "ago":
            return results[-at % len(results)]
        for stride, counter in zip(rest[0], reversed(counters)):
            at += stride * counter
        return results[at % len(results)] if kind == "result" else at % len(inputs)

    def run(statement, counters):
        what, number, *rest = statement
        if what == "loop":
            slope, body = rest
            for counter in range(number + slope * (counters[-1] if counters else 0)):
                for inner in body:
                    if len(tape) < most:
                        run(inner, [*counters, counter])
        elif what == "only":  # an irregular remainder
            if counters[-1:] == [number]:
                run(rest[0], counters)
        elif what == "output":
            tape.outputs[f"d{len(tape.outputs)}"] = registers[number]
        else:
            registers[number] = tape.append(what, *[operand(x, counters) for x in rest[0]])
            results.append(registers[number])

    run(program, [])
    for number, position in enumerate(registers):
        tape.outputs[f"r{number}"] = position
    return tape
