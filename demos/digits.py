"""Handwritten digits, as in the textbook: sigmoids, quadratic cost, mini-batches of 10 and a learning rate of 3.0.

The digits are scikit-learn's 1797 small ones, 8 by 8 pixels, for a net of 64-30-10. With --mnist they are those of the
textbook, 28 by 28 (from OpenML, so it needs a network), for 784-30-10. The cost of one digit is compiled. With --eager
it is not, and the same training takes minutes instead of seconds.

After Nielsen, Neural Networks and Deep Learning, chapter 1.
"""

import functools
import random

from micrograd import collector_paused, data, fit, maximum, where
from micrograd.cli import run
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD


def one_of_ten(labels):
    """A target for each of the net's ten outputs: 1 for the digit that it is, 0 for the others."""
    return [[float(digit == label) for digit in range(10)] for label in labels]


def is_right(outputs, targets):
    """1 where the output of the right digit is the greatest, else 0."""
    right = sum(out * target for out, target in zip(outputs, targets))
    return where(right >= functools.reduce(maximum, outputs), 1.0, 0.0)


def spread(rng, fan_in, fan_out):
    """A normal weight, smaller for more inputs: their sum stays where the sigmoid is steep, and the net learns fast."""
    return rng.gauss(0, fan_in**-0.5)


@collector_paused()  # graphs of digits are large, and being free of cycles they need no garbage collector
def main(*, seed=0, epochs=30, hidden=30, eta=3.0, batch=10, mnist=False, eager=False):
    """Train by stochastic gradient descent, and print after each epoch how many held-out digits the net gets right."""
    rng = random.Random(seed)
    if mnist:  # the textbook's own split
        X, y = data.mnist()
        X, y, X_test, y_test = X[:50_000], y[:50_000], X[60_000:], y[60_000:]
        if eager:
            print("an epoch takes many minutes", flush=True)
    else:
        X, y, X_test, y_test = data.split(*data.digits(), held_out=360 / 1797, rng=rng)
    net = MLP(len(X[0]), [hidden, 10], activation="sigmoid", output="sigmoid", init=spread, rng=rng)
    right = []

    def report(record):
        right.append(round(record["validation accuracy"] * len(y_test)))
        print(f"Epoch {len(right) - 1}: {right[-1]} / {len(y_test)}", flush=True)

    fit(
        net,
        half_squared_sum,
        X,
        one_of_ten(y),
        optimizer=SGD(net.parameters(), lr=eta),
        epochs=epochs,
        batch_size=batch,
        validation=(X_test, one_of_ten(y_test)),
        metrics={"accuracy": is_right},
        callbacks=[report],
        seed=seed,
        backend="eager" if eager else "jit",
        progress=False,
    )
    print(f"best: {max(right, default=0) / len(y_test):.1%} of {len(y_test)} digits that it did not learn from")
    return net, right


if __name__ == "__main__":
    run(main)
