"""Compile functions of Values, and whole training loops, to native code: `jit(f)` and `train_step(loss, optimizer)`.

Read in this order:

    tape                what is written: the function and its derivatives, as instructions in order
    outside             what the function reads from elsewhere, and two recordings that must agree
    arguments           what a call was given: numbers, and the structure that they were in
    native              what runs: LLVM's text for a tape, the machine's code, and the memory
    rows                data as native code reads them
    compiled_forms      how users are shown what was compiled: the tape, LLVM's text, assembly
    program             all of the above for one structure of arguments
    row_tape            the same for rows: what is written of one row, and where its numbers come from
    optimizer_memory    the parameters, states and learning rates that native code works on
    batch               native code on batches of rows: down with their addresses, up with the means
    jit, train_step     what users call

Needs the extra `jit`: llvmlite and NumPy.
"""
