"""Names stay text in every picture, and a picture that fails loses nothing else."""

from __future__ import annotations

import io
import re
import resource
import signal
import subprocess
import sys

import pytest
from helpers.commands import FILES, command

from micrograd.cli import results
from micrograd.cli import run_folder as runs
from micrograd.cli.net_commands import LOSSES as OFFERED
from micrograd.cli.recipe import LOSSES
from micrograd.errors import CheckpointError
from micrograd.training.checkpoints import read, write
from micrograd.training.history import History
from micrograd.training.plots import decision_regions

HOSTILE = ["$x_$", "_hidden", r"$\frac$", "$a$ and $b", "50 % {of} ^it", "<b>&amp;", r"\n\\"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, for real."""
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **o: (save(figure, *a, **o), figures.append(figure)))
    return figures


def table(names, path="t.csv"):
    """Two columns and two classes, called by four of these names."""
    a, b, *classes = names
    rows = [f'{i % 7},{i % 5},"{classes[i % 2]}"' for i in range(40)]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([f'"{a}","{b}",kind', *rows]) + "\n")
    return path


@pytest.mark.parametrize("at", range(len(HOSTILE)))
def test_a_run_draws_names_as_they_are(at, capsys, drawn, tmp_path):
    names = [HOSTILE[(at + k) % len(HOSTILE)] for k in range(4)]
    status, _, err = command("train", table(names), "--epochs", 2, capsys=capsys)
    assert status == 0, err
    assert {path.name for path in (tmp_path / "run-t").iterdir()} == FILES | {"regions.png"}
    axes = drawn[-1].axes[0]
    assert [axes.get_xlabel(), axes.get_ylabel()] == names[:2]
    *classes, last = [text.get_text() for text in axes.get_legend().get_texts()]
    is_wrong = re.fullmatch(r"on the wrong side \(\d+\)", last)
    assert (classes if is_wrong else [*classes, last]) == sorted(names[2:])
    (tmp_path / "run-t" / "model.safetensors").unlink()  # as an interruption at the end would have left it
    assert command("train", "t.csv", "--epochs", 2, "--resume", capsys=capsys)[0] == 0
    assert command("show", "run-t", "--draw", "again.svg", capsys=capsys)[0] == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_histories_and_regions_write_any_name(name, drawn, tmp_path):
    History([{"epoch": 1, name: 1.0, f"validation {name}": 2.0, "loss": 1.0}]).plot(tmp_path / "h.png")
    axes = drawn[0].axes[0]
    assert axes.get_ylabel() == name
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [name, f"validation {name}"]
    classes = [f"{name}{i}" for i in range(12)]  # this many are named at their examples
    X = [[float(i), float(i % 3)] for i in range(12)]
    decision_regions(lambda row: [-abs(row[0] - i) for i in range(12)], X, range(12), "r.png", classes=classes)
    assert [text.get_text() for text in drawn[1].axes[0].texts] == classes


def test_a_history_is_drawn_into_an_open_file_as_well(tmp_path):
    file = io.BytesIO()
    History([{"epoch": 1, "loss": 1.0}]).plot(file)
    assert file.getvalue().startswith(b"\x89PNG")
    History([{"epoch": 1, "loss": 1.0}]).plot(tmp_path / "loss.svg")
    assert "<svg" in (tmp_path / "loss.svg").read_text()
    History([{"epoch": 1, "loss": 1.0}]).plot(tmp_path / "loss")
    assert (tmp_path / "loss.png").exists()


def test_a_picture_that_fails_is_said_and_loses_nothing(monkeypatch, capsys, tmp_path):
    def broken(*_):
        raise RuntimeError("no room\nto draw")

    monkeypatch.setattr(results, "draw_model", broken)
    status, out, err = command("train", "moons", "--epochs", 2, capsys=capsys)
    folder = tmp_path / "run-moons"
    assert status == 1 and "run-moons/net.svg  " not in out and "run-moons/regions.png  " in out
    said = "micrograd train: run-moons/net.svg could not be drawn: RuntimeError: no room to draw"
    assert err.splitlines()[-1] == said
    assert {path.name for path in folder.iterdir()} == FILES - {"net.svg"} | {"regions.png"}
    assert runs.load(folder).facts["metrics"]["rows"] == 20
    monkeypatch.setattr(results, "measured", broken)
    assert command("train", "moons", "--epochs", 2, "--seed", 1, capsys=capsys)[0] == 2
    assert runs.load(folder).facts["metrics"] == {}  # a net that cannot be measured is kept all the same


def test_a_disk_too_full_for_the_pictures_keeps_the_net(tmp_path):
    """The real thing: no file may grow beyond 12 kB; the net fits, and no PNG does."""

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    line = [sys.executable, "-m", "micrograd", "train", "xor", "--epochs", "2", "--hidden", "2"]
    done = subprocess.run(line, capture_output=True, text=True, preexec_fn=small, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "run-xor/loss.png could not be drawn: OSError: [Errno 27] File too large: 'run-xor/loss.png'" in done.stderr
    assert runs.load(tmp_path / "run-xor").facts["epochs"] == 2


# ------------------------------------------------------------------ what a file names


def test_losses_are_named_in_one_table():
    assert set(OFFERED) == {"auto", *LOSSES}


@pytest.mark.parametrize("loss", ["half_squared_sum", "math", "_mean", "softmax", "x" * 500, ""])
def test_a_run_whose_loss_is_unknown_is_refused_in_one_line(loss, capsys):
    assert command("train", "xor", "--epochs", 1, "--hidden", 2, capsys=capsys)[0] == 0
    numbers, facts = read("run-xor/model.safetensors")
    write("run-xor/model.safetensors", numbers, {**facts, "loss": loss})
    for line in (["show", "run-xor"], ["show", "run-xor", "--draw", "x.svg"], ["predict", "run-xor", "none.csv"]):
        status, out, err = command(*line, capsys=capsys)
        assert (status, out) == (2, "") and err.count("\n") == 1 and len(err) < 300
        assert "(facts.loss must be 'cross_entropy' or 'hinge' or 'mse' or 'binary_cross_entropy', not '" in err


def test_a_file_of_a_format_to_come_says_so(capsys, tmp_path):
    assert command("train", "xor", "--epochs", 1, "--hidden", 2, capsys=capsys)[0] == 0
    folder = tmp_path / "run-xor"
    for file, old, new in [
        ("model.safetensors", b'"micrograd 1"', b'"micrograd 2"'),
        ("run.json", b'"micrograd run 1"', b'"micrograd run 12"'),
    ]:
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole.replace(old, new))
        line = ["train", "xor", "--resume"] if file == "run.json" else ["show", "run-xor"]
        status, _, err = command(*line, capsys=capsys)
        assert status == 2 and err.count("\n") == 1
        assert f"{file} was written by a newer micrograd, in the format {new.decode()[1:-1]!r}: update micrograd" in err
        (folder / file).write_bytes(whole.replace(old, b'"micrograd 0"'))
        assert "damaged" in command(*line, capsys=capsys)[2]
        (folder / file).write_bytes(whole)
    checkpoint = folder / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b'"micrograd 1"', b'"micrograd 3"'))
    with pytest.raises(CheckpointError, match="written by a newer micrograd"):
        read(checkpoint)
