"""fit: eager and compiled runs alike, stopping, and runs that are killed and resumed to exactly the same numbers."""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.fitting import X, Y, assert_alike, net_of, numbers_of, run
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd
from micrograd import exp, fit, log
from micrograd.data import iris
from micrograd.errors import CheckpointError
from micrograd.losses import cross_entropy, mse
from micrograd.metrics import accuracy, is_right, predict
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam, linear_decay
from micrograd.training.checkpoints import CHECKPOINT, read, write
from micrograd.training.history import History
from micrograd.training.progress import in_width


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validation": 0.25, "metrics": {"accuracy": is_right}},
        {"batch_size": None, "seed": 3, "optimizer": lambda p: SGD(p, lr=0.2)},
        {"optimizer": lambda p: SGD(p, lr=linear_decay(0.5, steps=20), momentum=0.5, clip=0.3)},
        {"optimizer": lambda p: Adam(p, lr=0.02), "validation": (X[:10], Y[:10]), "keep_best": True},
    ],
)
def test_eager_and_compiled_histories_are_alike(options):
    found = []
    for backend in ("eager", "jit"):
        model = net_of()
        mine = dict(options)
        if "optimizer" in mine:
            mine["optimizer"] = mine["optimizer"](model.parameters())
        found.append((backend, *run(model, backend=backend, **mine)))
    (_, eager_net, eager), (_, net, compiled) = found
    assert (eager.backend, compiled.backend) == ("eager", "jit")
    assert_alike(eager, compiled)
    assert numbers_of(net) == pytest.approx(numbers_of(eager_net), rel=1e-9)


def test_the_history_says_what_happened():
    _, history = run(epochs=3, validation=0.2, metrics={"accuracy": is_right})
    measured = ["loss", "gradient norm", "learning rate", "accuracy", "validation loss", "validation accuracy"]
    assert history.columns == ["epoch", *measured, "seconds"]
    assert history["epoch"] == [1, 2, 3] and history[-1]["epoch"] == 3
    assert all(0 <= x <= 1 for x in history["accuracy"]) and history["learning rate"] == [0.01] * 3
    assert all(x > 0 for x in history["gradient norm"])


def test_classes_learn_and_accuracy_is_what_predict_says():
    rows, species = iris()
    model = MLP(4, [20, 3], init="xavier", rng=random.Random(0))
    history = fit(
        model, cross_entropy, rows, species, epochs=30, batch_size=8, progress=False, metrics={"accuracy": is_right}
    )
    assert history["accuracy"][-1] == pytest.approx(accuracy(model, rows, species))
    assert history["accuracy"][-1] > 0.95 and history["loss"][-1] < history["loss"][0]


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, -3.0]), min_size=2, max_size=5), st.integers(0, 4))
def test_is_right_is_what_predict_chooses(scores, label):
    label = label % len(scores)
    assert is_right(scores, label) == float(predict(lambda row: scores, None) == label)


@pytest.mark.parametrize("score, label, right", [(0.5, 1, 1.0), (0.5, -1, 0.0), (-2.0, 0, 1.0), (0.0, 1, 0.0)])
def test_a_single_score_chooses_by_its_sign(score, label, right):
    assert is_right(score, label) == right


def test_auto_takes_the_compiler_unless_the_loss_cannot_be_recorded():
    assert run(backend="auto", epochs=1)[1].backend == "jit"

    def branching(out, target):
        return mse(out, target) if out.data > 0 else mse(out * 2, target)

    assert run(backend="auto", loss=branching, epochs=1)[1].backend == "eager"
    with pytest.raises(TypeError, match="has no value while jit"):
        run(backend="jit", loss=branching, epochs=1)
    with pytest.raises(ValueError, match="backend must be 'auto', 'eager' or 'jit', not 'gpu'"):
        run(backend="gpu")


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_stopping_early_and_keeping_the_best(backend):
    model = net_of()
    kept = []
    _, history = run(
        model,
        backend=backend,
        epochs=60,
        patience=3,
        keep_best=True,
        validation=0.3,
        optimizer=SGD(model.parameters(), lr=4.0),
        callbacks=[lambda record: kept.append(numbers_of(model))],
    )
    losses = history["validation loss"]
    best = losses.index(min(losses))
    assert history.stopped == "no lower loss for 3 epochs" and len(losses) == best + 4
    assert numbers_of(model) == kept[best]
    _, history = run(backend=backend, callbacks=[lambda record: record["epoch"] < 2])
    assert len(history) == 2 and history.stopped == "a callback returned False"
    _, history = run(backend=backend, callbacks=[lambda record: np.float64(record["loss"]) < 0, lambda record: None])
    assert len(history) == 1  # NumPy's False counts as False


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_metric_that_has_no_result_says_which_and_when(backend):
    overflowing = {"metrics": {"size": lambda out, target: exp(1e4 + out)}, "backend": backend}
    with pytest.raises(FloatingPointError, match=r"size after epoch 1: exp\(.*too large"):
        run(**overflowing)
    with pytest.raises(ValueError, match="a label must be -1 or 1"):
        run(validation=(X[:2], [0, 3]), backend=backend)


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_operation(backend):
    model = net_of()
    rows = [list(row) for row in X]
    before = None

    def note(record):
        nonlocal before
        before = numbers_of(model)
        rows[5][0] = math.nan if record["epoch"] == 2 else rows[5][0]

    if backend == "eager":  # compiled training has copied the rows before
        with pytest.raises(FloatingPointError, match=r"step \d+ was skipped.*index 5: .*nan"):
            run(model, X=rows, backend=backend, batch_size=None, callbacks=[note], epochs=5)
        assert numbers_of(model) == before
    model = net_of()
    with pytest.raises(FloatingPointError, match=r"index \d+: log\(.*needs"):
        run(model, loss=lambda out, target: log(out), backend=backend, batch_size=None)
    assert numbers_of(model) == numbers_of(net_of())


@pytest.mark.parametrize(
    "options, said",
    [
        ({"epochs": 0}, "fit: epochs must be a whole number"),
        ({"batch_size": 0}, "fit: batch_size must be"),
        ({"patience": 1.5}, "fit: patience must be"),
        ({"y": Y[:-1]}, "X and y must have as many rows as targets, and at least one, not 60 rows and 59 targets"),
        ({"X": [], "y": []}, "as many rows as targets"),
        ({"validation": (X[:3], Y[:2])}, "fit: validation must have as many rows as targets"),
        ({"validation": 1.5}, "validation must be a fraction between 0 and 1"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(ValueError, match=said):
        run(**options)


# -------------------------------------------------------------- what is shown


def test_progress_in_lines_in_a_bar_and_not_at_all(capfd):
    for epochs, count in [(40, 10), (42, 9)]:  # every fourth; every fifth and the last
        run(epochs=epochs, progress=True)
        lines = capfd.readouterr().err.splitlines()[1:]  # the first says how it is computed
        assert len(lines) == count and re.fullmatch(rf"epoch {epochs}/{epochs}  loss \d\.\d{{4}}", lines[-1])
    run(progress=False)
    assert capfd.readouterr().err == ""
    pexpect = pytest.importorskip("pexpect")
    program = (
        "import random; from micrograd import fit; from micrograd.losses import mse; from micrograd.nn import MLP;"
        "fit(MLP(1, [2, 1], rng=random.Random(0)), mse, [[0.0], [1.0]], [0.0, 1.0], epochs=5)"
    )
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    for width, wanted in [(120, "loss .* rate .* gradient norm "), (60, "loss .* rate ")]:
        terminal = pexpect.spawn(
            sys.executable, ["-c", program], encoding="utf-8", dimensions=(30, width), timeout=60, env=environment
        )
        plain = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", terminal.read())  # without colours and moves of the cursor
        last = plain.replace("\r", "\n").strip().splitlines()[-1]
        assert re.search(f"5/5 ━+ 0:00:0. {wanted}", last) and len(last) <= width and "…" not in last


def test_a_bar_says_what_matters_most_in_the_room_that_there_is():
    record = {
        "epoch": 3, "loss": 0.25, "gradient norm": 1.5, "learning rate": 0.01, "accuracy": 0.5, "validation loss": 2.0,
        "validation accuracy": 0.75, "seconds": 0.1,
    }  # fmt: skip
    assert in_width(record, 60) == "loss 0.2500 val. accuracy 0.7500 val. loss 2.0000"
    assert in_width(record, 45) == "loss 0.2500 val. accuracy 0.7500"
    assert in_width(record, 5) == ""
    everything = in_width(record, 200)
    assert everything.endswith("val. loss 2.0000 rate 0.0100 gradient norm 1.5000 accuracy 0.5000")
    assert in_width({"epoch": 1, "loss": 1.0, "learning rate": 0.5}, 80) == "loss 1.0000 rate 0.5000"


def test_a_history_prints_plots_and_is_saved(tmp_path):
    _, history = run(epochs=3, validation=0.2)
    assert str(history).splitlines()[0].split() == "epoch loss gradient norm validation loss seconds".split()
    assert repr(history).startswith("History(epoch 3, loss ")
    history.to_csv(tmp_path / "history.csv")
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert len(lines) == 4 and float(lines[1].split(",")[1]) == history["loss"][0]
    history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(KeyError, match="there is no column 'los': the columns are epoch, loss"):
        history["los"]
    with pytest.raises(ValueError, match="no epochs to draw"):
        History().plot(tmp_path / "none.png")
    assert str(History()) == "no epochs yet"


# ------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_run_in_parts_equals_the_run_in_one(tmp_path, backend):
    def options(model):
        return {
            "optimizer": Adam(model.parameters(), lr=0.02),
            "validation": 0.25,
            "keep_best": True,
            "backend": backend,
            "metrics": {"accuracy": is_right},
        }

    whole_net = net_of()
    _, whole = run(whole_net, epochs=6, **options(whole_net))
    for epochs in (2, 2, 5, 6):  # the second has nothing left to do
        model = net_of(seed=9)  # whatever it is, the checkpoint replaces it
        if epochs == 2:
            model = net_of()
        _, history = run(model, epochs=epochs, checkpoint=tmp_path / "run", resume=True, **options(model))
    assert numbers_of(model) == numbers_of(whole_net)
    for name in set(whole.columns) - {"seconds"}:
        assert history[name] == whole[name]


PROGRAM = """
import json, os, random, signal, sys, time
from micrograd import checkpoints, fit
from micrograd.data import moons
from micrograd.losses import hinge
from micrograd.nn import MLP
from micrograd.optim import Adam

checkpoints.EVERY = checkpoints.TIMES = 0  # write after every epoch, so that many kills hit a write
X, y = moons(60, seed=0)

def train(folder, epochs=400):
    net = MLP(2, [6, 1], activation="tanh", rng=random.Random(0))
    fit(net, hinge, X, y, optimizer=Adam(net.parameters(), lr=0.02), epochs=epochs, batch_size=8, validation=0.2,
        checkpoint=folder, resume=bool(folder), progress=False, backend="jit", keep_best=True)
    print(json.dumps([p.data for p in net.parameters()]), flush=True)

train(None)
for line in sys.stdin:  # each run is a process of its own, which need not import and compile again
    seconds, folder = json.loads(line)
    child = os.fork()
    if not child:
        train(folder)
        os._exit(0)
    if seconds:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # or what is left of it, until it is waited for
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def test_a_run_that_is_killed_again_and_again_ends_with_the_numbers_of_one_that_was_not(tmp_path):
    """SIGKILL at 20 random moments, some within the writing of a checkpoint."""
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    runs = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
    wanted = json.loads(runs.stdout.readline())
    folder, rng, ended = tmp_path / "run", random.Random(0), 0

    def run(seconds):
        """Let the training go on for so long, or to its end; return what it printed."""
        print(json.dumps([seconds, str(folder)]), file=runs.stdin, flush=True)
        return "".join(iter(runs.stdout.readline, "ended\n"))

    for _ in range(20):
        if finished := run(rng.uniform(0.02, 0.15)):  # it ended before the kill: let the next start over
            ended += 1
            assert json.loads(finished) == wanted
            (folder / CHECKPOINT).unlink()
    assert ended < 20
    assert json.loads(run(None)) == wanted
    runs.communicate()
    assert runs.returncode == 0
    for part in folder.glob(".*.tmp"):
        assert part.name.startswith(f".{CHECKPOINT}.")


def test_a_checkpoint_of_another_run_is_refused_and_changes_nothing(tmp_path):
    run(checkpoint=tmp_path, epochs=2)
    model = net_of(seed=5)
    before = numbers_of(model)
    for options, said in [
        ({"batch_size": 9}, "its batch_size differs"),
        ({"seed": 1}, "its seed differs"),
        ({"X": X[::-1]}, "it was trained on other data"),
        ({"optimizer": SGD(model.parameters())}, "optimizer has other settings"),
    ]:
        with pytest.raises(CheckpointError, match=said):
            run(model, checkpoint=tmp_path, resume=True, **options)
    with pytest.raises(CheckpointError, match="parameters have other names"):
        run(net_of(sizes=(5, 1)), checkpoint=tmp_path, resume=True)
    other = MLP(2, [6, 1], activation="relu", rng=random.Random(0))
    with pytest.raises(CheckpointError, match="its model has other neurons"):
        run(other, checkpoint=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="its loss is another function"):
        run(model, loss=mse, checkpoint=tmp_path, resume=True)
    assert numbers_of(model) == before


def test_checkpoints_hold_numbers_to_the_bit_and_no_pickle(tmp_path):
    path = tmp_path / "x.safetensors"
    numbers = {"a": [0.1, -0.0, 5e-324, 1e308], "b": []}
    write(path, numbers, {"text": "ä", "list": [1, [2.5, None]]})
    again, about = read(path)
    assert [x.hex() for x in again["a"]] == [x.hex() for x in numbers["a"]] and again["b"] == []
    assert about == {"text": "ä", "list": [1, [2.5, None]], "version": micrograd.__version__}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="is not a micrograd checkpoint, or is damaged"):
        read(tmp_path / "foreign.safetensors")


@given(data=st.data())
@settings(max_examples=150)
def test_damaged_files_are_refused_with_one_kind_of_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzz.safetensors"
    if data.draw(st.booleans()):
        content = data.draw(st.binary(max_size=300))
    else:
        write(path, {"a": [1.0, 2.0]}, {"epoch": 1})
        whole = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        content = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    path.write_bytes(content)
    try:
        numbers, about = read(path)
    except CheckpointError as error:
        assert "\n" not in str(error)
    else:  # what was changed is never read
        assert numbers == {"a": [1.0, 2.0]} and about == {"epoch": 1, "version": micrograd.__version__}


@given(data=st.data())
@settings(max_examples=60)
def test_a_damaged_checkpoint_never_changes_a_run(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    path = folder / CHECKPOINT
    wanted = numbers_of(run(checkpoint=folder, epochs=1, backend="eager", X=X[:4], y=Y[:4])[0])
    whole = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 10**6)) % len(whole)  # a file's length depends on the times in it
    whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    model = net_of(seed=5)
    before = numbers_of(model)
    try:
        run(model, checkpoint=folder, resume=True, epochs=1, backend="eager", X=X[:4], y=Y[:4])
    except CheckpointError:
        assert numbers_of(model) == before
    else:
        assert numbers_of(model) == wanted
