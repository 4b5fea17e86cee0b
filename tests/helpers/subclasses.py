"""Subclasses of Value, of all kinds that people write."""

from __future__ import annotations

import abc
from typing import Generic, TypeVar

from micrograd import Value
from micrograd.node import UNREACHED


class Sub(Value):
    """A subclass with nothing of its own."""


class Slotted(Value):
    """A subclass with slots."""

    __slots__ = ("first", "second")


class Bare(Value):
    """A subclass that adds no place."""

    __slots__ = ()


class Mixin:
    """Another base."""

    def twice(self):
        return self + self


class Mixed(Mixin, Value):
    """A subclass of two."""


class MixedLast(Value, Mixin):
    """The same in the other order."""


class Holder(Generic[TypeVar("T")], Value):
    """A generic subclass."""


class Abstract(Value, abc.ABC):
    """A subclass whose class is of another class."""


class Named(Value):
    """A subclass with its own __init__."""

    def __init__(self, name, data=0.5):
        super().__init__(data, label=name)
        self.name = name


class Late(Value):
    """A subclass that sets something before its number."""

    def __init__(self, data):
        self.before = "set"
        Value.__init__(self, data, (), "late")


class Own(Value):
    """A subclass with its own __new__."""

    def __new__(cls, data, *more):
        self = super().__new__(cls)
        self.made_with = more
        return self

    def __init__(self, data, *more):
        super().__init__(data)


class Equal(Value):
    """A subclass that compares by its number."""

    def __eq__(self, other):
        return self.data == getattr(other, "data", other)

    def __hash__(self):
        return hash(self.data)


class Clipped(Value):
    """A subclass whose gradient is a property."""

    @property
    def grad(self):
        return self.__dict__.get("kept", UNREACHED)

    @grad.setter
    def grad(self, x):
        self.__dict__["kept"] = x if isinstance(x, Value) else max(-1.0, min(1.0, x))


class Doubled(Value):
    """A subclass whose number is a property."""

    @property
    def data(self):
        return 2.0 * Value.data.__get__(self)

    @data.setter
    def data(self, x):
        Value.data.__set__(self, x)


SUBCLASSES = [Sub, Slotted, Bare, Mixed, MixedLast, Holder, Abstract, Late, Own]
