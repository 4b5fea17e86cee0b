"""Formulas: what they say, and that they are true."""

from __future__ import annotations

import math

import pytest
from helpers.cases import BUILT_IN, CASES

from micrograd import Value, op
from micrograd.table import FLOAT, TABLE
from micrograd.text import Text, derivative_formulas


@pytest.mark.parametrize("entry, operands, static", CASES)
def test_formulas_evaluate_to_the_derivatives_they_stand_for(entry, operands, static):
    entry = entry.bind(**static)
    names = [f"v{i}" for i in range(len(operands))]
    functions = {
        name: lambda *xs, row=row: row.rule(FLOAT, *xs)[0] for name, row in BUILT_IN.items() if name != "power"
    }
    scope = {**functions, **dict(zip(names, operands)), "nan": math.nan, "where": FLOAT.where}
    for result in ("", "out"):
        for formula, wanted in zip(derivative_formulas(entry, names, result=result), entry.rule(FLOAT, *operands)[1]()):
            value = eval(formula, {"__builtins__": {}}, {**scope, "out": entry.rule(FLOAT, *operands)[0]})
            assert value == pytest.approx(wanted, rel=1e-5, abs=1e-12), formula


@pytest.mark.parametrize(
    "name, names, formula, derivatives",
    [
        ("add", ["a", "b"], "a + b", ("1", "1")),
        ("mul", ["w", "x"], "w * x", ("x", "w")),
        ("div", ["x", "s"], "x / s", ("1 / s", "-(x / s) / s")),
        ("tanh", ["n"], "tanh(n)", ("1 - tanh(n) * tanh(n)",)),
        ("relu", ["n"], "relu(n)", ("where(n > 0, 1, 0)",)),
        ("sub", ["2", "-3"], "2 - (-3)", ("1", "-1")),
        ("neg", ["-3"], "-(-3)", ("-1",)),
        ("pow", ["-2", "y"], "(-2)**y", None),
    ],
)
def test_formulas_read_as_in_a_textbook(name, names, formula, derivatives):
    assert TABLE[name].formula(names) == formula
    if derivatives is not None:
        assert derivative_formulas(TABLE[name], names) == derivatives


def test_a_power_shows_its_exponent():
    assert TABLE["power"].bind(exponent=3).formula(["x"]) == "x**3"
    assert derivative_formulas(TABLE["power"].bind(exponent=3), ["-2"]) == ("3 * (-2)**2",)


def test_a_square_has_the_derivative_of_the_textbook():
    assert derivative_formulas(TABLE["power"].bind(exponent=2), ["x"]) == ("2 * x",)
    assert derivative_formulas(TABLE["power"].bind(exponent=1), ["x"]) == ("1 * 1",)


def test_a_rule_that_asks_if_is_told_what_to_write():
    @op("f", cases=[(2.0,)])
    def asks(m, x):
        return (x if x > 0 else 0.0), lambda: (1.0,)

    try:
        with pytest.raises(TypeError, match=r"'x > 0'.*m\.where"):
            derivative_formulas(TABLE["asks"], ["x"])
    finally:
        del TABLE["asks"], Value.asks


def test_parentheses_stand_where_they_are_needed():
    a, b = Text("a"), Text("b")
    assert str((a + b) * a) == "(a + b) * a"
    assert str(a - (b - a)) == "a - (b - a)"
    assert str(a / (b * a)) == "a / (b * a)"
    assert str(-(a + b)) == "-(a + b)"
    assert str(2.0 - a) == "2 - a"
