"""Code for machines that are not here: what their loaders will be given, and the code for Windows and macOS, run here.

LLVM writes code for every system anywhere. Its objects are read, and held to what LLVM's loader can load there: the
format, the functions that the code calls, and the kinds of places that the loader fills in. Code for x86-64 is also
loaded and run, with that system's calls: see helpers/elsewhere.py.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.cases import CASES, of_numbers
from helpers.compiled_c import needs_c
from helpers.native import tape_of
from helpers.objects import read

from micrograd import train_step
from micrograd.compiler.loops import widths
from micrograd.compiler.loops.calls import call_text
from micrograd.compiler.native import stack
from micrograd.compiler.native.emit import call_module
from micrograd.compiler.native.machine import Machine, llvm
from micrograd.compiler.native.native import _parsed, assembly_of
from micrograd.compiler.native.pieces import modules_of
from micrograd.compiler.native.stack import TOUCH, stack_modules
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.tape import Tape
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import Adam

MACHINES = {
    "Windows": Machine("x86_64-pc-windows-msvc", cpu="haswell", features="+avx2,+fma"),
    "Windows with AVX-512": Machine(
        "x86_64-pc-windows-msvc", cpu="skylake-avx512", features="+avx512f,+avx512vl,+avx512dq"
    ),
    "Windows on arm64": Machine("aarch64-pc-windows-msvc", cpu="generic"),
    "macOS": Machine("x86_64-apple-darwin23.0.0", cpu="haswell", features="+avx2,+fma"),
    "macOS on arm64": Machine("arm64-apple-darwin23.0.0", cpu="apple-m1"),
    "Linux on arm64": Machine("aarch64-unknown-linux-gnu", cpu="generic"),
}
# What the C library of each has, besides the table's functions. All are in what every Python process has loaded.
HAS = {
    "windows": {"memset", "malloc", "free", "SwitchToThread"},
    "apple": {"_memset", "_bzero", "___bzero", "_malloc", "_free", "_sched_yield", "___sincos_stret"},
    "linux": {"memset", "malloc", "free", "sched_yield", "sincos"},
}
FUNCTIONS = set("acos asin atan cos cosh erf erfc exp expm1 log log1p pow sin sinh tan tanh".split())
# The kinds of places that LLVM's loader, RuntimeDyld, fills in, by format and processor; and those of our code: of
# absolute addresses, which may lie anywhere, and on arm64 of calls, for which the loader writes a jump where needed.
KINDS = {
    ("ELF", 62): {1: "R_X86_64_64", 24: "R_X86_64_PC64"},
    ("ELF", 183): {
        **{260: "R_AARCH64_PREL64", 261: "R_AARCH64_PREL32", 283: "R_AARCH64_CALL26"},
        **{264: "R_AARCH64_MOVW_UABS_G0_NC", 266: "R_AARCH64_MOVW_UABS_G1_NC"},
        **{268: "R_AARCH64_MOVW_UABS_G2_NC", 269: "R_AARCH64_MOVW_UABS_G3"},
    },
    ("ELF", 183, "windows"): {
        **{261: "R_AARCH64_PREL32", 283: "R_AARCH64_CALL26", 275: "R_AARCH64_ADR_PREL_PG_HI21"},
        **{277: "R_AARCH64_ADD_ABS_LO12_NC", 286: "R_AARCH64_LDST64_ABS_LO12_NC", 299: "R_AARCH64_LDST128_ABS_LO12_NC"},
        **{311: "R_AARCH64_ADR_GOT_PAGE", 312: "R_AARCH64_LD64_GOT_LO12_NC"},
    },
    ("Mach-O", 0x1000007): {0: "X86_64_RELOC_UNSIGNED"},
    ("Mach-O", 0x100000C): {
        **{0: "ARM64_RELOC_UNSIGNED", 1: "ARM64_RELOC_SUBTRACTOR", 2: "ARM64_RELOC_BRANCH26"},
        **{3: "ARM64_RELOC_PAGE21", 4: "ARM64_RELOC_PAGEOFF12"},
        **{5: "ARM64_RELOC_GOT_LOAD_PAGE21", 6: "ARM64_RELOC_GOT_LOAD_PAGEOFF12"},
    },
}
here = pytest.mark.parametrize("name", MACHINES)


def system_of(machine):
    return next(name for name in HAS if name in machine.triple)


def object_of(text, machine):
    return read(machine.target_machine().emit_object(_parsed(text, machine)))


def check(texts, machine):
    """Check the objects of the modules that a `Native` is made from. Gives the names that the system must have."""
    system, asked, brought = system_of(machine), set(), set()
    for text in texts:
        found = object_of(text, machine)
        assert found.format == ("Mach-O" if system == "apple" else "ELF")
        key = found.format, found.machine
        assert found.relocations <= set(KINDS.get((*key, system), KINDS[key])), (found.relocations, text)
        asked |= found.undefined
        brought |= found.defined
    if machine.is_windows:
        brought.add("__chkstk")  # of `stack_modules`, for which an assembler is needed
    prefix = "_" if system == "apple" else ""
    wanted = asked - brought
    assert wanted <= HAS[system] | {prefix + function for function in FUNCTIONS}, wanted
    return asked


@here
def test_every_operation_of_the_table(name):
    machine, asked = MACHINES[name], set()
    for case in CASES:
        f, at = of_numbers(*case.values)
        asked |= check([call_module(simplify(tape_of(f, len(at))), machine)], machine)
    assert {function.lstrip("_") for function in asked} >= FUNCTIONS - {"sin", "cos"}  # which may be one call


@here
def test_long_functions_with_large_frames_in_pieces(name):
    machine, rng = MACHINES[name], random.Random(0)
    if name == "Windows on arm64" and llvm().llvm_version_info[0] < 22:
        pytest.skip("llvmlite is there for it from 0.50 on; LLVM 20 cannot write these frames")
    tape = Tape(["x", "y"])
    for k in range(2, 900):
        tape.append("tanh" if k % 7 == 0 else "mul", *rng.sample(range(k), 1 if k % 7 == 0 else 2))
    total = 0
    for k in reversed(range(900)):
        total = tape.append("add", total, k)
    tape.outputs["value"] = total
    text = call_text(tape, machine, loops=False).text
    asked = check([text], machine)
    assert machine.is_windows == ("__chkstk" in asked)  # so the frame has more than a page
    several = modules_of(text, longest=500, size=300)
    assert len(several) > 3
    check(several, machine)


@pytest.fixture(scope="module")
def spec():
    """A net's training loop."""
    net = MLP(20, [13, 4], activation="tanh", rng=random.Random(0))
    step = train_step(lambda x, y: half_squared_sum(net(x), y), Adam(net.parameters()), loops=False)
    step([[0.1 * i for i in range(20)]] * 8, [[1, -1, 0, 1]] * 8)
    return step._last().code.spec


@here
@pytest.mark.parametrize(
    ("loops", "threads", "exact"), [(False, 1, False), (True, 1, False), (True, 2, False), (True, 1, True)], ids=str
)
def test_training_loops(spec, monkeypatch, name, loops, threads, exact):
    """As many lanes, and vectors at once, are chosen as that machine has registers for."""
    machine, written = MACHINES[name], []
    monkeypatch.setattr(widths, "native_of", lambda text, of, **entries: written.append(text))
    code = widths.Widths(dataclasses.replace(spec, machine=machine, exact=exact), loops=loops, threads=threads)
    for count in (1, 3, 1000):
        code.of(count)
        found = max((lanes for lanes in (2, 4, 8, 16) if f"<{lanes} x double>" in written[-1]), default=1)
        assert found == machine.lanes  # of the update, at least
    asked = set().union(*(check([text], machine) for text in written))
    assert {function.lstrip("_") for function in asked} >= {"tanh"}
    assert bool(asked & {"SwitchToThread", "sched_yield", "_sched_yield"}) == (threads > 1)


def test_lanes_and_registers():
    assert {name: (machine.lanes, machine.registers) for name, machine in MACHINES.items()} == {
        "Windows": (4, 16),
        "Windows with AVX-512": (8, 32),
        "Windows on arm64": (2, 32),
        "macOS": (4, 16),
        "macOS on arm64": (2, 32),
        "Linux on arm64": (2, 32),
    }
    # MSYS2's Python says so; its own rules for calls are the same, only its check of the stack has another name.
    assert Machine("x86_64-w64-windows-gnu").triple == Machine("x86_64-pc-windows-msvc").triple


def test_windows_code_keeps_windows_registers():
    """Its first argument is in rcx; a caller leaves 32 bytes of the stack to the callee."""
    tape = Tape(["x"])
    tape.outputs["value"] = tape.append("tanh", 0)
    text = call_module(tape, MACHINES["Windows"])
    lines = [line.split() for line in assembly_of(text, MACHINES["Windows"]).splitlines()]
    assert ["subq", "$32,", "%rsp"] in lines and any(line[-1:] == ["%rcx"] or "(%rcx)," in line for line in lines)
    assert not stack_modules(MACHINES["macOS"]) and set(TOUCH) == {"x86_64", "aarch64"}


x86_64_linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="code for x86-64 is run on Linux"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run `elsewhere.py` with these lines before."""
    helpers = Path(__file__).parents[1] / "helpers"
    library = tmp_path_factory.mktemp("elsewhere") / "other.so"
    source = helpers / "other_systems.c"
    subprocess.run(
        ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", source, "-o", library, "-lm"], check=True
    )

    def run(triple, before=""):
        code = f"import sys, elsewhere\n{before}\nelsewhere.main({str(library)!r}, {triple!r})\n"
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "MICROGRAD_PURE": "1", "PYTHONPATH": os.pathsep.join([str(helpers), *sys.path])},
            capture_output=True,
            text=True,
        )

    return run


@x86_64_linux
@needs_c
def test_windows_code_runs_by_windows_rules(run):
    done = run("x86_64-pc-windows-msvc")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3  # pages of the stack


@x86_64_linux
@needs_c
def test_macos_code_runs_under_macos_names(run):
    done = run("x86_64-apple-darwin23.0.0")
    assert done.returncode == 0, done.stderr


@x86_64_linux
@needs_c
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (f"import {stack.__name__} as stack; stack.TOUCH['x86_64'] = 'retq'", "a page of the stack was skipped"),
        (
            "elsewhere.Machine = lambda triple, of=elsewhere.Machine, **given: "
            "setattr(one := of(triple, **given), 'triple', 'x86_64-unknown-linux-gnu') or one",
            "a fault outside the stack",
        ),
    ],
    ids=["stack", "calls"],
)
def test_other_code_breaks_windows_rules(run, before, said):
    """What the tests above are worth."""
    done = run("x86_64-pc-windows-msvc", before)
    assert done.returncode == 99 and said in done.stderr
