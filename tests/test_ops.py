"""Every row of the table, over its cases and its whole domain, against high-precision arithmetic."""

from __future__ import annotations

import math

import mpmath
import numpy
import pytest
from helpers.cases import BUILT_IN, CASES, CHOOSERS, ROWS, apply, draw_operands, names_of
from helpers.mp import MP, REFERENCE
from hypothesis import assume, given
from hypothesis import strategies as st

import micrograd
from micrograd import Value, grad, op, ops
from micrograd.table import FLOAT, TABLE, Floats, Op, split_case
from micrograd.text import derivative_formulas

DIGITS = 60
STEP = mpmath.mpf("1e-20")
KINKED = ("abs", "relu", "leaky_relu", "elu", "maximum", "minimum")


def test_every_row_has_a_true_value_to_compare_with():
    assert set(REFERENCE) == set(BUILT_IN)


def test_every_operation_of_the_contract_is_in_the_table():
    asked = """
    add sub mul div neg power pow exp expm1 log log1p sqrt sin cos tan asin acos atan sinh cosh tanh
    sigmoid relu leaky_relu elu softplus silu gelu erf abs maximum minimum where take""".split()
    assert set(asked) <= set(BUILT_IN)


@pytest.mark.parametrize("entry", ROWS)
def test_every_row_is_documented_public_and_has_cases(entry):
    assert entry.cases
    assert entry.symbol
    assert entry.rule.__doc__
    reached_by_operator = entry.method or entry.name in ("power", "pow")
    assert reached_by_operator or entry.name in micrograd.__all__


def test_every_elementary_function_is_in_the_table_for_values_to_use():
    elementary = {name for name in vars(Floats) if not name.startswith("_")}
    assert elementary <= set(TABLE)


def close(got, wanted, rel=1e-13, abs_=1e-15):
    with mpmath.workdps(DIGITS):
        assert abs(mpmath.mpf(got) - wanted) <= abs_ + rel * abs(wanted), (got, mpmath.nstr(wanted, 20))


def check_value(entry, operands, static):
    with mpmath.workdps(DIGITS):
        wanted = REFERENCE[entry.name](*map(mpmath.mpf, operands), **static)
    close(apply(entry, operands, static), wanted)
    close(apply(entry, [Value(x) for x in operands], static).data, wanted)


def one_sided(entry, operands, static, position, step):
    moved = [mpmath.mpf(x) for x in operands]
    at = entry.rule(MP, *moved, **static)[0]
    moved[position] += step
    return (entry.rule(MP, *moved, **static)[0] - at) / step


def check_derivatives(entry, operands, static):
    local = entry.rule(FLOAT, *operands, **static)[1]()
    values = [Value(x) for x in operands]
    apply(entry, values, static).backward()
    for position, (name, derivative) in enumerate(zip(names_of(entry, operands), local)):
        if name in CHOOSERS:
            assert derivative == 0.0
            continue
        assert values[position].grad == derivative
        with mpmath.workdps(DIGITS):
            left = one_sided(entry, operands, static, position, -STEP)
            right = one_sided(entry, operands, static, position, STEP)
            if abs(left - right) > 1e-6:  # a kink: any number between is a subgradient
                assert min(left, right) - 1e-15 <= derivative <= max(left, right) + 1e-15
            else:
                close(derivative, (left + right) / 2)


@pytest.mark.parametrize("entry, operands, static", CASES)
def test_case_values(entry, operands, static):
    check_value(entry, operands, static)


@pytest.mark.parametrize("entry, operands, static", CASES)
def test_case_derivatives(entry, operands, static):
    check_derivatives(entry, operands, static)


@pytest.mark.parametrize("entry", ROWS)
@given(data=st.data())
def test_values_over_the_domain(entry, data):
    check_value(entry, *draw_operands(data, entry))


@pytest.mark.parametrize("entry", ROWS)
@given(data=st.data())
def test_derivatives_over_the_domain(entry, data):
    check_derivatives(entry, *draw_operands(data, entry))


@pytest.mark.parametrize("entry", ROWS)
@given(data=st.data())
def test_first_second_and_third_derivatives(entry, data):
    """Along one direction through all operands at once, so that mixed derivatives count too."""
    operands, static = draw_operands(data, entry)
    names = names_of(entry, operands)
    direction = [0.0 if n in CHOOSERS else d for n, d in zip(names, (1.0, -0.5, 0.75, 0.25))]
    if entry.name in KINKED:  # near a kink, a difference quotient of higher order would reach across it
        moving = [x for n, x in zip(names, operands) if n not in CHOOSERS]
        assume(min(abs(x - y) for i, x in enumerate([*moving, 0.0]) for y in moving[:i]) > 1e-3)

    def along(t):
        return apply(entry, [x if n in CHOOSERS else x + t * d for n, x, d in zip(names, operands, direction)], static)

    def exactly_along(t):
        return entry.rule(MP, *[mpmath.mpf(x) + t * d for x, d in zip(operands, direction)], **static)[0]

    derivative = along
    for order in (1, 2, 3):
        derivative = grad(derivative)
        with mpmath.workdps(DIGITS):
            wanted = mpmath.diff(exactly_along, 0, order, h=mpmath.mpf("1e-12"))
        close(derivative(0.0), wanted, rel=1e-10, abs_=1e-10)


@pytest.mark.parametrize(
    "name, order, wanted", [("sigmoid", 3, -0.125), ("silu", 4, -0.5), ("softplus", 4, -0.125), ("tanh", 3, -2.0)]
)
def test_higher_derivatives_at_zero_where_the_rules_formulas_have_corners(name, order, wanted):
    derivative = getattr(micrograd, name)
    for _ in range(order):
        derivative = grad(derivative)
    assert derivative(0.0) == wanted


@pytest.mark.parametrize("x", [1000.0, -1000.0, 1e150, -1e150])
@pytest.mark.parametrize(
    "name", ["sigmoid", "softplus", "tanh", "relu", "leaky_relu", "elu", "silu", "gelu", "erf", "atan"]
)
def test_activations_do_not_overflow(name, x):
    v = Value(x)
    out = getattr(v, name)()
    out.backward()
    assert math.isfinite(out.data)
    assert math.isfinite(v.grad)


def test_logsumexp_does_not_overflow():
    v = [Value(1000.0), Value(1000.0), Value(-1000.0)]
    out = micrograd.logsumexp(v)
    out.backward()
    assert out.data == pytest.approx(1000 + math.log(2))
    assert [x.grad for x in v] == pytest.approx([0.5, 0.5, 0.0])
    assert micrograd.logsumexp([math.inf, 1.0]) == math.inf
    assert micrograd.logsumexp([-math.inf, 1.0]) == 1.0


def test_kinks_and_ties_follow_the_contract():
    for name, wanted in [("relu", 0.0), ("abs", 0.0)]:
        v = Value(0.0)
        getattr(v, name)().backward()
        assert v.grad == wanted
    for f in (micrograd.maximum, micrograd.minimum):
        x, y = Value(2.0), Value(2.0)
        f(x, y).backward()
        assert (x.grad, y.grad) == (0.5, 0.5)


@pytest.mark.parametrize("f", [micrograd.maximum, micrograd.minimum])
@pytest.mark.parametrize("operands", [(math.nan, 1.0), (1.0, math.nan)])
def test_nan_is_never_lost_by_choosing(f, operands):
    assert math.isnan(f(*operands))
    assert math.isnan(f(*map(Value, operands)).data)
    assert math.isnan(Value(math.nan).relu().data)


def test_an_operation_of_ones_own_has_all_readings():
    @op("softsign", cases=[(2.0,), (-3.0,)])
    def softsign(m, x):
        """x / (1 + |x|)."""
        below = 1.0 + m.abs(x)
        return x / below, lambda: (1.0 / (below * below),)

    try:
        assert softsign(1.0) == 0.5
        assert softsign(Value(-3.0)).data == Value(-3.0).softsign().data == -0.75
        assert grad(softsign)(1.0) == 0.25
        assert grad(grad(softsign))(1.0) == pytest.approx(-0.25)
        assert softsign.__doc__ == "x / (1 + |x|)."
        assert softsign.op.formula(["z"]) == "softsign(z)"
        for case in softsign.op.cases:
            check_derivatives(softsign.op, *split_case(case))
    finally:
        del TABLE["softsign"], Value.softsign


def enter(rule, symbol="f", **options):
    return op(symbol, **{"cases": [(2.0,)], **options})(rule)


def test_rows_that_could_not_work_are_refused_with_the_reason():
    def wrong_count(m, x):
        return x, lambda: (1.0, 1.0)

    def not_a_tuple(m, x):
        return x, lambda: 1.0

    def tanh(m, x):
        return x, lambda: (1.0,)

    def backward(m, x):
        return x, lambda: (1.0,)

    def fine(m, x):
        return x, lambda: (1.0,)

    with pytest.raises(ValueError, match="one for each operand"):
        enter(wrong_count)
    with pytest.raises(ValueError, match="must return a tuple"):
        enter(not_a_tuple)
    with pytest.raises(ValueError, match="micrograd's own"):
        enter(tanh)
    with pytest.raises(ValueError, match="already has an attribute 'backward'"):
        enter(backward)
    with pytest.raises(ValueError, match="at least one case"):
        enter(fine, cases=[])
    assert not {"wrong_count", "not_a_tuple", "backward", "fine"} & set(TABLE)
    assert TABLE["tanh"].built_in


def test_a_row_may_be_entered_again():
    for factor in (2.0, 3.0):

        def scaled(m, x):
            return factor * x, lambda: (factor,)  # noqa: B023

        enter(scaled)
        assert Value(1.0).scaled().data == factor
    del TABLE["scaled"], Value.scaled


def test_settings_are_part_of_the_printed_operation():
    assert (Value(2.0) ** 3)._op == "**3"
    assert Value(2.0).leaky_relu(slope=0.2)._operation.formula(["x"]) == "leaky_relu(x, slope=0.2)"
    assert isinstance(TABLE["power"].bind(exponent=2), Op)
    assert TABLE["power"].bind(exponent=2) is TABLE["power"].bind(exponent=2)


@pytest.mark.parametrize(
    "rule, cases, says",
    [
        (lambda m, x: x * x, [(2.0,)], "the rule must return its value and a function.*it returned 4.0"),
        (lambda m, x: (x * x, (2.0 * x,)), [(2.0,)], "the rule must return its value and a function"),
        (lambda m, x: (x * x, lambda: (2.0 * x,)), [2.0], r"cases=\[\(2.0,\)\], not cases=\[2.0\]"),
        (lambda x: (x * x, lambda: (2.0 * x,)), [(2.0,)], r"a rule takes m, .* first: def spoilt\(m, x\)"),
    ],
)
def test_a_rule_that_is_not_one_is_told_what_it_lacks(rule, cases, says):
    rule.__name__ = "spoilt"
    with pytest.raises(ValueError, match=f"spoilt.*{says}"):
        op("spoilt", cases=cases)(rule)
    assert "spoilt" not in TABLE


def test_the_example_of_the_documentation():
    @op("cube", cases=[(2.0,), (-1.5,)])
    def cube(m, x):
        return m.power(x, exponent=3), lambda: (3.0 * x * x,)

    try:
        assert derivative_formulas(cube.op, ["x"]) == ("3 * x * x",)
        assert grad(grad(grad(cube)))(2.0) == 6.0
    finally:
        del TABLE["cube"], Value.cube


def test_rules_may_use_any_operation_in_every_reading():
    @op("softplus_by_sum", cases=[(0.5,)])
    def softplus_by_sum(m, x):
        return m.logsumexp(x, 0.0) + 0.0 * m.take(1.0, x, x), lambda: (m.sigmoid(x),)

    try:
        assert grad(grad(softplus_by_sum))(0.5) == pytest.approx(grad(grad(micrograd.softplus))(0.5))
        assert "logsumexp" not in derivative_formulas(softplus_by_sum.op, ["x"])[0]
    finally:
        del TABLE["softplus_by_sum"], Value.softplus_by_sum


def test_a_rule_that_loses_the_graph_is_told_so():
    @op("mathexp", cases=[(0.5,)])
    def mathexp(m, x):
        return m.exp(x), lambda: (math.exp(x),)

    try:
        assert grad(mathexp)(0.0) == 1.0
        with pytest.raises(TypeError, match=r"mathexp lost the graph.*m\.exp"):
            grad(grad(mathexp))(0.0)
    finally:
        del TABLE["mathexp"], Value.mathexp


def test_settings_are_numbers_known_by_name():
    with pytest.raises(TypeError, match=r"the constant slope.*is a Value"):
        Value(-1.0).leaky_relu(slope=Value(0.2))
    with pytest.raises(TypeError, match=r"leaky_relu\(\) has no setting 'slop'"):
        Value(-1.0).leaky_relu(slop=0.2)
    with pytest.raises(TypeError, match=r"takes 1 operand by position and, by name, slope; got 2"):
        micrograd.leaky_relu(Value(-1.0), 0.2)
    assert (Value(2.0) ** 2)._op == "**2" and (Value(2.0) ** 2.0)._op == "**2.0"


def test_the_derivative_in_the_exponent_of_a_negative_number_is_nan():
    x, y = Value(-2.0), Value(3.0)
    (x**y).backward()
    assert x.grad == 12.0 and math.isnan(y.grad)


def test_many_operands_as_a_method():
    @op("mean_of", cases=[(1.0, 2.0)])
    def mean_of(m, *xs):
        return sum(xs) / len(xs), lambda: tuple(1.0 / len(xs) for _ in xs)

    try:
        assert Value(1.0).mean_of(Value(2.0), 6.0).data == mean_of(1.0, 2.0, 6.0) == 3.0
    finally:
        del TABLE["mean_of"], Value.mean_of


SHAPES = [numpy.ones((2, 3)), [[1.0, 2.0], [3.0]], [numpy.ones(2), 1.0], numpy.float64(1.0), 3.0]


@pytest.mark.parametrize("row", SHAPES)
def test_sequences_of_other_shapes_are_explained(row):
    for function, name in ((ops.logsumexp, "logsumexp"), (lambda x: ops.take(x, 0), "take")):
        says = rf"^{name}\(values.*(call it on each row|a sequence of numbers)"
        with pytest.raises((ValueError, TypeError), match=says):
            function(row)
    assert ops.logsumexp(numpy.ones(1)) == ops.take(numpy.ones(3), 1) == 1.0
