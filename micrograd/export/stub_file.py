"""Write what type checkers and editors know of the table: `python -m micrograd.export.stub_file` writes ops.pyi.

    >>> from micrograd.export.stub_file import function_of
    >>> from micrograd.table import TABLE
    >>> print(function_of(TABLE["leaky_relu"]).rstrip())
    @overload
    def leaky_relu(x: Value, /, *, slope: Scalar = 0.01) -> Value: ...
    @overload
    def leaky_relu(x: Array, /, *, slope: Scalar = 0.01) -> NDArray[Any]: ...
    @overload
    def leaky_relu(x: Scalar, /, *, slope: Scalar = 0.01) -> float:
        \"\"\"x above 0, slope * x below (Maas, Hannun and Ng 2013).\"\"\"

Each row is a function and, as Value has it, a method and an operator. Of plain numbers an operation gives a float; with
a Value among its operands, a Value; with an array, an array.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import micrograd.operators  # which gives Value its methods
from micrograd.engine import Value
from micrograd.files import write_whole
from micrograd.table import TABLE, Op

HEAD = '''\
"""The operations of the table in ops.py, as type checkers and editors know them.

Written by `python -m micrograd.export.stub_file`. Do not edit: change ops.py, and run that again.
"""

from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

from numpy.typing import NDArray

from micrograd.engine import Value
from micrograd.kinds import Array, Scalar

'''
OPERATIONS = '''\
class Operations:
    """The operations of the table as methods and operators of Value."""

'''
OPERATORS = {"__pow__": "pow"}  # what operators.py gives Value besides the rows that name their operator
ONE, SEVERAL = "Any", "Sequence[Any]"  # how `prepare` annotates an operand, and a sequence of operands


class Kind(NamedTuple):
    """What an operation gives, and the operands that make it so."""

    result: str
    operand: str  # the operand that decides
    beside: str  # any operand beside it
    several: str  # a sequence of operands


FLOAT = Kind("float", "Scalar", "Scalar", "Sequence[Scalar]")
VALUE = Kind("Value", "Value", "Value | Scalar", "Sequence[Value | Scalar]")
ARRAY = Kind("NDArray[Any]", "Array", "Array | Value | Scalar", "Array")
AMONG = [  # one number of a sequence: of Values, of plain numbers, of both, or of an array
    VALUE._replace(several="Sequence[Value]"),
    FLOAT,
    VALUE._replace(result="Value | Any"),
    ARRAY._replace(result="Any"),
]


def stub_text() -> str:
    """The text of ops.pyi."""
    rows = [entry for entry in TABLE.values() if entry.built_in]
    methods = [method_of(entry) for entry in rows if hasattr(Value, entry.name)]
    operators = {entry.method: entry for entry in rows if entry.method} | {m: TABLE[n] for m, n in OPERATORS.items()}
    members = [*methods, *(operator_of(name, entry) for name, entry in operators.items())]
    indented = "".join(f"    {line}\n" if line else "\n" for text in members for line in text.split("\n"))
    return HEAD + "".join(f"{function_of(entry)}\n" for entry in rows) + OPERATIONS + indented.rstrip("\n") + "\n"


def function_of(entry: Op) -> str:
    """The function of a row, which users call."""
    operands = _operands(entry)
    found: list[tuple[str, list[str]]] = []
    if SEVERAL in operands.values():
        for kind in AMONG:
            found.append((kind.result, [_typed(kind.beside, kind.several, x) for x in operands.values()]))
    else:
        for kind in (VALUE, ARRAY):
            for decides in range(len(operands)):
                types = [kind.operand if i == decides else kind.beside for i in range(len(operands))]
                found.append((kind.result, types))
        found.append((FLOAT.result, [FLOAT.operand] * len(operands)))
    written = [([f"{name}: {kind}" for name, kind in zip(operands, types)], result) for result, types in found]
    return _overloads(entry.name, [(_parameters(entry, names), result) for names, result in written], _doc(entry))


def method_of(entry: Op) -> str:
    """The method of Value: the first operand is the Value itself."""
    return _method(entry.name, entry, list(_operands(entry))[1:])


def operator_of(name: str, entry: Op) -> str:
    """The operator of Value; with two operands, also the one for a Value on the right."""
    left, *right = _operands(entry)
    if not right:
        return _method(name, entry, [])
    reflected = _method(name.replace("__", "__r", 1), entry, [left], FLOAT)
    return _method(name, entry, right) + "\n" + reflected


def _method(name: str, entry: Op, others: Sequence[str], kind: Kind = VALUE) -> str:
    """A Value, with `others` of one kind or an array."""
    found = [(_parameters(entry, ["self", *(f"{x}: {kind.beside}" for x in others)]), "Value")]
    if others:
        arrays = ARRAY.operand if len(others) == 1 else ARRAY.beside
        found.append((_parameters(entry, ["self", *(f"{x}: {arrays}" for x in others)]), ARRAY.result))
    return _overloads(name, found, _doc(entry))


def _operands(entry: Op) -> dict[str, str]:
    """The operands by name as users give them, each with `ONE`, `SEVERAL` or a type of its own."""
    if not entry.prepare:
        return dict.fromkeys(entry.operands, ONE)
    return {p.name: str(p.annotation) for p in inspect.signature(entry.prepare).parameters.values()}


def _typed(one: str, several: str, given: str) -> str:
    return {ONE: one, SEVERAL: several}.get(given, given)


def _parameters(entry: Op, operands: Sequence[str]) -> str:
    """What stands between the brackets: operands by position, settings by name."""
    defaults = entry.defaults
    settings = [f"{name}: Scalar" + (f" = {defaults[name]}" if name in defaults else "") for name in entry.settings]
    plain, starred = [x for x in operands if x[0] != "*"], [x for x in operands if x[0] == "*"]
    marks = ["/"] * (plain not in ([], ["self"])) + (starred or ["*"] * bool(settings))
    return ", ".join([*plain, *marks, *settings])


def _overloads(name: str, found: Sequence[tuple[str, str]], doc: str) -> str:
    """The overloads of one name; the last has the docstring."""
    mark = "@overload\n" if len(found) > 1 else ""
    heads = [f"{mark}def {name}({parameters}) -> {result}:" for parameters, result in found]
    return "\n".join([*(f"{head} ..." for head in heads[:-1]), f"{heads[-1]}\n{doc}\n"])


def _doc(entry: Op) -> str:
    lines = (inspect.getdoc(entry.rule) or "").split("\n")
    if len(lines) > 1:
        lines.append("")
    text = "\n    ".join(lines).replace("\n    \n", "\n\n")
    return f'    """{text}"""'


if __name__ == "__main__":
    write_whole(Path(micrograd.operators.__file__).with_name("ops.pyi"), stub_text().encode())
