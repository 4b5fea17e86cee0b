"""What is written: a function's operations as instructions in order, one short line each.

Read in this order:

    tape                what is written, and what each instruction does
    symbols, recorder   run the function and backward on symbols, which write down what is done to them
    simplify            fold constants, drop what changes nothing, what repeats and what nobody needs
    guards              conditions where an operation's failure would not show in the result
    plan                what runs once for a batch, and what for every row
    rule                the optimizer's rule as a tape of its own
"""

from micrograd.compiler.tape.tape import CONDITIONS, INFIX, Instruction, Operand, Tape, shown
from micrograd.table import ELEMENTARY

__all__ = ["CONDITIONS", "ELEMENTARY", "INFIX", "Instruction", "Operand", "Tape", "shown"]
