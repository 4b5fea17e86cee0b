"""Calls that go from C to machine code give what the same calls give through Python."""

from __future__ import annotations

import copy
import fractions
import gc
import pickle
import random
import sys
import threading
import tracemalloc

import pytest
from helpers.calls import NATIVE_ONLY, check, outcome, python_calls, quickly, ready
from helpers.cases import CASES, ROWS, draw_operands, of_numbers
from hypothesis import given
from hypothesis import strategies as st

import micrograd
from micrograd import Value, grad, jit, tanh
from micrograd.c_core import native
from micrograd.compiler.jit import Jitted
from micrograd.compiler.program import SHORT
from micrograd.number import data_of
from micrograd.table import CONSTANT, TABLE

pytestmark = NATIVE_ONLY
scale = 2.0


# ------------------------------------------------------------------ equal to Python's


def check_row(entry, operands, static):
    f, at = of_numbers(entry, operands, static)
    kinds = random.Random(repr(at))
    check(f, *map(Value, at))
    check(f, *at)
    check(f, *[Value(x) if kinds.random() < 0.5 else x for x in at])


@pytest.mark.parametrize("entry, operands, static", CASES)
def test_every_case_of_the_table(entry, operands, static):
    check_row(entry, operands, static)


@pytest.mark.parametrize("entry", ROWS)
@given(data=st.data())
def test_every_row_over_its_domain(entry, data):
    check_row(entry, *draw_operands(data, entry))


@given(
    seed=st.integers(0, 20),
    numbers=st.lists(st.floats(allow_subnormal=True), min_size=2, max_size=5),
    kinds=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_random_functions_at_any_numbers(seed, numbers, kinds):
    """Wherever C gives a result at all: Python's road must give the same one, or run the function itself."""
    rng, leaf = random.Random(seed), Value(0.75, label="leaf")
    steps = [(rng.choice(["add", "mul", "sub", "maximum", "tanh", "silu", "div"]), rng.random(), rng.random())
             for _ in range(6)]  # fmt: skip

    def f(*xs):
        terms = [*xs, leaf][: len(xs) + seed % 2]
        for name, i, j in steps:
            x, y = terms[int(i * len(terms))], terms[int(j * len(terms))]
            function = TABLE[name].function
            terms.append(function(x) if name in ("tanh", "silu") else function(x, y))
        return terms[-1] + sum(terms[1:], terms[0])

    given_here = [Value(x) if is_value else x for x, is_value in zip(numbers, kinds)]
    fast = ready(f, *[Value(1.0) if isinstance(x, Value) else 1.0 for x in given_here])
    with python_calls() as seen:
        outcomes = [outcome(fast, given_here)]
        went_to_python = bool(seen)
        outcomes.append(outcome(lambda *xs: Jitted._called(fast, *xs), given_here))
    if went_to_python:  # the function itself ran, and recorded nodes of its own
        outcomes = [(x[0], x[1]) for x in outcomes]
    assert outcomes[0] == outcomes[1]


def test_there_may_be_no_argument_one_or_many():
    leaves = [Value(float(i), label=f"w{i}") for i in range(1, 31)]
    for count in (0, 1, 2, 3, 8, 33):
        for others in ([], leaves[:1], leaves[:2], leaves):
            if count or others:
                check(lambda *xs, o=others: sum([x * x for x in [*xs, *o]]), *[Value(0.5 * i) for i in range(count)])
    many = [Value(float(i)) for i in range(200)]
    fast = ready(lambda *xs: sum(xs[1:], xs[0]), *many)
    with python_calls() as seen:
        assert fast(*many).data == sum(range(200)) and seen  # more numbers than C keeps on the stack


def test_an_argument_given_twice_is_two_operands():
    x = Value(3.0)
    fast = check(lambda a, b: a * a * b, x, x)
    x.grad = 0.0
    quickly(fast, x, x).backward()
    assert x.grad == 27.0


def test_a_node_made_in_c_is_a_node_like_any_other():
    x, y = Value(2.0), Value(-4.0)
    fast = ready(lambda x, y: x / (x + y), x, y)
    z = quickly(fast, x, y)
    assert type(z) is Value and z._prev == (x, y) and z._op == "jit" and z.label == "" and gc.is_tracked(z)
    assert micrograd.tree(z) == micrograd.tree(Jitted._called(fast, x, y))
    outer = (quickly(fast, z, y) * x).tanh()
    outer.backward(create_graph=True)
    again = (fast.f(fast.f(x, y), y) * x).tanh()
    wanted = grad(lambda x, y: (fast.f(fast.f(x, y), y) * x).tanh())(2.0, -4.0)
    assert abs(x.grad.data - wanted) < 1e-12 and outer.data == again.data


# -------------------------------------------------------------------- left to Python


def test_other_arguments_go_through_python():
    fast = ready(lambda x, y: x * y, Value(2.0), 3.0)

    class Own(Value):
        __slots__ = ()

    for args in ([Value(2.0), 3], [2.0, 3.0], [Value(2.0), Value(3.0)], [Own(2.0), 3.0], [Value(2.0), True], [2, 3]):
        fast(Value(2.0), 3.0)
        with python_calls() as seen:
            out = fast(*args)
        assert seen and data_of(out) == 2.0 * data_of(args[1])
    with python_calls() as seen:
        assert fast(Value(2.0), y=3.0).data == 6.0 and fast(y=2.0, x=Value(5.0)).data == 10.0
    assert len(seen) == 2


def test_arguments_by_name_are_not_taken_by_position():
    fast = ready(lambda x, y: x / y, 1.0, 2.0)
    for _ in range(3):
        assert fast(y=2.0, x=1.0) == 0.5
    for _ in range(3):
        assert fast(1.0, 2.0) == 0.5 and fast(2.0, 1.0) == 2.0


def test_static_arguments_and_defaults():
    fast = jit(lambda x, n=2.0: x**n, static="n")
    for _ in range(4):
        assert [fast(3.0), fast(3.0, 3.0), fast(3.0, 2.0), fast(3.0, n=1.0)] == [9.0, 27.0, 9.0, 3.0]


def test_results_that_are_not_one_number():
    for f in (lambda x: (x, x * x), lambda x: {"a": [x]}, lambda x: x > 1.0, lambda x: x.data, lambda x: 2.0):
        fast = ready(f, Value(2.0))
        with python_calls() as seen:
            fast(Value(2.0))
        assert seen


def test_errors_in_the_same_words():
    cases = [
        (lambda x, y: x / (x + y), (1.0, -1.0)),
        (lambda x, y: micrograd.log(x) * y, (-1.0, 2.0)),
        (lambda x, y: micrograd.exp(x) * y, (800.0, 1.0)),
        (lambda x, y: micrograd.maximum(x, y) ** -1.0, (0.0, 0.0)),
        (lambda x, y: micrograd.sqrt(x) + y, (-1.0, 0.0)),
    ]
    for f, bad in cases:
        for kind in (float, Value):
            fast = ready(f, kind(2.0), kind(3.0))
            errors = []
            for way in (fast, lambda *xs, fast=fast: Jitted._called(fast, *xs)):
                with pytest.raises((ArithmeticError, ValueError)) as caught:
                    way(*map(kind, bad))
                errors.append((caught.type, str(caught.value)))
            assert errors[0] == errors[1]
            quickly(fast, kind(2.0), kind(3.0))  # and goes on in C
    fast = ready(lambda x, y: x * y, 2.0, 3.0)
    for args in ((), (1.0,), (1.0, 2.0, 3.0), (1.0, "a")):
        errors = []
        for way in (fast, lambda *args: Jitted._called(fast, *args)):
            with pytest.raises(TypeError) as caught:
                way(*args)
            errors.append(str(caught.value))
        assert errors[0] == errors[1]


def test_a_missing_derivative_is_left_to_backward():
    fast = ready(micrograd.sqrt, Value(4.0))
    x = Value(0.0)
    out = fast(x)
    assert out.data == 0.0
    with pytest.raises(ZeroDivisionError):
        out.backward()


def test_an_overflow_of_the_sum_is_seen_as_python_sees_it():
    check(lambda x, y: x * y, Value(1e150), Value(1e150))
    fast = ready(lambda x, y: x + y * 1e308, Value(1.0), Value(1.0))
    big = Value(1.2e308), Value(0.4)
    assert [len(way(*big)._prev) for way in (fast, lambda *xs: Jitted._called(fast, *xs))] == [2, 2]


def test_data_that_is_no_float_is_read_by_python():
    x = Value(2.0)
    fast = ready(lambda x: x * 3.0, x)
    x.data = fractions.Fraction(5)
    with python_calls() as seen:
        assert fast(x).data == 15.0 and seen


def test_long_functions_release_the_interpreter():
    def f(x):
        for i in range(SHORT + 1):
            x = x * (1.0 + i * 1e-9) + 1e-6
        return x

    fast = ready(f, 1.0)
    with python_calls() as seen:
        fast(1.0)
    assert seen


# ---------------------------------------------------------------------- as an object


def test_what_jit_gives_is_an_object_like_before():
    def f(x):
        """Twice x."""
        return x * 2.0

    fast = ready(f, 1.0)
    assert isinstance(fast, Jitted) and repr(fast) == "jit(f)" and fast.__doc__ == "Twice x." and fast.__wrapped__ is f
    fast.note = "mine"
    assert copy.deepcopy(fast) is fast and copy.copy(fast).f is f and vars(fast)["note"] == "mine"
    again = pickle.loads(pickle.dumps(ready(jit(tanh), 1.0)))
    assert again(0.5) == tanh(0.5) and isinstance(again, Jitted)
    with pytest.raises(AttributeError, match="f is the original function"):
        fast.nothing  # noqa: B018

    class Model:
        w = Value(2.0)

        @jit
        def out(self, x):
            return self.w * x

    model = Model()
    assert [model.out(3.0).data for _ in range(3)] == [6.0] * 3 and model.out(Value(1.0)).data == 2.0


def test_a_subclass_may_call_differently():
    class Counted(Jitted):
        calls = 0

        def __call__(self, *args, **kwargs):
            self.calls += 1
            return super().__call__(*args, **kwargs)

    fast = Counted(lambda x: x * x, ())
    assert [fast(3.0) for _ in range(4)] == [9.0] * 4 and fast.calls == 4


def test_code_of_another_kind_is_not_run():
    fast = ready(lambda x: x * x, 2.0)
    for wrong in (3, "code", object(), fast, (), (b"",), (b"",) * 8, [b""] * 6, (1,) * 6):  # 8 parts: a step's
        with pytest.raises(TypeError, match="_code is the parts of a compiled call, or None"):
            fast._code = wrong
        assert fast(3.0) == 9.0
        assert native.take(wrong, (), None) is None
    fast._code = None
    assert fast(3.0) == 9.0


def test_a_compiled_function_is_collected():
    def one():
        w = Value(2.0)
        fast = ready(lambda x: x * w, Value(3.0))
        w.kept = fast  # a cycle through C's object
        return __import__("weakref").ref(fast)

    found = [one() for _ in range(5)]
    gc.collect()
    assert not any(ref() for ref in found)


# -------------------------------------------------------------------- memory, threads


def test_reference_counts_stay_level():
    x, y = Value(2.0), Value(-4.0)
    for args in ((x, y), (x, -4.0), (2.0, -4.0)):
        fast = ready(lambda x, y: x / (x + y), *args)
        operation = fast._programs.latest._entries[0]
        watched = [x, y, CONSTANT, operation, fast, fast._code, True, 2.0, -4.0]
        before = [sys.getrefcount(each) for each in watched]
        for _ in range(100_000):
            fast(*args)
        assert [sys.getrefcount(each) for each in watched] == before


def test_memory_stays_level():
    w = Value(2.0)
    xs = [Value(0.5 * i) for i in range(5)]
    fast = ready(lambda *xs: w * sum(xs[1:], xs[0]) * scale, *xs)
    tracemalloc.start()
    try:
        for _ in range(1000):
            fast(*xs).backward()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20_000):
            fast(*xs).backward()
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()


def test_an_allocation_that_fails_is_a_memory_error():
    failing = pytest.importorskip("_testcapi")
    w, x = Value(2.0), Value(3.0)
    wide = ready(lambda x, y: w * x * y * scale, x, 4.0)
    for fast, args in (
        (wide, (x, 4.0)),
        (ready(lambda x, y: x * y, x, 4.0), (x, 4.0)),
        (ready(lambda x, y: x * y, 3.0, 4.0), (3.0, 4.0)),
    ):
        outcomes, blocks = set(), sys.getallocatedblocks()
        for n in [*range(30)] * 20:
            out = None
            native.free_spares()  # so that a node is allocated
            failing.set_nomemory(n, n + 1)
            try:
                out = fast(*args)
            except MemoryError:
                outcomes.add("MemoryError")
            finally:
                failing.remove_mem_hooks()
            if out is not None:
                assert float.hex(data_of(out)) == float.hex(data_of(Jitted._called(fast, *args)))
                outcomes.add("result")
            out = None
        assert fast is not wide or outcomes == {"MemoryError", "result"}  # others may find memory that was used before
        assert sys.getallocatedblocks() - blocks < 100
        quickly(fast, *args)


def test_threads_may_share_a_function():
    fast, wrong = jit(lambda x, y: x * y * scale), []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(3000):
            a, b = rng.random(), rng.random()
            x = Value(a) if rng.random() < 0.5 else a
            y = Value(b) if rng.random() < 0.5 else b
            for _ in range(3):
                out = fast(x, y)
                is_value = isinstance(x, Value) or isinstance(y, Value)
                if isinstance(out, Value) is not is_value or abs(float(getattr(out, "data", out)) - 2 * a * b) > 1e-12:
                    wrong.append((x, y, out))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
