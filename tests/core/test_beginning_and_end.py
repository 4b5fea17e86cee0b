"""The core as a process begins and ends, is forked, imported again, or imported into another interpreter."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from micrograd import c_core

PROGRAMS = {
    "graphs are alive at the end": """
        from micrograd import Value
        x = Value(1.0)
        total = x
        for _ in range(1000):
            total = total * x + 1.0
        total.backward()
        x.circle = total
        print(x.grad)
        """,
    "objects compute as they end": """
        from micrograd import Value, no_grad, tanh
        class Ending:
            def __init__(self):
                self.x = Value(2.0)
                self.me = self
            def __del__(self, tanh=tanh, no_grad=no_grad, Value=Value):
                z = tanh(self.x * 3.0) + self.x**2 + Value(1.0)
                z.backward()
                with no_grad():
                    z + 1.0
                print(self.x.grad)
        a, b = Ending(), Ending()
        import builtins, sys
        builtins.kept, sys.kept = Ending(), [Ending()]
        """,
    "values end with code of their own": """
        from micrograd import Value
        class Sub(Value):
            def __del__(self):
                print((self * 2.0).data, self.label)
        x = Sub(1.0, label="x")
        y = Sub(2.0, (x,), label="y")
        x.circle = y
        z = Sub(3.0)
        z.x = z
        """,
    "the last functions compute": """
        import atexit, weakref
        from micrograd import Value
        x = Value(3.0)
        z = x * x
        atexit.register(lambda: (z.backward(), print(x.grad)))
        weakref.finalize(z, lambda: print(Value(1.0) * 2.0))
        """,
    "threads are computing at the end": """
        import threading, time
        from micrograd import Value
        x = Value(1.0)
        def work():
            while True:
                z = x * 2.0
                for _ in range(50):
                    z = z + x
                z.backward()
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
        """,
    "it is imported again": """
        import gc, importlib, sys
        import micrograd
        from micrograd import Value
        x = Value(2.0)
        for _ in range(3):
            old = {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == "micrograd"}
            import micrograd
            assert micrograd.Value is not Value
            y = micrograd.Value(3.0)
            z, w = x * x, y * y
            z.backward(), w.backward()
            print(x.grad, y.grad, type(z) is Value, type(w) is micrograd.Value)
            try:
                print(x + y)
            except TypeError as error:
                print("refused")
            old.clear()
            gc.collect()
        """,
    "modules are emptied": """
        import gc, sys
        from micrograd import Value
        x = Value(2.0)
        for name in [name for name in sys.modules if name.split(".")[0] == "micrograd"]:
            del sys.modules[name]
        gc.collect()
        z = x * x
        del Value
        gc.collect()
        z.backward()
        print(x.grad)
        """,
    "a child of it computes": """
        import os
        from micrograd import Value, tanh
        x = Value(2.0)
        z = tanh(x) * x
        if hasattr(os, "fork"):
            child = os.fork()
            if not child:
                z.backward()
                os._exit(int(x.grad * 100))
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        z.backward()
        print(x.grad)
        """,
}


def run(program, pure):
    lines = program.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "ignore:This process:DeprecationWarning", "-c"]
        + ["\n".join(line[indent:] for line in lines)],
        env={**os.environ, "MICROGRAD_PURE": pure},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("program", [pytest.param(text, id=name) for name, text in PROGRAMS.items()])
def test_both_cores_begin_and_end_alike(program):
    native, python = run(program, "0"), run(program, "1")
    assert (native.returncode, native.stderr) == (0, "")
    assert (native.stdout, native.returncode, native.stderr) == (python.stdout, python.returncode, python.stderr)


INTERPRETERS = """
import _xxsubinterpreters as interpreters
from micrograd import Value
x = Value(2.0)
(x * x).backward()
program = '''
from micrograd import Value, core, no_grad, tanh
x = Value(3.0)
z = tanh(x) * x + x**2
z.backward()
x.circle = z
with no_grad():
    x * 2.0
import builtins
builtins.kept = x
assert 5.9 < x.grad < 7.1, x.grad
print(core)
'''
for _ in range(3):
    one = interpreters.create()
    interpreters.run_string(one, program)
    (x * x).backward()
    interpreters.destroy(one)
    (x * x).backward()
print(x.grad)
"""


@pytest.mark.parametrize("pure", ["0", "1"])
def test_another_interpreter_has_a_core_of_its_own(pure):
    pytest.importorskip("_xxsubinterpreters", reason="this Python has another module of interpreters")
    ended = run(INTERPRETERS, pure)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split()[-1] == "28.0"


@pytest.mark.parametrize("pure", ["1", "0"])
def test_a_debugger_steps_into_the_engine(tmp_path, pure):
    """As docs/core.md says: through all of it with the Python core, into `backward` alone with the native one."""
    lesson = tmp_path / "lesson.py"
    lesson.write_text("from micrograd import Value\nx = Value(2.0)\nz = x.tanh()\nz.backward()\nprint(x.grad)\n")
    steps = "\n".join(["b 3", "c", *["s"] * 150, "q", ""])
    environment = {**os.environ, "MICROGRAD_PURE": pure}
    run = [sys.executable, "-m", "pdb", str(lesson)]
    said = subprocess.run(run, env=environment, input=steps, capture_output=True, text=True).stdout
    called = re.findall(r"--Call--\n> .*?(\w+\.py)\(\d+\)(\w+)\(\)", said)
    if pure == "1":
        names = ["unary", "record", "tanh", "backward", "order_beyond", "sweep", "chain_rule"]
        assert [name for _, name in called if name in names][: len(names)] == names  # then pdb begins again
    elif c_core.native:
        inside = said[said.index("--Call--") : said.index("print(x.grad)")]
        assert called[0] == ("engine.py", "backward") and inside.count("--Call--") == 1
        assert "native.backward(self)" in inside and "order_beyond(" not in inside
