"""One file for each engine that is timed, all with the same interface.

    >>> from benchmarks.peers import rows_of
    >>> rows_of("numpy")
    ['NumPy by hand', 'Python by hand']

A peer's module has `NAMES`, its rows in the table by variant, `version()`, `LOOPS`, the variants of which one call
takes many steps, `SLOW`, those of which a few steps are enough, and

- `train(net, variant)`: a trainer. `start()` puts the first parameters in place; `run(steps)` goes on from there, from
  the first batch, and gives the losses before each step; `parameters()` are arrays in the order of `Net.parameters`.
- `evaluate(expression, variant)`: an evaluator. `run(calls)` computes the value and both derivatives at POINT so many
  times; `result()` gives the three numbers.

Either gives None where a variant has no place. Creating one and its first `run(1)` are what the time to compile is.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

NEEDS = {  # the module that must be installed, for each peer
    "ours": "llvmlite",
    "original": None,
    "torch": "torch",
    "jax": "jax",
    "numpy": "numpy",
    "casadi": "casadi",
    "autograd": "autograd",
    "limit": None,
    "tuned": None,
}


def load(peer: str) -> ModuleType:
    """The module of a peer. Its library is loaded with it."""
    return importlib.import_module(f"benchmarks.peers.{peer}_peer")


def is_installed(peer: str) -> bool:
    needs = NEEDS[peer]
    return needs is None or importlib.util.find_spec(needs) is not None


def rows_of(peer: str) -> list[str]:
    return list(load(peer).NAMES.values())
