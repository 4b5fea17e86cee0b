"""What each line of a random program of helpers/core_programs.py gives, as plain data to compare.

>>> outcome(["v0 = Value(2.0)", "v1 = v0 / 0.0"])[1][0][-2][:2]
('error', 'ZeroDivisionError')
"""

from __future__ import annotations

import contextlib
import copy
import math
import pickle
import warnings
from fractions import Fraction

import numpy as np
from helpers.described import Describer

import micrograd
from micrograd import Value
from micrograd.node import UNREACHED
from micrograd.optim import SGD, Adam
from micrograd.table import TABLE


class Float(float):
    """A float of a class of its own."""


class Integer(int):
    """An int of a class of its own."""


class Sub(Value):
    """A subclass with attributes."""


class Slotted(Value):
    """A subclass with a slot."""

    __slots__ = ("more",)


class Named(Value):
    """A subclass with its own beginning."""

    def __init__(self, data, name="none"):
        super().__init__(data)
        self.name = name


@contextlib.contextmanager
def own_rows():
    """What users enter into the table inside is gone afterwards."""
    before = set(TABLE)
    try:
        yield
    finally:
        for name in set(TABLE) - before:
            del TABLE[name]
            delattr(Value, name)


def outcome(lines):
    """What each line gives, or its error in words; after each backward and at the end, the whole graph."""
    seen = []
    names = {"np": np, "math": math, "copy": copy, "pickle": pickle, "inf": math.inf, "nan": math.nan}
    names |= {"micrograd": micrograd, "Value": Value, "TABLE": TABLE, "Fraction": Fraction, "Float": Float}
    names |= {"Integer": Integer, "Sub": Sub, "Slotted": Slotted, "Named": Named, "seen": seen.append}
    names |= {
        "SGD": SGD,
        "Adam": Adam,
        "step": None,
        "f": max,
        "X": [0.5, 1.0],
        "Y": [1.0, -1.0],
        "UNREACHED": UNREACHED,
    }
    out = []
    with own_rows(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, where its numbers overflow
        for line in lines:
            said = "ok"
            try:
                exec(line, names)
            except Exception as error:
                said = error
            for name in [x for x in line.split() if x[0] == "v" and x[1:].isdigit()]:
                names.setdefault(name, Value(0.25))  # a line that failed bound none
            out.append(graph_of(names, said, seen) if "backward" in line or said != "ok" else "ok")
            if seen:
                out.append(graph_of({}, *seen))
                seen.clear()
        out.append(graph_of(names, [derivatives_of(x) for x in values_of(names)]))
    return out


def values_of(names):
    """The Values that have names, in the order of the names."""
    return [x for _, x in sorted(names.items()) if isinstance(x, Value)]


def graph_of(names, *others):
    describe = Describer()
    return [describe(x) for x in [*values_of(names), *others]], describe.everything()


def derivatives_of(x):
    """The local derivatives of a Value as backward finds them, if it need not run a step of the user's."""
    if callable(x._local) and not hasattr(x._local, "numbers"):
        return "a function"
    return Describer().derivatives(x)
