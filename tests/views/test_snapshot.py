"""The snapshot: order, edges, names, kinds, groups; and folding."""

from __future__ import annotations

import random

import numpy
import pytest

from micrograd import Value, detect_anomaly, logsumexp, no_grad, relu, trace, where
from micrograd.losses import hinge
from micrograd.nn import MLP, Neuron
from micrograd.views.fold import LEVELS, MAX_BOXES, fold
from micrograd.views.snapshot import Edge, snapshot


def net_loss(rows=4, sizes=(4, 4, 1)):
    net = MLP(3, list(sizes), rng=random.Random(0))
    X = [[i / 7, 1 - i / 5, 0.3] for i in range(rows)]
    return net, hinge([net(row) for row in X], [1 if i % 2 else -1 for i in range(rows)])


def test_nodes_edges_uses_and_formulas():
    x, y = Value(2.0, label="x"), Value(-4.0)
    s = x + y
    graph = snapshot(x * s * x, names={"y": y, "s": s, "net": None, "_": x})
    assert [str(node) for node in graph.nodes] == [
        "x = 2",
        "y = -4",
        "s = x + y = -2",
        "v1 = x * s = -4",
        "v2 = v1 * x = -8",
    ]
    assert [node.uses for node in graph.nodes] == [3, 1, 1, 1, 0]
    assert Edge(0, 4, 1) in list(graph.edges)
    assert graph.root is graph.node("v2") is graph.node(4) is graph.node(graph.root.value)
    doubled = snapshot(y + y)
    assert list(doubled.edges) == [Edge(0, 1, 0), Edge(0, 1, 1)]


def test_a_local_derivative_names_its_operand_or_the_operand_s_place():
    x, y = Value(2.0, label="x"), Value(3.0, label="3")
    for result, by in [(x * y, ["x", "3"]), (x + x, ["(operand 1)", "(operand 2)"]),
                       (y * 3.0, ["(operand 1)", "(operand 2)"]),
                       (where(x, x, y), ["(operand 1)", "(operand 2)", "3"])]:  # fmt: skip
        result.label = "z"
        graph = snapshot(result)
        symbols = [graph.partial(graph.root, i) for i in range(len(by))]
        assert symbols == [f"∂z/∂{name}" for name in by]
        for step in trace(result):
            assert f" {symbols[step.position]} = " in repr(step)
    graph = snapshot(x * y)
    assert graph.partial(graph.root, 1, lambda name: name[:1] + "…") == "∂v…/∂3…"


def test_names_labels_first_then_names_then_numbers():
    a, b, c = Value(1.0, label="a"), Value(2.0), Value(3.0, label="a")
    graph = snapshot((a + b) * c * 2.0, names={"other": a, "b": [b]})
    assert [node.name for node in graph.nodes] == ["a", "b.0", "v1", "a_2", "v2", "2", "v3"]
    assert [node.kind for node in graph.nodes][5] == "constant"
    assert not graph.node("v1").named and graph.node("b.0").named
    with pytest.raises(KeyError, match=r"no node is called 'zz': there are 'a', 'b\.0', 'v1'"):
        graph.node("zz")
    with pytest.raises(KeyError, match="not in this graph"):
        graph.node(Value(1.0))


def test_parameters_have_their_paths_with_and_without_names():
    net, loss = net_loss(rows=1)
    without = {node.name for node in snapshot(loss).nodes if node.kind == "parameter"}
    assert without == {name for name, _ in net.named_parameters()}
    named = {node.name for node in snapshot(loss, names={"net": net}).nodes if node.kind == "parameter"}
    assert named == {f"net.{name}" for name, _ in net.named_parameters()}
    assert {node.name for node in snapshot(loss, names=net).nodes if node.kind == "parameter"} == without
    alone = Neuron(2, rng=random.Random(0))
    assert snapshot(alone([1.0, 2.0]), names={"n": alone}).node("n.w.1").kind == "parameter"


def test_groups_say_which_neuron_and_layer_made_a_value():
    _, loss = net_loss(rows=2)
    graph = snapshot(loss)
    groups = {node.group for node in graph.nodes if node.group}
    assert {g.layer for g in groups} == {"layers.0", "layers.1", "layers.2"}
    assert len({g.neuron for g in groups}) == 9
    assert graph.root.group is None
    shared = [node for node in graph.nodes if node.kind == "parameter"]
    assert {node.group.call for node in shared} == {-1}
    x = Value(1.0) * 2.0  # an input that was computed does not belong to the neuron
    inner = snapshot(Neuron(1, rng=random.Random(0))([x]))
    assert inner.node(x).group is None


def test_gradients_that_backward_has_not_reached_are_none():
    x, y = Value(2.0), Value(3.0)
    z = x * y
    assert [node.grad for node in snapshot(z).nodes] == [None] * 3
    z.backward()
    assert [node.grad for node in snapshot(z).nodes] == [3.0, 2.0, 1.0]
    w = x * 0.0 + y
    assert snapshot(w).node(x).grad == 3.0
    (x * 0.0).backward()
    assert snapshot(x * 2).node(x).grad == 3.0
    net = Neuron(1)
    net([1.0]).backward()
    net.zero_grad()
    assert snapshot(net.w[0]).root.grad is None


def test_taking_a_snapshot_changes_nothing_and_keeps_what_was():
    x = Value(2.0)
    z = x * x
    graph = snapshot(z)
    x.data, x.grad = 7.0, 9.0
    assert graph.nodes[0].data == 2.0 and graph.nodes[0].grad is None


def test_parts_around_a_node_and_on_its_way_to_the_result():
    a, b, c = (Value(float(i), label=name) for i, name in enumerate("abc"))
    d = a * b
    d.label = "d"
    e = (d + c).tanh()
    graph = snapshot(e)
    names = lambda part: {graph.nodes[i].name for i in part}  # noqa: E731
    assert names(graph.around("d", hops=1)) == {"a", "b", "d", "v1"}
    assert names(graph.around(d, hops=0)) == {"d"}
    assert names(graph.between(a)) == {"a", "d", "v1", "v2"}


def test_a_failed_operation_is_the_last_node():
    x = Value(1.0, label="x")
    for attempt in (lambda: (x - 1.0).log(), lambda: 1.0 / (x - 1.0)):
        with pytest.raises((ValueError, ZeroDivisionError)) as caught:
            attempt()
        graph = snapshot(caught.value)
        assert graph.root.kind == "failed operation"
        assert graph.error == str(caught.value)
        assert graph.node("x").data == 1.0
    with detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        (x * 1e200) * 1e200
    assert snapshot(caught.value).root.kind == "failed operation"


def test_roots_that_are_no_values_are_refused():
    for root in (3.0, [Value(1.0), Value(2.0)], ValueError("another")):
        with pytest.raises(TypeError, match=r"give (a|one) Value to look at"):
            snapshot(root)


def test_local_derivatives_as_formulas_and_numbers():
    x = Value(0.0, label="x")
    graph = snapshot(x.sqrt() + (x * 2.0).tanh())
    assert graph.locals_of(graph.node("v1")) == [("0.5 / v1", None)]  # infinite: it cannot be had
    assert graph.locals_of(graph.node("v3")) == [("1 - v3 * v3", 1.0)]
    made = Value(4.0, (x,), "f")
    assert snapshot(made).locals_of(snapshot(made).root) == [("written by hand", None)]


# ---------------------------------------------------------------- folding


@pytest.mark.parametrize("level", [*LEVELS, "auto"])
@pytest.mark.parametrize("rows", [1, 3])
def test_every_level_is_a_partition_and_keeps_every_edge(level, rows):
    graph = snapshot(net_loss(rows)[1])
    folded = fold(graph, by=level)
    members = sorted(i for box in folded.boxes for i in box.members)
    assert members == [node.index for node in graph.nodes if node.kind != "constant"]
    box_of = {i: box.index for box in folded.boxes for i in box.members}
    crossing = [e for e in graph.edges if e.source in box_of and box_of[e.source] != box_of[e.target]]
    assert sum(link.count for link in folded.links) == len(crossing)
    assert [box.index for box in folded.boxes] == list(range(len(folded.boxes)))
    assert graph.root.index in folded.boxes[-1].members


def test_each_level_folds_more():
    graph = snapshot(net_loss(rows=3)[1])
    sizes = [len(fold(graph, by=level).boxes) for level in LEVELS]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(LEVELS)


def test_titles_say_what_was_folded_and_how_many():
    graph = snapshot(net_loss(rows=3)[1])
    titles = {level: [box.title for box in fold(graph, by=level).boxes if box.folded] for level in LEVELS}
    assert "neuron 2, ReLU" in titles["neuron"] and titles["neuron"].count("neuron 0: parameters") == 3
    assert titles["layer"].count("Layer 4 → 4, ReLU") == 3
    assert "Layer 4 → 4, ReLU, 3 rows" in titles["repeated"]
    assert titles["repeated"][-1] == titles["layer"][-1] == "hinge loss over 3 rows"
    assert "layers.1" in [box.path for box in fold(graph, by="layer").boxes]
    assert any(title.endswith("sum of 5 terms") for title in titles["operation"])


def test_auto_is_readable_whatever_the_graph():
    x = Value(0.5)
    y = x
    for i in range(3000):  # a chain in which nothing repeats
        y = [y.tanh, (y * x).sin, (y + x).cos][i % 3]()
    for root in (y, net_loss(rows=60)[1], x + 1.0):
        folded = fold(snapshot(root))
        assert len(folded.boxes) <= MAX_BOXES
        assert len(folded.links) <= 400
    chain = fold(snapshot(y))
    assert "more values" in chain.boxes[0].title
    assert sum(len(box.members) for box in chain.boxes) == len(snapshot(y).nodes)


def test_what_the_user_named_stays_visible():
    terms = [Value(float(i)) * 2.0 for i in range(6)]
    terms[3].label = "mine"
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    boxes = fold(snapshot(total), by="operation").boxes
    assert [box for box in boxes if not box.folded and snapshot(total).nodes[box.members[0]].name == "mine"]


def test_unknown_levels_are_refused():
    with pytest.raises(ValueError, match="choose 'auto', 'none'"):
        fold(snapshot(Value(1.0)), by="everything")


def test_choices_are_drawn_like_other_operations():
    x = Value(2.0, label="x")
    graph = snapshot(where(x > 0, relu(x), 0.0))
    assert graph.root.formula == "where(1, v1, 0)"


# ---------------------------------------------------------------- what a review found


def test_few_boxes_with_many_links_are_left_as_they_are():
    values = [Value(0.1)]
    for _ in range(20):
        values.append(logsumexp(values))
    folded = fold(snapshot(values[-1]))
    assert len(folded.boxes) == 21 and all(box.members for box in folded.boxes)


def test_automatic_names_leave_the_users_alone():
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    s = x + y
    z = s * x
    z.label = "v1"
    graph = snapshot(z)
    assert graph.node("v1") is graph.node(z)
    assert graph.node(s).name == "v2"


def test_a_variables_own_name_comes_before_a_list_s_and_an_interpreters_history_does_not_count():
    a, b = Value(1.0), Value(2.0)
    c = a * b
    names = {"In": ["x"], "Out": {3: a, 4: c}, "_": c, "ps": [a, b], "a": a, "c": c}
    assert str(snapshot(c, names=names).root) == "c = a * ps.1 = 2"
    with pytest.raises(TypeError, match=r"a mapping such as vars\(\)"):
        snapshot(c, names=["a"])


def test_names_may_hold_anything():
    endless: list = []
    endless.append(endless)
    deep: list = []
    for _ in range(3000):
        deep = [deep]
    names = {"endless": endless, "deep": deep, "array": numpy.ones((3, 3)), "x": (x := Value(1.0))}
    names["names"] = names
    assert snapshot(x, names=names).root.name == "x"


def test_a_row_that_is_used_again_and_again_is_three_calls():
    cell = Neuron(1, rng=random.Random(0))
    row = [Value(0.5, label="h0")]
    for _ in range(3):
        row[0] = cell(row)
    groups = {node.group for node in snapshot(row[0]).nodes if node.group and node.group.call >= 0}
    assert len(groups) == 3
    assert snapshot(row[0]).node("h0").group is None


def test_two_nets_of_which_one_is_named_stay_two():
    first, second = MLP(1, [2], rng=random.Random(0)), MLP(2, [2, 1], rng=random.Random(1))
    out = second(first([0.5]))
    graph = snapshot(out, names=second)
    titles = [box.title for box in fold(graph, by="repeated").boxes if box.folded]
    assert not any("2 rows" in title for title in titles)
    assert len({node.group.layer for node in graph.nodes if node.group}) == 3


def test_gradients_and_labels_of_none_are_none_yet():
    x = Value(2.0)
    x.grad = x.label = None
    assert snapshot(x * x).nodes[0].grad is None
    assert snapshot(x * x).nodes[0].name == "v1"


def test_around_ends_where_the_graph_does():
    x = Value(1.0, label="x")
    assert len(snapshot(x.tanh()).around("x", hops=10**9)) == 2


def test_very_many_operands_have_no_formulas():
    out = logsumexp([Value(0.1 * i) for i in range(300)])
    graph = snapshot(out)
    assert graph.locals_of(graph.root)[0][0] == "…"
    assert len(fold(graph, by="none").boxes) == 301


def test_a_failure_is_drawn_in_the_mode_in_which_it_was_caught():
    x = Value(-1e200, label="x")
    for mode, attempt in ((detect_anomaly, lambda: x * x), (no_grad, lambda: x.log())):
        with mode(), pytest.raises((FloatingPointError, ValueError)) as caught:
            attempt()
        with mode():
            graph = snapshot(caught.value)
        assert graph.root.kind == "failed operation" and graph.node("x").data == -1e200


def test_indices_beyond_the_nodes_are_refused():
    for index in (-1, 1):
        with pytest.raises(KeyError, match="indices go from 0 to 0"):
            snapshot(Value(1.0)).node(index)
