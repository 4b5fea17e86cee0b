"""Folding a tape into loops: the results stay the same to the bit, and what came from loops becomes short."""

from __future__ import annotations

import random
import re

import numpy as np  # noqa: F401  rows of data come as arrays
import pytest
from helpers.loop_programs import programs, unrolled
from hypothesis import given, settings

from micrograd.compiler.fold import fold, run
from micrograd.compiler.row_tape import row_tape
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.table import FLOAT


def same(one, other):
    """Whether two dictionaries of outputs are equal to the bit."""
    return {k: x.hex() for k, x in one.items()} == {k: x.hex() for k, x in other.items()}


def tape_of_net(*sizes):
    """The training tape of one row of a net, and which inputs are the row's."""
    net = MLP(sizes[0], list(sizes[1:]), activation="sigmoid", output="sigmoid", rng=random.Random(0))
    spec = row_tape(
        lambda given: half_squared_sum(net(given[0]), given[1]),
        ["x", "y"],
        [(True, ("list", (sizes[0],), "f8")), (True, ("list", (sizes[-1],), "f8"))],
        parameters=net.parameters(),
    ).spec
    return spec.tape, {i for i, source in enumerate(spec.sources) if source.is_row}


@pytest.mark.parametrize("sizes", [(64, 30, 10), (784, 30, 10)], ids=str)
def test_a_net_is_a_page_of_loops(sizes):
    tape, rows = tape_of_net(*sizes)
    folded = fold(tape, rows=rows)
    assert folded.lines <= 100
    numbers = random.Random(0)
    inputs = [numbers.uniform(-1, 1) for _ in tape.inputs]
    assert same(run(folded, inputs), tape.run(FLOAT, inputs))


def test_folding_a_small_net_reads_as_its_loops():
    tape, rows = tape_of_net(7, 5, 2)
    text = str(fold(tape, rows=rows))
    assert re.search(r"for i in 5:\n    t\[.*\] = shared\[8\*i\] \* row\[0\]\n.*\n    for j in 6:\n        t\[", text)


@settings(deadline=None, max_examples=300)
@given(programs)
def test_random_programs_of_loops_give_the_tapes_numbers(program):
    tape = unrolled(program, [f"x{i}" for i in range(13)], most=1200)
    numbers = random.Random(len(tape))
    inputs = [numbers.choice((-0.0, 0.0, 1.5)) if i % 4 == 0 else numbers.uniform(-2, 2) for i in range(13)]
    folded = fold(tape, rows={1, 2, 5})
    assert same(run(folded, inputs), tape.run(FLOAT, inputs))
