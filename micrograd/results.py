"""Several results of one call: what they share, and one product backward through all of them.

    >>> from micrograd import Value, jit
    >>> turn = jit(lambda x, y: [x * x - y, x * y] + [x + i * y for i in range(20)])
    >>> x, y = Value(2.0), Value(3.0)
    >>> out = turn(x, y)
    >>> out[0]._prev == out[1]._prev == (x, y)
    True
    >>> (out[0] + 5.0 * out[1]).backward()
    >>> x.grad, y.grad
    (19.0, 9.0)

A function that is compiled as a whole gives nodes that have the same operands, and each has local derivatives of its
own: its row of the call's Jacobian. With 70 results and 5,000 operands that is 350,000 numbers. But backward needs only
their sums, each row weighted by its result's upstream gradient: the vector-Jacobian product, which costs as much as the
derivatives of one result. So the results share a record of the call. A sweep notes the upstream gradient of each result
that it comes to, and at the last one hands the product on to the operands. That is early enough: all results come after
all operands in the topological order. See Griewank and Walther, Evaluating Derivatives (2008), chapter 3.

The native core does the same in C, in several.h.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from micrograd.c_core import native
from micrograd.coerce import float_of
from micrograd.derivatives import Shadow


class _Pair:
    """What native.OneOf keeps, in Python."""

    __slots__ = ("place", "results")

    def __init__(self, results: Any, place: int):
        self.results, self.place = results, place


class _Shared:
    """What native.Results keeps, in Python."""

    def __init__(self, operands: tuple[Any, ...]):
        self.operands = operands

    def prepare(self, code: Any, numbers: list[float], count: int) -> None:
        """Nothing: native code is told here what it needs to go back in C."""


if TYPE_CHECKING:
    _Held = _Shared
    _Kept = _Pair
else:
    _Held = native.Results if native else _Shared
    _Kept = native.OneOf if native else _Pair


class Results(_Held):
    """What the results of one call share: their `operands`, and how gradients go back through the call."""

    def row(self, place: int) -> tuple[Any, ...]:
        """The local derivatives of one result, one for each operand."""
        raise NotImplementedError

    def product(self, upstream: dict[int, float]) -> Sequence[float]:
        """For each operand, the sum of the results' local derivatives times their upstream gradients.

        `upstream` has the results that a sweep came to, by their places: the derivatives of others are not needed, and
        need not exist.
        """
        raise NotImplementedError

    def product_as_graphs(self, upstream: dict[int, Any], operands: tuple[Any, ...]) -> Sequence[Any]:
        """The same as graphs of `operands` and of the upstream gradients, which are Values here."""
        raise NotImplementedError

    def with_operands(self, operands: tuple[Any, ...]) -> Results:
        """The record of the same call with other nodes as operands: for copies."""
        raise NotImplementedError

    def __deepcopy__(self, memo: dict[Any, Any]) -> Results:
        return self.with_operands(tuple([memo.get(id(x), x) for x in self.operands]))


class OneOf(_Kept):
    """The local derivatives of one of several results, at its place among them: a function, as `Pending` is one."""

    __slots__ = ()

    def __call__(self) -> tuple[Any, ...]:
        return self.results.row(self.place)

    def __deepcopy__(self, memo: dict[Any, Any]) -> OneOf:
        return OneOf(copy.deepcopy(self.results, memo), self.place)

    def __reduce__(self) -> Any:
        return functools.partial, (self.results.row, self.place)


class Gathering:
    """The upstream gradients that one sweep has come to, for each call, until all of a call's are there."""

    order: Sequence[Any]
    create_graph: bool

    def __init__(self, order: Sequence[Any], *, create_graph: bool):
        self.order, self.create_graph = order, create_graph
        self._first: dict[Results, Any] = {}  # the first result of each call in `order`, the last in a sweep
        self._upstream: dict[Results, dict[int, Any]] = {}

    def takes(self, node: Any) -> bool:
        """Note the gradient of a result, and after the last one of its call add the product to the operands'.

        False, and nothing done, for a node whose operands are no longer those of the call.
        """
        results, place = node._local.results, node._local.place
        if not _is_whole(node):
            return False
        if not self._first:
            for x in self.order:
                if x._local.__class__ is OneOf and _is_whole(x):
                    self._first.setdefault(x._local.results, x)
        upstream = self._upstream.setdefault(results, {})
        gradient = node.grad if self.create_graph else float_of(node.grad)
        upstream[place] = upstream[place] + gradient if place in upstream else gradient
        if results in self._first and self._first[results] is node:
            del self._upstream[results]
            if self.create_graph:
                sums = results.product_as_graphs(upstream, _itself(node)._prev)
            else:
                sums = results.product(upstream)
            for operand, x in zip(node._prev, sums):
                operand.grad += x
        return True

    def end(self) -> None:
        """Refuse a sweep in which a result was changed after others of its call had been noted."""
        if self._upstream:
            raise RuntimeError(
                "backward(): a result of a compiled function got other operands or derivatives while backward ran, by "
                "a _backward written by hand; change the graph before backward, or after it"
            )


def _itself(node: Any) -> Any:
    return node.node if node.__class__ is Shadow else node


def _is_whole(node: Any) -> bool:
    """Whether a node has the operands of its call still."""
    operands, own = node._local.results.operands, _itself(node)._prev
    return own is operands or own == operands
