"""Folding a tape into loops: the results stay the same to the bit, and what came from loops becomes short."""

from __future__ import annotations

import functools
import math
import random
import re
import sys

import numpy as np  # noqa: F401  train_step's rows are arrays
import pytest
from helpers.demos import demo
from helpers.loop_programs import random_program, unrolled
from hypothesis import example, given, settings
from hypothesis import strategies as st

from micrograd.compiler.fold import Affine, Loop, fold, rolling, run, run_stored, storage
from micrograd.compiler.fold.arrays import Arrays
from micrograd.compiler.fold.forms import walk
from micrograd.compiler.fold.images import Footprint
from micrograd.compiler.tape.recorder import Recorder
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import operand_of
from micrograd.compiler.tape.tape import Tape
from micrograd.compiler.train_step import train_step
from micrograd.losses import cross_entropy, half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD
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


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.booleans())
@example(1546, False)  # a loop that does not run in the last turn
def test_random_programs_of_loops_give_the_tapes_numbers(seed, large):
    count = 60 if large else 13
    tape = unrolled(random_program(seed, large=large, inputs=count), [f"x{i}" for i in range(count)], most=1200)
    numbers = random.Random(len(tape))
    inputs = [numbers.choice((-0.0, 0.0, 1.5)) if i % 4 == 0 else numbers.uniform(-2, 2) for i in range(count)]
    folded = fold(tape, rows={1, 2, 5})
    expected = tape.run(FLOAT, inputs)
    assert same(run(folded, inputs), expected)
    assert same(run_stored(storage(folded), inputs), expected)


def test_a_loop_that_grows_is_a_loop_of_loops():
    """Attention: each position looks at those before it."""
    tape = Tape([f"x{i}" for i in range(40)])
    keys = [tape.append("exp", i) for i in range(40)]
    for i in range(40):
        weights = [tape.append("tanh", tape.append("mul", keys[i], keys[j])) for j in range(i + 1)]
        scores = [tape.append("mul", x, x) for x in weights]
        total = functools.reduce(lambda x, y: tape.append("add", x, y), scores)
        tape.outputs[f"y{i}"] = functools.reduce(
            lambda x, y: tape.append("add", x, y), [tape.append("div", x, total) for x in weights]
        )
    folded = fold(tape)
    loops = [str(entry.count) for entry, _ in walk(folded.body) if isinstance(entry, Loop)]
    assert folded.lines < 60 and any("i" in count for count in loops), str(folded)
    inputs = [math.cos(i) for i in range(40)]
    assert same(run(folded, inputs), tape.run(FLOAT, inputs))
    assert same(run_stored(storage(folded), inputs), tape.run(FLOAT, inputs))


def test_what_is_read_two_turns_later_is_in_memory():
    tape = Tape(["x", "y"])
    before, last = tape.append("exp", 0), tape.append("exp", 1)
    for _ in range(30):
        before, last = last, tape.append("tanh", tape.append("sub", last, tape.append("mul", before, 0.5)))
    tape.outputs["value"] = last
    folded = fold(tape)
    kept = storage(folded)
    assert folded.lines < 16 and 0 < kept.size < 32, str(kept)
    assert same(run_stored(kept, [0.3, -0.2]), tape.run(FLOAT, [0.3, -0.2]))


@pytest.mark.parametrize(
    ("step", "last", "size", "places"), [(1, 102, 7, ["i", "i+2"]), (5, 101, 2, ["0", "1"])], ids=["meet", "apart"]
)
def test_turns_share_an_array_if_their_places_are_apart(step, last, size, places):
    """The places 0 and 2, 1 and 3, 2 and 4, ... meet; 0 and 1, 5 and 6, ... do not."""
    arrays, loops = Arrays(), (Loop(5, ()),)
    keys = [arrays.add(Affine(base, (step,)), loops, 0) for base in (100, last)]
    assert arrays.lay_out() == size
    assert [str(arrays.place(key)) for key in keys] == places


def test_an_array_of_one_turn_is_the_same_in_all_turns():
    tape = Tape([f"x{i}" for i in range(20)])
    for i in range(20):
        row = [tape.append("tanh", tape.append("mul", i, j)) for j in range(20)]
        largest = functools.reduce(lambda x, y: tape.append("where", tape.append("lt", x, y), y, x), row)
        shifted = [tape.append("sub", x, largest) for x in row]
        tape.outputs[f"y{i}"] = functools.reduce(lambda x, y: tape.append("add", x, y), shifted)
    kept = storage(fold(tape))
    inputs = [math.sin(i) for i in range(20)]
    assert kept.size == 20, str(kept)
    assert same(run_stored(kept, inputs), tape.run(FLOAT, inputs))


def test_a_gpt_is_as_long_for_more_positions():
    """Its attention grows with the position, its backward gathers contributions from all later ones."""
    gpt = demo("microgpt")

    def tape_of(block):
        net = gpt.GPT(5, block=block, size=4, heads=2, layers=1, rng=random.Random(0))

        def loss(tokens, targets, weights):
            memory = [([], [])]
            scores = [net(token, i, memory) for i, token in enumerate(tokens)]
            return gpt.dot(weights, [cross_entropy(x, y) for x, y in zip(scores, targets)])

        row = [[i % 5 for i in range(block)]]
        return train_step(loss, SGD(net.parameters(), lr=0.1)).trace(row, row, [[0.1] * block])

    lines = []
    for block in (9, 12):
        tape = tape_of(block)
        rows = [i for i, name in enumerate(tape.inputs) if name.startswith(("tokens", "targets", "weights"))]
        folded = fold(tape, rows=rows)
        lines.append(folded.lines)
        numbers = random.Random(0)
        inputs = [numbers.uniform(-1, 1) for _ in tape.inputs]
        expected = tape.run(FLOAT, inputs)
        assert same(run(folded, inputs), expected)
        assert same(run_stored(storage(folded), inputs), expected)
    assert lines[1] < 1.05 * lines[0] < 2000, lines


@pytest.mark.parametrize(("turns", "first", "growth"), [(8, 4, 0), (8, 1, 1), (8, 9, -1), (40, 1, 1), (60, 4, 1)])
def test_a_state_that_inner_loops_read_is_carried(turns, first, growth):
    """However long the program is."""
    tape = Tape([f"x{i}" for i in range(70)])
    state = tape.append("exp", 0)
    for i in range(turns):
        inner = tape.append("tanh", state)
        for j in range(first + growth * i):
            term = tape.append("mul", inner, j)
            for k in range(3):
                term = tape.append("sub", term, tape.append("mul", k, inner))
            inner = tape.append("add", inner, tape.append("tanh", term))
        state = tape.append("mul", inner, 0.5)
    tape.outputs["value"] = state
    folded = fold(tape)
    assert folded.lines < 20, str(folded)
    inputs = [math.sin(i) for i in range(70)]
    assert same(run(folded, inputs), tape.run(FLOAT, inputs))
    assert same(run_stored(storage(folded), inputs), tape.run(FLOAT, inputs))


def test_whole_steps_of_a_constant_are_counted():
    tape = Tape(["x"])
    for i in range(9):
        tape.outputs[f"y{i}"] = tape.append("mul", tape.append("sub", 0, i - 3.5), -0.0)
    text = str(fold(tape))
    assert text.startswith("for i in 9:\n    t[i] = shared[0] - (i-3.5)\n    t[i+9] = t[i] * -0.0\n"), text


class Sliced(list):
    """A list that counts the elements of all slices of such lists: work that calls do not show."""

    count = 0

    def __getitem__(self, place):
        found = super().__getitem__(place)
        if isinstance(place, slice):
            Sliced.count += len(found)
        return found


@pytest.mark.parametrize("name", ["sum", "recurrent", "growing", "nothing"])
def test_work_is_linear(name, monkeypatch):
    """Ten times the instructions take at most 13 times the calls, and 20 times the elements of slices."""
    monkeypatch.setattr(rolling, "LONGEST_BODY", 100)  # both programs are far longer than a body

    def tape_of(size):
        tape = Tape([f"x{i}" for i in range(100)])
        state = 0
        if name == "nothing":  # repeats itself nowhere
            numbers = random.Random(0)
            for _ in range(size):
                x = numbers.randrange(len(tape) - 100, len(tape))
                tape.append(numbers.choice(["add", "mul", "sub"]), x, numbers.randrange(100))
            tape.outputs = {f"y{i}": i for i in range(0, len(tape), 10)}
            return tape
        turns = 0
        while len(tape) < size:
            if name == "growing":
                for j in range(turns):
                    state = tape.append("add", state, tape.append("tanh", tape.append("mul", state, j % 100)))
                state = tape.append("tanh", state)
            else:
                product = tape.append("mul", turns % 10 if name == "sum" else state, 20 + turns % 30)
                state = tape.append("add", tape.append("tanh", tape.append("add", state, product)), product)
            turns += 1
        tape.outputs["value"] = state
        return tape

    prepare = rolling._Stack.__init__

    def prepared(stack, entries):
        prepare(stack, rolling.Entries(*map(Sliced, entries)))
        vars(stack).update({key: Sliced(x) for key, x in vars(stack).items() if isinstance(x, list)})

    monkeypatch.setattr(rolling._Stack, "__init__", prepared)

    def work(tape):
        calls = Sliced.count = 0

        def called(frame, event, argument):
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(called)
        try:
            storage(fold(tape))
        finally:
            sys.setprofile(None)
        return calls, Sliced.count

    (calls, copied), (more_calls, more_copied) = map(work, (tape_of(500), tape_of(5_000)))
    assert more_calls < 13 * calls and more_copied < 20 * copied


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32))
def test_a_footprint_knows_its_places(seed):
    numbers = random.Random(seed)

    def image():
        loops, counts = [], numbers.randrange(3)
        for depth in range(counts):
            strides = [numbers.choice((0, 1, 2)) for _ in range(depth)]
            loops.append(
                Loop(Affine(numbers.randrange(4), tuple(strides)) if any(strides) else numbers.randrange(5), ())
            )
        return Affine(numbers.randrange(-20, 40), tuple(numbers.choice((-3, 0, 1, 7)) for _ in loops)), tuple(loops)

    def places(place, loops, counters=()):
        if len(counters) == len(loops):
            return {place.at(counters)}
        count = loops[len(counters)].count
        turns = range(count if isinstance(count, int) else count.at(counters))
        return set().union(*(places(place, loops, (*counters, turn)) for turn in turns))

    images, other = [image() for _ in range(numbers.randrange(4))], image()
    union = set().union(*(places(*each) for each in images))
    assert Footprint(images).touches(*other) == bool(union & places(*other))
