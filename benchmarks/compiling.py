"""How long compiling takes, and whether it grows with the length of the tape: `python -m benchmarks.compiling`.

Training steps of nets of growing size are compiled, several times each, in rounds that interleave the sizes. The time
is from the function to native code: recording, simplifying, writing LLVM's text, and LLVM's own work. `--many N`
compiles N functions one after the other instead, and prints the memory of the process along the way.
"""

from __future__ import annotations

import argparse
import gc
import platform
import random
import resource
import statistics
import time

from micrograd import exp, jit, train_step
from micrograd.compiler.native.native import native_of
from micrograd.losses import half_squared_sum, hinge
from micrograd.nn import MLP
from micrograd.optim import SGD

NETS = {
    "xor 3-4-1": ((3, [4, 1]), {"activation": "sigmoid", "output": "sigmoid", "bias": False}, half_squared_sum, 4),
    **{f"ReLU 2-{n}-{n}-1": ((2, [n, n, 1]), {}, hinge, 100) for n in (4, 8, 12, 16, 20, 23)},
}


def compile_step(name):
    """Compile a training step; returns the seconds and the number of instructions in the simplified tape."""
    sizes, options, loss, rows = NETS[name]
    net = MLP(*sizes, rng=random.Random(0), **options)
    X, y = [[0.5] * sizes[0]] * rows, [1] * rows
    native_of.cache_clear()
    step = train_step(lambda row, target: loss(net(row), target), SGD(net.parameters(), lr=1e-3))
    began = time.perf_counter()
    step(X, y)
    return time.perf_counter() - began, len(step.tape) - len(step.tape.inputs)


def times(rounds):
    for name in NETS:  # once unmeasured: LLVM's start-up
        compile_step(name)
    found = {name: [] for name in NETS}
    for _ in range(rounds):
        for name in NETS:
            gc.collect()
            seconds, length = compile_step(name)
            found[name].append((seconds, length))
    print(f"Python {platform.python_version()}, {platform.machine()}, {rounds} rounds\n")
    print("| net | instructions | minimum ms | median ms | us an instruction | against linear |")
    print("|---|---|---|---|---|---|")
    first = None
    for name, measured in found.items():
        low, length = min(measured)
        middle = statistics.median(seconds for seconds, _ in measured)
        each = 1e6 * low / length
        first = first or (each if name.startswith("ReLU") else None)
        against = f"{each / first:.2f}" if first else ""
        print(f"| {name} | {length} | {1e3 * low:.0f} | {1e3 * middle:.0f} | {each:.0f} | {against} |")


def memory(count):
    for i in range(1, count + 1):
        jit(lambda x, i=i: x * float(i) + exp(x))(1.0)
        if i % max(1, count // 10) == 0:
            gc.collect()
            print(f"{i:6} compilations   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=0, help="compile this many functions, and watch the memory")
    options = parser.parse_args()
    memory(options.many) if options.many else times(options.rounds)


if __name__ == "__main__":
    main()
