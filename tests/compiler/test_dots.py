"""Weighted sums of a row's own numbers, taken with the numbers in the lanes: the same as straight-line code."""

from __future__ import annotations

import random

import pytest

from micrograd import Value
from micrograd.compiler.loops import dots
from micrograd.compiler.train_step import train_step
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD

numpy = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")


def values(count):
    numbers = random.Random(0)
    return [Value(numbers.uniform(-0.3, 0.3)) for _ in range(count)]


def net(inputs, units):
    def make():
        model = MLP(inputs, [units, 3], activation="sigmoid", output="sigmoid", rng=random.Random(0))
        return model.parameters(), lambda x, y: half_squared_sum(model(x[:inputs]), y[:3])

    return make


def backwards():
    """The same sums, from the last number of the row to the first."""
    w = values(7 * 90)
    sums = [w[90 * k : 90 * (k + 1)] for k in range(7)]
    return w, lambda x, y: sum(sum(a * b for a, b in zip(reversed(own), reversed(x))).tanh() ** 2 for own in sums)


def windows():
    """A convolution: each sum begins one number later."""
    w = values(70)
    return w, lambda x, y: sum((sum(a * x[k + i] for i, a in enumerate(w)) - y[0]).sigmoid() for k in range(20))


def channels():
    """Two loops around each sum: several windows, several kernels."""
    w = values(3 * 66)
    kernels = [w[66 * k : 66 * (k + 1)] for k in range(3)]
    return w, lambda x, y: sum(
        sum(a * x[2 * at + i] for i, a in enumerate(own)).tanh() for own in kernels for at in range(9)
    )


def of_both_arrays():
    w = values(5 * 140)
    each = [(w[140 * k : 140 * k + 70], w[140 * k + 70 : 140 * (k + 1)]) for k in range(5)]
    return w, lambda x, y: sum(
        (sum(a * b for a, b in zip(p, x)) + sum(a * b for a, b in zip(q, y))).tanh() ** 2 for p, q in each
    )


def read_again():
    """The sum is a factor of gradients itself: it is kept for all rows."""
    w = values(4 * 70)
    each = [w[70 * k : 70 * (k + 1)] for k in range(4)]
    return w, lambda x, y: sum(sum(a * b for a, b in zip(own, x)) ** 2 for own in each)


def running(order):
    """Sums that go on from turn to turn, beside short ones that loops over rows take."""

    def make():
        w = values(8 * (64 + 10 + 65))

        def loss(x, y):
            out, totals = 0.0, {"s": y[0], "u": y[1]}
            for j in range(8):
                totals["t"] = y[2 + j]
                for name in order:
                    count, start = {"s": (64, 0), "t": (10, 8 * 64), "u": (65, 8 * 74)}[name]
                    for i in range(count):
                        totals[name] = totals[name] + w[start + count * j + i] * x[i]
                out = out + totals["t"].tanh() * totals["s"] * (totals["u"] if "u" in order else 1.0)
            return 0.001 * out

        return w, loss

    return make


def scores():
    """Short sums read a sum that goes on."""
    w = values(8 * 74)

    def loss(x, y):
        s, out = y[0], 0.0
        for j in range(8):
            for i in range(64):
                s = s + w[64 * j + i] * x[i]
            t = y[1 + j]
            for i in range(10):
                t = t + w[8 * 64 + 10 * j + i] * s
            out = out + t.tanh()
        return 0.001 * out

    return w, loss


def trained(make, x, y, *, batch_size, **options):
    parameters, loss = make()
    step = train_step(loss, SGD(parameters, lr=0.05), **options)
    losses = [*step.run(x, y, epochs=2, batch_size=batch_size), step(x, y), step(x[:2], y[:2])]
    return [*losses, *[p.data for p in parameters]], step


def check(make, *, count, batch_size, kinds=("f8", "f8"), has_dots=True, **options):
    numbers = numpy.random.default_rng(count)
    x, y = (numbers.uniform(-3, 3, (count, 90)).astype(kind) for kind in kinds)
    expected, _ = trained(make, x, y, batch_size=batch_size, loops=False)
    found, step = trained(make, x, y, batch_size=batch_size, loops=True, **options)
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-13)
    assert ("@dots(" in step.llvm_ir) == has_dots
    return found


@pytest.mark.parametrize(("inputs", "units"), [(65, 2), (66, 7), (68, 6), (71, 11), (80, 5)])
def test_nets(inputs, units):
    """Lanes are filled but for none to seven numbers; a chunk of units is smaller than the others."""
    check(net(inputs, units), count=11, batch_size=5)


@pytest.mark.parametrize("make", [backwards, windows, channels, of_both_arrays])
def test_other_orders(make):
    check(make, count=7, batch_size=4)


@pytest.mark.parametrize(
    "make", [running("st"), running("ts"), running("tsu"), scores], ids=["st", "ts", "tsu", "t of s"]
)
def test_sums_that_go_on(make):
    check(make, count=7, batch_size=4)


def test_many_chunks(monkeypatch):
    monkeypatch.setattr(dots, "CHUNK", 16)
    check(net(90, 6), count=9, batch_size=4)


@pytest.mark.parametrize("batch_size", [1, 3, 6, 17, 64])
def test_any_number_of_rows(batch_size):
    """Rows beyond the last are not there to be read; sums of rows that an earlier batch had are still in memory."""
    check(net(70, 6), count=64, batch_size=batch_size)


@pytest.mark.parametrize("kind", ["f4", "u2"])
def test_rows_of_other_numbers(kind):
    check(of_both_arrays, count=9, batch_size=4, kinds=(kind, "f8"))


def test_a_sum_that_is_read_again():
    check(read_again, count=9, batch_size=4)


def test_threads_do_not_change_a_bit():
    found = [check(net(70, 6), count=64, batch_size=50, threads=threads) for threads in (1, 2, 3)]
    assert [list(map(float.hex, each)) for each in found] == [list(map(float.hex, found[0]))] * 3


def test_short_sums_and_exact_ones_stay_in_loops_over_rows():
    check(net(20, 6), count=9, batch_size=4, has_dots=False)
    x = numpy.random.default_rng(0).random((9, 90))
    pair = [trained(net(80, 6), x, x, batch_size=4, exact=True, loops=loops) for loops in (True, False)]
    assert list(map(float.hex, pair[0][0])) == list(map(float.hex, pair[1][0]))
    assert "@dots(" not in pair[0][1].llvm_ir


def test_strided_rows_and_an_inf_in_one_row():
    """What is computed of one row does not reach another: only the bad row is refused."""
    x = numpy.random.default_rng(0).random((12, 180))[:, ::2]
    y = x[:, :3]
    parameters, loss = net(90, 6)()
    step = train_step(loss, SGD(parameters, lr=0.05), loops=True)
    step(x[:6], y[:6])
    x[7, 3] = numpy.nan
    before = [p.data for p in parameters]
    with pytest.raises(FloatingPointError, match="the row at index 1"):
        step(x[6:], y[6:])
    assert [p.data for p in parameters] == before
    assert step(x[8:], y[8:]) > 0


def read_elsewhere():
    w = values(6 * 70)

    def loss(x, y):
        sums = [sum(a * b for a, b in zip(w[70 * k : 70 * (k + 1)], x)) for k in range(6)]
        return 0.01 * sum((s - y[0]).tanh() * (s + y[1]) for s in sums)

    return w, loss


def test_sums_that_only_another_loop_reads():
    """The loop around the sums has no other line."""
    check(read_elsewhere, count=9, batch_size=4)
