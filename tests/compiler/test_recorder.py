"""Recording a function: what happens to its numbers, and errors that say what to write instead."""

from __future__ import annotations

import copy
import functools
import math
import pickle

import numpy as np
import pytest
from helpers.native import tape_of

import micrograd
from micrograd import Value, grad, no_grad, op, take, train_step, where
from micrograd.compiler.tape.recorder import Recorder
from micrograd.errors import TraceError
from micrograd.losses import cross_entropy
from micrograd.optim import SGD
from micrograd.table import TABLE

jit = micrograd.jit


def branches(x):
    return x if x > 0 else -x


def counts(x, n):
    return sum(x for _ in range(n))


@pytest.mark.parametrize(
    "f, args, said",
    [
        (branches, (2.0,), r"x > 0 has no value while jit runs your function.*`if`.*"
                           r"test_recorder.py:\d+ in branches: return x if x > 0 else -x; write where\(x > 0, a, b\)"),
        (lambda x: max(x, x * 2), (2.0,), r"max\(\).*maximum\(x, y\)"),
        (lambda x: 1.0 if x else 2.0, (2.0,), r"x has no value.*`if`"),
        (lambda x: x * (x > 1), (2.0,), r"x > 1 is a comparison, true or false, .*where\(condition"),
        (math.sin, (2.0,), r"float\(\) and the math module cannot use it.*micrograd.exp\(x\)"),
        (lambda x: float(x) * 2, (2.0,), r"x has no value.*float\(\)"),
        (lambda x: float(x * 2), (2.0,), r"x \* 2 has no value.*float\(\)"),
        (lambda x: int(x), (2.0,), r"cannot be a count or an index"),
        (counts, (2.0, 3), r"n has no value.*cannot be a count or an index.*jit\(f, static=...\)"),
        (lambda x, y: x if y == 1 else -x, (2.0, 1), r"== and != compare y with a number"),
        (lambda x, y: x if y != 1 else -x, (2.0, 1), r"== and != compare y with a number"),
        (lambda x, y: x if y % 2 else -x, (2.0, 1), r"//, % and divmod\(\)"),
        (lambda x, table: table[x], (1, [1.0, 2.0]), r"cannot be a count or an index.*take\(values, index\)"),
        (lambda x: Value(2.0, (x,), "f"), (2.0,), r"has children but no rule.*@micrograd.op"),
        (lambda x: (x * x).backward(), (2.0,), r"backward\(\) in a jitted function.*call it on the result, or"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_says_what_to_write_instead(f, args, said):
    with pytest.raises(TraceError, match=said):
        jit(f)(*args)


def test_errors_of_operations_name_the_operation():
    with pytest.raises(ZeroDivisionError, match="left / right"):
        jit(lambda x: x * (Value(1.0) / Value(0.0)))(Value(2.0))
    with pytest.raises(
        TypeError, match=r"i \+ 1 chooses one of 2 values.*must be given as an integer: y.astype\(int\)"
    ):
        jit(lambda x, i: take([x, x], i + 1))(2.0, 0)
    with pytest.raises(TypeError, match=r"neither numbers nor hashable; give lists"):
        jit(lambda x, s: x)(2.0, {1, 2})


def test_a_value_made_inside_is_a_constant_and_one_from_outside_an_input():
    w = Value(3.0, label="w")
    f = jit(lambda x: x * w + Value(2.0) * 4)
    x = Value(5.0)
    f(x)
    assert str(f.tape) == ("%0 = input x\n%1 = input w\n%2 = mul %0 %1\n%3 = add %2 8.0\nvalue %3\nd/dx %1\nd/dw %0")
    w.data = 10.0
    out = f(x)
    assert out.data == 58.0
    out.backward()
    assert (x.grad, w.grad) == (10.0, 5.0)


def test_recording_touches_nothing_outside():
    w = Value(3.0)
    w.grad = 7.0
    (w * 2).backward()
    before = w.grad
    jit(lambda x: x * w)(2.0)
    assert w.grad == before and w.data == 3.0 and type(w) is Value


def test_leaves_of_one_label_keep_apart():
    a, b = Value(1.0, label="w"), Value(2.0, label="w")
    f = jit(lambda x: x * a + b)
    f(3.0)
    assert f.tape.inputs == ["x", "w", "w#2"]
    c = Value(1.0, label="a\nb")
    g = jit(lambda: c * 2)
    assert g().data == 2.0 and g.tape.inputs == ["a_b"]


def test_numbers_that_leave_a_recording_are_refused_later():
    kept = []
    jit(lambda x: kept.append(x * 2) or x)(1.0)
    with pytest.raises(TraceError, match="after the recording ended"):
        kept[0] * 3
    with pytest.raises(TraceError, match="recorded another function"):
        jit(lambda x: x * kept[0])(1.0)


def test_data_and_no_grad_stop_gradients_as_they_do_eagerly():
    def f(x):
        with no_grad():
            y = x * 2
        return x * y + x * x.data

    x, e = Value(3.0), Value(3.0)
    jit(f)(x).backward()
    f(e).backward()
    assert x.grad == e.grad == 9.0


def test_conditions_combine_and_choose():
    f = lambda x, y: where((x > 0) & (y > 0) | (x < -5), x * y, 0.5)  # noqa: E731
    fast = jit(f)
    for x, y in [(1.0, 2.0), (-1.0, 2.0), (-6.0, 2.0), (1.0, -2.0)]:
        assert fast(x, y) == f(Value(x), Value(y)).data


def test_numbers_and_values_as_conditions():
    f = jit(lambda c, x: where(c, x, -x))
    assert [f(c, 2.0) for c in (1.0, 0.0, -3.0)] == [2.0, -2.0, 2.0]
    assert f(True, 2.0) == 2.0 and f(False, 2.0) == -2.0
    w = Value(1.0)
    g = jit(lambda x: where(w > 0, x, -x))
    assert g(2.0).data == 2.0
    w.data = -1.0
    assert g(2.0).data == -2.0  # the condition is evaluated at each call


def test_operations_of_ones_own_are_recorded_by_their_rule():
    @op("cubed", cases=[(2.0,)])
    def cubed(m, x):
        return m.power(x, exponent=3), lambda: (3.0 * x * x,)

    try:
        x = Value(2.0)
        jit(lambda x: cubed(x) + x.cubed())(x).backward()
        assert x.grad == 24.0
    finally:
        del TABLE["cubed"], Value.cubed


def test_gradients_inside_are_recorded():
    f = jit(lambda x: grad(grad(lambda t: t**3 * x))(x))
    assert f(2.0) == pytest.approx(24.0)


def test_backward_goes_in_reverse_order_of_creation():
    names = [name for name, *_ in tape_of(lambda x, y: x.exp() * y.sin() + x.log(), 2).code]
    assert [n for n in names if n not in ("input", "mul")] == ["exp", "sin", "log", "add", "div", "cos", "add"]


def test_probabilities_as_targets():
    scores, target = [0.5, -1.0, 2.0], [0.2, 0.3, 0.5]
    assert jit(cross_entropy)(scores, target) == pytest.approx(cross_entropy(list(map(Value, scores)), target).data)


def test_printing_inside_shows_the_tape():
    said = []
    jit(lambda x: said.append(f"{x * 2:.4f} {x!r}") or x)(1.0)
    assert said == ["%1 Value(data=%0, grad=0.0)"] * 2  # it is recorded twice


def test_arrays_of_symbols():
    f = jit(lambda x, W: (x @ W).sum())
    x, W = np.array([1.0, 2.0]), np.array([[1.0, -1.0], [0.5, 3.0]])
    assert f(x, W) == pytest.approx((x @ W).sum())


def test_a_trace_is_left_as_it_was_entered():
    recorder = Recorder()
    with pytest.raises(RuntimeError, match="stop"), recorder.recording():
        raise RuntimeError("stop")
    assert (Value(1.0) + 1.0).data == 2.0
    assert recorder.tape.closed


def test_an_optimizers_parameters_have_their_numbers_on_the_tape_and_in_the_program():
    """Those with a label have that; Values that the optimizer does not have are leaves."""
    p = [Value(0.1 * k) for k in range(4)]
    p[2].label = "w"
    frozen = Value(3.0)
    step = train_step(lambda x: (p[3] * x + frozen) * p[2] + p[1], SGD(p[1:]))
    tape = step.trace([1.0])
    assert [name for name in tape.inputs if name != "x"] == ["parameters[2]", "leaf1", "w", "parameters[0]"]
    assert list(tape.outputs) == ["d/dparameters[0]", "d/dw", "d/dparameters[2]", "value"]
    assert str(step.program).splitlines()[1:] == [
        "v0 = parameters[2] * row[0]",
        "v1 = v0 + others[0]",
        "output[1] = v1",
        "v3 = v1 * parameters[1]",
        "v4 = v3 + parameters[0]",
        "output[3] = v4",
        "v6 = row[0] * parameters[1]",
        "output[2] = v6",
        "output[0] = 1.0",
    ]


@pytest.fixture
def rows():
    """Operations of a user's are taken out of the table again."""
    before = dict(TABLE)
    yield
    for name in set(TABLE) - set(before):
        del TABLE[name]
        delattr(Value, name)


def test_derivatives_of_a_user_are_taken_as_in_eager_code(rows):
    """Those that read a Value from outside, remember their result, ask for a number, or raise where none is needed."""
    w = Value(3.0)

    @op("reads_outside", cases=[(2.0,)])
    def reads_outside(m, x):
        return x * 2.0, lambda: ((w * x).data,)

    @op("remembers", cases=[(2.0,)])
    def remembers(m, x):
        @functools.cache
        def derivatives():
            return (m.cos(x),)

        return m.sin(x), derivatives

    for f in (lambda x: reads_outside(x) * (x * x * x) * w, lambda x: remembers(x) + x * x):
        found = []
        for way in (f, jit(f)):
            x = Value(0.5)
            z = way(x)
            z.backward()
            found.append((z.data, x.grad))
        assert found[0] == pytest.approx(found[1], rel=1e-14)

    @op("asks", cases=[(2.0,)])
    def asks(m, x):
        return x * 2.0, lambda: (2.0,) if x > 1 else (3.0,)

    assert jit(lambda x: asks(x) + 1)(3.0) == 7.0


def test_a_condition_times_one_is_refused_with_advice():
    with pytest.raises(TraceError, match="is a comparison, true or false, and mul takes numbers"):
        jit(lambda x: (x > 0) * 1.0)(3.0)


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda w: pickle.loads(pickle.dumps(w))])
def test_a_value_made_anew_each_time_is_no_leaf(again):
    """It might get the place in memory of the one that the first run made, and would count as the same."""
    w = Value(3.0)
    for _ in range(20):
        with pytest.raises(TraceError, match="does not do the same each time"):
            jit(lambda x: again(w) * x)(2.0)
