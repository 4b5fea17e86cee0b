"""What a resumed run must not lose, when checkpoints are written, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.fitting import X, Y, net_of, numbers_of, run

from micrograd import files
from micrograd.errors import CheckpointError
from micrograd.losses import mse
from micrograd.metrics import is_right
from micrograd.nn import Module
from micrograd.optim import SGD, step_decay
from micrograd.training import checkpoints
from micrograd.training.checkpoints import CHECKPOINT, Keeper, read, write


class Words(Module):
    """A model of nested rows, two numbers for each of two words."""

    def __init__(self):
        self.net = net_of()

    def __call__(self, pair):
        return self.net(pair[0]) + self.net(pair[1])

    def parameters(self):
        return self.net.parameters()


@pytest.mark.parametrize("array", [False, True])
def test_rows_of_rows_can_be_kept(tmp_path, array):
    pairs = [[a, b] for a, b in zip(X, X[::-1])]
    for epochs in (1, 3):
        model = Words()
        options = {"X": np.array(pairs) if array else pairs, "loss": mse, "checkpoint": tmp_path, "resume": True}
        _, history = run(model, epochs=epochs, batch_size=np.int64(8), seed=np.int64(3), **options)
    _, whole = run(Words(), epochs=3, X=pairs, loss=mse, seed=3)
    assert history["loss"] == whole["loss"]


class Nameless:
    """Not a Module: its parameters have no names."""

    def __init__(self, size):
        self.net = net_of(sizes=(size, 1))

    def __call__(self, row):
        return self.net(row)

    def parameters(self):
        return self.net.parameters()


def test_a_model_without_names_and_of_another_size_is_refused(tmp_path):
    run(Nameless(6), epochs=1, checkpoint=tmp_path)
    other = Nameless(5)
    before = numbers_of(other)
    with pytest.raises(CheckpointError, match="it has another number of parameters"):
        run(other, epochs=2, checkpoint=tmp_path, resume=True)
    assert numbers_of(other) == before


def test_a_callback_that_changes_the_rate_is_part_of_the_run(tmp_path):
    def trained(*epochs, folder=None):
        for count in epochs:
            model = net_of()
            optimizer = SGD(model.parameters(), lr=0.5)

            def slower(record, optimizer=optimizer):
                optimizer.lr *= 0.5

            run(model, optimizer=optimizer, epochs=count, callbacks=[slower], checkpoint=folder, resume=bool(folder))
        return numbers_of(model)

    assert trained(2, 5, folder=tmp_path) == trained(5)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"validation": (X[:5], Y[:5])}, "its validation rows differ"),
        ({"validation": None}, "its validation rows differ"),
        ({"metrics": {"accuracy": is_right}}, "its metrics differ"),
        ({"keep_best": True}, "its keep_best differs"),
        ({"patience": 9}, "its patience differs"),
        ({"y": [-t for t in Y]}, "it was trained on other data"),
        ({"rate": 0.25}, "optimizer has other settings"),
        ({"frozen": 1.0}, "its parameters that the optimizer does not train differ"),
    ],
)
def test_a_run_of_other_options_is_another_run(tmp_path, options, said):
    def trained(rate=0.5, frozen=0.0, **options):
        model = net_of()
        model.layers[0].neurons[0].w[0].data += frozen
        schedule = step_decay(rate, every=3)
        options = {"validation": (X[:10], Y[:10]), **options}
        optimizer = SGD(model.layers[-1].parameters(), lr=schedule)
        run(model, optimizer=optimizer, checkpoint=tmp_path, resume=True, epochs=2, **options)

    trained()
    kept = (tmp_path / CHECKPOINT).read_bytes()
    trained()
    with pytest.raises(CheckpointError, match=said):
        trained(**options)
    assert read(tmp_path / CHECKPOINT)[1]["history"] and len((tmp_path / CHECKPOINT).read_bytes()) == len(kept)


def test_a_checkpoint_is_not_written_at_each_of_many_epochs(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoints, "write", lambda path, numbers, about: written.append(about["n"]))
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    keeper = Keeper(tmp_path / "x")
    for n in range(25):
        keeper.keep({}, {"n": n})
        now[0] += 0.125
    assert written == [0, 8, 16, 24]
    keeper.keep({}, {"n": 25})
    keeper.write()
    keeper.write()
    assert written == [0, 8, 16, 24, 25]
    assert len(written) == 5


def test_an_interrupt_writes_what_was_not_yet_written(tmp_path):
    def stop(record):
        if record["epoch"] == 5:
            raise KeyboardInterrupt

    model = net_of()
    with pytest.raises(KeyboardInterrupt):
        run(model, epochs=9, callbacks=[stop], checkpoint=tmp_path)
    assert len(read(tmp_path / CHECKPOINT)[1]["history"]) == 4
    resumed, _ = run(net_of(), epochs=9, checkpoint=tmp_path, resume=True)
    assert numbers_of(resumed) == numbers_of(run(epochs=9)[0])


def test_a_wrong_folder_is_an_error_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = net_of()
    with pytest.raises(NotADirectoryError, match="checkpoint must be a folder"):
        run(model, checkpoint=tmp_path / "file")
    assert numbers_of(model) == numbers_of(net_of())


def test_leftovers_of_killed_writers_are_removed(tmp_path):
    leftover = tmp_path / files.beside(tmp_path / CHECKPOINT, "0a1b2c3d")
    leftover.write_bytes(b"half")
    (tmp_path / ".other.tmp").write_bytes(b"")
    run(checkpoint=tmp_path, epochs=1)
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, ".other.tmp"}


def test_a_changed_byte_of_the_facts_and_another_format_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    write(path, {"a": [1.0]}, {"epoch": 1})
    path.write_bytes(path.read_bytes().replace(b'\\"epoch\\": 1', b'\\"epoch\\": 2'))
    with pytest.raises(CheckpointError, match="its checksum is wrong"):
        read(path)
    monkeypatch.setattr(checkpoints, "FORMAT", "another 1")
    write(path, {"a": [1.0]}, {"epoch": 1})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="another program wrote it"):
        read(path)


def test_a_schedule_is_called_only_for_steps_that_are_taken(tmp_path):
    rates = [0.5, 0.25, 0.125, 0.0625]

    def trained(count, rates, folder=tmp_path):
        model = net_of()
        optimizer = SGD(model.parameters(), lr=lambda t: rates[t])
        run(model, optimizer=optimizer, epochs=count, batch_size=None, checkpoint=folder, resume=True)
        return numbers_of(model)

    trained(2, rates)
    for other in ([0.4, *rates[1:]], [rates[0], 0.3, *rates[2:]]):
        with pytest.raises(CheckpointError, match="optimizer has other settings"):
            trained(4, other)
    assert trained(4, rates) == trained(4, rates, tmp_path / "whole")


@pytest.mark.parametrize("extra", [{1: 2.0}, [(1, 2)], math.nan, np.array([1.0]), np.int64(3), {1}])
def test_settings_of_every_kind_can_be_kept(tmp_path, extra):
    def trained(extra):
        model = net_of()
        optimizer = SGD(model.parameters(), lr=0.1)
        optimizer.extra = extra
        run(model, optimizer=optimizer, epochs=1, checkpoint=tmp_path, resume=True)

    trained(extra)
    trained(extra)
    with pytest.raises(CheckpointError, match="optimizer has other settings"):
        trained(4)


def test_rows_of_a_users_class_are_recognized(tmp_path):
    class Row:
        def __init__(self, numbers):
            self.numbers = numbers

    class Reader(Module):
        def __init__(self):
            self.net = net_of()

        def __call__(self, row):
            return self.net(row.numbers)

    for _ in range(2):
        run(Reader(), X=[Row(row) for row in X], epochs=1, checkpoint=tmp_path, resume=True, backend="eager")
