"""Large programs as native loops: they give what straight-line code gives, for nets, random programs, other fields."""

from __future__ import annotations

import collections
import dataclasses
import math
import random
import re
import threading
import warnings

import pytest
from helpers.interrupts import threads_that_stay
from helpers.loop_programs import random_program, unrolled
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograd import Value
from micrograd.compiler.batch import BatchProgram
from micrograd.compiler.loops import dots, kernel
from micrograd.compiler.loops.looped_lanes import LoopedLanes
from micrograd.compiler.loops.widths import Widths
from micrograd.compiler.native.loop import module_text
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.memory import Memory
from micrograd.compiler.native.spec import ModuleSpec, Source
from micrograd.compiler.row_tape import RowTape
from micrograd.compiler.rows import as_rows
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.tape import Tape
from micrograd.compiler.train_step import train_step
from micrograd.errors import NotAsLoops
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam

numpy = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")
sizes = pytest.importorskip("helpers.sizes").sizes


def sources(*spans):
    """Where a tape's inputs come from: so many in a row from an array of rows, or from a memory."""
    found, places = [], collections.Counter()
    for what, count in spans:
        for place in range(places[what], places[what] + count):
            found.append(Source(array=what, place=place) if isinstance(what, int) else Source(what, place))
        places[what] += count
    return found


SMALL = sources(("others", 1), (0, 2), ("parameters", 2), (1, 1), ("parameters", 7))
LARGE = sources(("others", 1), (0, 40), ("parameters", 50), (1, 40), ("parameters", 40))
TYPES = ["f8", "f4"]


def program_of(seed, *, large):
    """A random program's tape, and the sources of its inputs."""
    given = LARGE if large else SMALL
    program = random_program(seed, large=large, inputs=len(given))
    return simplify(unrolled(program, [f"x{i}" for i in range(len(given))], most=900 if large else 400)), given


def values(tape, given, rows, numbers, *, loops, exact):
    """The means of a tape's outputs over the rows. `numbers` are its inputs: an array for each input of rows."""
    memory = Memory(128)
    fixed = [x for x, source in zip(numbers, given) if source.memory == "parameters"]
    memory.view[: len(fixed)] = memoryview(numpy.array(fixed))
    spec = ModuleSpec(tape, given, [array.dtype.str[1:] for array in rows], machine=this_machine(), exact=exact)
    program = BatchProgram(RowTape(spec, [], [], 1, None), loops=loops)
    program.context.parameters = memory.address
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loops=True was asked for")
        program.point_at(as_rows(rows, ["x", "y"][: len(rows)]), len(rows[0]))
    program._others.view[0] = numbers[0]
    program.start()
    return program.run(1), numpy.array(program.results())


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0, kernel.UNROLLED]), st.sampled_from([2, dots.LEAST]))
def test_random_programs_of_loops(seed, large, unrolled_up_to, dots_from):
    """With `exact` to the bit; otherwise up to the order of sums: to 1e-12 of what their terms would add up to."""
    tape, given = program_of(seed, large=large)
    random_numbers = numpy.random.default_rng(len(tape))
    count = int(random_numbers.choice([1, 2, 3, 7, 8, 10, 23, 70]))
    widths = [sum(source.array == k for source in given) for k in range(2)]
    rows = [random_numbers.uniform(-1, 1, (count, width)).astype(of) for width, of in zip(widths, TYPES)]
    numbers = [
        rows[source.array][:, source.place].astype(float) if source.is_row else random_numbers.uniform(-1, 1)
        for source in given
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "UNROLLED", unrolled_up_to)
        patch.setattr(dots, "LEAST", dots_from)
        for exact in (True, False):
            status, expected = values(tape, given, rows, numbers, loops=False, exact=exact)
            found = values(tape, given, rows, numbers, loops=True, exact=exact)
            assert found[0] == status
            if exact:
                assert found[1].tobytes() == expected.tobytes()
            else:
                with numpy.errstate(all="ignore"):
                    size = numpy.array([numpy.mean(x) for x in sizes(tape, numbers)])
                    within = abs(found[1] - expected) <= 1e-12 * size
                assert (within | ~numpy.isfinite(size)).all()


def test_most_random_programs_have_loops(monkeypatch):
    """What the test above compares: loops of rows, carried sums, gradients of weights as sums over the rows."""
    monkeypatch.setattr(kernel, "UNROLLED", 0)
    monkeypatch.setattr(dots, "LEAST", 2)
    seen = collections.Counter()
    for seed in range(60):
        tape, given = program_of(seed, large=True)
        spec = Widths(ModuleSpec(tape, given, TYPES, machine=this_machine()), loops=True).spec
        try:
            writer = LoopedLanes(dataclasses.replace(spec, lanes=2, wide=2, kept=32))
        except NotAsLoops:
            continue
        block = module_text(writer).partition("@block(")[2].partition("\n}")[0]
        seen["loops"] += ".loop:" in block
        seen["carried"] += bool(re.search(r"\.s\d+ = phi", block))
        seen["products"] += bool(writer.products.found)
        seen["dots"] += bool(writer.dots.found)
    assert seen["loops"] >= 30 and seen["carried"] >= 20 and seen["products"] >= 5 and seen["dots"] >= 5, seen


@pytest.mark.parametrize("exact", [False, True])
def test_few_random_programs_are_refused(exact):
    """An operand may be a condition in some turns only, or what is read may not be written in a regular order."""
    programs, refused = [program_of(seed, large=large) for seed in range(30) for large in (False, True)], []
    programs = [(tape, whence) for tape, whence in programs if len(tape) > 30]
    for tape, whence in programs:
        code = Widths(ModuleSpec(tape, whence, TYPES, machine=this_machine(), exact=exact), loops=True)
        try:
            module_text(LoopedLanes(dataclasses.replace(code.spec, **code._width(2)._asdict())))
        except NotAsLoops as error:
            refused.append(str(error))
    assert len(programs) > 30 and len(refused) <= 0.1 * len(programs), refused


def trained(make, data, *, optimizer=SGD, steps=4, **options):
    """The losses of some steps, the parameters after them, and the step."""
    parameters, loss = make()
    step = train_step(loss, optimizer(parameters, lr=0.1), **options)
    losses = step.run(*data, steps=steps, batch_size=10)
    return [*losses, *[p.data for p in parameters]], step


def net(*sizes, activation="sigmoid"):
    def make():
        model = MLP(sizes[0], list(sizes[1:]), activation=activation, output="sigmoid", rng=random.Random(0))
        return model.parameters(), lambda x, y: half_squared_sum(model(x), y)

    return make


def rows_of(inputs, outputs, count=23):
    numbers = numpy.random.default_rng(0)
    return numbers.random((count, inputs)), numpy.eye(outputs)[numbers.integers(0, outputs, count)]


def compare(make, data, **options):
    """Loops against straight-line code: to the bit with `exact`, else to the rounding of sums."""
    for exact in (True, False):
        found, step = trained(make, data, exact=exact, loops=True, **options)
        expected, _ = trained(make, data, exact=exact, loops=False, **options)
        assert ".loop:" in step.llvm_ir.partition("@block(")[2].partition("\n}")[0]
        if exact:
            assert list(map(float.hex, found)) == list(map(float.hex, expected))
        else:
            assert found == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("sizes", [(20, 13, 4), (9, 8, 7, 6, 5), (33, 5, 3)], ids=str)
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_nets(sizes, activation):
    """Batches of 10, 10 and 3 rows: full and half-full vectors."""
    compare(net(*sizes, activation=activation), rows_of(sizes[0], sizes[-1]), optimizer=Adam)


@pytest.mark.parametrize("kind", ["float32", "int8", "uint16", "bool"])
def test_rows_of_other_numbers(kind):
    x, y = rows_of(20, 4)
    compare(net(20, 13, 4), ((x * 100).astype(kind), y))


def test_shuffled_rows_and_strided_arrays():
    x, y = rows_of(40, 4, 46)
    compare(net(20, 13, 4), (x[::2, :20], y[::2]))
    results = []
    for loops in (True, False):
        parameters, loss = net(20, 13, 4)()
        step = train_step(loss, SGD(parameters, lr=0.1), loops=loops)
        step.run(x[:, 20:], y, epochs=2, batch_size=7, shuffle=3)
        results.append([p.data for p in parameters])
    assert results[0] == pytest.approx(results[1], rel=1e-11)


@pytest.mark.parametrize("count", [1, 2, 5, 64, 300, 601])
def test_batches_of_any_size(count):
    """Above some hundred rows, the factors of products are summed in several parts."""
    x, y = rows_of(20, 4, count)
    parameters, loss = net(20, 13, 4)()
    others, same = net(20, 13, 4)()
    steps = [train_step(f, SGD(p, lr=0.1), loops=k) for f, p, k in ((loss, parameters, True), (same, others, False))]
    for _ in range(2):
        assert steps[0](x, y) == pytest.approx(steps[1](x, y), rel=1e-12)
    assert [p.data for p in parameters] == pytest.approx([p.data for p in others], rel=1e-11, abs=1e-14)


def recurrent(steps, units):
    """The parameters and the loss of a recurrent net over a series."""

    def make():
        numbers = random.Random(0)
        w = [[Value(numbers.uniform(-0.4, 0.4)) for _ in range(units)] for _ in range(units)]
        u, v = ([Value(numbers.uniform(-1, 1)) for _ in range(units)] for _ in range(2))

        def loss(x, y):
            h = [0.0] * units
            for t in range(steps):
                h = [(sum(a * b for a, b in zip(row, h)) + u[j] * x[t]).tanh() for j, row in enumerate(w)]
            return (sum(a * b for a, b in zip(v, h)) - y) ** 2

        return [*[x for row in w for x in row], *u, *v], loss

    return make


def series(steps):
    x = numpy.random.default_rng(0).uniform(-1, 1, (23, steps))
    return x, x.mean(1)


def test_a_recurrent_net():
    compare(recurrent(12, 7), series(12))


def test_a_recurrent_net_over_200_steps_against_eager():
    make, (x, y) = recurrent(200, 4), series(200)
    parameters, loss = make()
    total = sum((loss(row, target) for row, target in zip(x[:3].tolist(), y[:3].tolist())), Value(0.0)) / 3
    total.backward()
    expected = [p.data - 0.1 * p.grad for p in parameters]
    own, same = make()
    step = train_step(same, SGD(own, lr=0.1))
    assert step(x[:3], y[:3]) == pytest.approx(total.data, rel=1e-11)
    assert [p.data for p in own] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert ".loop:" in step.llvm_ir.partition("@block(")[2].partition("\n}")[0]


def test_the_likelihood_of_a_mixture():
    """Seven normal distributions in five dimensions, with weights that all rows share."""

    def make():
        numbers = random.Random(1)
        means = [[Value(numbers.gauss(0, 1)) for _ in range(5)] for _ in range(7)]
        scales = [[Value(numbers.uniform(-0.3, 0.3)) for _ in range(5)] for _ in range(7)]
        logits = [Value(numbers.gauss(0, 1)) for _ in range(7)]

        def loss(x):
            total = sum((z.exp() for z in logits), Value(0.0))
            likelihood = Value(0.0)
            for mean, scale, logit in zip(means, scales, logits):
                exponent = sum(((a - m) * (-s).exp()) ** 2 / 2 + s for a, m, s in zip(x, mean, scale))
                likelihood = likelihood + logit.exp() / total * (-exponent).exp()
            return -likelihood.log() + sum(s * s for scale in scales for s in scale) * 0.01

        return [*[m for mean in means for m in mean], *[s for scale in scales for s in scale], *logits], loss

    compare(make, (numpy.random.default_rng(2).normal(size=(23, 5)),))


def half_trained(count, trained):
    """A sum of products with many Values, of which only some are parameters."""

    def make():
        w = [Value(0.01 * (i % 7 - 3)) for i in range(count)]
        return w[:trained], lambda x, y: (sum(a * b for a, b in zip(w, x)) - y) ** 2

    return make


def test_loops_go_through_parameters_and_then_through_other_values():
    numbers = numpy.random.default_rng(0)
    compare(half_trained(40, 25), (numbers.random((23, 40)), numbers.random(23)))
    _, step = trained(half_trained(2400, 1200), (numbers.random((2, 2400)), numbers.random(2)), steps=1)
    assert len(step.program.folded.body) < 16 and len(step.llvm_ir.splitlines()) < 2000
    assert "parameters[i+1] * row[i+1]" in str(step.program) and "others[i] * row[i+1200]" in str(step.program)


def test_loops_go_through_two_arrays_of_rows():
    """Weights times the numbers of two arrays, one after the other: their gradients are sums over the rows as well."""

    def make():
        w = [[Value(0.01 * (i * j % 7 - 3)) for i in range(20)] for j in range(6)]
        own = [x for row in w for x in row]
        return own, lambda x, y: sum(sum(a * b for a, b in zip(row, [*x, *y])).tanh() for row in w)

    numbers = numpy.random.default_rng(0)
    compare(make, (numbers.random((23, 12)), numbers.random((23, 8)).astype(numpy.float32)))


def test_gradients_that_are_products_of_kept_factors():
    """Products that no sum follows, `exact` too: there they are not kept, but added up row by row."""
    tape = Tape(["other", *[f"x{i}" for i in range(8)], *[f"w{i}" for i in range(9)]])
    for i in range(9):
        d = tape.append("tanh", tape.append("mul", 9 + i, 1))
        tape.outputs |= {f"d{i}.{j}": tape.append("mul", d, 1 + j) for j in range(8)}
    tape.outputs["value"] = tape.append("mul", 0, 1)
    given, rows = sources(("others", 1), (0, 8), ("parameters", 9)), [numpy.random.default_rng(0).random((10, 8))]
    numbers = [0.7, *rows[0].T, *numpy.linspace(-1, 1, 9)]
    for exact in (False, True):
        (status, found), (_, expected) = (
            values(tape, given, rows, numbers, loops=loops, exact=exact) for loops in (True, False)
        )
        assert status == 0 and found == pytest.approx(expected, rel=0 if exact else 1e-12)


def test_a_gradient_that_is_not_finite_changes_nothing():
    x, y = rows_of(20, 4)
    parameters, loss = net(20, 13, 4)()
    step = train_step(loss, SGD(parameters, lr=0.1), loops=True)
    before = [p.data for p in parameters]
    x[5, 3] = math.inf
    with pytest.raises(FloatingPointError, match=r"row at index 5"):
        step(x, y)
    assert [p.data for p in parameters] == before


def test_large_nets_are_loops_and_small_ones_are_not():
    found = {}
    for sizes in ((2, 4, 1), (30, 20, 10)):
        parameters, loss = net(*sizes)()
        step = train_step(loss, SGD(parameters, lr=0.1))
        x, y = rows_of(sizes[0], sizes[-1])
        step.run(x, y if sizes[-1] > 1 else y[:, 0], steps=1)
        found[sizes] = ".loop:" in step.llvm_ir.partition("@block(")[2].partition("\n}")[0]
    assert found == {(2, 4, 1): False, (30, 20, 10): True}


def test_numbers_that_are_equal_are_rounded_alike_by_any_number_of_threads():
    """Two lists of biases have equal gradients, which LLVM may compute once."""
    x, found = numpy.random.default_rng(0).uniform(-1, 1, (50, 6)), []
    for threads in (1, 2, 3):
        b, c = ([Value(0.1 * i) for i in range(6)] for _ in range(2))
        own = [*b, *c]

        def loss(x, b=b, c=c):
            return sum((v + (p + q)).tanh() ** 2 for v, p, q in zip(x, b, c))

        train_step(loss, SGD(own, lr=1.0), loops=True, threads=threads).run(x, steps=1)
        found.append([p.data.hex() for p in own])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("count", [5, 23, 601])
@pytest.mark.parametrize("make", [net(20, 13, 4), recurrent(12, 7)], ids=["net", "recurrent"])
def test_threads_do_not_change_results(make, count):
    x, y = rows_of(20, 4, count)
    data = (x, y) if make.__qualname__.startswith("net") else (x[:, :12], y[:, 0])
    results = []
    for threads in (1, 2, 3):
        parameters, loss = make()
        step = train_step(loss, Adam(parameters, lr=0.01), loops=True, threads=threads)
        losses = [*step.run(*data, epochs=3, batch_size=count // 2, shuffle=1), step(*data)]
        results.append([x.hex() for x in (*losses, *[p.data for p in parameters])])
    assert results[0] == results[1] == results[2]


def test_threads_end_with_their_run():
    x, y = rows_of(20, 4, 100)
    parameters, loss = net(20, 13, 4)()
    step = train_step(loss, SGD(parameters, lr=0.1), loops=True, threads=3)
    before = threading.active_count()
    step.run(x, y, steps=20)
    assert threads_that_stay(before) == before
    x[50, 3] = math.nan
    with pytest.raises(FloatingPointError, match="row at index 50"):
        step.run(x, y, steps=20)
    assert threads_that_stay(before) == before
