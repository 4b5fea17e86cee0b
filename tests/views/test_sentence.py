"""Steps in words: one form, with formula and numbers, that fits a terminal whatever the names."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from helpers.cases import CASES
from helpers.graphs import programs
from helpers.graphs import run as run_program
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, trace
from micrograd.nn import MLP
from micrograd.views.sentence import WIDTH, columns, name_in
from micrograd.words import short

LONG = [
    "x",
    "the_name_" * 20,
    "名前" * 40,
    "e\N{COMBINING ACUTE ACCENT}" * 90,
    "a b\nc\x1b[31m" * 9,
    "layers.0.neurons.12.w.3" * 4,
]


def quotient():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    s = x + y
    z = x / s
    s.label, z.label = "s", "z"
    return z


def lines_of(step):
    first, second = repr(step).split("\n")
    assert columns(first) <= WIDTH and columns(second) <= WIDTH
    assert second.startswith(" " * (first.index("]") + 2)) and ".grad = " in second
    return first, second


def test_a_step_is_the_chain_rule_on_one_edge_and_the_sum_in_which_it_arrives():
    assert list(map(repr, trace(quotient()))) == [
        "[1/4] ∂z/∂x = 1 / s = -0.5; times z.grad: -0.5 × 1 = -0.5\n      x.grad = -0.5 from z",
        "[2/4] ∂z/∂s = -z / s = -0.5; times z.grad: -0.5 × 1 = -0.5\n      s.grad = -0.5 from z",
        "[3/4] ∂s/∂x = 1; times s.grad: 1 × (-0.5) = -0.5\n      x.grad = -0.5 from z + (-0.5) from s = -1",
        "[4/4] ∂s/∂y = 1; times s.grad: 1 × (-0.5) = -0.5\n      y.grad = -0.5 from s",
    ]


def test_a_repeated_operand_is_told_apart_by_its_place():
    a = Value(3.0, label="a")
    b = a * a
    b.label = "b"
    assert list(map(repr, trace(b))) == [
        "[1/2] ∂b/∂(operand 1) = a = 3; times b.grad: 3 × 1 = 3\n      a.grad = 3 from b",
        "[2/2] ∂b/∂(operand 2) = a = 3; times b.grad: 3 × 1 = 3\n      a.grad = 3 from b + 3 from b = 6",
    ]


def test_of_many_arrivals_the_earlier_ones_stand_together():
    x = Value(0.5, label="x")
    out = sum([(x * k).tanh() for k in (1.0, -2.0, 3.0, -4.0, 5.0)], start=Value(0.0))
    sums = [repr(step).split("\n")[1].split(" = ", 1)[1] for step in trace(out).at("x")]
    assert [text.count(" from ") for text in sums] == [1, 2, 3, 2, 2]
    assert " from 3 before + " in sums[3] and " from 4 before + " in sums[4]
    for before, after in itertools.pairwise(sums[2:]):  # the sum so far is what the next step starts from
        assert after.startswith(before.rpartition(" = ")[2] + " from ")


@pytest.mark.parametrize(("entry", "case", "static"), CASES)
def test_every_operation_says_its_local_derivatives(entry, case, static):
    operands = [Value(x, label=f"p{i}") for i, x in enumerate(case)]
    for step in trace(entry.apply(tuple(operands), static)):
        first, second = lines_of(step)
        contribution = short(step.contribution)
        assert first.endswith(f" = {contribution}") and "; times " in first and "-0;" not in first
        assert contribution in second


@given(programs(), st.tuples(*[st.floats(-1e9, 1e9)] * 3), st.permutations(LONG))
def test_lines_fit_whatever_the_names_and_numbers(program, point, labels):
    leaves = [Value(x, label=label) for x, label in zip(point, labels)]
    try:
        t = trace(run_program(program, leaves))
    except (ArithmeticError, ValueError):
        return
    t.graph.root.value.label = labels[3]
    for step in t:
        lines_of(step)
    for line in t.forward():
        assert columns(line) <= WIDTH and "\n" not in line and "\x1b" not in line


def test_long_names_keep_both_ends_and_the_arithmetic_is_never_cut():
    net = MLP(2, [4, 1], rng=random.Random(0))
    names = {"a_net_with_quite_a_long_name": net}
    for step in trace(net([1.0, -2.0]), names=names):
        first, second = lines_of(step)
        product = f"{short(step.local)} × "
        assert product in first and first.endswith(f" = {short(step.contribution)}")
        assert second.endswith(step_end(step))
    assert name_in("layers.0.neurons.12.w.3", 15) == "layers.…ns.12.w.3"[:7] + "…" + "s.12.w.3"[-7:]


def step_end(step):
    sender = step.trace.graph.nodes[step.sender].name
    return f" = {short(step.after)}" if step.accumulates else f" from {sender}"


def test_extreme_numbers_fit_too():
    x = Value(1.23456e-160, label="x" * 200)
    y = x * Value(-1.23456e-140, label="y" * 200) * Value(-1.23456e-10, label="w" * 100)
    for step in trace(y):
        lines_of(step)
    x = Value(1e200, label="x")
    first, _ = lines_of(trace(x * x * 0.5)[-1])
    assert first.endswith("1e+200 × 0.5 = 5e+199")
    assert short(-0.0) == "0" and short(-math.inf) == "-inf" and short(None) == "·"


def test_forward_is_one_line_in_the_same_style():
    assert trace(quotient()).forward() == ["s = x + y = 2 + (-4) = -2", "z = x / s = 2 / (-2) = -1"]
    many = sum([Value(float(k), label=f"number_{k}") ** 2 for k in range(9)], start=Value(0.0, label="s" * 100))
    many.label = "t" * 100
    assert all(columns(line) <= WIDTH for line in trace(many).forward())
    assert trace(many).forward()[-1].endswith(" = 204")
