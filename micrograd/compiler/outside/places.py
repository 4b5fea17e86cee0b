"""Places that a function reads: attributes, items, variables. Look at one, compare it, set it back.

    >>> from micrograd.compiler.outside.places import ABSENT, look
    >>> class Model:
    ...     temperature = 2.0
    >>> look("attr", Model(), "temperature"), look("item", {"a": 1}, "b") is ABSENT
    (2.0, True)

Looking does not run the user's code: a property is not called, because its code is watched when it runs.
"""

from __future__ import annotations

import operator
import threading
import types
from array import array
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from itertools import repeat
from typing import Any

from micrograd.changes import CountedList
from micrograd.coerce import is_array, is_bool
from micrograd.compiler.outside.generators import state_of
from micrograd.node import Node

Within = frozenset[int]  # the ids of the containers that contain the one that is looked at
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "nothing"})()  # a place that does not exist (yet)
LARGEST = 10_000  # the most items of a list that is compared item by item
LARGEST_ARRAY = 1_000_000
_DICTS = (dict, types.MappingProxyType, UserDict, ChainMap)
_BUILT_IN = (list, dict, set, deque, array, types.MappingProxyType)
_OF_THE_LIBRARY = (tuple, UserDict, UserList, ChainMap)  # not their subclasses, whose methods may run the user's code


class Read:
    """A place outside the function, and what it held when the function first read it.

    `name` is the place in the function's code, `line` the line that read it. `now()` gives what it holds now.
    """

    __slots__ = ("by", "container", "content", "kind", "line", "name", "value")
    by: Any
    container: Any
    kind: str
    line: str
    name: str
    value: Any

    def __init__(self, kind: str, container: Any, by: Any, value: Any, name: str, line: str, *, whole: bool):
        self.kind, self.container, self.by, self.value, self.name, self.line = kind, container, by, value, name, line
        self.content: Any | None = content_of(value) if whole else None  # what a list, dict or array held

    @property
    def key(self) -> Any:
        return self.kind, id(self.container), self.by

    def now(self) -> Any:
        return look(self.kind, self.container, self.by)

    @property
    def is_number(self) -> bool:
        return is_number(self.value) or (self.content is not None and _has_numbers(self.value))

    def holds(self) -> bool:
        """Whether the place holds what it held: the same object, or an equal number."""
        now = self.now()
        if now is not self.value and not is_equal(now, self.value):
            return False
        return self.content is None or content_of(now) == self.content

    def same_as(self, other: Read) -> bool:
        """Whether two runs found the same in this place."""
        same = self.value is other.value or is_equal(self.value, other.value)
        return same and self.content == other.content


def _has_numbers(x: Any, within: Within = frozenset()) -> bool:
    """Whether a container holds a number, at any depth."""
    if isinstance(x, CountedList) or not is_container(x):
        return is_number(x)
    if id(x) in within:
        return False
    return (is_array(x) and x.dtype.kind in "biuf") or any(map(_has_numbers, items_of(x), repeat(within | {id(x)})))


def is_number(x: Any) -> bool:
    """Whether x is a number or a bool, Python's or NumPy's."""
    if isinstance(x, (int, float)) or is_bool(x):
        return True
    return type(x).__module__ == "numpy" and getattr(x, "ndim", 1) == 0


def look(kind: str, container: Any, by: Any) -> Any:
    """What a place holds, found without running the container's code; MISSING if that is not possible."""
    if kind == "parameters":
        return tuple(container.parameters())
    if kind == "cell":
        try:
            return container.cell_contents
        except ValueError:
            return MISSING
    if kind == "item":
        try:
            return container[by]
        except LookupError:
            return ABSENT
        except TypeError:
            return MISSING
    if isinstance(container, types.ModuleType):
        return vars(container).get(by, MISSING if "__getattr__" in vars(container) else ABSENT)
    if by == "__class__":
        return type(container)
    if isinstance(container, threading.local):
        return getattr(container, by, ABSENT)
    own = MISSING
    for each in container.__mro__ if isinstance(container, type) else type(container).__mro__:
        if by in vars(each):
            own = vars(each)[by]
            break
    is_node = isinstance(container, Node)
    if is_node and by == "data" and container._memory is not None:
        return MISSING  # a trained parameter's number: a symbol stands for it
    if isinstance(own, types.MemberDescriptorType) or (is_node and isinstance(own, types.GetSetDescriptorType)):
        try:
            return own.__get__(container) if not isinstance(container, type) else MISSING
        except AttributeError:
            return MISSING
    if isinstance(own, property):
        return MISSING  # its code is watched when it runs
    inside = attributes_of(container) if not isinstance(container, type) else None
    if isinstance(inside, dict) and by in inside:
        return inside[by]
    if isinstance(own, types.FunctionType) and not isinstance(container, type):
        return types.MethodType(own, container)
    if own is not MISSING and hasattr(type(own), "__get__") and not isinstance(own, types.FunctionType):
        bound = isinstance(own, (types.MethodDescriptorType, types.BuiltinFunctionType, types.BuiltinMethodType))
        return getattr(container, by, MISSING) if bound or state_of(container) is not None else MISSING
    if own is MISSING and not isinstance(container, type) and not hasattr(type(container), "__getattr__"):
        return ABSENT if isinstance(inside, dict) else MISSING
    return own


def attributes_of(x: Any) -> Any:
    """An object's own attributes by name, or None. Its `__getattr__` is not called: it may raise anything."""
    try:
        return object.__getattribute__(x, "__dict__")
    except AttributeError:
        return None


def owner_of(x: Any, name: str) -> Any:
    """The user's class that defines an object's attribute; None if the object itself or a library has it."""
    if isinstance(x, (type, types.ModuleType)) or name in (attributes_of(x) or ()):
        return None
    for each in type(x).__mro__:
        if name in vars(each):
            return (
                None if each.__module__ in ("builtins", "numpy") or each.__module__.startswith("micrograd.") else each
            )
    return None


def set_back(kind: str, container: Any, by: Any, value: Any) -> None:
    value = MISSING if value is ABSENT else value
    if kind == "cell":
        if value is MISSING:
            del container.cell_contents
        else:
            container.cell_contents = value
    elif kind == "item":
        if value is MISSING:
            container.pop(by, None)
        else:
            container[by] = value
    elif value is MISSING:
        delattr(container, by)
    else:
        setattr(container, by, value)


def is_container(x: Any) -> bool:
    """Whether x holds items, which may change while x stays the same object. A tuple's items may change inside."""
    return type(x) in _OF_THE_LIBRARY or isinstance(x, _BUILT_IN) or is_array(x)


def content_of(x: Any, within: Within = frozenset()) -> Any:
    """What a container holds, nested containers included, to compare with later; None for anything else.

    Numbers are compared by type and bits, Values and other objects by identity, so two contents are equal only if no
    function could tell them apart. For more than LARGEST items, the result is None. The lists in nets of this package
    count their changes, and the count is their content. A container `within` itself is compared by identity there.
    """
    if isinstance(x, CountedList):
        return x.version
    if id(x) in within:
        return None
    within = within | {id(x)}
    if type(x) is list:  # as the weights of a net are kept in a script: looked at before each call, so quickly
        return (list, _items(x[:], within)) if len(x) <= LARGEST else None
    if is_array(x):
        if x.size > (LARGEST if x.dtype == object else LARGEST_ARRAY):
            return None
        return x.shape, x.dtype.str, _items(list(x.flat), within) if x.dtype == object else x.tobytes()
    if not is_container(x) or _length(x) > LARGEST:
        return None
    if type(x) is tuple and not any(map(is_container, x)):
        return None  # nothing in it can change
    if isinstance(x, _DICTS):
        return type(x), *map(_items, _keys_and_values(x), repeat(within))
    items = items_of(x)
    return type(x), set(map(exactly, items, repeat(within))) if isinstance(x, set) else _items(items, within)


def _items(items: list[Any], within: Within) -> Any:
    kinds = set(map(type, items))
    if kinds == {float}:
        return array("d", items).tobytes()
    if len(kinds) == 1 and issubclass(next(iter(kinds)), Node):
        return _SameItems(items)
    return items if kinds <= {int, str} and len(kinds) == 1 else list(map(exactly, items, repeat(within)))


def items_of(x: Any) -> list[Any]:
    """The items in a container; an empty list for anything else."""
    if is_array(x):
        return list(x.flat) if x.dtype == object else []
    if isinstance(x, _DICTS):
        return _keys_and_values(x)[1] if is_container(x) else []
    kind: Any
    for kind in (list, set):
        if isinstance(x, kind):
            return list(kind.__iter__(x))
    return list(x) if is_container(x) else []


def _keys_and_values(x: Any) -> tuple[list[Any], list[Any]]:
    """Read a subclass of dict as a dict: its own methods may have side effects (matplotlib's settings import it)."""
    if isinstance(x, dict) and type(x) is not OrderedDict:
        return list(dict.keys(x)), list(dict.values(x))
    return list(x), list(x.values())


def _length(x: Any) -> int:
    kind: Any
    for kind in (dict, list, set):
        if isinstance(x, kind):
            return int(kind.__len__(x))
    return len(x)


def exactly(x: Any, within: Within = frozenset()) -> Any:
    """A key that is equal only if no function could tell the two apart: it differs for 1 and True, 0.0 and -0.0."""
    if type(x) is not list:
        if isinstance(x, float):
            return type(x), x.hex()
        if type(x) is tuple:
            return tuple(map(exactly, x, repeat(within)))
        if isinstance(x, (int, str, bytes)) or is_number(x):
            return type(x), x
    content = content_of(x, within)
    return _Same(x) if content is None else (_Same(x), content)


class _Same:
    """Holds an object and compares by its identity."""

    __slots__ = ("x",)

    def __init__(self, x: Any):
        self.x = x

    def __hash__(self) -> int:
        return id(self.x)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Same) and other.x is self.x


class _SameItems:
    """The same for a list of Values, whose numbers are read again at each call. It takes no call for each."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]):
        self.items = items

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, _SameItems) or len(other.items) != len(self.items):
            return False
        return all(map(operator.is_, self.items, other.items))

    __hash__ = None  # type: ignore[assignment]


def is_equal(x: Any, y: Any) -> bool:
    """Whether two numbers or strings, or tuples of them, are equal and no function could tell them apart."""
    plain = is_number(x) or isinstance(x, (str, tuple, bytes, types.MethodType))
    if type(x) is not type(y) or not plain:
        return False
    return x == y if isinstance(x, types.MethodType) else exactly(x) == exactly(y)
