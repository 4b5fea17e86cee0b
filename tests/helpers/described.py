"""A graph described whole, as plain data: two cores that agree give equal descriptions, to the last bit."""

from __future__ import annotations

import math
import re

from micrograd import Value
from micrograd.copies import BY_NN
from micrograd.derivatives import local_derivatives
from micrograd.engine import order_beyond
from micrograd.node import UNREACHED
from micrograd.table import CONSTANT, DETACHED, RECORDED, Op


class Describer:
    """Describes Values, each node once: where it comes again, by its number."""

    def __init__(self):
        self.numbers = {}  # of each node, in the order in which they were met
        self.kept = []  # so that no id is used twice

    def __call__(self, x):
        """What x is: a number to the bit, an operation by its row, a node by its number."""
        if isinstance(x, Value):
            return f"node {self.number(x)}"
        if isinstance(x, float):
            return (type(x).__name__, "nan" if math.isnan(x) else float.hex(float(x)))
        if isinstance(x, (tuple, list)):
            return (type(x).__name__, *map(self, x))
        if isinstance(x, (set, frozenset)):
            return (type(x).__name__, *sorted(repr(self(y)) for y in x))
        if isinstance(x, dict):
            return ("dict", *[(self(k), self(y)) for k, y in x.items()])
        if isinstance(x, Op):
            marker = {id(CONSTANT): "CONSTANT", id(DETACHED): "DETACHED", id(RECORDED): "RECORDED"}.get(id(x), "")
            return ("Op", x.name, x.symbol, self(x.static), x.by_hand, x.in_table, marker)
        if isinstance(x, BaseException):
            return self.error(x)
        if isinstance(x, (str, int, complex, type(None), range, bytes)):
            return (type(x).__name__, repr(x))
        return type(x).__name__  # functions and other objects: their addresses would differ

    def number(self, node):
        """The node's number; a new one is given with all that is behind it."""
        if id(node) not in self.numbers:
            for each in self._order(node):
                if id(each) not in self.numbers:
                    self.numbers[id(each)] = len(self.numbers)
                    self.kept.append(each)
        return self.numbers[id(node)]

    @staticmethod
    def _order(node):
        try:
            return order_beyond(node, set())
        except Exception:  # a node without operands or with wrong ones, as a program may make it
            return [node]

    def node(self, node):
        """Everything that a node keeps."""
        said = {"number": self.number(node), "class": type(node).__name__}
        for name in ("data", "grad", "label", "_op", "_operation", "_prev", "_local"):
            try:
                said[name] = self(getattr(node, name))
            except Exception as error:
                said[name] = self.error(error)
        said["reached"] = getattr(node, "grad", UNREACHED) is not UNREACHED
        hidden = ("_cell", *BY_NN)  # in C they have places of their own
        said["own"] = self({name: x for name, x in vars(node).items() if name not in hidden})
        return said

    def derivatives(self, node):
        """The local derivatives as backward finds them, or the error."""
        try:
            return self(local_derivatives(node))
        except Exception as error:
            return self.error(error)

    def error(self, error):
        """The kind of an error, its words, and what it knows about the operation that failed."""
        words = re.sub(" at 0x[0-9a-fA-F]+", " at an address", str(error))
        if isinstance(error, RecursionError):
            words = words[: len("maximum recursion depth exceeded")]  # and in which of Python's functions
        said = ["error", type(error).__name__, words]
        entry, operands = getattr(error, "failed", (None, ()))
        if entry:
            said += [self(entry), self(operands)]
        said += [type(error.__cause__).__name__, error.__suppress_context__]
        return tuple(said)

    def everything(self):
        """All nodes that were met, and those behind them; the order from each result."""
        described, done = [], 0
        while done < len(self.kept):
            node = self.kept[done]
            described.append(self.node(node))
            done += 1
        return described


def described(*values):
    """The description of these Values and all that is behind them."""
    describe = Describer()
    return [describe(x) for x in values], describe.everything()
