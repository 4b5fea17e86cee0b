"""Wheels, sdists and editable installs, with a C compiler and without: what is in them, and what they then say."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from micrograd import c_core
from micrograd.c_core import support

ROOT = Path(c_core.__file__).parents[2]
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
FILES = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "THIRD_PARTY.md")

pytestmark = [
    pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="an installed micrograd has no setup.py"),
    pytest.mark.skipif(
        not importlib.util.find_spec("setuptools") or not importlib.util.find_spec("setuptools.command.bdist_wheel"),
        reason="needs setuptools 77 or later, as `python -m pip install '.[test]'` installs it",
    ),
]
needs_compiler = pytest.mark.skipif(
    not shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) or support.refusal() is not None,
    reason="there is no C compiler, or no core for this Python",
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of what the package is built from: not a checkout of git, and nothing is built yet."""
    folder = tmp_path_factory.mktemp("sources")
    for name in FILES:
        shutil.copyfile(ROOT / name, folder / name)
    built = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "rules.h", c_core.NOT_BUILT)
    shutil.copytree(ROOT / "micrograd", folder / "micrograd", ignore=built)
    return folder


def run(*command, cwd, **environment):
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "MICROGRAD_PURE": "0", **environment}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def pip(*command, cwd, **environment):
    return run("-m", "pip", *command, "--no-index", cwd=cwd, **environment)


def built_wheel(sources, to, **environment):
    """The wheel that pip builds, and what it said with -v."""
    options = ("--no-build-isolation", "--no-deps", "--no-cache-dir", "-v", "-w", to)
    said = pip("wheel", *options, sources, cwd=to.parent, **environment)
    (wheel,) = to.iterdir()
    return wheel, said


def core_files(wheel):
    with zipfile.ZipFile(wheel) as opened:
        return {Path(name).name for name in opened.namelist() if Path(name).parent.name == "c_core"}


def installed(wheel, to, *command, **environment):
    """Install the wheel in a folder of its own, and run Python with it."""
    if not to.exists():
        pip("install", "--no-deps", "--target", to, wheel, cwd=to.parent)
    return run(*command, cwd=to, PYTHONPATH=str(to), **environment)


SHOW = """
import micrograd, pathlib, sys
from micrograd import Value, c_core
x = Value(3.0)
(x * x).backward()
assert pathlib.Path(micrograd.__file__).parent.parent == pathlib.Path.cwd().resolve(), micrograd.__file__
print(micrograd.core, x.grad, c_core.why, c_core.how, sep="|")
"""


@needs_compiler
def test_a_wheel_with_the_core_then_without_then_with_it_again(sources, tmp_path):
    """In one folder, so that nothing of an earlier build may come along."""
    before = {path.name for path in (sources / "micrograd" / "c_core").iterdir()}
    wheel, said = built_wheel(sources, tmp_path / "with")
    assert re.fullmatch(rf"micrograd_engine-[\d.]+-{TAG}-{TAG}-\w+\.whl", wheel.name), wheel.name
    assert core_files(wheel) == {
        "__init__.py",
        "sources.py",
        "support.py",
        "rules.h",
        f"_core{sysconfig.get_config_var('EXT_SUFFIX')}",
    }
    assert installed(wheel, tmp_path / "native", "-c", SHOW) == "native|6.0||\n"
    assert installed(wheel, tmp_path / "native", "-c", SHOW, MICROGRAD_PURE="1").startswith("python|6.0|MICROGRAD_PURE")

    plain, said = built_wheel(sources, tmp_path / "without", CC="/bin/false")
    assert plain.name.endswith("-py3-none-any.whl")
    assert core_files(plain) == {"__init__.py", "sources.py", "support.py", c_core.NOT_BUILT}
    assert said.count("micrograd is installed without its native core: /bin/false failed") == 1
    core, gradient, why, how = installed(plain, tmp_path / "pure", "-c", SHOW).strip().split("|")
    assert (core, gradient) == ("python", "6.0")
    assert why == "/bin/false failed when micrograd was installed (pip's -v shows what it said)"
    assert how.startswith("install a C compiler (Debian: ") and "--force-reinstall" in how
    version = installed(plain, tmp_path / "pure", "-m", "micrograd", "--version")
    assert version.splitlines() == [
        f"micrograd {wheel.name.split('-')[1]}, Python core: {why}",
        f"for the native core, {how}",
    ]
    with zipfile.ZipFile(plain) as opened:
        tags = opened.read(next(name for name in opened.namelist() if name.endswith("/WHEEL"))).decode()
    assert "Root-Is-Purelib: true" in tags and re.findall("^Tag: (.*)$", tags, re.M) == ["py3-none-any"]

    again, _ = built_wheel(sources, tmp_path / "again")
    assert core_files(again) == core_files(wheel)
    assert {path.name for path in (sources / "micrograd" / "c_core").iterdir()} == before
    assert again.stat().st_size - plain.stat().st_size < 60_000 and again.stat().st_size < 650_000


def test_without_a_compiler_the_reason_says_so(sources, tmp_path):
    wheel, _ = built_wheel(sources, tmp_path / "wheel", CC="no-such-compiler")
    assert wheel.name.endswith("-py3-none-any.whl")
    why = installed(wheel, tmp_path / "installed", "-c", SHOW).split("|")[2]
    assert why == support.refusal() or why == (
        "no C compiler was found when micrograd was installed (no-such-compiler is not there)"
    )


def test_the_python_core_can_be_asked_for(sources, tmp_path):
    wheel, said = built_wheel(sources, tmp_path / "wheel", MICROGRAD_PURE="1")
    assert wheel.name.endswith("-py3-none-any.whl") and "MICROGRAD_PURE=1 was set" in said
    found = installed(wheel, tmp_path / "installed", "-c", SHOW)
    assert found == "python|6.0|MICROGRAD_PURE=1 was set when micrograd was installed|install it again without\n"


@needs_compiler
def test_an_sdist_carries_the_c_and_builds(sources, tmp_path):
    run("setup.py", "-q", "sdist", "-d", tmp_path, cwd=sources)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
        opened.extractall(tmp_path / "unpacked", filter="data")
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "micrograd" / "c_core").glob("*.[ch]")}
    assert {*here, "micrograd/c_core/rules.h", "setup.py", "setup.cfg", "pyproject.toml", "micrograd/ops.py"} <= names
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    (unpacked / "micrograd" / "c_core" / "rules.h").write_text("#error a build writes its own\n")
    wheel, _ = built_wheel(unpacked, tmp_path / "wheel")
    assert installed(wheel, tmp_path / "installed", "-c", SHOW).startswith("native|6.0|")
    (sources / "micrograd" / "c_core" / "rules.h").unlink()


@needs_compiler
def test_in_place_a_second_build_follows_the_rules_and_the_c(sources, tmp_path):
    """The steps of somebody who edits a rule, then the C, breaks the compiler and mends it."""
    folder = tmp_path / "checkout"
    shutil.copytree(sources, folder, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    core, rules = folder / "micrograd" / "c_core", folder / "micrograd" / "ops.py"

    def shown():
        return run("-c", SHOW, cwd=folder).strip().split("|")

    def build(**environment):
        run("setup.py", "build_ext", "--inplace", cwd=folder, **environment)
        return shown()

    options = ("--no-build-isolation", "--no-deps", "--target", tmp_path / "editable")
    pip("install", *options, "-e", folder, cwd=tmp_path)
    assert shown()[0] == "native"
    first = (core / "rules.h").read_text()
    rules.write_text(rules.read_text().replace("1.0 - out * out", "2.0 - out * out"))
    gradient = "from micrograd import Value, tanh; x = Value(0.0); tanh(x).backward(); print(x.grad)"
    assert build()[0] == "native"
    assert first != (core / "rules.h").read_text() and "2.0 - v2" in (core / "rules.h").read_text()
    assert run("-c", gradient, cwd=folder).split() == ["2.0"]

    with open(core / "node.h", "a") as file:
        file.write("/* edited */\n")
    python, _, why, how = shown()
    assert (python, why) == ("python", "its C was changed after it was built") and "pip install -e ." in how
    assert build()[0] == "native"

    python, _, why, _ = build(CC="/bin/false")
    assert python == "python" and why.startswith("/bin/false failed") and not list(core.glob("_core.*[!c]"))
    assert build()[0] == "native" and not (core / c_core.NOT_BUILT).exists()
    with open(core / "node.h", "a") as file:
        file.write("#error broken\n")
    assert build()[0] == "python"

    (core / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}").write_text("not a library")
    python, gradient, why, how = shown()
    assert (python, gradient, how) == ("python", "6.0", c_core.AGAIN) and why.startswith("it cannot be loaded: ")


def test_what_is_not_supported_is_refused_with_the_reason(monkeypatch):
    usual = sysconfig.get_config_var
    monkeypatch.setattr(support.sys.implementation, "name", "cpython")
    monkeypatch.setattr(
        support.sysconfig, "get_config_var", lambda name: 0 if name == "Py_GIL_DISABLED" else usual(name)
    )
    assert support.refusal() is None
    monkeypatch.setattr(
        support.sysconfig, "get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else usual(name)
    )
    assert "free-threaded" in support.refusal()[0] and "with a GIL" in support.refusal()[1]
    monkeypatch.setattr(support.sys.implementation, "name", "pypy")
    assert support.refusal() == ("it is for CPython, and this is pypy", "use CPython 3.11 or later")


def test_flags_of_each_compiler():
    assert "/fp:precise" in support.flags("msvc")
    for flag in ("-ffp-contract=off", "-fno-builtin", "-fno-fast-math"):
        assert flag in support.flags("unix") and flag in support.flags("mingw32")
