"""The ways to compile and run a program, each compared with running it eagerly.

To add a way, write a function of a `Case` with `@way`, or with `@way_by_row` if each row of the program's numbers is
run by itself. It yields a `Comparison` for each thing that must be the same.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from helpers.bounds import bounded, bounds_of
from helpers.programs import namespace_of

from micrograd import Value, detect_anomaly, grad, hessian, jit, train_step
from micrograd.optim import SGD
from micrograd.transforms import map_numbers

LR = 0.125
WRONG_TARGETS = ("take: index", "hinge: a label", "binary_cross_entropy: a target", "cross_entropy: the target's")
UNUSED = ("the loss uses none of the optimizer's", "the loss gave a number, which is not connected to the parameters")
WAYS: dict[str, Callable[[Case], Any]] = {}
EXACT = "jit of values", "jit of numbers", "grad of jit", "jit of grad"  # ways where exact=True promises equal bits


class Outcome(NamedTuple):
    """What a run gave: numbers, or an error."""

    numbers: list[float] | None
    error: Exception | None = None

    def __str__(self):
        return repr(self.numbers) if self.error is None else f"{type(self.error).__name__}: {self.error}"


class Comparison(NamedTuple):
    """What eager and compiled gave. `bounds()` gives a Bounded for each number, from the graphs of eager results.

    `exact`: the bits must be equal. `of_rows`: there are several rows, so a compiled error may name the row.
    """

    what: str
    eager: Outcome
    compiled: Outcome
    bounds: Any = None
    exact: bool = False
    of_rows: bool = False


def outcome(run, *args):
    """The numbers that `run(*args)` gives, in any structure, or its error."""
    found: list[float] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's warnings for NumPy literals
            map_numbers(lambda x: found.append(number_of(x)), run(*args))
    except Exception as error:
        return Outcome(None, error)
    return Outcome(found)


def number_of(x):
    x = x.data if isinstance(x, Value) else x
    return math.nan if isinstance(x, complex) else float(x)


class Case:
    """A program prepared to run. Each `f()` and `first()` comes with new Values from outside."""

    def __init__(self, program, *, exact=False):
        self.program, self.exact = program, exact
        self.source = program.source()
        self.rows = namespace_of(self.source)["rows"]
        self.by = [program.arguments.index(name) for name in program.numbers]
        self.plain_rows = [[float(x) if i in self.by else x for i, x in enumerate(row)] for row in self.rows]
        self.columns = [list(column) for column in zip(*self.plain_rows)]
        self.jit = functools.partial(jit, exact=True) if exact else jit

    @functools.cached_property
    def is_pythons(self):
        """Whether plain numbers follow other rules than micrograd's: NumPy's, or complex for (-8.0) ** 0.5."""
        errors = [str(outcome(self.f()[0], *self.values(row)).error) for row in self.rows]
        return "np." in self.program.text or any("**" in error and "whole" in error for error in errors)

    def f(self):
        """The program's function, and the Values from outside that it uses."""
        names = namespace_of(self.source)
        return names["f"], [names[name] for name, _ in self.program.leaves]

    def first(self):
        """The function of the first result alone."""
        f, leaves = self.f()
        return (lambda *args: f(*args)[0]) if len(self.program.results) > 1 else f, leaves

    def values(self, row):
        """The row with a labelled Value for each number that is differentiated."""
        names = self.program.arguments
        return [Value(x, label=name) if i in self.by else x for i, (name, x) in enumerate(zip(names, row))]


def way(function):
    WAYS[function.__name__.replace("_", " ")] = function
    return function


def way_by_row(function):
    """A way whose function compiles the case, and returns a function that compares on one row."""

    @functools.wraps(function)
    def on_all_rows(case):
        compare = function(case)
        for row in case.rows:
            yield from compare(row)

    return way(on_all_rows)


def as_list(out):
    return list(out) if isinstance(out, tuple) else [out]


def slopes(f, args, k, inputs):
    """The derivatives of result k by backward(); every grad is 0.0 afterwards."""
    out = as_list(f(*args))[k]
    if isinstance(out, Value):
        out.backward()
    found = [x.grad for x in inputs]
    for x in inputs:
        x.grad = 0.0
    return found


def picked(gradients, inputs):
    return [gradients.get(x, bounded(0.0)) for x in inputs]


@way_by_row
def jit_of_values(case):
    """Every result and its derivatives by arguments and Values from outside."""
    (f, leaves), (g, g_leaves) = case.f(), case.f()
    compiled = case.jit(g)

    def compare(row):
        xs, ys = case.values(row), case.values(row)
        one, other = outcome(f, *xs), outcome(compiled, *ys)
        graphs = functools.cache(lambda: [bounds_of(out) for out in as_list(f(*xs))])
        yield Comparison(f"values at {row}", one, other, lambda: [value for value, _ in graphs()], case.exact)
        if one.error or other.error:
            return
        inputs, g_inputs = [xs[i] for i in case.by] + leaves, [ys[i] for i in case.by] + g_leaves
        for k in range(len(one.numbers)):
            one, other = outcome(slopes, f, xs, k, inputs), outcome(slopes, compiled, ys, k, g_inputs)
            bounds = lambda k=k: picked(graphs()[k][1], inputs)  # noqa: E731
            yield Comparison(f"derivatives of result {k} at {row}", one, other, bounds, case.exact)

    return compare


@way_by_row
def jit_of_numbers(case):
    f = case.f()[0]
    compiled = case.jit(case.f()[0])

    def compare(row):
        plain = [float(x) if i in case.by else x for i, x in enumerate(row)]
        bounds = lambda: [bounds_of(out)[0] for out in as_list(f(*case.values(row)))]  # noqa: E731
        yield Comparison(f"values at {plain}", outcome(f, *plain), outcome(compiled, *plain), bounds, case.exact)

    return compare if not case.is_pythons else lambda row: ()


def first_derivatives(case, compiled):
    """Compare grad(f) with what was compiled from it."""
    f = case.first()[0]
    eager = grad(f, argnums=tuple(case.by))

    def compare(row):
        plain, xs = [float(x) if i in case.by else x for i, x in enumerate(row)], case.values(row)
        bounds = lambda: picked(bounds_of(f(*xs))[1], [xs[i] for i in case.by])  # noqa: E731
        yield Comparison(
            f"derivatives at {plain}", outcome(eager, *plain), outcome(compiled, *plain), bounds, case.exact
        )

    return compare


@way_by_row
def grad_of_jit(case):
    return first_derivatives(case, grad(case.jit(case.first()[0]), argnums=tuple(case.by)))


@way_by_row
def jit_of_grad(case):
    return first_derivatives(case, case.jit(grad(case.first()[0], argnums=tuple(case.by))))


@way_by_row
def hessian_of_jit(case):
    def of_list(f):
        def on_list(xs, *rest):
            return f(*xs, *rest)

        return on_list

    f = case.first()[0]
    eager, compiled = hessian(of_list(f)), hessian(case.jit(of_list(case.first()[0])))

    def compare(row):
        count = len(case.by)
        given = [[float(x) for x in row[:count]], *row[count:]]
        bounds = lambda: second_bounds(case, f, row)  # noqa: E731
        yield Comparison(f"second derivatives at {given}", outcome(eager, *given), outcome(compiled, *given), bounds)

    return compare


def second_bounds(case, f, row):
    """The bounds of second derivatives: those of the gradients' own graphs."""
    xs = case.values(row)
    inputs, out = [xs[i] for i in case.by], f(*xs)
    if isinstance(out, Value):
        out.backward(create_graph=True)
    return [bound for x in inputs for bound in picked(bounds_of(x.grad)[1], inputs)]


def mean(f, rows):
    results = [f(*row) for row in rows]
    return functools.reduce(lambda total, x: total + x, results) / len(rows)


def mean_bounds(case):
    """The bounds of the mean over the rows, and of its derivatives by the Values from outside."""
    f, leaves = case.first()
    value, gradients = bounds_of(mean(f, [case.values(row) for row in case.rows]))
    return [value, *picked(gradients, leaves)]


@way
def jit_of_batches(case):
    """The mean over the rows and its derivatives by Values from outside, or the first failing row's error."""
    if case.is_pythons:
        return
    (f, leaves), (g, g_leaves) = case.first(), case.first()
    compiled = jit(g, batch=True)

    def both(run, args, inputs):
        return [run(*args), *slopes(run, args, 0, inputs)]

    one = outcome(both, mean, (f, case.plain_rows), leaves)
    other = outcome(both, compiled, case.columns, g_leaves)
    yield Comparison("the mean of the rows and its derivatives", one, other, lambda: mean_bounds(case), of_rows=True)


@way
def one_training_step(case):
    """The loss and the parameters after a step; an error names the row, says what eager says and changes nothing."""
    (f, leaves), (g, g_leaves) = case.first(), case.first()
    if not leaves or case.is_pythons:
        return
    before = [x.data for x in leaves]

    def eager_step(rows):
        out, found = number_of(mean(f, rows)), slopes(mean, (f, rows), 0, leaves)
        if not all(map(math.isfinite, [out, *found])):
            raise FloatingPointError("the loss or a gradient is nan or inf")
        return [out, *(x - LR * slope for x, slope in zip(before, found))]

    one = outcome(eager_step, case.plain_rows)
    if isinstance(one.error, FloatingPointError) and not any(outcome(eager_step, [x]).error for x in case.plain_rows):
        return  # only the sum overflows, which another order may avoid
    step = train_step(g, SGD(g_leaves, lr=LR))
    other = outcome(lambda: [step(*case.columns), *g_leaves])
    if str(other.error).startswith(UNUSED) and (one.error or repr(one.numbers[1:]) == repr(before)):
        return  # refused, because a step would change nothing
    if one.numbers and isinstance(other.error, FloatingPointError):
        sums = [(x - now) / LR * len(case.rows) for x, now in zip(before, one.numbers[1:])]
        if not all(map(math.isfinite, sums)):
            return  # the mean is finite, but the sum that compiled code divides overflows
    if one.error is None or other.error is None:
        bounds = lambda: [b if i == 0 else b * LR for i, b in enumerate(mean_bounds(case))]  # noqa: E731
        yield Comparison("loss and parameters", one, other, bounds)
        return
    yield Comparison("parameters after an error", Outcome(before), outcome(lambda: g_leaves), exact=True)
    refused = [i for i, row in enumerate(case.plain_rows) if outcome(f, *row).error][:1]  # forward runs first
    to_try = ((i, case.plain_rows[i]) for i in refused or range(len(case.rows)))
    failures = ((i, said) for i, row in to_try if (said := words_of(f, row, leaves)))
    if failure := next(failures, None):
        row, said = failure
        if isinstance(one.error, (IndexError, ValueError)) and str(one.error).startswith(WRONG_TARGETS):
            right = isinstance(other.error, type(one.error))
        else:
            right = isinstance(other.error, FloatingPointError) and f"row at index {row}:" in str(other.error)
            right = right and any(words in str(other.error) for words in said)
        if not right:
            yield Comparison(f"the error of row {row}", one, other)


def words_of(f, row, leaves):
    """Eager code's errors for a failing row: of forward and backward, and of detect_anomaly() for a nan or inf."""
    said = []
    for watch in (warnings.catch_warnings, detect_anomaly):
        try:
            with watch():
                slopes(f, row, 0, leaves)
        except Exception as error:
            said.append(str(error))
    return said
