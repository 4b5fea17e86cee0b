"""The other core, in a process of its own: `OTHER.call(function, *args)` runs a function of a test's module there.

Where this process has nodes in C, the other has Python's, and the other way round. The function, its arguments and what
it gives are pickled; an error that it raises is raised here, with its traceback in words.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from micrograd.c_core import NAME

TESTS = Path(__file__).parent.parent
PURE = "MICROGRAD_PURE"


class OtherCoreError(Exception):
    """What a function in the other core's process raised, in words."""


class OtherCore:
    """A process with the core that this one does not have, started when first asked and kept."""

    def __init__(self) -> None:
        self.name = "python" if NAME == "native" else "native"
        self._process: subprocess.Popen | None = None
        self._missing = ""

    def call(self, function, *args):
        """What `function(*args)` gives in the other core."""
        self._start()
        try:
            send(self._process.stdin, (function, args))
            worked, out = receive(self._process.stdout)
        except (EOFError, BrokenPipeError):
            code, said = self._process.wait(), self._said()
            self.stop()
            raise AssertionError(f"the process of the {self.name} core ended with {code}:\n{said}") from None
        if not worked:
            raise OtherCoreError(out)
        return out

    def _start(self):
        if self._missing:
            pytest.skip(self._missing)
        if self._process:
            return
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop())
        environment = {**os.environ, PURE: "1" if self.name == "python" else "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        atexit.register(self.stop)
        try:
            name, why = receive(self._process.stdout)
        except EOFError:
            raise AssertionError(f"the other core did not start:\n{self._said()}") from None
        if name != self.name:
            self.stop()
            self._missing = f"there is no {self.name} core to compare with: {why}"
            pytest.skip(self._missing)

    def stop(self):
        """End the process; the next call starts another."""
        if self._process:
            self._process.kill()
            self._process.wait()
            for file in (self._process.stdin, self._process.stdout, self._errors):
                with contextlib.suppress(BrokenPipeError):
                    file.close()
            self._process = None
        atexit.unregister(self.stop)

    def _said(self):
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-5000:]


OTHER = OtherCore()


def both(function, *args):
    """What a function of a test's module gives with this core and with the other, by their names."""
    return {NAME: function(*args), OTHER.name: OTHER.call(function, *args)}


def assert_same(function, *args):
    """Check that both cores give the same; give it back."""
    here, there = function(*args), OTHER.call(function, *args)
    assert here == there, f"{NAME} core, then {OTHER.name}"
    return here


def send(pipe, message):
    data = pickle.dumps(message)
    pipe.write(struct.pack("<q", len(data)) + data)
    pipe.flush()


def receive(pipe):
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(pipe.read(*struct.unpack("<q", head)))


def _serve(source, sink):
    from micrograd import c_core

    send(sink, (c_core.NAME, c_core.why))
    while True:
        try:
            function, args = receive(source)
        except EOFError:
            return
        try:
            said = True, function(*args)
            pickle.dumps(said)
        except Exception:
            said = False, traceback.format_exc()
        send(sink, said)


def main():
    sys.path[:0] = [str(TESTS), str(TESTS / "core")]
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a test prints is not mixed with what is sent
    _serve(source, sink)


if __name__ == "__main__":
    main()
