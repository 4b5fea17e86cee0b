"""Cases that once broke the compiler: misuse that must not crash, and traps that must raise an error."""

from __future__ import annotations

import copy
import math
import pickle
import random
import signal
import threading

import numpy as np
import pytest

from micrograd import Value, detect_anomaly, exp, jit, op, relu, sqrt, train_step, where
from micrograd.errors import TraceError
from micrograd.losses import binary_cross_entropy, hinge, mse
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam, Optimizer
from micrograd.table import TABLE


class Plain(Optimizer):
    def update(self, m, x, grad, *state, lr, t):
        return (x - lr * grad,)


def weight_step(loss=None, rate=0.0):
    w = Value(1.0)
    return w, train_step(loss or (lambda x: w * x), SGD([w], lr=rate))


# --------------------------------------------------------------- memory and data


def test_parameters_that_are_added_to_an_optimizer():
    optimizer = Plain([Value(1.0) for _ in range(3)], 0.1)
    step = train_step(lambda x: sum([p * x for p in optimizer.parameters]), optimizer)
    assert step(np.array([1.0])) == 3.0
    optimizer.parameters = [Value(1.0) for _ in range(200)]
    assert step(np.array([1.0])) == 200.0
    assert optimizer.parameters[0].data == pytest.approx(0.9)


def test_arrays_that_change_their_shape_between_steps():
    _, step = weight_step()
    a = np.ones(4000)
    step(a)
    a.resize(10, refcheck=False)
    assert step(a) == 1.0
    b = np.arange(12.0)
    w, step = weight_step(lambda x: w * (x if not hasattr(x, "sum") else x.sum()))
    first = step(b)
    b.resize((6, 2), refcheck=False)
    assert (first, step(b)) == (5.5, 11.0)


@pytest.mark.parametrize("kind", ["f2", ">f8", ">i4"])
def test_arrays_that_are_copied_are_read_anew_each_time(kind):
    _, step = weight_step()
    x = np.arange(4).astype(kind)
    assert step(x) == 1.5
    x[:] = 9
    assert step(x) == 9.0
    table = np.arange(24.0).reshape(8, 3)
    w, step = weight_step(lambda r: w * r[0])
    assert [step(table[i : i + 2, :2]) for i in range(0, 8, 2)] == [1.5, 7.5, 13.5, 19.5]


def test_a_signal_handler_that_takes_a_step_in_the_midst_of_one_is_refused():
    _, step = weight_step()
    big = np.ones(3_000_000)
    step(big[:16])
    refused = []

    def handler(number, frame):
        try:
            step(big[:16])
        except RuntimeError as error:
            refused.append(str(error))

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        timer = threading.Timer(0.02, signal.raise_signal, [signal.SIGUSR1])
        timer.start()
        assert step.run(big, steps=30).tolist() == [1.0] * 30
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert all("a step is under way" in said for said in refused)


def test_a_good_batch_after_a_bad_one():
    _, step = weight_step()
    assert step([1.0]) == 1.0
    with pytest.raises(FloatingPointError):
        step([1e308] * 16 + [math.inf] * 16)
    assert step([1.0]) == 1.0


@pytest.mark.parametrize("count", [1, 2])
def test_two_steps_of_the_same_parameters_wait_for_each_other(count):
    """`one` trains the same list of parameters as `both`, or part of it: no update is lost."""
    ps = [Value(0.0), Value(0.0)]
    both = train_step(lambda x: ps[0] * x + ps[1] * x, SGD(ps, lr=1.0))
    one = train_step(lambda x: ps[0] * x * 1.0 + ps[count - 1] * x, SGD(ps[:count], lr=1.0))
    X, row = np.full(200_000, -1.0), np.array([-1.0])
    both(row)
    one(row)
    ps[0].data, taken = 0.0, 0
    thread = threading.Thread(target=lambda: both.run(X, steps=100))
    thread.start()
    while thread.is_alive():
        one(row)
        taken += 1
    thread.join()
    assert taken and ps[0].data == 100 + taken * (2 if count == 1 else 1)


def test_a_callback_that_takes_a_step_on_the_same_parameters_is_refused():
    ps = [Value(1.0), Value(1.0)]
    both = train_step(lambda x: (ps[0] * x - ps[1]) ** 2, SGD(ps, lr=0.0))
    one = train_step(lambda x: ps[0] * x, SGD(ps[:1], lr=0.0))
    for step in (one, both):
        with pytest.raises(RuntimeError, match="a step is under way on these parameters"):
            both.run([1.0], steps=3, callback=lambda *_, step=step: step([1.0]))
    assert one([1.0]) == 1.0


# ------------------------------------------------------------------ traps, told


def test_many_arguments():
    assert jit(lambda *xs: sum(xs))(*[1.0] * 30) == 30.0
    assert jit(lambda *xs, scale=1.0: sum(xs) * scale)(*[1.0] * 25, scale=2.0) == 50.0
    w, _ = weight_step()
    assert train_step(lambda *xs: sum(xs) * w, SGD([w]))(*[[1.0]] * 25) == 25.0


@pytest.mark.parametrize(
    "f, args",
    [
        (lambda x, y: 1.0 if x == y else 2.0, (3.0, 3.0)),
        (lambda x, y: 1.0 if x != y else 2.0, (3.0, 3.0)),
        (lambda v, x: 1.0 if x in v else 0.0, ([1.0, 2.0], 2.0)),
        (lambda x, y: where((x > 0) != (y > 0), x, y), (1.0, 1.0)),
        (lambda x: 1.0 if x.data == 0 else x * 2, (Value(0.0),)),
    ],
)
def test_equality_of_numbers_without_a_value_is_never_guessed(f, args):
    with pytest.raises(TraceError, match="== and != "):
        jit(f)(*args)


def test_rules_and_optimizers_that_ask_for_equality_are_told_too():
    class First(Plain):
        def update(self, m, x, grad, *state, lr, t):
            return (x - (2 * lr if t == 1 else lr) * grad,)

    w = Value(1.0)
    with pytest.raises(TraceError, match=r"t has no value .* so == and != cannot compare it"):
        train_step(lambda x: w * x, First([w], 0.1))([1.0])


def test_a_value_computed_outside_from_a_parameter_is_refused():
    w = Value(1.0)
    w2 = w * 2
    with pytest.raises(TypeError, match="computed from the optimizer's parameters outside the loss; compute it inside"):
        train_step(lambda x: w2 * x + w, SGD([w]))([1.0])
    with pytest.raises(ValueError, match="the loss uses none of the optimizer's 1 parameters"):
        train_step(lambda x: Value(1.0) * x, SGD([w]))([1.0])


def test_an_update_that_reads_the_rate_or_the_steps_from_itself_is_told():
    class FromSelf(Plain):
        def update(self, m, x, grad, *state, lr, t):
            return (x - self.lr * grad,)

    class Counts(Plain):
        def update(self, m, x, grad, *state, lr, t):
            return (x - lr * grad / (self.steps + 1),)

    class Short(Plain):
        state_names = ("v",)

    w = Value(1.0)
    with pytest.raises(TraceError, match=r"reads self.lr; to be compiled, it must use its argument lr"):
        train_step(lambda x: w * x, FromSelf([w], 0.1))([1.0])
    with pytest.raises(TraceError, match=r"reads self.steps; to be compiled, it must use its argument t"):
        train_step(lambda x: w * x, Counts([w], 0.1))([1.0])
    with pytest.raises(TypeError, match=r"Short.update must return a tuple: the new parameter and its 1 new states"):
        train_step(lambda x: w * x, Short([w], 0.1))([1.0])


def test_an_update_with_conditions_on_the_step():
    class Warm(Plain):
        def update(self, m, x, grad, *state, lr, t):
            return (m.where((t < 3) & (grad > 0), x - 2 * lr * grad, x - lr * grad),)

    values = [Value(1.0), Value(1.0)]
    steps = train_step(lambda x: (values[1] * x) ** 2, Warm([values[1]], 0.1)).run([1.0], steps=5)
    optimizer, losses = Warm([values[0]], 0.1), []
    for _ in range(5):
        loss = (values[0] * 1.0) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    assert steps.tolist() == pytest.approx(losses, rel=1e-12)


def test_static_arguments_that_are_equal_and_not_the_same():
    f = jit(lambda x, s: x * math.copysign(1.0, s), static="s")
    assert (f(1.0, 0.0), f(1.0, -0.0)) == (1.0, -1.0)
    g = jit(lambda x, s: x * (100 if s[0] is True else s[0]), static="s")
    assert (g(1.0, (True,)), g(1.0, (1,))) == (100.0, 1.0)


def test_arguments_by_name_are_not_taken_for_others():
    def f(x, list=1.0, tail=0):
        return x + 1000 * (tail == [] if isinstance(tail, type([])) else 0) + 10 * list

    fast = jit(f)
    assert fast(1.0, list=3.0) == 31.0 and fast(1.0, 3.0, []) == 1031.0


def test_one_result_without_a_derivative_leaves_the_others_theirs():
    f = lambda x: (x * 2.0, sqrt(x))  # noqa: E731
    x = Value(0.0)
    out = jit(f)(x)
    out[0].backward()
    assert x.grad == 2.0
    with pytest.raises(ZeroDivisionError):
        out[1].backward()


def test_eager_runs_of_rows_compute_in_doubles():
    w = Value(1.0)
    f = jit(lambda r: w * (r[0] - r[1]), batch=True)
    rows = np.array([[1, 2]], np.uint8)
    assert f(rows).data == -1.0
    with detect_anomaly():
        assert f(rows).data == -1.0
    assert jit(lambda r: sum([v * v for v in r * 2]), batch=True)([np.array([1.0, 2.0])]) == 20.0


def test_conditions_with_bools_and_results_that_are_comparisons():
    assert jit(lambda x, flag: where((x > 0) & flag, x, -x))(2.0, True) == 2.0
    assert jit(lambda x, flag: where((x > 0) & flag, x, -x))(2.0, False) == -2.0
    assert jit(lambda x: where((x > 0) | False, x, -x))(-2.0) == 2.0
    assert jit(lambda x: x > 0)(2.0) is True
    assert jit(lambda x: (x, x > 0))(-2.0) == (-2.0, False)
    assert jit(lambda x: (x * 3).data)(Value(2.0)) == 6.0

    @op("positive", cases=[(2.0,)])
    def positive(m, x):
        return x > 0.0, lambda: (0.0,)

    try:
        assert jit(positive)(2.0) == 1.0
    finally:
        del TABLE["positive"], Value.positive


def test_labels_are_checked_as_they_are_eagerly():
    net = MLP(2, [1], rng=random.Random(0))
    for loss, labels, said in [
        (binary_cross_entropy, [1, -1], "row 1: binary_cross_entropy: a target must be from 0 to 1, not -1"),
        (hinge, [1.0, 0.0], "row 1: hinge: a label must be -1 or 1, not 0.0"),
    ]:
        step = train_step(lambda x, y, loss=loss: loss(net(x), y), SGD(net.parameters()))
        with pytest.raises(ValueError, match=said):
            step([[1.0, 2.0]] * 2, labels)
        with pytest.raises(ValueError, match=said):
            jit(lambda x, y, loss=loss: loss(net(x), y), batch=True)(np.ones((2, 2)), np.array(labels))


def test_random_numbers_would_be_the_same_at_each_call():
    with pytest.raises(TraceError, match="drew random numbers while jit recorded it"):
        jit(lambda x: x * random.random())(1.0)
    with pytest.raises(TraceError, match="drew random numbers"):
        jit(lambda x: x * np.random.rand())(1.0)


def test_numpys_false_ends_a_run_and_numpys_numbers_are_numbers():
    _, step = weight_step()
    assert len(step.run([1.0], epochs=100, callback=lambda n, loss: np.float64(3) > n)) == 3
    assert len(step.run(np.ones(4), epochs=np.uint8(200), batch_size=np.int64(2))) == 400


def test_steps_inside_detect_anomaly():
    w = Value(1.0)
    step = train_step(lambda x: (w * x - 1.0) ** 2, SGD([w]))
    with detect_anomaly():
        assert step([1.0]) == 0.0
        lowered = jit(lambda x: x * 2).lower(1.0)
    assert "mul" in str(lowered.tape) or "add" in str(lowered.tape)


def test_derivatives_that_nobody_asks_for_do_not_fail():
    assert jit(lambda x: x * sqrt(Value(0.0)))(3.0) == 0.0


def test_copies_of_optimizers_results_and_functions():
    net = MLP(2, [2], rng=random.Random(0))
    optimizer = Adam(net.parameters())
    train_step(lambda x: mse(net(x), [0.0, 0.0]), optimizer)([[1.0, 2.0]])
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert other.state_dict() == optimizer.state_dict()
    fast = jit(net)
    out = fast([1.0, Value(2.0)])
    assert copy.deepcopy(out)[0].data == out[0].data
    again = pickle.loads(pickle.dumps(out))
    again[0].backward()
    assert copy.deepcopy(fast)([1.0, 2.0])[0].data == out[0].data
    assert fast.parameters() == net.parameters()


def test_looking_inside_shows_the_last_call():
    f = jit(lambda x: x * 2)
    f(1.0), f(Value(1.0)), f(1.0)
    assert list(f.tape.outputs) == ["value"] == list(f.lower(2.0).tape.outputs)
    assert repr(f.tape) == str(f.tape)
    _, step = weight_step()
    step([1.0])
    assert repr(step) == "train_step(<lambda>, SGD; 1 steps taken)"


def test_a_decorator_with_options():
    w = Value(2.0)

    @jit(batch=True)
    def mean(x):
        return relu(w * x)

    assert mean([1.0, -1.0]).data == 1.0
    with pytest.raises(TypeError, match="static must be names of arguments"):
        jit(lambda n: n, static=1)


def test_other_arrays_than_numpys():
    class Frame:
        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 3.0])

    _, step = weight_step()
    assert step(Frame()) == 2.0 and step(range(3)) == 1.0
    with pytest.raises(TypeError, match=r"for a single row write \[\w+\], and options such as epochs by name"):
        step.run([1.0], 100)


def test_predicting_takes_no_derivatives():
    from micrograd import no_grad

    net = MLP(3, [4, 3], rng=random.Random(0))
    fast = jit(net)
    with no_grad():
        fast([1.0, 2.0, 3.0])
    program = fast._last()
    assert program._tape is None
    fast([1.0, 2.0, 3.0])[0].backward()
    assert program._tape is not None and exp(0.0) == 1.0
