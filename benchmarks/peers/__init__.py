"""One file for each engine that is timed, all with the same interface.

    >>> from benchmarks.peers import rows_of
    >>> rows_of("numpy")
    ['NumPy by hand', 'Python by hand']

A peer's module has `version()`, `NAMES` (its rows in the table, by variant), `LOOPS` (the variants that take many steps
in one call), `SLOW` (the variants for which a few steps are enough), and

- `train(net, variant)`: a trainer. `start()` sets the first parameters; `run(steps)` goes on from there, from the first
  batch, and returns the loss before each step; `parameters()` returns arrays in the order of `Net.parameters`.
- `evaluate(expression, variant)`: an evaluator. `run(calls)` computes the value and both derivatives at POINT `calls`
  times; `result()` returns the three numbers.
- `train_gpt(gpt, variant)`, where there is one: a trainer of `microgpt`.

Either is None if the variant does not apply. The compile time is that of creating one and of its first `run(1)`.
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
    "tinygrad": "tinygrad",
    "limit": None,
    "tuned": None,
    "jammed": None,
}


def load(peer: str) -> ModuleType:
    """The module of a peer; loads its library."""
    return importlib.import_module(f"benchmarks.peers.{peer}_peer")


def is_installed(peer: str) -> bool:
    needs = NEEDS[peer]
    return needs is None or importlib.util.find_spec(needs) is not None


def rows_of(peer: str) -> list[str]:
    return list(load(peer).NAMES.values())
