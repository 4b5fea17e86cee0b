"""A file is written whole or not at all and keeps its permissions; a pipe is written to directly."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from micrograd import files
from micrograd.files import beside, remove_leftovers, write_whole


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_end(tmp_path, monkeypatch):
    synced = []
    real, replace = os.fsync, os.replace

    def fsync(number):
        status = os.fstat(number)
        synced.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)
        real(number)

    def renamed(*names):
        synced.append("renamed")
        replace(*names)

    monkeypatch.setattr(files.os, "fsync", fsync)
    monkeypatch.setattr(files.os, "replace", renamed)
    assert write_whole(tmp_path / "x", b"12345") == tmp_path / "x"
    assert synced == [5, "renamed", "folder"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device", "a temporary name")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*x'$"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_permissions_are_kept_and_links_followed(tmp_path):
    path, link = tmp_path / "private", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o600)
    link.symlink_to(path)
    write_whole(link, b"new")
    assert link.is_symlink() and path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == 0o600
    write_whole(tmp_path / "fresh", b"")
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert (tmp_path / "fresh").stat().st_mode == plain.stat().st_mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"through")
    reader.join()
    assert found == [b"through"] and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("name", ["数" * 80 + ".onnx", "x" * 255, "a[b]*.csv"])
def test_every_name_that_a_file_may_have(name, tmp_path):
    assert write_whole(tmp_path / name, b"1").read_bytes() == b"1"
    (tmp_path / beside(tmp_path / name, "0a")).write_bytes(b"")
    remove_leftovers(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_errors_name_the_path_that_was_given(tmp_path):
    for path in (tmp_path / "none" / "x.csv", tmp_path / ("y" * 300)):
        with pytest.raises(OSError) as raised:
            write_whole(path, b"")
        assert raised.value.filename == str(path) and ".tmp" not in str(raised.value)
