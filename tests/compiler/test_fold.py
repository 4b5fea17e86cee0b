"""Folding a tape into loops: the results stay the same to the bit, and what came from loops becomes short."""

from __future__ import annotations

import random
import re

import pytest
from helpers.loop_programs import programs, unrolled
from hypothesis import given, settings

from micrograd.compiler.fold import fold, run
from micrograd.compiler.tape.recorder import Recorder
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import operand_of
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.table import FLOAT


def same(one, other):
    """Whether two dictionaries of outputs are equal to the bit."""
    return {k: x.hex() for k, x in one.items()} == {k: x.hex() for k, x in other.items()}


def tape_of_net(*sizes):
    """The training tape of one row of a net, which inputs are the row's, and the place of each input."""
    net = MLP(sizes[0], list(sizes[1:]), activation="sigmoid", output="sigmoid", rng=random.Random(0))
    recorder = Recorder()
    xs = [recorder.argument(f"x{i}") for i in range(sizes[0])]
    ys = [recorder.argument(f"y{i}") for i in range(sizes[-1])]
    parameters = net.parameters()
    with recorder.recording():
        loss = recorder.node(half_squared_sum(net(xs), ys))
        gradients = recorder.gradients(loss, [recorder.node(p) for p in parameters])
    recorder.tape.outputs = {f"d{i}": operand_of(d) for i, d in enumerate(gradients)}
    recorder.tape.outputs["value"] = operand_of(loss.data)
    place = {id(p): i for i, p in enumerate(parameters)}
    rows = range(len(xs) + len(ys))
    return simplify(recorder.tape), rows, [*rows, *[place[id(leaf)] for leaf in recorder.leaves]]


@pytest.mark.parametrize("sizes", [(64, 30, 10), (784, 30, 10)], ids=str)
def test_a_net_is_a_page_of_loops(sizes):
    tape, rows, places = tape_of_net(*sizes)
    folded = fold(tape, rows=rows, places=places)
    assert folded.lines <= 60
    numbers = random.Random(0)
    inputs = [numbers.uniform(-1, 1) for _ in tape.inputs]
    assert same(run(folded, inputs), tape.run(FLOAT, inputs))


def test_folding_a_small_net_reads_as_its_loops():
    tape, rows, places = tape_of_net(7, 5, 2)
    text = str(fold(tape, rows=rows, places=places))
    assert re.search(r"for i in 5:\n    t\[.*\] = shared\[8\*i\] \* row\[0\]\n.*\n    for j in 6:\n        t\[", text)
    assert re.search(r"\n        output\[-8\*i-j\+38\] = t\[", text)


@settings(deadline=None, max_examples=300)
@given(programs)
def test_random_programs_of_loops_give_the_tapes_numbers(program):
    tape = unrolled(program, [f"x{i}" for i in range(13)], most=1200)
    numbers = random.Random(len(tape))
    inputs = [numbers.choice((-0.0, 0.0, 1.5)) if i % 4 == 0 else numbers.uniform(-2, 2) for i in range(13)]
    folded = fold(tape, rows={1, 2, 5})
    assert same(run(folded, inputs), tape.run(FLOAT, inputs))
