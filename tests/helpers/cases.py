"""The rows of the table as test cases, and ways to apply a row."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from micrograd import ops
from micrograd.coerce import float_of
from micrograd.table import TABLE, split_case

BUILT_IN = {name: entry for name, entry in TABLE.items() if entry.built_in}
CASES = [
    pytest.param(entry, *split_case(case), id=f"{name}{case}")
    for name, entry in BUILT_IN.items()
    for case in entry.cases
]
ROWS = [pytest.param(entry, id=name) for name, entry in BUILT_IN.items()]
CHOOSERS = ("index", "condition")  # operands that choose and are not differentiated


def apply(entry, operands, static):
    """Call an operation as users do, with operands in the rule's order."""
    if entry.name == "take":
        return ops.take(operands[1:], int(float_of(operands[0])))
    if entry.name == "logsumexp":
        return ops.logsumexp(operands)
    return entry.function(*operands, **static)


def names_of(entry, operands):
    """The rule's name for each operand; `*` for each operand of a starred parameter."""
    names = [name for name in entry.operands if not name.startswith("*")]
    return names + ["*"] * (len(operands) - len(names))


def of_numbers(entry, operands, static):
    """An operation as a function of its differentiable operands, and these operands; those that choose stay fixed."""
    free = [i for i, name in enumerate(names_of(entry, operands)) if name not in CHOOSERS]

    def f(*xs):
        given = list(operands)
        for i, x in zip(free, xs, strict=True):
            given[i] = x
        return apply(entry, given, static)

    return f, [float(operands[i]) for i in free]


def draw_operands(data, entry):
    """Operands from the row's domain, and the settings of one of its cases."""
    case, static = split_case(data.draw(st.sampled_from(entry.cases)))
    domains = entry.domain if isinstance(entry.domain[0], tuple) else [entry.domain] * len(case)
    operands = [data.draw(st.floats(*domain)) for domain in domains]
    for i, name in enumerate(names_of(entry, operands)):
        if name in CHOOSERS:
            operands[i] = float(round(operands[i])) if name == "condition" else float(case[i])
    return operands, static
