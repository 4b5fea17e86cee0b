"""A net with two hidden layers of 16 neurons separates two interleaved half circles, and its borders are drawn.

With --jit the loss of one point is compiled.
"""

import random

from micrograd import collector_paused, fit, no_grad
from micrograd.cli import run
from micrograd.data import moons
from micrograd.losses import hinge
from micrograd.metrics import accuracy, is_right
from micrograd.nn import MLP
from micrograd.optim import SGD, linear_decay
from micrograd.training.plots import decision_regions


@collector_paused()  # these graphs are large, and being free of cycles they need no garbage collector
def main(*, seed=0, steps=100, alpha=1e-4, out="moons.png", jit=False):
    """Train MLP(2, [16, 16, 1]) with the support vector machine's loss and L2 regularisation, and save a picture."""
    X, y = moons(100, noise=0.1, seed=seed)
    net = MLP(2, [16, 16, 1], rng=random.Random(seed))
    decay = 2 * alpha  # of each parameter p: the derivative of alpha * p**2 is 2 * alpha * p
    fit(
        net,
        hinge,
        X,
        y,
        optimizer=SGD(net.parameters(), lr=linear_decay(1.0, steps=100, final=0.1), weight_decay=decay),
        epochs=steps,
        batch_size=None,
        metrics={"accuracy": is_right},
        backend="jit" if jit else "eager",
    )
    right = accuracy(net, X, y)
    print(f"accuracy {right:.0%} after {steps} steps: {round(right * len(y))} of {len(y)} points on their own side")
    with no_grad():
        decision_regions(net, X, y, out)
    print(f"the border between the two, drawn: {out}")
    return net, right


if __name__ == "__main__":
    run(main)
