"""A net of scalars learns to tell three species of iris apart by the sizes of their petals and sepals."""

import random

from micrograd.cli import run
from micrograd.data import batches, iris, split
from micrograd.losses import cross_entropy
from micrograd.metrics import accuracy
from micrograd.nn import MLP
from micrograd.optim import Adam


def main(*, seed=0, steps=1000, batch=8, lr=0.003):
    """Train a 4-20-3 net on two thirds of the 150 flowers and print its accuracy on the third it never saw.

    ReLU, Xavier initialisation, and the negative log-likelihood of the softmax, in mini-batches, with Adam.
    """
    rng = random.Random(seed)
    X_train, y_train, X_test, y_test = split(*iris(), held_out=1 / 3, rng=rng)
    net = MLP(4, [20, 3], activation="relu", init="xavier", rng=rng)
    optimizer = Adam(net.parameters(), lr=lr)
    print(f"{len(net.parameters())} parameters, {len(X_train)} flowers to learn from, {len(X_test)} held out")

    step, losses = 0, []
    while step < steps:
        for X, y in batches(X_train, y_train, batch, rng=rng):
            loss = cross_entropy([net(row) for row in X], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.data)
            step += 1
            if step % max(1, steps // 10) == 0:
                recent = losses[-steps // 10 :]
                mean = sum(recent) / len(recent)
                print(f"step {step:5}   loss {mean:.4f}   held-out accuracy {accuracy(net, X_test, y_test):.1%}")
            if step == steps:
                break

    print(f"held-out accuracy: {accuracy(net, X_test, y_test):.1%} of {len(X_test)} flowers")
    return net, losses, accuracy(net, X_test, y_test)


if __name__ == "__main__":
    run(main)
