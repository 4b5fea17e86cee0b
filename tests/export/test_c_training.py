"""C's training step where optimizers differ: clipping, custom scales and states, and skipped steps."""

from __future__ import annotations

import math
import random

import pytest
from helpers.compiled_c import needs_c

from micrograd import Value, sqrt, train_step
from micrograd.export.c_file import to_c
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD, Optimizer


def net():
    return MLP(2, [3, 1], activation="tanh", rng=random.Random(0))


ROWS = [([0.5, -1.0], 2.0), ([1.5, 0.25], -1.0), ([0.1, 0.2], 0.5)]


def three_ways(make, compiled):
    """The parameters after training eagerly, compiled and in C."""
    found = []
    for way in ("eager", "native", "c"):
        model = net()
        optimizer = make(model.parameters())
        loss = lambda x, y, model=model: mse(model(x), y)  # noqa: E731
        if way == "eager":
            for x, y in ROWS * 5:
                optimizer.zero_grad()
                loss(x, y).backward()
                optimizer.step()
        elif way == "native":
            step = train_step(loss, optimizer)
            for x, y in ROWS * 5:
                step([x], [y])
        else:
            c = compiled(model, "net", train=(loss, optimizer))
            for x, y in ROWS * 5:
                c.step(x, [y], optimizer.lr)
            found.append(c.array("parameters", 13))
            continue
        found.append([p.data for p in model.parameters()])
    return found


class Halved(SGD):
    """A constant scale."""

    def scale(self, m, norm):
        return 0.5


class Normed(SGD):
    """A scale without clip=."""

    def scale(self, m, norm):
        return m.where(norm > 0.01, 0.01 / norm, 1.0)


class Unit(SGD):
    """A scale of one instruction."""

    def scale(self, m, norm):
        return 1.0 / norm


class Squared(SGD):
    """A scale of no instruction: the norm itself."""

    def scale(self, m, norm):
        return norm


def with_states(*names):
    class Own(Optimizer):
        """Running sums under names that mean something else in C, or in the rule."""

        state_names = names

        def update(self, m, x, grad, *state, lr, t):
            new = [0.5 * one + grad * (k + 1.0) for k, one in enumerate(state)]
            return (x - lr * sum(new, 0.0) / (1.0 + t), *new)

    return lambda p: Own(p, 0.1)


@needs_c
@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1, clip=0.2),
        lambda p: SGD(p, lr=0.1, momentum=0.9, clip=1e-3),
        lambda p: Halved(p, lr=0.1),
        lambda p: Halved(p, lr=0.1, clip=0.2),
        lambda p: Normed(p, lr=0.1),
        lambda p: Unit(p, lr=0.1),
        lambda p: Squared(p, lr=0.01),
        with_states("x", "grad", "lr", "t"),
        with_states("rate", "v1", "i"),
        with_states("v2"),
        with_states("rate"),
        with_states("parameters"),
        with_states("s1", "norm", "squares", "loss"),
    ],
)
def test_every_rule_trains_alike_eagerly_compiled_and_in_c(make, compiled):
    eager, native, c = three_ways(make, compiled)
    assert native == pytest.approx(eager, rel=1e-11) and c == pytest.approx(eager, rel=1e-11)
    assert eager != [p.data for p in net().parameters()]


@needs_c
@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_step_that_is_not_finite_is_not_taken(clip, compiled):
    w = Value(1.0)
    root = (lambda x, y: sqrt(w * x) + y, SGD([w], lr=0.1, clip=clip))
    c = compiled(lambda x: w * x, "root", example=(0.0, 0.0), train=root)
    assert c.step([0.0], [2.0], 0.1) == 2.0 and c.array("parameters", 1) == [1.0]  # the gradient is infinite
    assert c.step([4.0], [0.0], 0.1) == 2.0 and c.array("parameters", 1)[0] < 1.0
    assert math.isnan(c.step([math.nan], [0.0], 0.1))


@needs_c
def test_a_norm_that_is_too_large_is_not_clipped(compiled):
    a, b = Value(1.0), Value(1.0)
    loss = (lambda x, y: a * x + b * y, SGD([a, b], lr=0.1, clip=1.0))
    c = compiled(lambda x: a * x + b, "large", example=(0.0, 0.0), train=loss)
    assert c.step([1e200], [1e200], 0.1) == 2e200 and c.array("parameters", 2) == [1.0, 1.0]


def test_a_loss_of_output_and_target_is_told_what_it_is_called_with(tmp_path):
    model = MLP(4, [6, 3], rng=random.Random(0))
    from micrograd.losses import cross_entropy

    with pytest.raises(ValueError, match="4 scores but 3 probabilities") as raised:
        to_c(model, tmp_path / "t.c", train=(cross_entropy, SGD(model.parameters())))
    assert "to_c calls the loss with the net's arguments and then the target" in raised.value.__notes__[0]
