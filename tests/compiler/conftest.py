"""What holds for all tests of compiled code."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True)
def without_callbacks_of_other_packages():
    """Dask has Python's collector call a function of its own, in which a Ctrl-C of a test would be swallowed."""
    kept = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = kept
