"""What is written: a function's operations as instructions in order, one short line each.

Read in this order:

    tape                a list of instructions, and what each one computes
    symbols, recorder   run the function and backward on symbols, which write down what is done to them
    simplify            fold constants; drop instructions that change nothing, repeat others or are not needed
    guards              conditions that catch an operation's failure where the result would hide it
    plan                what runs once for a batch, and what for every row
    rule                the optimizer's rule read as a tape of its own
"""

from micrograd.compiler.tape.tape import CONDITIONS, INFIX, Instruction, Operand, Tape, shown
from micrograd.table import ELEMENTARY

__all__ = ["CONDITIONS", "ELEMENTARY", "INFIX", "Instruction", "Operand", "Tape", "shown"]
