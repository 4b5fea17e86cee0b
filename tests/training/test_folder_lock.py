"""Two runs never share a folder: the second is refused while the first lives, and a dead one's lock blocks nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers.commands import FILES, command
from helpers.fitting import run

from micrograd.errors import FolderInUse
from micrograd.training import folder_lock
from micrograd.training.checkpoints import CHECKPOINT
from micrograd.training.folder_lock import LOCK, alone_in, check_free

pytest.importorskip("fcntl")
TRAIN = [sys.executable, "-m", "micrograd", "train", "moons", "--epochs", "1000000", "--hidden", "4"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def running(tmp_path):
    """A run in another process that has kept its first epoch."""
    process = subprocess.Popen(TRAIN, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "run-moons" / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_while_the_first_lives(running, tmp_path, capsys):
    folder = tmp_path / "run-moons"
    for options in ([], ["--resume"], ["--hidden", 4, "--epochs", 1_000_000, "--resume"]):
        status, out, err = command("train", "moons", *options, capsys=capsys)
        assert (status, out) == (2, "") and err.count("\n") == 1 and "stopped" not in err
        assert f"run-moons is in use: a run is training into it, in process {running.pid}; wait for it, or" in err
    with pytest.raises(FolderInUse, match=f"process {running.pid}"):
        run(checkpoint=folder)
    with pytest.raises(FolderInUse, match=f"process {running.pid}"):
        run(checkpoint=folder, resume=True)
    assert running.poll() is None

    running.send_signal(signal.SIGKILL)
    running.wait()
    assert (folder / LOCK).read_text() == str(running.pid)  # nobody removed it, and it blocks nobody
    status, _, err = command("train", "moons", "--hidden", 4, capsys=capsys)
    assert status == 2 and "run-moons holds a run that was stopped: add --resume" in err
    status, _, err = command("train", "moons", "--hidden", 4, "--resume", "--epochs", 1, capsys=capsys)
    assert status == 0, err
    assert {path.name for path in folder.iterdir()} == FILES | {"regions.png"}


def test_a_folder_that_holds_a_dead_lock_alone_is_empty(tmp_path, capsys):
    (tmp_path / "run-xor").mkdir()
    (tmp_path / "run-xor" / LOCK).write_text("1")
    assert command("train", "xor", "--epochs", 1, "--hidden", 2, capsys=capsys)[0] == 0


def test_threads_exclude_each_other_and_one_may_enter_twice(tmp_path):
    folder, said = tmp_path / "run", []

    def other():
        try:
            run(checkpoint=folder, epochs=1)
        except FolderInUse as error:
            said.append(str(error))

    with alone_in(folder):
        check_free(folder)
        run(checkpoint=folder, epochs=1)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(said) == 1 and f"in process {os.getpid()}" in said[0]
    assert not (folder / LOCK).exists()
    other()
    assert len(said) == 1


def test_one_of_many_that_start_together_has_the_folder(tmp_path):
    program = """if True:
        import pathlib, sys, time
        from micrograd.training.folder_lock import FolderInUse, alone_in
        folder = pathlib.Path(sys.argv[1])
        for _ in range(100):
            try:
                with alone_in(folder):
                    path = folder / "mine"
                    path.touch(exist_ok=False)  # FileExistsError if another process is here too
                    path.unlink()
            except FolderInUse:
                pass
    """
    line = [sys.executable, "-c", program, str(tmp_path / "run")]
    processes = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(p.communicate()[1], p.returncode) for p in processes] == [("", 0)] * 3


def test_without_locks_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, "_fcntl", lambda: None)
    with alone_in(tmp_path / "run"):
        check_free(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
