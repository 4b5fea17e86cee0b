"""Find the first operation that makes a nan or an inf, and the line of the user's code that ran it.

    x * 10.0, where x = 1e+308, gave inf, at train.py:12 in loss: y = x * 10

`check_forward`, `check_backward` and `check_sums` are the checks of `detect_anomaly()`; `line_of_the_user` serves every
message that names a line.
"""

from __future__ import annotations

import linecache
import math
import os
import sys
from types import FrameType
from typing import Any

from micrograd.coerce import as_float, float_of
from micrograd.table import CONSTANT, FLOAT

PACKAGE = os.path.dirname(__file__) + os.sep  # this file is in the package's own folder


def check_forward(node: Any) -> None:
    """Note the user's line on a new node, and refuse the node when its data is nan or inf."""
    node._made_at = line_of_the_user(sys._getframe(1))
    if not math.isfinite(node.data):
        error = FloatingPointError(f"{_told(node, ',')} gave {node.data!r}, at {node._made_at}")
        error.failed = (node._operation, node._prev)  # type: ignore[attr-defined]
        raise error


def check_backward(node: Any, derivatives: tuple[Any, ...]) -> None:
    """Refuse data assigned since forward, and a contribution (local derivative times upstream) that is nan or inf."""
    _check_unchanged(node)
    for position, (parent, local) in enumerate(zip(node._prev, derivatives)):
        if parent._operation is CONSTANT:
            continue  # nobody reads a constant's gradient
        if not math.isfinite(float_of(local) * float_of(node.grad)):
            raise FloatingPointError(
                f"backward through {_told(node)}: it sends {float_of(local)!r} (local derivative) * "
                f"{float_of(node.grad)!r} (upstream gradient) to operand {position + 1}, {_name(parent, position)}; "
                f"made at {_made_at(node)}"
            )


def _check_unchanged(node: Any) -> None:
    """Refuse a node whose data no longer follows from its operands' data: some was assigned after forward."""
    if not node._operation.in_table:
        return  # compiled code rounds differently, and a node made by hand has no rule
    try:
        now = node._operation.rule(FLOAT, *[as_float(p.data, "data") for p in node._prev])[0]
    except (ArithmeticError, ValueError, TypeError) as error:
        now = error
    if now != node.data and (now == now or node.data == node.data):
        raise RuntimeError(
            f"backward through {_told(node)}: it is {node.data!r}, but its operands' data now give {now!r}, so some "
            "data was assigned after it was used. Local derivatives are those of forward: assign data before "
            f"computing, or compute again; made at {_made_at(node)}"
        )


def check_sums(node: Any) -> None:
    """Refuse an operand's gradient that became nan or inf as finite contributions were added up."""
    for position, parent in enumerate(node._prev):
        if parent._operation is not CONSTANT and not math.isfinite(float_of(parent.grad)):
            raise FloatingPointError(
                f"backward through {_told(node)}: the gradient of {_name(parent, position)} became "
                f"{float_of(parent.grad)!r} as contributions were added up; made at {_made_at(node)}"
            )


def _made_at(node: Any) -> str:
    return getattr(node, "_made_at", "a line outside detect_anomaly()")


def _name(operand: Any, position: int) -> str:
    return str(operand.label) or f"operand {position + 1}"


def _told(node: Any, end: str = "") -> str:
    """The node's formula; `end` follows a `where` clause, if there is one."""
    if not node._prev:
        return f"{node.label or 'Value()'}"
    label = f"{node.label} = " if node.label else ""
    names = [str(p.label) or repr(float(p.data)) for p in node._prev]
    values = [f"{p.label} = {float(p.data)!r}" for p in node._prev if p.label]
    return (
        label + node._operation.formula(names) + (f", where {', '.join(dict.fromkeys(values))}{end}" if values else "")
    )


def line_of_the_caller() -> str:
    """`line_of_the_user` for the line that is running."""
    return line_of_the_user(sys._getframe(1))


def is_of_this_package(frame: FrameType) -> bool:
    """Whether code of this package runs in the frame, and not a user's."""
    return frame.f_code.co_filename.startswith(PACKAGE)


def line_of_the_user(frame: FrameType | None) -> str:
    """`file.py:12 in loss: y = x / z`, for the innermost frame outside this package."""
    while frame is not None and is_of_this_package(frame):
        frame = frame.f_back
    if frame is None:
        return "an unknown line"
    file, line = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(file, line, frame.f_globals).strip()
    return f"{file}:{line} in {frame.f_code.co_name}" + (f": {code}" if code else "")
