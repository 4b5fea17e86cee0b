"""The estimators in scikit-learn's own checks, pipelines and searches."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from micrograd.estimators import MLPClassifier, MLPRegressor
from micrograd.nn import MLP


@pytest.mark.parametrize("make", [MLPClassifier, MLPRegressor])
def test_all_of_scikit_learns_checks_pass(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of checks that it skips for lack of other libraries
        results = check_estimator(make(epochs=60), on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] not in ("passed", "skipped")}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 40


def test_iris_in_a_pipeline_and_by_cross_validation():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = make_pipeline(StandardScaler(), MLPClassifier((10,), epochs=40, random_state=0))
    assert cross_val_score(model, X, names, cv=5).mean() > 0.93
    model.fit(X, names)
    probabilities = model.predict_proba(X[:5])
    assert probabilities.shape == (5, 3) and probabilities.sum(axis=1) == pytest.approx(np.ones(5))
    assert list(model.predict(X[:2])) == ["setosa", "setosa"]


def test_a_grid_search_in_other_processes():
    X, y = load_iris(return_X_y=True)
    grid = {"hidden_layer_sizes": [(4,), (12,)], "learning_rate": [0.003, 0.03]}
    search = GridSearchCV(MLPClassifier(epochs=15, random_state=0), grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.9 and isinstance(search.best_estimator_.net_, MLP)


def test_regression_of_one_number_and_of_several():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.4 and model.predict(X[:3]).shape == (3,)
    both = MLPRegressor((8,), epochs=30, random_state=0).fit(X, np.column_stack([y, -y]))
    out = both.predict(X[:3])
    assert out.shape == (3, 2) and np.abs(out[:, 0] + out[:, 1]).max() < np.abs(out).max()


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_one_seed_is_one_result_however_it_is_computed(backend):
    X, y = load_iris(return_X_y=True)
    options = {"hidden_layer_sizes": (4,), "epochs": 3, "random_state": 5}
    wanted = MLPClassifier(**options, backend="jit").fit(X[::3], y[::3])
    model = MLPClassifier(**options, backend=backend).fit(X[::3], y[::3])
    assert model.predict_proba(X) == pytest.approx(wanted.predict_proba(X), rel=1e-7)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (other.predict_proba(X) == model.predict_proba(X)).all()
    assert clone(model).get_params() == model.get_params()


def test_errors_say_what_is_wanted():
    with pytest.raises(ValueError, match="needs at least two classes; all 3 labels are of one class"):
        MLPClassifier().fit([[1.0], [2.0], [3.0]], [1, 1, 1])
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        MLPClassifier(activation="rely").fit([[1.0], [2.0]], [0, 1])


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_layer_sizes": (5,)},
        {"activation": "tanh"},
        {"learning_rate": 0.02},
        {"weight_decay": 0.5},
        {"epochs": 5},
        {"batch_size": 7},
        {"standardize": False},
        {"random_state": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_option_counts(change):
    X, y = load_iris(return_X_y=True)
    plain = {"hidden_layer_sizes": (4,), "epochs": 4, "random_state": 0}
    one, same, other = (MLPClassifier(**options).fit(X, y) for options in (plain, plain, {**plain, **change}))
    assert (one.predict_proba(X) == same.predict_proba(X)).all()
    assert np.abs(one.predict_proba(X) - other.predict_proba(X)).max() > 1e-4


def test_the_random_state_is_of_the_net_and_of_the_order(monkeypatch):
    from micrograd import estimators

    seen = []
    real = estimators.fit

    def recorder(net, *rest, seed, **options):
        seen.append((seed, [p.data for p in net.parameters()]))
        return real(net, *rest, seed=seed, **options)

    monkeypatch.setattr(estimators, "fit", recorder)
    for state in (0, 0, 1):
        MLPClassifier((2,), epochs=1, random_state=state).fit([[0.0], [1.0]], [0, 1])
    assert seen[0] == seen[1] and seen[0][0] != seen[2][0] and seen[0][1] != seen[2][1]


def test_patience_stops_and_the_best_net_is_kept():
    X, y = load_diabetes(return_X_y=True)
    options = {"epochs": 200, "learning_rate": 0.5, "random_state": 0, "batch_size": None}
    model = MLPRegressor(**options, patience=3).fit(X[:60], y[:60])
    losses = model.history_["loss"]
    assert model.n_iter_ == len(losses) < 200 and model.history_.stopped == "no lower loss for 3 epochs"
    assert len(MLPRegressor(**options, patience=None).fit(X[:60], y[:60]).history_) == 200
    best = MLPRegressor(**{**options, "epochs": model.history_.best}, patience=None).fit(X[:60], y[:60])
    assert (best.predict(X) == model.predict(X)).all()


def test_columns_that_never_vary_and_numbers_without_bound():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 2))
    X[:, 0] = 0.1
    model = MLPRegressor((4,), epochs=50, random_state=0).fit(X, X[:, 1] * 2)
    assert (model.mean_[0], model.scale_[0]) == (0.1, 1.0)
    near, far = model.predict([[0.1, 0.5], [0.11, 0.5]])
    assert abs(near - far) < 0.1
    large = MLPRegressor((4,), epochs=50, random_state=0).fit(X * 1e200, X[:, 1] * 1e200)
    assert np.isfinite(large.scale_).all() and np.isfinite(large.predict(X * 1e200)).all()
    plain = MLPRegressor((4,), epochs=2, random_state=0, standardize=False).fit(X, X[:, 1])
    assert list(plain.mean_) == [0.0, 0.0] and list(plain.scale_) == [1.0, 1.0]
    for sizes in ([2.7], [0], True, [[2, 3]]):
        with pytest.raises(
            ValueError, match=r"a size in hidden_layer_sizes must be a whole number .* not (2\.7|0|True|\[)"
        ):
            MLPRegressor(sizes).fit(X, X[:, 1])
    assert len(MLPRegressor(4.0, epochs=1).fit(X, X[:, 1]).net_.layers[0].neurons) == 4
