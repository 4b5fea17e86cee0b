"""One engine behind its operations: which rows of the table a class has, under which names, and how they are applied.

>>> from micrograd import Value
>>> from micrograd.foreign.engines import Engine
>>> from micrograd.table import TABLE
>>> engine = Engine(Value)
>>> engine.has(TABLE["tanh"]), engine.apply(TABLE["mul"], [Value(2.0), 3.0], {}).data
(True, 6.0)
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import operator
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from micrograd.foreign.reading import MISSING, STEPS, kind, read
from micrograd.foreign.recognition import rows_of
from micrograd.table import TABLE, Op


def operator_of(entry: Op) -> str:
    """The method of Python's operator for a row; empty for functions."""
    return "__pow__" if entry.name in ("power", "pow") else entry.method


class Engine:
    """A class of Values. `given` is the class, one of its objects, or a module with a class that has `backward`."""

    def __init__(self, given: Any):
        self.kind: type = class_of(given)
        self.module: Any = sys.modules.get(self.kind.__module__)
        # Functions beside the class, or in its package; or in the module that was given.
        own = [given if inspect.ismodule(given) else self.module, sys.modules.get(self.kind.__module__.split(".")[0])]
        self.methods: dict[str, str] = {}
        for name in dir(self.kind):
            for entry in rows_of(name) if callable(getattr(self.kind, name, None)) else ():
                self.methods.setdefault(entry.name, name)
        self.functions: dict[str, Any] = {}
        for module, entry in itertools.product(reversed(own), TABLE.values()):
            function: Any = getattr(module, entry.name, None)
            if inspect.isfunction(inspect.unwrap(function)) and entry.name not in self.methods:
                self.functions[entry.name] = function

    @property
    def name(self) -> str:
        return self.kind.__name__

    def has(self, entry: Op) -> bool:
        method = operator_of(entry)
        if method:
            return hasattr(self.kind, method)
        return entry.name in self.functions or (entry.name in self.methods and not entry.prepare)

    def apply(self, entry: Op, operands: Sequence[Any], static: dict[str, Any]) -> Any:
        """Apply a row as people do: by its operator, as a method, or as a function of the module."""
        if entry.name == "power":
            return operands[0] ** static["exponent"]
        if operator_of(entry):
            return getattr(operator, operator_of(entry))(*operands)
        if entry.name in self.functions:
            function = self.functions[entry.name]
            if entry.name == "take":
                return function(list(operands[1:]), int(read(operands[0], "data")))
            return function(list(operands)) if entry.name == "logsumexp" else function(*operands, **static)
        return getattr(operands[0], self.methods[entry.name])(*operands[1:], **static)

    def method(self, name: str) -> Any:
        """A method of the class, or a function of its module, by name; None if there is none."""
        found = inspect.getattr_static(self.kind, name, None) if name else None
        found = getattr(found, "__func__", found)
        return found or self.functions.get(name) or getattr(self.module, name or " ", None)

    def method_of(self, entry: Op) -> str:
        """The name of what computes a row."""
        return operator_of(entry) or self.methods.get(entry.name, entry.name)

    def written(self, name: str) -> str:
        """A method as an error names it: `Value.__mul__`; a function of the module by its own name."""
        return f"{self.name}.{name}" if hasattr(self.kind, name) else name

    @property
    def equality(self) -> list[str]:
        """`__eq__` and `__hash__`, as far as the class has its own, where these make two values of one number equal."""
        own = [name for name in ("__eq__", "__hash__") if getattr(self.kind, name) is not getattr(object, name)]
        equal = "__eq__" in own and self.kind(2.0) == self.kind(2.0)
        return own if equal else []

    @contextlib.contextmanager
    def by_identity(self) -> Iterator[None]:
        """Let each value equal itself and no other for a while."""
        names = self.equality
        own = {name: vars(self.kind)[name] for name in names if name in vars(self.kind)}
        try:
            for name in names:
                setattr(self.kind, name, getattr(object, name))
            yield
        finally:
            for name in names:
                delattr(self.kind, name)
            for name, function in own.items():
                setattr(self.kind, name, function)

    @property
    def step_name(self) -> str:
        """The attribute that holds a node's step of backward."""
        made = self.kind(1.0)
        return next((name for name in STEPS if read(made, name) is not MISSING), STEPS[0])


def class_of(given: Any) -> type:
    """The class of Values that somebody means. Raises TypeError, with what to give."""
    if inspect.ismodule(given):
        found = [x for x in vars(given).values() if isinstance(x, type) and callable(getattr(x, "backward", None))]
        own = [x for x in found if x.__module__ == given.__name__] or found
        named = [x for x in own if x.__name__ == "Value"] or own
        if len(named) != 1:
            names = ", ".join(x.__name__ for x in named) or "none"
            raise TypeError(
                f"check_engine: one class with a backward() is needed, and {given.__name__} has {names}; give the class"
            )
        given = named[0]
    found_class = given if isinstance(given, type) else type(given)
    if not callable(getattr(found_class, "backward", None)):
        said = f"check_engine: {kind_name(given)} has no backward(); give the class of your Values"
        raise TypeError(f"{said}, or while it is being written also the step of the exercises: step=3")
    try:
        made = found_class(2.0)
    except Exception as error:
        raise TypeError(f"check_engine: {found_class.__name__}(2.0) raised {type(error).__name__}: {error}") from error
    for name in ("data", "grad"):
        if read(made, name) is MISSING:
            raise TypeError(f"check_engine: {found_class.__name__}(2.0) has no {name}; a Value has data and grad")
    return found_class


def kind_name(given: Any) -> str:
    return given.__name__ if isinstance(given, type) else f"a {kind(given)}"
