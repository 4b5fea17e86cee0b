"""The search runs on processes of this machine and on a real Dask cluster, and a worker that dies costs no result."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.demos import demo
from joblib.externals.loky import get_reusable_executor

pytest.importorskip("distributed")
ROOT = Path(__file__).parent.parent
SMALL = {"nets": 8, "epochs": 3, "seed": 1}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers on the loopback interface; gives the address and the workers' processes."""
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'demos'}{os.pathsep}{ROOT / 'tests'}"}

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
            cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    quiet = ["--no-dashboard"]
    scheduler = start("dask_scheduler", "--host", address, *quiet)
    one = ["--nthreads", "1", "--nworkers", "1", "--no-nanny", "--host", "127.0.0.1", *quiet]
    workers = [start("dask_worker", address, *one) for _ in range(2)]
    try:
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_sweep_on_this_machine(capsys):
    # Some idle workers of an earlier test may be about to stop, and joblib would wait for them.
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    drawn, scores = demo("sweep").main(**SMALL, jobs=2)
    assert len(drawn) == len(scores) == 8 and max(scores) > 0.2
    assert "8 nets in" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")  # Dask's own, about this machine
def test_sweep_on_a_cluster_of_which_a_worker_dies(cluster):
    address, workers = cluster
    sweep = demo("sweep")
    wanted = sweep.main(**SMALL, jobs=1)[1]
    from dask.distributed import Client

    with Client(address, timeout=30) as client:
        client.wait_for_workers(2, timeout=30)

        def kill_in_mid_search():
            while not any(client.processing().values()):
                time.sleep(0.01)
            time.sleep(0.3)
            workers[0].send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill_in_mid_search)
        killer.start()
        found = sweep.main(**SMALL, dask=address)[1]
        killer.join()
        assert len(client.scheduler_info()["workers"]) == 1
    assert found == pytest.approx(wanted, abs=1e-12)
