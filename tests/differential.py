"""Compare random programs, run eagerly and compiled: `python tests/differential.py --count 20000 --seed 7`.

A program that disagrees is made as small as possible, and printed as code to run.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
import time

from helpers.bounds import bounded, bounds_of, may_be_equal
from helpers.programs import namespace_of, random_program
from helpers.ways import EXACT, WAYS, Case

from micrograd import Value
from micrograd.table import FLOAT

FACTOR = 16.0  # on the bounds, which count each rounding once: another order may have a few more
RELATIVE = 1e-12


def agree(c, case):
    """Whether compiled gives what eager gives, up to rounding."""
    if c.eager.error and c.compiled.error:
        said = re.sub(r"^row \d+: ", "", str(c.compiled.error)) if c.of_rows else str(c.compiled.error)
        return type(c.eager.error) is type(c.compiled.error) and said == str(c.eager.error)
    if c.eager.error or c.compiled.error:
        return not case.exact and c.compiled.error is None and rounding_may_avoid(c.eager.error)
    pairs = list(zip(c.eager.numbers, c.compiled.numbers, strict=True))
    if c.exact:
        # Documented: where a function takes a derivative itself, a zero may have another sign.
        takes = c.what.startswith("derivatives at [") or "grad(" in case.program.source()
        return all(x.hex() == y.hex() or (x != x and y != y) or (takes and x == y == 0.0) for x, y in pairs)
    near = [x == y or (x != x and y != y) or abs(x - y) <= RELATIVE * abs(x) for x, y in pairs]
    if all(near) or not c.bounds:
        return all(near)
    allowed = [FACTOR * bound.error for bound in c.bounds()]
    if all(ok or not abs(x - y) > error for ok, (x, y), error in zip(near, pairs, allowed)):
        return True
    return not case.exact and any(may_turn(case, row) for row in case.rows)


def rounding_may_avoid(error):
    """Whether the failed operation is defined for other operands within the rounding error of its own."""
    entry, operands = getattr(error, "failed", (None, ()))
    bounds = [bounds_of(x)[0] if isinstance(x, Value) else bounded(x) for x in operands]
    if not any(x.error for x in bounds):
        return False
    for sign in (-FACTOR, FACTOR):
        try:
            entry.rule(FLOAT, *[x.value + sign * x.error for x in bounds])[1]()
            return True
        except (ArithmeticError, ValueError):
            pass
    return False


def may_turn(case, row):
    """Whether a comparison in the program could turn out differently because of rounding."""
    names = namespace_of(case.program.probe())
    try:
        names |= names["f"](*case.values(row))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return False
    pairs = [pair for statement in case.program.statements for pair in statement.comparisons]
    return any(may_be_equal(*(bounds_of(eval(operand, names))[0] for operand in pair)) for pair in pairs)


def disagreements(program, ways=()):
    """The comparisons of a program that disagree, each with the name of its way."""
    case, exact = Case(program), Case(program, exact=True)
    runs = [(name, case) for name in ways or WAYS] + [(name, exact) for name in ways or EXACT if name in EXACT]
    return [(name, c) for name, case in runs for c in list(WAYS[name](case)) if not agree(c, case)]


def kind_of(c):
    """The kind of disagreement, which a smaller program must still have."""
    return type(c.eager.error), type(c.compiled.error), re.sub(r" at .*", "", c.what), c.exact


def shrunk(program, name, kind, seconds=20.0):
    """The smallest program found that still disagrees in the same way."""
    until = time.monotonic() + seconds
    smaller = program.smaller()
    while time.monotonic() < until and (candidate := next(smaller, None)):
        if any(kind_of(c) == kind for _, c in disagreements(candidate, [name])):
            program, smaller = candidate, candidate.smaller()
    return program


def report(program):
    """How a program disagrees, in words and as code; empty if it agrees."""
    found = disagreements(program)
    if not found:
        return ""
    name, c = found[0]
    small = shrunk(program, name, kind_of(c))
    c = next(new for _, new in disagreements(small, [name]) if kind_of(new) == kind_of(c))
    exactly = ", exact=True" if c.exact else ""
    return f"# {name}{exactly}: {c.what}\n#    eager: {c.eager}\n# compiled: {c.compiled}\n{small.source()}\n"


def main():
    parser = argparse.ArgumentParser(description="Compare random programs, run eagerly and compiled.")
    parser.add_argument("--count", type=int, default=1000, help="how many programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so many seconds")
    asked = parser.parse_args()
    until, wrong, tried = time.monotonic() + asked.seconds, 0, 0
    while tried < asked.count and time.monotonic() < until:
        if said := report(random_program(random.Random(f"{asked.seed}:{tried}"))):
            wrong += 1
            print(f"# program {tried} of seed {asked.seed}\n{said}", flush=True)
        tried += 1
    print(f"{wrong} of {tried} programs disagree")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
