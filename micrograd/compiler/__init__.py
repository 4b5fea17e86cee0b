"""Compile functions of Values, and whole training loops, to native code: `jit(f)` and `train_step(loss, optimizer)`.

Each step is a file of its own, in the order in which a function passes through them:

    arguments, rows     what a call was given: numbers, and the structure that they were in
    outside             what the function reads from elsewhere, and two recordings that must agree
    tape                what is written: the function, and its derivatives, as instructions in order
    native              what runs: LLVM's text for a tape, the machine's code, and the memory
    locks               locks that survive a fork
    program, batch      all of the above for one structure, and the memory that it works on
    jit, train_step     what users call; `compiled_forms` is how both show what they compiled

Needs the extra `jit`: llvmlite and NumPy.
"""
