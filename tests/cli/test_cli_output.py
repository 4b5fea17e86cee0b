"""What the command prints and reads: full disks, readers that leave, bad rows, names that a shell would break."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.commands import command, flowers

from micrograd.cli import command as cli
from micrograd.cli import run_folder as runs
from micrograd.data.cells import FOREIGN, read_cells
from micrograd.errors import DataError
from micrograd.export import to_c, to_onnx, to_safetensors
from micrograd.training.checkpoints import read, write


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run on two columns of numbers and one of categories."""
    folder = tmp_path_factory.mktemp("trained")
    data = flowers(folder / "flowers.csv", rows=60)
    assert cli.main(["train", str(data), "--epochs", "2", "--hidden", "3", "--out", str(folder / "run")]) == 0
    return folder / "run"


ENVIRONMENT = {name: x for name, x in os.environ.items() if name != "PYTHONUNBUFFERED"}


def micrograd(*arguments, python=(), **options):
    line = [sys.executable, *python, "-m", "micrograd", *map(str, arguments)]
    return subprocess.run(line, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, **options)


# ------------------------------------------------------------------ rows without a prediction


def ask(*rows, header="length,width,colour", path="new.csv"):
    Path(path).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def table_in(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_bad_row_is_said_and_the_others_are_answered(trained, capsys):
    good = ["1,2,red", "0,1,blue", "2,-2,white"]
    answers = command("predict", trained, ask(*good), capsys=capsys)[1].splitlines()[1:]
    bad = {
        "1,two,red": "'two' is text",
        "1,2,green": "'green' is a new category",
        "1,2": "2 cells separated by commas, but the header",
    }
    bad |= {"1,,red": "the value is missing", "1,2,red,3": "4 cells", "1e999,2,red": "not a finite number"}
    for row, said in bad.items():
        status, out, err = command("predict", trained, ask(good[0], row, *good[1:], row), capsys=capsys)
        assert status == 1 and out.splitlines() == ["prediction,probability", answers[0], ",", *answers[1:], ","]
        lines = err.splitlines()
        assert len(lines) == 3 and said in lines[0] and "new.csv, line 3" in lines[0] and "new.csv, line 6" in lines[1]
        assert lines[2] == "micrograd predict: 2 rows of 5 left without a prediction"
    status, out, _ = command("predict", trained, ask(good[0], "x,2,red"), "-o", "a.csv", capsys=capsys)
    assert (status, out) == (1, "saved 1 answers in a.csv\n")
    assert [row["prediction"] == "" for row in table_in("a.csv")] == [False, True]


def test_many_bad_rows_are_counted_and_only_bad_rows_are_an_error(trained, capsys):
    status, out, err = command("predict", trained, ask("1,2,red", *["x,2,red"] * 50), capsys=capsys)
    assert status == 1 and out.count("\n") == 52 and err.count("\n") == 21
    assert err.splitlines()[-1] == "micrograd predict: 50 rows of 51 left without a prediction"
    status, out, err = command("predict", trained, ask("x,2,red", "1,2,pink"), capsys=capsys)
    assert (status, out, err.count("\n")) == (2, "", 1) and "new.csv, line 2" in err


def test_a_row_without_a_result_does_not_affect_the_others(capsys):
    rows = "".join(f"{i},{i * 3}\n" for i in range(20))
    Path("t.csv").write_text("x,y\n" + rows)
    line = ["train", "t.csv", "--task", "numbers", "--activation", "exp", "--hidden", 2, "--lr", 0.001, "--epochs", 2]
    assert command(*line, capsys=capsys)[0] == 0
    status, out, err = command("predict", "run-t", ask("1", "1e9", "-1e9", "2", header="x"), capsys=capsys)
    found = [row["prediction"] for row in csv.DictReader(out.splitlines())]
    assert status == 1 and len(found) == 4 and found[0] and found[3] and "" in found[1:3]
    assert "row 2: exp(" in err or "row 3: exp(" in err


# ------------------------------------------------------------------ standard output


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("python", [(), ("-u",)])
@pytest.mark.parametrize("what", ["predict", "show"])
def test_a_full_disk_is_an_error_with_a_message(what, python, trained):
    arguments = ["predict", trained, trained.parent / "flowers.csv"] if what == "predict" else ["show", trained]
    with open("/dev/full", "w") as full:
        done = micrograd(*arguments, python=python, stdout=full)
    assert done.returncode == 2
    assert done.stderr == f"micrograd {what}: [Errno 28] No space left on device: 'standard output'\n"


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_file_that_may_not_grow_is_not_reported_as_success(python, trained):
    """A short write: the system takes what fits and returns how much, which unbuffered Python ignores."""
    import resource
    import signal

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    ask(*["1,2,red"] * 500)
    with open("answers.csv", "w") as out:
        done = micrograd("predict", trained, "new.csv", python=python, stdout=out, preexec_fn=small)
    assert done.returncode == 2 and "File too large: 'standard output'" in done.stderr
    with open("answers.csv", "w") as out:
        assert micrograd("predict", trained, "new.csv", python=python, stdout=out).returncode == 0
    assert Path("answers.csv").read_text().count("\n") == 501


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_reader_that_leaves_causes_no_error_message(python, trained):
    ask(*["1,2,red"] * 20_000)  # more than a pipe holds
    for arguments in (["predict", trained, "new.csv"], ["show", trained]):
        reading, writing = os.pipe()
        os.close(reading)
        done = micrograd(*arguments, python=python, stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_reader_that_leaves_does_not_stop_the_run(python, tmp_path):
    line = [sys.executable, *python, "-m", "micrograd", "train", "xor", "--epochs", "2", "--hidden", "2"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout.readline().startswith("xor: 4 rows")
    process.stdout.close()
    process.wait(60)
    process.stderr.close()
    assert {"model.safetensors", "net.svg", "history.csv"} <= {path.name for path in (tmp_path / "run-xor").iterdir()}


# ------------------------------------------------------------------ names and options


@pytest.mark.parametrize("name", ["œuvres & prix €", "it's $HOME", "-x", "a b"])
def test_the_closing_line_can_be_given_to_a_shell(name, capsys):
    flowers(f"{name}.csv", rows=20)
    arguments = ["--epochs", "1", "--hidden", "2", "--", f"{name}.csv"]
    status, out, err = command("train", *arguments, capsys=capsys)
    assert status == 0, err
    (line,) = [line for line in out.splitlines() if "micrograd predict" in line]
    said = shlex.split(line.partition("the net: ")[2])
    assert said == ["micrograd", "predict", f"run-{name}", "FILE.csv"]
    status, _, err = command("train", "--out=-out", *arguments, capsys=capsys)
    assert status == 0 and "more" not in err


def test_the_command_to_resume_works_after_two_dashes(monkeypatch, capsys):
    from micrograd.cli import train as train_command

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    flowers("-x.csv", rows=20)
    assert command("train", "--epochs", 1, "--", "-x.csv", capsys=capsys)[0] == 0
    (Path("run--x") / "model.safetensors").unlink()
    monkeypatch.setattr(train_command, "fit", interrupted)
    _, _, err = command("train", "--epochs", 1, "--resume", "--", "-x.csv", capsys=capsys)
    said = err.splitlines()[-1]
    assert "to go on: micrograd train --epochs 1 --resume -- -x.csv   (--epochs 1 after --resume " in said


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["train", "-"], "standard input is not read: save the table in a file"),
        (["train", "--", "-x.csv"], "No such file or directory: '-x.csv'"),
        (["train", "--", "-"], "standard input is not read"),
    ],
)
def test_data_that_begin_with_a_dash_are_taken_as_they_are(arguments, said, capsys):
    status, _, err = command(*arguments, capsys=capsys)
    assert status == 2 and said in err and "' -" not in err


def test_an_expression_may_begin_with_a_dash_still(capsys):
    for arguments in (["draw", "-x", "x=2"], ["draw", "--", "-x", "x=2"], ["draw", "-2 * x", "x=2"]):
        assert command(*arguments, "-o", "f.svg", capsys=capsys)[0] in (0, 2)
    assert command("draw", "-x", "x=2", "-o", "f.svg", capsys=capsys)[0] == 0


def test_a_run_that_has_done_more_than_is_asked_for_says_so(capsys):
    line = ["train", "xor", "--hidden", 2, "--resume", "--epochs"]
    assert command(*line, 6, capsys=capsys)[0] == 0
    _, out, _ = command(*line, 2, capsys=capsys)
    assert ", from its checkpoint after 6 epochs: none is left to do\n" in out and "\n0 epochs in " in out
    _, out, _ = command(*line, 8, capsys=capsys)
    assert ", from its checkpoint after 6 epochs\n" in out and "\n2 epochs in " in out and "s, 8 in all" in out


def test_a_loss_that_has_turned_is_said_at_the_end(capsys):
    line = ["train", "moons", "--optimizer", "sgd", "--lr", 4, "--seed", 2, "--batch", 8, "--epochs", 30]
    _, out, _ = command(*line, capsys=capsys)
    said = [line for line in out.splitlines() if "the validation loss was lowest at epoch" in line]
    history = table_in("run-moons/history.csv")
    losses = [float(row["validation loss"]) for row in history]
    assert losses[-1] - min(losses) > 0.05 * min(losses) and len(said) == 1
    assert f"lowest at epoch {losses.index(min(losses)) + 1}," in said[0] and "--patience 20 stops in time" in said[0]
    _, out, _ = command(*line, "--patience", 5, capsys=capsys)
    assert "was lowest at epoch" not in out and "; the net is that of epoch" in out


# ------------------------------------------------------------------ files and objects mistaken for others


@pytest.mark.parametrize("start", FOREIGN, ids=str)
def test_files_of_other_kinds_are_called_by_their_names(start):
    Path("t.csv").write_bytes(start + b"\0\0a,b\n1,2\n")
    with pytest.raises(DataError) as caught:
        read_cells("t.csv")
    assert str(caught.value) == f"t.csv is not text, but {FOREIGN[start]}" and "UTF-16" not in str(caught.value)


def test_a_parquet_file_is_called_by_its_name(capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"a": [1.0, 2.0], "y": ["u", "v"]}).to_parquet("t.parquet")
    assert "pandas.read_parquet(path).to_csv" in command("train", "t.parquet", capsys=capsys)[2]


def test_objects_that_hold_a_net_are_not_taken_for_nets(trained):
    from micrograd.estimators import MLPRegressor

    model = runs.load(trained)
    estimator = MLPRegressor((2,), epochs=1).fit([[0.0], [1.0]], [0.0, 1.0])
    for write_net in (to_onnx, to_safetensors, to_c):
        with pytest.raises(TypeError, match=r"this Model is not a net: give its net, \.net$"):
            write_net(model, "net.c")
        with pytest.raises(TypeError, match=r"this MLPRegressor is not a net: give its net, \.net_$"):
            write_net(estimator, "net.c")


def test_answers_are_in_the_order_of_the_file(trained, capsys):
    numbers, facts = read(trained / "model.safetensors")
    write("m.safetensors", numbers, json.loads(json.dumps(facts)))
    rows = [f"{i / 10},{-i / 10},red" for i in range(20)]
    whole = command("predict", "m.safetensors", ask(*rows), capsys=capsys)[1].splitlines()
    for i in (0, 7, 19):
        one = command("predict", "m.safetensors", ask(rows[i]), capsys=capsys)[1].splitlines()
        assert one[1] == whole[i + 1]


def test_a_closed_standard_output_is_an_error_in_one_line(tmp_path):
    command = f'"{sys.executable}" -m micrograd draw "x*y" x=2 y=3 -o "{tmp_path / "a.svg"}" >&-'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert ended.stderr.startswith("micrograd draw: ") and "standard output" in ended.stderr
