"""demos/in_100_lines.py computes what the engine computes, to the last bit: numbers, gradients, and a training run."""

from __future__ import annotations

import ast
import operator
import random
import struct
import subprocess
import sys
from typing import NamedTuple

import pytest
from helpers.demos import DEMOS, demo
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, topological_order, trace
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD

PAGE = demo("in_100_lines")


def bits(numbers):
    """Floats as they lie in memory, so that 0.0 is not -0.0; one kind of nan."""
    return [struct.pack("<d", x if x == x else float("nan")).hex() for x in numbers]


class Place(NamedTuple):
    """An operand among the values so far, counted back from the last."""

    back: int


BINARY = (operator.add, operator.sub, operator.mul, operator.truediv)
UNARY = [operator.neg, *(operator.methodcaller(name) for name in ("exp", "tanh", "relu"))]
EXPONENTS = (0, 1, 2, 3, -1, -2, 0.5, 0.0, 2.5, -0.5)
numbers = st.floats(-3.0, 3.0) | st.sampled_from([0.0, -0.0, 1.0, -2.0, 1e-200, 1e200, -700.0, 2, -3])
places = st.builds(Place, st.integers(0, 100))
statements = st.one_of(
    st.tuples(st.sampled_from(BINARY), places, places),
    st.tuples(st.sampled_from(BINARY), places, numbers),
    st.tuples(st.sampled_from(BINARY), numbers, places),
    st.tuples(st.sampled_from(UNARY), places),
    st.tuples(st.just(operator.pow), places, st.sampled_from(EXPONENTS)),
)


def apply(statement, values):
    function, *operands = statement
    return function(*(values[-1 - x.back % len(values)] if isinstance(x, Place) else x for x in operands))


FAILS = (ArithmeticError, ValueError, TypeError)  # TypeError: a root of a negative number is complex in Python


@given(st.lists(numbers, min_size=1, max_size=4), st.lists(statements, min_size=1, max_size=25))
def test_random_programs_are_the_engine_s_to_the_last_bit(inputs, program):
    here, engine = [PAGE.Value(x) for x in inputs], [Value(x) for x in inputs]
    for statement in program:
        try:
            result = apply(statement, engine)
        except FAILS:
            with pytest.raises(FAILS):
                apply(statement, here)
            continue
        try:
            here.append(apply(statement, here))
        except FAILS:  # the page takes the derivatives at once, the engine when they are needed
            with pytest.raises(FAILS):
                result.backward()
            for x in engine:
                x.grad = 0.0
            continue
        engine.append(result)
    assert bits(x.data for x in here) == bits(x.data for x in engine)
    for _ in range(2):  # the second time, gradients of the inputs add up
        here[-1].backward()
        engine[-1].backward()
        assert bits(x.grad for x in here) == bits(x.grad for x in engine)
    order = [here.index(x) for x in PAGE.topological_order(here[-1]) if x in here]  # without plain numbers
    assert order == [engine.index(x) for x in topological_order(engine[-1]) if x in engine]


def trained(seed, steps, rate=0.5):
    """The same training with the package's own net, loss and optimizer: the losses and the parameters."""
    net = MLP(2, [8, 1], activation="tanh", output="tanh", rng=random.Random(seed))
    grid = range(-3, 4)
    points = [(x, y) for x in grid for y in grid]
    optimizer, losses = SGD(net.parameters(), lr=rate), []
    for _ in range(steps + 1):
        loss = mse([net([x / 3, y / 3]) for x, y in points], [1 if x * x + y * y < 6 else -1 for x, y in points])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    return losses, [p.data for p in net.parameters()]


@pytest.mark.parametrize("seed, steps", [(2, 100), (7, 10)])
def test_a_training_run_is_the_engine_s_to_the_last_bit(seed, steps, capsys):
    net, losses = PAGE.main(seed=seed, steps=steps)
    expected, parameters = trained(seed, steps)
    assert bits(losses) == bits(expected)
    assert bits(p.data for p in net.parameters) == bits(parameters) and len(parameters) == 33
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"step   0   loss {losses[0]:.4f}" and len(said) == steps // 10 + 1 + 11
    if steps == 100:
        assert said[10] == "step 100   loss 0.2695" and losses[-1] < losses[0] / 4
        drawn = said[11:]
        assert drawn[5][20] == "#" and all(row[0] == "." for row in drawn) and set("".join(drawn)) == {".", "#"}


def test_a_graph_may_be_of_any_depth():
    x = total = PAGE.Value(1.0)
    for _ in range(20_000):
        total = total + x
    total.backward()
    assert x.grad == 20_001.0


def test_it_is_one_page_and_needs_nothing_but_python(tmp_path):
    source = (DEMOS / "in_100_lines.py").read_text()
    assert len(source.splitlines()) <= 100
    imported = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [alias.name for node in imported for alias in node.names] == ["math", "random"]
    (tmp_path / "page.py").write_text(source)
    command = [sys.executable, "-I", "-S", tmp_path / "page.py"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0 and not result.stderr and "step 100   loss 0.2695\n" in result.stdout


def test_it_can_be_drawn_and_stepped_through():
    x = PAGE.Value(2.0)
    played = trace(x * x + x)
    assert str(played.why("v1")).splitlines()[-1].strip() == "sum: 5"
