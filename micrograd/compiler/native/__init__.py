"""What runs: LLVM's instructions for a tape, on lanes of rows, and the memory that they work on.

machine             what the processor offers
context             what Python and native code know of each other
emit, lanes         LLVM's instructions for the tape, on lanes of rows
update, loop        the optimizer's rule on lanes of parameters, and the loops around all of it
shuffle             the order of the rows, by the generator that Python has
native              from LLVM's text to functions that Python calls
store               the parameters' memory, and who works on it
"""
