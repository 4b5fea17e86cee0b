"""The C of the rules, compiled as the core is: to the bit what Python gives, wherever that is finite."""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import random
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from helpers.cases import names_of
from helpers.compiled_c import COMPILER, STRICT, needs_c
from helpers.corners import CORNERS, any_float, hexed
from helpers.native import by_ieee

import micrograd
from micrograd.c_core.support import flags
from micrograd.export.c_rules import function_of, given, rules_text, tape_of
from micrograd.fingerprints import fingerprint
from micrograd.ops import sigmoid
from micrograd.table import FLOAT, TABLE, Op, split_case

PACKAGE = Path(micrograd.__file__).parent
BUILT_IN = [entry for entry in TABLE.values() if entry.built_in]
FIXED = [entry for entry in BUILT_IN if not entry.operands[-1].startswith("*")]
ROWS = [pytest.param(entry, id=entry.name) for entry in FIXED]

CALLER = """
#include "rules.h"
int rows(void) { return ROWS; }
const struct row_code *row_at(int i) { return &ROW_CODE[i]; }
"""


class RowCode(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("fingerprint", ctypes.c_char_p),
        ("operands", ctypes.c_int),
        ("settings", ctypes.c_int),
        ("rule", ctypes.CFUNCTYPE(ctypes.c_double, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_double))),
    ]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The rows of rules.h by name, compiled with Python's own flags and those of the build."""
    folder = tmp_path_factory.mktemp("rules")
    folder.joinpath("rules.h").write_text(rules_text())
    folder.joinpath("caller.c").write_text(CALLER)
    own = shlex.split(sysconfig.get_config_var("CFLAGS") or "")
    command = [COMPILER, *own, *flags("unix"), "-shared", "-fPIC", "caller.c", "-o", "rules.so", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "rules.so"))
    library.row_at.restype = ctypes.POINTER(RowCode)
    found = [library.row_at(i).contents for i in range(library.rows())]
    return {row.name.decode(): row for row in found}


def in_c(row, operands, settings=()):
    """The value and the derivatives that the C of a row gives."""
    numbers = [*operands, *settings]
    local = (ctypes.c_double * len(operands))(*[12345.0] * len(operands))
    value = row.rule((ctypes.c_double * len(numbers))(*numbers), local)
    return [value, *local]


def in_python(entry, operands, settings):
    """The same of the rule itself; nans where it raises an error."""
    try:
        value, derivatives = entry.rule(FLOAT, *operands, **settings)
        return [value, *derivatives()]
    except (ArithmeticError, ValueError):
        return [math.nan] * (1 + len(operands))


def are_finite(numbers):
    return all(map(math.isfinite, numbers))


def settings_of(entry, rng):
    """The settings that C is given, for one call: whole, fractional and odd exponents."""
    return {name: rng.choice([0, 1, 2, 3, -1, 0.5, -0.0, 2.5, 1e3, rng.uniform(-4, 4)]) for name in given(entry)}


@needs_c
def test_every_row_with_a_fixed_number_of_operands_is_there(rows):
    assert list(rows) == [entry.name for entry in FIXED] and len(FIXED) >= 34
    for entry in FIXED:
        row = rows[entry.name]
        assert (row.operands, row.settings) == (len(entry.operands), len(given(entry)))
        assert row.fingerprint.decode() == fingerprint(entry)
    assert given(TABLE["power"]) == ["exponent"] and given(TABLE["elu"]) == []


@needs_c
@pytest.mark.parametrize("entry", ROWS)
def test_c_gives_pythons_own_numbers_on_cases_and_all_over_the_domain(rows, entry):
    rng = random.Random(entry.name)
    domains = entry.domain if isinstance(entry.domain[0], tuple) else [entry.domain] * len(entry.operands)
    tried = [split_case(case) for case in entry.cases]
    tried += [([rng.uniform(*domain) for domain in domains], settings_of(entry, rng)) for _ in range(2000)]
    tried += [(list(ends), settings_of(entry, rng)) for ends in itertools.product(*domains)]
    finite = 0
    for operands, settings in tried:
        if set(settings) & set(entry.defaults):
            continue  # C has the defaults only; with another setting the rule runs in Python
        if "condition" in names_of(entry, operands):
            operands = [round(operands[0]), *operands[1:]]
        wanted = in_python(entry, operands, settings)
        found = in_c(rows[entry.name], operands, settings.values())
        assert are_finite(found) == are_finite(wanted), (operands, settings)
        finite += are_finite(wanted)
        if are_finite(wanted):
            assert hexed(found) == hexed(wanted), (operands, settings)
    assert finite > 1500


@needs_c
@pytest.mark.parametrize("entry", ROWS)
def test_c_is_never_finite_where_python_is_not(rows, entry):
    """At corners, and on floats of every size: what is finite in C is what Python gives, to the bit."""
    rng = random.Random(entry.name)
    count = len(entry.operands) + len(given(entry))
    tried = [*itertools.product(CORNERS if count < 3 else CORNERS[::3], repeat=count)]
    tried += [tuple(any_float(rng) for _ in range(count)) for _ in range(2000)]
    tried += [tuple(rng.choice((any_float(rng), rng.choice(CORNERS))) for _ in range(count)) for _ in range(1000)]
    for numbers in tried:
        operands, settings = numbers[: len(entry.operands)], numbers[len(entry.operands) :]
        wanted = in_python(entry, operands, dict(zip(given(entry), settings)))
        found = in_c(rows[entry.name], operands, settings)
        assert are_finite(found) == are_finite(wanted), (numbers, found, wanted)
        if are_finite(found):
            assert hexed(found) == hexed(wanted), numbers


def test_the_grid_of_corners_meets_failures_of_values_and_of_derivatives():
    """So that the test above can fail: rules raise there in all their ways."""
    kinds = set()
    for entry in FIXED:
        for x in CORNERS:
            try:
                derivatives = entry.rule(FLOAT, *[x] * len(entry.operands), **dict.fromkeys(given(entry), -0.5))[1]
                kinds.add((entry.name, "value", False))
            except (ArithmeticError, ValueError) as error:
                kinds.add((type(error), "value"))
                continue
            try:
                derivatives()
            except (ArithmeticError, ValueError) as error:
                kinds.add((type(error), "derivative"))
    errors = (ZeroDivisionError, OverflowError, ValueError)
    assert {(error, "value") for error in errors} <= kinds
    assert {(ZeroDivisionError, "derivative"), (OverflowError, "derivative")} <= kinds


@needs_c
def test_the_c_is_clean_and_the_same_each_time(tmp_path):
    text = rules_text()
    assert text == rules_text() and text.isascii()
    tmp_path.joinpath("rules.h").write_text(text)
    tmp_path.joinpath("caller.c").write_text(CALLER)
    subprocess.run([COMPILER, *STRICT, *flags("unix"), "-c", "caller.c"], cwd=tmp_path, check=True)
    for wrong in (["-ffast-math"], ["-m32", "-mfpmath=387"] if sys.platform == "linux" else ["-Ofast"]):
        done = subprocess.run([COMPILER, *wrong, "-c", "caller.c"], cwd=tmp_path, capture_output=True)
        assert done.returncode, wrong


def test_a_failure_that_would_not_show_makes_the_value_nan():
    """exp overflows below the division: 1 / inf would be 0, finite."""

    def rule(m, x):
        return 1.0 / (1.0 + m.exp(x)), lambda: (m.atan(1.0 / x),)

    tape = tape_of(Op("hidden", "hidden", rule))
    assert function_of(Op("hidden", "hidden", rule)).count("? NAN :") == 1
    assert tape.run(FLOAT, [0.5]) == {"value": rule(FLOAT, 0.5)[0], "local x": rule(FLOAT, 0.5)[1]()[0]}
    for x in (0.0, 710.0):
        found = by_ieee(tape, [x])
        assert math.isnan(found[0]), x


def test_settings_with_a_default_are_constants_and_others_are_inputs():
    assert tape_of(TABLE["power"]).inputs == ["x", "exponent"]
    assert tape_of(TABLE["leaky_relu"]).inputs == ["x"] and "0.01" in str(tape_of(TABLE["leaky_relu"]))
    assert function_of(sigmoid.op).count("exp(") == 1


GENERATE = """
import sys, types
class Refuse:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] not in {*sys.stdlib_module_names, "micrograd"}:
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Refuse)
import runpy
sys.argv = ["-c", *sys.argv[1:]]
"""


def test_rules_are_written_with_nothing_installed_and_without_the_engine(tmp_path):
    """In Python alone, without site-packages: what setup.py does when nothing of micrograd is there yet."""
    setup = PACKAGE.parent / "setup.py"
    if not setup.exists():
        pytest.skip("an installed micrograd has no setup.py")
    write = next(part for part in setup.read_text().split('"""') if "rules_text" in part and "sys.argv" in part)
    listed = "\nprint(*sorted(name for name in sys.modules if name.startswith('micrograd')))"
    out = tmp_path / "rules.h"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-B",
            "-c",
            GENERATE + write.replace("\\\\n", "\\n") + listed,
            PACKAGE.parent,
            out,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "MICROGRAD_PURE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text() == rules_text()
    loaded = {name.removeprefix("micrograd.") for name in done.stdout.split()}
    assert "export.c_rules" in loaded and not loaded & {"engine", "node", "number", "operators", "nn", "export.c_file"}
