"""A fingerprint changes with all that decides what a rule computes, and with nothing else."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys
import time
import types

import pytest

from micrograd import ops
from micrograd.compiler.tape.symbols import Symbol
from micrograd.compiler.tape.tape import Tape
from micrograd.fingerprints import expands, fingerprint
from micrograd.table import ELEMENTARY, TABLE, Op, split_case
from micrograd.written import Writing

BUILT_IN = [entry for entry in TABLE.values() if entry.built_in]


def of(source, **names):
    """The fingerprint of the rule `f` that this source defines, in a module where these names are known."""
    module = types.ModuleType("made_here")
    vars(module).update(names)
    exec(compile(source, "made_here.py", "exec"), vars(module))
    return fingerprint(Op("f", "f", module.f))


RULE = "def f(m, x):\n    out = m.tanh(x)\n    return out, lambda: (1.0 - out * out,)\n"


@pytest.mark.parametrize(
    "other",
    [
        RULE.replace("1.0 -", "1.5 -"),
        RULE.replace("1.0 -", "1 -"),
        RULE.replace("1.0 -", "True -"),
        RULE.replace("1.0 -", "[0.0, 1.0][1] -"),
        RULE.replace("- out", "+ out"),
        RULE.replace("m.tanh", "m.sin"),
        RULE.replace("m.tanh(x)", "m.tanh(x) * 1.0"),
        RULE.replace("(m, x)", "(m, x=2.0)"),
        RULE.replace("(m, x)", "(m, *x)"),
        RULE.replace("(m, x)", "(m, x, *, n=1)"),
        RULE.replace("(m, x)", "(m, x, *, n=2)"),
        RULE.replace("(m, x)", "(m, x, *, n)"),
        RULE.replace("out * out", "(lambda: out * out)()"),
        RULE.replace("1.0 -", "-0.0 -"),
        RULE.replace("1.0 -", "0.0 -"),
    ],
)
def test_another_rule_has_another_fingerprint(other):
    assert of(other) != of(RULE)


def test_all_of_them_differ_from_each_other_too():
    assert len({fingerprint(entry) for entry in BUILT_IN}) == len(BUILT_IN)


def test_what_a_rule_reads_from_its_module_counts():
    source = "def f(m, x):\n    return k * x, lambda: (g(k),)\n"
    f = lambda k: k + 0.0  # noqa: E731
    base = of(source, k=2.0, g=f)
    assert base == of(source, k=2.0, g=f, unused=3.0)
    assert base not in (of(source, k=3.0, g=f), of(source, k=2.0, g=lambda k: k + 1.0), of(source, k=2, g=f))
    nested = "def f(m, x):\n    return x, lambda: (h(),)\ndef h():\n    return (lambda: k)()\n"
    assert of(nested, k=1.0) == of(nested, k=1.0) != of(nested, k=2.0)
    constants = "def f(m, x):\n    return math.pi * x, lambda: (math.pi,)\n"
    near = types.ModuleType("math")
    near.pi = 3.0
    assert of(constants, math=math) != of(constants, math=near)


def test_a_function_that_calls_itself_has_one_too():
    source = "def f(m, x):\n    return x, lambda: (g(3),)\ndef g(n):\n    return n and g(n - 1)\n"
    assert of(source) == of(source) != of(source.replace("n - 1", "n - 2"))


def test_closures_and_settings_that_are_bound_count():
    def made(k):
        return lambda m, x: (k * x, lambda: (k,))

    assert fingerprint(Op("f", "f", made(2.0))) == fingerprint(Op("f", "f", made(2.0)))
    assert fingerprint(Op("f", "f", made(2.0))) != fingerprint(Op("f", "f", made(3.0)))
    assert fingerprint(TABLE["power"].bind(exponent=3)) == fingerprint(TABLE["power"])


def test_a_rule_that_is_no_function_is_none_that_was_compiled():
    class Rule:
        def __call__(self, m, x):
            return m.tanh(x), lambda: (1.0,)

    found = {fingerprint(Op("tanh", "tanh", rule)) for rule in (Rule(), max, functools.partial(max, 1))}
    assert fingerprint(TABLE["tanh"]) not in found


def test_docstrings_comments_and_places_do_not_count():
    documented = RULE.replace("    out =", '    """What it is."""\n\n    # so\n    out =')
    assert of(documented) == of(RULE) == of("\n\n\n" + RULE)


def test_a_change_in_a_rule_is_a_change_of_all_that_expand_it(monkeypatch):
    before = {name: fingerprint(entry) for name, entry in TABLE.items()}

    def rule(m, x):
        return 1.0 / (1.0 + m.exp(-x)), lambda: (0.5,)

    monkeypatch.setitem(TABLE, "sigmoid", Op("sigmoid", "sigmoid", rule))
    changed = {name for name, entry in TABLE.items() if fingerprint(entry) != before[name]}
    assert changed == {"sigmoid", "silu", "softplus"}


def test_code_that_is_exchanged_in_a_rule_is_found(monkeypatch):
    before = {name: fingerprint(entry) for name, entry in TABLE.items()}
    monkeypatch.setattr(ops.tanh.op.rule, "__code__", (lambda m, x: (m.tanh(x), lambda: (2.0,))).__code__)
    monkeypatch.setattr(ops.elu.op.rule, "__kwdefaults__", {"alpha": 2.0})
    assert {name for name, entry in TABLE.items() if fingerprint(entry) != before[name]} == {"tanh", "elu"}


class Noting(Writing):
    """Elementary functions on symbols that note which other rows were expanded."""

    def __init__(self):
        self.expanded = set()

    def function_of(self, entry):
        self.expanded.add(entry.name)
        return super().function_of(entry)


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in BUILT_IN])
def test_expands_names_what_reading_the_rule_expands(entry):
    m = Noting()
    for case in entry.cases:
        operands, settings = split_case(case)
        tape = Tape([f"x{i}" for i in range(len(operands))])
        entry.rule(m, *[Symbol(tape, i) for i in range(len(operands))], **settings)[1]()
    direct = m.expanded
    deeper = {name for row in direct for name in expands(TABLE[row])}
    assert {*expands(entry)} == direct | deeper and not direct & {*ELEMENTARY}


PRINT = """
from micrograd.fingerprints import fingerprint
from micrograd.table import TABLE
import micrograd.ops
print(*[fingerprint(entry) for entry in TABLE.values()])
"""


@pytest.mark.parametrize("options", [[], ["-O"], ["-OO"]])
@pytest.mark.parametrize("seed", ["1", "2"])
def test_fingerprints_are_the_same_in_each_process(options, seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *options, "-c", PRINT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [fingerprint(entry) for entry in BUILT_IN]


def test_they_are_quick_enough_for_an_import():
    times = []
    for _ in range(20):
        began = time.perf_counter()
        for entry in BUILT_IN:
            fingerprint(entry)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.01  # some 1 ms where nothing else runs
