"""What runs: LLVM's instructions for a tape, on lanes of rows, and the memory that they work on.

Read in this order:

    beside              LLVM in another thread, so that Ctrl-C is heard
    machine             what the processor offers
    emit                LLVM's instructions for a tape
    context, spec       what Python and native code tell each other; what a module is made from
    lanes               the tape on lanes of rows, and their sums
    update              the optimizer's tape as native code, on lanes of parameters
    shuffle, loop       the order of the rows, as Python's `random` gives it; the loops around everything
    pieces              long functions, cut into pieces
    stack               large frames on Windows
    native              from LLVM's text to functions that Python calls
    memory, store       doubles at a fixed address; the parameters' memory, used by one thread at a time
"""

from micrograd.compiler.native.emit import call_module
from micrograd.compiler.native.memory import ALIGNMENT, Memory
from micrograd.compiler.native.native import CALL, RUN, Native, assembly_of, native_of

__all__ = ["ALIGNMENT", "CALL", "RUN", "Memory", "Native", "assembly_of", "call_module", "native_of"]
