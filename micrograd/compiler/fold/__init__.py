"""What is repeated: the loops that Python unrolled while it was recorded, found again on the tape.

Read in this order:

    forms               a folded program: lines, and loops around them
    ordering            a result that is used once is computed right before its use
    places              where each result is kept, so that a loop's results are arrays
    rolling             equal stretches of a list become loops, and loops of loops
    entries             a tape as such a list, and back
    padding             room where loops run longer from turn to turn
    folding             from a tape to a folded program
    interpret           run a folded program, line by line: what all its other readers must agree with
"""

from micrograd.compiler.fold.folding import fold
from micrograd.compiler.fold.forms import Access, Affine, Folded, Line, Loop, Output
from micrograd.compiler.fold.interpret import run

__all__ = ["Access", "Affine", "Folded", "Line", "Loop", "Output", "fold", "run"]
