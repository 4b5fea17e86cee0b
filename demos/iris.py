"""A net of scalars learns to tell three species of iris apart by the sizes of their petals and sepals.

With --jit the loss of one flower is compiled, and training takes a hundredth of the time.
"""

import random

from micrograd import train_step
from micrograd.cli import run
from micrograd.data import batches, iris, split
from micrograd.losses import cross_entropy
from micrograd.metrics import accuracy
from micrograd.nn import MLP
from micrograd.optim import Adam


def main(*, seed=0, steps=1000, batch=8, lr=0.003, jit=False):
    """Train a 4-20-3 net on two thirds of the 150 flowers and print its accuracy on the third it never saw.

    ReLU, Xavier initialisation, and the negative log-likelihood of the softmax, in mini-batches, with Adam.
    """
    rng = random.Random(seed)
    X_train, y_train, X_test, y_test = split(*iris(), held_out=1 / 3, rng=rng)
    net = MLP(4, [20, 3], activation="relu", init="xavier", rng=rng)
    optimizer = Adam(net.parameters(), lr=lr)
    print(f"{len(net.parameters())} parameters, {len(X_train)} flowers to learn from, {len(X_test)} held out")
    every, losses = max(1, steps // 10), []

    def report(step, loss):
        losses.append(loss)
        if step % every == 0:
            mean = sum(losses[-every:]) / every
            print(f"step {step:5}   loss {mean:.4f}   held-out accuracy {accuracy(net, X_test, y_test):.1%}")

    if jit:
        train = train_step(lambda row, species: cross_entropy(net(row), species), optimizer)
        train.run(X_train, y_train, steps=steps, batch_size=batch, shuffle=rng, callback=report)
    while len(losses) < steps:
        for X, y in batches(X_train, y_train, batch, rng=rng):
            loss = cross_entropy([net(row) for row in X], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            report(len(losses) + 1, loss.data)
            if len(losses) == steps:
                break

    print(f"held-out accuracy: {accuracy(net, X_test, y_test):.1%} of {len(X_test)} flowers")
    return net, losses, accuracy(net, X_test, y_test)


if __name__ == "__main__":
    run(main)
