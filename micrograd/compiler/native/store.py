"""Keep the parameters' numbers in one array, where native code reads and writes them.

    >>> from micrograd import Value
    >>> from micrograd.compiler.native.store import store_of
    >>> w, b = Value(2.0), Value(-1.0)
    >>> store = store_of([w, b])
    >>> store.memory.view[0] = 3.0
    >>> w
    Value(data=3.0, grad=0.0)
    >>> b.data = 5.0
    >>> store.memory.view[1]
    5.0

The Values stay the same objects in models and optimizers; only their `data` moves to the array. So nothing is copied
before or after a step, and reading a parameter always gives its present number.
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Sequence
from typing import Any

from micrograd import modes
from micrograd.coerce import as_float
from micrograd.compiler.native.memory import Memory
from micrograd.engine import Value
from micrograd.locks import held_over_forks, new_in_child

_moving = held_over_forks()


class Stored(Value):
    """A Value whose `data` lives in a store. Copies and pickles are plain Values.

    While a function is recorded, `data` is a symbol that stands for its number at each step.
    """

    __slots__ = ()

    @property
    def data(self) -> Any:
        if modes.active and modes.state.recorder:
            return modes.state.recorder.number(self)
        view, place = self._cell
        return view[place]

    @data.setter
    def data(self, number: float) -> None:
        view, place = self._cell
        try:
            view[place] = number
        except (TypeError, ValueError):
            view[place] = as_float(number, f"the data of {self.label or 'a parameter'}")

    def __reduce_ex__(self, protocol: Any) -> Any:
        plain = type(self)._plain  # type: ignore[attr-defined]
        own = {name: x for name, x in self.__dict__.items() if name not in ("_cell", "_store")}
        names = [name for kind in plain.__mro__ for name in _slots(kind)]
        slots = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return _blank, (plain,), (own or None, slots)


def _slots(kind: type) -> list[str]:
    """The names of a class's slots, as attributes of its instances."""
    return [name for name, x in vars(kind).items() if isinstance(x, types.MemberDescriptorType)]


def _blank(plain: type) -> Any:
    return object.__new__(plain)


@functools.cache
def _stored_class(plain: Any) -> Any:
    """The class of a stored Value: a subclass of its own class, with the same name."""
    return type(plain.__name__, (Stored,) if plain is Value else (Stored, plain), {"__slots__": (), "_plain": plain})


class Store:
    """The numbers of some Values in one array. It `is_current` until another store takes over one of the Values.

    A thread calls `ready()`, then works inside `with store.lock:`. Only one thread at a time can work on a store, or on
    stores that share Values.
    """

    def __init__(self, values: Sequence[Value]):
        self.values: list[Any] = list(values)
        self.memory = Memory(-(-len(self.values) // 8) * 8)  # whole vectors
        self.is_current = False
        # Python's own lock, taken only by `with`: Ctrl-C could come between any two lines of our code.
        self.lock: Any = threading.RLock()
        new_in_child(self, "lock")
        self.ready()

    def ready(self) -> None:
        """Move the Values' numbers into this store, after waiting for other threads that work on them.

        Raises RuntimeError if this thread is already working on some of them, as in a callback or a signal handler.
        """
        self.refuse_a_second_use()
        while not self.is_current:
            stores = {self, *self._owners()}
            for store in stores:
                store.refuse_a_second_use()
            self._take(sorted(stores, key=id), stores)  # always in the same order: no deadlock

    def refuse_a_second_use(self) -> None:
        if self.lock._is_owned():
            raise RuntimeError(
                "a step is under way on these parameters: a callback of run() or a signal handler may not take another "
                "step"
            )

    def _take(self, to_lock: Sequence[Store], stores: set[Store]) -> None:
        """Take the locks of all stores that hold the numbers, then move the numbers here."""
        if to_lock:
            with to_lock[0].lock:
                return self._take(to_lock[1:], stores)
        with _moving:
            if not self._owners() <= stores:  # another thread moved some first
                return None
            for place, value in enumerate(self.values):
                self.memory.view[place] = value.data
                if isinstance(value, Stored):
                    value._store.is_current = False
                value._cell, value._store = (self.memory.view, place), self
                if not isinstance(value, Stored):
                    value.__class__ = _stored_class(type(value))  # type: ignore[arg-type]
            self.is_current = True
            return None

    def _owners(self) -> set[Store]:
        return {value._store for value in self.values if isinstance(value, Stored)}


def store_of(values: Sequence[Value]) -> Store:
    """A store with exactly these Values in this order: their present one if it fits, or a new one."""
    store = getattr(values[0], "_store", None) if values else None
    if store is not None and store.is_current and store.values == list(values):
        return store
    return Store(values)
