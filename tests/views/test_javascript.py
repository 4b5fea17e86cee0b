"""Rules read as JavaScript: in Chromium they give the engine's numbers, and what JavaScript lacks is right."""

from __future__ import annotations

import itertools
import json
import math
import random
import struct

import mpmath
import pytest
from helpers.bounds import bounded, read
from helpers.cases import CHOOSERS, ROWS, names_of
from helpers.live import (
    ALL,
    KINDS,
    LIVE,
    WILD,
    Graph,
    applied,
    check_same,
    javascript,
    of_engine,
    recompute,
    rows_of_ones_own,
    ulps,
)

from micrograd import Value
from micrograd.table import ELEMENTARY, FLOAT, TABLE, split_case
from micrograd.views.page.javascript import FAILS, Rules, literal, may_fail, pythons_words

DRAWS = 300


@pytest.fixture(scope="module")
def run():
    with javascript() as run:
        yield run


def draws(entry, rng):
    """The cases of a row, and random operands from its domain."""
    for case in entry.cases:
        yield split_case(case)
    for _ in range(DRAWS):
        case, static = split_case(rng.choice(entry.cases))
        domains = entry.domain if isinstance(entry.domain[0], tuple) else [entry.domain] * len(case)
        operands = [rng.uniform(*domain) for domain in domains]
        for i, name in enumerate(names_of(entry, case)):
            if name in CHOOSERS:
                operands[i] = float(round(operands[i]))
        yield operands, static


@pytest.mark.parametrize("entry", ROWS)
def test_values_and_derivatives_are_the_engines_within_four_ulps(run, entry, record_property):
    rng, rules = random.Random(entry.name), Rules()
    made = [entry.apply([Value(x) for x in operands], static) for operands, static in draws(entry, rng)]
    graphs = [Graph(root, rules) for root in made]
    largest = 0
    found = recompute(run, rules, [[graph.nodes, []] for graph in graphs])
    for number, (root, graph, out) in enumerate(zip(made, graphs, found, strict=True)):
        assert out["failure"] is None
        assert [out["data"][i] for i, x in enumerate(graph.order) if not x._prev] == [x.data for x in root._prev]
        assert ulps(out["data"][-1], root.data) <= 4
        # a derivative that cancels, such as 1 - out * out, may be further off than the functions in it: by their bound
        allowed = read(root, [bounded(x.data) for x in root._prev])[1]
        for position, (theirs, ours) in enumerate(zip(out["locals"][-1], root._local, strict=True)):
            apart = ulps(theirs, ours)
            cancels = number >= len(entry.cases) and abs(theirs - ours) <= bounded(allowed[position]).error
            assert apart <= 4 or cancels, (root, position, theirs, ours)
            largest = max(largest, apart)
        largest = max(largest, ulps(out["data"][-1], root.data))
    record_property("largest difference in ulps", largest)


@pytest.mark.parametrize("entry", ROWS)
def test_nan_inf_and_bad_operands_give_what_the_engine_gives(run, entry):
    """The same numbers, or the same error to the letter, in forward or in backward; constants need no derivative."""
    rng, rules, made = random.Random(entry.name), Rules(), []
    count = len(split_case(entry.cases[0])[0])
    settings = {json.dumps(static): static for static in (split_case(case)[1] for case in entry.cases)}.values()
    for operands in itertools.islice(shuffled(itertools.product(WILD, repeat=count), rng), 256):
        for static in settings:
            labels = rng.choice([["", "", "", ""], ["x", "y", "z", "w"], ["left", "a b", "{0}", "$&"]])
            values = [Value(x, label=label) for x, label in zip(operands, labels)]
            if count > 1 and rng.random() < 0.5:
                place = rng.randrange(count)
                values[place] = operands[place]
            if count > 1 and rng.random() < 0.1:
                values = [next(x for x in values if isinstance(x, Value))] * count
            made.append(applied(entry, values, static))
    check_same(run, rules, made)


def shuffled(items, rng):
    items = list(items)
    rng.shuffle(items)
    return items


# ----------------------------------------------------------- elementary functions


def test_each_function_is_pythons(run):
    """The same number within 4 ulps, signs of zeros included, or the same kind of error."""
    rng = random.Random(3)
    numbers = [*WILD, -0.3, 2.0, -5e-324, 1e16, -1e16, 709.8, -710.5, 709.0, 1.5, -1.5, 7.0, -7.0, 27.0, 1e-9, -1e308]
    numbers += [rng.gauss(0.0, 10.0 ** rng.randint(-3, 3)) for _ in range(1000)]
    calls = [[name, [x]] for name in ELEMENTARY if name not in ("where", "pow") for x in numbers]
    pairs = [*itertools.product(numbers[:31], repeat=2), *zip(numbers, reversed(numbers))]
    calls += [[name, [x, y]] for name in ("pow", "div") for x, y in pairs]
    body = "try { return m[name](...xs); } catch (error) { return error.kind; }"
    found = run(f"{ALL}\nreturn given.map(([name, xs]) => {{ {body} }});", calls)
    for (name, xs), theirs in zip(calls, found, strict=True):
        try:
            ours = xs[0] / xs[1] if name == "div" else getattr(FLOAT, name)(*xs)
        except (ArithmeticError, ValueError) as error:
            assert theirs == KINDS[type(error)], (name, xs)
        else:
            assert not isinstance(theirs, str) and ulps(theirs, ours) <= 4, (name, xs, theirs, ours)
            assert math.isnan(ours) or math.copysign(1.0, theirs) == math.copysign(1.0, ours), (name, xs)


@pytest.mark.parametrize("name, low, high", [("erf", -7.0, 7.0), ("erfc", -7.0, 28.0)])
def test_the_error_functions_are_right_to_fifteen_digits(run, name, low, high):
    rng = random.Random(name)
    xs = [low + (high - low) * i / 5000 for i in range(5001)] + [
        rng.gauss(0.0, 10.0 ** -rng.randint(0, 300)) for _ in range(500)
    ]
    xs += [x + sign * 2.0**-k for x in (-1.0, -0.5, 0.5, 1.0, 28.0) for k in (30, 52) for sign in (-1, 0, 1)]
    found = run(f"{ALL}\nreturn given.map(m.{name});", xs)
    with mpmath.workdps(40):
        for x, theirs in zip(xs, found, strict=True):
            truth = getattr(mpmath, name)(mpmath.mpf(x))
            assert abs(theirs - truth) <= 1e-15 * abs(truth) + 5e-324, (x, theirs)
    ends = [math.nan, math.inf, -math.inf, -0.0, 1e300]
    found = run(f"{ALL}\nreturn given.map(m.{name});", ends)
    assert [repr(float(x)) for x in found] == [repr(getattr(math, name)(x)) for x in ends]


@pytest.fixture
def row():
    with rows_of_ones_own() as enter:
        yield enter


BAD = {"acos": [3.0, -1.5], "cos": [math.inf, -math.inf], "log": [-3.0, -0.25, 0.0], "log1p": [-3.0, -1.0]}
BAD |= {
    "asin": BAD["acos"],
    "sin": BAD["cos"],
    "tan": BAD["cos"],
    "sqrt": [-3.0, -0.25],
    "exp": [800.0],
    "cosh": [-1e3],
}
BAD |= {"sinh": [1e3], "expm1": [1e300], "pow": [-8.0, 0.0, -0.0, 1e-300], "div": [0.0, -0.0]}


@pytest.mark.parametrize("name", sorted(may_fail() & {*ELEMENTARY, "div"}))
def test_where_a_row_says_no_needs_the_error_has_this_pythons_words(run, row, name):
    """One text stands for all failures of a kind of a function, whatever number it was given."""

    def tried(m, x):
        out = {"pow": lambda: m.pow(x, -1.5), "div": lambda: 1.0 / x}.get(name, lambda: getattr(m, name)(x))()
        return out, lambda: (1.0,)

    def late(m, x):
        return x, lambda: (tried(m, x)[0],)

    operands = [Value(x, label="x") for x in BAD[name]]
    for rule in (tried, late):
        entry = row(rule, [(0.5,)])
        made = [applied(entry, [x], {}) for x in operands]
        assert all(of_engine(root)[1] is not None for root in made)
        check_same(run, Rules(), made)
    assert {name for kind in FAILS.values() for name in kind} < may_fail()


def test_words_with_a_number_in_them_get_the_number_that_failed(run, row, monkeypatch):
    """Newer Pythons say which number was refused."""

    def logarithm(x):
        if x <= 0.0:
            raise ValueError(f"expected a positive input, got {x!r}")
        return math.log(x)

    def tried(m, x):
        return m.log(x), lambda: (1.0,)

    entry = row(tried, [(0.5,)])
    pythons_words.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(FLOAT, "log", logarithm)
        made = [applied(entry, [Value(x)], {}) for x in (0.0, -0.0, -1e16, -3e-7)]
        assert str(made[2]) == "tried(x), where x = -1e+16: expected a positive input, got -1e+16"
        check_same(run, Rules(), made)
    pythons_words.cache_clear()


def test_numbers_are_written_as_python_writes_them(run):
    rng = random.Random(4)
    numbers = [*WILD, 1e16, 1e15, 9999999999999998.0, 123456789012345680.0, 1e-4, 1e-5, 1.5e-7, 1e21, 1e22, 2.0**53]
    numbers += [struct.unpack("<d", rng.randbytes(8))[0] for _ in range(10_000)]
    numbers += [rng.gauss(0.0, 1.0) * 10.0 ** rng.randint(-20, 25) for _ in range(10_000)]
    numbers += [float(rng.randint(-(10**18), 10**18)) for _ in range(1000)] + [
        round(x, 3) for x in numbers[-2000:-1000]
    ]
    assert run(f"{ALL}\n{LIVE}\nreturn given.map(repr);", numbers) == [*map(repr, numbers)]
    literals = ", ".join(map(literal, numbers))
    assert [repr(float(x)) for x in run(f"return [{literals}];")] == [*map(repr, numbers)]


def test_wide_operations_are_read_at_their_width(run):
    rng, rules = random.Random(2), Rules()
    wide = [Value(rng.gauss(0.0, 3.0)) for _ in range(300)]
    made = [TABLE["logsumexp"].apply(wide, {}), TABLE["take"].apply([Value(123.0), *wide], {})]
    check_same(run, rules, made)
