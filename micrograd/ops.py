"""Add an operation to micrograd by writing one function: its value and its local derivatives.

    @op("cube", cases=[(2.0,), (-1.5,)])
    def cube(m, x):
        return m.power(x, exponent=3), lambda: (3.0 * x * x,)

That one row gives `cube(x)` on floats, on `Value`s and elementwise on arrays, the method `x.cube()`, first and
higher derivatives, the formula that drawings print, and the tests.

A rule is called as `rule(m, *operands, **static)` and returns the value and a closure that gives one local
derivative for each operand. It never asks what kind of number an operand is: `m` is the namespace of elementary
functions for that kind (floats in table.py, `Value`s in engine.py, text in text.py), and knows every operation of
this table by name. So a rule uses `m.where` and never `if` on an operand, and settings that are not
differentiated, such as a constant exponent, are keyword-only.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, SupportsIndex

from micrograd.coerce import Recordable, is_array, is_bool
from micrograd.table import op
from micrograd.words import shown

# ------------------------------------------------------------------ arithmetic


@op("+", method="__add__", cases=[(2.0, -3.0), (0.0, 0.0)])
def add(m, x, y):
    """Sum: what `x + y` records."""
    return x + y, lambda: (1.0, 1.0)


@op("-", method="__sub__", cases=[(2.0, -3.0), (0.0, 0.0)])
def sub(m, x, y):
    """Difference: what `x - y` records."""
    return x - y, lambda: (1.0, -1.0)


@op("*", method="__mul__", cases=[(2.0, -3.0), (0.0, 5.0)])
def mul(m, x, y):
    """Product: what `x * y` records."""
    return x * y, lambda: (y, x)


@op("/", method="__truediv__", cases=[(2.0, -4.0), (0.0, 5.0)], domain=((-10.0, 10.0), (0.1, 10.0)), needs="{1} != 0")
def div(m, x, y):
    """Quotient: what `x / y` records."""
    out = x / y
    return out, lambda: (1.0 / y, -out / y)


@op("-", method="__neg__", cases=[(2.0,), (0.0,)])
def neg(m, x):
    """Negative: what `-x` records."""
    return -x, lambda: (-1.0,)


@op(
    "**{exponent}",
    cases=[(2.0, {"exponent": 3}), (-1.5, {"exponent": 2}), (0.0, {"exponent": 2}), (2.0, {"exponent": -1})]
    + [(4.0, {"exponent": 0.5}), (0.0, {"exponent": 1}), (0.0, {"exponent": 0})],
    domain=(0.1, 10.0),
    needs="{0} > 0, or a whole-number exponent (and {0} != 0 for a negative one)",
)
def power(m, x, *, exponent):
    """Power with a constant exponent: what `x**3` records."""
    n = exponent
    return m.pow(x, n), lambda: (n * m.pow(x, m.where(n, n - 1, 0.0)),)


@op(
    "**",
    cases=[(2.0, 3.0), (4.0, -0.5), (0.0, 2.0)],
    domain=((0.1, 5.0), (-3.0, 3.0)),
    needs="{0} > 0, or a whole number {1} (and {0} != 0 for a negative {1})",
)
def pow(m, x, y):
    """Power with both base and exponent differentiated: what `x**y` records when `y` is a Value.

    The derivative in `y`, `x**y * log(x)`, is 0 at x = 0 (its limit) and nan for x < 0, where only isolated `y`
    exist. The one in `x` is 0 at x = y = 0, as for the constant exponent 0; with the exponent `y - 1` it would
    fail there.
    """
    out = m.pow(x, y)
    less = lambda: m.where(m.abs(x) + m.abs(y) <= 0.0, 0.0, y - 1.0)  # noqa: E731
    log = lambda: m.where(x < 0.0, math.nan, m.log(m.where(x > 0.0, x, 1.0)))  # noqa: E731
    return out, lambda: (y * m.pow(x, less()), out * log())


@op("abs", method="__abs__", cases=[(2.0,), (-3.0,), (0.0,)])
def abs(m, x):
    """Absolute value; its derivative at 0 is taken as 0."""
    return m.abs(x), lambda: (m.where(x > 0.0, 1.0, m.where(x < 0.0, -1.0, 0.0)),)


# ------------------------------------------------- exponentials and logarithms


@op("exp", cases=[(0.5,), (-4.0,)], needs="{0} < 709.78")
def exp(m, x):
    """Exponential, e to the x."""
    out = m.exp(x)
    return out, lambda: (out,)


@op("expm1", cases=[(1e-9,), (-4.0,)], needs="{0} < 709.78")
def expm1(m, x):
    """exp(x) - 1, precise near 0."""
    return m.expm1(x), lambda: (m.exp(x),)


@op("log", cases=[(0.5,), (4.0,)], domain=(0.01, 100.0), needs="{0} > 0")
def log(m, x):
    """Natural logarithm."""
    return m.log(x), lambda: (1.0 / x,)


@op("log1p", cases=[(1e-9,), (4.0,)], domain=(-0.9, 100.0), needs="{0} > -1")
def log1p(m, x):
    """log(1 + x), precise near 0."""
    return m.log1p(x), lambda: (1.0 / (1.0 + x),)


@op("sqrt", cases=[(4.0,), (0.25,)], domain=(0.01, 100.0), needs="{0} >= 0")
def sqrt(m, x):
    """Square root."""
    out = m.sqrt(x)
    return out, lambda: (0.5 / out,)


# -------------------------------------------------- circular and hyperbolic


@op("sin", cases=[(0.5,), (-4.0,)], needs="a finite {0}")
def sin(m, x):
    """Sine of an angle in radians."""
    return m.sin(x), lambda: (m.cos(x),)


@op("cos", cases=[(0.5,), (-4.0,)], needs="a finite {0}")
def cos(m, x):
    """Cosine of an angle in radians."""
    return m.cos(x), lambda: (-m.sin(x),)


@op("tan", cases=[(0.5,), (-1.0,)], domain=(-1.4, 1.4), needs="a finite {0}")
def tan(m, x):
    """Tangent of an angle in radians."""
    out = m.tan(x)
    return out, lambda: (1.0 + out * out,)


@op("asin", cases=[(0.5,), (-0.25,)], domain=(-0.99, 0.99), needs="-1 <= {0} <= 1")
def asin(m, x):
    """Angle in radians, -pi/2 to pi/2, whose sine is x."""
    return m.asin(x), lambda: (1.0 / m.sqrt((1.0 - x) * (1.0 + x)),)


@op("acos", cases=[(0.5,), (-0.25,)], domain=(-0.99, 0.99), needs="-1 <= {0} <= 1")
def acos(m, x):
    """Angle in radians, 0 to pi, whose cosine is x."""
    return m.acos(x), lambda: (-1.0 / m.sqrt((1.0 - x) * (1.0 + x)),)


@op("atan", cases=[(0.5,), (-4.0,)])
def atan(m, x):
    """Angle in radians, -pi/2 to pi/2, whose tangent is x."""
    return m.atan(x), lambda: (1.0 / (1.0 + x * x),)


@op("sinh", cases=[(0.5,), (-4.0,)], needs="-710.47 < {0} < 710.47")
def sinh(m, x):
    """Hyperbolic sine."""
    return m.sinh(x), lambda: (m.cosh(x),)


@op("cosh", cases=[(0.5,), (-4.0,)], needs="-710.47 < {0} < 710.47")
def cosh(m, x):
    """Hyperbolic cosine."""
    return m.cosh(x), lambda: (m.sinh(x),)


@op("tanh", cases=[(0.5,), (-4.0,)], domain=(-5.0, 5.0))
def tanh(m, x):
    """Hyperbolic tangent, from -1 to 1."""
    out = m.tanh(x)
    return out, lambda: (1.0 - out * out,)


# ------------------------------------------------------------------ choices


@op("maximum", cases=[(2.0, -3.0), (-3.0, 2.0), (1.0, 1.0)])
def maximum(m, x, y):
    """The greater of two numbers; a tie splits the gradient in halves, a nan on either side gives nan."""
    out = m.where(x > y, x, m.where(y >= x, y, x + y))
    return out, lambda: (m.where(x > y, 1.0, m.where(x < y, 0.0, 0.5)), m.where(x > y, 0.0, m.where(x < y, 1.0, 0.5)))


@op("minimum", cases=[(2.0, -3.0), (-3.0, 2.0), (1.0, 1.0)])
def minimum(m, x, y):
    """The smaller of two numbers; a tie splits the gradient in halves, a nan on either side gives nan."""
    out = m.where(x < y, x, m.where(y <= x, y, x + y))
    return out, lambda: (m.where(x < y, 1.0, m.where(x > y, 0.0, 0.5)), m.where(x < y, 0.0, m.where(x > y, 1.0, 0.5)))


def _where_operands(condition: Any, x: Any, y: Any) -> tuple[Any, ...]:
    """`condition` is a comparison such as `x > 0`, or a number that counts as true when it is not 0."""
    if is_bool(condition):
        condition = 1.0 if condition else 0.0
    elif str(getattr(condition, "dtype", "")) == "bool":
        condition = condition.astype(float)
    return condition, x, y


@op(
    "where",
    prepare=_where_operands,
    cases=[(1.0, 2.0, -3.0), (0.0, 2.0, -3.0)],
    domain=((0.0, 1.0), (-10.0, 10.0), (-10.0, 10.0)),
)
def where(m, condition, x, y):
    """x where the condition holds, y elsewhere; the gradient goes to the one chosen."""
    return m.where(condition, x, y), lambda: (0.0, m.where(condition, 1.0, 0.0), m.where(condition, 0.0, 1.0))


def _sequence(values: Any, where: str) -> tuple[Any, ...]:
    """The numbers of a list or of an array of one dimension."""
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ValueError(f"{where}: it takes one row of numbers, not an array of shape {shape}; call it on each row")
    if not hasattr(values, "__iter__") or isinstance(values, str):
        raise TypeError(f"{where}: the values are a sequence of numbers such as [1.0, 2.0], not {shown(values)}")
    values = tuple(values)
    if any(kind is not float and not issubclass(kind, Recordable) for kind in set(map(type, values))):
        for x in values:
            if isinstance(x, (list, tuple)) or (is_array(x) and x.size != 1):
                raise ValueError(f"{where}: it takes one row of numbers, not {shown(x)} in a row; call it on each row")
    return values


def _take_operands(values: Sequence[Any], index: SupportsIndex) -> tuple[Any, ...]:
    """`values` is a sequence of n numbers, `index` a whole number from 0 to n - 1."""
    values = _sequence(values, "take(values, index)")
    if isinstance(index, Recordable) and index._as_index is not None:  # a symbol of a function that is being compiled
        return index._as_index(len(values)), *values
    if is_array(index) and index.ndim == 0:
        index = index.item()
    if is_bool(index) or not hasattr(index, "__index__"):
        raise TypeError(f"take: the index must be a whole number such as 2, not {index!r}")
    if not 0 <= index.__index__() < len(values):
        hint = f"use 0 to {len(values) - 1}" if values else "there are none"
        raise IndexError(f"take: index {index} is out of range for {len(values)} values: {hint}")
    return float(index.__index__()), *values


@op("take", prepare=_take_operands, cases=[(1.0, 5.0, 6.0, 7.0), (0.0, 5.0), (2.0, 5.0, 6.0, 7.0)], domain=(0.0, 2.0))
def take(m, index, *values):
    """The value at a whole-number index; the gradient goes to that one."""
    out = values[-1]
    for i in reversed(range(len(values) - 1)):
        out = m.where(index < i + 0.5, values[i], out)
    is_at = lambda i: m.where(index < i - 0.5, 0.0, m.where(index < i + 0.5, 1.0, 0.0))  # noqa: E731
    return out, lambda: (0.0, *(is_at(i) for i in range(len(values))))


def _logsumexp_operands(values: Sequence[Any]) -> tuple[Any, ...]:
    """`values` is a sequence of at least one number."""
    values = _sequence(values, "logsumexp(values)")
    if not values:
        raise ValueError("logsumexp of no values: give at least one")
    return values


@op(
    "logsumexp",
    prepare=_logsumexp_operands,
    cases=[(0.5, -4.0, 2.0), (1000.0, 1000.0), (-3.0,)],
    needs="a value above -inf",
)
def logsumexp(m, *values):
    """log(exp(a) + exp(b) + ...), a smooth maximum; never overflows. Its local derivatives are the softmax."""
    top = functools.reduce(m.maximum, values)
    top = m.where(m.abs(top) < math.inf, top, 0.0)  # inf - inf would be nan
    out = top + m.log(functools.reduce(lambda total, x: total + m.exp(x - top), values, 0.0))
    return out, lambda: tuple(m.exp(x - out) for x in values)


# ------------------------------------------------------ activation functions


@op("sigmoid", cases=[(0.5,), (-4.0,), (800.0,), (-800.0,)])
def sigmoid(m, x):
    """Logistic function 1 / (1 + exp(-x)), from 0 to 1; never overflows."""
    e = m.exp(-m.abs(x))
    out = m.where(x < 0.0, e, 1.0) / (1.0 + e)
    return out, lambda: (out * (1.0 - out),)


@op("ReLU", cases=[(2.0,), (-3.0,), (0.0,)])
def relu(m, x):
    """Rectified linear unit, the greater of x and 0; its derivative at 0 is taken as 0."""
    return m.where(x < 0.0, 0.0, x), lambda: (m.where(x > 0.0, 1.0, 0.0),)


@op("leaky_relu", cases=[(2.0,), (-3.0,), (-3.0, {"slope": 0.2})])
def leaky_relu(m, x, *, slope=0.01):
    """x above 0, slope * x below (Maas, Hannun and Ng 2013)."""
    return m.where(x > 0.0, x, slope * x), lambda: (m.where(x > 0.0, 1.0, slope),)


@op("elu", cases=[(2.0,), (-3.0,), (800.0,), (-3.0, {"alpha": 0.5})])
def elu(m, x, *, alpha=1.0):
    """Exponential linear unit: x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2015)."""
    below = m.minimum(x, 0.0)  # where() evaluates both sides, and expm1(800) would overflow
    return m.where(x > 0.0, x, alpha * m.expm1(below)), lambda: (m.where(x > 0.0, 1.0, alpha * m.exp(below)),)


@op("softplus", cases=[(0.5,), (-4.0,), (800.0,), (-800.0,)])
def softplus(m, x):
    """log(1 + exp(x)), a smooth ReLU; never overflows."""
    return m.maximum(x, 0.0) + m.log1p(m.exp(-m.abs(x))), lambda: (m.sigmoid(x),)


@op("silu", cases=[(0.5,), (-4.0,), (-800.0,)])
def silu(m, x):
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""
    s = m.sigmoid(x)
    return x * s, lambda: (s * (1.0 + x * (1.0 - s)),)


@op("gelu", cases=[(0.5,), (-4.0,)])
def gelu(m, x):
    """x times the normal distribution's probability below x, exact by erfc (Hendrycks and Gimpel 2016)."""
    below = 0.5 * m.erfc(-x * math.sqrt(0.5))  # 1 + erf(x) would lose its digits for negative x
    return x * below, lambda: (below + x * m.exp(-0.5 * x * x) * math.sqrt(0.5 / math.pi),)


@op("erf", cases=[(0.5,), (-2.0,)], domain=(-4.0, 4.0))
def erf(m, x):
    """Error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""
    return m.erf(x), lambda: (2.0 / math.sqrt(math.pi) * m.exp(-x * x),)


@op("erfc", cases=[(0.5,), (-2.0,), (3.0,)], domain=(-4.0, 10.0))
def erfc(m, x):
    """Complementary error function, 1 - erf(x), precise where it is near 0."""
    return m.erfc(x), lambda: (-2.0 / math.sqrt(math.pi) * m.exp(-x * x),)
