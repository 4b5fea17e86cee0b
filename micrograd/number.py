"""What a Value shares with Python's own numbers: comparisons, float(), format(), repr(), and NumPy's arrays.

>>> from micrograd import Value
>>> Value(2.0) < 3, f"{Value(2.0):.2f}", max(Value(1.0), Value(4.0)).data
(True, '2.00', 4.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from micrograd import modes
from micrograd.coerce import ARRAY_PRIORITY, Recordable, as_float
from micrograd.errors import GraphLostError
from micrograd.node import Node
from micrograd.table import CONSTANT, DETACHED

if TYPE_CHECKING:
    from micrograd.kinds import Scalar
    from micrograd.ops import Operations  # the operators and methods that operators.py adds: see ops.pyi

    class _Base(Node, Operations): ...
else:
    _Base = Node


class Number(_Base):
    """Orders by its number, equals only itself, and never turns into a float or an array unasked."""

    __slots__ = ()

    __array_priority__ = ARRAY_PRIORITY

    def __lt__(self, other: Number | Scalar) -> bool:
        return data_of(self) < data_of(other)

    def __le__(self, other: Number | Scalar) -> bool:
        return data_of(self) <= data_of(other)

    def __gt__(self, other: Number | Scalar) -> bool:
        return data_of(self) > data_of(other)

    def __ge__(self, other: Number | Scalar) -> bool:
        return data_of(self) >= data_of(other)

    def __float__(self) -> float:
        number = float(data_of(self))  # a symbol raises its own error here
        if self._operation not in (CONSTANT, DETACHED) and not modes.state.no_grad:
            raise GraphLostError(
                f"float() of {self.label or repr(self)}, which the functions of math call too, would lose its graph: "
                "write value.data for the number, or micrograd's function for math's, such as micrograd.exp(value)"
            )
        return number

    def __pos__(self) -> Self:
        return self

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        grad = self.grad
        return f"Value(data={self.data}, grad={grad.data if isinstance(grad, Number) else grad})"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Arrays hold Values as objects; a float array would silently drop the graph, so it is refused."""
        import numpy

        if dtype is not None and numpy.dtype(dtype) != numpy.dtype(object):
            raise TypeError(f"an array of {dtype} would drop the graph of {self!r}: use dtype=object, or value.data")
        out = numpy.empty((), dtype=object)
        out[()] = self
        return out

    if TYPE_CHECKING:  # what a node keeps, as users know it; while the compiler records, it is symbols

        @property
        def data(self) -> float:
            """The number."""

        @data.setter
        def data(self, number: Scalar) -> None: ...

        @property
        def grad(self) -> float | Any:
            """The derivative of the last result on which `backward()` was called with respect to this value.

            A float; a Value only after `backward(create_graph=True)`.
            """

        @grad.setter
        def grad(self, number: Scalar | Number) -> None: ...


def data_of(x: Any) -> Any:
    """A Value's number, or its symbol while a recorder runs; anything else is itself."""
    if not isinstance(x, Number):
        return x
    return modes.state.recorder.number(x) if modes.active and modes.state.recorder else x.data


def number_of(x: Any, where: str) -> Any:
    """The float that x stands for; a symbol stands for itself."""
    if x.__class__ is float:
        return x
    if isinstance(x, Number):
        if x._prev:
            raise TypeError(f"{where} would lose the graph of {x!r}: use the Value itself, or its number, value.data")
        x = data_of(x)
    return x if modes.active and modes.state.recorder and modes.state.recorder.owns(x) else as_float(x, where)


def recorded_number(node: Any, number: float) -> Any:
    """What a number in native memory is while some thread is in a mode: a symbol, where this thread records."""
    return modes.state.recorder.number(node) if modes.state.recorder else number


def number_for(x: Any, node: Any, what: str) -> float:
    """The float for something that was assigned as the data, or the gradient, of a Value."""
    return as_float(x, f"the {what} of {node.label or 'a Value'}")


def number_at(node: Any) -> Any:
    """The float that a Value's `data` stands for, whatever was assigned; a symbol stands for itself."""
    x = node.data
    if x.__class__ is float or (isinstance(x, Recordable) and not isinstance(x, Number)):
        return x
    return as_float(x, f"the data of {node.label or 'a Value'}")
