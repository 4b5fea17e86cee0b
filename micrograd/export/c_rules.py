"""Write the rules of the table as C for the native core: `rules_text()` is the text of c_core/rules.h.

    >>> from micrograd.export.c_rules import function_of
    >>> from micrograd.table import TABLE
    >>> print(function_of(TABLE["div"]))
    static double rule_div(const double *x, double *local)
    {
        const double v1 = x[0] / x[1];
        const double v2 = 1.0 / x[1];
        const double v3 = -v1;
        const double v4 = v3 / x[1];
        local[0] = v2;
        local[1] = v4;
        return v1;
    }

Each rule is read on symbols, as jit reads a function, so no derivative is spelled in C. Where Python would raise an
error, the value or a derivative here is nan or inf: the core then asks Python. All else is equal to the bit.

This runs whenever micrograd is installed, before any package is there that micrograd needs.
"""

from __future__ import annotations

from micrograd.compiler.tape.guards import guarded
from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import TAPE, Symbol, operand_of
from micrograd.compiler.tape.tape import Tape
from micrograd.export.c_statements import Statements, block
from micrograd.fingerprints import expands, fingerprint
from micrograd.table import TABLE, Op

HEAD = """\
/* rules.h: the rules of micrograd's table of operations, written by micrograd/export/c_rules.py when the native core is
   built. Do not edit: change the rule, in micrograd/ops.py, and build again.

   x      the operands, then those settings that have no default
   local  becomes the local derivatives, one for each operand; it must not overlap x

   A rule returns the value. Where Python would raise an error, the value or a derivative is nan or inf. */
#ifndef MICROGRAD_RULES_H
#define MICROGRAD_RULES_H

#include <float.h>
#include <math.h>

/* Results must be Python's own, to the bit: no operation may be fused with another, or rounded differently. */
#ifdef __FAST_MATH__
#error "micrograd's core cannot be compiled with -ffast-math"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && !defined(_MSC_VER)
#error "micrograd's core needs arithmetic in double precision, as with -msse2 -mfpmath=sse"
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#pragma fp_contract(off)
#elif defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
"""
STRUCT = """\
static const struct row_code {
    const char *name;
    const char *fingerprint; /* of the rule that the function was written from */
    int operands;
    int settings; /* without a default */
    double (*rule)(const double *x, double *local);
} ROW_CODE[ROWS] = {
"""


def rules_text() -> str:
    """The C of every row of micrograd's own that has a fixed number of operands, and a table of them."""
    rows = [entry for entry in TABLE.values() if entry.built_in and not entry.operands[-1].startswith("*")]
    names = "".join(f"    ROW_{entry.name},\n" for entry in rows)
    operands, expanded = (max(map(len, found)) for found in ([e.operands for e in rows], map(expands, rows)))
    most = f"enum {{ MOST_OPERANDS = {operands}, MOST_EXPANDED = {expanded} }};\n"
    functions = [function_of(entry) + "\n" for entry in rows]
    codes = "".join(map(_code, rows))
    return "\n".join(
        [HEAD, f"enum row {{\n{names}    ROWS\n}};\n", most, *functions, f"{STRUCT}{codes}}};\n", "#endif\n"]
    )


def _code(entry: Op) -> str:
    counts = f"{len(entry.operands)}, {len(given(entry))}"
    return f'    {{"{entry.name}", "{fingerprint(entry)}", {counts}, rule_{entry.name}}},\n'


def given(entry: Op) -> list[str]:
    """The settings that every use has to give; the others are constants, at their defaults."""
    return [name for name in entry.settings if name not in entry.defaults]


def function_of(entry: Op) -> str:
    """A rule as a C function, for the settings that its operands are followed by."""
    tape = tape_of(entry)
    statements = Statements(tape, [f"x[{i}]" for i in range(len(tape.inputs))])
    lines = statements.lines(range(len(tape)))
    value, *derivatives = tape.outputs.values()
    lines += [f"local[{i}] = {statements.of(x)};" for i, x in enumerate(derivatives)]
    head = f"static double rule_{entry.name}(const double *x, double *local)"
    return block(head, [*lines, f"return {statements.of(value)};"])


def tape_of(entry: Op) -> Tape:
    """What a rule computes: its value, nan where that would hide a failure, and then its derivatives."""
    names = [*entry.operands, *given(entry)]
    tape = Tape(names)
    symbols = {name: Symbol(tape, i) for i, name in enumerate(names)}
    settings = {name: symbols.pop(name) for name in given(entry)}
    value, derivatives = entry.rule(TAPE, *symbols.values(), **settings)
    start = len(tape)
    local = derivatives()
    tape.derived.append((start, len(tape)))
    tape.outputs["value"] = operand_of(value)
    tape.outputs |= {f"local {name}": operand_of(x) for name, x in zip(symbols, local)}
    return simplify(guarded(tape), exact=True)
