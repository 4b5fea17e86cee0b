"""Rows are taken by position from any container: pandas, sparse matrices, masked arrays, tuples; everywhere alike."""

from __future__ import annotations

import array
import collections
import random

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from micrograd import fit
from micrograd.data import batches, split
from micrograd.data.preparation import Preparation
from micrograd.data.tables import table_of
from micrograd.estimators import MLPClassifier, MLPRegressor
from micrograd.intake import plain, rows_of
from micrograd.losses import cross_entropy, half_squared_sum, mse
from micrograd.metrics import accuracy, is_right
from micrograd.nn import MLP
from micrograd.optim import SGD
from micrograd.training.plots import decision_regions

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.random(40), "b": RNG.random(40)})
FRAME["y"] = (FRAME.a > FRAME.b).astype(int)
SHUFFLED = FRAME.sample(frac=1, random_state=1)  # each row keeps its label: the usual shuffle
ROWS, LABELS = SHUFFLED[["a", "b"]].to_numpy().tolist(), SHUFFLED.y.tolist()

DRESSED_ROWS = {
    "DataFrame": lambda rows: SHUFFLED[["a", "b"]],
    "DataFrame of two kinds": lambda rows: SHUFFLED[["a", "b"]].astype({"b": "Float64"}),
    "list of Series": lambda rows: [row for _, row in SHUFFLED[["a", "b"]].iterrows()],
    "array": np.array,
    "matrix": lambda rows: np.array(rows).view(np.matrix),
    "masked, nowhere": np.ma.array,
    "objects": lambda rows: np.array(rows, object),
    "csr_matrix": scipy.sparse.csr_matrix,
    "coo_array": scipy.sparse.coo_array,
    "tuple": tuple,
    "tuple of tuples": lambda rows: tuple(map(tuple, rows)),
    "deque": collections.deque,
}
DRESSED_LABELS = {
    "Series": lambda labels: SHUFFLED.y,
    "Series with room for NA": lambda labels: SHUFFLED.y.astype("Int64"),
    "Categorical": lambda labels: SHUFFLED.y.astype("category"),
    "bools": lambda labels: SHUFFLED.y == 1,
    "tuple": tuple,
    "array": lambda labels: np.array(labels, "uint64"),
    "masked, nowhere": lambda labels: np.ma.array(labels, mask=[False] * 40),
    "array.array": lambda labels: array.array("i", labels),
}


def run(X, y, **options):
    net = MLP(2, [4, 2], activation="tanh", rng=random.Random(0))
    options = {"loss": cross_entropy, "epochs": 3, "metrics": {"accuracy": is_right}, "progress": False, **options}
    history = fit(net, options.pop("loss"), X, y, **options)
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history]


@pytest.mark.parametrize("backend", ["eager", "jit"])
@pytest.mark.parametrize("validation", [None, 0.25, "pair"])
@pytest.mark.parametrize("dressed", [*DRESSED_ROWS, *(f"y: {name}" for name in DRESSED_LABELS)])
def test_fit_takes_rows_and_targets_by_position(dressed, validation, backend):
    X, y = ROWS, LABELS
    if dressed.startswith("y: "):
        y = DRESSED_LABELS[dressed[3:]](LABELS)
    else:
        X = DRESSED_ROWS[dressed](ROWS)
    found = run(X, y, validation=(X, y) if validation == "pair" else validation, backend=backend)
    wanted = run(ROWS, LABELS, validation=(ROWS, LABELS) if validation == "pair" else validation, backend="eager")
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


def test_a_row_of_a_frame_is_taken_by_its_names_where_it_has_them():
    preparation = Preparation.fit(table_of(ROWS, LABELS, task="classes", columns=["a", "b"]))
    wanted = preparation.row(ROWS[0])
    row = SHUFFLED.iloc[0]
    assert preparation.row(row[["b", "a"]]) == preparation.row(row) == wanted
    assert preparation.row(pd.Series(ROWS[0], index=[1, 0])) == wanted


def test_a_compiled_epoch_that_is_done_again_reads_a_frame_as_well():
    net = MLP(2, [4, 1], activation="tanh", rng=random.Random(0))
    optimizer = SGD(net.parameters(), lr=lambda t: 1.7e308 if t == 3 else 0.1)
    frame = SHUFFLED[["a", "b"]] * 100
    with pytest.raises(FloatingPointError, match="step 4 was skipped: it would make a parameter inf or nan"):
        options = {"optimizer": optimizer, "epochs": 1, "batch_size": 5, "backend": "jit", "progress": False}
        fit(net, half_squared_sum, frame, SHUFFLED.y * 100, **options)


@pytest.mark.parametrize("dressed", DRESSED_ROWS)
def test_splits_batches_metrics_and_tables_take_them_by_position(dressed, tmp_path):
    X, y = DRESSED_ROWS[dressed](ROWS), SHUFFLED.y
    wanted = split(ROWS, LABELS, held_out=0.25, rng=random.Random(0))
    for one, other in zip(split(X, y, held_out=0.25, rng=random.Random(0)), wanted, strict=True):
        assert np.array(one, float) == pytest.approx(np.array(other))
    for (rows, labels), (own, own_labels) in zip(
        batches(X, y, 16, rng=random.Random(0)), batches(ROWS, LABELS, 16, rng=random.Random(0)), strict=True
    ):
        assert np.array(rows, float) == pytest.approx(np.array(own)) and labels == own_labels
    net = MLP(2, [4, 2], rng=random.Random(0))
    assert accuracy(net, X, y) == accuracy(net, ROWS, LABELS)
    assert table_of(X, y, task="classes").rows == ROWS and table_of(X, y, task="classes").targets == LABELS
    for name, rows, labels in [("one.png", X, y), ("other.png", ROWS, LABELS)]:
        decision_regions(net, rows, labels, str(tmp_path / name), points=5)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_numbers_keep_what_they_are():
    assert plain(np.array([2**63 + 2048, 1], "uint64"), "y") == [float(2**63 + 2048), 1.0]  # not a negative one
    assert [type(x) for x in plain([np.float32(0.5), np.int8(3), np.True_], "y")] == [float, int, int]
    assert plain(np.array([[1, 2]], "int8"), "X").dtype == np.int64
    assert plain([[True, 2.0], [3.0, False]], "X") == [[1, 2.0], [3.0, 0]]
    words = ["a", "b"]
    assert rows_of(words, "X") is words and plain(pd.Series(words, index=[1, 0]), "y") == words


@pytest.mark.parametrize(
    "x, error, said",
    [
        (np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 0], [1, 0]]), ValueError, r"X row 1 is masked \(1 of 2 rows"),
        (np.ma.array([1.0, 2.0], mask=[1, 1]), ValueError, r"X row 0 is masked \(2 of 2 rows are\): leave out"),
        ([1.0, np.ma.masked], ValueError, "X: row 1 is masked: leave out"),
        ([np.ma.array([1, 2], mask=[0, 1])], ValueError, "X: row 0 is masked: leave out"),
        (pd.Series([1, None], dtype="Int64"), ValueError, None),
        (pd.DataFrame({"a": [1, 2], "b": [True, None]}), ValueError, "X: row 1 has a missing value .*: fill it in"),
        (scipy.sparse.csr_matrix((10**6, 10**5)), ValueError, "1,000,000 x 100,000 numbers, too many .*TruncatedSVD"),
        ({"a": [1.0]}, TypeError, "X must be a list or an array of rows, not dict"),
        ((row for row in ROWS), TypeError, r"not generator; write list\(...\) around it"),
        ("text", TypeError, "not str"),
        (3.0, TypeError, "not float"),
        (np.array(3.0), TypeError, "not a single number"),
    ],
)
def test_what_holds_no_rows_is_refused(x, error, said):
    if said is None:  # pandas gives nan or its own NA, depending on its version: neither becomes a number
        try:
            assert np.isnan(plain(x, "X")[1])
        except ValueError as refused:
            assert "row 1 has a missing value" in str(refused)
        return
    for backend in ("eager", "jit", "auto"):
        with pytest.raises(error, match=said):
            fit(MLP(2, [1]), mse, x, [1.0, 2.0], backend=backend, progress=False)


@pytest.mark.parametrize("backend", ["eager", "auto"])
def test_what_scikit_learns_transformers_give_can_be_learned_from(backend):
    frame = pd.DataFrame({"colour": [f"colour {i % 13}" for i in range(60)], "size": np.arange(60) / 60})
    labels = [("yes", "no")[i % 13 < 6] for i in range(60)]
    encode = ColumnTransformer([("colours", OneHotEncoder(), ["colour"]), ("sizes", "passthrough", ["size"])])
    sparse = encode.fit_transform(frame)
    assert scipy.sparse.issparse(sparse)
    model = make_pipeline(encode, MLPClassifier((4,), epochs=25, random_state=0, backend=backend)).fit(frame, labels)
    dense = MLPClassifier((4,), epochs=25, random_state=0, backend=backend).fit(sparse.toarray(), labels)
    assert model.score(frame, labels) > 0.9
    assert model.predict_proba(frame) == pytest.approx(dense.predict_proba(sparse.toarray()), rel=1e-9)
    MLPRegressor((2,), epochs=2, backend=backend).fit(sparse, np.arange(60.0)).predict(sparse)


@pytest.mark.parametrize("make", [MLPClassifier, MLPRegressor])
def test_estimators_refuse_what_is_masked(make):
    X = np.ma.array(ROWS, mask=np.zeros((40, 2), bool))
    model = make((2,), epochs=1).fit(X, LABELS)
    X[3, 1] = np.ma.masked
    with pytest.raises(ValueError, match="X row 3 is masked"):
        make((2,), epochs=1).fit(X, LABELS)
    with pytest.raises(ValueError, match="X row 3 is masked"):
        model.predict(X)
