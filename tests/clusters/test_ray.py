"""A sweep on two nodes of Ray: a node that is killed, the same bytes as here, Ctrl-C, and what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spear_deploy.errors import BackendError
from tests.api.test_sweep_jobs import same
from tests.clusters.sweeps import ENVIRONMENT, crew_at, interrupted, listening, sweep, swept, until

pytest.importorskip("ray", reason="needs the extra ray")

NODES = Path(__file__).with_name("ray_nodes.py")


class Nodes:
    """A head and two nodes of a CPU each, in processes of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._answer()

    def ask(self, what: str) -> str:
        assert self._process.stdin is not None
        print(what, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, str(NODES)], env=ENVIRONMENT, text=True, **pipes) as process:  # type: ignore[call-overload]
        yield Nodes(process)


@pytest.mark.slow
def test_a_node_that_is_killed(nodes: Nodes, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Its point is begun once more on another one, and the bytes are those of a sweep without a cluster."""
    with sweep(tiny_nir, tiny_npz, tmp_path / "points", nodes.address) as process:
        until(lambda: nodes.ask("kill") == "killed", 60)
        assert nodes.ask("add") == "added"
        told, _ = process.communicate(timeout=180)
    assert process.returncode == 0, told
    assert told.count(": its process ended (the loss of ") == 1, told
    assert "70pct_seed_1: search done in" in told
    assert told.splitlines()[-1] == "points 2/2"
    swept(tiny_nir, tiny_npz, tmp_path / "alone", None)
    same(tmp_path / "alone", tmp_path / "points")


@pytest.mark.slow
def test_ctrl_c(nodes: Nodes, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """What runs on the nodes is ended; nothing half-written is left, and no folder of a point."""
    with sweep(tiny_nir, tiny_npz, tmp_path / "points", nodes.address, epochs=400.0) as process:
        until(lambda: nodes.ask("busy") == "busy", 60)
        interrupted(process, signal.SIGINT)
    until(lambda: nodes.ask("busy") == "idle", 40)
    assert list(tmp_path.rglob("*_seed_*")) == []


@pytest.mark.slow
def test_a_point_that_no_node_can_hold(nodes: Nodes) -> None:
    """Ray would wait for such a node for ever: E069 says what there is."""
    found = r"E069 .*no node has 7 CPUs and 1GiB, for one point: .*1 CPUs and"
    with pytest.raises(BackendError, match=found), crew_at(nodes.address, threads=7):
        pass


def test_nobody_there() -> None:
    """E069 with what to look at."""
    found = "E069 --cluster ray://127.0.0.1:9: no head of Ray answers"
    with pytest.raises(BackendError, match=found), crew_at("ray://127.0.0.1:9"):
        pass


def test_a_port_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """E069, whose fix is not that of other versions, after the time that Ray waits."""
    monkeypatch.setattr("ray.util.client.worker.INITIAL_TIMEOUT_SEC", 0.2)
    monkeypatch.setattr("ray.util.client.worker.backoff", lambda seconds: seconds)
    with listening() as place:
        found = f"E069 --cluster ray://{place}: what listens there has not answered as a head of Ray does in [12] s"
        with pytest.raises(BackendError, match=found) as raised, crew_at(f"ray://{place}"):
            pass
    assert "10001, not 6379 or 8265" in raised.value.findings[0].fix
