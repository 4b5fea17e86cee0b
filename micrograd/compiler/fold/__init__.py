"""What is repeated: the loops that Python unrolled while it was recorded, found again on the tape.

Read in this order:

    forms               a folded program: lines, and loops around them
    ordering            a result that is used once is computed right before its use
    places              where each result is kept, so that a loop's results are arrays
    rolling             equal stretches of a list become loops, and loops of loops
    entries             a tape as such a list, and back
    padding             room where loops run longer from turn to turn
    folding             from a tape to a folded program
    worth               whether a tape is long enough, and folds well enough, to be written as loops
    images              sets of places, which may overlap
    arrays              arrays in one block of memory, which dead ones share
    storage             which numbers stay in registers, which are carried from turn to turn, which go to memory
    interpret           run a folded program, line by line: what all its other readers must agree with
"""

from micrograd.compiler.fold.folding import fold
from micrograd.compiler.fold.forms import Access, Affine, Folded, Line, Loop, Output
from micrograd.compiler.fold.interpret import run, run_stored
from micrograd.compiler.fold.storage import Cell, Storage, Variable, storage
from micrograd.compiler.fold.worth import Choice, choice, straight

__all__ = [
    "Access",
    "Affine",
    "Cell",
    "Choice",
    "Folded",
    "Line",
    "Loop",
    "Output",
    "Storage",
    "Variable",
    "choice",
    "fold",
    "run",
    "run_stored",
    "storage",
    "straight",
]
