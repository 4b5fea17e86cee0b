"""Small data, a small net and a run of `fit`, with ways to compare two runs."""

from __future__ import annotations

import random

import pytest

from micrograd import fit
from micrograd.data import moons
from micrograd.losses import hinge
from micrograd.nn import MLP

X, Y = moons(60, seed=0)


def net_of(seed=0, sizes=(6, 1)):
    return MLP(2, list(sizes), activation="tanh", rng=random.Random(seed))


def numbers_of(model):
    return [p.data for p in model.parameters()]


def run(model=None, **options):
    model = model or net_of()
    given = {"epochs": 4, "batch_size": 8, "progress": False, **options}
    return model, fit(model, given.pop("loss", hinge), given.pop("X", X), given.pop("y", Y), **given)


def assert_alike(one, other):
    assert one.columns == other.columns and len(one) == len(other)
    for name in set(one.columns) - {"seconds"}:
        assert other[name] == pytest.approx(one[name], rel=1e-9, abs=1e-12), name
