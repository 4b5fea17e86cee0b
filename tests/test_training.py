"""train_step: the same losses as eager training, with every optimizer, batch size and order; and it can be stopped."""

from __future__ import annotations

import copy
import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograd import Value, exp, jit, log, sqrt, train_step
from micrograd.compiler.shuffle import generator, put_back, words_of
from micrograd.data import batches
from micrograd.losses import binary_cross_entropy, cross_entropy, half_squared_sum, hinge, margin_ranking, mse
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.optim import (
    SGD,
    Adam,
    AdamW,
    Optimizer,
    RMSProp,
    cosine_decay,
    exponential_decay,
    linear_decay,
    step_decay,
)

rng = np.random.default_rng(0)
X2 = rng.normal(size=(20, 2))
SIGNS = np.where(X2[:, 0] * X2[:, 1] > 0, 1, -1)
CLASSES = rng.integers(0, 3, 20)


def eager_training(loss, optimizer, X, y, *, epochs, batch_size, seed=None):
    losses = []
    order = random.Random(seed) if seed is not None else None
    for _ in range(epochs):
        if order:
            parts = batches(list(X), list(y), batch_size, rng=order)
        else:
            parts = [(X[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(X), batch_size)]
        for rows, targets in parts:
            terms = [loss(a, b) for a, b in zip(rows, targets)]
            out = sum(terms[1:], terms[0]) / len(terms)
            optimizer.zero_grad()
            out.backward()
            optimizer.step()
            losses.append(out.data)
    return losses


def pair(make, optimizer):
    """Two equal models, with an optimizer each."""
    models = [make(random.Random(1)), make(random.Random(1))]
    return [(model, optimizer(model.parameters())) for model in models]


def assert_alike(eager, compiled, rel=1e-10):
    (one, one_optimizer), (other, other_optimizer) = eager, compiled
    assert [p.data for p in other.parameters()] == pytest.approx([p.data for p in one.parameters()], rel=rel, abs=1e-12)
    assert other_optimizer.steps == one_optimizer.steps
    for name, numbers in one_optimizer.state_dict()["state"].items():
        assert other_optimizer.state_dict()["state"][name] == pytest.approx(numbers, rel=rel, abs=1e-15)


OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9),
    "Nesterov": lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSProp": lambda p: RMSProp(p, lr=0.01),
    "Adam": lambda p: Adam(p, lr=0.01, weight_decay=1e-3),
    "AdamW": lambda p: AdamW(p, lr=0.01),
    "step decay": lambda p: SGD(p, lr=step_decay(0.1, every=3, factor=0.5)),
    "exponential decay": lambda p: Adam(p, lr=exponential_decay(0.01, factor=0.9)),
    "cosine decay": lambda p: SGD(p, lr=cosine_decay(0.1, steps=10)),
    "linear decay": lambda p: SGD(p, lr=linear_decay(0.1, steps=10)),
    "clipped": lambda p: SGD(p, lr=0.3, momentum=0.5, clip=0.2),
    "Adam, clipped": lambda p: Adam(p, lr=0.01, clip=0.1),
    "a schedule of one's own": lambda p: SGD(p, lr=lambda t: 0.1 if t < 5 else 0.01),
}


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
    from micrograd.compiler.native import native_of

    nets = [MLP(2, [7, 1], activation="tanh", rng=random.Random(i)) for i in range(3)]
    steps = [train_step(lambda x, y, net=net: mse(net(x), y), SGD(net.parameters(), lr=0.1)) for net in nets]
    wanted = [mse([net(row) for row in X2], SIGNS.tolist()).data for net in nets]
    before = native_of.cache_info().misses
    assert [step(X2, SIGNS) for step in steps] == pytest.approx(wanted, rel=1e-12)
    assert native_of.cache_info().misses == before + 1


class Words(Module):
    """The net of demos/named_entity.py, in small."""

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
    """The window demo: word vectors are parameters; what is not the optimizer's is read afresh at each step."""
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


def small(optimizer=lambda p: SGD(p, lr=0.1)):
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    made = optimizer(net.parameters())
    return net, made, train_step(lambda x, y: mse(net(x), y), made)


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
    """As two losses with an optimizer each: every step finds the parameters where the other left them."""
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

    with pytest.raises(TypeError, match=r"Stepping has a step\(\) of its own.*write the rule as update"):
        train_step(lambda x: x, Stepping([Value(1.0)]))


# ------------------------------------------------------------------ data and run


def test_data_of_every_kind_gives_the_same_losses():
    wanted = None
    for X, y in [
        (X2, SIGNS),
        (X2.tolist(), SIGNS.tolist()),
        ([tuple(row) for row in X2.tolist()], tuple(SIGNS.tolist())),
        (np.asfortranarray(X2), SIGNS.astype("i1")),
        (np.repeat(X2, 2, axis=0)[::2], SIGNS.astype(float)),
    ]:
        _, _, step = small()
        losses = [step(X, y), step(X, y), *step.run(X, y, epochs=2, batch_size=6)]
        wanted = wanted or losses
        assert losses == wanted


def test_arrays_may_change_between_steps():
    net, _, step = small(lambda p: SGD(p, lr=0.0))
    X, y = X2.copy(), SIGNS.copy()
    before = step(X, y)
    X[:] = X[::-1].copy()
    y[:] = y[::-1].copy()
    assert step(X, y) == pytest.approx(before, rel=1e-12)
    y[:] = -y
    assert step(X, y) != pytest.approx(before, rel=1e-3)
    assert step(X[:5], y[:5]) == pytest.approx(mse([net(r) for r in X[:5]], y[:5].tolist()).data, rel=1e-12)


@given(seed=st.integers(0, 2**40), n=st.integers(1, 200))
@settings(max_examples=25)
def test_shuffles_are_pythons_own(seed, n):
    """Losses tell the order apart, since each row has its own; and the generator goes on from where it was left."""
    w = Value(0.0)
    step = train_step(lambda x: w * 0.0 + x, SGD([w], lr=0.0))
    rows = np.arange(float(n))
    given_rng, wanted_rng = random.Random(seed), random.Random(seed)
    wanted = []
    for _ in range(3):
        order = list(range(n))
        wanted_rng.shuffle(order)
        wanted += order
    assert step.run(rows, epochs=3, batch_size=1, shuffle=given_rng).tolist() == wanted
    assert given_rng.random() == wanted_rng.random()
    assert step.run(rows, epochs=1, batch_size=1).tolist() == list(range(n))


def test_what_shuffle_may_be():
    assert generator(None) is None and generator(False) is None
    assert generator(3).random() == random.Random(3).random()
    for wrong in ("0", 0.5, True, np.random.default_rng(0)):
        with pytest.raises(TypeError, match="shuffle is a seed such as 0"):
            generator(wrong)
    r = random.Random(1)
    words = words_of(r)
    put_back(r, words)
    assert r.random() == random.Random(1).random()


def test_callbacks():
    net, optimizer, step = small()
    seen = []
    losses = step.run(X2, SIGNS, steps=10, batch_size=5, callback=lambda n, loss: seen.append((n, loss)), every=4)
    assert [n for n, _ in seen] == [4, 8, 10]
    assert [loss for _, loss in seen] == [losses[3], losses[7], losses[9]]
    assert len(step.run(X2, SIGNS, epochs=5, callback=lambda n, loss: n < 3)) == 3
    assert optimizer.steps == 13

    def lower(n, loss):
        optimizer.lr = 0.0

    parameters = None
    step.run(X2, SIGNS, epochs=5, callback=lower)
    parameters = [p.data for p in net.parameters()]
    step.run(X2, SIGNS, epochs=5)
    assert [p.data for p in net.parameters()] == parameters

    def fails(n, loss):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        step.run(X2, SIGNS, epochs=5, callback=fails)
    assert optimizer.steps == 24


def test_long_runs_are_cut_without_a_trace():
    """More steps than are computed at a time, and a budget that ends in the midst of steps."""
    eager, compiled = pair(lambda r: MLP(2, [3, 1], activation="tanh", rng=r), lambda p: Adam(p, lr=0.01))
    step = train_step(lambda x, y: mse(compiled[0](x), y), compiled[1])
    step(X2, SIGNS)
    for _, optimizer in (eager, compiled):
        optimizer.steps = 0
    for p, q in zip(eager[0].parameters(), compiled[0].parameters()):
        q.data = p.data
    for name in compiled[1].state:
        compiled[1].state[name] = [0.0] * len(compiled[0].parameters())
    program = step._last()
    program._budget = 1  # a pause after each block
    losses = step.run(X2, SIGNS, steps=40, batch_size=7, shuffle=3)
    wanted = eager_training(lambda x, y: mse(eager[0](x), y), eager[1], X2, SIGNS, epochs=14, batch_size=7, seed=3)
    assert losses.tolist() == pytest.approx(wanted[:40], rel=1e-12)
    assert len(step.run(X2, SIGNS, steps=10_000)) == 10_000


@pytest.mark.parametrize(
    "options, said",
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"every": True}, "every must be a whole number"),
        ({"epochs": 1, "steps": 1}, "give epochs or steps, not both"),
    ],
)
def test_bad_options(options, said):
    _, _, step = small()
    with pytest.raises(ValueError, match=said):
        step.run(X2, SIGNS, **options)


def test_bad_data_and_losses():
    net, optimizer, step = small()
    before = net.state_dict()
    with pytest.raises(ValueError, match="x has 20 rows but y has 3"):
        step(X2, [1, 2, 3])
    with pytest.raises(ValueError, match=r"takes 2 inputs, got 1"):
        step(X2[:, :1], SIGNS)
    with pytest.raises(RuntimeError, match="nothing has been compiled yet"):
        _ = small()[2].tape
    with pytest.raises(TypeError, match="must return one number for a row, not list"):
        train_step(lambda x, y: [net(x)], optimizer)(X2, SIGNS)
    with pytest.raises(TypeError, match="takes a loss function and an optimizer"):
        train_step(optimizer, lambda x: x)
    classes = train_step(lambda x, y: cross_entropy([net(x), 0.0], y), optimizer)
    with pytest.raises(IndexError, match=r"row 3: take: index 2 \(y\) is out of range for 2 values: use 0 to 1"):
        classes(X2[:5], np.array([0, 1, 0, 2, 1]))
    with pytest.raises(IndexError, match=r"row 4: take: index -1 \(y\)"):
        classes.run(X2[:5], [0, 1, 0, 1, -1], epochs=3)
    assert net.state_dict() == before and optimizer.steps == 0


def test_a_step_that_is_not_finite_is_not_taken_and_says_why():
    w = Value(1.0, label="w")
    optimizer = SGD([w], lr=0.1)
    for f, rows, said in [
        (
            lambda x: log(w * x),
            [1.0, 2.0, -1.0],
            r"step 1 was not taken.*index 2: log\(x\), where x = -1.0: needs x > 0",
        ),
        (lambda x: exp(w * x), [1.0, 1000.0], r"index 1: exp\(x\).*too large"),
        (lambda x: w * x * 1e300, [1.0, 1e200], r"index 1: .*gave inf"),
        (lambda x: sqrt(w - x), [0.0, 1.0], r"index 1: backward through sqrt"),
        (lambda x: w * 0.0 + x, [1e308, 1e308], r"no single row does that when run eagerly"),
        (lambda x: w * x, [math.nan], r"index 0: .*gave nan"),
    ]:
        with pytest.raises(FloatingPointError, match=said):
            train_step(f, optimizer)(rows)
        assert w.data == 1.0 and optimizer.steps == 0 and w.grad == 0.0
    growing = train_step(lambda x: exp(-w * w * x), optimizer)
    optimizer.lr = -300.0
    with pytest.raises(FloatingPointError, match=r"step \d+ was not taken"):
        train_step(lambda x: exp(w * x), optimizer).run([1.0], steps=100)
    assert 0 < optimizer.steps < 100 and math.isfinite(w.data)
    assert growing([1.0]) == pytest.approx(math.exp(-(w.data**2)), abs=1e-12) or w.data > 1


def test_jitted_functions_inside_a_loss_and_on_the_same_parameters():
    net, _, _ = small()
    fast = jit(net)
    before = fast([0.5, 1.0]).data
    inside = train_step(lambda x, y: mse(fast(x), y), SGD(net.parameters(), lr=0.1))
    wanted = mse([net(row) for row in X2], SIGNS.tolist()).data
    assert inside(X2, SIGNS) == pytest.approx(wanted, rel=1e-12)
    assert fast([0.5, 1.0]).data == net([0.5, 1.0]).data != before
