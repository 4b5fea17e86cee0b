"""A rule that is another than the one that C was generated from runs in Python at once, with all that expand it."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import sys
import types

import pytest
from helpers.cases import BUILT_IN, apply
from helpers.other_core import assert_same

import micrograd
from micrograd import Value
from micrograd.c_core import native
from micrograd.fingerprints import expands
from micrograd.table import FLOAT, TABLE, op, split_case

FIXED = [name for name, entry in BUILT_IN.items() if not any(operand.startswith("*") for operand in entry.operands)]
KEPT = {}  # a row's own rule while another stands in its place
EXPANDED = sorted({name for entry in BUILT_IN.values() for name in expands(entry) if name in FIXED})


def another_rule(name):
    """A rule for this row whose value is greater by one and whose derivatives are doubled."""
    rule = TABLE[name].rule
    KEPT[name] = types.FunctionType(rule.__code__, rule.__globals__, name, rule.__defaults__, rule.__closure__)
    KEPT[name].__kwdefaults__ = rule.__kwdefaults__
    signature = inspect.signature(rule)
    given = ", ".join(
        f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else p.name for p in signature.parameters.values()
    )
    made = {}
    exec(
        f"def {name}{signature}:\n"
        "    from test_rules_watch import KEPT\n"
        f"    value, derivatives = KEPT[{name!r}]({given})\n"
        "    return value + 1.0, lambda: tuple([2.0 * d for d in derivatives()])\n",
        made,
    )
    return made[name]


def numbers():
    """The value and the gradients of every row, for its own cases and with a constant among the operands."""
    out = {}
    for name, entry in BUILT_IN.items():
        for case in entry.cases:
            operands, settings = split_case(case)
            values = [Value(x) for x in operands]
            if name == "take":
                values[0] = operands[0]
            for given in (values, [*values[:1], *operands[1:]]):
                try:
                    node = power(given, settings) if name == "power" else apply(entry, given, settings)
                    if isinstance(node, Value):
                        node.backward()
                        said = node.data.hex(), [float(x.grad).hex() for x in given if isinstance(x, Value)]
                    else:
                        said = node
                except ArithmeticError as error:
                    said = str(error)
                out.setdefault(name, []).append(said)
    return out


def power(given, settings):
    return given[0] ** settings["exponent"]


def is_called(entry):
    """Whether an operation calls the row's rule in Python, as far as it is in C otherwise."""
    called = []
    codes = {entry.rule.__code__}
    operands, settings = split_case(entry.cases[0])
    given = [Value(x) for x in operands]
    sys.setprofile(lambda frame, event, _: called.append(1) if event == "call" and frame.f_code in codes else None)
    try:
        power(given, settings) if entry.name == "power" else apply(entry, given, settings)
    finally:
        sys.setprofile(None)
    return bool(called)


def by_code(name):
    """The rule gets another `__code__`, as an editor that reloads functions does."""
    rule, new = TABLE[name].rule, another_rule(name)
    before = rule.__code__
    rule.__code__ = new.__code__
    rule.__globals__.setdefault("__builtins__", __builtins__)
    yield
    rule.__code__ = before


def by_entering_again(name):
    """The row is entered again by @op, as running its file again does."""
    before = TABLE[name]
    new = another_rule(name)
    new.__module__ = "micrograd.ops"
    keep = ("cases", "domain", "needs", "method", "prepare")

    def enter(rule):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            function = op(before.symbol, **{key: getattr(before, key) for key in keep})(rule)
        BUILT_IN[name] = TABLE[name]
        return function, said.getvalue()

    _, said = enter(new)
    assert not native or (f"the rule of {name} is not the one" in said and said.count(f"rule of {name} ") == 1)
    yield
    _, said = enter(before.rule)
    assert said == ""
    TABLE[name] = BUILT_IN[name] = before
    for install in micrograd.table._installers:
        install(before)


def by_replacing_the_entry(name):
    """Another Op stands in the table: what expands the row expands the new one; functions and methods stay."""
    before = TABLE[name]
    with contextlib.redirect_stderr(io.StringIO()):
        TABLE[name] = dataclasses.replace(before, rule=another_rule(name))
    yield
    TABLE[name] = before


def by_settings(name):
    """The defaults of the rule's settings are others."""
    rule = TABLE[name].rule
    before = rule.__kwdefaults__
    rule.__kwdefaults__ = dict.fromkeys(before, 0.25)
    yield
    rule.__kwdefaults__ = before


def by_settings_in_place(name):
    """The dict of the defaults is the same one, and holds others."""
    settings = TABLE[name].rule.__kwdefaults__
    before = dict(settings)
    settings.update(dict.fromkeys(before, 0.25))
    yield
    settings.update(before)


def changed_and_back(way, name):
    """What all rows give before, in the midst, and after; whether the row's rule was called in Python each time."""
    before = numbers(), is_called(BUILT_IN[name])
    change = way(name)
    next(change)
    try:
        amidst = numbers(), is_called(BUILT_IN[name])
    finally:
        next(change, None)
        KEPT.clear()
    after = numbers(), is_called(BUILT_IN[name])
    assert after == before
    is_another = way is not by_replacing_the_entry  # which leaves the row itself as it is
    return before[0], amidst[0], [before[1], amidst[1]] if native and is_another else [False, is_another]


@pytest.mark.parametrize("way", [by_code, by_entering_again])
@pytest.mark.parametrize("name", FIXED)
def test_a_row_whose_rule_is_another_runs_with_the_new_one(way, name):
    before, amidst, called = assert_same(changed_and_back, way, name)
    assert called == [False, True]
    for (value, grads), (new, new_grads) in zip(before[name], amidst[name]):
        assert float.fromhex(new) == float.fromhex(value) + 1.0
        assert [float.fromhex(x) for x in new_grads] == [2.0 * float.fromhex(x) for x in grads]
    for other, entry in BUILT_IN.items():
        if other != name and name not in expands(entry):
            assert amidst[other] == before[other]


@pytest.mark.parametrize("way", [by_code, by_entering_again, by_replacing_the_entry])
@pytest.mark.parametrize("name", EXPANDED)
def test_a_row_that_expands_a_changed_row_does_too(way, name):
    before, amidst, _ = assert_same(changed_and_back, way, name)
    for other, entry in BUILT_IN.items():
        if other != name and name in expands(entry):
            assert amidst[other] != before[other], other


@pytest.mark.parametrize("way", [by_settings, by_settings_in_place])
@pytest.mark.parametrize("name", [name for name in FIXED if TABLE[name].defaults])
def test_settings_whose_defaults_are_others(way, name):
    before, amidst, called = assert_same(changed_and_back, way, name)
    assert called == [False, True] and before[name] != amidst[name]


def test_an_elementary_row_that_is_replaced_is_not_expanded():
    """`m.tanh` in a rule is the machine's tanh, whatever row has that name."""
    before, amidst, _ = assert_same(changed_and_back, by_replacing_the_entry, "tanh")
    assert before == amidst


def test_every_way_was_tried_on_rows_that_are_in_c():
    assert len(FIXED) > 30 and len(EXPANDED) > 2
    if native:
        assert {*native.rows} == {*FIXED}
        assert all(not is_called(BUILT_IN[name]) for name in FIXED)
    assert FLOAT.tanh(0.5) == TABLE["tanh"](0.5)


PLAIN = (
    "x + y, x - y, x * y, x / y, -x, abs(x), x**2, x**0.5, x**y, 2.0**x, x + 1, 1 - x, 2 * x, 1 / x, x + True",
    "x.tanh(), tanh(x), x.maximum(y), maximum(x, 1.0), maximum(1, x), x.relu(), Value(1.0), Value(2), where(1.0, x, y)",
    "x.data, x.grad, x._prev, x._local, x.label, x._operation, setattr(x, 'data', 0.5), setattr(x, 'grad', 0)",
)


@pytest.mark.skipif(not native, reason="the Python core is Python")
@pytest.mark.parametrize("program", PLAIN)
def test_plain_operations_stay_in_c(program):
    names = {"x": Value(0.5), "y": Value(2.0), "Value": Value, "where": micrograd.where}
    names |= {"tanh": micrograd.tanh, "maximum": micrograd.maximum}
    code, called = compile(program, "plain", "eval"), []
    eval(code, names)  # each exponent has an operation of its own, which is made once
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        eval(code, names)
    finally:
        sys.setprofile(None)
    assert called == ["<module>"]


@pytest.mark.skipif(not native, reason="the Python core is Python")
def test_backward_through_plain_values_is_one_call():
    x, y = Value(0.5), Value(2.0)
    z = (x * y + 1.0).tanh() - x**3
    x.grad = 0
    called = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        z.backward()
    finally:
        sys.setprofile(None)
    assert called == ["backward"]
