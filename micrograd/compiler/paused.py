"""Compile without Python's cyclic garbage collector: `with paused():`.

    >>> import gc
    >>> from micrograd.compiler.paused import paused
    >>> with paused():
    ...     gc.isenabled()
    False

A recording makes millions of objects, all alive and without cycles. The collector would walk them again and again; and
it would walk them all once it is on again, which takes as long as a second, and an interrupt is not heard meanwhile. So
if they are many, they count as old when the block ends, and are looked at when Python next looks at everything.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from micrograd.modes import collector_paused

MANY = 100_000  # new objects, which the collector walks in some hundredths of a second


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """The collector is off inside; what was made inside counts as old afterwards, if it is much."""
    with collector_paused():
        try:
            yield
        finally:
            if gc.get_count()[0] > MANY and not gc.get_freeze_count():  # else they would thaw what the user has frozen
                gc.freeze()
                gc.unfreeze()  # to the oldest generation
