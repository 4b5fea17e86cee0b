"""check_engine is fair: right engines of other kinds pass, and a mistake is named where it was made."""

from __future__ import annotations

import re
import warnings

import pytest
from helpers.planted import planted

from micrograd import check_engine

NUMPY = ("import math", "import math\nimport numpy as np")


@pytest.mark.parametrize("numbers", ["np.float32(data)", "np.float64(data)", "np.array(data, dtype=float)"])
def test_an_engine_of_numpy_numbers_stops_where_one_of_floats_does(tmp_path, numbers):
    with warnings.catch_warnings(record=True) as warned:  # an error would be caught by check_engine
        report = check_engine(planted(tmp_path, NUMPY, ("self.data = data", f"self.data = {numbers}")))
    assert report and not warned, report
    zero = report.limits[0]
    assert re.match(r"x\.grad is nan where x\*\*0 has 0 at x = 0: divide by zero", zero.what)
    assert zero.line.text == "self.grad += other * (self.data ** (other - 1)) * out.grad"


def test_a_wrong_gradient_of_numpy_numbers_is_wrong(tmp_path):
    wrong = [("(1 - t**2) * out.grad", "math.nan * out.grad")]
    report = check_engine(planted(tmp_path, NUMPY, ("self.data = data", "self.data = np.float64(data)"), *wrong))
    assert report.first.where == "Value.tanh"
    assert report.first.what == "x.grad is nan where tanh(x) has 0.7864 at x = 0.5"
    assert report.first.advice == "self.grad is nan there; the table has ∂out/∂self = 1 - out * out = 0.7864"


KEPT_BETWEEN_CALLS = {
    "a set": [("def backward(self):", "def backward(self, visited=set()):"), ("        visited = set()\n", "")],
    "a set and the order": [
        ("def backward(self):", "def backward(self, visited=set(), topo=[]):"),
        ("        visited = set()\n", ""),
        ("        topo = []\n", ""),
    ],
    "a mark on each value": [
        ("        visited = set()\n", ""),
        ("if v not in visited:", "if not hasattr(v, 'seen'):"),
        ("visited.add(v)", "v.seen = True"),
    ],
}


@pytest.mark.parametrize("kept", KEPT_BETWEEN_CALLS)
def test_what_backward_visited_must_not_be_kept_between_calls(tmp_path, kept):
    report = check_engine(planted(tmp_path, *KEPT_BETWEEN_CALLS[kept]))
    assert not report and report.first.where == "Value.backward"
    if kept == "a set and the order":  # the steps of all that came before run too
        assert "backward for a second time raised ZeroDivisionError" in report.first.what
    else:
        assert report.first.what.startswith("x.grad is 0 where p * y, where p = x * y, has 25 at x = 2, y = 5, after")
    assert report.first.advice.startswith("what backward visited is kept between calls: make the set")
    assert report.first.line.text.startswith("def backward(self")


ALONE = '    def __rmul__(self, other):\n        return Value(self.data * other, (self,), "*")\n'
TIMES = "    def __rmul__(self, other):\n        return self * other\n"
FORGOTTEN = "its result still has the empty _backward from __init__: did you forget out._backward = _backward?"
KEPT = "        out._backward = _backward\n"
RELU = "            self.grad += (self.data > 0) * out.grad\n\n"


@pytest.mark.parametrize(
    "changes, where, what, text",
    [
        ([(RELU + KEPT, RELU)], "Value.relu", "x.grad is 0 where relu(x) has 1 at x = 2", "return out"),
        ([(KEPT, "")], "Value.__add__", "x.grad is 0 where x + y has 1 at x = 2, y = -3", "return out"),
        (
            [(TIMES, ALONE)],
            "Value.__rmul__",
            "x.grad is 0 where 2 * x has 2 at x = 3",
            'return Value(self.data * other, (self,), "*")',
        ),
    ],
    ids=["relu", "+", "2 * x"],
)
def test_a_step_that_was_not_set_is_missed_where_the_result_is_made(tmp_path, changes, where, what, text):
    report = check_engine(planted(tmp_path, *changes))
    assert (report.first.where, report.first.what, report.first.advice) == (where, what, FORGOTTEN)
    assert report.first.line.text == text
    lines = (tmp_path / report.first.line.file).read_text().splitlines()
    above = [line.strip() for line in lines[: report.first.line.number] if line.startswith("    def ")]
    assert above[-1].startswith(f"def {where.removeprefix('Value.')}(")


EQUAL = "    def __eq__(self, other):\n        return isinstance(other, Value) and self.data == other.data\n\n"
HASH = "    def __hash__(self):\n        return hash(self.data)\n\n"


@pytest.mark.parametrize("both", [True, False], ids=["with __hash__", "not hashable"])
def test_values_that_are_equal_by_their_data_are_named(tmp_path, both):
    engine = planted(tmp_path, ("    def __add__", EQUAL + HASH * both + "    def __add__"))
    before = dict(vars(engine.Value))
    report = check_engine(engine)
    assert report.first.where == "Value.__eq__" and report.first.line.text == "def __eq__(self, other):"
    names = "__eq__ and __hash__" if both else "__eq__"
    assert report.first.advice.startswith(f"Value has {names} of its own, so two values with equal numbers")
    if both:
        assert not {finding.where for finding in report.wrong} - {"Value.__eq__"}
    else:
        assert "raised TypeError: unhashable type: 'Value'" in report.first.what
    assert dict(vars(engine.Value)) == before


def test_a_hash_that_does_no_harm_is_not_blamed(tmp_path):
    wrong = ("self.grad += 1.0 * out.grad", "self.grad = 1.0 * out.grad")
    engine = planted(tmp_path, ("    def __add__", HASH.replace("self.data", "7") + "    def __add__"), wrong)
    assert {finding.where for finding in check_engine(engine).wrong} == {"Value.__add__"}


BACKWARD = "    def backward(self):"
LEAKY = """    def leaky_relu(self{argument}):
        out = Value(self.data if self.data > 0 else {slope} * self.data, (self,), "leaky_relu")

        def _backward():
            self.grad += (1.0 if self.data > 0 else {derivative}) * out.grad

        out._backward = _backward
        return out

"""
GELU = """    def gelu(self):
        s = 1 / (1 + math.exp(-1.702 * self.data))
        out = Value(self.data * s, (self,), "gelu")

        def _backward():
            self.grad += (s + 1.702 * self.data * s * (1 - s)) * out.grad

        out._backward = _backward
        return out

"""


@pytest.mark.parametrize("argument, slope", [(", alpha=0.1", "alpha"), ("", "0.1"), (", slope=0.1", "slope")])
def test_another_default_of_a_setting_is_a_convention(tmp_path, argument, slope):
    def checked(derivative):
        leaky = LEAKY.format(argument=argument, slope=slope, derivative=derivative)
        return check_engine(planted(tmp_path, (BACKWARD, leaky + BACKWARD)))

    report = checked(slope)
    assert report, report
    (finding,) = [finding for finding in report.conventions if "leaky_relu" in finding.what]
    assert str(finding).startswith("Value.leaky_relu: leaky_relu(x) is -0.3 where the table has -0.03 at x = -3\n")
    assert finding.advice.startswith("yours takes 0.1 for slope, the table 0.01 where none is given")
    assert str(checked("0.2")).startswith(
        "Value.leaky_relu: leaky_relu(x) is -0.3 where"
    )  # its two numbers are not of one slope


def test_the_sigmoid_approximation_of_gelu_is_a_convention(tmp_path):
    report = check_engine(planted(tmp_path, (BACKWARD, GELU + BACKWARD)))
    assert report and any("approximation with a sigmoid" in finding.advice for finding in report.conventions), report
    wrong = GELU.replace(" * (1 - s)", "")
    assert str(check_engine(planted(tmp_path, (BACKWARD, wrong + BACKWARD)))).startswith("Value.gelu: ")
