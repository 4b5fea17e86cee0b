"""Turn the text of an LLVM module into functions that Python can call.

A `Native` frees its code when nothing refers to it any more. Calls release the interpreter lock.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from micrograd.compiler.native.machine import Machine, llvm
from micrograd.locks import compiling


class Native:
    """A compiled module. `llvm_ir` is its text, `assembly` what the processor runs.

    `Native(text, machine, run=RUN)` has the module's function `run` as its attribute, of that ctypes signature.
    """

    def __init__(self, text: str, machine: Machine, **entries: Any):
        self.llvm_ir, self.machine = text, machine
        binding = llvm()
        with compiling:
            _free_what_is_dead()
            # A context of its own, so that constants and names go with the module.
            context = binding.create_context()
            engine = binding.create_mcjit_compiler(binding.parse_assembly(text, context), machine.target_machine())
            engine.finalize_object()
            key = next(_keys)
            _alive[key] = (engine, context)
            weakref.finalize(self, _dead.append, key).atexit = False
            for name, signature in entries.items():
                setattr(self, name, signature(engine.get_function_address(name)))

    if TYPE_CHECKING:
        call = run = lambda self, address: 0

    @functools.cached_property
    def assembly(self) -> str:
        return assembly_of(self.llvm_ir, self.machine)


@functools.lru_cache(maxsize=64)
def native_of(text: str, machine: Machine, **entries: Any) -> Native:
    """The compiled module, the same for the same text: a second net of the same sizes is compiled already."""
    return Native(text, machine, **entries)


# Code is freed at the next compilation after its Native has gone: the garbage collector, which may run anywhere, even
# inside the lock, only notes which. LLVM's objects are kept from it: it would dispose of a context before its module.
_alive: dict[int, tuple[Any, Any]] = {}
_dead: deque[int] = deque()
_keys = itertools.count()


def _free_what_is_dead() -> None:
    while _dead:
        engine, context = _alive.pop(_dead.popleft())
        engine.close()
        context.close()


def assembly_of(text: str, machine: Machine) -> str:
    """The assembly that a module becomes, on this machine or another."""
    binding = llvm()
    with compiling:
        module = binding.parse_assembly(text)
        module.triple = machine.triple
        try:
            return machine.target_machine().emit_assembly(module)
        finally:
            module.close()


CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
RUN = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
