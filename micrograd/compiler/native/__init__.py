"""What runs: LLVM's instructions for a tape, on lanes of rows, and the memory that they work on.

Read in this order:

    machine             what the processor offers
    context             what Python and native code know of each other
    emit, lanes         LLVM's instructions for the tape, on lanes of rows
    update              the optimizer's rule on lanes of parameters
    shuffle, loop       the order of the rows, by the generator that Python has; the loops around all of it
    native              from LLVM's text to functions that Python calls
    store               the parameters' memory, and who works on it
"""
