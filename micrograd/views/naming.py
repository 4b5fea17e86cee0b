"""What the values of a graph are called, told one after the other: `Naming(order, names).name_of(value, number)`.

>>> from micrograd import Value
>>> from micrograd.engine import topological_order
>>> from micrograd.views.naming import Naming
>>> x, y = Value(2.0), Value(-4.0, label="y")
>>> order = topological_order(x * 3.0 + y)
>>> naming = Naming(order, {"x": x})
>>> [naming.name_of(value, value.data)[0] for value in order]
['x', '3', 'v1', 'y', 'v2']

A label comes first, then a name that leads to the Value, then its place in a layer; all others are numbered. A second
value of the same name gets a number too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from micrograd.engine import Value
from micrograd.foreign.adopt import names_in
from micrograd.nn import Module, named_values
from micrograd.table import CONSTANT
from micrograd.views.groups import Groups
from micrograd.words import short


class Naming:
    """The names of values in topological `order`. `names` is as for `snapshot`, `index` as for `Groups`."""

    def __init__(self, order: list[Value], names: Any, index: dict[Value, int] | None = None):
        found, self._parameters = _found_names(names_in(names, order))
        self.groups: Groups = Groups(order, index, found)
        self._found, self._paths = found, self.groups.parameter_names
        self._given = {str(value.label) for value in order if value.label} | set(found.values())
        self._taken: set[str] = set()
        self._unnamed = 0

    def is_parameter(self, value: Value) -> bool:
        return id(value) in self._parameters or id(value) in self._paths

    def name_of(self, value: Value, number: float) -> tuple[str, bool]:
        """The name, and whether the user gave it. To be asked for each value of the order, once, in its turn."""
        given = value.label or self._found.get(id(value)) or self._paths.get(id(value), "")
        if value._operation is CONSTANT and not value._prev:
            return short(number), bool(given)
        if given:
            return self._unique(str(given)), True
        return f"v{self._count()}", False

    def pass_over(self, value: Value) -> None:
        """Count a value whose name nobody wants: in place of `name_of`, and several times faster."""
        if value._operation is CONSTANT and not value._prev:
            return
        if value.label or self._found or self._paths:
            self.name_of(value, 0.0)
        else:
            self._count()

    def _count(self) -> int:
        self._unnamed += 1
        while self._given and f"v{self._unnamed}" in self._given:
            self._unnamed += 1
        return self._unnamed

    def _unique(self, name: str) -> str:
        if not name.isprintable():
            name = "".join(c if c.isprintable() else " " for c in name)
        candidate, count = name, 1
        while candidate in self._taken:
            count += 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate


def _found_names(names: Any) -> tuple[dict[int, str], set[int]]:
    """The name for each Value (by identity) that `names` leads to, and which of them are modules' parameters."""
    if names is None:
        return {}, set()
    if isinstance(names, Module):
        names = {"": names}
    if not isinstance(names, Mapping):
        raise TypeError(f"names must be a module or a mapping such as vars(), not {names!r}")
    found: dict[int, str] = {}
    parameters: set[int] = set()
    # In IPython, vars() also holds the history, under these names.
    things = [
        (str(name), x) for name, x in names.items() if not str(name).startswith("_") and name not in ("In", "Out")
    ]
    for name, x in sorted(things, key=lambda item: not isinstance(item[1], Value)):  # a variable's own name comes first
        for path, value in named_values(x, name, set()):
            found.setdefault(id(value), path)
        if isinstance(x, Module):
            parameters.update(id(p) for p in x.parameters())
    return found, parameters
