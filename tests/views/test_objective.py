"""What a loss's box is called: a formula and a number of rows only where both are what was computed."""

from __future__ import annotations

import random

import pytest

from micrograd import Value, logsumexp, softplus
from micrograd.losses import binary_cross_entropy, cross_entropy, half_squared_sum, hinge, margin_ranking, mse
from micrograd.nn import MLP, Layer
from micrograd.views.fold import fold
from micrograd.views.snapshot import snapshot

ROWS = [[0.1 * i, 0.5 - 0.2 * i] for i in range(20)]


def made(outputs=1):
    return MLP(2, [4, 4, outputs], rng=random.Random(0))


def title(loss, by="layer"):
    graph = snapshot(loss)
    [box] = [box for box in fold(graph, by=by).boxes if box.kind == "loss"]
    return box.title


def errors(net):
    return [(net(row) - 1) ** 2 for row in ROWS]


def wide_errors(net):
    return [(out - 1) ** 2 for row in ROWS for out in net(row)]


OF_ONE_OUTPUT = [
    (lambda net: sum(errors(net)), "sum of the squared errors over 20 rows"),
    (lambda net: sum(errors(net)) / 20, "mean squared error over 20 rows"),
    (lambda net: sum(errors(net)) * (1 / 20), "mean squared error over 20 rows"),
    (lambda net: sum(e / 20 for e in errors(net)), "mean squared error over 20 rows"),
    (lambda net: mse([net(row) for row in ROWS], [Value(1.0)] * 20), "mean squared error over 20 rows"),
    (lambda net: sum(errors(net)) / 2, "half of the squared errors over 20 rows"),
    (lambda net: 0.5 * sum(errors(net)), "half of the squared errors over 20 rows"),
    (lambda net: sum(errors(net)) / 40, "half of the mean squared error over 20 rows"),
    (lambda net: half_squared_sum([net(row) for row in ROWS], [1] * 20), "half of the squared errors over 20 rows"),
    (lambda net: mse([net(row) for row in ROWS[:2]], [1, 2]), "mean squared error over 2 rows"),
    (lambda net: half_squared_sum([net(row) for row in ROWS[:2]], [1, 2]), "half of the squared errors over 2 rows"),
    (lambda net: (net(ROWS[0]) - 1) ** 2, "squared error"),
    (lambda net: half_squared_sum(net(ROWS[0]), 1), "half of the squared error"),
    (lambda net: sum(errors(net)) * 3, "computed from 20 rows"),
    (lambda net: sum(errors(net)) / 19, "computed from 20 rows"),
    (lambda net: -sum(errors(net)), "computed from 20 rows"),
    (lambda net: (sum(errors(net)) / 20).sqrt(), "computed from 20 rows"),
    (lambda net: sum(errors(net)) / 20 + 0.01 * sum(p * p for p in net.parameters()), "computed from 20 rows"),
    (lambda net: sum(e * (i + 1) for i, e in enumerate(errors(net))), "computed from 20 rows"),
    (lambda net: sum(abs(net(row) - 1) for row in ROWS) / 2.0, "computed from 20 rows"),
    (lambda net: sum((net(row) * 2 - 1) ** 2 for row in ROWS), "computed from 20 rows"),
    (lambda net: hinge([net(row) for row in ROWS], [1, -1] * 10), "hinge loss over 20 rows"),
    (lambda net: sum((1 - net(row)).relu() for row in ROWS), "sum of the hinge losses over 20 rows"),
    (lambda net: sum((1 - 3 * net(row)).relu() for row in ROWS), "computed from 20 rows"),
    (lambda net: 2 * hinge([net(row) for row in ROWS], [1, -1] * 10), "computed from 20 rows"),
    (lambda net: margin_ranking(net(ROWS[0]), net(ROWS[1])), "computed from 2 rows"),
    (lambda net: binary_cross_entropy([net(row) for row in ROWS], [0, 1] * 10), "binary cross-entropy over 20 rows"),
    (lambda net: sum(softplus(-net(row)) for row in ROWS) / 20, "binary cross-entropy over 20 rows"),
    (lambda net: softplus(net(ROWS[0])) - 0.5 * net(ROWS[1]), "computed from 2 rows"),
]


@pytest.mark.parametrize("loss, words", OF_ONE_OUTPUT)
def test_the_formula_is_named_only_where_factor_and_terms_fit(loss, words):
    assert title(loss(made())) == words


OF_THREE = [
    (lambda net: sum(wide_errors(net)) / 60, "mean squared error over 20 rows"),
    (lambda net: sum(wide_errors(net)) / 20, "computed from 20 rows"),
    (lambda net: mse(net(ROWS[0]), [1, 2, 3]), "mean squared error"),
    (lambda net: cross_entropy([net(row) for row in ROWS], [i % 3 for i in range(20)]), "cross-entropy over 20 rows"),
    (lambda net: cross_entropy(net(ROWS[0]), [0.2, 0.3, 0.5]), "cross-entropy"),
    (lambda net: sum(cross_entropy(net(row), 1) for row in ROWS), "sum of the cross-entropies over 20 rows"),
    (lambda net: logsumexp(net(ROWS[0])) - net(ROWS[1])[0], "computed from 2 rows"),
    (lambda net: logsumexp(net(ROWS[0])) * 2, "computed from 1 row"),
]


@pytest.mark.parametrize("loss, words", OF_THREE)
def test_rows_are_counted_by_the_calls_of_the_last_layer(loss, words):
    assert title(loss(made(3))) == words


def test_two_heads_on_one_row_are_one_row():
    rng = random.Random(0)
    body, heads = Layer(2, 4, rng=rng), [Layer(4, 2, nonlin=False, rng=rng) for _ in range(2)]
    hidden = body(ROWS[0])
    a, b = (head(hidden) for head in heads)
    assert title(cross_entropy(a, 0) + cross_entropy(b, 1)) == "computed from 1 row"
    other = heads[1](body(ROWS[1]))  # two layers that do not see the same rows: how many is not known
    assert "row" not in title(cross_entropy(a, 0) + cross_entropy(other, 1))


def test_a_sum_of_very_many_terms_is_read():
    net = MLP(1, [1])
    loss = sum((net([0.001 * i]) - 1) ** 2 for i in range(3000)) / 3000
    assert title(loss, by="repeated") == "mean squared error over 3,000 rows"
