"""check_engine: planted mistakes are named with both numbers, line and reason; right engines pass."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest
from helpers.engines import lecture, minimal, original
from helpers.planted import planted

import micrograd
from micrograd import Value, adopt, check_engine
from micrograd.foreign.engines import Engine
from micrograd.foreign.trials import Ours, trials_of
from micrograd.table import TABLE

STEP = "            self.grad += other.data * out.grad\n            other.grad += self.data * out.grad\n"
EXCHANGED = "            self.grad += self.data * out.grad\n            other.grad += other.data * out.grad\n"
BY_OPERAND = (
    "            for v, local in {self: other.data, other: self.data}.items():\n"
    "                v.grad += local * out.grad\n"
)
VISIT = "                visited.add(v)\n"
APPEND = "                topo.append(v)\n"

# What is planted (old and new text), how the finding opens, what its line says, and what its advice says.
MISTAKES = {
    "a gradient set in a product": (
        [("self.grad += other.data * out.grad", "self.grad = other.data * out.grad")],
        r"Value\.__mul__: x\.grad is .* where .* has .* at x = ",
        "self.grad = other.data * out.grad",
        "self.grad is set there, where it must be added to: write +=",
    ),
    "a gradient set in a sum": (
        [("self.grad += 1.0 * out.grad", "self.grad = 1.0 * out.grad")],
        r"Value\.__add__: x\.grad is",
        "self.grad = 1.0 * out.grad",
        "write +=, because each use of a value adds its contribution",
    ),
    "a missing upstream gradient": (
        [("(1 - t**2) * out.grad", "(1 - t**2)")],
        r"Value\.tanh: x\.grad is 0\.7864 where tanh\(x\) \* w has 2\.359 at x = 0\.5, w = 3",
        "self.grad += (1 - t**2)",
        "the factor out.grad is missing there",
    ),
    "a missing exponent": (
        [("other * (self.data ** (other - 1))", "(self.data ** (other - 1))")],
        r"Value\.__pow__: x\.grad is 4 where x\*\*3 has 12 at x = 2",
        "self.grad += (self.data ** (other - 1)) * out.grad",
        "the factor other is missing there; the table has ∂out/∂self = 3 * self**2 = 12",
    ),
    "a factor too many": (
        [("self.grad += out.data * out.grad", "self.grad += out.data * out.data * out.grad")],
        r"Value\.exp: x\.grad is 2\.718 where exp\(x\) has 1\.649 at x = 0\.5",
        "self.grad += out.data * out.data * out.grad",
        "there is a factor out.data too many; the table has ∂out/∂self = out = 1.649",
    ),
    "a wrong order, not reversed": (
        [("reversed(topo)", "topo")],
        r"Value\.backward: .*\.grad is 0 where",
        "for node in topo:",
        "the order is wrong: the step of",
    ),
    "a wrong order, results first": (
        [(APPEND, ""), (VISIT, VISIT + APPEND), ("reversed(topo)", "topo")],
        r"Value\.backward: x\.grad is -9 where p \+ p \* x, where p = x \* y has -15|Value\.backward: x\.grad is",
        "for node in topo:",
        "which still had to add to its gradient",
    ),
    "a repeated operand counted once": (
        [(STEP, BY_OPERAND)],
        r"Value\.__mul__: x\.grad is 3 where x \* x has 6 at x = 3",
        "v.grad += local * out.grad",
        "self is used 2 times in this one operation, and each use adds its contribution: 3 + 3 = 6; yours adds 3",
    ),
    "exchanged operands": (
        [(STEP, EXCHANGED)],
        r"Value\.__mul__: x\.grad is 2 where x \* y has -3 at x = 2, y = -3",
        "self.grad += self.data * out.grad",
        "the derivatives of the two operands are exchanged there; the table has ∂out/∂self = other = -3",
    ),
    "a sign": (
        [("self.grad += (1 - t**2)", "self.grad -= (1 - t**2)")],
        r"Value\.tanh: x\.grad is -0\.7864 where tanh\(x\) has 0\.7864 at x = 0\.5",
        "self.grad -= (1 - t**2) * out.grad",
        "the sign is wrong there",
    ),
    "an operand without a contribution": (
        [("            other.grad += self.data * out.grad\n", "")],
        r"Value\.__mul__: y\.grad is 0 where x \* y has 2 at x = 2, y = -3",
        "",
        "other.grad gets no contribution there",
    ),
    "an operand that is not kept": (
        [('(self, other), "*"', '(self,), "*"')],
        r"Value\.__mul__: y\.grad is 0 where",
        'out = Value(self.data * other.data, (self,), "*")',
        "other is not among the operands that the result keeps",
    ),
    "no operands at all": (
        [("return self + (-other)", "return Value(self.data - other.data)")],
        r"Value\.__sub__: x\.grad is 0 where x - y has 1 at x = 2, y = -3",
        "return Value(self.data - other.data)",
        "x is not among the operands that the result keeps",
    ),
    "values visited again and again": (
        [("if v not in visited:", "if True:")],
        r"Value\.backward: x\.grad is",
        "for node in reversed(topo):",
        "the step of one value ran twice",
    ),
    "no start": (
        [("        self.grad = 1.0\n        for", "        for")],
        r"Value\.backward: x\.grad is 0 where x \+ y has 1 at x = 2, y = -3",
        "def backward(self):",
        "backward must start with self.grad = 1",
    ),
    "a wrong number": (
        [("self.data + other.data", "self.data - other.data")],
        r"Value\.__add__: x \+ y is 5 where the table has -1 at x = 2, y = -3",
        'out = Value(self.data - other.data, (self, other), "+")',
        "is not what the operation '+' gives",
    ),
    "a wrong combination": (
        [("return self + (-other)", "return self + other")],
        r"Value\.__sub__: x - y is -1 where the table has 5 at x = 2, y = -3",
        "return self + other",
        "the operations that it is made of are right",
    ),
    "a step that fails": (
        [("self.grad += out.data * out.grad", "self.grad += out.dat * out.grad")],
        r"backward of exp\(x\) at x = 0\.5 raised AttributeError: 'Value' object has no attribute 'dat'",
        "self.grad += out.dat * out.grad",
        "",
    ),
    "a method that calls itself": (
        [("return self * other**-1", "return self / other")],
        r"x / y at x = 2, y = -4 raised RecursionError.* calls itself without end",
        "return self / other",
        "",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_named_with_its_line_and_why(name, tmp_path):
    changes, opening, text, advice = MISTAKES[name]
    engine = planted(tmp_path, *changes)
    report = check_engine(engine)
    assert not report and not report.ok
    said = str(report)
    assert re.match(opening, said), said
    assert text in (report.first.line.text if text else report.first.line.text + text), said
    assert advice in report.first.advice, said
    source = Path(engine.__file__).read_text().splitlines()
    assert source[report.first.line.number - 1].strip() == report.first.line.text
    assert f"your line, {report.first.line.file}:{report.first.line.number}:" in said
    with pytest.raises(AssertionError) as caught:
        report.raise_if_wrong()
    assert str(caught.value) == said


# The same for an engine that keeps local derivatives, and multiplies and adds in backward.
KEPT = {
    "a local derivative": (
        [("(1, 1)", "(1, -1)")],
        "Value.__add__: y.grad is -1 where x + y has 1 at x = 2, y = -3",
        "return Value(self.data + other.data, (self, other), (1, -1))",
        "the local derivatives are kept as (1, -1); the table has (1, 1)",
    ),
    "a gradient set": (
        [("child.grad += local", "child.grad = local")],
        "Value.backward: x.grad is 1 where sum([x, x, 2]) has 2 at x = 3",
        "child.grad = local * v.grad",
        "a gradient is set there",
    ),
    "the order": ([("reversed(order)", "order")], "Value.backward:", "for v in order:", "topological order"),
    "the other side": (
        [("return other + (-self)", "return self + (-other)")],
        "Value.__rsub__: 2 - x is 1 where the table has -1 at x = 3",
        "return self + (-other)",
        "",
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_mistakes_of_an_engine_that_keeps_local_derivatives(name, tmp_path):
    changes, opening, text, advice = KEPT[name]
    report = check_engine(planted(tmp_path, *changes, of="minimal"))
    assert str(report).startswith(opening)
    assert report.first.line.text == text and advice in report.first.advice


def test_relu_at_0_is_named_as_a_convention(tmp_path):
    report = check_engine(planted(tmp_path, ("(self.data > 0)", "(self.data >= 0)")))
    assert report
    (finding,) = [finding for finding in report.conventions if "relu" in finding.what]
    assert str(finding).startswith("Value.relu: x.grad is 1 where relu(x) has 0 at x = 0\n  your line, engine_")
    assert finding.line.text == "self.grad += (self.data >= 0) * out.grad"
    assert "kink" in finding.advice
    report = check_engine(planted(tmp_path, ("(self.data > 0)", "(2 * (self.data >= 0))")))
    assert not report and "relu" in report.first.where  # 2 is the slope of neither side


@pytest.mark.parametrize("engine", [original, lecture, minimal], ids=lambda m: m.__name__.rpartition(".")[2])
def test_right_engines_have_nothing_wrong_and_their_limits_are_said(engine):
    report = check_engine(engine)
    assert report and report.first is None and report.raise_if_wrong() is report
    said = str(report)
    assert said.startswith(f"nothing wrong found in {len(report.tried)} trials of Value\n")
    assert len(report.tried) > 60
    zero, chain = report.limits
    assert "x**0 at x = 0 raised ZeroDivisionError" in zero.what and zero.line.file.endswith(".py")
    assert "operations raise RecursionError" in chain.what and chain.line.text.startswith("build")
    (twice,) = report.conventions
    assert "backward() twice on one graph: x.grad is 102 where 26 + 26 is 52" in twice.what
    assert "x**y" in report.missing and "sigmoid" in report.missing and "x + y" not in report.missing
    assert ("2 - x" in report.missing) == (engine is lecture)  # which has no __rsub__


def test_ours_passes_with_every_row():
    for given in (Value, Value(2.0), micrograd.engine):
        report = check_engine(given)
        assert report and not report.limits and not report.conventions and not report.missing
    tried = {trial.entry.name for trial in trials_of(Engine(Value)) if trial.entry}
    assert tried == {entry.name for entry in TABLE.values()}


def test_only_some_operations():
    report = check_engine(lecture, ops=["tanh"])
    assert {name for name in report.tried if "tanh" in name} and not {name for name in report.tried if "exp" in name}
    with pytest.raises(ValueError, match=r"no operation 'tahn' \(did you mean 'tan'\?\)"):
        check_engine(lecture, ops=["tahn"])
    for ops, example in [("tanh", "tanh"), ("tahn", "add"), (iter(["tanh"]), "add"), (3, "add")]:
        with pytest.raises(TypeError, match=rf"ops=.* is not a list of names; write ops=\['{example}'\]$"):
            check_engine(lecture, ops=ops)
    assert check_engine(lecture, ops={"tanh"}).tried == check_engine(lecture, ops=("tanh",)).tried


def test_adopt_and_check_engine_mean_the_same_by_equal(tmp_path):
    engine = planted(tmp_path, ("(self.data > 0) * out.grad", "((self.data > 0) or 1e-10) * out.grad"))
    assert adopt(engine.Value(-2.0).relu())._operation.by_hand
    report = check_engine(engine, ops=["relu"])
    assert report.first.what.startswith("x.grad is 1e-10 where relu(x) has 0 at x = -")


def test_functions_of_the_module_are_tried(tmp_path):
    engine = planted(tmp_path)
    engine.exp = types.FunctionType(lecture.Value.exp.__code__, vars(engine), "exp")
    del engine.Value.exp
    report = check_engine(engine)
    assert report and "exp(x)" in report.tried and "exp" not in report.missing


def test_what_is_another_formula_of_the_same_function(tmp_path):
    gelu = (
        "    def gelu(self):\n        x = self.data\n        u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)\n"
        "        t = math.tanh(u)\n        out = Value(0.5 * x * (1 + t), (self,), 'gelu')\n\n"
        "        def _backward():\n"
        "            du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)\n"
        "            self.grad += (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du) * out.grad\n\n"
        "        out._backward = _backward\n        return out\n\n    def backward(self):"
    )
    report = check_engine(planted(tmp_path, ("    def backward(self):", gelu)))
    assert report and any("approximation with tanh" in finding.advice for finding in report.conventions)


def test_code_that_does_not_end_is_stopped(tmp_path):
    engine = planted(
        tmp_path, ("        self.grad = 1.0\n        for", "        while True:\n            pass\n        for")
    )
    report = check_engine(engine, seconds=0.3)
    assert report.first.what == "backward of x + y at x = 2, y = -3: it did not end within 0.3 seconds"
    assert report.first.line.text in ("while True:", "pass") and len(report.tried) == 1
    report = check_engine(
        planted(tmp_path, ("        x = self.data\n        t =", "        while True: pass\n        t =")), seconds=0.3
    )
    assert "did not end" in report.first.what and "tanh" in report.first.what


def test_an_engine_without_recursion_has_chains_of_any_length(tmp_path):
    recursive = original_build()
    loop = (
        "        stack = [(self, False)]\n        while stack:\n            v, done = stack.pop()\n"
        "            if done:\n"
        "                topo.append(v)\n            elif v not in visited:\n                visited.add(v)\n"
        "                stack.append((v, True))\n                stack.extend((child, False) for child in v._prev)\n"
    )
    report = check_engine(planted(tmp_path, (recursive, loop)))
    assert report and not [finding for finding in report.limits if "chain" in finding.what]


def original_build():
    source = Path(lecture.__file__).read_text()
    return source[source.index("        def build_topo") : source.index("        self.grad = 1.0")]


def test_engines_that_clear_gradients_differ_by_convention(tmp_path):
    clear = "        for v in topo:\n            v.grad = 0.0\n        self.grad = 1.0\n"
    report = check_engine(planted(tmp_path, ("        self.grad = 1.0\n", clear)))
    assert report
    assert [finding.what for finding in report.conventions] == [
        "x.grad is 6 after backward on two graphs of 6 each, not 12"
    ]


@pytest.mark.parametrize(
    "given, said",
    [
        (3.0, r"a float has no backward\(\); give the class of your Values"),
        (int, r"int has no backward\(\)"),
        (sys, r"one class with a backward\(\) is needed, and sys has none"),
        (type("V", (), {"backward": lambda self: None}), r"V\(2\.0\) raised TypeError: V\(\) takes no arguments"),
        (type("W", (), {"backward": lambda self: None, "__init__": lambda self, x: None}), r"W\(2\.0\) has no data"),
    ],
)
def test_what_is_no_engine_is_refused_in_words(given, said):
    with pytest.raises(TypeError, match=said):
        check_engine(given)


def test_a_class_without_source_is_checked_too():
    source = Path(lecture.__file__).read_text().replace("(1 - t**2) * out.grad", "t * out.grad")
    scope = {"__name__": "typed_in"}
    exec(compile(source, "<typed in>", "exec"), scope)
    report = check_engine(scope["Value"])
    assert report.first.where == "Value.tanh" and report.first.line.file == "<typed in>"
    assert "the table has ∂out/∂self = 1 - out * out = 0.7864; yours is" in report.first.advice


class Recursive:
    """An engine whose rules cannot be seen: each operation is a class, and backward goes down every path."""

    def __init__(self, data, children=()):
        self.data, self.grad, self.children = data, 0.0, children

    def backward(self, upstream=1.0):
        self.grad += upstream
        for child, local in zip(self.children, self.derivatives() if self.children else ()):
            child.backward(local * upstream)

    def __add__(self, other):
        return Sum(self.data + other.data, (self, other))

    def __mul__(self, other):
        return Product(self.data * other.data, (self, other))


class Sum(Recursive):
    op = "+"

    def derivatives(self):
        return 1.0, 1.0


class Product(Recursive):
    op = "*"

    def derivatives(self):
        return self.children[1].data, self.children[0].data


def test_an_engine_whose_rules_cannot_be_seen_is_tried_all_the_same(monkeypatch):
    assert check_engine(Recursive)
    monkeypatch.setattr(Product, "derivatives", lambda self: (self.children[1].data,) * 2)
    report = check_engine(Recursive)
    assert report.first.what == "y.grad is -3 where x * y has 2 at x = 2, y = -3"
    assert (report.first.where, report.first.advice) == (
        "Recursive.__mul__",
        "the table has ∂out/∂x = y, ∂out/∂y = x",
    )
    assert report.first.line.text == "return Product(self.data * other.data, (self, other))"


def test_every_trial_has_an_answer_of_ours():
    ours = Ours()
    for trial in trials_of(ours):
        result = trial.build(ours, *map(Value, trial.inputs.values()))
        result.backward()
