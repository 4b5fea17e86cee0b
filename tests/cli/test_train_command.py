"""Every option of `micrograd train` takes effect, and a run that fails leaves the folder as it was."""

from __future__ import annotations

import random
import re
import sys

import pytest
from helpers.commands import FILES, command, flowers, parameters_of

from micrograd import c_core
from micrograd.cli import net_commands as commands
from micrograd.cli import run_folder as runs
from micrograd.cli import train as train_command
from micrograd.cli.recipe import recipe
from micrograd.data.preparation import scale_of
from micrograd.data.tables import table_of
from micrograd.extras import how_to_get
from micrograd.optim import WEIGHT_DECAY
from micrograd.training.checkpoints import CHECKPOINT, write


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Stopped(Exception):
    pass


@pytest.fixture
def given(monkeypatch):
    """The arguments that a command line gives to `fit`, which does not train here."""

    def call(line):
        kept = {}

        def recorder(net, loss, X, y, **options):
            kept.update(net=net, loss=loss, X=X, y=y, first=[p.data for p in net.parameters()], **options)
            raise Stopped

        monkeypatch.setattr(train_command, "fit", recorder)
        with pytest.raises(Stopped):
            commands_main(line)
        return kept

    return call


def commands_main(line):
    from micrograd.cli import command as cli

    return cli.main(["train", *line.split()])


def test_each_option_reaches_fit(given):
    plain = given("moons")
    assert (plain["epochs"], plain["batch_size"], plain["patience"], plain["keep_best"]) == (100, 32, None, False)
    assert plain["backend"] == "auto" and plain["seed"] == 0 and not plain["resume"]
    assert plain["optimizer"].lr == 0.01 and plain["optimizer"].weight_decay == WEIGHT_DECAY
    assert len(plain["X"]) == 80 and len(plain["validation"][0]) == 20
    other = given("moons --epochs 7 --batch 5 --seed 1 --backend eager --optimizer sgd --lr 0.5 --weight-decay 0")
    assert (other["epochs"], other["batch_size"], other["seed"], other["backend"]) == (7, 5, 1, "eager")
    assert type(other["optimizer"]).__name__ == "SGD" and other["optimizer"].lr == 0.5
    assert other["optimizer"].weight_decay == 0.0
    assert given("moons --optimizer rmsprop --lr 0.25")["optimizer"].lr == 0.25
    assert repr(given("moons --hidden 1 --activation relu")["net"]).startswith("MLP of [Layer of [ReLUNeuron(2)]")
    assert [len(layer.neurons) for layer in given("moons --hidden 3,2")["net"].layers] == [3, 2, 1]
    assert given("moons --loss hinge")["y"] != plain["y"] and set(given("moons --loss hinge")["y"]) == {-1, 1}


def test_the_seed_sets_the_data_the_split_the_net_and_the_training(given):
    runs_of = [given(f"spirals --seed {seed}") for seed in (0, 0, 1)]
    assert runs_of[0]["first"] == runs_of[1]["first"] != runs_of[2]["first"]
    assert runs_of[0]["X"] == runs_of[1]["X"] != runs_of[2]["X"]
    tables = [train_command.Training(commands_options(f"spirals --seed {seed}")).table.rows for seed in (0, 0, 1)]
    assert tables[0] == tables[1] != tables[2]
    splits = [given(f"iris --seed {seed}")["X"] for seed in (0, 1)]
    assert splits[0] != splits[1]


def test_rows_to_stop_by_are_neither_learned_from_nor_held_out(given):
    held_out = given("iris")["validation"][0]
    stopping = given("iris --patience 5")
    learned, watched = stopping["X"], stopping["validation"][0]
    assert (len(learned), len(watched), len(held_out)) == (96, 24, 30)
    assert stopping["patience"] == 5 and stopping["keep_best"]
    # Iris has equal rows, so these are counted.
    every = sorted(map(tuple, [*learned, *watched, *held_out]))
    assert len(every) == 150 and sorted(map(tuple, [*given("iris")["X"], *held_out])) == every


def test_the_scale_of_inputs_is_that_of_the_rows_to_learn_from():
    options = commands_options("iris")
    training = train_command.Training(options)
    columns = list(zip(*training.train.rows))
    assert [scale.mean for scale in training.preparation.scales] == [scale_of(column).mean for column in columns]
    assert len(training.train) == 120


def commands_options(line):
    from micrograd.cli import command as cli

    options = cli._parser().parse_args(["train", *line.split()])
    options.argv = line.split()
    return options


def test_ten_rows_are_enough_to_hold_some_out(given, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(10)))
    assert len(given("t.csv")["X"]) == 8
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(9)))
    assert len(given("t.csv")["X"]) == 9 and given("t.csv")["validation"] is None


def test_patience_keeps_the_best_net_and_says_so(capsys):
    line = ["train", "moons", "--patience", 3, "--lr", 4, "--optimizer", "sgd", "--seed", 2, "--batch", 8]
    status, out, err = command(*line, capsys=capsys)
    assert status == 0, err
    history = train_history("run-moons")
    losses = history["validation loss"]
    best = losses.index(min(losses)) + 1
    assert "64 rows to learn from, 16 for --patience, 20 held out" in out
    assert (
        f"{len(losses)} epochs (no lower loss for 3 epochs) in " in out and f"the net is that of epoch {best}\n" in out
    )
    assert runs.load("run-moons").facts["last"]["epoch"] == best
    assert f"\n  epoch {best}: loss" in command("show", "run-moons", capsys=capsys)[1]


def train_history(folder):
    import csv

    with open(f"{folder}/history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def test_metrics_are_measured_on_the_held_out_rows(capsys):
    _, out, _ = command("train", "moons", "--epochs", 2, capsys=capsys)
    metrics = runs.load("run-moons").facts["metrics"]
    assert metrics["rows"] == 20 and f"{metrics['right']} of 20 rows right" in out


@pytest.mark.parametrize(
    "spoil, options, says",
    [
        ("edit", ["--epochs", 9, "--resume"], "it was trained on other data"),
        ("cut", ["--epochs", 9, "--resume"], "is damaged"),
        ("", ["--optimizer", "sgd", "--lr", 1e200, "--batch", 4], "try a smaller --lr"),
        ("", ["--target", "length"], "holds another run, with the target in the last column"),
    ],
)
def test_a_run_that_does_not_begin_leaves_the_old_one_as_it_was(spoil, options, says, capsys, tmp_path):
    flowers(rows=30)
    assert command("train", "flowers.csv", "--epochs", 3, capsys=capsys)[0] == 0
    folder = tmp_path / "run-flowers"
    if spoil == "edit":
        lines = (tmp_path / "flowers.csv").read_text().splitlines()
        (tmp_path / "flowers.csv").write_text("\n".join([lines[0], "9" + lines[1], *lines[2:]]) + "\n")
    if spoil == "cut":
        (folder / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes()[:100])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, _, err = command("train", "flowers.csv", *options, capsys=capsys)
    assert status == 2 and says in err.splitlines()[-1]
    assert err.count("\n") == (1 if spoil or "--target" in options else 2)  # before it, the backend chosen
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert command("predict", folder, "flowers.csv", capsys=capsys)[0] == 0


def test_a_new_run_replaces_all_of_an_old_one(capsys, tmp_path):
    assert command("train", "moons", "--epochs", 2, capsys=capsys)[0] == 0
    folder = tmp_path / "run-moons"
    before = parameters_of(folder)
    assert command("train", "moons", "--epochs", 2, "--seed", 1, capsys=capsys)[0] == 0
    assert {path.name for path in folder.iterdir()} == {*FILES, "regions.png"} and parameters_of(folder) != before
    runs.start(folder, {"data": "moons"}, resumed=False)
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_a_stopped_run_can_be_ended_where_it_is(capsys, tmp_path):
    assert command("train", "moons", "--epochs", 4, capsys=capsys)[0] == 0
    (tmp_path / "run-moons" / "model.safetensors").unlink()  # as Ctrl-C would have left it
    assert command("train", "moons", "--epochs", 4, "--resume", "--epochs", 1, capsys=capsys)[0] == 0
    assert runs.load("run-moons").facts["epochs"] == 4


def test_ctrl_c_in_the_first_epoch_says_that_there_is_nothing_yet(monkeypatch, capsys, tmp_path):
    assert command("train", "moons", "--epochs", 2, capsys=capsys)[0] == 0
    before = parameters_of(tmp_path / "run-moons")

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "fit", interrupted)
    status, _, err = command("train", "moons", "--hidden", 4, capsys=capsys)
    assert status == 130 and err.endswith("micrograd train: stopped: no epoch had ended\n")
    status, _, err = command("train", "moons", "--epochs", 4, "--resume", capsys=capsys)
    assert status == 130 and "run-moons keeps the last checkpoint; to go on:" in err
    assert err.partition("to go on: ")[2].partition("   (")[0].count("--resume") == 1
    assert parameters_of(tmp_path / "run-moons") == before


def test_rows_to_stop_by_are_not_said_to_be_learned_from(capsys):
    status, out, err = command("train", "xor", "--patience", 5, capsys=capsys)
    assert status == 0, err
    assert "3 rows to learn from, 1 for --patience, none held out" in out
    assert re.search(r"on the rows that it learned from: accuracy .* of 3 rows right", out)


def test_columns_can_be_ignored(capsys, tmp_path):
    rng = random.Random(0)
    rows = [f"row {i},{rng.random():.3f},{'ab'[i % 2]},note {i}\n" for i in range(40)]
    (tmp_path / "t.csv").write_text("name,x,kind,note\n" + "".join(rows))
    status, _, err = command("train", "t.csv", capsys=capsys)
    assert status == 2 and err.count("\n") == 1 and "column 'name' has 40 different texts" in err
    line = ["train", "t.csv", "--ignore", "name", "note", "--epochs", 2]
    status, out, err = command(*line, capsys=capsys)
    assert status == 0, err
    assert "t.csv: 40 rows of 1 input (x), to predict kind: a, b" in out
    status, out, _ = command("predict", "run-t", "t.csv", capsys=capsys)
    assert status == 0 and out.count("\n") == 41
    assert command("train", "iris", "--ignore", "petal width", capsys=capsys)[0] == 2


def test_what_was_guessed_of_the_cells_is_said(capsys, tmp_path):
    lines = ["width,unit size,days", *(f"{i % 7},3,{i % 4}" for i in range(24))]
    (tmp_path / "fruit.csv").write_text("\n".join(lines) + "\n")
    line = ["train", "fruit.csv", "--epochs", 1, "--out", "fruit-run"]
    _, said, _ = command(*line, capsys=capsys)
    assert "the whole numbers of days are read as classes: --task numbers predicts a number\n" in said
    assert "the same in all rows to learn from, so it teaches nothing: unit size\n" in said
    assert "read as classes" not in command(*line, "--task", "numbers", capsys=capsys)[1]


def test_reports_count_by_hand():
    from micrograd.cli import report as reports

    table = table_of([[0.0]] * 4, ["a", "b", "b", "a"], task="classes")
    metrics, lines = reports._of_classes([0, 1, 0, 1], table)
    assert metrics == {"accuracy": 0.5, "right": 2, "rows": 4} and lines[0] == "accuracy 50.0%: 2 of 4 rows right"
    metrics, lines = reports._of_classes([0, 0, 0, 0], table)
    assert [line.split() for line in lines[2:]] == [["a", "2", "0"], ["b", "2", "0"]]
    numbers = table_of([[0.0]] * 4, [1.0, 2.0, 3.0, 6.0], task="numbers")
    metrics, _ = reports._of_numbers([1.0, 2.0, 3.0, 2.0], numbers)
    assert metrics == {"root mean squared error": 2.0, "R2": pytest.approx(1 - 16 / 14)}
    many = table_of([[0.0]] * 26, [f"k{i % 13:02}" for i in range(26)], task="classes")
    answers = [many.targets[i] if i else 5 for i in range(26)]
    assert reports._of_classes(answers, many)[1][2].split() == ["k00", "1", "2"]


def test_a_probability_is_of_the_class_that_was_chosen(capsys):
    assert command("train", "moons", "--epochs", 3, capsys=capsys)[0] == 0
    model = runs.load("run-moons")
    rows = [[-2.0, 2.0], [0.0, 0.0], [2.0, -2.0], [0.5, 0.2]]
    for (answer, probability), output in zip(model.answers(rows), model.outputs(rows)):
        assert probability >= 0.5 and (answer == model.preparation.classes[1]) == (output > 0)


@pytest.mark.parametrize("change", [{"loss": "mse"}, {"layers": [4, 2]}, {"example": [1.0]}])
def test_facts_that_do_not_fit_each_other_are_not_a_model(change, capsys, tmp_path):
    assert command("train", "iris", "--epochs", 1, "--hidden", 4, capsys=capsys)[0] == 0
    model = runs.load("run-iris")
    numbers, facts = {"parameters": [p.data for p in model.net.parameters()]}, dict(model.facts)
    kept = {"recipe": recipe(model.net), "preparation": model.preparation.to_dict()}
    if "loss" in change:
        facts["loss"] = "mse"
    if "example" in change:
        facts["example"] = {"inputs": [1.0], "target": 0}
    if "layers" in change:
        kept["recipe"] = {**kept["recipe"], "layers": change["layers"]}
        numbers["parameters"] = numbers["parameters"][: (4 + 1) * 4 + (4 + 1) * 2]
    write(tmp_path / "m.safetensors", numbers, {**facts, **kept})
    status, _, err = command("show", "m.safetensors", capsys=capsys)
    assert status == 2 and "is not the model of a run, or is damaged" in err


def test_a_net_is_drawn_with_the_gradients_of_one_row(capsys, tmp_path):
    from micrograd.cli.report import draw_model

    assert command("train", "xor", "--epochs", 2, capsys=capsys)[0] == 0
    model = runs.load("run-xor")
    for name in ("one.svg", "two.svg"):
        draw_model(model, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_names_of_options_stand_in_one_order():
    assert commands.OPTIMIZERS == tuple(train_command.OPTIMIZERS)
    assert f"default {WEIGHT_DECAY}" in commands_help()


def commands_help():
    from micrograd.cli import command as cli

    parser = cli._parser()
    return " ".join(parser._subparsers._group_actions[0].choices["train"].format_help().split())


def test_a_seed_is_what_scikit_learn_takes(capsys):
    status, _, err = command("train", "moons", "--seed", 2**32, capsys=capsys)
    assert status == 2 and "is not a whole number from 0 to 4,294,967,295" in err
    assert command("train", "moons", "--seed", 2**32 - 1, "--epochs", 1, capsys=capsys)[0] == 0


# ------------------------------------------------------------------------ bench


def test_bench_says_both_and_what_compiling_costs(capsys):
    status, out, err = command("bench", capsys=capsys)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["a", "on", "eager", "compiled", "compiling"]
    assert lines[1].removeprefix("on the ").startswith(c_core.described().partition("\n")[0])


def test_bench_without_the_compiler_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    status, out, _ = command("bench", capsys=capsys)
    assert status == 0 and "eager" in out and "needs llvmlite: " + how_to_get("jit") in out
