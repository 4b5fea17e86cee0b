"""Find where a function's code reads names, attributes and items, and where it sets them: `places_in(code)`.

    >>> from micrograd.compiler.outside.bytecode import places_in
    >>> def f(x):
    ...     return x * model.temperature + limits["low"]
    >>> [said(place.expression) for place in places_in(f.__code__).values()]
    ['model', 'model.temperature', 'limits', "limits['low']"]

A place is identified by its instruction's offset. Its expression says how to reach it: from a local name, a global name
or a variable of an enclosing function, through attributes and items; the results of calls are not followed. Python's
bytecode works on a stack, so this file reads the instructions with a stack of expressions, `UNKNOWN` where not known.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

Expression = tuple[
    Any, ...
]  # ("local", name), ("free", name), ("global", name), ("module", name), ("const", x), ("attr" or "item", of, by)
UNKNOWN: Expression = ("unknown",)
READ, SET = "read", "set"

_NAMES = {
    "LOAD_FAST": "local",
    "LOAD_FAST_CHECK": "local",
    "LOAD_FAST_BORROW": "local",
    "LOAD_DEREF": "free",
    "LOAD_CLASSDEREF": "free",
    "LOAD_GLOBAL": "global",
    "LOAD_NAME": "global",
}
ASKING = {"getattr", "vars", "attrgetter", "__dict__"}  # names that read attributes by a string
_NOTHING = {"RESUME", "NOP", "PRECALL", "KW_NAMES", "CACHE", "EXTENDED_ARG", "MAKE_CELL", "COPY_FREE_VARS", "NOT_TAKEN"}


class Place(NamedTuple):
    """A place that an instruction reads or sets. `whole`: the value itself is used, not only a part of it."""

    kind: str
    expression: Expression
    whole: bool


def said(expression: Expression) -> str:
    """The expression as Python code."""
    kind, *rest = expression
    if kind == "attr":
        return f"{said(rest[0])}.{rest[1]}"
    if kind == "item":
        return f"{said(rest[0])}[{said(rest[1])}]"
    return repr(rest[0]) if kind == "const" else str(rest[0])


@functools.lru_cache(maxsize=4096)
def _read(code: CodeType) -> _Reader:
    return _Reader(code)


def places_in(code: CodeType) -> dict[int, Place]:
    """The places that the instructions of a function read or set, by the instruction's offset."""
    return _read(code).places


def loose_names(code: CodeType) -> frozenset[str]:
    """The attributes that a function reads from results of calls, and strings that it may give to getattr()."""
    return _read(code).loose


def asks_by_text(code: CodeType) -> bool:
    """Whether a function reads attributes by strings, which may stand in a list."""
    return _read(code).asks


def texts_in(x: Any) -> Iterator[str]:
    """The strings in a container, nested containers included."""
    if isinstance(x, str):
        yield x
    elif type(x) in (tuple, list, set, frozenset, dict):  # iterating a subclass may run the user's code
        for item in x:
            yield from texts_in(item)


class _Reader:
    """Reads a function's instructions once, in order; at the target of a jump, the stack is forgotten."""

    def __init__(self, code: CodeType):
        self.stack: list[Expression] = []
        self.places: dict[int, Place] = {}
        self.loose: frozenset[str] = frozenset()
        instructions = list(dis.get_instructions(code))
        matches = any(each.opname == "MATCH_CLASS" for each in instructions)  # reads attributes named in constants
        self.asks = matches or not ASKING.isdisjoint(code.co_names)
        if self.asks:
            self.loose = frozenset(texts_in(code.co_consts))
        self._read_at: dict[Expression, int] = {}  # the offset of each expression's last read, to mark it as partial
        for instruction in instructions:
            if instruction.is_jump_target:
                self.stack.clear()
            self._step(instruction)

    def _pop(self) -> Expression:
        return self.stack.pop() if self.stack else UNKNOWN

    def _pop_part(self) -> Expression:
        """Pop an expression of which only an attribute or item is used."""
        found = self._pop()
        at = self._read_at.get(found)
        if at is not None:
            self.places[at] = self.places[at]._replace(whole=False)
        return found

    def _note(self, kind: str, offset: int, expression: Expression) -> None:
        if _is_known(expression):
            self.places[offset] = Place(kind, expression, whole=True)
            if kind == READ:
                self._read_at[expression] = offset

    def _step(self, instruction: dis.Instruction) -> None:
        name, argument, offset = instruction.opname, instruction.argval, instruction.offset
        if name in _NOTHING:
            return
        if name in _NAMES:
            self._name(_NAMES[name], argument, offset, instruction)
        elif name.startswith("LOAD_FAST_") and isinstance(argument, tuple):  # two at once
            self.stack += [("local", each) for each in argument]
        elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
            self.stack.append(("const", argument))
        elif name in ("LOAD_ATTR", "LOAD_METHOD"):
            expression = ("attr", self._pop_part(), argument)
            if not _is_known(expression):
                self.loose |= {argument}
            self._note(READ, offset, expression)
            pushed = 1 + _effect(instruction)
            self.stack += [expression] if pushed == 1 else [UNKNOWN] * pushed
        elif name == "BINARY_SUBSCR" or (name == "BINARY_OP" and instruction.argrepr == "[]"):
            by = self._pop()
            of = self._pop_part() if _is_known(by) else self._pop()
            self._note(READ, offset, ("item", of, by))
            self.stack.append(("item", of, by))
        elif name == "IMPORT_NAME":
            of_it, level = self._pop(), self._pop()
            whole = argument if of_it != ("const", None) else argument.partition(".")[0]
            self.stack.append(("module", whole) if level == ("const", 0) else UNKNOWN)
        elif name == "IMPORT_FROM":
            expression = ("attr", self.stack[-1] if self.stack else UNKNOWN, argument)
            self._note(READ, offset, expression)
            self.stack.append(expression)
        elif name == "STORE_ATTR":
            self._note(SET, offset, ("attr", self._pop(), argument))
            self._pop()
        elif name == "STORE_SUBSCR":
            by, of = self._pop(), self._pop()
            self._note(SET, offset, ("item", of, by))
            self._pop()
        elif name in ("STORE_GLOBAL", "STORE_DEREF"):
            self._note(SET, offset, ("global" if name == "STORE_GLOBAL" else "free", argument))
            self._pop()
        elif name == "COPY":
            self.stack.append(self.stack[-argument] if len(self.stack) >= argument else UNKNOWN)
        elif name == "SWAP":
            self.stack[:0] = [UNKNOWN] * (argument - len(self.stack))
            self.stack[-1], self.stack[-argument] = self.stack[-argument], self.stack[-1]
        else:
            self._anything(_effect(instruction))

    def _name(self, kind: str, name: str, offset: int, instruction: dis.Instruction) -> None:
        if kind != "local":
            self._note(READ, offset, (kind, name))
        null = [UNKNOWN] * (_effect(instruction) - 1)  # for a call; it comes after the name from Python 3.13 on
        self.stack += [(kind, name), *null] if sys.version_info >= (3, 13) else [*null, (kind, name)]

    def _anything(self, effect: int) -> None:
        """Any other instruction: only its effect on the stack's size is known."""
        for _ in range(1 - effect):
            self._pop()
        self.stack += [UNKNOWN] * max(1, effect)


def _effect(instruction: dis.Instruction) -> int:
    return dis.stack_effect(instruction.opcode, instruction.arg, jump=False)


def _is_known(expression: Expression) -> bool:
    kind, *rest = expression
    if kind == "attr":
        return _is_known(rest[0])
    if kind == "item":
        return _is_known(rest[0]) and _is_known(rest[1])
    return kind != "unknown"
