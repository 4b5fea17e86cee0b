"""Name the kinds of numbers in annotations: `Scalar`, `Array`, and the functions that `@op` gives.

    >>> from micrograd import Value, tanh
    >>> from micrograd.kinds import Scalar
    >>> def squashed(x: Value, scale: Scalar) -> Value:
    ...     return tanh(x / scale)
    >>> squashed(Value(0.0), 2).data
    0.0

These are for type checkers and editors, and nothing here is looked at when a program runs. NumPy's arrays and scalars
are described by what they have, so that NumPy need not be installed.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, TypeVar, overload

from micrograd.coerce import Recordable

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
else:
    Floats = Any

Seed = int | Random | None  # of an order of rows
A_Value = TypeVar("A_Value", bound=Recordable)


class NumPyScalar(Protocol):
    """One real number of NumPy's, such as `numpy.float32(2)`."""

    @property
    def ndim(self) -> Literal[0]: ...

    def __float__(self) -> float: ...


class Array(Protocol):
    """A NumPy array: of numbers, or of Values, which it holds as objects."""

    @property
    def ndim(self) -> int: ...

    @property
    def flat(self) -> Any: ...

    def __len__(self) -> int: ...


Scalar = float | Fraction | NumPyScalar  # an int, or a bool, is a float to a type checker


class Draws(Protocol):
    """What weights are drawn from: a `random.Random`, or the module `random`."""

    def uniform(self, a: float, b: float, /) -> float: ...

    def gauss(self, mu: float, sigma: float, /) -> float: ...


class NetOptions(TypedDict, total=False):
    """What `MLP` hands on to each neuron."""

    init: str | Callable[[Any, int, int], float]
    bias: bool
    rng: Draws


class LayerOptions(NetOptions, total=False):
    """What `Layer` hands on to each neuron."""

    nonlin: bool
    activation: str | Callable[[Any], Any]
    fan_out: int


class Operation(Protocol):
    """What `@op` makes of a rule: a function of Values, arrays and plain numbers."""

    @overload
    def __call__(self, x: A_Value, /, *more: A_Value | Scalar, **settings: Scalar) -> A_Value: ...
    @overload
    def __call__(self, x: Scalar, y: A_Value, /, *more: A_Value | Scalar, **settings: Scalar) -> A_Value: ...
    @overload
    def __call__(self, x: Array, /, *more: Array | Recordable | Scalar, **settings: Scalar) -> Any: ...
    @overload
    def __call__(self, x: Recordable | Scalar, y: Array, /, *more: Any, **settings: Scalar) -> Any: ...
    @overload
    def __call__(self, *operands: Scalar, **settings: Scalar) -> float: ...
