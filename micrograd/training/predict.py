"""Use a trained net: `outputs_of(net, rows)`, compiled if that is faster.

>>> from micrograd.training.predict import outputs_of
>>> outputs_of(lambda row: [row[0] + row[1], row[0] * row[1]], [[1.0, 2.0], [3.0, 4.0]])
[[3.0, 2.0], [7.0, 12.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from micrograd.coerce import float_of
from micrograd.compiler.estimate import compiling
from micrograd.intake import rows_of
from micrograd.modes import no_grad
from micrograd.training.backends import has_compiler
from micrograd.training.choice import FOR_EACH_PARAMETER, SHORT, forward_alone
from micrograd.transforms import map_numbers


def outputs_of(
    net: Callable[[Any], Any],
    rows: Sequence[Any],
    *,
    backend: str = "auto",
    failed: dict[int, Exception] | None = None,
) -> list[Any]:
    """A net's outputs for many rows, without graphs: a list of floats, or of lists of floats.

    If a row has no result, its error is raised; or, if `failed` is given, kept there, and the output is None.
    """
    rows = rows_of(rows, "rows")
    compiles = backend == "jit" or (backend == "auto" and is_worth_compiling(net, len(rows)))
    if compiles and len(rows) > 1 and has_compiler():
        from micrograd.compiler.jit import jit

        net = jit(net)
    found: list[Any] = []
    with no_grad():
        for i, row in enumerate(rows):
            try:
                found.append(map_numbers(float_of, net(row)))
            except (ArithmeticError, ValueError) as error:
                if failed is None:
                    raise
                failed[i] = error
                found.append(None)
    return found


def is_worth_compiling(net: Any, rows: int) -> bool:
    """Whether compiling a net takes less time than computing so many rows eagerly."""
    length = FOR_EACH_PARAMETER * len(net.parameters()) if hasattr(net, "parameters") else 0
    seconds = compiling([int(length / 2)])  # forward alone
    return seconds < SHORT or seconds < forward_alone(length, rows)
