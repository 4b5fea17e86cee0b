"""Rules as JavaScript, run in Chromium beside the engine."""

from __future__ import annotations

import contextlib
import math
import struct
from importlib import resources

from helpers.browser import chromium

from micrograd import Value, op, topological_order
from micrograd.derivatives import local_derivatives
from micrograd.table import CONSTANT, TABLE
from micrograd.views.page.javascript import functions
from micrograd.views.snapshot import root_of

LIVE = resources.files("micrograd.views.page").joinpath("live.js").read_text(encoding="utf-8")
ALL = "\n".join([functions()[1], *functions()[0].values()])
WILD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 5e-324, 1e-300, 0.3, 710.0, -745.2, 1e308]
KINDS = {ZeroDivisionError: "zero", ValueError: "domain", OverflowError: "overflow"}


@contextlib.contextmanager
def javascript():
    """`run(body, given)`: run the body of a function of `given` in Chromium."""
    with chromium() as browser:
        tab = browser.new_page()
        yield lambda body, given=None: tab.evaluate(f'(given) => {{ "use strict"; {body} }}', given)


@contextlib.contextmanager
def rows_of_ones_own():
    """`enter(rule, cases)` enters a user's row of the table; all are taken out again."""
    entered = set()

    def enter(rule, cases, **options):
        entered.add(rule.__name__)
        return op(rule.__name__, cases=cases, **options)(rule).op

    try:
        yield enter
    finally:
        for name in entered:
            del TABLE[name]
            delattr(Value, name)


def ulps(x, y):
    """How many floats y is from x; 0 for two nans. -0.0 and 0.0 are one apart."""
    if math.isnan(x) or math.isnan(y):
        return 0 if math.isnan(x) and math.isnan(y) else math.inf
    place = lambda x: n if (n := struct.unpack("<q", struct.pack("<d", x))[0]) >= 0 else -(n + 2**63) - 1  # noqa: E731
    return abs(place(x) - place(y))


class Graph:
    """A graph of Values, as the script has it."""

    def __init__(self, root, rules):
        self.order = topological_order(root)
        index = {value: i for i, value in enumerate(self.order)}
        self.nodes = []
        for value in self.order:
            rule = rules.add(value._operation, len(value._prev)) if value._prev else None
            by_hand = not isinstance(value._local, tuple)
            self.nodes.append(
                {
                    "operands": [index[x] for x in value._prev],
                    "rule": rule,
                    "constant": value._operation is CONSTANT,
                    "failing": None if rule is None else rules.pieces(value._operation, value._prev),
                    "data": value.data,
                    "locals": None if by_hand else list(value._local),
                }
            )


def recompute(run, rules, graphs):
    """Each graph of [[nodes, [[leaf, number], ...]], ...] computed again, with these numbers of its leaves."""
    body = "return given.map(([nodes, leaves]) => recompute(nodes, new Map(leaves)));"
    return run(f"{rules.source()}\n{LIVE}\n{body}", graphs)


def of_engine(root):
    """What the engine gives for the last operation: its value and derivatives, or its error and whether in backward."""
    if isinstance(root, Exception):
        return None, root, False
    try:
        return [root.data, [d if x._operation is not CONSTANT else None for d, x in pairs(root)]], None, False
    except (ArithmeticError, ValueError) as error:
        return root.data, error, True


def pairs(node):
    return zip(local_derivatives(node), node._prev)


def applied(entry, operands, static):
    try:
        return entry.apply(operands, static)
    except (ArithmeticError, ValueError) as error:
        return error


# ------------------------------------------------------------------ every row of the table


def check_same(run, rules, made):
    """Compare the last operation of each graph: a Value, or the error in making it."""
    graphs = [Graph(root_of(root)[0], rules) for root in made]
    for root, out in zip(made, recompute(run, rules, [[graph.nodes, []] for graph in graphs]), strict=True):
        expected, error, backward = of_engine(root)
        if error is not None:
            failure = {"index": len(out["data"]) - 1, "kind": KINDS[type(error)], "text": str(error)}
            assert out["failure"] == {**failure, "backward": backward}
            assert out["locals"][-1] is None and (backward or out["data"][-1] is None)
            continue
        assert out["failure"] is None, root
        for theirs, ours in zip([out["data"][-1], *out["locals"][-1]], [expected[0], *expected[1]], strict=True):
            assert theirs is ours is None or ulps(theirs, ours) <= 4, (root, theirs, ours)
