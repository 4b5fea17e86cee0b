"""Read somebody else's Value: its number, gradient, operands, symbol, label, and its own step of backward.

    >>> from micrograd.foreign.reading import Reader
    >>> class Value:
    ...     def __init__(self, data, children=(), op=""):
    ...         self.data, self.grad, self._prev, self._op = data, 0, set(children), op
    >>> x = Value(3.0)
    >>> node = Reader().node(Value(9.0, (x, x), "*"))
    >>> node.number(), node.symbol, node.ordered, [operand.number() for operand in node._prev]
    (9.0, '*', False, [3.0])

Nothing is asked of their class but `data`, `grad` and the operands: which names these go by is found by itself. What
cannot be read is a TypeError that says which attribute of what was wrong.
"""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable, Iterable
from typing import Any

from micrograd.coerce import as_float, is_array
from micrograd.words import shown

# The names that engines give to each thing, the commonest first.
OPERANDS = ("_prev", "_children", "children", "_parents", "parents", "prev", "_inputs", "inputs", "operands")
SYMBOLS = ("_op", "op", "_operation", "operation", "op_name", "symbol")
LABELS = ("label", "_label", "name")
STEPS = ("_backward", "_backward_fn", "backward_fn", "_grad_fn", "grad_fn")
LOCALS = ("_local_grads", "local_grads", "_local_derivatives", "local_derivatives", "derivatives")

MISSING: Any = object()
PLAIN = (float, int)  # nearly all; what is left is asked what it is


def read(x: Any, *names: str) -> Any:
    """The first of these attributes that x has, or MISSING."""
    for name in names:
        try:
            return getattr(x, name)
        except AttributeError:
            continue
        except Exception as error:
            raise TypeError(f"reading .{name} of a {kind(x)} raised {type(error).__name__}: {error}") from error
    return MISSING


def kind(x: Any) -> str:
    """The class of an object, as people call it."""
    return type(x).__qualname__


def is_value(x: Any, operands: str | None = None) -> bool:
    """Whether x is somebody's Value: it has data, a grad, and operands under one of the names that engines use."""
    if isinstance(x, (type, str, numbers.Number)) or inspect.ismodule(x) or is_array(x):
        return False
    names = (operands,) if operands else OPERANDS
    found = read(x, *names)
    if found is MISSING or callable(found):  # a method of that name is not a list of operands
        return False
    return read(x, "data") is not MISSING and read(x, "grad") is not MISSING


def number(x: Any, where: str) -> float:
    """The float that somebody's number stands for: Python's, NumPy's, or a tensor's of one number."""
    if x.__class__ in PLAIN:
        return float(x)
    item = None if isinstance(x, numbers.Real) or is_array(x) else read(x, "item")
    if callable(item):
        try:
            x = item()
        except Exception as error:
            raise TypeError(f"{where}: {shown(x)} holds no single number ({error}); a Value holds one") from None
    return as_float(x, where)


class Reader:
    """How one engine's Values are read: `operands` and `symbol` are attributes' names, found where they are None."""

    def __init__(self, operands: str | None = None, symbol: str | None = None):
        self.operands: tuple[str, ...] = (operands,) if operands else OPERANDS
        self.symbols: tuple[str, ...] = (symbol,) if symbol else SYMBOLS
        self._nodes: dict[int, Theirs] = {}
        self.rows: dict[str, Any] = {}  # what each symbol may mean, found once

    def node(self, theirs: Any) -> Theirs:
        """The one reading of one object of theirs."""
        found = self._nodes.get(id(theirs))
        if found is None:
            found = self._nodes[id(theirs)] = Theirs(self, theirs)
        return found


class Theirs:
    """One value of somebody's graph. `_prev` are its operands, read as this is, so that our order finds its way."""

    __slots__ = ("__weakref__", "_operands", "_ordered", "_step", "copy", "is_plain", "reader", "theirs")
    reader: Reader
    theirs: Any

    def __init__(self, reader: Reader, theirs: Any):
        self.reader, self.theirs = reader, theirs
        self.copy: Any = None  # the Value of ours that stands for it, once there is one
        self._ordered = True
        self.is_plain: bool = isinstance(theirs, numbers.Real) or read(theirs, "grad") is MISSING  # a number, no Value
        self._operands: tuple[Theirs, ...] | None = None
        self._step: Any = MISSING

    @property
    def _prev(self) -> tuple[Theirs, ...]:
        if self._operands is None:
            self._operands = self._read_operands()
        return self._operands

    @property
    def ordered(self) -> bool:
        """Whether the operands are kept in order, with repeats: a set has lost both."""
        return self._prev is not None and self._ordered  # the operands say it, once they are read

    def _read_operands(self) -> tuple[Theirs, ...]:
        if self.is_plain:
            return ()
        found = read(self.theirs, *self.reader.operands)
        if found is MISSING or found is None or callable(found):
            return ()
        if not isinstance(found, Iterable) or isinstance(found, (str, dict)):
            raise TypeError(f"the operands of {self} are a {kind(found)}: give a tuple, a list or a set of Values")
        self._ordered = not isinstance(found, (set, frozenset))
        for x in found:
            if x.__class__ not in PLAIN and read(x, "data", "item") is MISSING:
                raise TypeError(f"an operand of {self} is {shown(x)}, a {kind(x)}: it has no data and is not a number")
        return tuple([self.reader.node(x) for x in found])

    def number(self) -> float:
        """The number: `data`, or the object itself where it is a plain number."""
        x = self.theirs
        if x.__class__ not in PLAIN:
            data = read(x, "data")
            x = x if data is MISSING or isinstance(data, memoryview) else data
            if callable(x):
                raise TypeError(f"data of a {kind(self.theirs)} is a method: a Value has a number there, such as 2.0")
        return number(x, f"data of a {kind(self.theirs)}")

    def gradient(self) -> float | None:
        """The gradient; None where there is none yet."""
        grad = read(self.theirs, "grad")
        if grad is MISSING or grad is None:
            return None
        if grad.__class__ in PLAIN:
            return float(grad)
        if not isinstance(grad, numbers.Real) and is_value(grad):
            grad = read(grad, "data")  # engines that differentiate twice keep Values there
        return number(grad, f"grad of a {kind(self.theirs)}")

    @property
    def symbol(self) -> str:
        """The operation's symbol, such as `+`; the name of an operation that is a class or a function; or empty."""
        found = read(self.theirs, *self.reader.symbols)
        if found is MISSING or found is None:
            return ""
        if not isinstance(found, str):
            found = read(found, "symbol", "name", "__name__")
        return found.strip() if isinstance(found, str) else ""

    @property
    def label(self) -> str:
        found = read(self.theirs, *LABELS)
        return found if isinstance(found, str) else ""

    @property
    def step(self) -> Callable[[], Any] | None:
        """Their own step of backward, if the node has one that can be called."""
        if self._step is MISSING:
            found = read(self.theirs, *STEPS)
            self._step = found if callable(found) and _takes_nothing(found) else None
        return self._step

    @property
    def locals(self) -> tuple[float, ...] | None:
        """The local derivatives, where an engine keeps these instead of a step: one for each operand."""
        found = read(self.theirs, *LOCALS)
        if not isinstance(found, (tuple, list)) or len(found) != len(self._prev) or not self.ordered:
            return None
        return tuple([number(x, f"a local derivative of a {kind(self.theirs)}") for x in found])

    @property
    def method(self) -> str:
        """The method that made this, by the name of the step defined in it: `__mul__` of `Value.__mul__.<locals>`."""
        name = getattr(self.step, "__qualname__", "")
        return name.rpartition(".<locals>")[0].rpartition(".")[2]

    @property
    def cells(self) -> dict[str, Any]:
        """The variables that the step reads from around it: `self`, `other`, an exponent."""
        step = self.step
        code, cells = getattr(step, "__code__", None), getattr(step, "__closure__", None)
        scope = getattr(step, "__globals__", {})  # where a step typed in a notebook's cell finds its Values
        found = {name: scope[name] for name in code.co_names if name in scope} if code else {}
        for name, cell in zip(code.co_freevars if code else (), cells or ()):
            try:
                found[name] = cell.cell_contents
            except ValueError:
                continue  # not assigned yet
        return {name: found[name] for name in sorted(found, key=lambda name: name != "self")}

    def __str__(self) -> str:
        return f"a {kind(self.theirs)}" + (f" called {shown(self.label)}" if self.label else "")


def _takes_nothing(step: Any) -> bool:
    code = getattr(step, "__code__", None)
    if code is not None and getattr(step, "__self__", None) is None:
        return _needs_nothing(code, len(step.__defaults__ or ()))
    try:
        inspect.signature(step).bind()
    except (TypeError, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=1024)
def _needs_nothing(code: Any, defaults: int) -> bool:
    return bool(code.co_argcount <= defaults)
