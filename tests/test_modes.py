"""no_grad, detect_anomaly and collector_paused."""

from __future__ import annotations

import gc
import inspect
import math
import random
import signal
import threading

import pytest

from micrograd import Value, collector_paused, detect_anomaly, grad, modes, no_grad
from micrograd.modes import state


def test_no_grad_records_nothing():
    x = Value(3.0)
    with no_grad():
        y = x * 2 + x.tanh()
        with no_grad():
            pass
        assert (x * 2)._prev == ()
    assert y._prev == () and y._op == ""
    assert (x * 2)._prev
    with pytest.raises(RuntimeError, match=r"inside no_grad\(\)"):
        y.backward()
    assert x.grad == 0.0


def test_no_grad_decorates_and_survives_errors():
    @no_grad()
    def f(x):
        return x * 2

    assert f(Value(1.0))._prev == ()
    with pytest.raises(ZeroDivisionError), no_grad():
        Value(1.0) / 0
    assert (Value(1.0) * 2)._prev
    assert modes.active == 0


def test_no_grad_is_for_this_thread_only():
    x, seen = Value(3.0), []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2)._prev))
        thread.start()
        thread.join()
        assert (x * 2)._prev == ()
    assert len(seen[0]) == 2


def test_grad_works_inside_no_grad():
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert (Value(1.0) * 2)._prev == ()


def line_here():
    return inspect.currentframe().f_back.f_lineno


def test_detect_anomaly_names_the_node_its_operands_and_the_line():
    big, other = Value(1e200, label="big"), Value(1e200)
    with detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        harmless = big + other
        line = line_here() + 1
        harmless * big
    said = str(caught.value)
    assert "* big" in said and "big = 1e+200" in said and "gave inf" in said
    assert f"test_modes.py:{line}" in said
    assert said.endswith(": harmless * big")


def test_detect_anomaly_finds_the_first_nan_and_not_a_later_one():
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"a - b, where a = 1e\+308.*gave inf"):
        a, b = Value(1e308, label="a"), Value(-1e308, label="b")
        difference = a - b
        difference - difference  # would be the nan
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"Value\(\) gave nan"):
        Value(math.nan)


def test_detect_anomaly_in_backward():
    with detect_anomaly():
        x, y = Value(1e-200, label="x"), Value(1e-200, label="y")
        root = (x * y * 0.0).exp() * 1e200
        ratio = Value(1.0) / (x * 1e-100)
        line = line_here() - 1
        with pytest.raises(FloatingPointError) as caught:
            (ratio + root).backward()
    said = str(caught.value)
    assert "local derivative" in said and "upstream gradient" in said
    assert f"test_modes.py:{line}" in said
    assert x.grad == 0.0


def test_detect_anomaly_reports_an_upstream_overflow_for_graphs_made_before():
    x = Value(1e-300, label="x")
    z = x * 1e250 * 1e250
    with (
        detect_anomaly(),
        pytest.raises(FloatingPointError, match=r"it sends 1e\+250.* to operand 1, x; .*a line outside detect_anomaly"),
    ):
        z.backward()
    assert x.grad == 0.0


def test_without_detect_anomaly_inf_and_nan_pass_as_in_ieee_arithmetic():
    big = Value(1e200)
    assert (big * big).data == math.inf
    assert math.isnan((big * big - big * big).data)


def test_collector_paused_restores_what_was():
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()

    @collector_paused()
    def f():
        return gc.isenabled()

    assert f() is False and f() is False
    assert gc.isenabled()


def test_modes_combine():
    with detect_anomaly(), no_grad(), pytest.raises(FloatingPointError, match="gave inf"):
        Value(1e200) * Value(1e200)
    with no_grad():
        assert Value(1.0, (Value(2.0),), "f")._prev == ()
        assert grad(lambda v: v * v)(Value(3.0)).data == 6.0


def test_detect_anomaly_ignores_what_constants_receive():
    with detect_anomaly():
        x = Value(-2.0)
        x.pow(2.0).backward()  # the derivative with respect to the exponent does not exist, and is not needed
    assert x.grad == -4.0


def test_detect_anomaly_writes_no_comma_before_a_colon():
    with detect_anomaly():
        x = Value(2.0, label="x")
        y = x * x
        x.data = 5.0
        with pytest.raises(RuntimeError, match=r"^backward through x \* x, where x = 5\.0: it is 4\.0, but"):
            y.backward()
        with pytest.raises(FloatingPointError, match=r"^x \* 1e\+308, where x = 5\.0, gave inf, at .*test_modes\.py"):
            x * 1e308
        with pytest.raises(FloatingPointError, match=r"^1e\+200 \* 1e\+200 gave inf, at"):
            Value(1e200) * 1e200


def test_detect_anomaly_sees_sums_overflow():
    x = Value(1e-10, label="x")
    with detect_anomaly():
        y = x * 1e308 + x * 1e308
        with pytest.raises(FloatingPointError, match="the gradient of x became inf as contributions were added up"):
            y.backward()
    assert x.grad == 0.0


@pytest.mark.parametrize("change", ["a", "x", "out"])
def test_detect_anomaly_says_when_data_was_assigned_after_it_was_used(change):
    with detect_anomaly():
        a = Value(2.0, label="a")
        x = a * 3.0
        out = x.tanh() + a
        {"a": a, "x": x, "out": out}[change].data = 10
        with pytest.raises(
            RuntimeError, match=r"backward through .*[^,]: .*some data was assigned after it was used"
        ) as caught:
            out.backward()
        assert "test_modes.py" in str(caught.value)
        assert (a.grad, x.grad) == (0.0, 0.0)
    out.backward()  # outside, the derivatives are those of forward
    assert a.grad == pytest.approx(1.0 + 3.0 * (1.0 - math.tanh(6.0) ** 2))


def test_data_that_fails_now_was_assigned_too():
    a = Value(2.0)
    out = a.log()
    a.data = -1.0
    with detect_anomaly(), pytest.raises(RuntimeError, match="assigned after it was used"):
        out.backward()


def test_data_as_it_was_is_no_anomaly():
    from micrograd import jit, where

    x = Value(0.5)
    with detect_anomaly():
        for out in (x.tanh() ** 2, jit(lambda v: v.exp() * v)(x), where(1.0, x, 2.0), x.gelu(), 0.0**x):
            out.backward()
        by_hand = Value(9.0, (x,), "by hand")
        by_hand.backward()
        x.data = 0.7  # a leaf, assigned before the next graphs are computed
        (x * x).backward()
        (x * x).backward(create_graph=True)


def now():
    return {name: getattr(state, name) for name in ("no_grad", "anomaly", "recorder", "recorders", "quiet")}


@pytest.fixture
def interrupted():
    """Run `enter` again and again until a signal comes, some microseconds later: as Ctrl-C would."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("this system has no timers that send signals")
    rng = random.Random(0)

    def stop(*_):
        raise KeyboardInterrupt

    def run(mode):
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(2e-5, 2e-4))
            while True:
                with mode():
                    pass
        except KeyboardInterrupt:
            pass

    before = signal.signal(signal.SIGALRM, stop)
    yield run
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("mode", ["with_graphs", "plainly", "quietly", "recorded_by"])
def test_an_interrupt_brings_back_what_was(mode, interrupted):
    entered = getattr(modes, mode) if mode != "recorded_by" else lambda: modes.recorded_by(object())
    with no_grad(), detect_anomaly():
        before = now()
        for _ in range(500):
            interrupted(entered)
            assert now() == before
    assert modes.active == 0


def test_an_interrupt_leaves_no_mode_half_entered(interrupted):
    """It may come before the first line of `__exit__`, where nothing can be done; so for some it is on, but whole."""
    x, on = Value(2.0), 0
    for _ in range(500):
        interrupted(no_grad)
        assert state.no_grad == modes.active == 1 - len((x * 1.0)._prev) // 2
        if state.no_grad:
            on += 1
            no_grad().__exit__(None, None, None)
    assert modes.active == 0 and on < 100
