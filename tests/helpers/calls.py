"""Calls of jitted functions in C alone, and what Python gives for the same call, to the last bit."""

from __future__ import annotations

import contextlib

import pytest

from micrograd import Value, jit
from micrograd.c_core import native
from micrograd.compiler.jit import Jitted
from micrograd.table import CONSTANT

NATIVE_ONLY = pytest.mark.skipif(native is None, reason="there is no native core: all calls go through Python")


@contextlib.contextmanager
def python_calls():
    """A list of the jitted functions whose calls went to Python meanwhile."""
    seen, original = [], Jitted._called

    def called(self, *args, **kwargs):
        seen.append(self)
        return original(self, *args, **kwargs)

    Jitted._called = called
    try:
        yield seen
    finally:
        Jitted._called = original


def quickly(f, *args):
    """What the call gives in C alone."""
    with python_calls() as seen:
        out = f(*args)
    assert not seen, f"{f!r}{args} went through Python"
    return out


def ready(f, *args):
    """The compiled function after the calls that it takes until C does such calls."""
    fast = f if isinstance(f, Jitted) else jit(f)
    for _ in range(2):
        fast(*args)
    return fast


def said(out):
    """All that a result holds, to the last bit; constants by their numbers."""
    if not isinstance(out, Value):
        return type(out), out.hex()
    local = [x.hex() for x in out._local]
    operands = [(x._operation, x.data.hex()) if x._operation is CONSTANT else id(x) for x in out._prev]
    return type(out), out.data.hex(), out.grad, out.label, out._operation, local, operands


def check(f, *args):
    """The call in C and the call in Python give the same, and the same gradients."""
    fast = ready(f, *args)
    found, gradients = [], []
    for way in (quickly, Jitted._called):
        found.append(said(out := way(fast, *args)))
        if isinstance(out, Value):
            values = [x for x in out._prev if x._operation is not CONSTANT]
            for x in values:
                x.grad = 0.0
            out.backward()
            gradients.append([x.grad.hex() for x in values])
    assert found[0] == found[1]
    assert not gradients or gradients[0] == gradients[1]
    return fast


def outcome(f, args):
    try:
        return said(f(*args))
    except (ArithmeticError, ValueError) as error:
        return type(error), str(error)
