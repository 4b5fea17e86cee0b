"""Give Value its copies: `copy.deepcopy(value)` and `pickle.dumps(value)`, of graphs of any depth.

    >>> import pickle
    >>> from micrograd import Value
    >>> total = Value(0.0)
    >>> for _ in range(10_000):
    ...     total = total + 1.0
    >>> pickle.loads(pickle.dumps(total))
    Value(data=10000.0, grad=0.0)

Both recurse from object to object, which fails in a deep graph. So a value first lists all values behind it, operands
before results: each is then copied after its operands, and what several values share stays shared.
"""

from __future__ import annotations

import copy
import copyreg
import functools
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from micrograd.engine import Value, order_beyond
from micrograd.node import UNREACHED

BY_NN = ("_call", "_position")


class _Current(threading.local):
    session: Any = None  # a weak reference to the last pickle's _Session, which that pickle keeps alive
    naming = 0  # how many values are listing what is behind them right now, one inside the other


_current = _Current()


def reduced(value: Value, protocol: Any = 4) -> tuple[Any, ...]:
    """`__reduce_ex__`, how a value is pickled: what is behind it first, unless another value is already listing it."""
    make, args, state = parts(value)
    kind: Any = type(value)
    if _has_own_state(kind):
        return make, args, state
    has_graphs = isinstance(value.grad, Value)
    if has_graphs:  # graphs of gradients lead back here, so they are set at the end
        state[1].pop("grad")
    if value._prev or has_graphs:
        session = _session()
        if not (_current.naming and value in session.nodes):
            session.was_asked = False
            state = (session, _Behind(value, session), *state)
    return make, args, state


def parts(value: Value) -> tuple[Any, ...]:
    """A function that makes the blank copy, its arguments, and the state to set."""
    kind: Any = getattr(value, "_plain", type(value))  # its own class, while native memory holds its number
    if kind.__reduce_ex__ is not reduced:
        return tuple(value.__reduce_ex__(4)[:3])
    state: Any = value.__getstate__()
    if kind is not type(value) and not _has_own_state(kind):
        state = {name: x for name, x in state[0].items() if name != "_cell"} or None, state[1]
    if value.grad is UNREACHED and not _has_own_state(kind):  # recognized by its identity, which a copy would lose
        state[1].pop("grad")
    return getattr(value, "_blank", copyreg.__newobj__), (kind,), state  # type: ignore[attr-defined]


@functools.cache
def _has_own_state(kind: Any) -> bool:
    """Whether a subclass itself defines what is copied."""
    return kind.__getstate__ is not object.__getstate__ or kind.__setstate__ is not set_state


def set_state(value: Any, state: Any) -> None:
    """`__setstate__`, the last step of copying and unpickling."""
    own, slots = (state, {}) if isinstance(state, dict) else state[-2:]
    value.grad = UNREACHED
    for name, x in (own or {}).items():
        if name in BY_NN:
            setattr(value, name, x)  # in C a node has a place for it
        else:
            value.__dict__[name] = x
    for name, x in slots.items():
        setattr(value, name, x)


def copied(value: Any, memo: dict[Any, Any] | None) -> Value:
    """A copy with everything behind it where `memo` is copy.deepcopy's; of this value alone where it is None."""
    if memo is None:
        make, args, state = parts(value)
        twin: Any = make(*args)
        twin.__setstate__(state)
        return twin
    blanks = []
    for node in everything_behind(value, memo.setdefault(__name__, set())):
        if id(node) not in memo:
            make, args, state = parts(node)
            memo[id(node)] = twin = make(*args)
            blanks.append((twin, state))
    for twin, state in blanks:
        if isinstance(state, tuple):
            own, slots = state
            state = copy.deepcopy(own, memo), {name: _copied_slot(name, x, memo) for name, x in slots.items()}
        else:
            state = copy.deepcopy(state, memo)
        twin.__setstate__(state)
    return memo[id(value)]


def _copied_slot(name: str, x: Any, memo: dict[Any, Any]) -> Any:
    if name == "_prev":
        return tuple([memo[id(operand)] for operand in x])
    if name == "_local" and x.__class__ is tuple:
        return x  # floats
    return copy.deepcopy(x, memo)


def everything_behind(value: Value, seen: set[Value]) -> list[Value]:
    """The values behind this one that are not in `seen`, operands first, graphs of gradients included."""
    found = new = order_beyond(value, seen)
    while new:
        new = [x for node in new if isinstance(node.grad, Value) for x in order_beyond(node.grad, seen)]
        found = found + new
    return found


class _Session:
    """The values that one pickle has listed. Pickling this again shows whether the pickle is still the same one."""

    def __init__(self) -> None:
        self.nodes: set[Value] = set()
        self.was_asked = False

    def __reduce__(self) -> Any:
        self.was_asked = True  # a pickle that already holds this object does not call it again
        return _nothing, ()


def _session() -> _Session:
    return (_current.session and _current.session()) or _new_session()


def _new_session() -> _Session:
    session = _Session()
    _current.session = weakref.ref(session)
    return session


class _Behind:
    """Pickles the values behind one value, one by one."""

    def __init__(self, value: Value, session: _Session):
        self.value, self.session = value, session

    def __reduce__(self) -> Any:
        if self.session.was_asked and self.session.nodes:  # they were listed in another pickle
            self.session = _new_session()
        return _Named, (), None, self._name()

    def _name(self) -> Iterator[Any]:
        yield self.session
        _current.naming += 1
        try:
            nodes = everything_behind(self.value, self.session.nodes)
            yield from nodes
            for node in nodes:
                if isinstance(node.grad, Value):
                    yield node, node.grad
        finally:
            _current.naming -= 1


class _Named:
    """What `_Behind` unpickles to: only gradients are left to set."""

    def append(self, item: Any) -> None:
        if isinstance(item, tuple):
            node, node.grad = item

    def extend(self, items: Any) -> None:
        for item in items:
            self.append(item)


def _nothing() -> None:
    return None


for _method, _function in {
    "__reduce_ex__": reduced,
    "__setstate__": set_state,
    "__deepcopy__": copied,
    "__copy__": lambda value: copied(value, None),
}.items():
    setattr(Value, _method, _function)
