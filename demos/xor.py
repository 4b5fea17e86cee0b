"""A net of 3 inputs, 4 hidden sigmoid neurons and 1 output learns exclusive or, which no single neuron can.

The third input is always 1: its weights do the work of biases, so the net has none.
"""

import random

from micrograd.cli import run
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP
from micrograd.optim import SGD

ROWS = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
TARGETS = [0, 1, 1, 0]


def main(*, seed=1, steps=20_000, lr=1.0):
    """Train on the four rows by gradient descent and print the mean error as it falls."""
    net = MLP(3, [4, 1], activation="sigmoid", output="sigmoid", bias=False, rng=random.Random(seed))
    optimizer = SGD(net.parameters(), lr=lr)
    errors = []
    for step in range(steps + 1):
        outputs = [net(row) for row in ROWS]
        if step % max(1, steps // 10) == 0:
            errors.append(sum(abs(out.data - target) for out, target in zip(outputs, TARGETS)) / len(ROWS))
            print(f"step {step:6}   mean error {errors[-1]:.4f}")
        optimizer.zero_grad()
        half_squared_sum(outputs, TARGETS).backward()
        optimizer.step()

    for row, target in zip(ROWS, TARGETS):
        print(f"{row[0]} xor {row[1]} = {net(row):.3f}   (wanted {target})")
    return net, errors


if __name__ == "__main__":
    run(main)
