"""Batches of many sizes need few compilations, what was compiled before changes no result, and a program says how it
runs."""

from __future__ import annotations

import operator
import random
import re

import pytest

from micrograd import Value, jit, train_step
from micrograd.compiler.loops import widths
from micrograd.compiler.loops.widths import Width
from micrograd.compiler.native.machine import Machine
from micrograd.losses import half_squared_sum, mse
from micrograd.nn import MLP
from micrograd.optim import SGD

numpy = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")


def step_of(*sizes, **options):
    net = MLP(sizes[0], list(sizes[1:]), activation="sigmoid", output="sigmoid", rng=random.Random(0))
    step = train_step(lambda x, y: half_squared_sum(net(x), y), SGD(net.parameters(), lr=0.1), **options)
    return step, net.parameters()


def rows_of(inputs, outputs, count):
    numbers = numpy.random.default_rng(0)
    return numbers.normal(size=(count, inputs)), numpy.eye(outputs)[numbers.integers(0, outputs, count)]


def compiled(step):
    return list(step._last().code._compiled)


@pytest.mark.parametrize(("room", "most"), [(widths.ROOM, 4), (0, 6)])
def test_batches_of_many_sizes_need_few_compilations(monkeypatch, room, most):
    """Fewest where there is room for many rows at once."""
    monkeypatch.setattr(widths, "ROOM", room)
    x, y = rows_of(20, 4, 600)
    counts, (up, _), (down, _) = range(10, 101, 10), step_of(20, 13, 4, loops=True), step_of(20, 13, 4, loops=True)
    for count in counts:
        up(x[:count], y[:count])
    assert len(compiled(up)) <= most, compiled(up)
    for count in reversed(counts):
        down(x[:count], y[:count])
    assert len(compiled(down)) <= 4, compiled(down)
    for count in (*range(1, 300, 7), 600):
        up(x[:count], y[:count])
    assert len(compiled(up)) <= 8 + most, compiled(up)


@pytest.mark.parametrize(
    ("kind", "threads", "room"), [("float64", 1, 0), ("float64", 2, widths.ROOM), ("float32", 1, widths.ROOM)]
)
def test_results_do_not_depend_on_what_was_compiled_before(monkeypatch, kind, threads, room):
    """Batches of each size by a new step, and by steps that have compiled smaller or larger ones: the same bits."""
    monkeypatch.setattr(widths, "ROOM", room)
    x, y = rows_of(20, 4, 600)
    x[:, 3] = 2e-322  # some sums become -0.0 when they are divided by the number of rows
    x, counts = x.astype(kind), [1, 3, 10, 30, 50, 90, 100, 240, 300, 600]
    found = []
    for order in (None, counts, counts[::-1]):
        step, parameters = step_of(20, 13, 4, loops=True, threads=threads)
        start, of_order = [p.data for p in parameters], {}
        for count in order or counts:
            if order is None:
                step, parameters = step_of(20, 13, 4, loops=True, threads=threads)
            for p, number in zip(parameters, start):
                p.data = number
            loss = float(step.run(x[:count], y[:count], steps=1)[0])
            gradients = step._last().results()
            of_order[count] = [z.hex() for z in (loss, *gradients, *[p.data for p in parameters])]
        found.append(of_order)
    assert found[0] == found[1] == found[2]
    assert kind == "float32" or any(x == "-0x0.0p+0" for numbers in found[0].values() for x in numbers)


def test_which_code_serves_which_batches():
    large, small = Width(4, True, 5, 160), Width(4, True, 5, 40)
    assert large.serves(small) and large.serves(large) and not small.serves(large)
    assert Width(4, False, 5, 240).serves(small) and not large.serves(Width(4, False, 5, 160))
    assert not large.serves(Width(4, True, 4, 32)) and not large.serves(Width(8, True, 5, 40))
    assert Width(4, False).serves(Width(2, True)) and not Width(2, True).serves(Width(4, True))
    assert not Width(4, False).serves(small) and not Width(4, False, 1, 256).serves(Width(4, False))


@pytest.mark.parametrize("features", ["+avx512f,+avx512vl,+avx512dq", "+avx2,+fma", ""])
def test_large_batches_waste_few_lanes(features):
    step, _ = step_of(20, 13, 4, loops=True)
    x, y = rows_of(20, 4, 2)
    step(x, y)
    code = step._last().code
    code.spec.machine = Machine("x86_64-unknown-linux-gnu", features=features)
    for count in range(1, 1000):
        lanes, is_single, wide, kept = code._width(count)
        vectors = -(-count // lanes)
        assert -vectors % wide <= 2
        assert is_single == (count <= kept) and kept % (lanes * wide) == 0 and kept <= 256


def test_a_program_says_how_it_runs():
    x, y = rows_of(20, 4, 10)
    for options, said in (
        ({"loops": True}, "# runs as loops"),
        ({"loops": False}, "# runs instruction by instruction: it was asked for, with loops=False"),
        ({}, "# runs instruction by instruction: for fewer than 2,000 that is faster than loops"),
    ):
        step, _ = step_of(*((20, 13, 4) if options else (20, 4)), **options)
        step(x, y)
        first, second, *_ = str(step.program).splitlines()
        assert first == said and re.match(r"(v0|for i in \d+:)", second)
        assert step._last().folded is step._last().folded
    weights = [Value(0.1 * i) for i in range(900)]
    for count, said in ((10, "for fewer than 2,000 that is faster than loops"), (900, "")):
        f = jit(lambda xs, count=count: sum(a * b for a, b in zip(weights[:count], xs)))
        f([Value(1.0)] * count)
        first = str(f.program).partition("\n")[0]
        assert first == (f"# runs instruction by instruction: {said}" if said else "# runs as loops")
        assert f._last().folded is f._last().folded


def test_a_program_that_folds_badly_says_so():
    numbers = random.Random(0)
    w = [Value(numbers.uniform(0.5, 1)) for _ in range(9)]
    kinds = operator.add, operator.sub, operator.mul
    chosen = [(numbers.choice(kinds), numbers.randrange(k), numbers.randrange(k)) for k in range(10, 910)]

    def loss(x):
        values = [*w, x]
        for kind, a, b in chosen:
            values.append(kind(values[a], values[b]).tanh())
        return sum(values)

    step = train_step(loss, SGD(w))
    step(numpy.ones(3))
    first = str(step.program).partition("\n")[0]
    assert re.fullmatch(r"# runs instruction by instruction: .* of them would still be .* lines as loops", first)


def shared_and_not(w):
    """exp of numbers of which one is the same for all rows, and has to be called with the same machine code."""
    return lambda x: sum(z.exp() for z in [w[0] * w[0], *[a * b for a, b in zip(w[1:], x)]])


def test_loops_that_cannot_be_written_are_not_left_out_in_silence():
    w = [Value(0.1 * i) for i in range(12)]
    step = train_step(shared_and_not(w), SGD(w), loops=True, exact=True)
    with pytest.warns(UserWarning, match=r"loops=True .* runs instruction by instruction: `.*\[.*\] = .*`") as found:
        step(numpy.random.default_rng(0).random((10, 11)))
    assert found[0].filename == __file__ and "leave out `loops`" in str(found[0].message)
    first = str(step.program).partition("\n")[0]
    assert first.startswith("# runs instruction by instruction: `") and "all rows" in first
    step = train_step(shared_and_not(w), SGD(w), loops=True)
    step(numpy.random.default_rng(0).random((10, 11)))
    assert str(step.program).startswith("# runs as loops\n")


def test_exact_loops_give_the_same_whatever_was_compiled_before():
    rng, found = random.Random(0), []
    X = [[rng.uniform(-1, 1) for _ in range(8)] for _ in range(64)]
    y = [rng.uniform(-1, 1) for _ in range(64)]
    for is_first in (True, False):
        net = MLP(8, [16, 1], activation="tanh", rng=random.Random(0))
        start = [p.data for p in net.parameters()]
        step = train_step(lambda x, t, net=net: mse(net(x), t), SGD(net.parameters(), lr=0.1), exact=True, loops=True)
        if not is_first:
            step(X, y)
            for p, number in zip(net.parameters(), start):
                p.data = number
        step(X[:8], y[:8])
        found.append([p.data.hex() for p in net.parameters()])
    assert found[0] == found[1]
