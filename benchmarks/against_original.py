"""How much faster a training step is than the original micrograd 0.1.0's: `python -m benchmarks.against_original`.

One step of MLP(2, [16, 16, 1]) on 100 examples: forward, backward, update. The original is installed from PyPI into its
own environment, and both run the same program, interleaved, in this one process. Losses and gradients are checked to be
equal before anything is timed. The original leaves every graph to Python's cyclic garbage collector; blocks of several
steps are timed, so that each engine pays for collecting its own graphs.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import platform
import random
import statistics
import time

import micrograd.nn
from benchmarks.original import original
from micrograd import collector_paused


class Training:
    """The original's own demo; both engines run the same lines."""

    def __init__(self, engine, nn):
        self.Value = engine.Value
        random.seed(1337)
        self.model = nn.MLP(2, [16, 16, 1])
        self.X = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(100)]
        self.y = [1 if a * b > 0 else -1 for a, b in self.X]

    def step(self):
        inputs = [list(map(self.Value, row)) for row in self.X]
        scores = list(map(self.model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(self.y, scores)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in self.model.parameters())
        self.model.zero_grad()
        loss.backward()
        for p in self.model.parameters():
            p.data -= 0.1 * p.grad
        self.loss = loss

    def gradients(self):
        return [p.grad for p in self.model.parameters()]


def check_equal(one, other, steps=3):
    for _ in range(steps):
        one.step()
        other.step()
        worst = max(abs(a - b) / max(1e-3, abs(b)) for a, b in zip(one.gradients(), other.gradients()))
        assert abs(one.loss.data - other.loss.data) < 1e-9, (one.loss, other.loss)
        assert worst < 1e-9, worst
    print(f"checked: {steps} losses and {steps * len(one.gradients())} gradients agree to 1e-9")


def seconds_per_step(training, steps):
    start = time.perf_counter()
    for _ in range(steps):
        training.step()
    return (time.perf_counter() - start) / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=7, help="timed blocks of each engine and mode (default 7)")
    parser.add_argument("--steps", type=int, default=5, help="training steps in a block (default 5)")
    options = parser.parse_args()

    ours, theirs = Training(micrograd.engine, micrograd.nn), Training(*original())
    check_equal(ours, theirs)
    modes = {"collector on": contextlib.nullcontext, "collector paused": collector_paused}
    times = {(who, mode): [] for mode in modes for who in ("micrograd", "original")}
    for _ in range(options.blocks):
        for mode, context in modes.items():
            for who, training in (("micrograd", ours), ("original", theirs)):
                gc.collect()  # no engine pays for another's garbage
                with context():
                    times[who, mode].append(seconds_per_step(training, options.steps))

    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(f"milliseconds a training step, over {options.blocks} blocks of {options.steps} steps\n")
    print("| engine | collector | minimum | median | maximum |")
    print("|---|---|---|---|---|")
    for (who, mode), found in times.items():
        low, middle, high = (1e3 * f(found) for f in (min, statistics.median, max))
        print(f"| {who} | {mode.removeprefix('collector ')} | {low:.0f} | {middle:.0f} | {high:.0f} |")
    print("\n| how many times faster than the original | by minima | by medians |")
    print("|---|---|---|")
    for ours_mode, their_mode in [
        ("collector on", "collector on"),
        ("collector paused", "collector on"),
        ("collector paused", "collector paused"),
    ]:
        ratios = [f(times["original", their_mode]) / f(times["micrograd", ours_mode]) for f in (min, statistics.median)]
        print(
            f"| {ours_mode}, original's {their_mode.removeprefix('collector ')} | {ratios[0]:.1f} | {ratios[1]:.1f} |"
        )


if __name__ == "__main__":
    main()
