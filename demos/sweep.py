"""Which tiny net tells three wines apart best? A random search over 200 of them, on all processors or on a cluster.

`python demos/sweep.py` uses this machine's processors. `python demos/sweep.py --dask tcp://127.0.0.1:8786` uses the
workers of a Dask scheduler, which must have micrograd installed; when a worker dies, another one takes over its
unfinished work.
"""

import contextlib
import time

import joblib
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import ParameterSampler, cross_val_score

from micrograd.cli import run
from micrograd.estimators import MLPClassifier

CHOICES = {
    "hidden_layer_sizes": [(4,), (8,), (12,), (16,)],
    "activation": ["relu", "tanh", "sigmoid", "silu"],
    "learning_rate": [0.003, 0.01, 0.03],
    "batch_size": [8, 16, 32, 64],
    "weight_decay": [0.0, 1e-4, 1e-2],
}


def score(options, epochs):
    """The accuracy of one net, by 3-fold cross-validation."""
    # Loaded here: Dask keeps an array that is sent along on one worker only, and when that worker dies it is lost.
    X, y = load_wine(return_X_y=True)
    return cross_val_score(MLPClassifier(**options, epochs=epochs), X, y, cv=3, n_jobs=1).mean()


def scores_of(drawn, epochs, *, jobs, dask):
    """The scores of all nets, by joblib: on processes of this machine, or on the workers of a Dask cluster."""
    with contextlib.ExitStack() as stack:
        if dask:
            from dask.distributed import Client

            stack.enter_context(Client(dask))
            stack.enter_context(joblib.parallel_config("dask"))
        return joblib.Parallel(jobs)(joblib.delayed(score)(options, epochs) for options in drawn)


def main(*, seed=0, nets=200, epochs=15, jobs=-1, dask=""):
    """Score nets drawn at random, and print the best five and what they have in common."""
    if nets < 1:
        raise ValueError(f"nets must be at least 1, not {nets}")
    drawn = [{**options, "random_state": seed} for options in ParameterSampler(CHOICES, nets, random_state=seed)]
    began = time.perf_counter()
    scores = scores_of(drawn, epochs, jobs=jobs, dask=dask)
    took = time.perf_counter() - began
    order = sorted(range(nets), key=lambda i: -scores[i])
    for i in order[:5]:
        shown = ", ".join(f"{name} {x}" for name, x in drawn[i].items() if name != "random_state")
        print(f"{scores[i]:.1%}   {shown}")
    print(f"{nets} nets in {took:.0f} s; the median is {np.median(scores):.1%}")
    return drawn, scores


if __name__ == "__main__":
    run(main)
