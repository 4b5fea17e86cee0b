"""In IPython: the extension, its magic, and how graphs display."""

from __future__ import annotations

import io

import pytest

from micrograd import Value, draw_dot, trace

testing = pytest.importorskip("IPython.testing.globalipapp")


@pytest.fixture(scope="module")
def shell():
    found = testing.start_ipython() or testing.get_ipython()
    found.run_line_magic("load_ext", "micrograd")
    return found


def test_gradstep_opens_the_prompt_with_the_notebooks_names(shell, monkeypatch, capsys):
    shell.user_ns.update(a=Value(2.0), b=Value(3.0))
    shell.user_ns["L"] = shell.user_ns["a"] * shell.user_ns["b"]
    monkeypatch.setattr("sys.stdin", io.StringIO("s\nq\n"))
    shell.run_line_magic("gradstep", "L")
    out = capsys.readouterr().out
    assert "[1/2] * L -> a:  local 3.0000 x upstream 1.0000 = 3.0000" in out


def test_drawings_display_as_svg_and_values_as_text(shell):
    x = Value(2.0)
    data, _ = shell.display_formatter.format(draw_dot(x * x))
    assert "<svg" in data["image/svg+xml"]
    data, _ = shell.display_formatter.format(x)
    assert data == {"text/plain": "Value(data=2.0, grad=0.0)"}
    data, _ = shell.display_formatter.format(trace(x * x))
    assert "steps of backward" in data["text/plain"]
