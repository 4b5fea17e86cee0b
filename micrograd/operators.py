"""Give Value its operators and methods: `x + y`, `2 * x`, `x ** 3`, `x.tanh()`, one for each row of the table.

A number, an array or anything else may be on the other side of an operator: `infix` decides what happens.
"""

from __future__ import annotations

import numbers
from typing import Any

from micrograd import in_c, modes
from micrograd.c_core import native
from micrograd.coerce import as_float, holds_one, is_array, is_bool
from micrograd.engine import Value, constant, record
from micrograd.number import number_at, number_for, number_of, recorded_number
from micrograd.table import FLOAT, TABLE, Op, on_new_op
from micrograd.words import shown


def record_checked(entry: Op, operands: tuple[Value, ...], reading: tuple[Any, ...]) -> Value:
    """`record` for rules that may give numbers other than Python's floats, as users' rules may."""
    node = record(entry, operands, reading)
    if node.data.__class__ is not float:
        node.data = number_at(node)
    if node._local.__class__ is tuple and any(x.__class__ is not float for x in node._local):
        node._local = tuple([number_of(x, f"a derivative of {entry.name}") for x in node._local])
    return node


def apply(entry: Op, operands: tuple[Any, ...], static: dict[str, Any]) -> Value:
    """What a function of the table, such as `micrograd.tanh`, calls when an operand is a Value."""
    values = tuple([x if isinstance(x, Value) else constant(x, f"{entry.name}()") for x in operands])
    numbers = [x.data if x.data.__class__ is float else number_at(x) for x in values]
    make = record if entry.built_in else record_checked
    return make(entry.bind(**static), values, (FLOAT, *numbers))


Value._apply_op = staticmethod(apply)


def infix(entry: Op, left: Any, right: Any, foreign: Any) -> Any:
    """Apply an operator; one side, `foreign`, may be a plain number, an array or anything else.

    Python's own types that are not numbers are refused with advice; any other class may handle the operator itself.
    """
    if not isinstance(foreign, Value):
        if is_array(foreign):
            return entry(left, right)
        where = f"Value {entry.symbol} {type(foreign).__name__}"
        own = type(foreign).__module__ == "builtins" or is_bool(foreign)
        if not own and not isinstance(foreign, numbers.Real) and not (holds_one(foreign) and foreign.shape == ()):
            if hasattr(foreign, "numel"):  # a tensor's own error would not say what to write
                raise TypeError(f"{where}: {shown(foreign)} holds several numbers; write tensor.numpy()")
            return NotImplemented
        if foreign is left:
            left = constant(left, where)
        else:
            right = constant(right, where)
    if modes.active and modes.state.recorder:
        return modes.state.recorder.record(entry, (left, right))
    x, y = left.data, right.data
    if not x.__class__ is y.__class__ is float:
        x, y = number_at(left), number_at(right)
    return record(entry, (left, right), (FLOAT, x, y))


def _pow(self: Value, exponent: Any, modulus: None = None) -> Any:
    if modulus is not None:
        return NotImplemented
    kind = exponent.__class__
    if kind is not int and kind is not float:
        if is_bool(exponent):
            exponent = int(exponent)
        elif isinstance(exponent, numbers.Real):
            exponent = as_float(exponent, "Value **")
        else:
            return infix(TABLE["pow"], self, exponent, exponent)
    x = self.data
    return record(_with_exponent(exponent), (self,), (FLOAT, x if x.__class__ is float else number_at(self)))


def _rpow(self: Value, base: Any) -> Any:
    return infix(TABLE["pow"], base, self, base)


def _with_exponent(exponent: Any) -> Op:
    return TABLE["power"].bind(exponent=exponent)


NOT_GIVEN: Any = object()


def given(x: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    """All operands of a call, for the operation to say that they are too few or too many."""
    return more if x is NOT_GIVEN else (x, *more)


def _install(entry: Op) -> None:
    """Give Value the method `x.tanh()` of a new row of the table, and its operator if it has one."""
    existing = getattr(Value, entry.name, None)
    if existing is not None and not hasattr(existing, "op"):
        raise ValueError(f"Value already has an attribute {entry.name!r}: choose another name for the operation")
    if entry.method and not entry.built_in:
        raise ValueError(f"the operator {entry.method} is one of micrograd's own: leave out method=")

    make = record if entry.built_in else record_checked

    def unary(x: Any = NOT_GIVEN, *more: Any, **static: Any) -> Any:
        if x.__class__ is not Value or more or static:
            return entry(*given(x, more), **static)
        number = x.data
        return make(entry, (x,), (FLOAT, number if number.__class__ is float else number_at(x)))

    def binary(x: Any = NOT_GIVEN, *more: Any, **static: Any) -> Any:
        if x.__class__ is Value and len(more) == 1 and more[0].__class__ is Value and not static:
            left, right = x.data, more[0].data
            if left.__class__ is right.__class__ is float:
                return make(entry, (x, *more), (FLOAT, left, right))
        return entry(*given(x, more), **static)

    def between(self: Value, other: Any) -> Any:
        if other.__class__ is Value:
            x, y = self.data, other.data
            if x.__class__ is y.__class__ is float:
                return record(entry, (self, other), (FLOAT, x, y))
        return infix(entry, self, other, other)

    def reflected(self: Value, other: Any) -> Any:
        return infix(entry, other, self, other)

    def either(left: Any, right: Any) -> Any:
        return infix(entry, left, right, right if isinstance(left, Value) else left)

    if not entry.prepare and not entry.settings and len(entry.operands) <= 2 and entry.operands[0][0] != "*":
        object.__setattr__(entry, "road", unary if len(entry.operands) == 1 else binary)
    if not entry.prepare:  # take(values, index) and its like are functions only
        setattr(Value, entry.name, entry.function if native or not entry.road else _named(entry))
    is_prefix = len(entry.operands) == 1
    if native and entry.name in native.rows:
        in_c.give(entry, unary if is_prefix else either)
    elif entry.method:
        setattr(Value, entry.method, unary if is_prefix else between)
        if not is_prefix:
            setattr(Value, entry.method.replace("__", "__r", 1), reflected)


def _named(entry: Op) -> Any:
    """The road of a row as a method: a function of its name."""
    method: Any = entry.road
    method.__name__, method.__qualname__, method.__doc__ = entry.name, f"Value.{entry.name}", entry.rule.__doc__
    method.__signature__, method.op = entry.function.__signature__, entry
    return method


if native:
    native.bind(
        Value=Value,
        number_for=number_for,
        recorded_number=recorded_number,
        power=lambda left, right: _pow(left, right) if isinstance(left, Value) else _rpow(right, left),
        bind_power=_with_exponent,
    )
else:
    for _name, _method in (("__pow__", _pow), ("__rpow__", _rpow)):
        setattr(Value, _name, _method)
on_new_op(_install)
