"""Native code against IEEE arithmetic, instruction by instruction, on every width of vector and for other machines."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import math
import random
import struct

import pytest
from helpers.cases import BUILT_IN, CASES, of_numbers
from helpers.native import LANES, SPECIAL, Lanes, append, assert_same, by_ieee, operand_count, tape_of

from micrograd import Value, train_step
from micrograd.compiler.loops.looped_lanes import LoopedLanes
from micrograd.compiler.native.emit import Emitter, bits, call_module
from micrograd.compiler.native.lanes import LaneWriter
from micrograd.compiler.native.loop import module_text
from micrograd.compiler.native.machine import Machine, this_machine
from micrograd.compiler.native.native import CALL, assembly_of, native_of
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.tape import Tape
from micrograd.losses import half_squared_sum, hinge
from micrograd.nn import MLP
from micrograd.optim import Adam
from micrograd.table import ELEMENTARY

OTHERS = {
    "x86-64 with AVX2": Machine("x86_64-unknown-linux-gnu", cpu="haswell", features="+avx2,+fma"),
    "x86-64 without AVX": Machine("x86_64-unknown-linux-gnu", cpu="x86-64"),
    "x86-64 with AVX-512": Machine(
        "x86_64-unknown-linux-gnu", cpu="skylake-avx512", features="+avx512f,+avx512vl,+avx512dq"
    ),
    "aarch64": Machine("aarch64-unknown-linux-gnu", cpu="generic"),
    "aarch64 of Apple": Machine("arm64-apple-darwin", cpu="apple-m1"),
}


def operation_tape(entry, operands, static):
    """An operation of the table with its derivatives, and the numbers of its case."""
    f, at = of_numbers(entry, operands, static)
    return tape_of(f, len(at)), at


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("entry, operands, static", CASES)
def test_every_row_of_the_table(entry, operands, static, lanes):
    """Value and derivatives, with different numbers in each lane: the case itself and its neighbours."""
    raw, at = operation_tape(entry, operands, static)
    rows = [[x * (1.0 + 0.01 * lane) for x in at] for lane in range(lanes)]
    for tape in (raw, simplify(raw)):
        got = Lanes(tape, lanes)(list(zip(*rows)))
        for lane, row in enumerate(rows):
            for name, vector, wanted in zip(tape.outputs, got, by_ieee(raw, row)):
                assert_same(vector[lane], wanted, what=(name, row))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", [*ELEMENTARY, "add", "sub", "mul", "div", "neg", "lt", "le"])
def test_nan_inf_zeros_and_denormals_in_every_instruction(name, lanes):
    """Alone, and beside ordinary lanes: a vector function may take another path for the whole vector."""
    count = operand_count(name)
    tape = Tape([f"x{i}" for i in range(count)])
    tape.outputs["value"] = append(tape, name, range(count))
    rng = random.Random(0)
    rows = [[x] for x in SPECIAL]
    if count > 1:
        rows = [[x, y, 0.75][:count] for x in SPECIAL for y in SPECIAL]
    ordinary = [[rng.uniform(0.1, 0.9) for _ in range(count)] for _ in range(lanes)]
    batches = [[row, *ordinary[1:]] for row in rows] + [rows[i : i + lanes] for i in range(len(rows) - lanes)]
    compiled = Lanes(tape, lanes)
    for batch in batches if lanes > 1 else [[row] for row in rows]:
        got = compiled(list(zip(*batch)))[0]
        for lane, row in enumerate(batch):
            assert_same(got[lane], by_ieee(tape, row)[0], what=(name, row))


@pytest.mark.parametrize("machine", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("entry, operands, static", CASES)
def test_code_for_other_machines_is_accepted(entry, operands, static, machine):
    tape = simplify(operation_tape(entry, operands, static)[0])
    assert "call:" in assembly_of(call_module(tape, machine), machine)


def training_module(machine):
    """A whole training loop for another machine."""
    net = MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
    step = train_step(lambda x, y: hinge(net(x), y), Adam(net.parameters()))
    step([[0.5, 1.0]] * 8, [1, -1] * 4)
    spec = dataclasses.replace(step._last().code.spec, lanes=machine.lanes, machine=machine)
    return assembly_of(module_text(LaneWriter(spec)), machine)


@pytest.mark.parametrize("name", OTHERS)
def test_a_whole_training_loop_for_other_machines(name):
    machine = OTHERS[name]
    text = training_module(machine)
    registers = {2: "xmm", 4: "ymm", 8: "zmm"}[machine.lanes]
    if machine.triple.startswith("x86"):
        assert registers in text
        assert ("vfmadd" in text) == (machine.lanes > 2)
        wider = {2: "ymm", 4: "zmm"}.get(machine.lanes)
        assert not wider or wider not in text
    else:
        assert ".2d" in text and "fmla" in text and "tanh" in text


@functools.cache
def looped_spec(exact):
    """A net's training loop, folded, for this machine."""
    net = MLP(20, [13, 4], activation="tanh", rng=random.Random(0))
    step = train_step(lambda x, y: half_squared_sum(net(x), y), Adam(net.parameters()), loops=True, exact=exact)
    step([[0.1 * i for i in range(20)]] * 8, [[1, -1, 0, 1]] * 8)
    return step._last().code.spec


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    ("wide", "threads", "exact"), [(1, 1, False), (2, 1, False), (3, 2, False), (1, 1, True)], ids=str
)
def test_a_whole_training_loop_written_as_loops_for_other_machines(name, wide, threads, exact):
    machine = OTHERS[name]
    kept = 0 if exact else 4 * wide * machine.lanes_in_loops
    lanes = machine.lanes if exact else machine.lanes_in_loops
    spec = dataclasses.replace(
        looped_spec(exact), machine=machine, lanes=lanes, wide=wide, kept=kept, threads=threads, is_single=False
    )
    text = module_text(LoopedLanes(spec))
    block = text.partition("@block(")[2].partition("\n}")[0]
    assert ".loop:" in block and ("contract" in block) == (not exact)
    assembly = assembly_of(text, machine)
    assert ("@help(" in text) == (threads > 1) and ("@products(" in text) == (not exact)
    if machine.triple.startswith("x86"):
        assert {2: "xmm", 4: "ymm", 8: "zmm"}[machine.lanes] in assembly
    else:
        assert ".2d" in assembly


def test_machines_differ_in_lanes_and_vector_functions():
    lanes = [machine.lanes for machine in OTHERS.values()]
    assert lanes == [4, 2, 8, 2, 2]
    wide = OTHERS["x86-64 with AVX-512"]
    assert [machine.lanes_in_loops for machine in OTHERS.values()] == lanes
    assert Machine(wide.triple, cpu="znver4", features=wide.features).lanes_in_loops == 4  # it computes 8 in two halves
    has_all = Machine("x86_64-unknown-linux-gnu", vector_functions=lambda name: True)
    assert has_all.vector_function("exp", 4) == "_ZGVdN4v_exp"
    assert has_all.vector_function("pow", 8) == "_ZGVeN8vv_pow"
    assert has_all.vector_function("exp", 1) is None
    assert Machine("aarch64", vector_functions=lambda name: True).vector_function("exp", 2) is None


def test_functions_are_called_once_for_a_vector_where_the_machine_can():
    tape = Tape(["x"])
    tape.outputs["value"] = tape.append("exp", 0)
    text = Lanes(tape, LANES[-1]).native.llvm_ir
    whole = this_machine().vector_function("exp", LANES[-1])
    assert text.count(" = call ") == (1 if whole else LANES[-1])


def test_products_and_sums_fuse_and_nothing_assumes_nan_away():
    tape = tape_of(lambda x, y: x * y + x, 2)
    text = call_module(simplify(tape), this_machine())
    assert "fmul contract" in text and "fadd contract" in text
    assert not {"fast", "nnan", "ninf", "nsz", "arcp", "reassoc"} & set(text.split())


def test_constants_are_exact():
    for x in (*SPECIAL, 0.1, math.pi, -1e-300):
        assert struct.unpack("<d", bytes.fromhex(bits(x)[2:])[::-1])[0].hex() == x.hex()


def test_every_elementary_function_can_be_emitted():
    assert set(ELEMENTARY) <= set(BUILT_IN)
    assert Value(2.0).exp()._operation.name in ELEMENTARY


def test_loops_inside_loops_and_emitters_of_other_lanes_write_one_function():
    """The sum over i = 1, 3, 5, 7 and j = 0, 1, 2 of numbers[i] * j, in each of four lanes."""
    e = Emitter(this_machine(), lanes=4)
    one = e.scalars()
    with e.loop("i", 9, start=1, by=2, carry=[(e.type, "%total", "zeroinitializer")]) as i:
        x = e.splat(one.load("%numbers", i))
        assert one.label == e.label == "i.loop"
        inner = one.new("j")
        with one.loop(inner, 3, carry=[("double", "%steps", "0.0"), (e.type, "%sum", "%total")]) as j:
            number = one.let(f"sitofp i64 {j} to double")
            one.do(f"%steps.next = fadd double %steps, {number}")
            e.do(f"%sum.next = fadd {e.type} %sum, {e.let(f'fmul {e.type} {x}, {e.splat(number)}')}")
        e.do(f"%total.next = fadd {e.type} %sum.next, zeroinitializer")
    assert one.label == e.label == "i.end"
    e.store("%total.next", "%numbers", 9)
    one.store("%steps.next", "%numbers", 13)
    names = [line.split(" = ")[0] for line in e.lines if " = " in line]
    assert len(names) == len(set(names))
    text = "\n".join(["define void @call(ptr %numbers) {", *e.lines, "  ret void", "}", ""])
    numbers = (ctypes.c_double * 14)(*[float(k * k) for k in range(14)])
    native_of(text, this_machine(), call=CALL).call(numbers)
    assert numbers[9:] == [3.0 * sum(k * k for k in (1, 3, 5, 7))] * 4 + [3.0]
