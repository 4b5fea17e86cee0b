"""The state of Python's and NumPy's random generators, to compare and to restore.

>>> import random
>>> from micrograd.compiler.outside.generators import restore, state_of
>>> rng = random.Random(0)
>>> before, first = state_of(rng), rng.random()
>>> restore(rng, before)
>>> rng.random() == first
True
"""

from __future__ import annotations

import random
import sys
from typing import Any

from micrograd.coerce import is_array


def state_of(x: Any) -> Any:
    """The state of a random generator, to compare with ==; None for anything else."""
    if isinstance(x, random.Random):
        try:
            return x.getstate()
        except NotImplementedError:  # SystemRandom has none
            return None
    of_numpy = sys.modules.get("numpy.random")  # if it is not imported, x is not one of its generators
    generator, older = getattr(of_numpy, "Generator", None), getattr(of_numpy, "RandomState", None)
    if generator and older and isinstance(x, (generator, older)):
        return _comparable((x.bit_generator if isinstance(x, generator) else x._bit_generator).state)
    return None


def _comparable(state: Any) -> Any:
    if isinstance(state, dict):
        return tuple((key, _comparable(x)) for key, x in state.items())
    return ("array", state.tobytes(), state.dtype.str) if is_array(state) else state


def restore(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
        return
    numpy = sys.modules["numpy"]

    def plain(x: Any) -> Any:
        if isinstance(x, tuple) and x[:1] == ("array",):
            return numpy.frombuffer(x[1], dtype=x[2]).copy()
        return {key: plain(item) for key, item in x} if isinstance(x, tuple) else x

    bits = generator.bit_generator if isinstance(generator, numpy.random.Generator) else generator._bit_generator
    bits.state = plain(state)
