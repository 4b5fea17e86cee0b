"""Keep parameters' numbers side by side in memory, where native code reads and writes them.

    >>> from micrograd import Value
    >>> from micrograd.compiler.store import store_of
    >>> w, b = Value(2.0), Value(-1.0)
    >>> store = store_of([w, b])
    >>> store.memory.view[0] = 3.0
    >>> w
    Value(data=3.0, grad=0.0)
    >>> b.data = 5.0
    >>> store.memory.view[1]
    5.0

The Values stay the same objects, in models and optimizers; only their `data` has another home. So nothing is copied
before or after a step, and reading a parameter always gives its present number.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any

from micrograd.compiler.native import Memory
from micrograd.engine import Value

_moving = threading.RLock()


class Stored(Value):
    """A Value whose `data` lives in a store. Copies and pickles are plain Values."""

    __slots__ = ()

    @property
    def data(self) -> float:
        view, place = self._cell
        return view[place]

    @data.setter
    def data(self, number: float) -> None:
        view, place = self._cell
        view[place] = number

    def __reduce_ex__(self, protocol: Any) -> Any:
        own = {name: x for name, x in self.__dict__.items() if name not in ("_cell", "_store")}
        slots = {name: getattr(self, name) for name in ("_local", "_operation", "_prev", "data", "grad", "label")}
        return _blank, (type(self)._plain,), (own or None, slots)  # type: ignore[attr-defined]


def _blank(plain: type) -> Any:
    return object.__new__(plain)


@functools.cache
def _stored_class(plain: Any) -> Any:
    """The class of a stored Value: named as its own class is, and with all that it has."""
    return type(plain.__name__, (Stored,) if plain is Value else (Stored, plain), {"__slots__": (), "_plain": plain})


class Store:
    """The numbers of some Values in one array. `is_current` until another store takes one of them over.

    None can while it `is_in_use`.
    """

    def __init__(self, values: Sequence[Value]):
        self.values: list[Any] = list(values)
        self.memory = Memory(-(-len(self.values) // 8) * 8)  # whole vectors
        self.is_current = self.is_in_use = False
        self.take()

    def take(self) -> None:
        """Make this the home of its Values' numbers, wherever they are now."""
        with _moving:
            owners = {value._store for value in self.values if isinstance(value, Stored)} - {self}
            if any(owner.is_in_use for owner in owners):
                raise RuntimeError("another train_step is training some of these parameters at this moment")
            for place, value in enumerate(self.values):
                self.memory.view[place] = value.data
                if isinstance(value, Stored):
                    value._store.is_current = False
                else:
                    value.__class__ = _stored_class(type(value))  # type: ignore[arg-type]
                value._store, value._cell = self, (self.memory.view, place)
            self.is_current = True


def store_of(values: Sequence[Value]) -> Store:
    """The store in which exactly these Values are in this order: the one they are in, or a new one."""
    store = getattr(values[0], "_store", None) if values else None
    if store is not None and store.is_current and store.values == list(values):
        return store
    return Store(values)
