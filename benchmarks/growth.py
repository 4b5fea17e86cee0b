"""How compile time and memory grow, from 1,000 to 1,000,000 instructions: `python -m benchmarks.growth`.

    python -m benchmarks.growth --most 100000 --limit 60      no program longer than this; a minute for each

Training steps of two kinds: nets, which are loops that Python unrolled, and operations chosen at random, which are not.
Each is compiled in a process of its own. The time is from the call of `train_step` to the result of the first step; the
memory is the process's peak less that of the same process before. Sizes take turns, round after round.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.memory import high_water

ROOT = Path(__file__).parent.parent
NETS = {1_000: (4, 9), 10_000: (84, 30), 100_000: (784, 40), 1_000_000: (784, 400)}  # inputs and hidden neurons
AT_RANDOM = {1_000: 275, 10_000: 2_900, 100_000: 29_000}  # operations of forward
PARAMETERS = 10  # of a program at random

OPERATIONS = {
    "sum": lambda a, b: (a + b) * 0.5 + 0.1,  # so that numbers stay far from 0, where they would be denormal and slow
    "difference": lambda a, b: (a - b) * 0.5,
    "product": lambda a, b: a * b * 0.5,
    "tanh": lambda a, b: a.tanh(),
}


def net_of(size):
    """The loss of a net, its parameters, and a batch of 10 rows."""
    from micrograd.losses import half_squared_sum
    from micrograd.nn import MLP

    inputs, hidden = NETS[size]
    net = MLP(inputs, [hidden, 10], activation="sigmoid", output="sigmoid", rng=random.Random(0))
    rng = random.Random(1)
    rows = [[rng.random() for _ in range(inputs)] for _ in range(10)]
    targets = [[float(k == i) for k in range(10)] for i in range(10)]
    return (lambda x, y: half_squared_sum(net(x), y)), net.parameters(), (rows, targets)


def at_random(size):
    """A loss of random operations on terms computed shortly before, its parameters, and a batch of 10 rows."""
    from micrograd import Value

    rng = random.Random(2)
    steps = [(rng.choice(list(OPERATIONS)), rng.randrange(1, 41), rng.randrange(1, 41)) for _ in range(AT_RANDOM[size])]
    parameters = [Value(rng.uniform(-1.0, 1.0)) for _ in range(PARAMETERS)]

    def loss(x, y):
        terms = [x * p + y for p in parameters] * 4
        for name, i, j in steps:
            a, b = terms[-i], terms[-j]
            terms.append(OPERATIONS[name](a, b))
        return sum(terms[::20]) * (20.0 / len(terms))

    return loss, parameters, ([rng.uniform(-1.0, 1.0) for _ in range(10)], [0.5] * 10)


KINDS = {"nets": (net_of, NETS), "at random": (at_random, AT_RANDOM)}


def one(kind, size):
    """Compile one program here; print its instructions, seconds and megabytes."""
    import numpy as np

    from micrograd import train_step
    from micrograd.optim import SGD

    loss, parameters, (X, y) = KINDS[kind][0](size)
    X, y = np.array(X), np.array(y)
    train_step(lambda x, y: (parameters[0] * x - y) ** 2, SGD(parameters[:1], lr=0.0))([0.5], [0.5])  # LLVM's start-up
    before, began = high_water(), time.perf_counter()
    step = train_step(loss, SGD(parameters, lr=1e-3))
    step(X, y)
    seconds, after = time.perf_counter() - began, high_water()
    print(json.dumps([len(step.tape) - len(step.tape.inputs), seconds, after - before, min(times(step, X, y))]))


def times(step, X, y):
    """Seconds a step, in each of some runs."""
    for _ in range(5):
        began = time.perf_counter()
        step.run(X, y, steps=20, batch_size=len(X))
        yield (time.perf_counter() - began) / 20


def measured(kind, size, limit):
    """What `one` printed, or None if it took longer than `limit` seconds."""
    command = [sys.executable, "-m", "benchmarks.growth", "--one", kind, str(size)]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    if said.returncode:
        raise RuntimeError(said.stderr.strip().rpartition("\n")[2])
    return json.loads(said.stdout)


def table(most, rounds, limit):
    found = {(kind, size): [] for kind, (_, sizes) in KINDS.items() for size in sizes if size <= most}
    late = set()
    for number in range(rounds):
        for program in found:
            print(f"[{time.strftime('%H:%M:%S')}] round {number + 1}: {program}", file=sys.stderr, flush=True)
            if program in late:
                continue
            answer = measured(*program, limit)
            (late.add(program) if answer is None else found[program].append(answer))
    head = ["program", "instructions", "minimum s", "median s", "µs an instruction", "peak MB", "kB an instruction"]
    print("| " + " | ".join([*head, "step µs"]) + " |")
    print("| --- |" + " --: |" * len(head))
    for (kind, size), answers in found.items():
        if not answers:
            print(f"| {kind} | about {size:,} | more than {limit:g} | | | | | |")
            continue
        count, seconds = answers[0][0], [answer[1] for answer in answers]
        low, memory, step = min(seconds), min(answer[2] for answer in answers), min(answer[3] for answer in answers)
        cells = [kind, f"{count:,}", f"{low:.2f}", f"{statistics.median(seconds):.2f}", f"{1e6 * low / count:.0f}"]
        cells += [f"{memory:.0f}", f"{1024 * memory / count:.2f}", f"{1e6 * step:.0f}"]
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=1_000_000, help="the longest program, in instructions")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a program is given up")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], int(options.one[1]))
    else:
        table(options.most, options.rounds, options.limit)


if __name__ == "__main__":
    main()
