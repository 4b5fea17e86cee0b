"""The table's rules on numbers of mpmath, with as many digits as asked for."""

from __future__ import annotations

import mpmath

from micrograd.table import Namespace


class HighPrecision(Namespace):
    """Elementary functions of mpmath.mpf."""

    def __init__(self):
        for name in "exp expm1 log log1p sqrt sin cos tan asin acos atan sinh cosh tanh erf erfc".split():
            setattr(self, name, getattr(mpmath, name))
        self.abs, self.pow = mpmath.fabs, mpmath.power

    @staticmethod
    def where(condition, x, y):
        return x if condition else y


MP = HighPrecision()

half = mpmath.mpf("0.5")

# Each operation of the table, written independently of its rule.
REFERENCE = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "power": lambda x, *, exponent: mpmath.power(x, exponent),
    "pow": mpmath.power,
    "abs": abs,
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x, *, slope=0.01: x if x > 0 else slope * x,
    "elu": lambda x, *, alpha=1.0: x if x > 0 else alpha * (mpmath.exp(x) - 1),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "maximum": max,
    "minimum": min,
    "where": lambda c, x, y: x if c else y,
    "take": lambda i, *values: values[int(i)],
    "logsumexp": lambda *values: mpmath.log(mpmath.fsum(map(mpmath.exp, values))),
}
