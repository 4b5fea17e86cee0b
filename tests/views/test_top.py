"""A tree looks like the whole snapshot's, without taking it; a page too large is refused before it is recorded."""

from __future__ import annotations

import functools
import math
import random

import pytest
from helpers.graphs import programs, run
from hypothesis import given
from hypothesis import strategies as st

from micrograd import Value, explain, log, logsumexp, trace, tree
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.views import top
from micrograd.views.page import document
from micrograd.views.sentence import text
from micrograd.views.snapshot import Snapshot, snapshot
from micrograd.views.top import Top, top_of
from micrograd.views.tree import tree_lines


def whole(root, depth=3, names=None):
    """The tree as the whole snapshot gives it."""
    return text(*tree_lines(snapshot(root, names=names), depth=depth))


@given(programs(), st.integers(0, 6), st.sets(st.sampled_from("xyv"), max_size=3), st.booleans())
def test_random_graphs(program, depth, labelled, has_gradients):
    leaves = [Value(0.5), Value(-2.0), Value(1.25)]
    for label, leaf in zip(sorted(labelled), leaves):
        leaf.label = label + "1" if label == "v" else "x"  # one that a value without a name would have; and one twice
    out = run(program, leaves)
    if has_gradients:
        out.backward()
    assert isinstance(top_of(out, depth=depth, most=1000), Top)
    assert str(tree(out, depth)) == whole(out, depth)
    assert str(tree(out, depth, names={"z": leaves[2], "out": out})) == whole(out, depth, {"z": leaves[2], "out": out})


@pytest.mark.parametrize("depth", [0, 1, 4, 50])
def test_nets_with_and_without_names(depth):
    net = MLP(3, [4, 2, 1], rng=random.Random(0))
    loss = mse([net([0.1, 0.2, i]) for i in range(5)], [0.0] * 5)
    loss.backward()
    for names in (None, net, {"net": net, "loss": loss}):
        assert str(tree(loss, depth, names=names)) == whole(loss, depth, names)


def test_many_lines_and_many_operands():
    wide = logsumexp([Value(float(i)) for i in range(3000)])
    assert str(tree(wide)) == whole(wide) and "and more, after 1,000 lines" in str(tree(wide))
    deep = functools.reduce(lambda x, _: x * x, range(20), Value(1.0))  # a million paths
    assert str(tree(deep, 99)) == whole(deep, 99)


def test_where_a_number_is_not_finite_all_nodes_are_looked_at():
    x = Value(1e200, label="x")
    far = functools.reduce(lambda a, _: a * 1.0, range(20), x * x)
    assert isinstance(top_of(far, depth=1, most=9), Snapshot)
    assert str(tree(far)) == whole(far) and "reached by inf" in str(tree(far))
    y = Value(2.0, label="y")
    z = y * 3.0
    z.backward()
    y.grad = math.inf
    assert str(tree(z)) == whole(z) and "inf is born here" in str(tree(z))
    with pytest.raises(ValueError, match="needs") as caught:
        log(y - 5.0)
    assert str(tree(caught.value)) == whole(caught.value) and "failed" in str(tree(caught.value))


def chain(length):
    return functools.reduce(lambda x, _: x * 1.0, range(length), Value(2.0, label="x"))


def test_a_large_graph_is_not_made_into_nodes(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the whole snapshot was taken")

    z, made = chain(20_000), []
    expected = whole(z)
    monkeypatch.setattr(top, "snapshot_of", refuse)
    monkeypatch.setattr(top, "Node", lambda *args, plain=top.Node, **more: made.append(args) or plain(*args, **more))
    assert str(tree(z)) == expected and expected.startswith("v20000 = v19999 * 1 ")
    assert len(made) == 9  # four lines, the operands of the last, and the constants


def test_a_graph_too_large_for_a_page_is_refused_before_it_is_recorded(monkeypatch, tmp_path):
    z = chain(document.MAX_VALUES)
    said = r"^a page of 40,001 values is too large for a browser \(at most 20,000\): explain a part"
    recorded = trace(z)
    for name in ("sweep", "snapshot_of"):
        monkeypatch.setattr(f"micrograd.views.record.{name}", lambda *_, **__: pytest.fail("work before counting"))
    with pytest.raises(ValueError, match=said):
        explain(z)
    with pytest.raises(ValueError, match=said):
        explain(z, tmp_path / "page.html")
    with pytest.raises(ValueError, match=said):
        recorded.html(tmp_path / "page.html")
    assert not [*tmp_path.iterdir()] and recorded.size == 40_001
