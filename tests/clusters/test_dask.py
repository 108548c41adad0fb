"""A sweep on two workers of Dask: the same bytes as here, a worker that is killed, Ctrl-C, and what is refused."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from spear_deploy.errors import BackendError
from tests.api.test_sweep_jobs import same
from tests.clusters.sweeps import ENVIRONMENT, crew_at, interrupted, listening, pieces_of, sweep, swept, until

pytest.importorskip("distributed", reason="needs the extra dask")

Worker = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dask")


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """A scheduler."""
    file = place / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file), "--no-dashboard", "--no-show"]
    with subprocess.Popen([sys.executable, "-m", "dask", "scheduler", *options], env=ENVIRONMENT) as process:
        until(file.is_file, 30)
        yield json.loads(file.read_text())["address"]
        process.kill()


@pytest.fixture
def work(address: str, place: Path) -> Iterator[Callable[..., Worker]]:
    """Begin a worker with a thread: without what starts it again, so that its death is that of a node."""
    with ExitStack() as begun:

        def begin(*options: str, path: str = "") -> Worker:
            given = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(place), *options]
            environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([path, ENVIRONMENT["PYTHONPATH"]])}
            command = [sys.executable, "-m", "dask", "worker", address, *given]
            worker = begun.enter_context(subprocess.Popen(command, env=environment))
            begun.callback(worker.terminate)
            return worker

        yield begin


@pytest.fixture(scope="module")
def alone(tiny_nir: Path, tiny_npz: Path, place: Path) -> Path:
    """The folder of the sweep as it is here."""
    swept(tiny_nir, tiny_npz, place / "alone", None)
    return place / "alone"


@pytest.mark.slow
def test_the_same_bytes(
    address: str, work: Callable[..., Worker], alone: Path, tiny_nir: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    """As one point after the other; ``dask://`` is ``tcp://``, and a worker may have a nanny."""
    workers = [work("--no-nanny"), work()]
    told = swept(tiny_nir, tiny_npz, tmp_path / "points", address.replace("tcp://", "dask://"))
    same(alone, tmp_path / "points")
    assert "70pct_seed_1: search done in" in told
    assert told.splitlines()[-1] == "points 2/2"
    assert "started once more" not in told
    assert all(worker.poll() is None for worker in workers)


def test_a_worker_that_is_killed(
    address: str, work: Callable[..., Worker], alone: Path, tiny_nir: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    """Its point is begun once more on the other one, and the bytes are the same; nothing of it goes on."""
    workers = [work("--no-nanny") for _ in range(2)]
    with sweep(tiny_nir, tiny_npz, tmp_path / "points", address) as process:
        victim = until(lambda: next((each for each in workers if pieces_of(each.pid)), None), 60)
        (piece,) = pieces_of(victim.pid)
        victim.kill()
        told, _ = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert told.count("_seed_") > 0
    assert told.count(": its process ended (the loss of tcp://127.0.0.1:") == 1
    same(alone, tmp_path / "points")
    until(lambda: not Path(f"/proc/{piece}").exists(), 20)


@pytest.mark.slow
def test_points_that_are_lost_twice(
    address: str, work: Callable[..., Worker], tiny_nir: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    """They are rows without figures, and the sweep ends; with its last worker what was scattered is lost too."""
    with sweep(tiny_nir, tiny_npz, tmp_path / "points", address, epochs=400.0) as process:
        while process.poll() is None:
            worker = work("--no-nanny")
            until(lambda worker=worker: process.poll() is not None or pieces_of(worker.pid), 60)
            worker.kill()
        told, _ = process.communicate(timeout=30)
    assert process.returncode == 0, told
    assert "no worker is there; waiting for one" in told
    rows = json.loads((tmp_path / "points" / "sweep.json").read_text())["points"]
    assert all("E068" in row["error"] and "at last by the loss of tcp://127.0.0.1:" in row["error"] for row in rows)
    assert list(tmp_path.rglob("*_seed_*")) == []


def test_ctrl_c(address: str, work: Callable[..., Worker], tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """What runs on the workers is ended, and they stay; nothing half-written is left, and no folder of a point."""
    worker = work("--no-nanny")
    with sweep(tiny_nir, tiny_npz, tmp_path / "points", address, epochs=400.0) as process:
        (piece,) = until(lambda: pieces_of(worker.pid), 60)
        interrupted(process, signal.SIGINT)
    until(lambda: not Path(f"/proc/{piece}").exists(), 40)
    time.sleep(0.5)
    assert pieces_of(worker.pid) == []  # and the points that waited were not begun
    assert worker.poll() is None
    assert list(tmp_path.rglob("*_seed_*")) == []


def test_a_worker_with_another_version(address: str, work: Callable[..., Worker], tmp_path: Path) -> None:
    """E069 names both, and what mends it, before anything is sent."""
    other = tmp_path / "torch-1.2.3.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.2.3\n")
    work("--no-nanny", path=str(tmp_path))
    found = r"E069 tcp://127.*: has torch 1\.2\.3; here it is torch .*\n.*torch=="
    with pytest.raises(BackendError, match=found), crew_at(address):
        pass


def test_nobody_there() -> None:
    """E069 with what to look at."""
    found = "E069 --cluster tcp://127.0.0.1:9: no scheduler of Dask answers"
    with pytest.raises(BackendError, match=found), crew_at("tcp://127.0.0.1:9"):
        pass


def test_a_port_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """E069 after the time a scheduler has to answer: something accepts there and says nothing, or speaks HTTP."""
    monkeypatch.setattr("spear_deploy.clusters.dask.PATIENCE", 0.5)
    web = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    with listening() as silent, web:
        for place in (silent, f"127.0.0.1:{web.server_port}"):
            found = f"E069 --cluster tcp://{place}: what listens there has not answered as a scheduler of Dask does in"
            begun = time.monotonic()
            with pytest.raises(BackendError, match=found) as raised, crew_at(f"dask://{place}"):
                pass
            assert time.monotonic() - begun < 5
            assert "its dashboard's (8787)" in raised.value.findings[0].fix
