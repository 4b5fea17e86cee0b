"""Random programs give the same on both cores to the last bit: values, gradients, structure, and errors in words."""

from __future__ import annotations

import random

from helpers.core_programs import LINES, Program, called, random_program, taken
from helpers.outcomes import outcome
from hypothesis import given, settings
from hypothesis import strategies as st
from two_cores import differences, shrunk


@st.composite
def programs(draw):
    return random_program(lambda choices: choices[draw(st.integers(0, len(choices) - 1))])


@settings(max_examples=300)
@given(programs())
def test_both_cores_give_the_same(program):
    assert differences(program) == []


def test_programs_do_all_kinds_of_things():
    """Most lines run; of each kind, some do."""
    rng = random.Random(0)
    for kind in dict.fromkeys(LINES):
        worked = 0
        for _ in range(60):
            p = Program(rng.choice)
            p.lines = [f"{p.new()} = Value(0.5)", f"{p.new()} = v0 * 2.0", f"{p.new()} = v1 + v0"]
            if kind in (called, taken):
                p.lines += ["f = micrograd.jit(lambda a, b: a * b)", "opt = SGD([v0], lr=0.5)"]
                p.lines += ["step = micrograd.train_step(lambda a, b: (a * v0 - b) ** 2, opt, exact=True)"]
            worked += "error" not in str(outcome([*p.lines, kind(p)])[len(p.lines)])
        assert worked > 5, kind.__name__


def test_a_difference_is_found_and_made_small(monkeypatch):
    """A core whose products are wrong is told, in two lines."""
    program = ["v0 = Value(2.0)", "v1 = v0 + 1.0", "v2 = Value(3.0)", "v3 = v0 * v2", "v4 = v3 - v1", "v4.backward()"]
    assert differences(program) == []
    wrong = [lines for lines in ([*program[:k], *program[k + 1 :]] for k in range(6)) if differences(lines)]
    assert wrong == []
    from micrograd import Value

    original = Value.__mul__
    monkeypatch.setattr(Value, "__mul__", lambda x, y: original(x, y) + 0.0)
    assert differences(program) and shrunk(program)[-1] == "v3 = v0 * v2"
