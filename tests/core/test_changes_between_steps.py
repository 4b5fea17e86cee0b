"""Steps that C takes again notice whatever changed since the last one: arrays, the optimizer, what the loss reads."""

from __future__ import annotations

import random

import numpy as np
import pytest
from helpers.calls import NATIVE_ONLY
from helpers.eagerly import OPTIMIZERS
from helpers.steps import X, Y, in_python, quickly, ready, slowly, state_of, xor

from micrograd import Value, no_grad, relu, train_step
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam

pytestmark = NATIVE_ONLY


def test_other_arrays():
    steps = [ready(xor(in_c=in_c), X, Y) for in_c in (True, False)]
    x, y = X[:10].copy(), Y[:10].copy()
    for data in ((X, Y), (x, y), (x, y), (x, y), (x, y), (X, Y), (x, y[::-1]), (X.tolist(), Y.tolist()), (X, Y)):
        assert steps[0](*data).hex() == steps[1](*data).hex()
        assert state_of(steps[0]) == state_of(steps[1])
    ready(steps[0], X, Y)
    quickly(steps[0], X, Y)
    for wrong in ((X,), (X, Y, Y), (), (X, 3.0), (X, Y[:3])):
        ready(steps[0], X, Y)
        with pytest.raises((TypeError, ValueError)):
            steps[0](*wrong)
    with pytest.raises(TypeError):
        steps[0](X, y=Y)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__setitem__(slice(None), 2.0),
        lambda x: (x.resize(10**6, refcheck=False), x.resize(20, refcheck=False), x.__setitem__(slice(None), 1.0)),
        lambda x: x.resize(10, refcheck=False),
        lambda x: setattr(x, "strides", (16,)),
        lambda x: setattr(x, "dtype", np.int64),
        lambda x: setattr(x, "shape", (20, 1)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(strides|dtype|shape).*:DeprecationWarning")
def test_arrays_that_are_changed_in_place(change):
    found = []
    for in_c in (True, False):
        w = Value(1.0)
        step = train_step(lambda x, w=w: w * (x if not hasattr(x, "sum") else x.sum()), SGD([w], lr=0.25))
        if not in_c:
            step._prepared = in_python(step)
        base = np.arange(40.0)
        x = base[:20] if change.__code__.co_names[:1] != ("resize",) else np.arange(20.0)
        ready(step, x)
        if in_c:
            quickly(step, x)
        else:
            step(x)
        change(x)
        found.append([step(x).hex(), step(x).hex(), state_of(step)])
        found[-1].append(float(np.mean(x.astype(float))))
    assert found[0] == found[1]


def test_a_learning_rate_that_changes_and_changes_back():
    steps = [ready(xor(in_c=in_c), X, Y) for in_c in (True, False)]
    rates = [0.1, 0.2, 0.2, 0.2, 0.1, 0.1, 1, 0.1, np.float64(0.1), lambda t: 0.1 if t % 2 else 0.3, 0.3, 0.1, True]
    for rate in rates:
        for step in steps:
            step.optimizer.lr = rate
        for _ in range(3):
            assert steps[0](X, Y).hex() == steps[1](X, Y).hex()
            assert state_of(steps[0]) == state_of(steps[1])
    for step in steps:
        step.optimizer.lr = 0.1
    steps[0](X, Y)
    quickly(steps[0], X, Y)


def test_settings_states_and_steps_that_are_set():
    steps = [ready(xor(OPTIMIZERS["Adam"], in_c=in_c), X, Y) for in_c in (True, False)]
    kept = [{name: [*x] for name, x in step.optimizer.state.items()} for step in steps]

    def load(optimizer, number):
        optimizer.state = {name: [*numbers] for name, numbers in kept[number].items()}

    changes = [
        lambda optimizer, number: load(optimizer, number),
        lambda optimizer, number: optimizer.state.update({name: [0.5] * len(x) for name, x in kept[0].items()}),
        lambda optimizer, number: setattr(optimizer, "steps", 1000),
        lambda optimizer, number: setattr(optimizer, "steps", optimizer.steps - 5),
        lambda optimizer, number: setattr(optimizer, "clip", 1e-3),
        lambda optimizer, number: setattr(optimizer, "weight_decay", 0.5),
        lambda optimizer, number: optimizer.parameters.append(Value(1.0)),
        lambda optimizer, number: optimizer.parameters.pop(),
        lambda optimizer, number: setattr(optimizer, "__class__", type("Own", (Adam,), {})),
        lambda optimizer, number: setattr(optimizer.parameters[0], "data", 0.25),
    ]
    for change in changes:
        for number, step in enumerate(steps):
            ready(step, X, Y)
            change(step.optimizer, number)
            if change is changes[-3]:
                load(step.optimizer, number)
        for _ in range(3):
            assert steps[0](X, Y).hex() == steps[1](X, Y).hex()
            assert state_of(steps[0]) == state_of(steps[1])
    quickly(ready(steps[0], X, Y), X, Y)
    steps[0].optimizer.steps = 2.0
    with pytest.raises(TypeError):
        steps[0](X, Y)


class Computed(SGD):
    @property
    def lr(self):
        return 0.1 / (1 + self.steps)

    @lr.setter
    def lr(self, rate):
        vars(self)["lr"] = rate


def test_an_optimizer_that_computes_its_rate():
    steps = [xor(lambda p: Computed(p, lr=0.1), in_c=in_c) for in_c in (True, False)]
    for _ in range(5):
        assert steps[0](X, Y).hex() == steps[1](X, Y).hex()
    slowly(steps[0], X, Y)


@pytest.mark.parametrize("kind", [SGD, Computed])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_another_optimizer_takes_the_place(kind, rate):
    steps = [ready(xor(in_c=in_c), X, Y) for in_c in (True, False)]
    others = [kind(step.optimizer.parameters, lr=rate) for step in steps]
    for step, other in zip(steps, others):
        step(X, Y)
        step.optimizer = other
    for _ in range(4):
        assert steps[0](X, Y).hex() == steps[1](X, Y).hex()
        assert state_of(steps[0]) == state_of(steps[1])


scale = 1.0


def test_what_the_loss_reads_outside(monkeypatch):
    w, offset, factor = Value(1.0), Value(0.0), [1.0]
    step = ready(train_step(lambda x: (w * x * scale * factor[0] - 1.0) ** 2, SGD([w], lr=0.0)), X[:, 0].copy())
    x = np.ones(4)
    ready(step, x)
    assert quickly(step, x) == 0.0
    monkeypatch.setitem(globals(), "scale", 3.0)
    assert slowly(step, x) == 4.0
    assert quickly(ready(step, x), x) == 4.0
    factor[0] = 2.0
    assert slowly(step, x) == 25.0
    step = ready(train_step(lambda x: (w * x + offset) ** 2, SGD([w], lr=0.0)), x)
    offset.data = 2.0
    assert slowly(step, x) == 9.0  # a Value that is not a parameter is read in Python


def test_a_net_that_changes():
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    step = ready(train_step(lambda x, y: mse(net(x), y), SGD(net.parameters(), lr=0.1)), X, Y)
    quickly(step, X, Y)
    net.layers[0].neurons[0].activation = relu
    found = slowly(step, X, Y)
    assert found == pytest.approx(sum(mse(net(x), y).data for x, y in zip(X, Y)) / 20, rel=0.5)
    quickly(ready(step, X, Y), X, Y)


def test_runs_between_steps():
    steps = [ready(xor(in_c=in_c), X, Y) for in_c in (True, False)]
    runs = [{"epochs": 2}, {"epochs": 2, "shuffle": 7}, {"batch_size": 3, "epochs": 1}, {"batch_size": 20},
            {"batch_size": 20, "shuffle": 1}, {"steps": 3, "shuffle": 2, "batch_size": 7}]  # fmt: skip
    for options in runs:
        found = [[x.hex() for x in step.run(X, Y, **options)] for step in steps]
        assert found[0] == found[1]
        for _ in range(4):
            assert steps[0](X, Y).hex() == steps[1](X, Y).hex()
            assert state_of(steps[0]) == state_of(steps[1])
        assert quickly(steps[0], X, Y).hex() == slowly(steps[1], X, Y).hex()
    with pytest.raises(RuntimeError, match="a step is under way"):
        steps[0].run(X, Y, steps=2, callback=lambda *_: steps[0](X, Y))


def test_eager_steps_and_other_steps_on_the_same_parameters():
    found = []
    for in_c in (True, False):
        net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
        parameters, loss = net.parameters(), (lambda x, y, net=net: mse(net(x), y))
        one, few = train_step(loss, SGD(parameters, lr=0.1)), train_step(loss, Adam(parameters[:4], lr=0.01))
        for step in (one, few):
            if not in_c:
                step._prepared = in_python(step)
        for n in range(30):
            one(X, Y)
            if n % 7 == 3:
                few(X, Y)
                few(X, Y)
            if n % 5 == 2:
                one.optimizer.zero_grad()
                loss(X[0], Y[0]).backward()
                one.optimizer.step()
            if n % 11 == 3:
                with no_grad():
                    one(X, Y)
        found.append((state_of(one), state_of(few)))
    assert found[0] == found[1]


def test_a_signal_handler_may_not_take_a_step_within_a_step():
    step = ready(xor(), X, Y)
    outside, asked = step._last_batches.program.outside, []
    holds = outside.unmoved

    def while_python_runs():  # in the midst of C's call, as a handler would
        with pytest.raises(RuntimeError, match="a step is under way"):
            step(X, Y)
        with pytest.raises(RuntimeError, match="a step is under way"):
            step.run(X, Y)
        asked.append(step._last_batches)
        return holds()

    outside.unmoved = while_python_runs
    quickly(step, X, Y)
    assert len(asked) == 1
    outside.unmoved = lambda: 1 / 0
    kept = state_of(step)
    with pytest.raises(ZeroDivisionError):
        step(X, Y)
    outside.unmoved = holds
    assert state_of(step) == kept and not step._store.lock._is_owned()
    quickly(step, X, Y)
