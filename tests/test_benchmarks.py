"""The benchmarks run, and compare losses and parameters with those written by hand before they time anything."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import eager, page, peers, results, timing  # noqa: E402
from benchmarks.measures import PROGRAMS  # noqa: E402
from benchmarks.workloads import NAMES, NETS, workload  # noqa: E402

NEEDS_C = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")


def test_the_command_checks_times_and_reports(tmp_path):
    chosen = ["--workloads", "quotient,xor", "--peers", "ours,numpy,limit", "--programs", "chain", "--quick"]
    command = [sys.executable, "-m", "benchmarks", *chosen, "--rounds", "1", "--to", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    assert "compared with NumPy by hand to 1e-09 relative" in said.stdout
    assert "| **micrograd step.run** |" in said.stdout
    kept = results.load(tmp_path)
    row = kept["comparisons"]["xor"]["rows"]["run"]
    assert 0 < row["minimum"] <= row["median"] <= row["maximum"] and row["compile"] > 0
    assert "the losses of the first 25 " in kept["comparisons"]["xor"]["checked"]
    assert kept["comparisons"]["xor"]["measured"]["rounds"] == 1
    assert kept["eager"]["chain"]["measures"]["all-collector-on"]["rows"]["python"]["median"] > 0
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} - {"benchmarks/results.json"}
    assert written == set(page.written(kept)) >= {"benchmarks.md", "benchmarks/xor.svg", "benchmarks/overview.svg"}


@pytest.mark.parametrize(
    "command, wanted",
    [
        ("estimators --seeds 1 --sets iris", r"\| iris \| 20 \| micrograd \| 0\.9\d+ \|"),
        ("compiling --rounds 1", r"\| ReLU 2-23-23-1 \| 30\d\d \|"),
        ("compiling --many 10", r"10 compilations"),
        ("growth --most 1000", r"\| at random \| \d{3,4} \| \d"),
        ("fields --rounds 1 --block 0.001", r"\| micrograd, compiled \| [\d.]+ \|"),
        ("stopping --times 1", r"\| one batch of 3,000,000 rows \| 1 times \|"),
    ],
)
def test_the_other_benchmarks_run(command, wanted):
    said = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{command.split()[0]}", *command.split()[1:]],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert said.returncode == 0, said.stderr
    assert re.search(wanted, said.stdout), said.stdout


def measured_without_compiling(path, *options):
    command = [sys.executable, "-m", "benchmarks.eager", "--quick", "--json", str(path), *options]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    kept = json.loads(path.read_text())["measures"]
    assert all(len(row["blocks"]) == 1 and row["blocks"][0] > 0 for row in kept)
    return {row["program"] for row in kept}, {row["engine"] for row in kept}


def test_programs_without_compiling_are_compared_and_measured(tmp_path):
    """All of them, by our cores and a script's Value; the original would have to be installed first."""
    programs, engines = measured_without_compiling(tmp_path / "results.json", "--engines", "native,python,slotted")
    assert programs == set(PROGRAMS) and engines >= {"python", "slotted"}


def test_another_checkout_is_measured_beside_this_one(tmp_path):
    options = ["--programs", "chain", "--engines", "python", "--other", str(ROOT)]
    assert measured_without_compiling(tmp_path / "results.json", *options) == ({"chain"}, {"python", "other"})


def test_results_that_differ_are_found():
    one = {"step 1": [0.1, 0.2], "step 2": [1.0]}
    other = {"step 1": [0.1, 0.2 + 1e-16 * 2]}
    assert not eager.differences({"python": one, "slotted": other})
    (said,) = eager.differences({"python": one, "native": other})
    assert "step 1: micrograd, native core gives 0.2000000000" in said
    assert eager.differences({"python": one, "slotted": {"step 2": [1.0, 1.0]}})
    assert eager.differences({"python": {"a": [float("nan")]}, "native": {"a": [float("nan")]}})


def test_what_was_asked_is_read_from_the_measures():
    measured = {("moons", "collector on", "native"): [1.0, 2.0], ("moons", "collector on", "python"): [16.0, 17.0]}
    asked = eager.ASKED[0]
    assert asked.found(measured, min) == 16.0 and asked.is_met(16.0) and not asked.is_met(7.9)
    assert eager.ASKED[1].found(measured, min) is None


LARGE = [name for name in NAMES if name.startswith(("digits", "784"))]  # they take long to compile


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*LARGE, "microgpt")])
def test_every_way_agrees_with_what_is_written_by_hand(name):
    assert_equal(["ours"], name)


def assert_equal(chosen, name):
    work = workload(name)
    rows = timing.prepare(chosen, work)
    timing.check(rows, work)
    assert rows and not [row.failed for row in rows if row.failed]


@NEEDS_C
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_in_c_agrees(name):
    assert_equal(["limit"], name)


@NEEDS_C
@pytest.mark.parametrize("name", LARGE)
def test_loops_by_hand_agree(name):
    assert_equal(["jammed"], name)


@NEEDS_C
def test_loops_by_hand_find_a_loss_that_is_not_finite():
    work = workload("digits")
    work.layers[0][0][0, 0] = np.nan
    (row,) = timing.prepare(["jammed"], work)
    assert row.failed == "FloatingPointError: jammed.c: the loss of step 1 is nan"


@pytest.mark.parametrize("variant", ["eager", "python"])
def test_a_gpt_without_compiling_agrees_with_what_is_written_by_hand(variant):
    work = workload("microgpt")
    trainer = timing.make(peers.load("ours"), work, variant)
    assert not timing._differing(trainer, timing.make(peers.load("numpy"), work, "arrays"), 2)


@NEEDS_C
def test_code_compiled_for_speed_alone_leaves_this_process_as_it_was():
    peers.load("limit").library()
    assert 5e-324 * 1.0 != 0.0 and 2e-308 / 4.0 > 0.0


def test_a_peer_that_differs_is_a_failure():
    work = workload("xor")
    (row,) = timing.prepare(["numpy"], work)
    exact = row.thing.run

    def nearly(steps):
        return np.asarray(exact(steps)) * (1 + 1e-6)

    row.thing.run = nearly
    timing.check([row], work)
    assert row.differs and "losses differ from those by hand by 1.0e-06" in row.failed


def test_every_peer_has_a_file_and_a_requirement():
    files = {path.stem.removesuffix("_peer") for path in (ROOT / "benchmarks" / "peers").glob("*_peer.py")}
    assert files == set(peers.NEEDS)
    required = (ROOT / "benchmarks" / "requirements.txt").read_text()
    assert all(f"{module}==" in required for module in peers.NEEDS.values() if module)
    assert set(NETS) < set(NAMES)
