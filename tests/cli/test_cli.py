"""The command line and the expressions it reads."""

from __future__ import annotations

import html
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import micrograd
from micrograd import Value, c_core
from micrograd.cli import command as cli
from micrograd.cli.expression import evaluate
from micrograd.errors import ExpressionError
from micrograd.table import TABLE

pexpect = pytest.importorskip("pexpect")


def command(*arguments, capsys):
    status = cli.main(list(arguments))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_draw(capsys, tmp_path):
    path = tmp_path / "f.svg"
    status, out, err = command("draw", "x / (x + y)", "x=2", "y=-4", "-o", str(path), capsys=capsys)
    assert (status, err) == (0, "")
    assert "v2 = x / v1" in out and f"saved {path}" in out
    assert "grad -0.5" in html.unescape(path.read_text())


def test_explain(capsys, tmp_path):
    path = tmp_path / "page.html"
    status, out, _ = command("explain", "x / (x + y)", "x=2", "y=-4", "-o", str(path), capsys=capsys)
    assert status == 0 and out == f"saved {path}\n"
    assert path.read_text().lower().startswith("<!doctype html>")


def test_step_opens_the_prompt():
    arguments = ["-m", "micrograd", "step", "tanh(w * x)", "w=-.5", "x=2"]
    environment = {**os.environ, "TERM": "dumb", "FORCE_COLOR": "0"}
    child = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=30, env=environment)
    child.expect_exact("-> [forward 1/2] v1 = w * x = -0.5 * 2 = -1")
    child.expect_exact("(grad) ")
    child.sendline("c")
    child.expect_exact("forward is done: v2 = -0.7616; backward starts with v2.grad = 1")
    child.sendline("c")
    child.expect_exact("x.grad = -0.21 from v1")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["x / (x + y", "x=2"], "'(' was never closed"),
        (["x +", "x=2"], "is not an expression"),
        (["x + y", "x=2"], "'y' has no value: add y=2"),
        (["pi * x", "x=2"], "'pi' has no value: add pi=3.141592653589793"),
        (["ln(x)", "x=2"], "no function is called 'ln': write log(x)"),
        (["x(2)", "x=2"], "write x*(...) for a product"),
        (["2x", "x=2"], "write it as in Python, such as 2*x + sin(x)"),
        ([" "], "the expression is empty"),
        (["tanh", "x=2"], "tanh(...) is a function"),
        (["tahn(x)", "x=2"], "did you mean"),
        (["__import__('os')", "x=2"], "no function is called '__import__'"),
        (["x.data", "x=2"], "'x.data' is not allowed"),
        (["(lambda: 1)()"], "is not allowed"),
        (["[1, 2]"], "is not allowed"),
        (["'text'"], "is not allowed"),
        (["True"], "is not allowed"),
        (["x if x else x", "x=1"], "is not allowed"),
        (["x := 3"], "is not an expression"),
        (["x", "x=two"], "'two' is not a number"),
        (["x", "2=x"], "is not of the form x=2"),
        (["x / 0", "x=2"], "x / right, where x = 2.0, right = 0.0: needs right != 0"),
        (["log(x)", "x=-1"], "needs x > 0"),
        (["9**9**9**9"], "too large for a float"),
        (["1" * 400], "too large for a float"),
        (["tanh(x, x)", "x=1"], "takes 1 operand"),
        (["leaky_relu(x, slop=1)", "x=1"], "no setting 'slop'"),
        (["tanh(*x)", "x=1"], "without *"),
        (["1 < 2 < 3"], "is not allowed"),
        (["(" * 500 + "x" + ")" * 500, "x=1"], "nested"),
        (["x" + " + x" * 3000, "x=1"], "at most 10,000 characters"),
        (["x^2", "x=1"], "a power is written x**2"),
        (["x", "x=1", "y=2"], "'y' has a value but is not in the expression"),
        (["x", "x=1", "x=2"], "'x' has two values"),
        (["take(x, 0.5)", "x=1"], "needs a whole number as its index"),
        (["take(x, 2, 1e400)", "x=1"], "needs a whole number as its index"),
        (["x\0", "x=1"], "null byte"),
        (["take(x, 5)", "x=1"], "out of range"),
    ],
    ids=range(37),
)
def test_anything_else_is_one_line_and_status_2(arguments, says, capsys, tmp_path):
    path = tmp_path / "f.svg"
    status, out, err = command("draw", *arguments, "-o", str(path), capsys=capsys)
    assert status == 2 and out == ""
    assert says in err and err.count("\n") == 1 and len(err) < 600
    assert not path.exists()


def test_files_that_cannot_be_written(capsys, tmp_path):
    for path, says in [(tmp_path / "no" / "f.svg", "No such file"), (tmp_path / "f.txt", "the suffix must be")]:
        status, _, err = command("draw", "x", "x=1", "-o", str(path), capsys=capsys)
        assert status == 2 and says in err


def test_usage_and_version(capsys):
    for arguments, code, says in [
        (["--version"], 0, micrograd.__version__),
        (["draw", "--help"], 0, "example: micrograd draw"),
        (["nope"], 2, "invalid choice"),
    ]:
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert (caught.value.code or 0) == code
        assert says in "".join(capsys.readouterr())


def test_the_command_alone_lists_the_commands(capsys):
    status, out, err = command(capsys=capsys)
    assert (status, err) == (0, "")
    assert out.startswith("usage: micrograd") and all(name in out for name in ("draw", "step", "explain", "train"))


def test_local_derivatives_on_the_edges(capsys, tmp_path):
    drawn = []
    for options in ([], ["--derivatives"]):
        path = tmp_path / "f.svg"
        assert command("draw", "sin(x) * y", "x=2", "y=3", *options, "-o", str(path), capsys=capsys)[0] == 0
        texts = [element.text for element in ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")]
        drawn.append(sum("0.4161" in text for text in texts))  # the cosine of 2 stands on no node
    assert drawn == [0, 1]


def test_files_are_shown_in_the_browser(capsys, tmp_path):
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    environment = {**os.environ, "BROWSER": f"{browser} %s"}
    for name, file in [("draw", "a picture.svg"), ("explain", "page.html")]:
        arguments = [name, "x * y", "x=2", "y=3", "--open", "-o", file]
        run = [sys.executable, "-m", "micrograd", *arguments]
        done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0 and f"saved {file}" in done.stdout
        assert seen.read_text().strip() == (tmp_path / file).as_uri()


def test_the_installed_command_and_python_dash_m():
    for run in (["micrograd"], [sys.executable, "-m", "micrograd"]):
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        try:
            result = subprocess.run(
                [*run, "--version"], capture_output=True, text=True, env={**os.environ, "PATH": path}
            )
        except FileNotFoundError:
            assert run == ["micrograd"]  # run from a checkout that is not installed
            continue
        assert result.stdout == f"micrograd {micrograd.__version__}, {c_core.described()}\n"
        without = {**os.environ, "PATH": path, "MICROGRAD_PURE": "1"}
        said = subprocess.run([*run, "--version"], capture_output=True, text=True, env=without).stdout
        assert said == (
            f"micrograd {micrograd.__version__}, Python core: MICROGRAD_PURE=1 is set\nfor the native core, unset it\n"
        )


def test_the_version_says_that_another_micrograd_is_in_this_folder(capsys, tmp_path, monkeypatch):
    """Such as a checkout's own, which is not compiled, beside an installed one; or a student's micrograd.py."""

    def said():
        with pytest.raises(SystemExit):
            cli.main(["--version"])
        return capsys.readouterr().out

    monkeypatch.chdir(Path(micrograd.__file__).parent.parent)
    own = said()
    assert own == f"micrograd {micrograd.__version__}, {c_core.described()}\n"
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("micrograd").mkdir()  # a folder without __init__.py comes last of all
    assert said() == own
    for name in ("micrograd.py", "micrograd/__init__.py"):
        tmp_path.joinpath(name).write_text("core = 'mine'")
        line = f"in this folder, `python` takes {name} instead: work in another folder, or install the checkout with -e"
        assert said() == f"{own}{line}\n"
        run = [sys.executable, "-c", "import micrograd; print(micrograd.core)"]
        assert subprocess.run(run, capture_output=True, text=True).stdout == "mine\n"  # so it is


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("x / (x + y)", -1.0),
        ("-x ** 2 + +y", -8.0),
        ("maximum(x, y) * 3e-1", 0.6),
        ("where(x > y, x, y)", 2.0),
        ("leaky_relu(y, slope=0.5)", -2.0),
        ("take(x, y, 1)", -4.0),
        ("logsumexp(x, x)", 2 + math.log(2)),
        ("abs(y)", 4.0),
        ("x ** -y", 16.0),
        ("3", 3.0),
    ],
)
def test_what_expressions_may_hold(text, wanted):
    out = evaluate(text, {name: x for name, x in (("x", 2.0), ("y", -4.0)) if name in text.replace("exp", "")})
    assert isinstance(out, Value) and out.data == pytest.approx(wanted)


def test_every_unary_function_of_the_table_may_be_called():
    for name, entry in TABLE.items():
        if entry.is_unary and not entry.method:
            assert evaluate(f"{name}(x)", {"x": 0.5}).data == entry(0.5)


@given(st.text(max_size=60))
def test_any_text_gives_a_value_or_a_documented_error(text):
    try:
        assert isinstance(evaluate(text, {"x": 2.0} if "x" in text else {}), Value)
    except (ExpressionError, ArithmeticError, ValueError, TypeError, IndexError) as error:
        assert "\n" not in str(error)


TOKENS = "x y 1 2.5 0 ( ) + - * / ** , tanh log exp take where < = .".split()


@given(st.lists(st.sampled_from(TOKENS), max_size=12))
def test_any_tokens_give_a_value_or_a_documented_error(tokens):
    try:
        assert isinstance(evaluate(" ".join(tokens), {"x": 2.0, "y": -4.0} if {"x", "y"} <= {*tokens} else {}), Value)
    except (ExpressionError, ArithmeticError, ValueError, TypeError, IndexError) as error:
        assert str(error)


def test_values_may_follow_options_and_a_minus_may_come_first(capsys, tmp_path):
    path = str(tmp_path / "f.svg")
    for arguments in (
        ["x/y", "-o", path, "x=2", "y=4"],
        ["-x * y", "x=2", "y=4", "-o", path],
        ["-(x<1)", "x=0", "-o", path],
    ):
        assert command("draw", *arguments, capsys=capsys)[0] == 0
    assert command("draw", "\u00b5*2", "\u00b5=3", "-o", path, capsys=capsys)[0] == 0
    with pytest.raises(SystemExit):
        cli.main(["draw", "x", "x=1", "--nope"])


def test_long_sums_are_not_deep_nesting():
    assert evaluate(" + ".join(["x"] * 2000), {"x": 1.0}).data == 2000.0
