"""Long functions are compiled in pieces: the same numbers, to the bit, whatever passes from piece to piece."""

from __future__ import annotations

import functools
import math
import random
import re

import pytest
from helpers.native import LANES, Lanes, operand_count

from micrograd import Value, jit, train_step
from micrograd.compiler.native import native, pieces
from micrograd.compiler.native.pieces import modules_of
from micrograd.compiler.tape.tape import Tape
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import Adam
from micrograd.table import ELEMENTARY

NAMES = ("add", "sub", "mul", "div", "neg", "abs", "lt", "ge", "where", *ELEMENTARY)


@pytest.fixture
def cut(monkeypatch):
    """Cut every function of more than so many lines."""

    def into(size):
        native.native_of.cache_clear()
        monkeypatch.setattr(native, "modules_of", functools.partial(modules_of, longest=size, size=size))

    yield into
    native.native_of.cache_clear()


def random_tape(rng, length):
    tape, conditions = Tape(["x", "y", "z"]), []
    places = [0, 1, 2]  # of numbers
    while len(tape) < length:
        name = rng.choice(NAMES)
        operands = [rng.choice([rng.choice(places), rng.uniform(-2, 2)]) for _ in range(operand_count(name))]
        operands[-1] = rng.choice(places)
        if name in ("lt", "ge"):
            conditions.append(tape.append(name, *operands))
            continue
        if name == "where" and conditions:
            operands[0] = rng.choice(conditions)
        elif name == "where":
            operands[0] = rng.choice(places)
        places.append(tape.append(name, *operands))
    for k in range(6):
        tape.outputs[f"out{k}"] = rng.choice(places)
    return tape


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("seed", range(6))
def test_vectors_conditions_and_calls_pass_from_piece_to_piece(cut, monkeypatch, lanes, seed):
    rng = random.Random(seed)
    tape = random_tape(rng, 120)
    columns = [[rng.uniform(-2, 2) for _ in range(lanes)] for _ in tape.inputs]
    whole = Lanes(tape, lanes)(columns)
    for size, on_stack in ((5, 0), (17, 10_000), (60, 0)):
        cut(size)
        monkeypatch.setattr(pieces, "ON_STACK", on_stack)  # what does not fit the stack of a thread is allocated
        assert list(map(bits, Lanes(tape, lanes)(columns))) == list(map(bits, whole))


def bits(numbers):
    return ["nan" if math.isnan(x) else x.hex() for x in numbers]


@pytest.mark.parametrize("rows", [1, 3, 10, 40])
def test_a_step_of_training_in_pieces_gives_the_same_parameters(cut, rows):
    rng = random.Random(rows)
    X = [[rng.uniform(-1, 1) for _ in range(4)] for _ in range(rows)]
    Y = [[rng.uniform(-1, 1) for _ in range(2)] for _ in range(rows)]

    def trained():
        net = MLP(4, [5, 2], activation="tanh", rng=random.Random(0))
        step = train_step(lambda x, y: half_squared_sum(net(x), y), Adam(net.parameters(), clip=1.0), exact=True)
        step.run(X, Y, epochs=20, batch_size=max(1, rows // 2), shuffle=1)
        return [p.data.hex() for p in net.parameters()], step

    whole, _ = trained()
    cut(40)
    in_pieces, step = trained()
    assert in_pieces == whole
    assert len(native.modules_of(step.llvm_ir)) > 10
    assert ".piece3" in step.assembly


def long_function(length, rng):
    plan = [(rng.randrange(4), rng.randrange(i + 2), max(0, i + 1 - rng.randrange(40))) for i in range(length)]

    def f(x, y):
        values = [x, y]
        for kind, i, j in plan:
            a, b = values[i], values[j]
            values.append(a * 0.5 + b * 0.25 if kind < 2 else (a - b).tanh() if kind == 2 else a * b * 0.5)
        return sum(values[-40:], 0.0) * 0.1

    return f


def test_long_functions_are_cut_and_equal_eager_code_to_the_bit():
    f = long_function(4000, random.Random(0))
    g = jit(f, exact=True)
    x, y = Value(0.3), Value(-0.7)
    out, same = g(x, y), f(x, y)
    assert out.data == same.data
    out.backward()
    given = x.grad, y.grad
    x.grad = y.grad = 0.0
    same.backward()
    assert given == (x.grad, y.grad)
    parts = modules_of(g.llvm_ir)
    assert len(parts) > 10
    assert all(part.count("\n") < 4000 for part in parts)  # loads and stores included
    memory = int(re.search(r"alloca \[(\d+) x i8\]", parts[-1])[1])
    assert memory < 8 * len(g.tape) / 3  # a place is used again


def test_short_functions_and_those_with_branches_stay_whole():
    short = "define double @f(double %x) {\n  %a = fadd double %x, %x\n  ret double %a\n}\n"
    assert modules_of(short) == [short]
    loop = ["define void @f(ptr %x) {", "  br label %again", "again:", "  br label %again", "}", ""]
    loop[2:3] += [f"  %v{i} = load double, ptr %x" for i in range(50)]
    assert len(modules_of("\n".join(loop), longest=10, size=10)) == 1
