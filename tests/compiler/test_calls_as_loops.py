"""Functions of numbers that are written as loops give what straight-line code gives, and many results are quick."""

from __future__ import annotations

import ctypes
import math
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.loop_programs import random_program, unrolled
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograd import Value, jit, tanh
from micrograd.compiler.fold import worth
from micrograd.compiler.loops import kernel
from micrograd.compiler.loops.calls import call_text
from micrograd.compiler.native.machine import this_machine
from micrograd.compiler.native.native import CALL, native_of
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.tape import Tape
from micrograd.table import FLOAT


def is_looped(text):
    return " phi " in text


def program_of(seed, *, large, exact=False):
    """A random program's tape."""
    names = [f"x{i}" for i in range(60 if large else 20)]
    program = random_program(seed, large=large, inputs=len(names) if large else 13)
    return simplify(unrolled(program, names, most=900 if large else 400), exact=exact)


def outputs(tape, inputs, *, loops, exact=True):
    """What native code gives, as hexadecimal numbers."""
    text, kept, _ = call_text(tape, this_machine(), exact=exact, loops=loops)
    assert loops or not (kept or is_looped(text))
    end = len(inputs) + len(tape.outputs)
    behind = [0.125, -0.0, 3.5]
    buffer = (ctypes.c_double * (end + kept + 3))(*inputs)
    buffer[end + kept :] = behind
    native_of(text, this_machine(), call=CALL).call(buffer)
    assert told(buffer[end + kept :]) == told(behind)  # it keeps to its room
    return buffer[len(inputs) : end]


def told(numbers):
    return ["nan" if math.isnan(x) else x.hex() for x in numbers]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0, kernel.UNROLLED]))
def test_random_programs_of_loops_to_the_bit(seed, large, unrolled_up_to):
    tape = program_of(seed, large=large, exact=True)
    rng = random.Random(seed)
    inputs = [rng.uniform(-1.5, 1.5) for _ in tape.inputs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "UNROLLED", unrolled_up_to)
        assert told(outputs(tape, inputs, loops=True)) == told(outputs(tape, inputs, loops=False))


def test_most_large_random_programs_are_written_as_loops():
    """Some are not: an operand may be a condition in some turns only, or a number be written in no regular order."""
    tapes = [program_of(seed, large=True) for seed in range(60)]
    looped = [is_looped(call_text(tape, this_machine(), loops=True).text) for tape in tapes if len(tape) > 200]
    assert len(looped) > 30 and sum(looped) >= 0.8 * len(looped)


def test_conditions_constants_and_inputs_as_outputs():
    tape = Tape([f"x{i}" for i in range(30)])
    for i in range(30):
        above = tape.append("lt", i, (i + 1) % 30)
        tape.outputs[f"value[{i}]"] = tape.append("where", above, tape.append("sqrt", tape.append("abs", i)), float(i))
    tape.outputs |= {"constant": -0.0, "input": 7}
    inputs = np.random.default_rng(0).normal(size=30).tolist()
    assert outputs(tape, inputs, loops=True) == outputs(tape, inputs, loops=False)


def test_numbers_that_a_call_keeps_need_no_stack():
    """However many they are: running sums that are read backwards. Threads that call at once do not share them."""
    count, stack = 35_000, 256 * 1024
    tape = Tape([f"x{i}" for i in range(count)])
    total, sums = 0.0, []
    for i in range(count):
        total = tape.append("add", tape.append("mul", total, 0.5), i)
        sums.append(total)
    out = 0.0
    for x in reversed(sums):
        out = tape.append("add", tape.append("mul", out, 0.5), x)
    tape.outputs["value"] = out
    text, kept, _ = call_text(tape, this_machine(), exact=True)
    assert is_looped(text) and len(text.splitlines()) < 80 and 8 * kept > stack
    call = native_of(text, this_machine(), call=CALL).call
    rng = np.random.default_rng(0)
    inputs, found = [rng.normal(size=count).tolist() for _ in range(2)], [[], []]
    start = threading.Barrier(2)

    def work(which):
        buffer = (ctypes.c_double * (count + 1 + kept))()
        start.wait()
        for _ in range(20):
            buffer[:count] = inputs[which]
            call(buffer)
            found[which].append(buffer[count])

    before = threading.stack_size(stack)
    try:
        threads = [threading.Thread(target=work, args=(which,)) for which in range(2)]
        for thread in threads:
            thread.start()
    finally:
        threading.stack_size(before)
    for thread in threads:
        thread.join()
    for numbers, results in zip(inputs, found):
        (wanted,) = tape.run(FLOAT, numbers).values()
        assert results == [wanted] * 20


def backwards(*xs):
    """Running sums that are read backwards."""
    total, sums, out = 0.0, [], 0.0
    for x in xs:
        total = total * 0.5 + x
        sums.append(total)
    for x in reversed(sums):
        out = out * 0.5 + x * x
    return out


@pytest.mark.parametrize("count, times, long", [(700, 1, worth.LONG), (2, 200, 30)], ids=["long", "short"])
def test_jit_gives_room_for_what_is_kept(count, times, long, monkeypatch):
    """To calls of floats, of several threads at once, and of Values. C itself calls short code, but gives no room."""
    monkeypatch.setattr(worth, "LONG", long)
    monkeypatch.setattr(worth, "SHORTER", 2)

    def f(*xs):
        return backwards(*xs * times)

    fast, rng = jit(f, exact=True), random.Random(0)
    rows = [[rng.uniform(-1.0, 1.0) for _ in range(count)] for _ in range(8)]
    wanted = [f(*row) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda row: fast(*row), rows * 5)) == wanted * 5
    grads = []
    for way in (f, fast, fast):
        xs = list(map(Value, rows[0]))
        way(*xs).backward()
        grads.append([x.grad for x in xs])
    assert grads[0] == grads[1] == grads[2]
    assert is_looped(fast.llvm_ir)


@pytest.mark.parametrize("exact", [False, True])
def test_a_layer_with_many_results(exact):
    """A large layer, called with Values, numbers and both; its gradients are those of eager code."""
    rng = random.Random(0)
    units, given_ = (30, 40) if exact else (70, 60)
    W = [[Value(rng.uniform(-0.3, 0.3)) for _ in range(given_)] for _ in range(units)]
    x = [Value(rng.uniform(-1.0, 1.0)) for _ in range(given_)]

    def layer(x):
        return [tanh(sum(w * v for w, v in zip(row, x))) for row in W]

    leaves = [*x, *(w for row in W for w in row)]
    fast, found = jit(layer, exact=exact), []
    for way in (layer, fast, fast):
        for v in leaves:
            v.grad = 0.0
        out = way(x)
        sum(a * a * (k % 7) for k, a in enumerate(out)).backward()
        found.append(([a.data for a in out], [v.grad for v in leaves]))
    if exact:
        assert found[1][0] == found[0][0]
    for got in found[1:]:
        assert got[0] == pytest.approx(found[0][0], rel=1e-12, abs=1e-14)
        assert got[1] == pytest.approx(found[0][1], rel=1e-12, abs=1e-13)
    assert is_looped(fast.llvm_ir) or exact
    assert fast([v.data for v in x])[3].data == pytest.approx(found[0][0][3], rel=1e-12)
