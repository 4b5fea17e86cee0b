"""Count the changes of models and optimizers, so that compiled code need not look at each part before each call.

>>> from micrograd.changes import CountedList, changes
>>> before, layers = changes.count, CountedList(["first"])
>>> layers.append("second")
>>> layers, changes.count - before
(['first', 'second'], 1)
"""

from __future__ import annotations

from typing import Any


class _Changes:
    """How often an attribute of a module, a setting of an optimizer, or a list in either was changed."""

    count = 0


changes: _Changes = _Changes()


class CountedList(list[Any]):
    """A list that counts its changes: the layers and weights of a net, the parameters of an optimizer."""

    version = 0  # how often this list was changed

    def __reduce__(self) -> Any:
        return CountedList, (list(self),)


def _counted(name: str) -> Any:
    change = getattr(list, name)

    def method(self: CountedList, *args: Any, **options: Any) -> Any:
        result = change(self, *args, **options)
        self.version += 1
        changes.count += 1  # after the change: a thread that reads in between knows the old count, and looks again
        return result

    method.__name__, method.__doc__ = name, change.__doc__
    return method


for _name in "append extend insert remove pop clear sort reverse __setitem__ __delitem__ __iadd__ __imul__".split():
    setattr(CountedList, _name, _counted(_name))
