"""What is wrong with one step of backward: it is run on its own, with gradients of our choice, beside the table's rule.

>>> from micrograd.foreign.reading import Reader
>>> from micrograd.foreign.recognition import recognised
>>> from micrograd.foreign.rules import what_is_wrong
>>> class Value:
...     def __init__(self, data, children=(), op=""):
...         self.data, self.grad, self._prev, self._op = data, 0.0, children, op
>>> x, y = Value(2.0), Value(5.0)
>>> z = Value(10.0, (x, y), "*")
>>> def _backward():
...     x.grad = y.data * z.grad
...     y.grad += x.data * z.grad
>>> z._backward = _backward
>>> node = Reader().node(z)
>>> what_is_wrong(node, next(recognised(node)))[1]
'x.grad is set there, where it must be added to: write +=, because each use of a value adds its contribution'
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from micrograd.foreign.adopt import probe
from micrograd.foreign.reading import Theirs
from micrograd.foreign.recognition import Recognised, close
from micrograd.foreign.source import set_first
from micrograd.text import derivative_formulas
from micrograd.words import short

Wrong = tuple[list[str], str, bool]  # the variables whose gradient is wrong, what to do, whether it is set


def variables_of(node: Theirs, operand: Theirs) -> list[str]:
    """What their step calls an operand: `self`, `other`; both where they are the same object."""
    found = [name for name, x in node.cells.items() if x is operand.theirs]
    return found or [operand.label or "the operand"]


def result_of(node: Theirs) -> str:
    """What their step calls the node itself; mostly `out`."""
    return next((name for name, x in node.cells.items() if x is node.theirs), "out")


def what_is_wrong(node: Theirs, found: Recognised, *, must_add: bool = True, must_pass_on: bool = True) -> Wrong | None:
    """The first operand that a step gives a wrong contribution: what it is called there, and what to do.

    A step that is still being written need not add to the gradients that are there, nor pass on its own: `must_add`
    and `must_pass_on` say what is asked of it.
    """
    step = node.step
    if step is None:
        return None
    locals_ = dict.fromkeys((x for x in found.operands if isinstance(x, Theirs)), 0.0)
    for x, local in zip(found.operands, found.derivatives()):
        if x in locals_:
            locals_[x] += local
    at_once = probe(node, step, 0.0, 1.0)
    later = probe(node, step, 3.0, 1.0)
    doubled = probe(node, step, 0.0, 2.0)
    out = result_of(node)
    for x, local in locals_.items():
        names = variables_of(node, x)
        grad = f"{names[0]}.grad"
        theirs = at_once[x]
        if math.isfinite(local) and not math.isfinite(theirs):  # which says nothing of why
            return names, f"{grad} is {theirs} there; {_should(node, found, x, local)}", False
        if must_add and close(later[x], theirs) and not close(later[x], 3.0 + theirs):
            names = set_first(step, names)  # one value may be both operands
            advice = f"{names[0]}.grad is set there, where it must be added to: write +=, because each use of a value "
            return names, advice + "adds its contribution", True
        if close(theirs, 0.0) and not close(local, 0.0):
            return names, f"{grad} gets no contribution there; {_should(node, found, x, local)}", False
        if must_pass_on and close(doubled[x], theirs) and not close(theirs, 0.0):
            advice = (
                f"the factor {out}.grad is missing there: a contribution is the local derivative times the upstream "
            )
            return names, advice + f"gradient, {out}.grad", False
        if not close(theirs, local):
            return names, _of_local(node, found, x, theirs, local, locals_, at_once), False
    return None


def _of_local(
    node: Theirs,
    found: Recognised,
    x: Theirs,
    theirs: float,
    local: float,
    locals_: dict[Theirs, float],
    all_theirs: Any,
) -> str:
    """Why a local derivative is not the table's."""
    uses = [local for y, local in zip(found.operands, found.derivatives()) if y is x]
    should = _should(node, found, x, local)
    name = variables_of(node, x)[0]
    if len(uses) > 1 and any(close(theirs, use) for use in uses):
        return (
            f"{name} is used {len(uses)} times in this one operation, and each use adds its contribution: "
            f"{' + '.join(_term(use) for use in uses)} = {short(local)}; yours adds {short(theirs)}"
        )
    if close(theirs, -local):
        return f"the sign is wrong there; {should}"
    others = [y for y in locals_ if y is not x]
    if others and close(theirs, locals_[others[0]]) and close(all_theirs[others[0]], local):
        return f"the derivatives of the two operands are exchanged there; {should}"
    for text, factor in _factors(node, found):
        if close(theirs * factor, local):
            return f"the factor {text} is missing there; {should}"
        if close(theirs, local * factor):
            return f"there is a factor {text} too many; {should}"
    return f"{should}; yours is {short(theirs)}"


def _term(x: float) -> str:
    return f"({short(x)})" if x < 0 else short(x)


def _should(node: Theirs, found: Recognised, x: Theirs, local: float) -> str:
    """The table's local derivative, as a formula and a number."""
    names = [_written(node, y) for y in found.operands]
    out = result_of(node)
    places = [i for i, y in enumerate(found.operands) if y is x]
    formulas = derivative_formulas(found.entry, names, result=out)
    text = " + ".join(formulas[i] for i in places)
    number = "" if text == short(local) else f" = {short(local)}"
    return f"the table has ∂{out}/∂{variables_of(node, x)[0]} = {text}{number}"


def _written(node: Theirs, operand: Any) -> str:
    return variables_of(node, operand)[0] if isinstance(operand, Theirs) else short(operand)


def _factors(node: Theirs, found: Recognised) -> Iterator[tuple[str, float]]:
    """What may have been left out: an operand, the result, a setting such as an exponent, and simple numbers."""
    candidates: list[tuple[str, float]] = []
    for name, x in found.entry.static:
        called = [cell for cell, y in node.cells.items() if isinstance(y, (int, float)) and y == x]
        candidates.append((called[0] if called else name, float(x)))
    candidates += [(f"{_written(node, y)}.data", y.number()) for y in found.operands if isinstance(y, Theirs)]
    candidates += [(f"{result_of(node)}.data", node.number()), ("2", 2.0), ("0.5", 0.5)]
    for name, x in candidates:
        if math.isfinite(x) and abs(x) not in (0.0, 1.0):
            yield name, x
