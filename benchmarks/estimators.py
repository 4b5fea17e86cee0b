"""Accuracy and fit times beside scikit-learn's own nets: `python -m benchmarks.estimators`.

Iris, digits, breast cancer and diabetes (scikit-learn's sets), 5 folds, the same layers in both, and otherwise the
defaults of each. Classifiers are scored by accuracy, the regressor by R2. Scikit-learn's nets are also shown behind a
StandardScaler, because micrograd's estimators standardise rows themselves.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn import datasets, neural_network
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from micrograd.estimators import MLPClassifier, MLPRegressor

SETS = {
    "iris": (datasets.load_iris, (20,)),
    "digits": (datasets.load_digits, (30,)),
    "breast cancer": (datasets.load_breast_cancer, (16,)),
    "diabetes": (datasets.load_diabetes, (16,)),
}


def measure(model, X, y, folds):
    began = time.perf_counter()
    scores = cross_val_score(model, X, y, cv=folds)
    return scores, (time.perf_counter() - began) / len(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="fits of each; the table shows their mean (default 3)")
    parser.add_argument("--sets", default=",".join(SETS), help=f"some of {','.join(SETS)} (default all)")
    options = parser.parse_args()
    chosen = [name.strip() for name in options.sets.split(",")]
    if unknown := sorted(set(chosen) - set(SETS)):
        parser.error(f"no data set is called {unknown[0]!r}: choose from {', '.join(SETS)}")
    warnings.filterwarnings("ignore")  # scikit-learn's nets warn that they have not converged
    print("| data | layers | engine | score | fit and score of a fold, s |")
    print("|---|---|---|--:|--:|")
    for name in chosen:
        load, hidden = SETS[name]
        X, y = load(return_X_y=True)
        numbers = name == "diabetes"
        theirs = neural_network.MLPRegressor if numbers else neural_network.MLPClassifier
        ours = MLPRegressor if numbers else MLPClassifier
        rows = {
            "micrograd": lambda seed, make=ours, h=hidden: make(h, random_state=seed),
            "scikit-learn": lambda seed, make=theirs, h=hidden: make(hidden_layer_sizes=h, random_state=seed),
            "scikit-learn, scaled": lambda seed, make=theirs, h=hidden: make_pipeline(
                StandardScaler(), make(hidden_layer_sizes=h, random_state=seed)
            ),
        }
        for engine, make in rows.items():
            found, seconds = [], []
            for seed in range(options.seeds):
                kind = KFold if numbers else StratifiedKFold
                scores, took = measure(make(seed), X, y, kind(5, shuffle=True, random_state=seed))
                found.append(scores.mean())
                seconds.append(took)
            print(f"| {name} | {hidden[0]} | {engine} | {np.mean(found):.4f} | {min(seconds):.2f} |", flush=True)


if __name__ == "__main__":
    main()
