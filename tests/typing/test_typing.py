"""What type checkers and editors know: a correct program is accepted, each planted mistake is found, names complete."""

from __future__ import annotations

import inspect
import json
import os
import pydoc
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import micrograd
from micrograd import Value
from micrograd.export.stub_file import stub_text
from micrograd.table import TABLE, Op

HERE = Path(__file__).parent
PACKAGE = Path(micrograd.__file__).parent
OWN = [entry for entry in TABLE.values() if entry.built_in]
MYPY = """\
[mypy]
strict = true

# ops.py, which mypy does not read beside its stub. The rules read like mathematics: they have no annotations.
[mypy-rules]
allow_untyped_defs = true
allow_incomplete_defs = true
allow_untyped_calls = true
disallow_untyped_decorators = false
warn_return_any = false
"""
METHODS = [entry for entry in OWN if hasattr(Value, entry.name)]


def test_the_stub_is_the_table():
    """After a change in ops.py: `python -m micrograd.export.stub_file`."""
    assert (PACKAGE / "ops.pyi").read_text() == stub_text()


def test_a_new_row_changes_the_stub(monkeypatch):
    def cube(m, x, y, *, scale, shift=0.5):
        """A row that is not there yet."""

    monkeypatch.setitem(TABLE, "cube", Op("cube", "cube", cube))
    monkeypatch.setattr(Op, "built_in", True)
    monkeypatch.setattr(Value, "cube", cube, raising=False)
    added = [line for line in stub_text().splitlines() if " cube(" in line]
    assert added == [
        "def cube(x: Value, y: Value | Scalar, /, *, scale: Scalar, shift: Scalar = 0.5) -> Value: ...",
        "def cube(x: Value | Scalar, y: Value, /, *, scale: Scalar, shift: Scalar = 0.5) -> Value: ...",
        "def cube(x: Array, y: Array | Value | Scalar, /, *, scale: Scalar, shift: Scalar = 0.5) -> NDArray[Any]: ...",
        "def cube(x: Array | Value | Scalar, y: Array, /, *, scale: Scalar, shift: Scalar = 0.5) -> NDArray[Any]: ...",
        "def cube(x: Scalar, y: Scalar, /, *, scale: Scalar, shift: Scalar = 0.5) -> float:",
        "    def cube(self, y: Value | Scalar, /, *, scale: Scalar, shift: Scalar = 0.5) -> Value: ...",
        "    def cube(self, y: Array, /, *, scale: Scalar, shift: Scalar = 0.5) -> NDArray[Any]:",
    ]


@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)
def test_signatures_and_help_are_what_users_call(entry):
    shown = [entry.function, *([getattr(Value, entry.name)] if entry in METHODS else [])]
    for function in shown:
        found = inspect.signature(function)
        settings = [p for p in found.parameters.values() if p.kind is p.KEYWORD_ONLY]
        assert "m" not in found.parameters and [p.name for p in settings] == list(entry.settings)
        assert f"{entry.name}{found}\n    {entry.rule.__doc__[:30]}" in pydoc.plaintext.document(function)
    if entry in METHODS:
        operands = list(inspect.signature(entry.function).parameters)
        assert list(inspect.signature(getattr(Value(0.5), entry.name)).parameters) == operands[1:]


def completions(complete):
    return {found.name: found.docstring() for found in complete}


@pytest.mark.parametrize("expression", ["x", "(x + y)", "x.tanh()", "micrograd.tanh(x)"])
def test_a_prompt_completes_every_operation(expression):
    """As IPython does it, with the values that are there."""
    jedi = pytest.importorskip("jedi")
    names = {"x": Value(2.0), "y": Value(3.0), "micrograd": micrograd}
    found = completions(jedi.Interpreter(f"{expression}.", [names]).complete())
    for entry in METHODS:
        assert entry.rule.__doc__.split("\n")[0] in found[entry.name], entry.name
    assert {"backward", "data", "grad", "label"} <= set(found)


@pytest.mark.parametrize("expression", ["x", "(x + y)", "x.tanh()", "tanh(x)", "cost", "net([1.0, 2.0])"])
def test_an_editor_completes_every_operation(expression):
    """Without running anything."""
    jedi = pytest.importorskip("jedi")
    lines = [
        "from micrograd import MLP, Value, tanh",
        "from micrograd.losses import mse",
        "x, y, net = Value(2.0), Value(3.0), MLP(2, [1])",
        "cost = mse(x, 1.0)",
        f"{expression}.",
    ]
    project = jedi.Project(HERE, added_sys_path=[str(PACKAGE.parent)])
    found = completions(jedi.Script("\n".join(lines), project=project).complete())
    for entry in METHODS:
        assert entry.rule.__doc__.split("\n")[0] in found[entry.name], entry.name
    assert {"backward", "data", "grad", "label"} <= set(found)


def test_an_editor_shows_what_a_function_takes():
    jedi = pytest.importorskip("jedi")
    project = jedi.Project(HERE, added_sys_path=[str(PACKAGE.parent)])
    shown = jedi.Script("from micrograd import ops\nops.leaky_relu(", project=project).get_signatures()
    assert shown[0].to_string() == "leaky_relu(x: Value, /, *, slope: Scalar=0.01) -> Value"


def test_the_correct_program_runs():
    subprocess.run(
        [sys.executable, HERE / "client.py"],
        check=True,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONWARNINGS": "error"},
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with both programs, in which the package is found as it is where it was installed."""
    folder = tmp_path_factory.mktemp("typing")
    (folder / "site").mkdir()
    (folder / "site" / "micrograd").symlink_to(PACKAGE)
    shutil.copy(HERE / "client.py", folder)
    shutil.copy(HERE / "planted.txt", folder / "planted.py")
    shutil.copy(PACKAGE / "ops.py", folder / "rules.py")
    settings = {"include": ["client.py", "planted.py"], "extraPaths": ["site"], "reportUnnecessaryComparison": "error"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    (folder / "mypy.ini").write_text(MYPY)
    return folder


def run(folder, *command):
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"MYPYPATH": "site", "PYTHONPATH": "site"},
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def found_by_mypy(workplace):
    """Pairs of a line and a rule for each program."""
    pytest.importorskip("mypy")
    out = run(workplace, "mypy", "client.py", "planted.py", "rules.py")
    assert "Found" in out or "Success" in out, out
    return sorted(
        {(name, int(n), rule) for name, n, rule in re.findall(r"^(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", out, re.M)}
    )


@pytest.fixture(scope="module")
def found_by_pyright(workplace):
    pytest.importorskip("pyright")
    found = json.loads(run(workplace, "pyright", "--outputjson"))["generalDiagnostics"]
    return sorted({(Path(x["file"]).name, x["range"]["start"]["line"] + 1, x.get("rule")) for x in found})


def planted_for(checker):
    lines = enumerate((HERE / "planted.txt").read_text().splitlines(), start=1)
    rules = [(n, re.search(rf"{checker}: ([\w -]*?)(?:  |$)", line)) for n, line in lines]
    return sorted(("planted.py", n, rule) for n, found in rules if found for rule in found[1].split())


def test_mypy_finds_nothing_in_the_rules_of_the_table(found_by_mypy):
    assert not [found for found in found_by_mypy if found[0] == "rules.py"]


def test_mypy_finds_each_mistake_and_nothing_else(found_by_mypy):
    assert found_by_mypy == planted_for("mypy")


def test_pyright_finds_each_mistake_and_nothing_else(found_by_pyright):
    assert found_by_pyright == planted_for("pyright")


def test_mistakes_are_planted_for_both():
    lines = [{n for _, n, _ in planted_for(checker)} for checker in ("mypy", "pyright")]
    assert lines[0] == lines[1] and len(lines[0]) >= 40


def test_nearly_every_public_type_is_known(workplace):
    pytest.importorskip("pyright")
    out = run(workplace, "pyright", "--verifytypes", "micrograd", "--ignoreexternal")
    assert float(re.search(r"Type completeness score: ([\d.]+)%", out)[1]) >= 95, out[-2000:]
