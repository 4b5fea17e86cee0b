"""A net with two hidden layers of 16 neurons separates two interleaved half circles, and its borders are drawn.

With --jit the loss of one point is compiled.
"""

import random

import micrograd
from micrograd import collector_paused, no_grad, train_step
from micrograd.cli import run
from micrograd.data import moons
from micrograd.losses import hinge
from micrograd.metrics import accuracy
from micrograd.nn import MLP
from micrograd.optim import SGD, linear_decay
from micrograd.plots import decision_regions


@collector_paused()  # these graphs are large, and being free of cycles they need no garbage collector
def main(*, seed=0, steps=100, alpha=1e-4, out="moons.png", jit=False):
    """Train MLP(2, [16, 16, 1]) with the support vector machine's loss and L2 regularisation, and save a picture."""
    X, y = moons(100, noise=0.1, seed=seed)
    net = MLP(2, [16, 16, 1], rng=random.Random(seed))
    parameters = net.parameters()
    optimizer = SGD(parameters, lr=linear_decay(1.0, steps=100, final=0.1))
    predict = micrograd.jit(net) if jit else net

    def decay():
        return alpha * sum(p * p for p in parameters)

    def report(step, loss):
        if step % 10 == 0 or step == steps:
            print(f"step {step:4}   loss {loss:.4f}   accuracy {accuracy(predict, X, y):.0%}")

    if jit:
        train = train_step(lambda point, label: hinge(net(point), label) + decay(), optimizer)
        train.run(X, y, steps=steps, callback=report, every=10)
    else:
        for step in range(1, steps + 1):
            loss = hinge([net(point) for point in X], y) + decay()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            report(step, loss.data)

    with no_grad():
        decision_regions(predict, X, y, out)
    print(f"the decision regions are in {out}")
    return net, accuracy(predict, X, y)


if __name__ == "__main__":
    run(main)
