"""What large programs run as: a folded program as loops over lanes of rows, instead of straight-line code.

Read in this order:

    shape               what is read where, for all turns of all loops at once
    storage             which numbers are kept in memory, and at which addresses
    tiles               sums of products in an order of their own, a tile at a time: what the next ones share
    dots                weighted sums of a row's own numbers, taken before everything else
    jam                 which loop's turns are taken several at once
    reads, kernel       the program as LLVM loops: what a line reads, and the lines
    products, rowsums   gradients as sums over the rows of products, taken at the end
    work_memory         how large the memory of a step is, and where each part of it begins
    rowloads            a block's rows, transposed
    workers             how several threads share a step
    looped_lanes        the functions of `native.lanes`, written as loops
    helpers             threads that help native code
    widths              native code for batches of any size, straight-line or as loops
    calls               the same for a function that is called with numbers
"""

from micrograd.compiler.loops.widths import Compiled, Widths

__all__ = ["Compiled", "Widths"]
