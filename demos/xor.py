"""A net of 3 inputs, 4 hidden sigmoid neurons and 1 output learns exclusive or, which no single neuron can.

The third input is always 1: its weights do the work of biases, so the net has none. With --jit the same loss is
compiled: `python demos/xor.py --jit --steps 60000`.
"""

import random

from micrograd import train_step
from micrograd.cli import run
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD

ROWS = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
TARGETS = [0, 1, 1, 0]


def main(*, seed=1, steps=20_000, lr=1.0, jit=False):
    """Train on the four rows by gradient descent and print the mean error as it falls."""
    net = MLP(3, [4, 1], activation="sigmoid", output="sigmoid", bias=False, rng=random.Random(seed))
    every, errors = max(1, steps // 10), []

    def report(step, loss=None):
        errors.append(sum(abs(net(row).data - target) for row, target in zip(ROWS, TARGETS)) / len(ROWS))
        print(f"step {step:6}   mean error {errors[-1]:.4f}")

    report(0)
    if jit:
        # A compiled step takes the mean over the rows, the loop below their sum: so the rate is 4 times as large.
        optimizer = SGD(net.parameters(), lr=len(ROWS) * lr)
        train = train_step(lambda row, target: half_squared_sum(net(row), target), optimizer)
        train.run(ROWS, TARGETS, steps=steps, callback=report, every=every)
    else:
        optimizer = SGD(net.parameters(), lr=lr)
        for step in range(1, steps + 1):
            optimizer.zero_grad()
            half_squared_sum([net(row) for row in ROWS], TARGETS).backward()
            optimizer.step()
            if step % every == 0:
                report(step)

    for row, target in zip(ROWS, TARGETS):
        print(f"{row[0]} xor {row[1]} = {net(row):.3f}   (wanted {target})")
    if all(round(net(row).data) == target for row, target in zip(ROWS, TARGETS)):
        print("Rounded, all four are right: a hidden layer learned what no single neuron can.")
    return net, errors


if __name__ == "__main__":
    run(main)
