"""Optimizers and schedules against their published formulas, and their state."""

from __future__ import annotations

import json
import math

import pytest

from micrograd import Value
from micrograd.optim import (
    SGD,
    Adam,
    AdamW,
    RMSProp,
    cosine_decay,
    exponential_decay,
    linear_decay,
    step_decay,
)

KINDS = [
    lambda ps: SGD(ps, lr=0.1),
    lambda ps: SGD(ps, lr=0.1, momentum=0.9),
    lambda ps: SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
    lambda ps: SGD(ps, lr=0.1, weight_decay=0.01),
    lambda ps: RMSProp(ps, lr=0.05),
    lambda ps: Adam(ps, lr=0.1),
    lambda ps: Adam(ps, lr=0.1, weight_decay=0.01),
    lambda ps: AdamW(ps, lr=0.1),
]


def train(optimizer, parameters, steps=1):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum((p - 3.0 * i) ** 2 * (i + 1) for i, p in enumerate(parameters))
        loss.backward()
        optimizer.step()
    return [p.data for p in parameters]


@pytest.mark.parametrize("make", KINDS)
def test_each_finds_a_minimum(make):
    parameters = [Value(1.0), Value(1.0)]
    assert train(make(parameters), parameters, 600) == pytest.approx([0.0, 3.0], abs=0.05)


def by_formula(kind, gradient, steps):
    """x after some steps from 1.0, written out from the papers' formulas, for loss = x**2."""
    x, m, v = 1.0, 0.0, 0.0
    for t in range(1, steps + 1):
        g = gradient(x)
        if kind == "sgd":
            x -= 0.1 * g
        elif kind == "momentum":
            m = 0.9 * m + g
            x -= 0.1 * m
        elif kind == "nesterov":
            m = 0.9 * m + g
            x -= 0.1 * (g + 0.9 * m)
        elif kind == "rmsprop":
            v = 0.99 * v + 0.01 * g * g
            x -= 0.1 * g / (math.sqrt(v) + 1e-8)
        else:
            if kind == "adamw":
                x -= 0.1 * 0.01 * x
            if kind == "adam l2":
                g += 0.01 * x
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g * g
            x -= 0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x


@pytest.mark.parametrize(
    "kind, make",
    [
        ("sgd", lambda ps: SGD(ps, lr=0.1)),
        ("momentum", lambda ps: SGD(ps, lr=0.1, momentum=0.9)),
        ("nesterov", lambda ps: SGD(ps, lr=0.1, momentum=0.9, nesterov=True)),
        ("rmsprop", lambda ps: RMSProp(ps, lr=0.1)),
        ("adam", lambda ps: Adam(ps, lr=0.1)),
        ("adam l2", lambda ps: Adam(ps, lr=0.1, weight_decay=0.01)),
        ("adamw", lambda ps: AdamW(ps, lr=0.1)),
    ],
)
def test_steps_follow_the_formulas(kind, make):
    x = Value(1.0)
    optimizer = make([x])
    for _ in range(7):
        optimizer.zero_grad()
        (x**2).backward()
        optimizer.step()
    assert x.data == pytest.approx(by_formula(kind, lambda x: 2 * x, 7), rel=1e-12)


def test_schedules():
    assert [step_decay(1.0, every=2)(t) for t in range(5)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert [exponential_decay(1.0, factor=0.5)(t) for t in range(3)] == [1.0, 0.5, 0.25]
    assert [linear_decay(1.0, steps=4, final=0.2)(t) for t in (0, 2, 4, 9)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert [cosine_decay(1.0, steps=4)(t) for t in (0, 2, 4, 9)] == pytest.approx([1.0, 0.5, 0.0, 0.0])
    x = Value(1.0)
    optimizer = SGD([x], lr=lambda t: 10.0**-t)
    seen = []
    for _ in range(3):
        seen.append(optimizer.learning_rate())
        optimizer.step()
    assert seen == [1.0, 0.1, 0.01]


@pytest.mark.parametrize("make", KINDS)
def test_state_survives_json_and_training_goes_on_bit_for_bit(make):
    unbroken = [Value(1.0), Value(1.0)]
    wanted = train(make(unbroken), unbroken, 9)
    parameters = [Value(1.0), Value(1.0)]
    optimizer = make(parameters)
    train(optimizer, parameters, 4)
    saved = json.loads(json.dumps(optimizer.state_dict()))
    resumed = make(parameters)
    resumed.load_state_dict(saved)
    assert train(resumed, parameters, 5) == wanted


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("steps"),
        lambda s: s.update(optimizer="SGD"),
        lambda s: s["state"].pop("mean"),
        lambda s: s["state"]["mean"].append(0.0),
        lambda s: s["state"]["mean"].__setitem__(0, "text"),
        lambda s: s.update(steps="many"),
        lambda s: s.update(steps=-1),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(spoil):
    parameters = [Value(1.0), Value(1.0)]
    optimizer = Adam(parameters)
    train(optimizer, parameters, 3)
    before = optimizer.state_dict()
    state = Adam([Value(0.0), Value(0.0)]).state_dict()
    spoil(state)
    with pytest.raises((ValueError, TypeError)):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


@pytest.mark.parametrize(
    "attempt, says",
    [
        (lambda: SGD([]), "no parameters"),
        (lambda: SGD([1.0]), "must be a Value"),
        (lambda: SGD([Value(1.0) * 2]), "must be a Value that no operation made"),
        (lambda: SGD([Value(1.0)], lr=-1), "lr must be at least 0"),
        (lambda: SGD([Value(1.0)], lr="fast"), "'fast' is a str"),
        (lambda: SGD([Value(1.0)], momentum=1.5), "below 1"),
        (lambda: SGD([Value(1.0)], nesterov=True), "needs a momentum"),
        (lambda: Adam([Value(1.0)], betas=(0.9, 1.0)), "betas must be"),
        (lambda: RMSProp([Value(1.0)], eps=-1.0), "eps must be"),
        (lambda: cosine_decay(1.0, steps=0), "steps must be at least 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(attempt, says):
    with pytest.raises((ValueError, TypeError), match=says):
        attempt()


def test_a_gradient_that_is_a_graph_counts_as_its_number():
    x = Value(1.0)
    (x**2).backward(create_graph=True)
    SGD([x], lr=0.1).step()
    assert x.data == 0.8 and type(x.data) is float


def test_numbers_of_numpys_become_floats():
    numpy = pytest.importorskip("numpy")
    w = Value(1.0)
    optimizer = SGD([w], lr=numpy.float32(0.5))
    w.grad = numpy.float32(0.5)
    optimizer.step()
    assert w.data == 0.75 and type(w.data) is float
    SGD([w], lr=lambda t: numpy.float64(0.5)).step()
    assert type(w.data) is float


def test_an_error_in_a_step_changes_nothing():
    a, b = Value(1.0), Value(1.0)
    optimizer = Adam([a, b])
    a.grad, b.grad = 1.0, None
    with pytest.raises(TypeError):
        optimizer.step()
    assert (a.data, optimizer.steps, optimizer.state["mean"]) == (1.0, 0, [0.0, 0.0])


def test_parameters_are_stepped_once_and_asked_for_plainly():
    w = Value(1.0)
    w.grad = 1.0
    SGD([w, w], lr=0.5).step()
    assert w.data == 0.5
    for wrong in (w, w.backward):
        with pytest.raises(TypeError, match=r"net\.parameters\(\)"):
            SGD(wrong)


def test_schedules_end_where_they_are_told():
    schedule = cosine_decay(1.0, steps=4, final=0.2)
    assert [schedule(t) for t in (0, 2, 4, 9)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    with pytest.raises(ValueError, match="every must be at least 1"):
        step_decay(1.0, every=0)
    with pytest.raises(ValueError, match="a learning rate of inf after 2 steps: it must be finite"):
        SGD([Value(1.0)], lr=lambda t: [1.0, 1.0, math.inf][t]).learning_rates(3)


def test_a_norm_that_is_too_large_cannot_be_clipped():
    w = Value(1.0)
    optimizer = SGD([w], lr=0.1, clip=1.0)
    (w * 1e200).backward()
    with pytest.raises(OverflowError, match="the norm of the gradient is too large"):
        optimizer.step()
    assert w.data == 1.0 and optimizer.steps == 0


def test_a_scale_of_ones_own_counts_without_clip():
    class Halved(SGD):
        def scale(self, m, norm):
            return 0.5

    w = Value(1.0)
    (w * 2.0).backward()
    Halved([w], lr=0.1).step()
    assert w.data == pytest.approx(0.9)


def test_a_gradient_shorter_than_clip_stays_as_it_is():
    w = Value(1.0)
    (w * 2.0).backward()
    SGD([w], lr=0.1, clip=10.0).step()
    assert w.data == pytest.approx(0.8)
    SGD([w], lr=0.1, clip=1.0).step()
    assert w.data == pytest.approx(0.7)


def test_an_update_that_gives_too_few_numbers_changes_nothing():
    class Short(SGD):
        def update(self, m, x, grad, *state, lr, t):
            return (x - lr * grad,)

    p = Value(1.0)
    p.grad = 1.0
    optimizer = Short([p], lr=0.1)
    with pytest.raises(TypeError, match=r"Short.update must return a tuple: the new parameter and its 1 new states"):
        optimizer.step()
    assert p.data == 1.0 and optimizer.steps == 0
