"""C written as loops: large nets are short files that compile at once and compute what straight-line C computes."""

from __future__ import annotations

import ctypes
import itertools
import math
import random
import re
import subprocess
import time

import pytest
from helpers.compiled_c import COMPILER, STRICT, needs_c
from helpers.eagerly import OPTIMIZERS
from helpers.loop_programs import random_program, unrolled

from micrograd import Value, relu, where
from micrograd.compiler.fold import (
    Access,
    Affine,
    Folded,
    Line,
    Loop,
    Output,
    fold,
    run,
    run_stored,
    storage,
    worth,
)
from micrograd.compiler.tape.simplify import without_dead_code
from micrograd.compiler.tape.tape import Tape
from micrograd.export.c_file import c_text
from micrograd.export.c_loops import loop_statements
from micrograd.export.c_statements import block
from micrograd.losses import cross_entropy, half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam
from micrograd.table import FLOAT


def library_of(text, folder, name, *flags):
    """A C file, compiled strictly and loaded."""
    path, library = folder / f"{name}.c", folder / f"{name}.so"
    path.write_text(text)
    command = [COMPILER, *STRICT, *flags, "-shared", "-fPIC", path.name, "-o", library.name, "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(library))


def doubles(numbers):
    return (ctypes.c_double * len(numbers))(*numbers)


def bits(numbers):
    return [x.hex() for x in numbers]


def digits():
    return MLP(64, [30, 10], rng=random.Random(0))


def of_class(net):
    """Cross-entropy, with an optimizer whose state is not zero."""
    optimizer = Adam(net.parameters(), lr=0.01)
    for p in net.parameters():
        p.grad = 0.5
    optimizer.step()
    return {"example": ([0.0] * 64, 3), "train": (lambda x, y: cross_entropy(net(x), y), optimizer)}


def of_numbers(net):
    """Squared differences from ten numbers, with clipping."""
    return {"train": (lambda x, y: half_squared_sum(net(x), y), SGD(net.parameters(), momentum=0.9, clip=0.5))}


@needs_c
@pytest.mark.parametrize("options, targets", [(of_class, 1), (of_numbers, 10)])
def test_a_net_for_digits_is_short_and_computes_what_straight_line_c_does(options, targets, tmp_path, monkeypatch):
    net, other = digits(), digits()
    text = c_text(net, "net", **options(net))
    assert len(c_text(net, "net").splitlines()) < 200
    monkeypatch.setattr(worth, "LONG", 10**9)
    straight = c_text(other, "net", **options(other))
    arrays = text.count("\n    0") + text.count("\n    -0")  # lines of numbers: parameters and states
    assert len(text.splitlines()) - arrays < 250 and arrays < 500 and len(straight.splitlines()) > 12_000
    assert max(map(len, text.splitlines())) < 600
    started = time.perf_counter()
    looped = library_of(text, tmp_path, "looped")
    assert time.perf_counter() - started < 5  # 0.2 s on a machine with nothing else to do
    libraries = [looped, library_of(straight, tmp_path, "straight", "-O0")]
    numbers = random.Random(1)
    for turn in range(5):
        x = [numbers.uniform(-1, 1) for _ in range(64)]
        y = [float(turn)] if targets == 1 else [numbers.uniform(-1, 1) for _ in range(targets)]
        found = []
        for library in libraries:
            library.net_step.restype = ctypes.c_double
            out = doubles([0.0] * 10)
            library.net_run(doubles(x), out)
            found.append(bits([*out, library.net_step(doubles(x), doubles(y), ctypes.c_double(0.05))]))
            if not turn:
                assert list(out) == pytest.approx([v.data for v in net(x)], rel=1e-12)
        assert found[0] == found[1]


@needs_c
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_alike_in_loops_and_in_straight_line_code(name, tmp_path, monkeypatch):
    libraries = []
    for way, long, shorter in (("straight", 10**9, worth.SHORTER), ("looped", 0, 0)):
        monkeypatch.setattr(worth, "LONG", long)
        monkeypatch.setattr(worth, "SHORTER", shorter)
        net = MLP(3, [5, 4, 2], activation="tanh", rng=random.Random(0))
        optimizer = OPTIMIZERS[name](net.parameters())
        for p in net.parameters():
            p.grad = 0.5
        optimizer.step()
        text = c_text(net, "net", train=(lambda x, y, net=net: half_squared_sum(net(x), y), optimizer))
        assert ("kept[" in text) == (way == "looped")
        libraries.append(library_of(text, tmp_path, way))
    numbers = random.Random(1)
    for _ in range(20):
        x, y = [doubles([numbers.uniform(-1, 1) for _ in range(count)]) for count in (3, 2)]
        losses = []
        for library in libraries:
            library.net_step.restype = ctypes.c_double
            losses.append(library.net_step(x, y, ctypes.c_double(0.05)).hex())
        assert losses[0] == losses[1]
    assert not math.isnan(float.fromhex(losses[0]))


@needs_c
def test_random_programs_of_loops_give_the_tapes_numbers_in_c(tmp_path):
    """Each reads from two arrays. Functions of the C library are called: compilers compute constants otherwise."""
    tapes, functions = [], ["#include <math.h>"]
    spaces = ["x"] * 7 + ["p"] * 6
    places = [*range(7), *range(6)]
    for seed in range(300):
        tape = without_dead_code(unrolled(random_program(seed), [f"x{i}" for i in range(13)], most=1200))
        lines = loop_statements(fold(tape, spaces=spaces, places=places), "y")
        head = f"void f{seed}(const double *x, const double *p, double *y)"
        tapes.append(tape)
        functions.append(f"{head};\n" + block(head, ["(void)x;", "(void)p;", *lines]))
    library = library_of("\n".join(functions) + "\n", tmp_path, "programs", "-fno-builtin", "-O1")
    numbers = random.Random(0)
    looped = 0
    for seed, tape in enumerate(tapes):
        inputs = [numbers.choice((-0.0, 0.0, 1.5)) if i % 4 == 0 else numbers.uniform(-2, 2) for i in range(13)]
        y = doubles([7.0] * len(tape.outputs))
        library[f"f{seed}"](doubles(inputs[:7]), doubles(inputs[7:]), y)
        assert bits(y) == bits(tape.run(FLOAT, inputs).values()), seed
        looped += "for (" in functions[seed + 1]
    assert looped > 150


@needs_c
def test_every_instruction_in_a_loop(tmp_path):
    """Conditions are numbers there, which choose."""

    def f(xs):
        out = []
        for k, x in enumerate(xs):
            low, high = x < 0.25, x >= k / 4
            out += [where((low & high) | (x > 2.0), -x, x / 3.0), relu(x) ** 3, abs(x).tanh()]
        return out

    inputs = [random.Random(0).uniform(-3, 3) for _ in range(400)]
    text = c_text(f, "f", example=(inputs,))
    assert "for (" in text and "&&" in text and "||" in text
    out = doubles([0.0] * 1200)
    library_of(text, tmp_path, "f", "-fno-builtin").f_run(doubles(inputs), out)
    assert list(out) == pytest.approx([v.data for v in f([Value(x) for x in inputs])], rel=1e-15, abs=0.0)


IN_THREADS = """
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum {{ COUNT = {count}, TURNS = 50 }};

struct work {{
    double x[COUNT], y[1], out[1], loss, kept[{room}], kept_by_step[{step_room}];
}};

static pthread_mutex_t one_step = PTHREAD_MUTEX_INITIALIZER;

static void *run(void *given)
{{
    struct work *work = given;
    for (int turn = 0; turn < TURNS; turn++) {{
        f_run_in(work->x, work->out, work->kept);
    }}
    pthread_mutex_lock(&one_step); /* the parameters and their gradient are those of all threads */
    work->loss = f_step_in(work->x, work->y, 0.0, work->kept_by_step);
    pthread_mutex_unlock(&one_step);
    return NULL;
}}

int main(void)
{{
    static struct work all[2];
    pthread_t threads[2];
    pthread_attr_t small;
    pthread_attr_init(&small);
    if (pthread_attr_setstacksize(&small, (size_t)sysconf(_SC_THREAD_STACK_MIN))) {{
        return 1;
    }}
    for (int t = 0; t < 2; t++) {{
        for (int i = 0; i < COUNT; i++) {{
            all[t].x[i] = (t + 1) * 0.25 - (i % 7) * 0.125;
        }}
        if (pthread_create(&threads[t], &small, run, &all[t])) {{
            return 2;
        }}
    }}
    for (int t = 0; t < 2; t++) {{ /* f_step takes no lock: no other may run then */
        pthread_join(threads[t], NULL);
    }}
    for (int t = 0; t < 2; t++) {{
        double out[1];
        f_run(all[t].x, out);
        printf("%a %a %a %a\\n", all[t].out[0], out[0], all[t].loss, f_step(all[t].x, all[t].y, 0.0));
    }}
    return 0;
}}
"""


@needs_c
def test_threads_of_the_smallest_stack_give_the_memory(tmp_path):
    """Running sums that are read backwards: all are kept, in the function and twice in its training step."""
    count, w = 2500, Value(0.75)

    def f(xs):
        total, sums, out = 0.0, [], 0.0
        for x in xs:
            total = total * w + x
            sums.append(total)
        for x in reversed(sums):
            out = out * w + x * x
        return out

    train = lambda xs, y: (f(xs) - y) ** 2, SGD([w], lr=0.0)
    text = c_text(f, "f", example=([0.0] * count, 0.0), train=train)
    room, step_room = (int(re.search(rf"f_{name}_in.*restrict (\d+)\]", text)[1]) for name in ("run", "step"))
    assert room >= count - 1 and step_room > room and len(text.splitlines()) < 250
    assert f"takes {8 * room / 1000:.0f} kB of the stack" in text
    program = "#define _POSIX_C_SOURCE 200112L\n" + text
    program += IN_THREADS.format(count=count, room=room, step_room=step_room)
    (tmp_path / "main.c").write_text(program)
    for flags in (["-O0"], ["-O3"]):
        command = [COMPILER, *STRICT, *flags, "-pthread", "main.c", "-o", "main", "-lm"]
        subprocess.run(command, cwd=tmp_path, check=True)
        told = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
        for t, line in enumerate(told.splitlines()):
            found = [float.fromhex(x) for x in line.split()]
            wanted = f([(t + 1) * 0.25 - (i % 7) * 0.125 for i in range(count)]).data
            assert found[0] == found[1] == pytest.approx(wanted, rel=1e-12)
            assert found[2] == found[3] == pytest.approx(wanted**2, rel=1e-12)
        assert len(told.splitlines()) == 2


def test_memory_is_set_only_where_it_may_be_read_before():
    """An inner loop that has no turns at first starts from a number that nothing has written."""
    plain = Tape([f"x{i}" for i in range(9)])
    sums = list(itertools.accumulate(range(9), lambda x, y: plain.append("add", x, y)))
    out = 0.0
    for x in reversed(sums):
        out = plain.append("mul", plain.append("sub", out, x), 0.5)
    plain.outputs["y[0]"] = out
    lines = loop_statements(fold(plain, spaces=["x"] * 9), "y")
    (declared,) = [line for line in lines if line.startswith("double kept[")]
    assert declared.endswith("];")

    def result(base, *strides):
        return Access("temporary", base, strides)

    first = Line("exp", result(0), (Access("x", 0),))
    inner = Line("tanh", result(11, 10, 1), (result(10, 10, 1),))
    start = Line("neg", result(20, 10), (result(0, 0),))
    body = (first, Loop(2, (start,)), Loop(3, (Loop(Affine(0, (1,)), (inner,)),)), Output(Affine(0), result(32)))
    lines = loop_statements(Folded(body, ("y",), 60, (("x", (0,)),)), "y")
    assert any(line.startswith("double kept[") and line.endswith(" = {0.0};") for line in lines)


def test_a_loop_reads_one_array_only():
    """Even where the last place of one array and the first of the next are used alike."""
    tape = Tape([f"x{i}" for i in range(8)])
    for i in range(8):
        tape.outputs[f"y[{i}]"] = tape.append("exp", i)
    lines = loop_statements(fold(tape, spaces=["x"] * 3 + ["p"] * 5, places=[0, 1, 2, 0, 1, 2, 3, 4]), "y")
    assert [line for line in lines if line.startswith("for")] == [
        "for (int i = 0; i < 3; i++) {",
        "for (int i = 0; i < 5; i++) {",
    ]


@needs_c
def test_variables_that_are_carried_together_are_set_at_once(tmp_path):
    """Two numbers change places before an inner loop starts."""

    def result(base, *strides):
        return Access("temporary", base, strides)

    starts = [Line("exp", result(19 - 6 * k), (Access("x", k),)) for k in range(2)]
    inner = (
        Line("tanh", result(20, 9, 1), (result(19, 9, 1),)),  # the first turn reads t[9*i+19], which is t[9*(i-1)+28]
        Line("neg", result(18, 9, 5), (result(13, 9, 5),)),
    )
    outputs = [Output(Affine(k), result(place)) for k, place in enumerate((22 + 9 * 4, 28 + 9 * 4))]
    body = (*starts, Loop(5, (Loop(3, inner),)), *outputs)
    folded = Folded(body, ("one", "other"), 80, (("x", (0, 1)),))
    lines = loop_statements(folded, "y")
    assert sum("_first;" in line for line in lines) == 2
    head = "void f(const double *x, double *y)"
    library = library_of(f"#include <math.h>\n{head};\n{block(head, lines)}\n", tmp_path, "f", "-fno-builtin")
    y = doubles([0.0] * 2)
    library.f(doubles([0.3, -0.2]), y)
    assert bits(y) == bits(run_stored(storage(folded), [0.3, -0.2]).values()) == bits(run(folded, [0.3, -0.2]).values())


def test_short_and_irregular_functions_stay_straight_line_code():
    net = MLP(4, [6, 3], rng=random.Random(0))
    text = c_text(net, "net")
    assert "for (" not in text and "const double v1 = net_parameters[0] * x[0];" in text
    numbers = random.Random(0)
    tape = Tape([f"x[{i}]" for i in range(50)])
    for _ in range(3000):
        operands = numbers.randrange(len(tape)), numbers.randrange(len(tape))
        tape.append(numbers.choice("add sub mul div".split()), *operands)
    tape.outputs["y[0]"] = len(tape) - 1
    assert worth.choice(tape).folded is None
