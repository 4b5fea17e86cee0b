"""What nobody should give to the native core's own functions: each is refused with an error, and nothing worse."""

from __future__ import annotations

import subprocess
import sys

import pytest

import micrograd

WRONG = {
    "bind without names": "_core.bind()",
    "bind by position": "_core.bind(5)",
    "a row that there is not": "_core.install(10**6, op, None, ())",
    "an expanded row that there is not": "_core.install(0, op, None, (10**6,))",
    "expanded rows that are none": "_core.install(0, op, None, 5)",
    "code that is none": "setattr(jit(f), '_code', (1, 2, 3, 4, 5, 6))",
    "a product without code": "kind((Value(1.0),)).prepare((1, 2, 3), [1.0], 1) and None",
    "more results than memory": "kind((Value(1.0),)).prepare((b'0' * 64, b'0' * 64, None), [1.0], 2**63 - 1) and None",
}

BEGINNING = """
from micrograd import Value, jit
from micrograd.c_core import _core
from micrograd.table import TABLE
op, f, kind = TABLE["add"], (lambda x: x), _core.Results
x, y = Value(2.0), Value(3.0)
try:
    print("gave", %s)
except Exception as error:
    print("raised", error)
z = x * y + x
z.backward()
print(z.data, x.grad, y.grad)
"""


@pytest.mark.skipif(micrograd.core != "native", reason="there is no native core here")
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_it_is_refused_and_all_goes_on(wrong):
    said = subprocess.run([sys.executable, "-c", BEGINNING % wrong], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    first, second = said.stdout.splitlines()
    assert second == "8.0 4.0 2.0"
    assert first.startswith("raised") or "prepare" in wrong
