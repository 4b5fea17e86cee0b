"""train_step gives the same losses as eager training, with every optimizer, batch size and order."""

from __future__ import annotations

import copy
import math
import pickle
import random

import numpy as np
import pytest
from helpers.eagerly import OPTIMIZERS, SIGNS, X2, eager_training, pair, rng, small

from micrograd import Value, train_step
from micrograd.losses import binary_cross_entropy, cross_entropy, half_squared_sum, hinge, margin_ranking, mse
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.optim import (
    SGD,
    Adam,
    Optimizer,
    linear_decay,
)

CLASSES = rng.integers(0, 3, 20)


def assert_alike(eager, compiled, rel=1e-10):
    (one, one_optimizer), (other, other_optimizer) = eager, compiled
    assert [p.data for p in other.parameters()] == pytest.approx([p.data for p in one.parameters()], rel=rel, abs=1e-12)
    assert other_optimizer.steps == one_optimizer.steps
    for name, numbers in one_optimizer.state_dict()["state"].items():
        assert other_optimizer.state_dict()["state"][name] == pytest.approx(numbers, rel=rel, abs=1e-15)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_and_schedule_trains_as_it_does_eagerly(name):
    eager, compiled = pair(lambda r: MLP(2, [5, 3], activation="tanh", rng=r), OPTIMIZERS[name])
    wanted = eager_training(
        lambda x, y: cross_entropy(eager[0](x), y), eager[1], X2, CLASSES, epochs=3, batch_size=7, seed=5
    )
    step = train_step(lambda x, y: cross_entropy(compiled[0](x), y), compiled[1])
    losses = step.run(X2, CLASSES, epochs=3, batch_size=7, shuffle=5)
    assert losses.tolist() == pytest.approx(wanted, rel=1e-12)
    assert_alike(eager, compiled)


def test_norms_of_gradients():
    eager, compiled = pair(lambda r: MLP(2, [5, 1], activation="tanh", rng=r), lambda p: SGD(p, lr=0.1, clip=1e-3))
    step = train_step(lambda x, y: mse(compiled[0](x), y), compiled[1])
    step.run(X2, SIGNS, epochs=2, batch_size=9)
    wanted = []
    for i in range(6):
        rows = slice(i % 3 * 9, i % 3 * 9 + 9)
        eager_training(lambda x, y: mse(eager[0](x), y), eager[1], X2[rows], SIGNS[rows], epochs=1, batch_size=9)
        wanted.append(math.sqrt(sum(p.grad**2 for p in eager[0].parameters())))
    assert step.norms.tolist() == pytest.approx(wanted, rel=1e-12)
    assert_alike(eager, compiled)


def test_a_second_net_of_the_same_sizes_shares_the_code_and_nothing_else():
    from micrograd.compiler.native.native import native_of

    nets = [MLP(2, [7, 1], activation="tanh", rng=random.Random(i)) for i in range(3)]
    steps = [train_step(lambda x, y, net=net: mse(net(x), y), SGD(net.parameters(), lr=0.1)) for net in nets]
    wanted = [mse([net(row) for row in X2], SIGNS.tolist()).data for net in nets]
    before = native_of.cache_info().misses
    assert [step(X2, SIGNS) for step in steps] == pytest.approx(wanted, rel=1e-12)
    assert native_of.cache_info().misses == before + 1


class Words(Module):
    """The net of demos/named_entity.py, but smaller."""

    def __init__(self, rng):
        self.vectors = [[Value(rng.uniform(-1, 1)) for _ in range(3)] for _ in range(4)]
        self.hidden = Layer(6, 4, activation="sigmoid", rng=rng)
        self.U = Neuron(4, nonlin=False, bias=False, rng=rng)

    def __call__(self, a, b):
        return self.U(self.hidden(self.vectors[a] + self.vectors[b]))


NETS = {
    "xor": (lambda r: MLP(3, [4, 1], activation="sigmoid", output="sigmoid", bias=False, rng=r), half_squared_sum, 3),
    "moons": (lambda r: MLP(2, [16, 16, 1], rng=r), hinge, 2),
    "iris": (lambda r: MLP(4, [20, 3], init="xavier", rng=r), cross_entropy, 4),
    "digits, in small": (lambda r: MLP(6, [5, 4], activation="sigmoid", output="sigmoid", rng=r), half_squared_sum, 6),
    "regression": (lambda r: MLP(3, [4, 1], activation="gelu", rng=r), mse, 3),
    "probabilities": (lambda r: MLP(3, [4, 1], activation="softplus", rng=r), binary_cross_entropy, 3),
}


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, 100])
@pytest.mark.parametrize("name", NETS)
def test_every_net_of_the_demos_on_batches_of_every_size(name, rows):
    make, loss, inputs = NETS[name]
    numbers = np.random.default_rng(rows)
    X, y = numbers.normal(size=(rows, inputs)), numbers.integers(0, 2, rows)
    if loss is hinge:
        y = 2 * y - 1
    if name == "digits, in small":
        y = np.eye(4)[y]
    eager, compiled = pair(make, lambda p: SGD(p, lr=0.1))
    wanted = eager_training(lambda a, b: loss(eager[0](a), b), eager[1], X, y, epochs=3, batch_size=rows)
    step = train_step(lambda a, b: loss(compiled[0](a), b), compiled[1])
    assert [step(X, y) for _ in range(3)] == pytest.approx(wanted, rel=1e-12)
    assert_alike(eager, compiled)


def test_a_loss_without_data_and_with_leaves_that_stay():
    """As in the window demo: word vectors are parameters; other Values are read again at each step."""
    models = [Words(random.Random(0)), Words(random.Random(0))]
    margins = [Value(1.0), Value(1.0)]
    optimizers = [SGD(m.parameters(), lr=0.1) for m in models]
    losses = [lambda m=m, k=k: margin_ranking(m(0, 1), m(2, 3), margin=k) for m, k in zip(models, margins)]
    step = train_step(losses[1], optimizers[1])
    for i in range(6):
        if i == 3:
            margins[0].data = margins[1].data = 2.0
        out = losses[0]()
        optimizers[0].zero_grad()
        out.backward()
        optimizers[0].step()
        assert step() == pytest.approx(out.data, rel=1e-12)
    assert margins[1].data == 2.0
    assert_alike((models[0], optimizers[0]), (models[1], optimizers[1]))
    assert len(step.run(steps=5)) == 5


def test_regularisation_is_part_of_the_loss():
    eager, compiled = pair(lambda r: MLP(2, [4, 1], rng=r), lambda p: SGD(p, lr=0.1))

    def loss_of(model):
        return lambda x, y: hinge(model(x), y) + 1e-2 * sum(p * p for p in model.parameters())

    wanted = eager_training(loss_of(eager[0]), eager[1], X2, SIGNS, epochs=4, batch_size=20)
    losses = train_step(loss_of(compiled[0]), compiled[1]).run(X2, SIGNS, epochs=4)
    assert losses.tolist() == pytest.approx(wanted, rel=1e-12)
    assert_alike(eager, compiled)


# --------------------------------------------------- parameters, state, settings


def test_parameters_are_the_same_objects_and_always_up_to_date():
    net, _, step = small()
    parameters = net.parameters()
    step(X2, SIGNS)
    assert all(p is q for p, q in zip(parameters, net.parameters()))
    before = [p.data for p in parameters]
    step(X2, SIGNS)
    assert all(p.data != b for p, b in zip(parameters, before))
    assert repr(parameters[0]) == f"Value(data={parameters[0].data}, grad=0.0)"
    for p in parameters:
        p.data = 0.0
    assert step(X2, SIGNS) == 1.0
    net.load_state_dict(dict.fromkeys(net.state_dict(), 0.5))
    assert {p.data for p in parameters} == {0.5}
    assert isinstance(parameters[0], Value) and (parameters[0] * 2).data == (2 * parameters[0]).data == 1.0


def test_copies_and_pickles_of_a_trained_model_are_plain():
    net, _, step = small()
    step(X2, SIGNS)
    net.parameters()[0].label = "first"
    net.parameters()[0].note = "mine"
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.state_dict() == net.state_dict()
        assert {type(p) for p in other.parameters()} == {Value}
        assert other.parameters()[0].label == "first" and other.parameters()[0].note == "mine"
        other.parameters()[1].data = 9.0
        assert net.parameters()[1].data != 9.0


def test_values_of_a_class_of_ones_own_keep_it():
    class Weight(Value):
        def doubled(self):
            return self * 2

    w = Weight(1.0)
    step = train_step(lambda x: (w * x - 3.0) ** 2, SGD([w], lr=0.1))
    step([1.0])
    assert isinstance(w, Weight) and w.data == 1.4 and w.doubled().data == 2.8


def test_eager_and_compiled_steps_take_turns():
    eager, compiled = pair(lambda r: MLP(2, [3, 1], activation="tanh", rng=r), lambda p: Adam(p, lr=0.01))
    wanted = eager_training(lambda x, y: mse(eager[0](x), y), eager[1], X2, SIGNS, epochs=6, batch_size=20)
    net, optimizer = compiled
    step = train_step(lambda x, y: mse(net(x), y), optimizer)
    found = []
    for i in range(6):
        if i % 2:
            found.append(step(X2, SIGNS))
        else:
            found += eager_training(lambda x, y: mse(net(x), y), optimizer, X2, SIGNS, epochs=1, batch_size=20)
    assert found == pytest.approx(wanted, rel=1e-12)
    assert_alike(eager, compiled)


def test_the_optimizers_state_is_kept_and_loaded():
    net, optimizer, step = small(lambda p: Adam(p, lr=0.01))
    step.run(X2, SIGNS, epochs=3)
    saved, weights = copy.deepcopy(optimizer.state_dict()), net.state_dict()
    assert saved["steps"] == 3 and all(type(x) is float for x in saved["state"]["mean"])
    first = step.run(X2, SIGNS, epochs=3).tolist()
    optimizer.load_state_dict(saved)
    net.load_state_dict(weights)
    assert step.run(X2, SIGNS, epochs=3).tolist() == first
    again, other, fresh = small(lambda p: Adam(p, lr=0.01))
    again.load_state_dict(weights)
    other.load_state_dict(saved)
    assert fresh.run(X2, SIGNS, epochs=3).tolist() == first


def test_two_steps_on_the_same_parameters():
    """Two losses with one optimizer each: every step continues from the parameters that the other left."""
    nets = [MLP(2, [3, 1], activation="tanh", rng=random.Random(0)) for _ in range(2)]
    optimizers = [[SGD(n.parameters(), lr=0.1), SGD(n.parameters()[:4][::-1], lr=0.2)] for n in nets]
    eager, compiled = nets
    steps = [train_step(lambda x, y: mse(compiled(x), y), o) for o in optimizers[1]]
    for i in range(6):
        wanted = eager_training(lambda x, y: mse(eager(x), y), optimizers[0][i % 2], X2, SIGNS, epochs=1, batch_size=20)
        assert steps[i % 2](X2, SIGNS) == pytest.approx(wanted[0], rel=1e-12)


def test_settings_changed_between_steps_count():
    eager, compiled = pair(lambda r: MLP(2, [3, 1], rng=r), lambda p: SGD(p, lr=0.1, momentum=0.5))
    step = train_step(lambda x, y: mse(compiled[0](x), y), compiled[1])
    for change in (
        {"lr": 0.1},
        {"lr": 0.02},
        {"momentum": 0.9},
        {"nesterov": True},
        {"lr": linear_decay(0.1, steps=5)},
    ):
        for _, optimizer in (eager, compiled):
            vars(optimizer).update(change)
        wanted = eager_training(lambda x, y: mse(eager[0](x), y), eager[1], X2, SIGNS, epochs=2, batch_size=20)
        assert step.run(X2, SIGNS, epochs=2).tolist() == pytest.approx(wanted, rel=1e-12)
    assert_alike(eager, compiled)


def test_an_optimizer_of_ones_own():
    class SignDescent(Optimizer):
        def update(self, m, x, grad, *state, lr, t):
            return (x - lr * m.where(grad > 0.0, 1.0, m.where(grad < 0.0, -1.0, 0.0)),)

    eager, compiled = pair(lambda r: MLP(2, [3, 1], rng=r), lambda p: SignDescent(p, 0.01))
    wanted = eager_training(lambda x, y: mse(eager[0](x), y), eager[1], X2, SIGNS, epochs=3, batch_size=20)
    step = train_step(lambda x, y: mse(compiled[0](x), y), compiled[1])
    assert step.run(X2, SIGNS, epochs=3).tolist() == pytest.approx(wanted, rel=1e-12)
    assert "where" in str(step.update_tape) and "value" in str(step.tape)
    assert "@update" in step.llvm_ir and "run:" in step.assembly

    class Stepping(SGD):
        def step(self):
            super().step()

    with pytest.raises(TypeError, match=r"Stepping overrides step\(\).*write the rule as update"):
        train_step(lambda x: x, Stepping([Value(1.0)]))
