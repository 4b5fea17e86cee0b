"""Random programs of loops, unrolled on a tape as Python unrolls them while it is recorded.

    >>> import random
    >>> print(unrolled(("loop", 2, 0, [("mul", 0, [("input", 0, (1,)), ("constant", 0.5)])]), ["x", "y"]))
    %0 = input x
    %1 = input y
    %2 = mul %0 0.5
    %3 = mul %1 0.5
    d0 %2
    d1 %3
    value %3

A program is a nest of tuples. `("loop", count, slope, body)` runs its body `count + slope * (the loop's around it
counter)` times. `(op, register, operands)` writes a register, and appends the result to the list of all results. An
operand is an input at an affine place, a register (carried from turn to turn), an earlier result, or a constant.
"""

from __future__ import annotations

from hypothesis import strategies as st

from micrograd.compiler.tape.tape import Tape

REGISTERS = 4
UNARY, BINARY = ("neg", "abs", "tanh"), ("add", "mul", "sub", "add", "mul")

strides = st.lists(st.integers(-2, 3), min_size=0, max_size=3).map(tuple)
operands = st.one_of(
    st.tuples(st.just("input"), st.integers(0, 30), strides),
    st.tuples(st.just("register"), st.integers(0, REGISTERS - 1)),
    st.tuples(st.just("result"), st.integers(0, 40), strides),
    st.tuples(st.just("constant"), st.sampled_from((0.5, -0.0, 0.0, 3.0))),
)
instructions = st.one_of(
    st.tuples(st.sampled_from(UNARY), st.integers(0, REGISTERS - 1), st.lists(operands, min_size=1, max_size=1)),
    st.tuples(st.sampled_from(BINARY), st.integers(0, REGISTERS - 1), st.lists(operands, min_size=2, max_size=2)),
    st.tuples(
        st.just("only"), st.integers(0, 4), st.tuples(st.just("neg"), st.just(0), st.lists(operands, max_size=1))
    ),
)


def loops(inside):
    return st.tuples(st.just("loop"), st.integers(1, 7), st.integers(-1, 2), st.lists(inside, min_size=1, max_size=5))


programs = st.lists(st.recursive(instructions, loops, max_leaves=8), min_size=1, max_size=3).map(
    lambda parts: ("loop", 1, 0, parts)
)


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
        for stride, counter in zip(rest[0], reversed(counters)):
            at += stride * counter
        return results[at % len(results)] if kind == "result" else at % len(inputs)

    def run(statement, counters):
        what, number, rest, *body = statement
        if what == "loop":
            for counter in range(number + rest * (counters[-1] if counters else 0)):
                for inner in body[0]:
                    if len(tape) < most:
                        run(inner, [*counters, counter])
        elif what == "only":  # in one turn: an irregular remainder
            if counters[-1:] == [number] and rest[2]:
                run(rest, counters)
        else:
            registers[number] = tape.append(what, *[operand(x, counters) for x in rest])
            results.append(registers[number])

    run(program, [])
    for number, position in enumerate(results[len(inputs) :: 3] if len(results) > 9 else results[len(inputs) :]):
        tape.outputs[f"d{number}"] = position
    tape.outputs["value"] = registers[0]
    return tape
