"""The core that runs gives Python's own numbers, to the bit, for every row: run with each wheel that is built."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from helpers.cases import apply, names_of
from helpers.corners import CORNERS, any_float, hexed

from micrograd import Value
from micrograd.table import FLOAT, TABLE, split_case

ROWS = [pytest.param(entry, id=entry.name) for entry in TABLE.values() if entry.built_in]


def by_the_rule(entry, operands, settings):
    """The value, and the local derivatives or the kind of error that they are; or the value's own kind of error."""
    try:
        value, derivatives = entry.rule(FLOAT, *operands, **settings)
    except (ArithmeticError, ValueError) as error:
        return type(error)
    try:
        return hexed([value]), hexed(derivatives())
    except (ArithmeticError, ValueError) as error:
        return hexed([value]), type(error)


def by_the_core(entry, operands, settings):
    """The same of the operation on Values."""
    values = [Value(x) for x in operands]
    try:
        node = values[0] ** settings["exponent"] if entry.name == "power" else apply(entry, values, settings)
    except (ArithmeticError, ValueError) as error:
        return type(error)
    local = node._local
    try:
        return hexed([node.data]), hexed(local if isinstance(local, tuple) else local())
    except (ArithmeticError, ValueError) as error:
        return hexed([node.data]), type(error)


@pytest.mark.parametrize("entry", ROWS)
def test_each_row_gives_what_its_rule_gives(entry):
    rng = random.Random(entry.name)
    tried, differ = [split_case(case) for case in entry.cases], set()
    for case, settings in tried.copy():
        chooses = [name in ("index", "condition") for name in names_of(entry, case)]
        domains = entry.domain if isinstance(entry.domain[0], tuple) else [entry.domain] * len(case)
        corners = itertools.product(CORNERS, repeat=len(case)) if len(case) < 3 else [rng.choices(CORNERS, k=len(case))]
        drawn = [[rng.uniform(*domain) for domain in domains] for _ in range(200)]
        drawn += [[any_float(rng) for _ in case] for _ in range(200)] + [list(numbers) for numbers in corners]
        for numbers in drawn:
            tried.append(([x if fixed else y for x, y, fixed in zip(case, numbers, chooses)], settings))
    for operands, settings in tried:
        wanted = by_the_rule(entry, operands, settings)
        assert by_the_core(entry, operands, settings) == wanted, (operands, settings)
        differ.add(str(wanted))
    assert len(differ) > 3


def test_powers_with_any_exponent():
    """Exponents that are settings: whole ones, fractions, zeros of both signs and what overflows."""
    rng = random.Random(1)
    exponents = [0, 1, 2, 3, -1, -2, 0.0, -0.0, 0.5, -0.5, 2.5, 1 / 3, 2**53, -(2**53), 1e308, math.inf, math.nan, True]
    for exponent in exponents:
        for x in [*CORNERS, *(rng.uniform(-3.0, 3.0) for _ in range(50))]:
            settings = {"exponent": exponent}
            wanted = by_the_rule(TABLE["power"], [x], settings)
            assert by_the_core(TABLE["power"], [x], settings) == wanted, (x, exponent)
