"""A net with two hidden layers of 16 neurons separates two interleaved half circles, and its borders are drawn."""

import random

from micrograd import collector_paused, no_grad
from micrograd.cli import run
from micrograd.data import moons
from micrograd.losses import hinge
from micrograd.metrics import accuracy
from micrograd.nn import MLP
from micrograd.optim import SGD, linear_decay
from micrograd.plots import decision_regions


@collector_paused()  # these graphs are large, and being free of cycles they need no garbage collector
def main(*, seed=0, steps=100, alpha=1e-4, out="moons.png"):
    """Train MLP(2, [16, 16, 1]) with the support vector machine's loss and L2 regularisation, and save a picture."""
    X, y = moons(100, noise=0.1, seed=seed)
    net = MLP(2, [16, 16, 1], rng=random.Random(seed))
    parameters = net.parameters()
    optimizer = SGD(parameters, lr=linear_decay(1.0, steps=100, final=0.1))
    for step in range(1, steps + 1):
        data_loss = hinge([net(row) for row in X], y)
        loss = data_loss + alpha * sum(p * p for p in parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == steps:
            print(f"step {step:4}   loss {loss:.4f}   accuracy {accuracy(net, X, y):.0%}")

    with no_grad():
        decision_regions(net, X, y, out)
    print(f"the decision regions are in {out}")
    return net, accuracy(net, X, y)


if __name__ == "__main__":
    run(main)
