"""Data sets, splits, batches, metrics, and what is said when an extra is missing."""

from __future__ import annotations

import math
import random
import re
import socket
import sys
import types

import numpy
import pytest

from micrograd import Value, data, metrics, modes
from micrograd.errors import DataError
from micrograd.extras import how_to_get, require
from micrograd.training import plots


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
    with pytest.raises(ImportError, match=re.escape("needs sklearn: " + how_to_get("train"))):
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


@pytest.mark.parametrize(
    "make, labels",
    [(data.circles, [-1, 1]), (data.spirals, [0, 1]), (lambda n, **o: data.spirals(n, classes=3, **o), [0, 1, 2])],
)
def test_sets_made_by_chance(make, labels):
    X, y = make(61, noise=0.02, seed=3)
    assert len(X) == len(y) == 61 and sorted(set(y)) == labels
    assert max(y.count(c) for c in labels) - min(y.count(c) for c in labels) <= 1
    assert {len(row) for row in X} == {2} and type(X[0][0]) is float and type(y[0]) is int
    assert make(61, noise=0.02, seed=3) == (X, y) != make(61, noise=0.02, seed=4)
    assert len({tuple(row) for row in make(60, noise=0.0, seed=0)[0]}) == 60


def test_the_circle_within_and_the_spirals_of_no_noise():
    for row, label in zip(*data.circles(40, noise=0.0)):
        assert math.hypot(*row) == pytest.approx(0.5 if label == 1 else 1.0)
    X, y = data.spirals(30, classes=3, noise=0.0)
    for (a, b), label in zip(X, y):
        turn = math.atan2(b, a) / (2 * math.pi) - math.hypot(a, b) - label / 3
        assert turn == pytest.approx(round(turn), abs=1e-9)
    for classes, n in [(1, 10), (3, 2)]:
        with pytest.raises(ValueError, match="at least 2 classes"):
            data.spirals(n, classes=classes)


def test_xor_digits_and_diabetes():
    X, y = data.xor()
    assert [int(a) ^ int(b) for a, b in X] == y and len({tuple(row) for row in X}) == 4
    assert all(type(x) is float for row in X for x in row)
    X, y = data.digits()
    assert len(X) == len(y) == 1797 and {len(row) for row in X} == {64} and sorted(set(y)) == list(range(10))
    assert min(map(min, X)) == 0.0 and max(map(max, X)) == 1.0
    X, y = data.diabetes()
    assert len(X) == len(y) == 442 and {len(row) for row in X} == {10} and min(y) == 25.0


@pytest.mark.parametrize("name", sorted(set(data.SETS) - {"mnist"}))
def test_every_named_set_is_a_table(name):
    kind = data.SETS[name]
    table = data.named(name, seed=1)
    assert (table.name, table.task, bool(table.classes)) == (name, kind.task, kind.task == "classes")
    X, y = kind.load(seed=1) if kind.seeded else kind.load()
    assert table.rows == X and len(table.targets) == len(y)
    assert "\n" not in kind.about and (data.named(name, seed=2).rows != X) is kind.seeded
    if not kind.classes and table.classes:
        assert [table.classes[t] for t in table.targets] == [str(label) for label in y]


def test_a_name_that_is_no_set():
    with pytest.raises(DataError, match=r"no data set is called 'mons': did you mean 'moons'\?"):
        data.named("mons")


def test_mnist_without_a_network_is_one_line(monkeypatch, tmp_path):
    with socket.socket() as free:  # a port that nothing listens on, once closed
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, closed)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConnectionError, match=r"MNIST is downloaded from openml\.org, which failed \(.+\)") as raised:
        data.mnist(folder=str(tmp_path))
    assert str(raised.value).isprintable() and "take digits()" in str(raised.value)


def test_mnist_as_it_arrives(monkeypatch):
    pixels = numpy.arange(3 * 784).reshape(3, 784) % 256
    found = types.SimpleNamespace(data=pixels.astype(float), target=numpy.array(["5", "0", "4"], dtype=object))
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda name, **options: found)
    X, y = data.mnist(2)
    assert y == [5, 0] and X == [[p / 255 for p in row] for row in pixels[:2].tolist()]
    for n in (0, 70_001):
        with pytest.raises(ValueError, match="n must be from 1 to that"):
            data.mnist(n)
