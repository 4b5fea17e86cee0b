"""grad, value_and_grad, jacobian and hessian: what they give, that they compose, that they leave no trace."""

from __future__ import annotations

import collections
import itertools
import math
import random
import sys
import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, exp, fit, grad, hessian, jacobian, jit, no_grad, op, sin, sqrt, tanh, trace, value_and_grad
from micrograd.nn import MLP, Module
from micrograd.optim import SGD
from micrograd.table import TABLE
from micrograd.transforms import gradients


def test_grad_of_numbers_is_a_float():
    out = grad(lambda x: x**3)(2.0)
    assert out == 12.0 and type(out) is float
    assert value_and_grad(lambda x: x**3)(2) == (8.0, 12.0)
    assert grad(lambda x, y: x * y, 1)(2.0, 5.0) == 2.0
    assert grad(lambda x, y: x * y, (0, 1))(2.0, 5.0) == (5.0, 2.0)
    assert grad(lambda x, y: x * y, -1)(2.0, 5.0) == 2.0
    assert grad(lambda x, *, power: x**power)(2.0, power=3) == 12.0


def test_gradients_come_back_in_the_arguments_arrangement():
    Point = collections.namedtuple("Point", "x y")
    tree = {"w": [1.0, 2.0], "p": Point(3.0, 4.0), "t": (5.0,)}
    f = lambda d: d["w"][0] * d["w"][1] + d["p"].x * d["p"].y + d["t"][0] ** 2  # noqa: E731
    assert grad(f)(tree) == {"w": [2.0, 1.0], "p": Point(4.0, 3.0), "t": (10.0,)}


def test_arrays_in_arrays_out():
    x = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    g = grad(lambda a: (a * a).sum())(x)
    assert g.dtype == float
    numpy.testing.assert_array_equal(g, 2 * x)
    A = numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    numpy.testing.assert_array_equal(jacobian(lambda v: A @ v)(numpy.ones(3)), A)
    H = hessian(lambda v: (v * v * v).sum())(numpy.array([1.0, 2.0]))
    numpy.testing.assert_array_equal(H, numpy.diag([6.0, 12.0]))


def test_hessian_and_jacobian_of_lists():
    f = lambda v: v[0] ** 2 * v[1] + sin(v[1])  # noqa: E731
    assert hessian(f)([3.0, 5.0]) == [[10.0, 6.0], [6.0, -math.sin(5.0)]]
    assert jacobian(lambda v: [v[0] * v[1], v[0], 7.0])([2.0, 3.0]) == [[3.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda x: x**4)(2.0) == 48.0


@given(st.floats(-2, 2))
def test_they_compose(x):
    third = grad(grad(grad(tanh)))(x)
    t = math.tanh(x)
    assert third == pytest.approx(-2 * (1 - t * t) * (1 - 3 * t * t), abs=1e-12)
    assert jacobian(jacobian(tanh))(x) == pytest.approx(-2 * t * (1 - t * t), abs=1e-12)


def test_inner_variables_are_not_confused_with_outer_ones():
    assert grad(lambda y: grad(lambda x: x * y)(2.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * x * y)(x))(3.0) == 6.0
    assert grad(lambda x: value_and_grad(lambda y: y**3)(x)[0])(2.0) == 12.0


def test_values_as_arguments_stay_connected():
    x = Value(2.0)
    g = grad(lambda v: v**3)(x)
    assert isinstance(g, Value) and g.data == 12.0
    g.backward()
    assert x.grad == 12.0


def test_no_trace_is_left():
    w, x = Value(3.0), Value(2.0)
    w.grad, x.grad = 5.0, 6.0
    kept = w * 2.0
    kept.grad = 9.0
    assert grad(lambda v: v * w * kept * x)(1.0).data == 36.0
    grad(lambda v: v * w)(x)
    assert (w.grad, x.grad, kept.grad) == (5.0, 6.0, 9.0)
    with pytest.raises(ZeroDivisionError):
        grad(lambda v: (v * w * 0.0).sqrt())(1.0)
    assert (w.grad, x.grad, kept.grad) == (5.0, 6.0, 9.0)


def test_a_constant_has_gradient_zero():
    assert grad(lambda x: 3.0)(2.0) == 0.0
    assert grad(lambda x: x)(2.0) == 1.0
    assert grad(grad(lambda x: x))(2.0) == 0.0
    assert grad(lambda x, y: exp(y))(2.0, 1.0) == 0.0


def test_errors_say_what_to_do():
    with pytest.raises(TypeError, match="several outputs use jacobian"):
        grad(lambda x: [x, x])(1.0)
    with pytest.raises(TypeError, match="return"):
        grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda x: x, 3)(1.0)
    with pytest.raises(TypeError, match="'a' is a str"):
        grad(lambda x: x)("a")


def test_an_error_inside_leaves_the_nesting_as_it_was():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: x / 0)(1.0)
    assert type(grad(lambda x: x * x)(1.0)) is float


def test_jacobian_of_mixed_arrangements():
    J = jacobian(lambda v: numpy.array([v[0] * v[1], v[0]]))([2.0, 3.0])
    assert J.tolist() == [[3.0, 2.0], [1.0, 0.0]]
    assert jacobian(lambda x, y: [x * y, x], (0, 1))(2.0, 3.0) == [(3.0, 2.0), (1.0, 0.0)]


@pytest.mark.parametrize("out", [None, "text", ["text", None]])
def test_jacobian_of_no_numbers_is_refused(out):
    with pytest.raises(TypeError, match="must return numbers"):
        jacobian(lambda x: out)(2.0)


def test_a_function_that_leaves_the_graph_is_told_so():
    for f in (math.sin, lambda x: float(x) ** 2, lambda x: x * math.exp(x)):
        for x in (1.0, Value(1.0)):
            with pytest.raises(TypeError, match=r"lose its graph.*micrograd\.exp"):
                grad(f)(x)
    assert grad(lambda x: x * x if x.data > 0 else 0.0)(3.0) == 6.0


def test_several_threads_may_differentiate_with_a_shared_value():
    w, results = Value(2.0), []
    w.grad = 5.0

    def work():
        results.extend(grad(lambda v: (v * w).tanh() * w)(0.1).data for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1 and len(results) == 800
    assert w.grad == 5.0


def nets(n=0):
    return MLP(1, [3, 1], activation="tanh", rng=random.Random(n))


def test_a_slope_taken_inside_a_loss_trains_the_net_alike_eagerly_and_compiled():
    def run(backend):
        net = nets()

        class WithSlope(Module):
            def __init__(self):
                self.net = net

            def __call__(self, row):
                return net(row), grad(lambda u: net([u]))(row[0])

        loss = lambda out, t: (out[0] - t) ** 2 + (out[1] - 1.0) ** 2  # noqa: E731
        X, y = [[0.1], [0.5], [-0.3]], [0.1, 0.5, -0.3]
        return fit(WithSlope(), loss, X, y, optimizer=SGD(net.parameters(), lr=0.1), epochs=3, batch_size=None,
                   progress=False, backend=backend)  # fmt: skip

    eager, compiled = run("eager"), run("jit")
    assert eager["loss"] == pytest.approx(compiled["loss"], rel=1e-12)
    assert eager["loss"][-1] < 0.9


w, v = Value(3.0), Value(2.0)
TRANSFORMED = {  # a transformation and its arguments; gives a float where nothing could be differentiated through it
    "grad": (lambda f: grad(f), (2.0,)),
    "value": (lambda f: lambda x: value_and_grad(f)(x)[0], (2.0,)),
    "hessian": (lambda f: hessian(f), (2.0,)),
    "jacobian": (lambda f: lambda x: jacobian(lambda u: [5.0 * u, f(u)])(x)[1], (2.0,)),
    "of a list": (lambda f: lambda x: grad(lambda u: f(u[0]))([x])[0], (2.0,)),
    "of an array": (lambda f: lambda x: grad(lambda u: f(u[0]))(numpy.array([x])).tolist()[0], (2.0,)),
    "argnums": (lambda f: lambda x: grad(lambda u, t: f(u) * t, (0, 1))(x, 1.0)[0], (2.0,)),
}


@pytest.mark.parametrize("transform, args", TRANSFORMED.values(), ids=TRANSFORMED)
@pytest.mark.parametrize(
    "f, connected",
    [
        (lambda x: x * x * x, False),
        (lambda x: 2.0 * x + 1, False),
        (lambda x: w * x**3, True),
        (lambda x: (w * 2.0) * x**3, True),
        (lambda x: w * 2.0 + 0.0 * x * w, True),
        (lambda x: x * Value(2.0) + x**3, True),  # a Value is a Value, wherever it was made
        (lambda x: v.data * x**3, False),
        (lambda x: x * grad(lambda u: u * x)(2.0), False),
    ],
)
def test_results_are_connected_where_values_from_outside_were_used(transform, args, f, connected):
    out = transform(f)(*args)
    assert type(out) is (Value if connected else float)
    with no_grad():
        inside = transform(f)(*args)
    assert type(inside) is float and inside == (out.data if connected else out)
    assert (w.grad, v.grad) == (0.0, 0.0)


def test_what_is_connected_can_be_differentiated():
    w = Value(3.0)
    for out, wanted in [
        (grad(lambda x: w * x**3)(2.0), 12.0),
        (hessian(lambda x: w * x**3)(2.0), 12.0),
        (value_and_grad(lambda x: w * x**3)(2.0)[0], 8.0),
        (jacobian(lambda x: [x, w * x**3])(2.0)[1], 12.0),
    ]:
        w.grad = 0.0
        out.backward()
        assert w.grad == wanted
    assert isinstance(grad(lambda x: w * 2.0)(1.0), Value)  # though it does not depend on the argument
    row = jacobian(lambda x: [x, w * x])(2.0)
    assert [type(x) for x in row] == [Value, Value]  # all of one kind: the first as a constant
    row[0].backward()
    assert row[0].data == 1.0


def test_inside_no_grad_a_value_comes_back_without_a_graph():
    x = Value(2.0)
    with no_grad():
        for out in (grad(lambda u: u**3)(x), grad(lambda u: w * u**3)(x), grad(lambda u: u * 12.0)(x)):
            assert isinstance(out, Value) and out._prev == ()
    with pytest.raises(RuntimeError, match="no_grad"):
        out.backward()


def test_a_recording_gives_the_same_kinds_as_an_eager_run():
    for f in (lambda x: w * x * x, lambda x: x * x, lambda x: x * Value(2.0)):
        kinds = []
        slope = lambda x: (kinds.append(type(grad(f)(2.0)) is float), x)[1]  # noqa: B023, E731
        slope(1.0)
        jit(slope)(Value(1.0))
        assert kinds[0] == kinds[1]


def test_a_gradient_in_one_thread_leaves_backward_in_another_alone():
    w, stop = Value(2.0), []

    def watch():
        while not stop:
            grad(lambda x: w * x)(1.0)
            trace(w * 2.0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for _ in range(5000):
            (w * 1.0).backward()
    finally:
        stop.append(True)
        thread.join()
    assert w.grad == 5000.0


def test_no_gradient_is_touched_while_derivatives_are_taken():
    """Not even for a moment, where a reader in another thread would see it."""
    w, seen = Value(3.0), []
    kept = w * 2.0
    w.grad, kept.grad = 5.0, 9.0

    def look():
        seen.append((w.grad, kept.grad))
        return (1.0,)

    @op("peeking", cases=[(2.0,)])
    def peeking(m, x):
        return x * 1.0, look

    try:
        for create_graph in (False, True):
            out = peeking(kept * w) * w
            out._prev[0]._local = look  # called while the gradients are added up
            gradients(out, [w], create_graph=create_graph)
    finally:
        del TABLE["peeking"], Value.peeking
    assert len(seen) > 3 and set(seen) == {(5.0, 9.0)}


def square(x):
    """x * x, with its step of backward written by hand."""
    out = Value(x.data**2, (x,), "square")

    def step():
        x.grad += 2 * x.data * out.grad

    out._backward = step
    return out


def test_a_hand_written_step_still_works_in_a_transformation():
    w = Value(3.0)
    w.grad = 7.0

    assert grad(lambda x: square(x) * 5.0)(2.0) == 20.0
    assert gradients(square(w) * 2.0, [w]) == [12.0]
    assert w.grad == 7.0


def test_derivatives_nobody_asked_for_need_not_exist():
    w = Value(0.0)
    assert grad(lambda x: x * w.sqrt())(2.0).data == 0.0
    assert grad(lambda x: w**x)(2.0).data == 0.0
    assert jit(grad(lambda x: x * w.sqrt()))(2.0).data == 0.0
    with pytest.raises(ZeroDivisionError, match="backward through sqrt"):
        grad(lambda x: x * w.sqrt())(2.0).backward()


def test_ctrl_c_in_a_derivative_leaves_the_next_one_as_it_would_be():
    """Wherever it comes: an interrupt is tried at each call that grad makes."""
    for stop in range(200):
        calls = itertools.count()

        def interrupt(frame, event, argument, stop=stop, calls=calls):
            if event == "call" and next(calls) == stop:
                sys.setprofile(None)
                raise KeyboardInterrupt

        sys.setprofile(interrupt)
        try:
            grad(lambda x: x * x)(2.0)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        assert grad(lambda x: x * x)(2.0) == 4.0
        assert type(grad(lambda x: x * x)(2.0)) is float


def test_derivatives_nobody_asks_for_need_not_exist_beside_a_step_by_hand():
    w = Value(0.0)
    with no_grad():
        assert grad(lambda x: square(x) + sqrt(w))(3.0) == 6.0
    assert w.grad == 0.0
