"""Random programs give the same values, derivatives and errors, compiled in every way, as they give eagerly.

`python tests/differential.py --count 20000 --seed 7` tries more.
"""

from __future__ import annotations

import random
import re

import pytest
from differential import FACTOR, disagreements, kind_of, report, shrunk
from helpers.bounds import bounds_of
from helpers.cases import BUILT_IN
from helpers.programs import Program, Statement, random_program
from helpers.ways import WAYS, Comparison, Outcome

from micrograd import Value, exp, sigmoid
from micrograd.table import TABLE, op

PROGRAMS = [random_program(random.Random(f"tests:{n}")) for n in range(300)]
CHUNK = 10


@pytest.mark.parametrize("start", range(0, len(PROGRAMS), CHUNK))
def test_compiled_programs_give_what_eager_ones_give(start):
    wrong = [said for program in PROGRAMS[start : start + CHUNK] if (said := report(program))]
    assert not wrong, "\n" + "\n".join(wrong)


def names_in(programs):
    """The names of the table's rows that programs use."""
    found = set()
    for program in programs:
        text = program.text
        found |= {name for name in TABLE if re.search(rf"\b{name}\(", text)}
        signs = {"add": " + ", "sub": " - ", "mul": " * ", "div": " / ", "neg": "(-"}
        found |= {name for name, sign in signs.items() if sign in text}
        found |= {"power"} if re.search(r"\*\* -?\d", text) else set()
        found |= {"pow"} if re.search(r"\*\* \(?[a-z]", text) else set()
    return found


def test_the_programs_use_every_row_of_the_table():
    assert names_in(PROGRAMS) >= set(BUILT_IN)


def test_a_new_row_is_tried_on_arrival():
    @op("thrice", cases=[(2.0,), (2.0, {"times": 4.0})])
    def thrice(m, x, *, times=3.0):
        return times * x, lambda: (times,)

    try:
        programs = [random_program(random.Random(n)) for n in range(200)]
        using = [program for program in programs if "thrice(" in program.text]
        assert using and any("times=" in program.text for program in using)
        assert not disagreements(
            Program(("x",), (), (Statement("a", "thrice({0}, times=2.5)", ("x",)),), ("a",), (("1.5",),))
        )
    finally:
        del TABLE["thrice"]
        del Value.thrice


def test_what_disagrees_is_found_and_made_small(monkeypatch):
    """A way that is wrong for programs with tanh: the smallest such program is the tanh alone."""

    def wrong(case):
        shift = "tanh(" in case.source
        yield Comparison("values", Outcome([1.0]), Outcome([1.0 + shift]))

    monkeypatch.setitem(WAYS, "wrong", wrong)
    program = next(p for p in PROGRAMS if "= tanh(" in p.source() and len(p.statements) > 4)
    [(name, c)] = disagreements(program, ["wrong"])
    small = shrunk(program, name, kind_of(c))
    assert len(small.statements) == len(small.rows) == len(small.results) == 1
    assert re.search(r"a\d = tanh\(", small.source())


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * x - 0.01, 0.1),  # cancellation forward
        (lambda x: exp(x / x), 1e-100),  # and backward
        (lambda x: (x + 1e16) - 1e16, 3.3),
        (sigmoid, 0.3),
    ],
)
def test_bounds_hold_what_rounding_does(f, x):
    """Compare with numbers of 200 digits."""
    import mpmath

    from micrograd import grad

    leaf = Value(x)
    value, gradients = bounds_of(f(leaf))
    with mpmath.workdps(200):
        exact = {
            0.1: lambda t: t * t - mpmath.mpf(0.01),
            1e-100: lambda t: mpmath.exp(t / t),
            3.3: lambda t: (t + 10**16) - 10**16,
            0.3: lambda t: 1 / (1 + mpmath.exp(-t)),
        }[x]
        true, slope = exact(mpmath.mpf(x)), {1e-100: 0, 3.3: 1, 0.1: 0.2}.get(x)
        assert abs(f(leaf).data - true) <= value.error * FACTOR
        slope = mpmath.exp(-x) / (1 + mpmath.exp(-x)) ** 2 if slope is None else slope
        assert abs(grad(f)(x) - slope) <= gradients[leaf].error * FACTOR


def test_bounds_of_a_gradient_know_that_its_terms_are_added_in_any_order():
    x, y = Value(1e-300), Value(1.0)
    out = y - (y * x + (y - x))
    out.backward()
    assert y.grad == -1e-300  # (1 - 1) - 1e-300; in another order 0.0
    assert bounds_of(out)[1][y].error * FACTOR > 2e-16
    assert bounds_of(out)[1][x].error == 0.0
