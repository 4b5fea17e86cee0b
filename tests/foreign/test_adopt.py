"""Other people's Values in our views: read as they are, true to their own backward, and left as they were."""

from __future__ import annotations

import io
import math
import xml.etree.ElementTree as ET

import numpy
import pytest
from helpers.cases import CASES
from helpers.engines import lecture, minimal, original
from helpers.graphs import programs
from helpers.planted import planted
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, adopt, check_engine, debug, draw_dot, explain, save, svg, topological_order, trace, tree
from micrograd.foreign.reading import Reader
from micrograd.table import FLOAT, TABLE

UNKNOWN = "no such operation"


class Bare:
    """No more than has to be there."""

    def __init__(self, data, children=(), op="", label=""):
        self.data, self.grad, self._prev, self._op, self.label = data, 0.0, children, op, label


def run(program, leaves):
    """As `helpers.graphs.run`, with the operations that all these engines have."""
    nodes = list(leaves)
    for symbol, i, j in program:
        x, y = nodes[i % len(nodes)], nodes[j % len(nodes)]
        make = {"+": lambda: x + y, "-": lambda: (x * y) ** 2, "*": lambda: x * y, "t": lambda: x.relu()}  # noqa: B023
        nodes.append(make[symbol]())
        if abs(nodes[-1].data) > 1e3:
            nodes[-1] = x
    return nodes[-1]


@pytest.mark.parametrize("engine", [lecture, original, minimal], ids=lambda m: m.__name__.rpartition(".")[2])
@given(program=programs(), point=st.tuples(*[st.floats(0.1, 1.5)] * 3))
def test_a_graph_of_theirs_looks_as_the_same_graph_of_ours(engine, program, point):
    theirs, ours = [engine.Value(x) for x in point], [Value(x) for x in point]
    result, wanted = run(program, theirs), run(program, ours)
    copy = adopt(result)
    assert copy.data == wanted.data
    assert [x.data for x in topological_order(copy)] == [x.data for x in topological_order(wanted)]
    names = dict(zip("xyz", theirs)), dict(zip("xyz", ours))
    if engine is not minimal:  # which keeps no symbols: x**1 and relu(x) are the same to it
        assert tree(result, names=names[0], depth=99) == tree(wanted, names=names[1], depth=99)
        assert draw_dot(result, names=names[0]).source == draw_dot(wanted, names=names[1]).source
    recorded, expected = trace(result, names=names[0]), trace(wanted, names=names[1])
    assert recorded.grads() == pytest.approx(expected.grads(), rel=1e-12)
    assert len(recorded) == len(expected)
    if copy._prev:  # else backward has nothing to do
        result.backward()
        wanted.backward()
        assert [x.grad for x in theirs] == pytest.approx([x.grad for x in ours], rel=1e-9, abs=1e-12)
        drawn = [node.grad for node in trace(result).graph.nodes]
        assert drawn == pytest.approx([x.grad for x in topological_order(wanted)], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("entry, operands, static", CASES)
@pytest.mark.parametrize("symbol", ["symbol", "name"])
def test_every_row_is_known_by_its_symbol_and_by_its_name(entry, operands, static, symbol):
    bound = entry.bind(**static)
    wanted = bound.rule(FLOAT, *map(float, operands))[0]
    leaves = [Bare(float(x)) for x in operands]
    written = bound.symbol if symbol == "symbol" or entry.name == "power" else entry.name
    copy = adopt(Bare(wanted, tuple(leaves), written))
    if set(static) <= {"exponent"}:  # another setting is nowhere to be read
        assert not copy._operation.by_hand
        assert [x.data for x in copy._prev] == [float(x) for x in operands]
        assert copy._operation.name == entry.name or copy.data == wanted


@pytest.mark.parametrize("entry", [TABLE[name] for name in ("add", "sub", "mul", "div")], ids=lambda e: e.name)
def test_a_set_of_operands_gets_its_order_and_its_repeats_back(entry):
    for a, b in [(2.0, -3.0), (-3.0, 2.0), (7.0, 7.5)]:
        wanted = entry(a, b)
        copy = adopt(Bare(wanted, {Bare(a), Bare(b)}, entry.symbol))
        assert copy._operation is entry and entry(*[x.data for x in copy._prev]) == wanted
    x = Bare(3.0, label="x")
    copy = adopt(Bare(entry(3.0, 3.0), {x}, entry.symbol))
    assert copy._operation is entry and copy._prev[0] is copy._prev[1]
    copy = adopt(Bare(-3.0, {x}, "-"))
    assert copy._operation is TABLE["neg"] and len(copy._prev) == 1


@pytest.mark.parametrize(
    "symbol, exponent", [("**3", 3), ("**-1", -1), ("**0.5", 0.5), ("^2", 2), ("pow 2", 2), ("**1/3", 1 / 3)]
)
def test_exponents_are_read_from_symbols(symbol, exponent):
    assert adopt(Bare(2.0**exponent, (Bare(2.0),), symbol))._operation.static == (("exponent", exponent),)


@pytest.mark.parametrize(
    "symbol, name",
    [
        ("ReLU", "relu"),
        ("relu", "relu"),
        ("\N{GREEK SMALL LETTER SIGMA}", "sigmoid"),
        ("TANH", "tanh"),
        ("ln", "log"),
        ("__exp__", "exp"),
    ],
)
def test_functions_go_by_many_names(symbol, name):
    assert adopt(Bare(TABLE[name](2.0), (Bare(2.0),), symbol))._operation is TABLE[name]


def test_an_operation_may_be_a_class_and_other_attributes_may_hold_the_rest():
    class Times:
        pass

    class Node:
        def __init__(self, data, parts=(), made_by=None):
            self.data, self.grad, self.parts, self.made_by = data, None, parts, made_by

    x = Node(3.0)
    with pytest.raises(
        TypeError, match=r"has data and grad but no operands \(looked for _prev, .*adopt\(value, operands"
    ):
        tree(Node(6.0, (x, x), "+"))
    copy = adopt(Node(6.0, (x, x), "+"), operands="parts", symbol="made_by")
    assert (copy._op, copy._prev[0] is copy._prev[1]) == ("+", True)
    Times.__name__ = "mul"
    assert adopt(Node(9.0, (x, x), Times), operands="parts", symbol="made_by")._operation is TABLE["mul"]
    with pytest.raises(TypeError, match=r"looked for pieces"):
        adopt(x, operands="pieces")


def test_an_engine_without_symbols_is_read_by_its_numbers():
    x, y = minimal.Value(2.0), minimal.Value(3.0)
    z = (x * y + x).exp().log().relu() * (x + 1e-5) ** -0.5
    assert [v._op for v in topological_order(adopt(z)) if v._prev] == [
        "*",
        "+",
        "exp",
        "log",
        "ReLU",
        "+",
        "**-0.5",
        "*",
    ]


def test_numbers_of_any_kind():
    class Tensor:
        def __init__(self, x):
            self.x = x

        def item(self):
            return self.x

    for two in (2, 2.0, numpy.float32(2), numpy.int64(2), numpy.array(2.0), numpy.array([2.0]), Tensor(2.0)):
        x = Bare(two)
        assert adopt(Bare(6.0, (x, 3.0), "*"))._prev[0].data == 2.0
        assert adopt(Bare(6.0, (x, numpy.float64(3.0)), "*"))._prev[1].data == 3.0
        assert [v.data for v in adopt(Bare(5.0, [x, Tensor(3.0)], "+"))._prev] == [2.0, 3.0]
    constant = adopt(Bare(6.0, (Bare(2.0), 3.0), "*"))._prev[1]
    assert "3" in tree(Bare(6.0, (Bare(2.0, label="x"), 3.0), "*")) and constant._operation.name == "constant"


def test_steps_show_what_theirs_does_where_it_is_not_what_the_table_says(tmp_path):
    engine = planted(tmp_path, ("self.grad += other.data * out.grad", "self.grad = other.data * out.grad"))
    x, y = engine.Value(3.0, label="x"), engine.Value(2.0, label="y")
    z = x * y + x
    t = trace(z)
    z.backward()
    assert t.grads()[t.graph.node("x").index] == x.grad == 2.0  # and not 3, as the table has it
    by_hand = [step for step in t if step.local is None]
    assert [t.graph.nodes[step.sender].formula for step in by_hand] == ["x * y", "x * y"]
    assert by_hand[0].contribution == 1.0  # from 1 to 2
    right = trace(lecture.Value(3.0) * lecture.Value(2.0))
    assert all(step.local is not None for step in right)


class Both:
    """An engine whose nodes keep local derivatives and have a step too; backward uses the one or the other."""

    by_step = True

    def __init__(self, data, children=(), op="", local_grads=()):
        self.data, self.grad, self._children, self._op, self._local_grads = data, 0.0, children, op, local_grads
        self._backward = lambda: None

    def __mul__(self, other):
        out = Both(self.data * other.data, (self, other), "*", self.derivatives(other))

        def _backward():
            self.grad += self.factor(other) * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def derivatives(self, other):
        return other.data, self.data

    def factor(self, other):
        return other.data

    def backward(self):
        self.grad = 1.0
        for node in reversed(topological_order(Reader().node(self))):
            if self.by_step:
                node.theirs._backward()
            else:
                for x, local in zip(node.theirs._children, node.theirs._local_grads):
                    x.grad += local * node.theirs.grad


def test_a_step_and_local_derivatives_must_both_be_the_table_s(monkeypatch):
    x, y = Both(2.0), Both(-3.0)
    assert check_engine(Both, ops=["mul"]) and not adopt(x * y)._operation.by_hand
    with monkeypatch.context() as patch:
        patch.setattr(Both, "factor", lambda self, other: -other.data)
        report = check_engine(Both, ops=["mul"])
        assert report.first.line.text == "self.grad += self.factor(other) * out.grad"
        assert report.first.advice.startswith("the sign is wrong there; the table has ∂out/∂self = other = -3")
        assert [step.local for step in trace(x * y)] == [None, None]
    monkeypatch.setattr(Both, "by_step", False)
    monkeypatch.setattr(Both, "derivatives", lambda self, other: (self.data, self.data))
    report = check_engine(Both, ops=["mul"])
    assert report.first.advice == "the local derivatives are kept as (2, 2); the table has (-3, 2)"
    assert [step.local for step in trace(x * y)] == [None, None]


def test_an_operation_that_nobody_knows_runs_its_own_step():
    x = Bare(3.0, label="x")
    z = Bare(5.0, {x}, UNKNOWN)

    def _backward():
        x.grad += 7.0 * z.grad

    z._backward = _backward
    t = trace(z)
    assert [step.contribution for step in t] == [7.0] and x.grad == 0.0
    assert UNKNOWN in tree(z)
    del z._backward
    assert "data 5" in tree(z)
    with pytest.raises(
        TypeError, match=r"'no such operation' is not one of the table that gives 5\.0 here, and it has no step"
    ):
        trace(z)


def test_a_step_written_in_a_notebook_s_cell():
    scope = {"Value": lecture.Value}
    cell = """
x = Value(3.0); y = Value(2.0)
z = Value(x.data - y.data, (x, y), "-")
def _backward():
    x.grad += z.grad
    y.grad += -z.grad
z._backward = _backward
"""
    exec(cell, scope)
    t = trace(scope["z"], names=scope)
    assert t.forward() == ["z = x - y = 3 - 2 = 1"]
    assert [step.local for step in t] == [1.0, -1.0]


def test_nothing_of_theirs_changes(tmp_path):
    x, y = lecture.Value(3.0, label="x"), lecture.Value(-2.0, label="y")
    z = ((x * y).tanh() + x**2 - y).relu()
    nodes = [node.theirs for node in topological_order(Reader().node(z))]
    for i, node in enumerate(nodes):
        node.grad = float(i + 1)
    before = [dict(vars(node)) for node in nodes]
    t = trace(z)
    print(t, t.why(x), tree(z), svg(z))
    t.apply()
    assert [vars(node) for node in nodes] == before

    def fails():
        x.grad = 99.0
        raise RuntimeError("a step that fails")

    z._backward = fails
    before = [dict(vars(node)) for node in nodes]
    assert "x" in tree(z)
    with pytest.raises(RuntimeError, match="a step that fails"):
        trace(z)
    assert [vars(node) for node in nodes] == before


def test_all_views_read_them(tmp_path, monkeypatch):
    x, y = original.Value(2.0), original.Value(-4.0)
    z = x / (x + y)
    names = {"x": x, "nested": [y], "z": z}
    assert "nested.0" in draw_dot(z, names=names).source
    ET.fromstring(svg(z, names=names))
    assert save(z, tmp_path / "z.dot", names=names).read_text().count("->") >= 4
    t = trace(z, names=names)
    assert t.why(x).gradient == t.why("x").gradient == -1.0
    assert [step.number for step in t.at(y)] == [step.number for step in t.at("nested.0")]
    with pytest.raises(KeyError):
        t.why(original.Value(2.0))
    explain(z, tmp_path / "z.html", names=names)
    assert "nested.0" in (tmp_path / "z.html").read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO("s\nq\n"))
    debug(z, names=names)


def test_their_modules_give_names():
    class Neuron:
        def __init__(self):
            self.w, self.b = [lecture.Value(0.5), lecture.Value(-0.5)], lecture.Value(0.0)

        def parameters(self):
            return [*self.w, self.b]

    neuron = Neuron()
    out = (neuron.w[0] * 1.5 + neuron.w[1] * 2.5 + neuron.b).tanh()
    for names, prefix in ((neuron, ""), ({"n": neuron}, "n.")):
        text = tree(out, names=names, depth=9)
        assert all(prefix + name in text for name in ("w.0", "w.1", "b"))


def test_a_gradient_is_a_dot_until_their_backward_has_run():
    x = lecture.Value(3.0, label="x")
    z = x * 0.0
    assert "grad ·" in tree(z)
    z.backward()
    assert "grad ·" not in tree(z) and "grad 0" in tree(z)


class Raises:
    def __getattr__(self, name):
        raise RuntimeError("nobody may look")


def in_a_circle():
    x, y = Bare(1.0), Bare(2.0)
    x._prev, y._prev = (y,), (x,)
    return x


def unsized():
    found = Bare(1.0)
    found._prev = 7
    return found


@pytest.mark.parametrize(
    "root, kind, said",
    [
        (3.0, TypeError, "give a Value to look at"),
        ("z", TypeError, "give a Value to look at"),
        (None, TypeError, "give a Value to look at"),
        (Bare, TypeError, "give a Value to look at|no list of operands|has data"),
        (numpy.ones(3), TypeError, "give a Value to look at|no grad"),
        (Raises(), TypeError, r"reading \._prev of a Raises raised RuntimeError: nobody may look"),
        (Bare("2"), TypeError, r"data of a Bare: '2' is a str; convert text with float"),
        (Bare(None), TypeError, r"data of a Bare: None"),
        (Bare(2j), TypeError, "real numbers only"),
        (Bare(numpy.ones(3)), TypeError, "a Value holds one number"),
        (Bare(len), TypeError, "is a method"),
        (Bare(1.0, ("x",), "+"), TypeError, "an operand of a Bare is 'x', a str"),
        (Bare(1.0, {"x": 1}, "+"), TypeError, "the operands of a Bare are a dict"),
        (unsized(), TypeError, "the operands of a Bare are a int: give a tuple"),
        (in_a_circle(), ValueError, "is computed from itself"),
        ([Bare(1.0)], TypeError, "give one Value to look at, not 1"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_cannot_be_read_is_refused_in_words(root, kind, said):
    for view in (tree, draw_dot, trace):
        with pytest.raises(kind, match=said):
            view(root)


def test_a_hundred_thousand_nodes():
    x = original.Value(0.5)
    y = x
    for _ in range(50_000):
        y = (y * x) + x
    t = trace(y)
    assert len(t) == 200_000 and math.isfinite(t.grads()[t.graph.node(x).index])


def test_a_copy_is_a_graph_like_any_other():
    x = lecture.Value(3.0, label="x")
    copy = adopt((x * x).tanh())
    copy.backward(create_graph=True)
    (leaf,) = [v for v in topological_order(copy) if v.label == "x"]
    assert leaf.grad.data == pytest.approx(6 * (1 - math.tanh(9.0) ** 2), rel=1e-6)
    assert check_engine(type(copy))
