"""Loops that have no turns at times, sums of which only the last number is read, and loops in loops taken together."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest

from micrograd import Value, maximum, train_step
from micrograd.compiler.fold import storage
from micrograd.compiler.loops import kernel
from micrograd.compiler.loops.looped_lanes import LoopedLanes
from micrograd.compiler.loops.shape import Shape
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD

numpy = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

DATA = numpy.random.default_rng(0).normal(size=(23, 24))


def trained(loss_of, *, size=10, **settings):
    """The losses of some steps and the parameters after them, and the step. `loss_of` makes a loss from parameters."""
    numbers = random.Random(1)
    parameters = [Value(numbers.random()) for _ in range(576)]
    step = train_step(loss_of(parameters), SGD(parameters, lr=0.01), **settings)
    losses = step.run(DATA, DATA[:, 0], steps=5, batch_size=size)
    return [*losses, *[p.data for p in parameters]], step


def check(loss_of, *sizes):
    """Loops give what straight-line code gives, on batches of these sizes: to the bit with `exact`."""
    for size in sizes:
        for exact in (True, False):
            found, step = trained(loss_of, size=size, loops=True, exact=exact)
            expected, _ = trained(loss_of, size=size, loops=False, exact=exact)
            assert str(step.program).startswith("# runs as loops\n")
            if exact:
                assert list(map(float.hex, found)) == list(map(float.hex, expected))
            else:
                assert found == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_loop_may_have_no_turns_at_first_or_at_last(backwards):
    """Behind it stands what it started with, and no turn's numbers are read before it is known that there are turns."""

    def loss_of(weights):
        def loss(x, y):
            total = 0
            for i in reversed(range(2, 12)) if backwards else range(2, 12):
                top = maximum(x[0] * weights[i], x[1])
                for k in range(2, i):
                    top = maximum(top, x[k] * weights[k])
                total = total + top * top + weights[i] * y
            return total

        return loss

    check(loss_of, 10, 1)
    _, step = trained(loss_of, loops=True)
    head = "    for j in -i+8:" if backwards else "    for j in i:"
    assert head in str(step.program).splitlines()


def block_of(step):
    """The LLVM text of the function that works on rows."""
    return step.llvm_ir.partition("@block(")[2].partition("\n}")[0]


def innermost(text):
    """The bodies of the loops without loops inside."""
    found = re.finditer(r"(?=^(l\d+)\.loop:\n(.*?)br i1 %\1\.more)", text, re.DOTALL | re.MULTILINE)
    return [match[2] for match in found if ".loop:" not in match[2]]


def test_a_sum_is_stored_once_after_its_loop(monkeypatch):
    """A store in the loop would write each partial sum, and memory would need room for all of them."""
    monkeypatch.setattr(kernel, "UNROLLED", 0)

    def loss_of(weights):
        def loss(x, y):
            for _ in range(2):  # a matrix times a vector, twice
                x = [sum(weights[12 * j + k] * x[k] for k in range(12)) for j in range(12)]
            return sum((h - y) ** 2 for h in x) * 0.001

        return loss

    check(loss_of, 1)
    _, step = trained(loss_of, size=1, loops=True)
    sums = [body for body in innermost(block_of(step)) if "phi double" in body]
    assert len(sums) > 2
    assert not any("store" in body for body in sums)


@pytest.mark.parametrize("sizes", [[5], [8, 6], [8, 7, 6, 5]], ids=str)
def test_a_net_has_in_memory_what_its_program_shows_there(sizes):
    """Two analyses answer this: one for readers and C, one for native loops, which also keep factors of products."""
    net = MLP(9, sizes, activation="tanh", rng=random.Random(0))
    step = train_step(lambda x, y: half_squared_sum(net(x), y), SGD(net.parameters()), loops=True)
    step([[0.1 * k for k in range(9)]] * 8, [[0.5] * sizes[-1]] * 8)
    spec = step._last().code.spec
    shown = storage(spec.folded)
    stored = {kept.variable for kept in shown.lines.values() if kept.cell}
    stored |= {variable for loop in shown.loops.values() for variable, _ in loop.stores}
    variables = [shown.lines[id(step.entry)].variable for step in Shape(spec.folded).steps]
    writer = LoopedLanes(dataclasses.replace(spec, lanes=2, wide=2, kept=32))
    native = {variables[number] for number in writer.storage.stored}
    factors = writer.products.left.stored | writer.products.right.stored
    assert native <= stored <= native | {variables[number] for number in factors}
    assert len(native) == 2 * len(sizes) - 1


def test_loops_in_loops_are_taken_several_at_once():
    """Sums in blocks, as over the heads of attention: short loops, of which 8 at once need not wait for each other."""

    def loss_of(weights):
        def loss(x, y):
            total = 0
            for j in range(16):
                inside = [weights[96 * b + 4 * j + k] * x[4 * b + k] for b in range(6) for k in range(4)]
                total = total + (sum(inside) - y) ** 2
            return total * 0.001

        return loss

    check(loss_of, 1)
    _, step = trained(loss_of, size=1, loops=True)
    lines = str(step.program).splitlines()
    assert lines[lines.index("    for j in 5:") + 1] == "        for k in 4:"
    text = block_of(step)
    names = re.findall(r"%(l\d+)\.next = add nuw nsw i64 %l\d+, 8\n", text)
    assert any(".loop:" in text.partition(f"\n{x}.loop:")[2].partition(f"br i1 %{x}.more")[0] for x in names)
