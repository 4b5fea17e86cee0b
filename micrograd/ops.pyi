"""The operations of the table in ops.py, as type checkers and editors know them.

Written by `python -m micrograd.export.stub_file`. Do not edit: change ops.py, and run that again.
"""

from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

from numpy.typing import NDArray

from micrograd.engine import Value
from micrograd.kinds import Array, Scalar

@overload
def add(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def add(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def add(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def add(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def add(x: Scalar, y: Scalar, /) -> float:
    """Sum: what `x + y` records."""

@overload
def sub(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def sub(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def sub(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def sub(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def sub(x: Scalar, y: Scalar, /) -> float:
    """Difference: what `x - y` records."""

@overload
def mul(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def mul(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def mul(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def mul(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def mul(x: Scalar, y: Scalar, /) -> float:
    """Product: what `x * y` records."""

@overload
def div(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def div(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def div(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def div(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def div(x: Scalar, y: Scalar, /) -> float:
    """Quotient: what `x / y` records."""

@overload
def neg(x: Value, /) -> Value: ...
@overload
def neg(x: Array, /) -> NDArray[Any]: ...
@overload
def neg(x: Scalar, /) -> float:
    """Negative: what `-x` records."""

@overload
def power(x: Value, /, *, exponent: Scalar) -> Value: ...
@overload
def power(x: Array, /, *, exponent: Scalar) -> NDArray[Any]: ...
@overload
def power(x: Scalar, /, *, exponent: Scalar) -> float:
    """Power with a constant exponent: what `x**3` records."""

@overload
def pow(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def pow(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def pow(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def pow(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def pow(x: Scalar, y: Scalar, /) -> float:
    """Power with both base and exponent differentiated: what `x**y` records when `y` is a Value.

    The derivative in `y`, `x**y * log(x)`, is 0 at x = 0 (its limit) and nan for x < 0, where only isolated `y`
    exist. The one in `x` is 0 at x = y = 0, as for the constant exponent 0; with the exponent `y - 1` it would
    fail there.
    """

@overload
def abs(x: Value, /) -> Value: ...
@overload
def abs(x: Array, /) -> NDArray[Any]: ...
@overload
def abs(x: Scalar, /) -> float:
    """Absolute value; its derivative at 0 is taken as 0."""

@overload
def exp(x: Value, /) -> Value: ...
@overload
def exp(x: Array, /) -> NDArray[Any]: ...
@overload
def exp(x: Scalar, /) -> float:
    """Exponential, e to the x."""

@overload
def expm1(x: Value, /) -> Value: ...
@overload
def expm1(x: Array, /) -> NDArray[Any]: ...
@overload
def expm1(x: Scalar, /) -> float:
    """exp(x) - 1, precise near 0."""

@overload
def log(x: Value, /) -> Value: ...
@overload
def log(x: Array, /) -> NDArray[Any]: ...
@overload
def log(x: Scalar, /) -> float:
    """Natural logarithm."""

@overload
def log1p(x: Value, /) -> Value: ...
@overload
def log1p(x: Array, /) -> NDArray[Any]: ...
@overload
def log1p(x: Scalar, /) -> float:
    """log(1 + x), precise near 0."""

@overload
def sqrt(x: Value, /) -> Value: ...
@overload
def sqrt(x: Array, /) -> NDArray[Any]: ...
@overload
def sqrt(x: Scalar, /) -> float:
    """Square root."""

@overload
def sin(x: Value, /) -> Value: ...
@overload
def sin(x: Array, /) -> NDArray[Any]: ...
@overload
def sin(x: Scalar, /) -> float:
    """Sine of an angle in radians."""

@overload
def cos(x: Value, /) -> Value: ...
@overload
def cos(x: Array, /) -> NDArray[Any]: ...
@overload
def cos(x: Scalar, /) -> float:
    """Cosine of an angle in radians."""

@overload
def tan(x: Value, /) -> Value: ...
@overload
def tan(x: Array, /) -> NDArray[Any]: ...
@overload
def tan(x: Scalar, /) -> float:
    """Tangent of an angle in radians."""

@overload
def asin(x: Value, /) -> Value: ...
@overload
def asin(x: Array, /) -> NDArray[Any]: ...
@overload
def asin(x: Scalar, /) -> float:
    """Angle in radians, -pi/2 to pi/2, whose sine is x."""

@overload
def acos(x: Value, /) -> Value: ...
@overload
def acos(x: Array, /) -> NDArray[Any]: ...
@overload
def acos(x: Scalar, /) -> float:
    """Angle in radians, 0 to pi, whose cosine is x."""

@overload
def atan(x: Value, /) -> Value: ...
@overload
def atan(x: Array, /) -> NDArray[Any]: ...
@overload
def atan(x: Scalar, /) -> float:
    """Angle in radians, -pi/2 to pi/2, whose tangent is x."""

@overload
def sinh(x: Value, /) -> Value: ...
@overload
def sinh(x: Array, /) -> NDArray[Any]: ...
@overload
def sinh(x: Scalar, /) -> float:
    """Hyperbolic sine."""

@overload
def cosh(x: Value, /) -> Value: ...
@overload
def cosh(x: Array, /) -> NDArray[Any]: ...
@overload
def cosh(x: Scalar, /) -> float:
    """Hyperbolic cosine."""

@overload
def tanh(x: Value, /) -> Value: ...
@overload
def tanh(x: Array, /) -> NDArray[Any]: ...
@overload
def tanh(x: Scalar, /) -> float:
    """Hyperbolic tangent, from -1 to 1."""

@overload
def maximum(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def maximum(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def maximum(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def maximum(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def maximum(x: Scalar, y: Scalar, /) -> float:
    """The greater of two numbers; a tie splits the gradient in halves, a nan on either side gives nan."""

@overload
def minimum(x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def minimum(x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def minimum(x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def minimum(x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def minimum(x: Scalar, y: Scalar, /) -> float:
    """The smaller of two numbers; a tie splits the gradient in halves, a nan on either side gives nan."""

@overload
def where(condition: Value, x: Value | Scalar, y: Value | Scalar, /) -> Value: ...
@overload
def where(condition: Value | Scalar, x: Value, y: Value | Scalar, /) -> Value: ...
@overload
def where(condition: Value | Scalar, x: Value | Scalar, y: Value, /) -> Value: ...
@overload
def where(condition: Array, x: Array | Value | Scalar, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def where(condition: Array | Value | Scalar, x: Array, y: Array | Value | Scalar, /) -> NDArray[Any]: ...
@overload
def where(condition: Array | Value | Scalar, x: Array | Value | Scalar, y: Array, /) -> NDArray[Any]: ...
@overload
def where(condition: Scalar, x: Scalar, y: Scalar, /) -> float:
    """x where the condition holds, y elsewhere; the gradient goes to the one chosen."""

@overload
def take(values: Sequence[Value], index: SupportsIndex, /) -> Value: ...
@overload
def take(values: Sequence[Scalar], index: SupportsIndex, /) -> float: ...
@overload
def take(values: Sequence[Value | Scalar], index: SupportsIndex, /) -> Value | Any: ...
@overload
def take(values: Array, index: SupportsIndex, /) -> Any:
    """The value at a whole-number index; the gradient goes to that one."""

@overload
def logsumexp(values: Sequence[Value], /) -> Value: ...
@overload
def logsumexp(values: Sequence[Scalar], /) -> float: ...
@overload
def logsumexp(values: Sequence[Value | Scalar], /) -> Value | Any: ...
@overload
def logsumexp(values: Array, /) -> Any:
    """log(exp(a) + exp(b) + ...), a smooth maximum; never overflows. Its local derivatives are the softmax."""

@overload
def sigmoid(x: Value, /) -> Value: ...
@overload
def sigmoid(x: Array, /) -> NDArray[Any]: ...
@overload
def sigmoid(x: Scalar, /) -> float:
    """Logistic function 1 / (1 + exp(-x)), from 0 to 1; never overflows."""

@overload
def relu(x: Value, /) -> Value: ...
@overload
def relu(x: Array, /) -> NDArray[Any]: ...
@overload
def relu(x: Scalar, /) -> float:
    """Rectified linear unit, the greater of x and 0; its derivative at 0 is taken as 0."""

@overload
def leaky_relu(x: Value, /, *, slope: Scalar = 0.01) -> Value: ...
@overload
def leaky_relu(x: Array, /, *, slope: Scalar = 0.01) -> NDArray[Any]: ...
@overload
def leaky_relu(x: Scalar, /, *, slope: Scalar = 0.01) -> float:
    """x above 0, slope * x below (Maas, Hannun and Ng 2013)."""

@overload
def elu(x: Value, /, *, alpha: Scalar = 1.0) -> Value: ...
@overload
def elu(x: Array, /, *, alpha: Scalar = 1.0) -> NDArray[Any]: ...
@overload
def elu(x: Scalar, /, *, alpha: Scalar = 1.0) -> float:
    """Exponential linear unit: x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2015)."""

@overload
def softplus(x: Value, /) -> Value: ...
@overload
def softplus(x: Array, /) -> NDArray[Any]: ...
@overload
def softplus(x: Scalar, /) -> float:
    """log(1 + exp(x)), a smooth ReLU; never overflows."""

@overload
def silu(x: Value, /) -> Value: ...
@overload
def silu(x: Array, /) -> NDArray[Any]: ...
@overload
def silu(x: Scalar, /) -> float:
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""

@overload
def gelu(x: Value, /) -> Value: ...
@overload
def gelu(x: Array, /) -> NDArray[Any]: ...
@overload
def gelu(x: Scalar, /) -> float:
    """x times the normal distribution's probability below x, exact by erfc (Hendrycks and Gimpel 2016)."""

@overload
def erf(x: Value, /) -> Value: ...
@overload
def erf(x: Array, /) -> NDArray[Any]: ...
@overload
def erf(x: Scalar, /) -> float:
    """Error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""

@overload
def erfc(x: Value, /) -> Value: ...
@overload
def erfc(x: Array, /) -> NDArray[Any]: ...
@overload
def erfc(x: Scalar, /) -> float:
    """Complementary error function, 1 - erf(x), precise where it is near 0."""

class Operations:
    """The operations of the table as methods and operators of Value."""

    @overload
    def add(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def add(self, y: Array, /) -> NDArray[Any]:
        """Sum: what `x + y` records."""

    @overload
    def sub(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def sub(self, y: Array, /) -> NDArray[Any]:
        """Difference: what `x - y` records."""

    @overload
    def mul(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def mul(self, y: Array, /) -> NDArray[Any]:
        """Product: what `x * y` records."""

    @overload
    def div(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def div(self, y: Array, /) -> NDArray[Any]:
        """Quotient: what `x / y` records."""

    def neg(self) -> Value:
        """Negative: what `-x` records."""

    def power(self, *, exponent: Scalar) -> Value:
        """Power with a constant exponent: what `x**3` records."""

    @overload
    def pow(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def pow(self, y: Array, /) -> NDArray[Any]:
        """Power with both base and exponent differentiated: what `x**y` records when `y` is a Value.

        The derivative in `y`, `x**y * log(x)`, is 0 at x = 0 (its limit) and nan for x < 0, where only isolated `y`
        exist. The one in `x` is 0 at x = y = 0, as for the constant exponent 0; with the exponent `y - 1` it would
        fail there.
        """

    def abs(self) -> Value:
        """Absolute value; its derivative at 0 is taken as 0."""

    def exp(self) -> Value:
        """Exponential, e to the x."""

    def expm1(self) -> Value:
        """exp(x) - 1, precise near 0."""

    def log(self) -> Value:
        """Natural logarithm."""

    def log1p(self) -> Value:
        """log(1 + x), precise near 0."""

    def sqrt(self) -> Value:
        """Square root."""

    def sin(self) -> Value:
        """Sine of an angle in radians."""

    def cos(self) -> Value:
        """Cosine of an angle in radians."""

    def tan(self) -> Value:
        """Tangent of an angle in radians."""

    def asin(self) -> Value:
        """Angle in radians, -pi/2 to pi/2, whose sine is x."""

    def acos(self) -> Value:
        """Angle in radians, 0 to pi, whose cosine is x."""

    def atan(self) -> Value:
        """Angle in radians, -pi/2 to pi/2, whose tangent is x."""

    def sinh(self) -> Value:
        """Hyperbolic sine."""

    def cosh(self) -> Value:
        """Hyperbolic cosine."""

    def tanh(self) -> Value:
        """Hyperbolic tangent, from -1 to 1."""

    @overload
    def maximum(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def maximum(self, y: Array, /) -> NDArray[Any]:
        """The greater of two numbers; a tie splits the gradient in halves, a nan on either side gives nan."""

    @overload
    def minimum(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def minimum(self, y: Array, /) -> NDArray[Any]:
        """The smaller of two numbers; a tie splits the gradient in halves, a nan on either side gives nan."""

    def sigmoid(self) -> Value:
        """Logistic function 1 / (1 + exp(-x)), from 0 to 1; never overflows."""

    def relu(self) -> Value:
        """Rectified linear unit, the greater of x and 0; its derivative at 0 is taken as 0."""

    def leaky_relu(self, *, slope: Scalar = 0.01) -> Value:
        """x above 0, slope * x below (Maas, Hannun and Ng 2013)."""

    def elu(self, *, alpha: Scalar = 1.0) -> Value:
        """Exponential linear unit: x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2015)."""

    def softplus(self) -> Value:
        """log(1 + exp(x)), a smooth ReLU; never overflows."""

    def silu(self) -> Value:
        """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""

    def gelu(self) -> Value:
        """x times the normal distribution's probability below x, exact by erfc (Hendrycks and Gimpel 2016)."""

    def erf(self) -> Value:
        """Error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""

    def erfc(self) -> Value:
        """Complementary error function, 1 - erf(x), precise where it is near 0."""

    @overload
    def __add__(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def __add__(self, y: Array, /) -> NDArray[Any]:
        """Sum: what `x + y` records."""

    @overload
    def __radd__(self, x: Scalar, /) -> Value: ...
    @overload
    def __radd__(self, x: Array, /) -> NDArray[Any]:
        """Sum: what `x + y` records."""

    @overload
    def __sub__(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def __sub__(self, y: Array, /) -> NDArray[Any]:
        """Difference: what `x - y` records."""

    @overload
    def __rsub__(self, x: Scalar, /) -> Value: ...
    @overload
    def __rsub__(self, x: Array, /) -> NDArray[Any]:
        """Difference: what `x - y` records."""

    @overload
    def __mul__(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def __mul__(self, y: Array, /) -> NDArray[Any]:
        """Product: what `x * y` records."""

    @overload
    def __rmul__(self, x: Scalar, /) -> Value: ...
    @overload
    def __rmul__(self, x: Array, /) -> NDArray[Any]:
        """Product: what `x * y` records."""

    @overload
    def __truediv__(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def __truediv__(self, y: Array, /) -> NDArray[Any]:
        """Quotient: what `x / y` records."""

    @overload
    def __rtruediv__(self, x: Scalar, /) -> Value: ...
    @overload
    def __rtruediv__(self, x: Array, /) -> NDArray[Any]:
        """Quotient: what `x / y` records."""

    def __neg__(self) -> Value:
        """Negative: what `-x` records."""

    def __abs__(self) -> Value:
        """Absolute value; its derivative at 0 is taken as 0."""

    @overload
    def __pow__(self, y: Value | Scalar, /) -> Value: ...
    @overload
    def __pow__(self, y: Array, /) -> NDArray[Any]:
        """Power with both base and exponent differentiated: what `x**y` records when `y` is a Value.

        The derivative in `y`, `x**y * log(x)`, is 0 at x = 0 (its limit) and nan for x < 0, where only isolated `y`
        exist. The one in `x` is 0 at x = y = 0, as for the constant exponent 0; with the exponent `y - 1` it would
        fail there.
        """

    @overload
    def __rpow__(self, x: Scalar, /) -> Value: ...
    @overload
    def __rpow__(self, x: Array, /) -> NDArray[Any]:
        """Power with both base and exponent differentiated: what `x**y` records when `y` is a Value.

        The derivative in `y`, `x**y * log(x)`, is 0 at x = 0 (its limit) and nan for x < 0, where only isolated `y`
        exist. The one in `x` is 0 at x = y = 0, as for the constant exponent 0; with the exponent `y - 1` it would
        fail there.
        """
