"""How soon Ctrl-C stops native training: `python -m benchmarks.stopping`.

A run of a billion steps is interrupted at random moments, with steps of microseconds and with steps longer than a tenth
of a second. The delay is from the signal to the KeyboardInterrupt in the caller. Each time the parameters are compared,
bit for bit, with those after the same number of whole steps in a new run.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import statistics
import threading
import time

import numpy as np

from micrograd import train_step
from micrograd.losses import hinge
from micrograd.nn import MLP
from micrograd.optim import SGD

ROWS = {"batches of 100 rows": 100, "one batch of 3,000,000 rows": 3_000_000}


def delays(rows, times, rng):
    net = MLP(2, [16, 16, 1], rng=random.Random(0))
    optimizer = SGD(net.parameters(), lr=1e-6)
    step = train_step(lambda x, y: hinge(net(x), y), optimizer)
    X = np.random.default_rng(0).normal(size=(rows, 2))
    y = np.sign(X[:, 0])
    step(X[:64], y[:64])
    found = []
    for _ in range(times):
        before, taken, sent = net.state_dict(), optimizer.steps, []

        def interrupt(sent=sent):
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(rng.uniform(0.2, 0.6), interrupt)
        timer.start()
        try:
            step.run(X, y, steps=10**9)
        except KeyboardInterrupt:
            found.append(time.perf_counter() - sent[0])
        timer.join()
        after, taken = net.state_dict(), optimizer.steps - taken
        net.load_state_dict(before)
        if taken:
            step.run(X, y, steps=taken)
        if net.state_dict() != after:
            raise AssertionError(f"after {taken} steps the parameters are not those of {taken} whole steps")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="how often each run is interrupted")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore SIGINT
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    print("| steps on | interrupted | minimum ms | median ms | maximum ms |")
    print("|---|--:|--:|--:|--:|")
    for name, rows in ROWS.items():
        found = [1e3 * x for x in delays(rows, options.times, random.Random(0))]
        numbers = f"{min(found):.0f} | {statistics.median(found):.0f} | {max(found):.0f}"
        print(f"| {name} | {len(found)} times | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
