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
