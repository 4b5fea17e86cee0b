"""Compile functions of Values, and whole training loops, to native code: `jit(f)` and `train_step(loss, optimizer)`.

Read in this order:

    notice              say that compiling takes longer than a second
    paused              Python's cyclic garbage collector waits
    tape                what is written: the function and its derivatives, as instructions in order
    estimate            how long compiling takes here, before it is done
    fold                what is repeated: the tape written as loops
    outside             what the function reads from elsewhere, and two recordings that must agree
    arguments           what a call was given: numbers, and the structure that they were in
    native              what runs: LLVM's text for a tape, the machine's code, and the memory
    loops               large programs: a folded program as loops over lanes of rows
    rows                data as arrays that native code can read
    one_row             notes for a loss that was written for many rows
    compiled_forms      what was compiled, shown to users: the tape, LLVM's text, assembly
    several             how gradients go back through the results of one call, where there are several
    program             all of the above for one structure of arguments
    row_tape            the tape of a function of one row, and where its numbers come from
    optimizer_memory    the parameters, states and learning rates that native code works on
    batch               native code on batches of rows: addresses go in, means come out
    jit, train_step     what users call

Needs the extra `jit`: llvmlite and NumPy.
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
