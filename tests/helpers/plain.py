"""Training in plain NumPy, written from the papers and independently of the package, for tests to compare with.

A model is an array of numbers, in the order of `parameters()`, and a function that gives the mean loss of a batch and
its gradient. An optimizer moves some of those numbers, by their places.
"""

from __future__ import annotations

import numpy as np


def made_data(seed, count, kind):
    """Rows and targets, in eighths so that every type of number holds them exactly."""
    rng = np.random.default_rng(seed)
    X, y = rng.integers(-16, 17, (count, 2)) / 8, rng.integers(-8, 9, count) / 8
    if kind == "list":
        return X.tolist(), y.tolist()
    if kind == "whole":
        return (8 * X).astype("i4") // 8, np.sign(y).astype("i8")
    if kind == "slices":
        return np.repeat(X, 2, axis=0)[::2], np.asfortranarray(np.column_stack([y, y]))[:, 0]
    return X.astype(kind), y.astype(kind)


def line(numbers, X, y):
    """Mean squared error of w0 * x0 + w1 * x1 + b, and its gradient."""
    error = X @ numbers[:2] + numbers[2] - y
    return np.mean(error**2), np.append(2 * error @ X, 2 * error.sum()) / len(y)


def net(numbers, X, y):
    """Mean squared error of a net with two inputs, three hidden neurons of tanh and one output, and its gradient."""
    hidden_weights, (*output_weights, output_bias) = numbers[:9].reshape(3, 3), numbers[9:]
    hidden = np.tanh(X @ hidden_weights[:, :2].T + hidden_weights[:, 2])
    error = hidden @ output_weights + output_bias - y
    by_output = 2 * error / len(y)
    by_hidden = by_output[:, None] * output_weights * (1 - hidden**2)
    by_hidden_weights = np.column_stack([by_hidden.T @ X, by_hidden.sum(axis=0)])
    return np.mean(error**2), np.concatenate([by_hidden_weights.ravel(), by_output @ hidden, [by_output.sum()]])


class Optimizer:
    """One of the package's optimizers by its `kind`, with the same settings; `lr` is a function of the steps taken."""

    def __init__(self, kind, places, lr, **settings):
        self.kind, self.places, self.lr, self.steps = kind, list(places), lr, 0
        self.__dict__ |= {"clip": None, "weight_decay": 0.0, "momentum": 0.0, "nesterov": False} | settings
        names = {"SGD": ["velocity"], "Gains": ["velocity"], "RMSProp": ["square"]}.get(kind, ["mean", "square"])
        self.state = {name: np.zeros(len(self.places)) for name in names}

    def append(self, place):
        """Train one more number, which starts without history."""
        self.places.append(place)
        self.state = {name: np.append(numbers, 0.0) for name, numbers in self.state.items()}

    def step(self, numbers, gradient):
        x, g = numbers[self.places], gradient[self.places]
        lr, self.steps = self.lr(self.steps), self.steps + 1
        norm = np.sqrt(np.sum(g**2))
        if self.clip is not None and norm > self.clip:
            g = g * self.clip / norm
        if self.kind == "AdamW":
            x = x - lr * self.weight_decay * x
        else:
            g = g + self.weight_decay * x
        numbers[self.places] = x - lr * getattr(self, self.kind.lower())(g)

    def sgd(self, g):
        if not self.momentum:
            return g
        velocity = self.state["velocity"] = self.momentum * self.state["velocity"] + g
        return g + self.momentum * velocity if self.nesterov else velocity

    def gains(self, g):
        return self.factors[0] * g

    def rmsprop(self, g):
        square = self.state["square"] = self.decay * self.state["square"] + (1 - self.decay) * g**2
        return g / (np.sqrt(square) + 1e-8)

    def adam(self, g):
        first, second = self.betas
        mean = self.state["mean"] = first * self.state["mean"] + (1 - first) * g
        square = self.state["square"] = second * self.state["square"] + (1 - second) * g**2
        return mean / (1 - first**self.steps) / (np.sqrt(square / (1 - second**self.steps)) + 1e-8)

    adamw = adam
