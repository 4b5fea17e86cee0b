"""Turn the text of an LLVM module into functions that Python can call.

A `Native`'s code is freed after nothing refers to it any more. Calls release the interpreter lock. LLVM works beside
the caller's thread (beside.py), on long functions in pieces (pieces.py), so Ctrl-C ends compiling at once.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import itertools
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from micrograd.compiler import notice
from micrograd.compiler.native.beside import beside
from micrograd.compiler.native.machine import Machine, llvm
from micrograd.compiler.native.pieces import modules_of
from micrograd.compiler.native.stack import stack_modules
from micrograd.compiler.paused import paused

CACHED = 64  # modules that are kept although nobody uses them now


class Native:
    """A compiled module. `llvm_ir` is its text, `assembly` the processor's instructions.

    `Native(text, machine, run=RUN)` has the module's function `run` as an attribute, with the ctypes signature RUN.
    """

    llvm_ir: str
    machine: Machine

    def __init__(self, text: str, machine: Machine, **entries: Any):
        self.llvm_ir, self.machine = text, machine
        _look_for_dropped_code()
        with notice.compiling():
            with paused():
                parts = [*stack_modules(machine), *modules_of(text)]
            beside(lambda go_on: self._compile(parts, entries, go_on), waiting=notice.look)

    def _compile(self, texts: list[str], entries: dict[str, Any], go_on: Callable[[], None]) -> None:
        binding = llvm()
        _free_what_is_dead()
        first, *others = texts
        key = next(_keys)
        # A separate context, so that its constants and names are freed with the modules.
        parts = _alive[key] = [binding.create_context()]
        try:
            engine = binding.create_mcjit_compiler(
                _parsed(first, self.machine, parts[0]), self.machine.target_machine()
            )
            parts.insert(0, engine)
            engine.finalize_object()
            for text in others:
                go_on()
                engine.add_module(_parsed(text, self.machine, parts[-1]))
                engine.finalize_object()
            for name, signature in entries.items():
                setattr(self, name, signature(engine.get_function_address(name)))
            weakref.finalize(self, _dead.append, key).atexit = False
        except BaseException:
            _dead.append(key)
            raise

    if TYPE_CHECKING:
        call: Any
        run: Any
        help: Any

    def address(self, name: str) -> int:
        """Where the code of a function begins: for C, which calls it without ctypes."""
        address = ctypes.cast(getattr(self, name), ctypes.c_void_p).value
        assert address is not None
        return address

    @functools.cached_property
    def assembly(self) -> str:
        return assembly_of(self.llvm_ir, self.machine)


@functools.lru_cache(maxsize=CACHED)
def native_of(text: str, machine: Machine, **entries: Any) -> Native:
    """The compiled module, cached by its text: a second net of the same sizes needs no compiling."""
    return Native(text, machine, **entries)


# Code is freed at the next compilation after its Native is gone. The garbage collector may run anywhere, even inside
# the lock, so it only notes the key. `_alive` holds LLVM's objects, because a context must outlive its module.
_alive: dict[int, list[Any]] = {}
_dead: deque[int] = deque()
_keys = itertools.count()
_living = CACHED  # how many were alive after the last look for dropped code


def _look_for_dropped_code() -> None:
    """Collect, if CACHED more modules, and a quarter more, are alive than after the last time.

    Compiled functions are dropped in cycles, and Python's collector, which counts objects, does not see how large code
    is.
    """
    global _living
    if len(_alive) - len(_dead) >= _living + max(CACHED, _living // 4) and gc.isenabled():
        gc.collect()
        _living = max(CACHED, len(_alive) - len(_dead))


def _free_what_is_dead() -> None:
    while _dead:
        for part in _alive.pop(_dead.popleft()):
            part.close()


def _parsed(text: str, machine: Machine, *context: Any) -> Any:
    """LLVM's module for a text."""
    module = llvm().parse_assembly(text, *context)
    module.triple = machine.triple
    return module


def assembly_of(text: str, machine: Machine) -> str:
    """The assembly of a module, for this machine or another; of long functions, that of each piece in turn."""

    parts = modules_of(text)

    def emit(go_on: Callable[[], None]) -> str:
        found = []
        for part in parts:
            go_on()
            module = _parsed(part, machine)
            try:
                found.append(machine.target_machine().emit_assembly(module))
            finally:
                module.close()
        return "\n".join(found)

    with notice.compiling():
        return beside(emit, waiting=notice.look)


CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
RUN = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
