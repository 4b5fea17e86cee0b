"""How far rounding may move a number: the table's rules on numbers that carry a bound on their rounding error.

    >>> from micrograd import Value
    >>> x = Value(0.1)
    >>> out = x * x - 0.01
    >>> value, gradients = bounds_of(out)
    >>> out.data, value.error < 1e-16
    (1.734723475976807e-18, True)

A compiled function may fuse a product with a sum and add in another order. So where terms cancel, as here, it may
differ from the eager function by the terms' rounding errors, however small the result is. `bounds_of` follows the graph
of an eager result, forward and backward, and computes that bound (running error analysis; see Higham, Accuracy and
Stability of Numerical Algorithms (2002), section 3.3).
"""

from __future__ import annotations

import itertools
import math

from micrograd import Value, topological_order
from micrograd.table import FLOAT, Namespace

ULP = 2.0**-52
OF_FUNCTIONS = 4 * ULP  # vector functions such as exp are within four units in the last place
SMALLEST = 5e-324


class UnsureError(ArithmeticError):
    """A comparison whose answer depends on rounding."""


class Bounded:
    """A number, and how far from it another order of rounding may end."""

    __slots__ = ("error", "value")

    def __init__(self, value, error=0.0):
        self.value, self.error = value, math.inf if math.isnan(error) else error

    def __add__(self, other):
        other = bounded(other)
        value = self.value + other.value
        exact = not self.error and not other.error and is_exact_sum(self.value, other.value, value)
        rounding = 0.0 if exact else ULP * (abs(self.value) + abs(other.value))
        return Bounded(value, self.error + other.error + rounding)

    def __neg__(self):
        return Bounded(-self.value, self.error)

    def __sub__(self, other):
        return self + -bounded(other)

    def __rsub__(self, other):
        return bounded(other) + -self

    def __mul__(self, other):
        other = bounded(other)
        value = self.value * other.value
        error = abs(self.value) * other.error + (abs(other.value) + other.error) * self.error
        return Bounded(value, error + (0.0 if is_exact_product(self, other, value) else ULP * abs(value) + SMALLEST))

    def __truediv__(self, other):
        other = bounded(other)
        value = self.value / other.value
        if not other.error and abs(other.value) == 1.0:
            return Bounded(value, self.error)
        least = abs(other.value) - other.error
        error = (self.error + abs(value) * other.error) / least if least > 0.0 else math.inf
        return Bounded(value, error + ULP * abs(value) + SMALLEST)

    def __rtruediv__(self, other):
        return bounded(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __abs__(self):
        return BOUNDED.abs(self)

    def __pow__(self, other):
        return BOUNDED.pow(self, other)

    def __rpow__(self, other):
        return BOUNDED.pow(other, self)

    def __bool__(self):
        return bool(self.value)

    def __lt__(self, other):
        return numbers_to_compare(self, other, "<")

    def __le__(self, other):
        return numbers_to_compare(self, other, "<=")

    def __gt__(self, other):
        return numbers_to_compare(self, other, ">")

    def __ge__(self, other):
        return numbers_to_compare(self, other, ">=")


COMPARE = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}


def numbers_to_compare(x, y, sign):
    x, y = bounded(x), bounded(y)
    if may_be_equal(x, y):
        raise UnsureError
    return COMPARE[sign](float(x.value), float(y.value))


def may_be_equal(x, y):
    """Whether rounding may decide which of two numbers is greater; never so for exact numbers."""
    error = x.error + y.error
    return error > 0.0 and not abs(x.value - y.value) > error


def bounded(x):
    return x if isinstance(x, Bounded) else Bounded(float(x))


def is_exact_sum(x, y, total):
    """Whether a sum was not rounded (Knuth's TwoSum)."""
    rest = total - x
    return x - (total - rest) + (y - rest) == 0.0


def is_exact_product(x, y, value):
    """Whether a product was not rounded, as with a power of two or few digits."""
    if x.error or y.error or not math.isfinite(value):
        return False
    (a, b), (c, d) = x.value.as_integer_ratio(), y.value.as_integer_ratio()
    p, q = value.as_integer_ratio()
    return a * c * q == b * d * p


class Bounds(Namespace):
    """Elementary functions of bounded numbers: how much they vary within the bounds of their operands."""

    def __init__(self):
        names = [name for name in dir(FLOAT) if not name.startswith("_") and name not in ("where", "function_of")]
        for name in names:
            setattr(self, name, self.elementary(name))

    @staticmethod
    def elementary(name):
        function = getattr(FLOAT, name)

        def on_bounded(*operands):
            operands = [bounded(x) for x in operands]
            value = function(*[x.value for x in operands])
            if name == "abs":
                return Bounded(value, operands[0].error)
            error = OF_FUNCTIONS * abs(value) + SMALLEST
            if any(x.error for x in operands):
                ends = [(x.value, *(x.value + part * x.error for part in (-1.0, -0.6, 0.6, 1.0))) for x in operands]
                try:
                    error += max(abs(function(*xs) - value) for xs in itertools.product(*ends))
                except (ArithmeticError, ValueError):
                    error = math.inf
            return Bounded(value, error)

        return on_bounded

    @staticmethod
    def where(condition, x, y):
        return x if condition else y


BOUNDED = Bounds()


def bounds_of(root):
    """The bounded value of an eager result, and the bounded gradient of each Value that it was computed from."""
    if not isinstance(root, Value):
        return Bounded(float(root)), {}
    order = topological_order(root)
    values, locals_ = {}, {}
    for node in order:
        values[node], locals_[node] = read(node, [values[x] for x in node._prev])
    terms = {root: [Bounded(1.0)]}
    gradients = {}
    for node in reversed(order):
        gradients[node] = in_any_order(terms[node])
        for operand, local in zip(node._prev, locals_[node]):
            terms.setdefault(operand, []).append(bounded(local) * gradients[node])
    return values[root], gradients


def in_any_order(terms):
    """The sum of the terms. One order may be exact, as (1 - 1) + 1e-300, where another is not, as (1 + 1e-300) - 1."""
    total = sum(terms[1:], terms[0])
    if len(terms) > 2:
        total.error += ULP * sum(abs(x.value) for x in terms)
    return total


def read(node, operands):
    """A node's value and local derivatives, bounded, by its rule; unbounded if a branch depends on rounding."""
    if not node._prev:
        return Bounded(node.data), ()
    unsure = Bounded(math.nan, math.inf)
    try:
        value, derivatives = node._operation.rule(BOUNDED, *operands)
        value = Bounded(node.data, bounded(value).error)
    except (ArithmeticError, ValueError):
        return Bounded(node.data, math.inf), [unsure] * len(operands)
    try:
        return value, derivatives()
    except (ArithmeticError, ValueError):
        return value, [unsure] * len(operands)
