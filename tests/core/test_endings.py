"""A process ends well whatever Values it leaves, and a package that is dropped is freed, on both cores."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAMS = {
    "nothing is left": "(Value(3.0) * 2.0).backward()",
    "a graph is left": "z = Value(3.0) * 2.0; z.backward(); z.me = z",
    "the package is dropped": """
(Value(3.0) * 2.0).backward()
del Value
for name in [name for name in sys.modules if name.startswith("micrograd")]:
    del sys.modules[name]
gc.collect()
gc.collect()
""",
    "code runs at the very end": """
import micrograd
from micrograd import no_grad, tanh
x = Value(2.0)

class Late:
    __slots__ = ()

    def __del__(self, Value=Value, x=x, tanh=tanh):
        (x + 2.0 - tanh(x) ** 3).backward()
        Value(1.0) * 2.0

class Ending(Value):
    def __del__(self, Value=Value):
        (self * Value(1.0)).backward()

for place in (sys, micrograd, micrograd.engine, sys.modules[Value.__mro__[2].__module__], Value, tanh):
    place.kept = [Late(), Ending(1.0), Ending(2.0) * 2.0]
x.me, x.late = x, Late()
gc.set_threshold(1)
""",
}


@pytest.mark.parametrize("pure", ["0", "1"])
@pytest.mark.parametrize("named", PROGRAMS)
def test_a_process_ends(named, pure):
    program = f"import gc, sys\nfrom micrograd import Value\n{PROGRAMS[named]}"
    environment = {**os.environ, "MICROGRAD_PURE": pure}
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
