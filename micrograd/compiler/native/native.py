"""Turn the text of an LLVM module into functions that Python can call.

A `Native`'s code is freed after nothing refers to it any more. Calls release the interpreter lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import weakref
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from micrograd.compiler.native.machine import Machine, llvm
from micrograd.locks import compiling


class Native:
    """A compiled module. `llvm_ir` is its text, `assembly` the processor's instructions.

    `Native(text, machine, run=RUN)` has the module's function `run` as an attribute, with the ctypes signature RUN.
    """

    def __init__(self, text: str, machine: Machine, **entries: Any):
        self.llvm_ir, self.machine = text, machine
        binding = llvm()
        with compiling, _lets_go():
            _free_what_is_dead()
            # A separate context, so that its constants and names are freed with the module.
            context = binding.create_context()
            engine = binding.create_mcjit_compiler(binding.parse_assembly(text, context), machine.target_machine())
            engine.finalize_object()
            key = next(_keys)
            _alive[key] = (engine, context)
            weakref.finalize(self, _dead.append, key).atexit = False
            for name, signature in entries.items():
                setattr(self, name, signature(engine.get_function_address(name)))

    if TYPE_CHECKING:
        call = run = help = lambda self, address: 0

    def address(self, name: str) -> int:
        """Where the code of a function begins: for C, which calls it without ctypes."""
        return ctypes.cast(getattr(self, name), ctypes.c_void_p).value or 0

    @functools.cached_property
    def assembly(self) -> str:
        return assembly_of(self.llvm_ir, self.machine)


@functools.lru_cache(maxsize=64)
def native_of(text: str, machine: Machine, **entries: Any) -> Native:
    """The compiled module, cached by its text: a second net of the same sizes needs no compiling."""
    return Native(text, machine, **entries)


@contextlib.contextmanager
def _lets_go() -> Iterator[None]:
    """Let go of llvmlite's own lock after an error: Ctrl-C in the midst of its `__enter__` leaves it taken for ever."""
    try:
        yield
    except BaseException:
        lock = getattr(getattr(llvm().ffi.lib, "_lock", None), "_lock", None)
        while lock is not None and lock._is_owned():
            lock.release()
        raise


# Code is freed at the next compilation after its Native is gone. The garbage collector may run anywhere, even inside
# the lock, so it only notes the key. `_alive` holds LLVM's objects, because a context must outlive its module.
_alive: dict[int, tuple[Any, Any]] = {}
_dead: deque[int] = deque()
_keys = itertools.count()


def _free_what_is_dead() -> None:
    while _dead:
        engine, context = _alive.pop(_dead.popleft())
        engine.close()
        context.close()


def assembly_of(text: str, machine: Machine) -> str:
    """The assembly of a module, for this machine or another."""
    binding = llvm()
    with compiling, _lets_go():
        module = binding.parse_assembly(text)
        module.triple = machine.triple
        try:
            return machine.target_machine().emit_assembly(module)
        finally:
            module.close()


CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
RUN = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
