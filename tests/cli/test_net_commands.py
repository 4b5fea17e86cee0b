"""`micrograd train`, `predict`, `show` and `bench`, run for real in folders of their own."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from helpers.commands import FILES, command, flowers, parameters_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micrograd import no_grad
from micrograd.cli import command as cli
from micrograd.cli import net_commands as commands
from micrograd.cli import run_folder as runs
from micrograd.data import SETS
from micrograd.extras import how_to_get
from micrograd.losses import softmax
from micrograd.training.checkpoints import CHECKPOINT, read, write
from micrograd.words import cut


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---------------------------------------------------------------- whole runs


@pytest.mark.parametrize(
    "name, least, options",
    [
        ("iris", 0.93, ["--seed", 0]),
        ("moons", 0.95, []),
        ("circles", 0.90, ["--loss", "hinge"]),
        ("spirals", 0.90, ["--activation", "relu", "--patience", 60]),
        ("xor", 1.0, []),
        ("digits", 0.93, ["--epochs", 15]),
        ("diabetes", 0.25, ["--epochs", 30]),
    ],
)
def test_each_named_set_from_start_to_end(name, least, options, capsys, tmp_path):
    status, out, err = command("train", name, *options, capsys=capsys)
    assert status == 0, err
    folder = tmp_path / f"run-{name}"
    regions = {"regions.png"} if name in ("moons", "circles", "spirals", "xor") else set()
    assert {path.name for path in folder.iterdir()} == FILES | regions
    for file in FILES - {"run.json", CHECKPOINT} | regions:
        assert os.path.join(f"run-{name}", file) in out
    assert out.startswith(f"{name}: ")
    metrics = runs.load(folder).facts["metrics"]
    assert metrics["R2" if name == "diabetes" else "accuracy"] >= least
    where = "on the rows that it learned from" if name == "xor" else "held out"
    assert f"{where}: " in out and "epoch" in err
    assert (folder / "net.svg").read_text().startswith("<svg")
    weights = (folder / "weights.svg").read_text()
    inputs = runs.load(folder).preparation.inputs
    assert weights.startswith("<svg") and all(f">{cut(name, 22)}</text>" in weights for name in (inputs[0], inputs[-1]))
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == runs.load(folder).facts["epochs"]

    assert command("show", folder, capsys=capsys)[1].endswith(f"  drawn in {folder / 'net.svg'}\n")
    status, out, _ = command("show", folder, "--draw", tmp_path / "again.svg", capsys=capsys)
    assert status == 0 and f"learned from {name}" in out and re.search(r"\n  epoch \d+: loss ", out)
    assert (tmp_path / "again.svg").read_text() == (folder / "net.svg").read_text()


def test_a_csv_with_categories_and_a_target_of_text(capsys, tmp_path):
    status, out, err = command("train", flowers(), "--epochs", 30, "--hidden", "6", capsys=capsys)
    assert status == 0, err
    assert "net of 5-6-3, tanh, 57 parameters; 72 rows to learn from, 18 held out" in out
    assert "true \\ predicted" in out
    # New rows, with the columns in another order, one column more and no target.
    with open("new.csv", "w", encoding="utf-8") as file:
        file.write("note,colour,width,length\nfirst,red,0.0,0.1\nsecond,blue,-2,2.0\nthird,white,-1,1\n")
    status, printed, err = command("predict", "run-flowers", "new.csv", capsys=capsys)
    assert (status, err) == (0, "")
    model = runs.load("run-flowers")
    rows = [[0.1, 0.0, "red"], [2.0, -2.0, "blue"], [1.0, -1.0, "white"]]
    found = list(csv.DictReader(printed.splitlines()))
    assert len(found) == len(rows)
    for answer, row in zip(found, rows):
        with no_grad():
            shares = [p.data for p in softmax(model.net(model.preparation.row(row)))]
        assert answer["prediction"] == "abc"[shares.index(max(shares))]
        assert float(answer["probability"]) == pytest.approx(max(shares), rel=1e-5)
    status, out, _ = command("predict", "run-flowers", "new.csv", "-o", "answers.csv", capsys=capsys)
    assert status == 0 and out == "saved 3 answers in answers.csv\n"
    assert (tmp_path / "answers.csv").read_text() == printed


def test_numbers_of_a_csv_come_back_in_the_unit_of_the_target(capsys):
    with open("lines.csv", "w", encoding="utf-8") as file:
        file.write("price,x\n" + "".join(f"{1000 + 50 * x},{x}\n" for x in range(60)))
    arguments = ["train", "lines.csv", "--target", "price", "--hidden", "none", "--weight-decay", 0, "--out", "r"]
    status, out, err = command(*arguments, "--held-out", 0.25, capsys=capsys)
    assert status == 0, err
    assert "15 held out" in out and "R2 1.000" in out
    with open("ask.csv", "w", encoding="utf-8") as file:
        file.write("x\n10\n")  # one column is enough to ask with
    status, out, err = command("predict", "r", "ask.csv", capsys=capsys)
    assert (status, err) == (0, "") and out.startswith("prediction\n")
    assert float(out.split()[1]) == pytest.approx(1500, abs=5)


def test_a_run_is_the_same_twice_eagerly_too_and_is_replaced(capsys, tmp_path):
    found = []
    for options in ([], [], ["--backend", "eager"]):
        folder = tmp_path / "eager" if options else tmp_path / "run-moons"
        command("train", "moons", "--epochs", 3, "--hidden", 4, "--out", folder, *options, capsys=capsys)
        found.append(parameters_of(folder))
    assert found[0] == found[1]
    assert found[2] == pytest.approx(found[0], rel=1e-9)
    assert runs.load(tmp_path / "eager").backend == "eager"


def test_a_finished_run_goes_on_with_more_epochs(capsys, tmp_path):
    one = ["train", "moons", "--hidden", 4, "--optimizer", "sgd", "--lr", 0.1, "--out"]
    command(*one, "whole", "--epochs", 9, capsys=capsys)
    command(*one, "parts", "--epochs", 4, "--resume", capsys=capsys)  # there is nothing yet to go on from
    status, out, _ = command(*one, "parts", "--epochs", 9, "--resume", capsys=capsys)
    assert status == 0 and "from its checkpoint" in out
    assert parameters_of(tmp_path / "parts") == parameters_of(tmp_path / "whole")


PLAIN = ["train", "moons", "--backend", "eager", "--hidden", "4", "--batch", "20", "--epochs"]


def micrograd(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(cli.__file__))}
    command = [sys.executable, "-W", "error", "-m", "micrograd", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def test_ctrl_c_keeps_the_last_checkpoint_and_resume_ends_with_the_same_numbers(capsys, tmp_path):
    process = micrograd(*PLAIN, "1000")
    deadline = time.monotonic() + 60
    while not (tmp_path / "run-moons" / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    last = err.splitlines()[-1]
    again = "micrograd train moons --backend eager --hidden 4 --batch 20 --epochs 1000 --resume"
    hint = "   (--epochs 1 after --resume ends it there, with its files)"
    assert last == f"micrograd train: stopped: run-moons keeps the last checkpoint; to go on: {again}{hint}"
    assert "Traceback" not in err
    done = len(read(tmp_path / "run-moons" / CHECKPOINT)[1]["history"])

    # No result yet, and a new run does not overwrite it.
    for arguments, said in [
        (["show", "run-moons"], "its run was stopped; train with --resume to go on"),
        ([*PLAIN, "5"], "holds a run that was stopped: add --resume"),
        ([*PLAIN, "5", "--resume", "--activation", "relu"], "its --activation was tanh, not relu"),
        ([*PLAIN, "5", "--resume", "--seed", "4"], "its --seed was 0, not 4"),
    ]:
        status, out, err = command(*arguments, capsys=capsys)
        assert status == 2 and said in err and err.count("\n") == 1 and out == ""

    epochs = str(done + 3)
    process = micrograd(*PLAIN, epochs, "--resume")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert command(*PLAIN, epochs, "--out", "unbroken", capsys=capsys)[0] == 0
    assert parameters_of(tmp_path / "run-moons") == parameters_of(tmp_path / "unbroken")
    # Everything but the time and the folder is the same.
    for name in ("metrics", "example", "epochs"):
        assert runs.load("run-moons").facts[name] == runs.load("unbroken").facts[name]


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["irs"], "did you mean 'iris'?"),
        (["nothing.csv"], "No such file"),
        (["bad.csv"], "bad.csv, line 3"),
        (["empty.csv"], "empty.csv is empty"),
        (["one.csv"], "only one class"),
        (["two.csv", "--held-out", "0.1"], "too few to hold out 10%"),
        (["flowers.csv", "--target", "kin"], "did you mean 'kind'?"),
        (["flowers.csv", "--task", "numbers"], "the task is 'numbers'"),
        (["flowers.csv", "--categorical", "color"], "did you mean 'colour'?"),
        (["flowers.csv", "--loss", "hinge"], "--loss hinge is not for 3 classes: choose from cross_entropy"),
        (["diabetes", "--loss", "cross_entropy"], "not for numbers: choose from mse"),
        (["iris", "--target", "x"], "--target is for CSV files"),
        (["iris", "--categorical", "x"], "--categorical is for CSV files"),
        (["iris", "--hidden", "16,x"], "--hidden: 'x' is not a whole number"),
        (["iris", "--hidden", "0"], "--hidden: '0' is not a whole number from 1"),
        (["iris", "--hidden", ""], "--hidden: '' is not a whole number"),
        (["iris", "--hidden", "5000,5000"], "is too large here"),
        (["iris", "--activation", "rellu"], "did you mean 'relu'"),
        (["iris", "--optimizer", "adm"], "invalid choice"),
        (["iris", "--loss", "huber"], "invalid choice"),
        (["iris", "--backend", "gpu"], "invalid choice"),
        (["iris", "--lr", "0"], "--lr: '0' is not a number above 0"),
        (["iris", "--lr", "fast"], "--lr: 'fast' is not a number"),
        (["iris", "--lr", "nan"], "--lr: 'nan' is not a number"),
        (["iris", "--epochs", "0"], "--epochs: '0' is not a whole number"),
        (["iris", "--epochs", "1.5"], "--epochs: '1.5' is not a whole number"),
        (["iris", "--epochs", "9" * 5000], "is not a whole number"),
        (["iris", "--batch", "-1"], "--batch: '-1' is not a whole number"),
        (["iris", "--seed", "-1"], "--seed: '-1' is not a whole number from 0"),
        (["iris", "--held-out", "1"], "--held-out: '1' is not a fraction"),
        (["iris", "--patience", "0"], "--patience: '0' is not a whole number"),
        (["iris", "--weight-decay", "-1"], "--weight-decay: '-1' is not a number"),
        (["iris", "--optimizer", "rmsprop", "--weight-decay", "0.1"], "rmsprop has none"),
        (["iris", "--out", "bad.csv"], "bad.csv is a file"),
        (["iris", "--out", "full"], "full holds files that do not belong to a run"),
        (["iris", "--resume", "--out", "full"], "full holds files that do not belong to a run"),
        (["iris", "--out", "damaged"], "run.json is damaged"),
        (["iris", "--nope"], "unrecognized arguments: --nope"),
        (["iris", "x=3"], "unrecognized arguments: x=3"),
        (
            ["xor", "--patience", "5", "--held-out", "0.5"],
            "xor leaves 2 rows to learn from: too few to keep some for --patience",
        ),
        ([], "required: DATA"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_status_2_and_writes_nothing(arguments, says, capsys, tmp_path):
    flowers()
    for name, text in [
        ("bad.csv", "a,b\n1,2\n3\n"),
        ("empty.csv", ""),
        ("one.csv", "a,b\n1,x\n2,x\n"),
        ("two.csv", "a,b\n1,x\n2,y\n"),
    ]:
        (tmp_path / name).write_text(text)
    for name, file, text in [("full", "letter.txt", "dear"), ("damaged", "run.json", "{}")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    status, out, err = command("train", *arguments, capsys=capsys)
    assert status == 2 and says in err
    assert err.count("\n") == 1 and err.startswith("micrograd") and len(err) < 400
    assert sorted(tmp_path.rglob("*")) == before
    assert "saved" not in out and "epochs in" not in out


@pytest.mark.parametrize("missing, extra", [("safetensors", "train"), ("matplotlib", "train"), ("llvmlite", "jit")])
def test_a_missing_extra_is_said_before_the_run(missing, extra, monkeypatch, capsys, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    status, _, err = command("train", "xor", *(["--backend", "jit"] if extra == "jit" else []), capsys=capsys)
    assert status == 2 and f"micrograd train: this needs {missing}: {how_to_get(extra)}" in err
    assert err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_ends_the_run_and_can_be_tried_again(capsys, tmp_path):
    line = ["train", "xor", "--activation", "exp", "--optimizer", "sgd", "--epochs", 50]
    status, _, err = command(*line, "--lr", 1e6, "--backend", "eager", capsys=capsys)
    assert status == 2 and err.splitlines()[-1].endswith("try a smaller --lr, or another --activation")
    assert not (tmp_path / "run-xor" / CHECKPOINT).exists()
    assert command(*line, "--lr", 0.01, capsys=capsys)[0] == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a small run on a CSV of two columns and three classes."""
    folder = tmp_path_factory.mktemp("trained")
    data = flowers(folder / "flowers.csv", rows=30)
    assert cli.main(["train", str(data), "--epochs", "2", "--hidden", "3", "--out", str(folder / "run")]) == 0
    return folder


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["predict", "nowhere", "x.csv"], "nowhere has no model"),
        (["predict", "{run}", "x.csv"], "No such file"),
        (["predict", "{run}", "less.csv"], "has no column 'width'"),
        (["predict", "{run}", "new.csv"], "'green' is a new category"),
        (["predict", "{run}", "{data}", "-o", "{data}"], "is the input file"),
        (["predict", "{run}", "{data}", "-o", "."], "directory"),
        (["predict", "{run}"], "required: file"),
        (["show", "{data}"], "is not a micrograd checkpoint"),
        (["show", "{run}", "--draw", "net.jpeg"], "the suffix must be .svg"),
        (["show", "{run}/checkpoint.safetensors"], "is not the model of a run"),
        (["train", "xor", "--out", "{run}"], "holds another run, on flowers.csv"),
        (["train", "{data}", "--out", "{run}", "--resume"], "its --hidden was 3, not 16,16"),
        (["bench", "--fast"], "unrecognized arguments: --fast"),
    ],
    ids=range(13),
)
def test_bad_input_of_the_other_commands(arguments, says, trained, capsys, tmp_path):
    (tmp_path / "less.csv").write_text("length,colour\n1,red\n")
    (tmp_path / "new.csv").write_text("length,width,colour\n1,2,green\n")
    named = {"{run}": str(trained / "run"), "{data}": str(trained / "flowers.csv")}
    for short, long in named.items():
        arguments = [argument.replace(short, long) for argument in arguments]

    def files():
        return {path: path.read_bytes() for path in [*trained.rglob("*.*"), *tmp_path.iterdir()] if path.is_file()}

    before = files()
    status, out, err = command(*arguments, capsys=capsys)
    assert status == 2 and says in err and err.count("\n") == 1 and out == ""
    assert files() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_model_is_one_line(data, trained, capsys, tmp_path):
    whole = (trained / "run" / "model.safetensors").read_bytes()
    kind = data.draw(st.sampled_from(["cut", "bytes", "random"]))
    if kind == "cut":
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif kind == "random":
        damaged = data.draw(st.binary(max_size=200))
    else:
        damaged = bytearray(whole)
        header = 8 + int.from_bytes(whole[:8], "little")
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "m.safetensors").write_bytes(damaged)
    for arguments in (["show", "m.safetensors"], ["predict", "m.safetensors", trained / "flowers.csv"]):
        status, _, err = command(*arguments, capsys=capsys)
        assert status in (0, 1, 2)  # with a changed letter of a name the file is valid, or a category unknown
        assert err.count("\n") == {0: 0, 1: err.count("\n"), 2: 1}[status]
        assert status == 2 or kind == "bytes"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**12) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_fact_is_an_error_in_one_line(data, trained, capsys, tmp_path):
    """The file is whole, but a fact in it was changed."""
    numbers, facts = read(trained / "run" / "model.safetensors")
    place = facts
    key = data.draw(st.sampled_from(sorted(facts)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(JSON)
    write(tmp_path / "m.safetensors", numbers, facts)
    for line in ("show m.safetensors --draw n.dot", f"predict m.safetensors {trained / 'flowers.csv'}"):
        arguments = line.split()
        status, _, err = command(*arguments, capsys=capsys)
        assert status in (0, 1, 2) and (status == 1 or err.count("\n") == (1 if status else 0))
        assert status != 1 or "left without a prediction" in err


# ---------------------------------------------------------------- help, bench, recipes


def test_help_has_examples_and_names_every_data_set(capsys):
    for name in ("train", "predict", "show"):
        status, out, _ = command(name, "--help", capsys=capsys)
        assert status == 0 and f"micrograd {name} " in out.partition("examples:")[2]
    assert commands.SETS == ", ".join(SETS)
    assert all(name in command("--help", capsys=capsys)[1] for name in ("train", "predict", "show", "bench"))
