"""A gradient that is set where it must be added to is found in whatever operation it stands, and in either operand."""

from __future__ import annotations

import pytest

from micrograd import check_engine
from micrograd.table import TABLE

# Every operation with a body of its own: what it computes, and its two derivatives.
BODIES = {
    "__add__": ("self.data + other.data", "1.0", "1.0"),
    "__sub__": ("self.data - other.data", "1.0", "-1.0"),
    "__mul__": ("self.data * other.data", "other.data", "self.data"),
    "__truediv__": ("self.data / other.data", "1.0 / other.data", "-self.data / other.data**2"),
}
ENGINE = """
class Value:
    def __init__(self, data, _children=(), _op=""):
        self.data, self.grad, self._prev, self._op = data, 0.0, _children, _op
        self._backward = lambda: None

    def backward(self):
        order, visited = [], set()

        def visit(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()
"""
METHOD = """
    def {name}(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value({data}, (self, other), "{symbol}")

        def _backward():
            self.grad {self_sign} {d_self} * out.grad
            other.grad {other_sign} {d_other} * out.grad

        out._backward = _backward
        return out
"""
SYMBOLS = {entry.method: entry.symbol for entry in TABLE.values() if entry.method}


def engine(tmp_path, name, wrong):
    """An engine whose operations are all right but one, of which one step, `self` or `other`, sets its gradient."""
    text = ENGINE
    for method, (data, d_self, d_other) in BODIES.items():
        signs = {f"{x}_sign": "=" if (method, x) == (name, wrong) else "+=" for x in ("self", "other")}
        text += METHOD.format(name=method, data=data, d_self=d_self, d_other=d_other, symbol=SYMBOLS[method], **signs)
    made = {"__name__": "engine"}
    (tmp_path / "engine.py").write_text(text)
    exec(compile(text, str(tmp_path / "engine.py"), "exec"), made)
    return made["Value"]


def test_the_engine_without_a_mistake_passes(tmp_path):
    report = check_engine(engine(tmp_path, "", ""))
    assert report, report


@pytest.mark.parametrize("wrong", ["self", "other"])
@pytest.mark.parametrize("name", BODIES)
def test_a_gradient_that_is_set_is_found(tmp_path, name, wrong):
    report = check_engine(engine(tmp_path, name, wrong))
    assert report.first.where == f"Value.{name}", report
    assert f"{wrong}.grad is set there, where it must be added to: write +=" in report.first.advice, report
    assert report.first.line.text.startswith(f"{wrong}.grad = ")
