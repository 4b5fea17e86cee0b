"""Compile C, strictly, and call it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import pytest

from micrograd.export.c_file import to_c

COMPILER = shutil.which("cc")


STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]


needs_c = pytest.mark.skipif(not COMPILER, reason="there is no C compiler, cc, on PATH")


class Compiled:
    """A C file, compiled without warnings and loaded; `parameters` and similar attributes read its arrays."""

    def __init__(self, path):
        self.name, self.text = path.stem, path.read_text()
        seen = path.with_name(path.stem + "_seen.c")  # only the same file can read static arrays
        getters = [
            f"double *get_{array}(void) {{ return (double *){self.name}_{array}; }}\n"
            for array in ("parameters", "fixed", "velocity", "mean", "square")
            if f"double {self.name}_{array}[" in self.text
        ]
        subprocess.run([COMPILER, *STRICT, "-O0", "-c", path.name, "-o", "alone.o"], cwd=path.parent, check=True)
        seen.write_text(f'#include "{path.name}"\n' + "".join(getters))
        library = path.with_suffix(".so")
        subprocess.run(
            [COMPILER, *STRICT, "-shared", "-fPIC", seen.name, "-o", library.name, "-lm"], cwd=path.parent, check=True
        )
        self.library = ctypes.CDLL(str(library))

    def __call__(self, x, outputs):
        y = (ctypes.c_double * outputs)()
        given = [(ctypes.c_double * len(x))(*x)] if x else []
        getattr(self.library, f"{self.name}_run")(*given, y)
        return list(y)

    def step(self, x, y, rate):
        given = [(ctypes.c_double * len(numbers))(*numbers) for numbers in (x, y) if numbers]
        function = getattr(self.library, f"{self.name}_step")
        function.restype = ctypes.c_double
        return function(*given, ctypes.c_double(rate))

    def array(self, name, count):
        function = getattr(self.library, f"get_{name}")
        function.restype = ctypes.POINTER(ctypes.c_double)
        return function()[:count]


@pytest.fixture
def compiled(tmp_path):
    def make(f, name="net", **options):
        return Compiled(to_c(f, tmp_path / f"{name}.c", **options))

    return make
