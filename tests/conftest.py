"""What several test files share: the test profile, and ways to apply a row of the table."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

from micrograd import ops
from micrograd.table import TABLE, float_of, split_case

# No deadlines: a busy machine is not a failing test. CI repeats the same examples on each run.
hypothesis.settings.register_profile("here", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

# Many tests interrupt with Ctrl-C, which a shell lets whatever it starts in the background ignore.
signal.signal(signal.SIGINT, signal.default_int_handler)

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
    return entry(*operands, **static)


def names_of(entry, operands):
    """What the rule calls each operand, `*` for those of a starred one."""
    names = [name for name in entry.operands if not name.startswith("*")]
    return names + ["*"] * (len(operands) - len(names))


def of_numbers(entry, operands, static):
    """An operation as a function of its operands that are differentiated, and these: those that choose stay."""
    free = [i for i, name in enumerate(names_of(entry, operands)) if name not in CHOOSERS]

    def f(*xs):
        given = list(operands)
        for i, x in zip(free, xs, strict=True):
            given[i] = x
        return apply(entry, given, static)

    return f, [float(operands[i]) for i in free]
