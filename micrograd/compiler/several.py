"""The results of one call of a program, where there are several: how gradients go back through them.

`product` is one run of native code, with the upstream gradients as inputs. Where its numbers are not finite, because a
derivative is missing or because one that nobody asked for is, the function itself is run, as it is for second
derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from micrograd.c_core import native
from micrograd.engine import Value
from micrograd.node import set_up
from micrograd.results import Results
from micrograd.table import Op
from micrograd.transforms import gradients


class ResultsOfCall(Results):
    """The record of one call of a Program, and the numbers that it was given, those of leaves included."""

    program: Any
    numbers: list[float]

    def __init__(self, program: Any, numbers: list[float], operands: tuple[Value, ...]):
        super().__init__(operands)
        self.program, self.numbers = program, numbers
        self._rows: list[float] = []  # the whole Jacobian, for a program that computes it
        if program.product_code:
            self.prepare(program.product_code, numbers, program.count)

    def row(self, place: int) -> tuple[float, ...]:
        if not self.program.has_rows:
            return tuple(self.product({place: 1.0}))
        values, width = self.program.count, len(self.program.by)
        if not self._rows:
            self._rows = self.program.outputs(self.numbers)
        found = self._rows[values + place * width : values + (place + 1) * width]
        if not (all(map(isfinite, found)) and all(map(isfinite, self._rows[:values]))):
            return self._eagerly({place: 1.0})  # raises eager code's error for a missing one
        return spread(found, self.program.by, len(self.operands))

    def product(self, upstream: dict[int, float]) -> Sequence[float]:
        program = self.program
        if program.has_rows:
            rows = [(self.row(place), gradient) for place, gradient in upstream.items()]
            return [sum([row[i] * gradient for row, gradient in rows]) for i in range(len(self.operands))]
        given = [0.0] * program.count
        for place, gradient in upstream.items():
            given[place] = gradient
        found = program.outputs(self.numbers + given)
        if not isfinite(sum(found)):
            return self._eagerly(upstream)
        return spread(found[program.count :], program.by, len(self.operands))

    def _eagerly(self, upstream: dict[int, float]) -> tuple[float, ...]:
        results, inputs = self.program.again(self.operands, self.numbers)
        return self._weighted(results, inputs, upstream)

    def product_as_graphs(self, upstream: dict[int, Any], operands: tuple[Any, ...]) -> tuple[Any, ...]:
        results, inputs = self.program.again(operands)
        return self._weighted(results, inputs, upstream, create_graph=True)

    def _weighted(
        self, results: list[Any], inputs: list[Value], upstream: dict[int, Any], *, create_graph: bool = False
    ) -> tuple[Any, ...]:
        """The derivatives of the sum of results, each times its upstream gradient."""
        reached = [(results[place], gradient) for place, gradient in upstream.items()]
        reached = [(x, gradient) for x, gradient in reached if isinstance(x, Value)]  # numbers depend on nothing
        weights = tuple([gradient for _, gradient in reached])
        entry = Op("weighted", "", lambda m, *operands: (None, lambda: weights))
        total = set_up(object.__new__(Value), 0.0, tuple([x for x, _ in reached]), entry, weights)
        found = gradients(total, inputs, create_graph=create_graph)
        return spread(found, self.program.by, len(self.operands))

    def with_operands(self, operands: tuple[Any, ...]) -> ResultsOfCall:
        return ResultsOfCall(self.program, self.numbers, operands)

    def __reduce__(self) -> Any:
        return PickledRows, ([self._row_or_error(place) for place in range(self.program.count)],)

    def _row_or_error(self, place: int) -> tuple[float, ...] | Exception:
        try:
            return self.row(place)
        except (ArithmeticError, ValueError) as error:  # which matters only if backward comes to this result
            return error


class PickledRows:
    """What a pickle holds in place of `ResultsOfCall`: all local derivatives, as numbers; an error for missing ones."""

    def __init__(self, rows: list[tuple[float, ...] | Exception]):
        self.rows = rows

    def row(self, place: int) -> tuple[float, ...]:
        found = self.rows[place]
        if isinstance(found, Exception):
            raise type(found)(*found.args)
        return found


def node_of(data: float, entry: Op, operands: tuple[Value, ...], local: Any) -> Value:
    """The node of a compiled function in the graph around it."""
    return set_up(object.__new__(Value), data, operands, entry, local)


def sibling(result: Value, data: float, entry: Op, local: Any) -> Value:
    """Another result of the same call: a node with the same operands."""
    return set_up(object.__new__(Value), data, result._prev, entry, local)


if native:
    sibling = native.sibling  # the same in C, where the operands are not looked at again


def spread(derivatives: Sequence[Any], places: Sequence[int], count: int) -> tuple[Any, ...]:
    """One derivative for each operand: 0.0 for plain numbers, which have no gradient."""
    out: list[Any] = [0.0] * count
    for place, derivative in zip(places, derivatives):
        out[place] = derivative
    return tuple(out)
