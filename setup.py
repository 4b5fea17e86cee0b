"""Build the native core where that can be done; everything else about the package is in setup.cfg.

    python -m pip install .                       with a C compiler: the native core; without: the Python core, and why
    MICROGRAD_PURE=1 python -m pip install .      the Python core
    python setup.py build_ext --inplace           the native core in this folder, as `pip install -e .` builds it

The core is built from micrograd/c_core/_core.c and from rules.h, which the package's own modules write from the table
of operations; they run in a Python of their own, in which nothing is installed. A core that cannot be built is left
out: what is installed then says why (`micrograd --version`), and is a wheel for any Python (py3-none-any).
"""

from __future__ import annotations

import configparser
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1, which can build in place only
    bdist_wheel = None

FOLDER, NOT_BUILT = Path("micrograd", "c_core"), "not_built.txt"
SUPPORT, SOURCES = (runpy.run_path(str(FOLDER / name)) for name in ("support.py", "sources.py"))
COMPILER = (
    "install a C compiler (Debian: apt install gcc python3-dev; macOS: xcode-select --install; Windows: Visual Studio "
    "Build Tools) and then micrograd again, with pip's --force-reinstall and --no-cache-dir"
)
# What writes rules.h: the packages' own __init__.py files do not run, because they import what is not installed yet.
WRITE = """
import sys, types
root, path = sys.argv[1:]
for name in ("micrograd", "micrograd.compiler", "micrograd.compiler.tape", "micrograd.export"):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [root + "/" + name.replace(".", "/")]
import micrograd.ops
from micrograd.export.c_rules import rules_text
with open(path, "w", encoding="ascii", newline="\\n") as file:
    file.write(rules_text())
"""


def write_rules(path: Path) -> None:
    """Write rules.h, for the Python that runs: a rule's fingerprint is of its bytecode."""
    root = str(Path(__file__).resolve().parent)
    without = {**os.environ, "MICROGRAD_PURE": "1"}  # a core that is there already is not asked
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", WRITE, root, str(path)], env=without, check=True)


class BuildCore(build_ext):
    """Builds the core; or leaves it out and notes why, for `micrograd.c_core` to say."""

    def run(self) -> None:
        inplace = self.inplace = bool(self.inplace or getattr(self, "editable_mode", False))
        home = FOLDER if inplace else Path(self.build_lib, FOLDER)  # what is put there is installed
        source = FOLDER if inplace else Path(self.build_temp, FOLDER)
        refused = refusal()
        if refused is None:
            try:
                self.prepare(source)
                super().run()
            except Exception as error:  # there are many ways in which a compiler fails, or is not there
                self.inplace, refused = inplace, (self.failure(error), COMPILER)
        home.mkdir(parents=True, exist_ok=True)
        if refused is None:
            (home / NOT_BUILT).unlink(missing_ok=True)
            if not inplace:
                shutil.copyfile(source / "rules.h", home / "rules.h")
            return
        for old in (home / "rules.h", *(self.get_ext_fullpath(extension.name) for extension in self.extensions)):
            Path(old).unlink(missing_ok=True)  # by an earlier build
        self.extensions = self.distribution.ext_modules = []
        (home / NOT_BUILT).write_text("\n".join(refused) + "\n", "utf-8")
        why, how = refused
        print(f"micrograd is installed without its native core: {why}; for the core, {how}", file=sys.stderr)

    def prepare(self, source: Path) -> None:
        """Write rules.h next to the rest of the core: in this folder, or in a copy of its own for each Python."""
        (extension,) = self.extensions
        if source != FOLDER:
            source.mkdir(parents=True, exist_ok=True)
            for path in (*FOLDER.glob("*.c"), *FOLDER.glob("*.h")):
                shutil.copyfile(path, source / path.name)
            extension.sources = [str(source / Path(name).name) for name in extension.sources]
        write_rules(source / "rules.h")
        self.force = True  # it takes seconds, and times of files do not tell all that a build depends on

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args = SUPPORT["flags"](self.compiler.compiler_type)
        if self.compiler.compiler_type != "msvc" and "CFLAGS" not in os.environ:
            ext.extra_compile_args.append("-g0")  # Python's own flags ask for what a debugger reads: most of the file
        if self.compiler.compiler_type != "msvc":
            ext.libraries = ["m"]
        if sys.platform.startswith("linux"):
            ext.extra_link_args.append("-Wl,-s")  # no names of what only the core itself calls
        ext.define_macros = [("MICROGRAD_SOURCES", str(SOURCES["digest"](str(FOLDER))))]
        super().build_extension(ext)

    def failure(self, error: Exception) -> str:
        """Why there is no core, in words that `micrograd --version` can say later."""
        command = getattr(self.compiler, "compiler_so", None) or ["the C compiler"]  # MSVC has no such list
        if len(command) > 1 and not shutil.which(command[0]):
            return f"no C compiler was found when micrograd was installed ({command[0]} is not there)"
        if not Path(sysconfig.get_path("include"), "Python.h").exists():
            return "Python's own C headers (Python.h) were not found when micrograd was installed"
        if type(error).__name__ in ("CompileError", "LinkError"):
            return f"{command[0]} failed when micrograd was installed (pip's -v shows what it said)"
        if isinstance(error, subprocess.CalledProcessError):
            return "its rules could not be written as C when micrograd was installed (pip's -v shows why)"
        return f"it could not be built when micrograd was installed ({' '.join(str(error).split())})"


def refusal() -> tuple[str, str] | None:
    """Why no core is to be built, if so, and what to do."""
    if SUPPORT["is_pure"]():
        return "MICROGRAD_PURE=1 was set when micrograd was installed", "install it again without"
    return SUPPORT["refusal"]()


class Source(sdist):
    """Carries rules.h, for people to read: a build writes its own."""

    def run(self) -> None:
        write_rules(FOLDER / "rules.h")
        super().run()


COMMANDS = {"build_ext": BuildCore, "sdist": Source}
if bdist_wheel:

    class Wheel(bdist_wheel):
        """Names the wheel for what is in it: without the core it is for every Python."""

        def run(self) -> None:
            self.run_command("build")
            self.root_is_pure = not self.distribution.has_ext_modules()
            super().run()

    COMMANDS["bdist_wheel"] = Wheel


def release_page(readme: str, repository: str, version: str) -> str:
    """README for the index's page, which is not beside our files: its links lead to the repository.

    `repository` is setup.cfg's. While that is empty, a link is its words alone, and a picture is left out.
    """

    def absolute(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        if not repository:
            return "" if picture else words
        return f"{picture}[{words}]({repository}/{'raw' if picture else 'blob'}/v{version}/{target})"

    parts = re.split(r"(?ms)(^```.*?^```$)", readme)  # text, code, text, ...
    parts[::2] = [re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", absolute, text) for text in parts[::2]]
    return "".join(parts)


def project_urls(repository: str, version: str) -> dict[str, str]:
    """What an index lists beside the page."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/v{version}/docs",
        "Changes": f"{repository}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


if __name__ == "__main__":
    settings = configparser.ConfigParser()
    settings.read("setup.cfg")
    where = settings["tool:release"]["repository"].rstrip("/"), runpy.run_path("micrograd/version.py")["VERSION"]
    setup(
        long_description=release_page(Path("README.md").read_text("utf-8"), *where),
        long_description_content_type="text/markdown",
        project_urls=project_urls(*where),
        ext_modules=[Extension("micrograd.c_core._core", [str(FOLDER / "_core.c")])],
        cmdclass=COMMANDS,
    )
