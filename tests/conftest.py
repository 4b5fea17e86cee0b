"""How all tests run: hypothesis's profile, and Ctrl-C as in a terminal."""

from __future__ import annotations

import gc
import os
import signal

import hypothesis
import pytest

from micrograd import Value
from micrograd.table import TABLE

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


@pytest.fixture(autouse=True)
def operations_of_a_test_end_with_it():
    """An operation that a test, a demo or a page adds is taken out of the table and of Value again.

    A row that was taken out and put back is last in the table: the order is mended too, because pages show it.
    """
    before = list(TABLE)
    yield
    for name in set(TABLE).difference(before):
        del TABLE[name]
        if name in vars(Value):
            delattr(Value, name)
    if list(TABLE) != before:
        for name in filter(TABLE.__contains__, before):
            dict.__setitem__(TABLE, name, dict.pop(TABLE, name))  # the same row: nobody needs to hear of it
