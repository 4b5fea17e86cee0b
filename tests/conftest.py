"""How all tests run: hypothesis's profile, and Ctrl-C as in a terminal."""

from __future__ import annotations

import gc
import os
import signal

import hypothesis
import pytest

pytest.register_assert_rewrite("helpers")  # so that a failing assert there shows its numbers too

# No deadlines: a busy machine is not a failing test. CI repeats the same examples on each run.
hypothesis.settings.register_profile("here", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

# Many tests interrupt with Ctrl-C, which programs that a shell starts in the background ignore.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def without_callbacks_of_other_packages():
    """Dask makes Python's collector call a function of its own, which would swallow the Ctrl-C of a test."""
    kept = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = kept
