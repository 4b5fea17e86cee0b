"""In IPython: the extension, its magic, and how graphs display."""

from __future__ import annotations

import io

import pytest

from micrograd import Value, draw_dot, trace, tree

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
    assert "[1/2] ∂L/∂a = b = 3; times L.grad: 3 × 1 = 3\n" in out and "a.grad = 3 from L" in out


def test_drawings_display_as_svg_and_values_as_text(shell):
    x = Value(2.0)
    data, _ = shell.display_formatter.format(draw_dot(x * x))
    assert "<svg" in data["image/svg+xml"]
    data, _ = shell.display_formatter.format(x)
    assert data == {"text/plain": "Value(data=2.0, grad=0.0)"}
    data, _ = shell.display_formatter.format(trace(x * x))
    assert "[2/2] ∂v2/∂(operand 2) = v1 = 2" in data["text/plain"]


def test_trees_and_tables_display_as_they_are(shell):
    x = Value(2.0, label="x")
    for text in (tree(x * x), trace(x * x).table()):
        data, _ = shell.display_formatter.format(text)
        assert data["text/plain"] == str(text) and "\n" in text and repr(text) == text


def test_gradstep_says_what_it_needs(shell, capsys):
    shell.run_line_magic("gradstep", "")
    assert capsys.readouterr().out == "write the Value to step through after %gradstep: %gradstep z\n"
    shell.run_line_magic("gradstep", "nowhere")
    assert capsys.readouterr().out == "%gradstep nowhere: NameError: name 'nowhere' is not defined\n"
