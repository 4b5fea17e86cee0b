"""Compile functions of Values, and whole training loops, to native code: `jit(f)` and `train_step(loss, optimizer)`.

Each step is a file of its own, in the order in which a function passes through them:

    arguments, rows     what a call was given: numbers, and the structure that they were in
    symbols, trace      run the function and backward on symbols, which write down what is done to them
    tape                what is written: instructions in order, one short line each
    bytecode, watch     what a recorded function reads from outside and sets there, and where it draws at random
    recording           two recordings that must agree, and the places to look at before each call
    guards              conditions where an operation's failure would not show in the result
    simplify            fold constants, drop what changes nothing, what repeats and what nobody needs
    plan                what runs once for a batch, and what for every row
    emit, lanes         LLVM's instructions for the tape, on lanes of rows
    rule                the optimizer's rule as a tape of its own
    update, loop        that rule on lanes of parameters, and the loops around all of it
    context             what Python and native code know of each other
    machine, native     what the processor offers; from LLVM's text to functions that Python calls
    store, locks        the parameters' memory and who works on it; locks that survive a fork
    program, batch      all of the above for one structure, and the memory that it works on
    jit, training       what users call; `inside` is how both show what they compiled

Needs the extra `jit`: llvmlite and NumPy.
"""
