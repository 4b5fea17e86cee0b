"""Somebody else's graph as a graph of our Values, which every view reads: `adopt(theirs)`.

    >>> from micrograd.foreign.adopt import adopt
    >>> class Value:
    ...     def __init__(self, data, children=(), op=""):
    ...         self.data, self.grad, self._prev, self._op = data, 0, set(children), op
    >>> x = Value(3.0)
    >>> ours = adopt(Value(9.0, (x, x), "*"))
    >>> ours, ours._op, len(ours._prev)
    (Value(data=9.0, grad=0.0), '*', 2)

Drawings, `tree`, `trace`, `explain` and `debug` call it by themselves. The copy tells the truth about their engine:
where a node's own step of backward does what the table says, it is that row; where it does anything else, the copy is
a node whose backward is written by hand, and runs theirs. Their objects, gradients too, are as before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from micrograd.coerce import is_array
from micrograd.derivatives import ByHand, Pending
from micrograd.engine import Value, chain_rule, constant, topological_order
from micrograd.foreign.reading import MISSING, OPERANDS, Reader, Theirs, is_value, read
from micrograd.foreign.recognition import Recognised, agree, close, recognised
from micrograd.node import UNREACHED, set_up
from micrograd.table import CONSTANT, written_by_hand
from micrograd.words import listed, shown

MANY = 20  # readings of one node that are tried against its own step
DEEPEST = 20  # how far into lists and modules names are looked for

# What a step is tried on: the operands' gradients before, and the node's own gradient. The second pair shows a gradient
# that is set where it must be added, and a step that leaves out the node's own gradient.
PROBES = ((0.0, 1.0), (3.0, -2.0))


def adopt(root: Any, *, operands: str | None = None, symbol: str | None = None) -> Value:
    """The copy of somebody's graph, as the Value of ours that stands for `root`.

    `root` is any object with `data`, `grad` and operands; `operands` names the attribute that has these where it is not
    one of the usual (`_prev`, `_children`, `children`, `parents`, ...), `symbol` the one with the operation's symbol
    (`_op`, `op`, ...). A node without a step of its own backward is taken to do what the table says.

    Raises TypeError for an object that cannot be read as a Value, ValueError for a graph that goes in a circle.
    """
    if not is_value(root, operands):
        raise TypeError(_refusal(root, operands))
    reader = Reader(operands, symbol)
    order = in_order(reader.node(root))
    reached = bool(order[-1].gradient())  # backward sets the result's own gradient, to 1
    gradients = [node.gradient() for node in order]  # before any step of theirs is tried
    with gradients_put_back([node.theirs for node in order]) as settable:
        for node, grad in zip(order, gradients):
            node.copy = _copy(node, settable)
            node.copy.grad = UNREACHED if grad is None or not (grad or reached) else grad
    return order[-1].copy


def _refusal(root: Any, operands: str | None) -> str:
    """Why this is not a Value that can be read, and what to do."""
    has = [name for name in ("data", "grad") if read(root, name) is not MISSING]
    lacks = [name for name in ("data", "grad") if name not in has]
    names = (operands,) if operands else OPERANDS
    if read(root, *names) is MISSING:
        lacks.append(f"operands (looked for {listed(names)})")
    if len(lacks) == 3 or is_array(root):
        return f"give a Value to look at, or the error that an operation raised, not {shown(root)}"
    return (
        f"{shown(root)} has {' and '.join(has) or 'operands'} but no {' and no '.join(lacks) or 'list of operands'}; "
        "a Value has all three, and adopt(value, operands='...') says which attribute its operands are in"
    )


def in_order(root: Theirs) -> list[Theirs]:
    """All that a result of theirs was computed from, operands first. Raises ValueError where the graph has a circle."""
    order: list[Any] = topological_order(root)  # type: ignore[arg-type]
    place = {node: i for i, node in enumerate(order)}
    for node in order:
        for x in node._prev:
            if place[x] >= place[node]:
                raise ValueError(f"{node} is computed from itself: its operands lead back to it, so there is no first")
    return order


@contextlib.contextmanager
def gradients_put_back(values: Iterable[Any]) -> Iterator[bool]:
    """Use the gradients of their objects, and put each back; gives whether they can be set at all."""
    before = [(x, grad) for x in values if (grad := read(x, "grad")) is not MISSING]
    settable = True
    try:
        for x, grad in before:
            x.grad = grad
    except Exception:
        settable = False
    try:
        yield settable
    finally:
        for x, grad in before if settable else ():
            x.grad = grad


def _copy(node: Theirs, settable: bool) -> Value:
    """The Value that stands for a node whose operands have theirs already."""
    data = node.number()
    if node.is_plain:
        return constant(data, "an operand")
    if not node._prev:
        copy = set_up(object.__new__(Value), data, (), written_by_hand(node.symbol), ())
    else:
        copy = set_up(object.__new__(Value), data, tuple([x.copy for x in node._prev]), CONSTANT, ())
        _give_rule(node, copy, settable)
    copy.label, copy._theirs = node.label, node.theirs
    return copy


def _give_rule(node: Theirs, copy: Value, settable: bool) -> None:
    """Set the copy's operation, its operands in order and its local derivatives: the table's, or by hand."""
    likely: Recognised | None = None
    for found in itertools.islice(recognised(node), MANY):
        likely = likely or found
        if does(node, found, settable=settable):
            numbers = tuple([x.number() if isinstance(x, Theirs) else float(x) for x in found.operands])
            try:
                copy._local = found.derivatives()
            except (ArithmeticError, ValueError):
                copy._local = Pending(found.entry, numbers)
            copy._operation, copy._prev = found.entry, _copies(found.operands)
            return
    copy._operation = written_by_hand(node.symbol or node.method.strip("_") or "f")
    if likely:  # it computes what the row does, but its backward does something else
        copy._operation = dataclasses.replace(likely.entry, rule=copy._operation.rule)
        copy._prev = _copies(likely.operands)
    step, theirs = node.step if settable else None, node.locals
    if step:
        copy._local = ByHand(lambda: run(node, step))
    elif theirs:
        copy._local = ByHand(lambda: chain_rule([x.copy for x in node._prev], theirs, copy.grad))
    else:
        copy._local = ByHand(lambda: _unknown(node))


def _copies(operands: Sequence[Any]) -> tuple[Value, ...]:
    return tuple([x.copy if isinstance(x, Theirs) else constant(x, "an operand") for x in operands])


def _unknown(node: Theirs) -> None:
    what = f"its operation {node.symbol!r}" if node.symbol else "its operation, which has no symbol,"
    raise TypeError(
        f"backward through {node}: {what} is not one of the table that gives {node.number()!r} here, and it has "
        "no step of its own (_backward) to run; a drawing needs none"
    )


def does(node: Theirs, found: Recognised, *, settable: bool) -> bool:
    """Whether a node does what a reading of it says: its step of backward, its local derivatives, and both if it has
    both. `settable` is whether gradients can be set, without which no step can be tried.
    """
    step, theirs = node.step if settable else None, node.locals
    return (step is None or _contributes(node, step, found)) and (theirs is None or agree(found, theirs))


def _contributes(node: Theirs, step: Callable[[], Any], found: Recognised) -> bool:
    """Whether their step adds to each operand's gradient what the table says."""
    try:
        expected: dict[Theirs, float] = {}
        for x, local in zip(found.operands, found.derivatives()):
            if isinstance(x, Theirs) and not x.is_plain:
                expected[x] = expected.get(x, 0.0) + local
        for before, upstream in PROBES:
            after = probe(node, step, before, upstream)
            for x, local in expected.items():
                if not close(after[x] - before, local * upstream) and not close(after[x], before + local * upstream):
                    return False
    except Exception:  # theirs may raise anything; if it is asked for, backward shows it
        return False
    return True


def probe(node: Theirs, step: Callable[[], Any], before: float, upstream: float) -> dict[Theirs, float]:
    """The operands' gradients after one step of theirs, from the same gradient in all. The caller puts them back."""
    operands = [x for x in dict.fromkeys(node._prev) if not x.is_plain]
    for x in operands:
        x.theirs.grad = before
    node.theirs.grad = upstream
    step()
    return {x: _after(x) for x in operands}


def _after(x: Theirs) -> float:
    grad = x.gradient()
    return 0.0 if grad is None else grad


def run(node: Theirs, step: Callable[[], Any]) -> None:
    """Their step on the copies' gradients."""
    operands = [x for x in dict.fromkeys(node._prev) if not x.is_plain]
    named = [x for x in node.cells.values() if is_value(x)]  # what else the step can reach by name
    with gradients_put_back([*named, *(x.theirs for x in (*operands, node))]):
        for x in (*operands, node):
            x.theirs.grad = x.copy.grad
        step()
        for x in operands:
            x.copy.grad = _after(x)


def names_in(names: Any, order: Sequence[Value]) -> Any:
    """The names that a user gave, with the copies in place of their Values: `vars()`, lists, and modules of theirs."""
    if names is None or not order or not hasattr(order[-1], "_theirs"):
        return names
    copies = {id(copy._theirs): copy for copy in order if hasattr(copy, "_theirs")}
    seen: set[int] = set()

    def found(thing: Any, depth: int = 0) -> Any:
        if id(thing) in copies:
            return copies[id(thing)]
        is_module = hasattr(type(thing), "parameters") and hasattr(thing, "__dict__")
        if depth > DEEPEST or id(thing) in seen or not (is_module or isinstance(thing, (Mapping, list, tuple))):
            return thing
        seen.add(id(thing))
        if isinstance(thing, (list, tuple)):
            return [found(x, depth + 1) for x in thing]
        items = thing if isinstance(thing, Mapping) else vars(thing)
        return {str(key): found(x, depth + 1) for key, x in items.items()}

    return found(names)
