"""What is printed where the stream has few characters, as files and pipes on Windows have: cp1252, or ascii."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from micrograd import Value, trace, tree
from micrograd.nn import MLP
from micrograd.words import PLAIN, Printed, Shown, printable

ALL = """
import random
from micrograd import Value, check_engine, draw_dot, draw_net, fit, relu, trace, tree
from micrograd.check import check_grads
from micrograd.views.snapshot import snapshot
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP

x, y = Value(2.0, label="x"), Value(-4.0, label="y")
z = x / (x + y)
print(tree(z))
z.backward()
recorded = trace(z)
net = MLP(2, [3, 1], rng=random.Random(0))
history = fit(net, half_squared_sum, [[1.0, 2.0]] * 6, [1.0] * 6, epochs=20, backend="eager", progress=False)

class Wrong:
    def __init__(self, data, parents=()):
        self.data, self.grad, self._prev, self._backward = data, 0.0, set(parents), lambda: None

    def __mul__(self, other):
        out = Wrong(self.data * other.data, (self, other))
        def backward():
            self.grad += out.grad * self.data
            other.grad += out.grad * other.data
        out._backward = backward
        return out

    def backward(self):
        order = []
        def visit(node):
            if node not in order:
                for parent in node._prev:
                    visit(parent)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()

for shown in (
    tree(z), draw_dot(z), recorded, recorded[0], recorded.table(), recorded.forward(), *snapshot(z).nodes,
    recorded.why(x), check_engine(Wrong), check_grads(lambda a: a.tanh(), [0.5]), net.summary(), draw_net(net), history,
    x**-1, relu,
):
    print(shown)
    print(f"{shown}", repr(shown))
"""


def ran(*command, encoding, **settings):
    """What a process printed on streams of this encoding."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "NO_COLOR": "1"},
        input=b"tree\ns\nwhy x\nu\n",
        capture_output=True,
        timeout=100,
        **settings,
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp1251", "utf-8"])
def test_everything_that_is_shown_can_be_printed(encoding):
    status, out, err = ran("-c", ALL, encoding=encoding)
    assert (status, err) == (0, "")
    assert "?" not in out
    branch = "├─ x" if encoding == "utf-8" else "|- x"
    assert branch in out and ("∂v2/∂x" if encoding == "utf-8" else "dv2/dx") in out


def test_a_characters_place_is_taken_by_one_character():
    z = Value(2.0, label="x") * Value(3.0, label="y")
    assert all(len(plain) == 1 and plain.isascii() for plain in PLAIN.values())
    drawn = tree(z)
    assert [len(line) for line in printable(drawn, Stream("ascii")).splitlines()] == list(map(len, drawn.splitlines()))


class Stream(io.StringIO):
    def __init__(self, encoding):
        super().__init__()
        self.name = encoding

    @property
    def encoding(self):
        return self.name


def test_text_keeps_its_characters_and_is_adapted_where_it_is_shown(monkeypatch):
    z = Value(2.0, label="x") * 3.0
    drawn, net = tree(z), MLP(2, [1]).summary()
    assert isinstance(drawn, str) and "└─ x" in drawn and type(str(drawn)) is str
    monkeypatch.setattr("sys.stdout", Stream("cp1252"))
    assert "└─ x" in drawn and drawn + "" != str(drawn)  # as a str, to be written to a file
    assert "`- x" in str(drawn) and "`- x" in repr(drawn) and "`- x" in f"{drawn}"
    assert str(net) == f"{net}" == "MLP 2 > 1, Linear, 3 parameters" and repr(net) == f"'{net}'" and "→" in net
    assert "× 1 = 3" in str(trace(z)) and "dv" in str(trace(z))  # × is in cp1252
    for name in ("utf-8", "utf-16", None, "not an encoding"):
        monkeypatch.setattr("sys.stdout", Stream(name))
        assert str(drawn) == drawn
    monkeypatch.setattr("sys.stdout", None)  # as under pythonw
    assert str(drawn) == drawn
    assert printable("\ud800 ç", Stream("ascii")) == "? ?"
    assert Shown("é") == Printed("é") == "é"


RUN = ["train", "moons", "--out", "run", "--epochs", "3", "--hidden", "3", "--backend", "eager"]


def test_every_command_prints_on_such_streams(tmp_path):
    """Files are UTF-8 whatever the streams are."""
    for command, status, said in (
        (["--version"], 0, "micrograd"),
        (["--help"], 0, "usage"),
        (["draw", "tanh(x * y)", "x=2", "y=0.1", "-o", "z.svg"], 0, "saved"),
        (["step", "tanh(x * y)", "x=2", "y=0.1"], 0, "|- "),
        (["explain", "tanh(x * y)", "x=2", "y=0.1", "-o", "z.html"], 0, "saved"),
        (RUN, 0, "2-3-1"),
        (["show", "run", "--draw", "net.svg"], 0, "2-3-1"),
        (["predict", "run", "missing.csv"], 2, "missing.csv"),
        (["draw", "x → y", "x=2"], 2, ""),
    ):
        code, out, err = ran("-m", "micrograd", *command, encoding="cp1252", cwd=tmp_path)
        assert code == status, (command, out, err)
        assert said in out + err, (command, out, err)
        assert "Traceback" not in err and "\\u" not in out + err
    assert "×" in (tmp_path / "z.html").read_text("utf-8")
    assert "∂" in (tmp_path / "run" / "net.svg").read_text("utf-8")
