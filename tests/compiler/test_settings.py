"""Changes of a compiled step's settings, learning rates and data are followed or refused."""

from __future__ import annotations

import copy
import re
import types
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from micrograd import Value, train_step
from micrograd.optim import SGD, Optimizer


def test_settings_of_the_users_own_rule_are_followed_wherever_they_are():
    class Mine(Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, lr=0.125)
            self.gains, self.of = [1.0], {"a": types.SimpleNamespace(t=1.0)}

        def update(self, m, x, grad, *, lr, t):
            return (x - lr * sum(self.gains) * self.of["a"].t * grad,)

    w, X = Value(1.0), np.ones(2)
    optimizer = Mine([w])
    step = train_step(lambda x: w * x, optimizer)

    def changes(change, by):
        change()
        before = w.data
        step(X)
        assert before - w.data == by
        step.run(X, steps=1)
        assert before - w.data == 2 * by

    changes(lambda: None, 0.125)
    changes(lambda: optimizer.gains.append(1.0), 0.25)
    changes(lambda: setattr(optimizer.of["a"], "t", 2.0), 0.5)
    changes(lambda: optimizer.of.update(a=types.SimpleNamespace(t=1.0)), 0.25)
    changes(lambda: setattr(Mine, "update", lambda self, m, x, grad, *, lr, t: (x - lr * grad,)), 0.125)
    optimizer.lr = np.array(0.25)
    changes(lambda: None, 0.25)
    changes(lambda: optimizer.lr.fill(0.5), 0.5)
    Mine.step = lambda self: None
    with pytest.raises(TypeError, match=r"Mine overrides step\(\), which compiled code does not call"):
        step.run(X)


@pytest.mark.parametrize("size", [4, 200_000])
def test_a_callback_that_moves_the_data_of_its_run_is_refused(size):
    w, X = Value(1.0), np.full(size, 3.0)
    step = train_step(lambda x: (w * x - 1) ** 2, SGD([w], lr=1e-9))
    with pytest.raises(RuntimeError, match="a callback moved or reshaped the data of its own run"):
        step.run(X, steps=4, callback=lambda i, loss: X.resize(2, refcheck=False))
    step.run(X, steps=4)
    step.run([1.0, 2.0], steps=4, callback=lambda i, loss: X.resize(1, refcheck=False))  # data of another run


def test_rows_of_python_objects_are_numbers_too():
    w = Value(2.0)
    step = train_step(lambda x: w * sum(x) if isinstance(x, np.ndarray) else w * x, SGD([w], lr=1e-300))
    frame = pd.DataFrame({"a": [1, 2], "b": [True, False]})
    assert step(frame) == 2.0 * (2 + 2) / 2
    assert step(np.array([1.0, 2.0], dtype=object)) == step([Fraction(1), Fraction(2)]) == 3.0
    assert step([2**64, 0]) == 2.0**64


@pytest.mark.parametrize("threads", [0, -1, 2.5, "2", True, None])
def test_threads_are_a_whole_number_of_at_least_one(threads):
    with pytest.raises(ValueError, match=f"^threads must be a whole number of at least 1, not {threads!r}$"):
        train_step(lambda x: x, SGD([Value(1.0)]), threads=threads)


@pytest.mark.parametrize("loops", ["no", 1, 0.0, []])
def test_loops_are_true_false_or_none(loops):
    with pytest.raises(TypeError, match=r"^loops must be True, False or None, .*, not " + re.escape(repr(loops))):
        train_step(lambda x: x, SGD([Value(1.0)]), loops=loops)


def test_settings_of_numpy_are_settings_and_are_kept_by_copies():
    w = Value(2.0)
    step = train_step(lambda x: w * x, SGD([w], lr=0.5), loops=np.bool_(True), threads=np.int64(2))
    assert step.settings == copy.copy(step).settings == copy.deepcopy(step).settings == {"loops": True, "threads": 2}
    assert step.run([1.0, 2.0], steps=1).tolist() == [3.0]


def test_threads_of_an_exact_step_have_no_effect_and_that_is_said_once():
    with pytest.warns(UserWarning, match=r"threads=2 has no effect with exact=True, .*: leave out one of the two") as w:
        step = train_step(lambda x: x, SGD([Value(1.0)]), exact=True, threads=2)
    assert [each.filename for each in w] == [__file__]
    copy.deepcopy(step)  # says nothing: warnings are errors here
    train_step(lambda x: x, SGD([Value(1.0)]), exact=True, threads=1)
