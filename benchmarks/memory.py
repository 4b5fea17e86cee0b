"""Peak memory of one engine on one workload, in its own process: `peak([peer, variant], workload)`.

The child, `python -m benchmarks.memory PEER VARIANT`, gets the workload from its parent, so that it loads only NumPy
and the engine. `peak([])` is Python alone; `peak([], workload)` adds NumPy and the data.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def peak(arguments: list[str], workload: Any = None) -> tuple[float, float]:
    """Megabytes, and seconds from loading the engine to its first result."""
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    out = subprocess.run(command, input=pickle.dumps(workload), capture_output=True, cwd=ROOT)
    if out.returncode:
        raise RuntimeError(out.stderr.decode().strip().rpartition("\n")[2])
    return tuple(json.loads(out.stdout.decode().splitlines()[-1]))


def high_water() -> float:
    """This process's peak memory in megabytes. On Linux, ru_maxrss would include the parent's peak."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except OSError:
        unit = 2**20 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    workload = pickle.load(sys.stdin.buffer)
    began = time.perf_counter()
    if len(sys.argv) > 1:
        from benchmarks import peers
        from benchmarks.timing import make, start

        peer, variant = sys.argv[1:]
        module = peers.load(peer)
        thing = make(module, workload, variant)
        start(thing)
        thing.run(1)
        took = time.perf_counter() - began
        thing.run(1 if variant in module.SLOW else 100)
    else:
        took = time.perf_counter() - began
    print(json.dumps([high_water(), took]))


if __name__ == "__main__":
    main()
