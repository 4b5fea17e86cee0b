"""What a net's result is called on its card: a loss only where it is known to be one."""

from __future__ import annotations

import random

import pytest

from micrograd import MLP, sqrt, svg
from micrograd.losses import hinge


@pytest.mark.parametrize(
    "what, head", [(lambda e: hinge(e, [1, -1]), "loss"), (lambda e: sqrt(e[0] * e[0] + 2.0), "result")]
)
def test_only_a_known_loss_is_headed_loss(what, head):
    net = MLP(2, [3, 1], rng=random.Random(0))
    drawing = svg(what([net([1.0, 2.0]), net([-1.0, 0.5])]), fold="layer")
    assert f">{head}</text>" in drawing and f">{'result' if head == 'loss' else 'loss'}</text>" not in drawing
