"""What a processor offers to compiled code: how many lanes a vector has, and which functions take whole vectors.

    >>> from micrograd.compiler.native.machine import Machine
    >>> plain = Machine("x86_64-unknown-linux-gnu", cpu="x86-64")
    >>> plain.lanes, plain.vector_function("exp", 2) is None
    (2, True)

`this_machine()` is the one that Python runs on; make others to see the code for them.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from micrograd.compiler.native.beside import beside
from micrograd.extras import require

# Name prefixes of glibc's vector functions by lanes (x86-64 vector ABI); they are within 4 units in the last place.
LIBMVEC = {2: "_ZGVbN2", 4: "_ZGVdN4", 8: "_ZGVeN8"}
# Processors that compute 512 bits in two halves: there, 256 bits are as fast in a loop, and spilled registers take half
# the memory. Measured for the moons' net on 100 rows: 5.6 us a step with 4 lanes, 11 us with 8.
IN_HALVES = ("znver4",)


@functools.cache
def llvm() -> Any:
    """llvmlite's binding, with all its targets initialized."""
    binding = require("llvmlite.binding", extra="jit")

    def prepare(go_on: Callable[[], None]) -> None:
        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
        binding.initialize_native_asmparser()  # for stack.py

    beside(prepare)
    return binding


class Machine:
    """A target triple, a processor and its features, as LLVM spells them.

    Code for Windows is an ELF object, with Windows' calling convention: LLVM's loader does not find the constants of
    Windows' own format, COFF. Code for macOS is a Mach-O object, as everything is there.
    """

    triple: str
    cpu: str
    features: str

    def __init__(
        self, triple: str, *, cpu: str = "", features: str = "", vector_functions: Callable[[str], bool] | None = None
    ):
        first = triple.partition("-")[0]
        self.architecture: str = "aarch64" if first.startswith("arm64") else first  # it has two names
        self.is_windows: bool = "-windows" in triple
        self.triple = f"{first}-pc-windows-msvc-elf" if self.is_windows else triple
        self.cpu, self.features = cpu, features
        self._has = vector_functions or (lambda name: False)
        self.lanes: int = self._widest()

    def _widest(self) -> int:
        """The number of doubles in the widest vector register."""
        on = set(self.features.split(","))
        if "+avx512f" in on and "+avx512vl" in on and "+avx512dq" in on:
            return 8
        return 4 if "+avx2" in on and "+fma" in on else 2

    @property
    def lanes_in_loops(self) -> int:
        """How many lanes to use when the rows fill several vectors."""
        return 4 if self.lanes == 8 and self.cpu in IN_HALVES else self.lanes

    @property
    def registers(self) -> int:
        """The number of vector registers."""
        return 16 if self.architecture == "x86_64" and self.lanes < 8 else 32

    def vector_function(self, name: str, lanes: int) -> str | None:
        """The function that computes `name` on a vector of `lanes` lanes; None if each lane needs its own call."""
        if self.architecture != "x86_64" or lanes not in LIBMVEC:
            return None
        symbol = f"{LIBMVEC[lanes]}{'vv' if name == 'pow' else 'v'}_{name}"
        return symbol if self._has(symbol) else None

    def target_machine(self) -> Any:
        """A new LLVM code generator for this machine; an execution engine takes ownership, so each needs its own."""
        binding = llvm()
        # Level 1 compiles in half the time of level 2, and a tape has no branches, so its code is as fast.
        # Code that is loaded by LLVM needs no table of addresses (GOT); for Windows this has to be said.
        reloc = "static" if self.is_windows else "default"
        target = binding.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=1, reloc=reloc, codemodel="jitdefault"
        )


@functools.cache
def this_machine() -> Machine:
    """The processor that this process runs on, with libmvec's functions where the system has them."""
    binding = llvm()

    def look(go_on: Callable[[], None]) -> Machine:
        with contextlib.suppress(RuntimeError):  # not glibc, or an old one: functions are called lane by lane
            binding.load_library_permanently("libmvec.so.1")
        features = binding.get_host_cpu_features().flatten()
        found = functools.cache(lambda symbol: bool(binding.address_of_symbol(symbol)))
        return Machine(
            binding.get_process_triple(), cpu=binding.get_host_cpu_name(), features=features, vector_functions=found
        )

    return beside(look)
