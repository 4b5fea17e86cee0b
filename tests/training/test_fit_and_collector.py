"""Eager training pauses Python's cyclic collector within its steps, and only there."""

from __future__ import annotations

import gc
import random
import threading

import pytest

from micrograd import Value, collector_paused, fit
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.training import backends

ROWS, TARGETS = [[i / 20, 1 - i / 20] for i in range(20)], [0.5] * 20


def trained(loss, **options):
    net = MLP(2, [1], rng=random.Random(0))
    options = {"epochs": 3, "batch_size": 4, "backend": "eager", "progress": False, **options}
    rows = options.pop("rows", 20)
    return fit(net, loss, ROWS * (rows // 20), TARGETS * (rows // 20), **options)


@pytest.fixture(autouse=True)
def as_it_was():
    assert gc.isenabled()
    yield
    was_on = gc.isenabled()
    gc.enable()
    assert was_on


def test_the_collector_is_off_in_a_step_and_on_elsewhere(monkeypatch):
    seen = {"loss": set(), "callback": set(), "display": set()}

    def loss(out, target):
        seen["loss"].add(gc.isenabled())
        return mse(out, target)

    def epoch(self, X, y, batch_size, rng, within=None, plain=backends.Eager.epoch):
        return plain(self, X, y, batch_size, rng, lambda *_: seen["display"].add(gc.isenabled()))

    monkeypatch.setattr(backends.Eager, "epoch", epoch)
    trained(loss, callbacks=[lambda record: seen["callback"].add(gc.isenabled())])
    assert seen == {"loss": {False}, "callback": {True}, "display": {True}}


def test_a_collector_that_is_off_stays_off():
    seen = set()
    with collector_paused():
        trained(mse, callbacks=[lambda record: seen.add(gc.isenabled())])
        assert not gc.isenabled()
    assert seen == {False}


@pytest.mark.parametrize("error", [ValueError("a bad row"), KeyboardInterrupt(), ZeroDivisionError(), TypeError("no")])
def test_after_an_error_the_collector_is_as_it_was(error):
    calls = []

    def loss(out, target):
        calls.append(gc.isenabled())
        if len(calls) > 30:
            raise error
        return mse(out, target)

    with pytest.raises((type(error), FloatingPointError)):  # a failed operation skips its step
        trained(loss)
    assert gc.isenabled() and not any(calls[:30])
    calls.clear()
    with collector_paused():
        with pytest.raises((type(error), FloatingPointError)):
            trained(loss)
        assert not gc.isenabled()


def test_cycles_that_a_loss_makes_do_not_pile_up():
    class Cycle:
        alive = made = most = 0

        def __init__(self):
            self.me = self
            Cycle.alive, Cycle.made = Cycle.alive + 1, Cycle.made + 1
            Cycle.most = max(Cycle.most, Cycle.alive)

        def __del__(self):
            Cycle.alive -= 1

    def loss(out, target):
        for _ in range(20):
            Cycle()
        return mse(out, target)

    trained(loss, epochs=1, rows=2000)
    assert Cycle.made == 20 * 2000 and Cycle.most < 5000


def test_the_graph_of_a_step_is_gone_before_the_next():
    class Counted(Value):
        __slots__ = ()

    net, most = MLP(2, [1], rng=random.Random(0)), []

    def loss(out, target):
        most.append(sum(isinstance(x, Counted) for x in gc.get_objects()))
        return mse(out, target) * Counted(1.0)

    fit(net, loss, ROWS, TARGETS, epochs=2, batch_size=4, backend="eager", progress=False)
    assert max(most) == 3  # those of the rows before this one in its batch


def test_threads_that_train_at_once_leave_the_collector_on():
    def work():
        for _ in range(3):
            trained(mse, epochs=5)

    for _ in range(3):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert gc.isenabled()


def test_a_pause_that_finds_the_collector_off_does_not_turn_it_off_again():
    gc.disable()
    with collector_paused():
        gc.enable()  # as another thread does at the end of its own pause
        with collector_paused():
            assert not gc.isenabled()
        assert gc.isenabled()
    assert gc.isenabled()
