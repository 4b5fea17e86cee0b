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
before or after a step, and reading a parameter always gives its present number. When a store is gone, its numbers are
in their Values again.

In C a Value points at its number, wherever that is. In Python a Value's class says where its number is, so there it
becomes a `Stored`, a subclass with the same name.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from micrograd import modes
from micrograd.c_core import native
from micrograd.compiler.native.memory import Memory
from micrograd.engine import Value
from micrograd.locks import held_over_forks, new_in_child
from micrograd.number import number_at, number_for, recorded_number

_moving = held_over_forks()
_stores: weakref.WeakValueDictionary[int, Store] = weakref.WeakValueDictionary()  # by the id of the array's view


class Stored(Value):
    """In the Python core, a Value whose `data` lives in a store. Copies and pickles are plain Values.

    While a function is recorded, `data` is a symbol that stands for its number at each step.
    """

    __slots__ = ()
    _cell: tuple[Any, int]  # the store's memory, and the place in it

    @property
    def data(self) -> Any:
        view, place = self._cell
        return recorded_number(self, view[place]) if modes.active else view[place]

    @data.setter
    def data(self, number: Any) -> None:
        view, place = self._cell
        view[place] = number if number.__class__ is float else number_for(number, self, "data")

    @property
    def _memory(self) -> Any:
        return self._cell[0]


def _blank(plain: type) -> Any:
    """What a pickle of a parameter calls first: it is a plain Value."""
    return object.__new__(plain)


@functools.cache
def _stored_class(plain: Any) -> Any:
    """The class of a stored Value: a subclass of its own class, with the same name."""
    own = {"__slots__": (), "_plain": plain, "_blank": staticmethod(_blank)}  # which copies.py reads
    return type(plain.__name__, (Stored,) if plain is Value else (Stored, plain), own)


def _keep_in(value: Any, view: Any, place: int) -> None:
    """Move a Value's number to `view[place]`."""
    number = value.data = number_at(value)
    if native:
        native.keep_in(value, view, place)
        return
    view[place], value._cell = number, (view, place)
    if not isinstance(value, Stored):
        kind: Any = type(value)
        value.__class__ = _stored_class(kind)


def _bring_home(value: Any, view: Any) -> None:
    """Move a Value's number back into the Value, if it is in this array."""
    if native:
        native.bring_home(value, view)
    elif value._memory is view:
        _, place = value._cell  # not value.data: the collector may free a store while a function is recorded
        value.__class__ = type(value)._plain
        value.data = view[place]
        del value._cell


def _store_holding(value: Value) -> Store | None:
    return _stores.get(id(value._memory))


class Store:
    """The numbers of some Values in one array. It `is_current` until another store takes over one of the Values.

    A thread calls `ready()`, then works inside `with store.lock:`. Only one thread at a time can work on a store, or on
    stores that share Values.
    """

    is_current: bool

    def __init__(self, values: Sequence[Value]):
        self.values: list[Any] = []
        self.memory: Memory = Memory(-(-len(values) // 8) * 8)  # whole vectors
        self.values += values
        self.is_current = False
        _stores[id(self.memory.view)] = self
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
                if (before := _store_holding(value)) is not None:
                    before.is_current = False
                _keep_in(value, self.memory.view, place)
            self.is_current = True
            return None

    def _owners(self) -> set[Store]:
        return {store for value in self.values if (store := _store_holding(value)) is not None}

    def __del__(self) -> None:
        for value in self.values:
            _bring_home(value, self.memory.view)


def store_of(values: Sequence[Value]) -> Store:
    """A store with exactly these Values in this order: their present one if it fits, or a new one."""
    store = _store_holding(values[0]) if values else None
    if store is not None and store.is_current and store.values == list(values):
        return store
    return Store(values)
