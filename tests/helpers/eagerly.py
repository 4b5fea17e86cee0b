"""The same training eagerly, to compare compiled training with."""

from __future__ import annotations

import random

import numpy as np

from micrograd import train_step
from micrograd.data import batches
from micrograd.losses import mse
from micrograd.nn import MLP
from micrograd.optim import (
    SGD,
    Adam,
    AdamW,
    RMSProp,
    cosine_decay,
    exponential_decay,
    linear_decay,
    step_decay,
)

rng = np.random.default_rng(0)


X2 = rng.normal(size=(20, 2))


SIGNS = np.where(X2[:, 0] * X2[:, 1] > 0, 1, -1)


def eager_training(loss, optimizer, X, y, *, epochs, batch_size, seed=None):
    losses = []
    order = random.Random(seed) if seed is not None else None
    for _ in range(epochs):
        if order:
            parts = batches(list(X), list(y), batch_size, rng=order)
        else:
            parts = [(X[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(X), batch_size)]
        for rows, targets in parts:
            terms = [loss(a, b) for a, b in zip(rows, targets)]
            out = sum(terms[1:], terms[0]) / len(terms)
            optimizer.zero_grad()
            out.backward()
            optimizer.step()
            losses.append(out.data)
    return losses


def pair(make, optimizer):
    """Two equal models, with an optimizer each."""
    models = [make(random.Random(1)), make(random.Random(1))]
    return [(model, optimizer(model.parameters())) for model in models]


OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9),
    "Nesterov": lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSProp": lambda p: RMSProp(p, lr=0.01),
    "Adam": lambda p: Adam(p, lr=0.01, weight_decay=1e-3),
    "AdamW": lambda p: AdamW(p, lr=0.01),
    "step decay": lambda p: SGD(p, lr=step_decay(0.1, every=3, factor=0.5)),
    "exponential decay": lambda p: Adam(p, lr=exponential_decay(0.01, factor=0.9)),
    "cosine decay": lambda p: SGD(p, lr=cosine_decay(0.1, steps=10)),
    "linear decay": lambda p: SGD(p, lr=linear_decay(0.1, steps=10)),
    "clipped": lambda p: SGD(p, lr=0.3, momentum=0.5, clip=0.2),
    "Adam, clipped": lambda p: Adam(p, lr=0.01, clip=0.1),
    "the user's own schedule": lambda p: SGD(p, lr=lambda t: 0.1 if t < 5 else 0.01),
}


def small(optimizer=lambda p: SGD(p, lr=0.1)):
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    made = optimizer(net.parameters())
    return net, made, train_step(lambda x, y: mse(net(x), y), made)
