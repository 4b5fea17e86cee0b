"""Tell whether a rule is still the one that the native core was built from: `fingerprint(entry)`.

    >>> from micrograd.fingerprints import expands, fingerprint
    >>> from micrograd.table import TABLE
    >>> fingerprint(TABLE["tanh"]) == fingerprint(TABLE["sin"])
    False
    >>> expands(TABLE["silu"])
    ('sigmoid',)

It covers all that decides what a rule computes: its code and that of its closures, with the constants in the order in
which they are used; its defaults; the numbers and functions that it reads from its module; and the rules of other rows
that it expands through `m`, as silu does sigmoid's. It does not cover docstrings, line numbers or where the file is, so
it is the same in each process of one Python. Another Python has other bytecode: rules.h is written by the Python that
the core is built for.

Fingerprints are taken whenever micrograd is imported, so they are two 32-bit checksums: they find edits, not forgeries,
and hashlib alone would take longer to load than all of this.
"""

from __future__ import annotations

import binascii
import opcode
import re
import types
from typing import Any

from micrograd.table import ELEMENTARY, TABLE, Op

LOAD_GLOBAL, NOP = opcode.opmap["LOAD_GLOBAL"], opcode.opmap["NOP"]
SPECIAL = re.compile(b"[" + re.escape(bytes([LOAD_GLOBAL, NOP, *filter(lambda i: i < 256, opcode.hasconst)])) + b"]")
STARRED = 0x04 | 0x08  # the flags of a function that takes *operands or **settings


def fingerprint(entry: Op) -> str:
    """Sixteen digits for all that decides what the rule of a row computes."""
    rules = [entry.rule, *(TABLE[name].rule for name in expands(entry))]
    told = repr([_of(getattr(rule, "func", rule)) for rule in rules]).encode()
    return f"{binascii.crc32(told):08x}{binascii.crc32(told[::-1]):08x}"


def expands(entry: Op) -> tuple[str, ...]:
    """The names of the other rows whose rules this one's is made of, however deep; elementary functions are not."""
    found: set[str] = set()
    rules = [entry.rule]
    while rules:
        rule = rules.pop()
        named = _names(getattr(getattr(rule, "func", rule), "__code__", None))
        new = {name for name in named if name in TABLE} - {entry.name, *ELEMENTARY, *found}
        found |= new
        rules += [TABLE[name].rule for name in new]
    return tuple(sorted(found))


def _names(code: Any) -> set[str]:
    """Every name that code, and the code inside it, reads from a module or an object: `m.sigmoid` reads sigmoid."""
    inside = [_names(x) for x in getattr(code, "co_consts", ()) if isinstance(x, types.CodeType)]
    return {*getattr(code, "co_names", ())}.union(*inside)


def _of(x: Any, within: tuple[Any, ...] = ()) -> Any:
    """What a rule depends on: a number, a function, a module of functions; `within` are the functions around it."""
    if x is None or isinstance(x, (int, float, complex, str, bytes)):
        return repr(x)
    if isinstance(x, types.FunctionType):
        if any(x is f for f in within):
            return "itself"  # a function that calls itself, directly or through another
        inside = (*within, x)
        cells = [_of(cell.cell_contents, inside) for cell in x.__closure__ or ()]
        settings = sorted(x.__kwdefaults__.items()) if x.__kwdefaults__ else None
        return _of_code(x.__code__, x.__globals__, inside), _of(x.__defaults__, inside), _of(settings, inside), cells
    if isinstance(x, (tuple, list)):
        return [_of(item, within) for item in x]
    if isinstance(x, frozenset):
        return sorted(map(repr, x))  # the order of a set differs from process to process
    return getattr(x, "__module__", ""), getattr(x, "__qualname__", "") or getattr(x, "__name__", type(x).__name__)


def _of_code(code: types.CodeType, names: dict[str, Any], within: tuple[Any, ...]) -> Any:
    """Bytecode, with the constants and globals that it uses in the place of their numbers.

    What `python -OO` makes of a docstring, another constant and an instruction that does nothing, is left out.
    """
    whole = code.co_code
    instructions, arguments = whole[::2], bytearray(whole[1::2])
    used: list[Any] = []
    for found in reversed([*SPECIAL.finditer(instructions)]):
        at = found.start()
        kind = instructions[at]
        if kind == NOP:
            del arguments[at]
        elif kind == LOAD_GLOBAL:
            x = names.get(code.co_names[arguments[at] >> 1])  # the lowest bit says whether it is called
            used.append(_of(x, within))
            if isinstance(x, types.ModuleType):  # math.pi is a number of math
                used += [_of(getattr(x, name, None), within) for name in code.co_names]
        else:
            x = code.co_consts[arguments[at]]
            used.append(_of_code(x, names, within) if isinstance(x, types.CodeType) else _of(x, within))
            arguments[at] = 0
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & STARRED
    variables = code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars
    many = _of(code.co_consts, within) if len(code.co_consts) > 256 else None  # then a number takes two arguments
    return instructions.replace(bytes([NOP]), b""), bytes(arguments), used, counts, variables, many
