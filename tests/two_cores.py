"""Run random programs on both cores, and compare: `python tests/two_cores.py --seconds 3600 --seed 7`.

Every value, gradient and local derivative is the same to the last bit, as are the structure, the order and the errors'
words. A program that disagrees is made as small as possible, and printed as code to run.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import time

from helpers.core_programs import random_program
from helpers.other_core import OTHER
from helpers.outcomes import outcome

from micrograd.c_core import NAME


def differences(program):
    """Where the cores differ: for each of the program's lines and the graphs after it, both outcomes."""
    here, there = outcome(program), OTHER.call(outcome, program)
    return [pair for pair in itertools.zip_longest(here, there) if pair[0] != pair[1]]


def shrunk(program):
    """The same without the lines that it does not take."""
    size = len(program)
    while size:
        for start in range(0, len(program), size):
            fewer = program[:start] + program[start + size :]
            if differences(fewer):
                program = fewer
                break
        else:
            size //= 2
    return program


def said(x, y, path=""):
    """The first place in which two descriptions differ."""
    if type(x) is type(y) and isinstance(x, (tuple, list)) and len(x) == len(y):
        return next((said(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(x, y)) if a != b), "")
    if isinstance(x, dict) and isinstance(y, dict) and x.keys() == y.keys():
        return next((said(x[k], y[k], f"{path}[{k!r}]") for k in x if x[k] != y[k]), "")
    return f"{path}\n#   {NAME}: {x}\n#   {OTHER.name}: {y}"


def main():
    parser = argparse.ArgumentParser(description="Run random programs on both cores.")
    parser.add_argument("--count", type=float, default=math.inf, help="how many programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so many seconds")
    asked = parser.parse_args()
    if asked.count == asked.seconds == math.inf:
        asked.count = 1000
    until, wrong, tried = time.monotonic() + asked.seconds, 0, 0
    while tried < asked.count and time.monotonic() < until:
        program = random_program(random.Random(f"{asked.seed}:{tried}").choice)
        if found := differences(program):
            wrong += 1
            small = shrunk(program)
            if again := differences(small):
                program, found = small, again
            where = said(*found[0]) + ("" if again else "\n#   but not when run again")
            print(f"# program {tried} of seed {asked.seed} {where}\n{chr(10).join(program)}\n", flush=True)
        tried += 1
    print(f"{wrong} of {tried} programs disagree")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
