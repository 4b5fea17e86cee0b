"""Handwritten digits, as the textbook does it: a net of sigmoids, quadratic cost, mini-batches of 10 and a rate of 3.0.

The digits are scikit-learn's 1797 small ones, 8 by 8 pixels, for a net of 64-30-10. With --mnist they are those of the
textbook, 28 by 28 (by OpenML, so it needs a network), for 784-30-10. The cost of one digit is compiled. With --eager
nothing is, and the same training takes minutes where it took seconds.

After Nielsen, Neural Networks and Deep Learning, chapter 1.
"""

import functools
import random

from micrograd import collector_paused, jit, maximum, no_grad, take, train_step, where
from micrograd.cli import run
from micrograd.data import batches, split
from micrograd.extras import require
from micrograd.losses import half_squared_sum
from micrograd.metrics import accuracy
from micrograd.nn import MLP
from micrograd.optim import SGD


def small_digits(rng):
    """1437 digits to learn from and 360 held out: the ink in each of 64 pixels, from 0 to 1, and which digit it is."""
    found = require("sklearn.datasets", extra="train").load_digits()
    return split((found.data / 16).tolist(), found.target.tolist(), held_out=360 / len(found.data), rng=rng)


def large_digits():
    """The textbook's parts of MNIST: 50,000 digits to learn from and 10,000 held out, of 784 pixels each."""
    found = require("sklearn.datasets", extra="train").fetch_openml("mnist_784", version=1, as_frame=False)
    X, y = found.data / 255, [int(label) for label in found.target]
    return X[:50_000], y[:50_000], X[60_000:], y[60_000:]


def spread(rng, fan_in, fan_out):
    """A normal weight, the smaller the more inputs: their sum stays where the sigmoid is steep, and so learns fast."""
    return rng.gauss(0, fan_in**-0.5)


@collector_paused()  # graphs of digits are large, and being free of cycles they need no garbage collector
def main(*, seed=0, epochs=30, hidden=30, eta=3.0, batch=10, mnist=False, eager=False):
    """Train by stochastic gradient descent, and print after each epoch how many held-out digits the net gets right."""
    rng = random.Random(seed)
    X_train, y_train, X_test, y_test = large_digits() if mnist else small_digits(rng)
    targets = [[float(digit == label) for digit in range(10)] for label in y_train]  # one output for each digit
    net = MLP(len(X_train[0]), [hidden, 10], activation="sigmoid", output="sigmoid", init=spread, rng=rng)
    optimizer = SGD(net.parameters(), lr=eta)

    def is_right(pixels, digit):
        """1 where the output of the right digit is the greatest, else 0."""
        outputs = net(pixels)
        return where(take(outputs, digit) >= functools.reduce(maximum, outputs), 1.0, 0.0)

    train = train_step(lambda pixels, target: half_squared_sum(net(pixels), target), optimizer)
    share_right = functools.partial(accuracy, net) if eager else jit(is_right, batch=True)
    if mnist:
        print("an epoch takes two or three hours" if eager else "compiling takes about half a minute", flush=True)
    right = []
    for epoch in range(epochs):
        if eager:
            for X, Y in batches(X_train, targets, batch, rng=rng):
                optimizer.zero_grad()
                (half_squared_sum([net(pixels) for pixels in X], Y) / len(X)).backward()
                optimizer.step()
        else:
            train.run(X_train, targets, epochs=1, batch_size=batch, shuffle=rng)
        with no_grad():
            right.append(round(float(share_right(X_test, y_test)) * len(y_test)))
        print(f"Epoch {epoch}: {right[-1]} / {len(y_test)}", flush=True)
    return net, right


if __name__ == "__main__":
    run(main)
