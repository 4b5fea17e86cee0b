"""Data sets, splits, batches, metrics, and what is said when an extra is missing."""

from __future__ import annotations

import random
import sys

import numpy
import pytest

from micrograd import Value, data, metrics, modes, plots
from micrograd.extras import require


def test_iris_and_moons():
    X, y = data.iris()
    assert len(X) == len(y) == 150
    assert {len(row) for row in X} == {4}
    assert [y.count(c) for c in (0, 1, 2)] == [50, 50, 50]
    assert type(X[0][0]) is float and type(y[0]) is int
    X, y = data.moons(60, noise=0.0, seed=3)
    assert len(X) == 60 and sorted(set(y)) == [-1, 1]
    assert data.moons(seed=1) == data.moons(seed=1) != data.moons(seed=2)


def test_split_keeps_every_row_once_and_each_class_s_share():
    X, y = data.iris()
    X_train, y_train, X_test, y_test = data.split(X, y, held_out=0.2, rng=random.Random(0))
    assert sorted(X_train + X_test) == sorted(X)
    assert [y_test.count(c) for c in (0, 1, 2)] == [10, 10, 10]
    assert dict(zip(map(tuple, X_test), y_test)).items() <= dict(zip(map(tuple, X), y)).items()
    _, y_train, _, y_test = data.split(
        [[i] for i in range(10)], [i / 2 for i in range(10)], held_out=0.3, rng=random.Random(0)
    )
    assert (len(y_train), len(y_test)) == (7, 3)
    with pytest.raises(ValueError, match="fraction"):
        data.split(X, y, held_out=20, rng=random.Random(0))


def test_batches_go_once_through_the_data():
    X, y = [[float(i)] for i in range(10)], list(range(10))
    found = list(data.batches(X, y, 4, rng=random.Random(0)))
    assert [len(rows) for rows, _ in found] == [4, 4, 2]
    assert sorted(label for _, labels in found for label in labels) == y
    assert all(row == [float(label)] for rows, labels in found for row, label in zip(rows, labels))
    assert found != list(data.batches(X, y, 4, rng=random.Random(1)))
    with pytest.raises(ValueError, match="at least 1 row"):
        next(data.batches(X, y, 0, rng=random.Random(0)))
    with pytest.raises(ValueError, match="10 rows but 1 targets"):
        next(data.batches(X, [1], 2, rng=random.Random(0)))


def test_accuracy():
    assert metrics.accuracy(lambda row: [row[0], 1 - row[0]], [[0.9], [0.2], [0.8]], [0, 1, 1]) == pytest.approx(2 / 3)
    assert metrics.accuracy(lambda row: row[0], [[0.9], [-0.2]], [1, -1]) == 1.0
    with pytest.raises(ValueError, match="as many rows as labels"):
        metrics.accuracy(lambda row: row[0], [], [])


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"needs sklearn: python -m pip install '\.\[train\]'"):
        data.iris()
    assert require("math", extra="train").pi


def test_split_of_unusual_targets():
    X = [[i] for i in range(20)]
    sizes = [len(part) for part in data.split(X, [i * i for i in range(20)], held_out=0.25, rng=random.Random(0))]
    assert sizes == [15, 15, 5, 5]
    _, _, _, held = data.split(X, list(numpy.array([0] * 16 + [1] * 4)), held_out=0.25, rng=random.Random(0))
    assert sorted(held) == [0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="20 rows but 1 targets"):
        data.split(X, [1], held_out=0.5, rng=random.Random(0))


def test_accuracy_of_a_single_score():
    assert metrics.accuracy(lambda row: row[0], [[0.9], [-0.2]], [1, 0]) == 1.0
    with pytest.raises(TypeError, match="a label is a whole number"):
        metrics.accuracy(lambda row: row[0], [[0.9]], ["yes"])
    net = lambda row: Value(row[0]) * 2  # noqa: E731
    metrics.accuracy(net, [[1.0]], [1])
    assert not modes.active


def test_decision_regions_say_what_they_draw(tmp_path):
    for y in ([0, 1], [1, 1]):
        plots.decision_regions(lambda row: row[0], [[0.0, 1.0], [1.0, 0.0]], y, tmp_path / "p.png", points=5)
    with pytest.raises(ValueError, match="rows of 2 inputs"):
        plots.decision_regions(lambda row: row[0], [[0.0, 1.0, 2.0]], [1], tmp_path / "p.png")
