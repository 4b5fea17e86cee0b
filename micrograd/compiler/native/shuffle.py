"""Shuffle rows in native code as Python's own `random.Random(seed).shuffle(list(range(n)))` does: the same order.

Python and NumPy both have the Mersenne Twister (Matsumoto and Nishimura 1998), and native code can draw from NumPy's. A
`Twister` starts from the state of a `random.Random`, and at the end gives its state back. So an epoch shuffled by
native code visits the rows in the order of `data.batches`. NumPy's documentation: "Extending" in numpy.random, ctypes.
"""

from __future__ import annotations

import ctypes
import importlib.resources
import random
from typing import Any

from micrograd.extras import require

SHUFFLE = importlib.resources.files(__package__).joinpath("shuffle.ll").read_text("utf-8")


class Twister:
    """A generator for native code: `draw` is the address of a function that draws from the state at `address`."""

    def __init__(self) -> None:
        require("numpy", extra="jit")
        from numpy.random import MT19937

        self._generator = MT19937(0)
        native = self._generator.ctypes
        self.address: int = native.state_address
        self.draw: int = ctypes.cast(native.next_uint32, ctypes.c_void_p).value or 0
        # The state in memory: 624 words, and how many are used. Asking NumPy takes 30 us, in each epoch of `fit`.
        # NumPy does not document this layout, so it is checked once.
        words: Any = (ctypes.c_uint32 * 625).from_address(self.address)
        self._words = words if words[:] == self._told() else None

    def take_over(self, rng: random.Random) -> None:
        """Continue from the state of `rng`."""
        *words, used = rng.getstate()[1]
        self._generator.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": used}}

    def put_back(self, rng: random.Random) -> None:
        """Give the state after native code back to `rng`."""
        version, _, gauss = rng.getstate()
        rng.setstate((version, tuple(self._words[:] if self._words else self._told()), gauss))

    def _told(self) -> list[int]:
        state = self._generator.state["state"]
        return [*state["key"].tolist(), state["pos"]]


def generator(given: Any) -> random.Random | None:
    """The generator that a `shuffle=` option names: a seed, a `random.Random`, or None for no shuffling."""
    if given is None or given is False:
        return None
    if type(given) is random.Random:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return random.Random(given)
    raise TypeError(f"shuffle must be a seed such as 0, a random.Random, or None to keep the order, not {given!r}")
