"""Sessions of the prompt: in a process on a real pseudo-terminal, or in this one, from lines to what is printed."""

from __future__ import annotations

import io
import os
import sys

import pytest

from micrograd import trace
from micrograd.views.prompt import Prompt

pexpect = pytest.importorskip("pexpect")

PROGRAM = """
import micrograd
from micrograd import Value, sigmoid
x, y = Value(2.0), Value(-4.0)
other = 41
f = (x + sigmoid(y)) / (sigmoid(x) + (x + y) ** 2)
micrograd.debug(f, names=vars())
print("left, and x.grad is", x.grad)
"""


class Terminal:
    """A session of the prompt in a process of its own, on a pseudo-terminal."""

    def __init__(self, tmp_path, program=PROGRAM, **settings):
        script = tmp_path / "session.py"
        script.write_text(program)
        environment = {**os.environ, "TERM": "dumb", "PYTHONPATH": os.getcwd(), "INPUTRC": "/dev/null"}
        environment = {k: v for k, v in environment.items() if k not in ("NO_COLOR", "FORCE_COLOR")} | settings
        self.child = pexpect.spawn(
            sys.executable,
            [str(script)],
            encoding="utf-8",
            timeout=30,
            env=environment,
            dimensions=(50, 80),
            cwd=str(tmp_path),
        )
        self.intro = self._until_prompt()

    def _until_prompt(self):
        self.child.expect_exact("\r\n(grad) ")
        return self.child.before.replace("\r\n", "\n")

    def __call__(self, line):
        """What is printed for one line of input."""
        self.child.sendline(line)
        said = self._until_prompt()
        return said.partition("\n")[2].strip("\n")  # after the echo of the line

    def quit(self):
        self.child.sendline("q")
        self.child.expect(pexpect.EOF)
        return self.child.before


def session(root, *lines, names=None, scope=None):
    out = io.StringIO()
    scope = scope or (names if isinstance(names, dict) else None)
    prompt = Prompt(trace(root, names=names), names=scope, stdin=io.StringIO("\n".join(lines) + "\n"), stdout=out)
    prompt.cmdloop()
    return out.getvalue()
