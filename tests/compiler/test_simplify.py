"""Tapes before and after simplifying: as text, and to the bit on numbers of all kinds."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from helpers.native import IEEE, SPECIAL, by_ieee, tape_of
from hypothesis import given
from hypothesis import strategies as st

from micrograd import relu, sigmoid, where
from micrograd.compiler import simplify as module
from micrograd.compiler.tape.plan import Plan
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.tape import CONDITIONS, INFIX, Tape
from micrograd.table import ELEMENTARY


def simplified(*code, inputs=("x", "y")):
    """The text of a simplified tape whose output is the last instruction."""
    tape = Tape(list(inputs))
    for name, *operands in code:
        last = tape.append(name, *operands)
    tape.outputs["value"] = last
    return str(simplify(tape)).removeprefix("%0 = input x\n%1 = input y\n")


@pytest.mark.parametrize(
    "code, wanted",
    [
        ([("mul", 0, 1.0)], "value %0"),
        ([("mul", 1.0, 0)], "value %0"),
        ([("mul", 0, -1.0)], "%2 = neg %0\nvalue %2"),
        ([("div", 0, 1.0)], "value %0"),
        ([("div", 0, 8.0)], "%2 = mul %0 0.125\nvalue %2"),
        ([("div", 0, 3.0)], "%2 = div %0 3.0\nvalue %2"),
        ([("add", 0, -0.0)], "value %0"),
        ([("add", 0, 0.0)], "%2 = add %0 0.0\nvalue %2"),  # -0.0 + 0.0 is 0.0
        ([("add", 0, 0.0), ("add", 0.0, 2)], "%2 = add %0 0.0\nvalue %2"),  # which is not -0.0
        ([("exp", 0), ("add", 2, 0.0)], "%2 = exp %0\nvalue %2"),
        ([("add", 0, 1), ("add", 2, 0.0)], "%2 = add %0 %1\n%3 = add %2 0.0\nvalue %3"),  # -0.0 + -0.0 is -0.0
        ([("sub", 0, 0.0)], "value %0"),
        ([("sub", 0, -0.0)], "%2 = sub %0 -0.0\nvalue %2"),
        ([("sub", -0.0, 0)], "%2 = neg %0\nvalue %2"),
        ([("sub", 0, 0)], "%2 = sub %0 %0\nvalue %2"),  # nan for inf
        ([("mul", 0, 0.0)], "%2 = mul %0 0.0\nvalue %2"),  # nan for inf
        ([("neg", 0), ("neg", 2)], "value %0"),
        ([("neg", 0), ("abs", 2)], "%2 = abs %0\nvalue %2"),
        ([("abs", 0), ("abs", 2)], "%2 = abs %0\nvalue %2"),
        ([("lt", 0, 1), ("where", 2, 0, 0)], "value %0"),
        ([("where", 1.0, 0, 1)], "value %0"),
        ([("where", 0.0, 0, 1)], "value %1"),
        ([("gt", 0, 1), ("lt", 1, 0), ("where", 2, 0, 1), ("where", 3, 0, 1), ("add", 4, 5)],
         "%2 = lt %1 %0\n%3 = where %2 %0 %1\n%4 = add %3 %3\nvalue %4"),
        ([("pow", 0, 0.0)], "value 1.0"),
        ([("pow", 0, 1.0)], "value %0"),
        ([("pow", 0, 2.0)], "%2 = mul %0 %0\nvalue %2"),
        ([("pow", 0, 3.0)], "%2 = mul %0 %0\n%3 = mul %2 %0\nvalue %3"),
        ([("pow", 0, -1.0)], "%2 = div 1.0 %0\nvalue %2"),
        ([("pow", 0, 0.5)], "%2 = pow %0 0.5\nvalue %2"),
        ([("exp", 0.0)], "value 1.0"),
        ([("log", 0.0)], "%2 = log 0.0\nvalue %2"),  # Python raises; native code gives -inf
        ([("div", 1.0, 0.0)], "%2 = div 1.0 0.0\nvalue %2"),
        ([("add", 0, 1), ("add", 1, 0), ("sub", 2, 3)], "%2 = add %0 %1\n%3 = sub %2 %2\nvalue %3"),
        ([("sub", 0, 1), ("sub", 1, 0), ("mul", 2, 3)], "%2 = sub %0 %1\n%3 = sub %1 %0\n%4 = mul %2 %3\nvalue %4"),
        ([("exp", 0), ("add", 0, 1)], "%2 = add %0 %1\nvalue %2"),
        ([("mul", 0, 0.0), ("mul", 0, -0.0), ("add", 2, 3)],
         "%2 = mul %0 0.0\n%3 = mul %0 -0.0\n%4 = add %2 %3\nvalue %4"),
    ],
)  # fmt: skip
def test_each_identity(code, wanted):
    assert simplified(*code) == wanted


def bits(x):
    return "nan" if x != x else struct.pack("d", x)  # which nan it is has no meaning


EXACT = [name for name in (*INFIX, *ELEMENTARY) if name not in CONDITIONS and name != "pow"]


@given(seed=st.integers(0, 10**9), numbers=st.lists(st.sampled_from(SPECIAL) | st.floats(), min_size=3, max_size=3))
def test_random_tapes_keep_their_results_to_the_bit(seed, numbers):
    rng = random.Random(seed)
    tape = Tape(["x", "y", "z"])
    for _ in range(25):
        name = rng.choice(EXACT)
        count = {"where": 3, "add": 2, "sub": 2, "mul": 2, "div": 2}.get(name, 1)
        operands = [
            rng.choice([0.0, -0.0, 1.0, -1.0, 2.0, 0.25, 3.0]) if rng.random() < 0.3 else rng.randrange(len(tape))
            for _ in range(count)
        ]
        if name == "where":
            operands[0] = tape.append(rng.choice(["lt", "le", "gt", "ge"]), *operands[1:])
        if any(isinstance(x, int) and tape.code[x][0] in CONDITIONS for x in operands[name == "where" :]):
            continue
        tape.append(name, *operands)
    results = [i for i, (name, *_) in enumerate(tape.code) if name not in CONDITIONS]
    tape.outputs = {f"out{i}": i for i in rng.sample(results, min(6, len(results)))}
    shorter = simplify(tape)
    assert len(shorter) <= len(tape)
    assert list(map(bits, by_ieee(tape, numbers))) == list(map(bits, by_ieee(shorter, numbers)))
    assert str(simplify(shorter)) == str(shorter)


@pytest.mark.parametrize("exponent", [-4, -3, -2, -1, 2, 3, 4])
@pytest.mark.parametrize("x", [*SPECIAL, 1.1, -3.7, 1e-77, 1e77, 3e-103, 1e154, 1e-154, 1e-160, 1e160, 1e-310])
def test_powers_by_multiplication(x, exponent):
    tape = tape_of(lambda v: v**exponent, 1)
    (wanted, _), (got, _) = by_ieee(tape, [x]), by_ieee(simplify(tape), [x])
    assert got == pytest.approx(wanted, rel=1e-15, abs=1e-322, nan_ok=True)


def test_the_tape_of_a_learner():
    tape = simplify(tape_of(lambda x, y: where(x > y, relu(x), x * sigmoid(y)), 2))
    assert str(tape).splitlines()[:4] == ["%0 = input x0", "%1 = input x1", "%2 = lt %1 %0", "%3 = lt %0 0.0"]
    assert tape.run(IEEE, [2.0, 1.0])["value"] == 2.0


def test_what_runs_once_and_what_for_every_row():
    tape = tape_of(lambda w, x: (w * w).exp() * x, 2)
    plan = Plan(simplify(tape), rows={1})
    assert [simplify(tape).code[i][0] for i in plan.once][:2] == ["mul", "exp"]
    assert all(not plan.varies[i] for i in plan.once) and all(plan.varies[i] for i in plan.each_row)


def test_the_docstring_says_what_is_not_exact():
    assert "not exact" in module.__doc__ and Path(module.__file__).exists()
