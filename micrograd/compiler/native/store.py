"""Keep parameters' numbers side by side in memory, where native code reads and writes them.

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

The Values stay the same objects, in models and optimizers; only their `data` has another home. So nothing is copied
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

    To a function that is being recorded, `data` is what it will be at each step, and not what it is now.
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
    """The names of what a class keeps in slots, as its instances know them."""
    return [name for name, x in vars(kind).items() if isinstance(x, types.MemberDescriptorType)]


def _blank(plain: type) -> Any:
    return object.__new__(plain)


@functools.cache
def _stored_class(plain: Any) -> Any:
    """The class of a stored Value: named as its own class is, and with all that it has."""
    return type(plain.__name__, (Stored,) if plain is Value else (Stored, plain), {"__slots__": (), "_plain": plain})


class Store:
    """The numbers of some Values in one array. `is_current` until another store takes one of them over.

    One thread at a time works on it, inside `with store.lock:`, after `ready()`; stores that have Values in common
    exclude each other as well.
    """

    def __init__(self, values: Sequence[Value]):
        self.values: list[Any] = list(values)
        self.memory = Memory(-(-len(self.values) // 8) * 8)  # whole vectors
        self.is_current = False
        # Python's own, taken by `with` alone: Ctrl-C can come between any two steps of code of ours.
        self.lock: Any = threading.RLock()
        new_in_child(self, "lock")
        self.ready()

    def ready(self) -> None:
        """Make this the home of its Values' numbers; other threads' work on them is waited for.

        Raises RuntimeError where this thread works on some of them already, as a callback or a signal handler would.
        """
        self.refuse_a_second_use()
        while not self.is_current:
            stores = {self, *self._owners()}
            for store in stores:
                store.refuse_a_second_use()
            self._take(sorted(stores, key=id), stores)  # in one order, so that no two threads wait for each other

    def refuse_a_second_use(self) -> None:
        if self.lock._is_owned():
            raise RuntimeError(
                "a step is under way on these parameters: neither a callback of run() nor a signal handler may take "
                "another"
            )

    def _take(self, to_lock: Sequence[Store], stores: set[Store]) -> None:
        """Move the numbers here from wherever they are, with the locks of all stores that are concerned."""
        if to_lock:
            with to_lock[0].lock:
                return self._take(to_lock[1:], stores)
        with _moving:
            if not self._owners() <= stores:  # another thread was sooner
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
    """The store in which exactly these Values are in this order: the one they are in, or a new one."""
    store = getattr(values[0], "_store", None) if values else None
    if store is not None and store.is_current and store.values == list(values):
        return store
    return Store(values)
