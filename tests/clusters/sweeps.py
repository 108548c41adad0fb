"""A sweep of the tiny network in a process of its own, as a user starts one, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from spear_deploy.clusters import cluster_at
from spear_deploy.clusters.protocol import Workload
from spear_deploy.parallel import Crew

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Of the sweep and of the nodes."""

# The command in the reports is the same wherever the points run.
_SWEEP = """
import json, signal, sys
from pathlib import Path
from rich.console import Console
from spear_deploy.api.sweep import run_plan
from spear_deploy.api.sweep_plan import plan_of
from spear_deploy.cli import main
from spear_deploy.frontends import load
from spear_deploy.progress import Progress

def sweep():
    given = json.loads(sys.argv[1])
    plan = plan_of(given["budgets"], given["seeds"], given["settings"], given["cluster"])
    model, data, folder = given["places"]
    run_plan(plan, load(Path(model)), data, "loihi2", Path(folder), Progress(Console()), "the command")

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
main.cli.main = lambda standalone_mode: sweep()
main.main()
"""


@contextmanager
def sweep(
    model: Path, data: Path, folder: Path, cluster: str | None, epochs: float = 4.0
) -> Iterator[subprocess.Popen[str]]:
    """Begin a sweep over a budget with two seeds, on a cluster or here; it is killed if the block leaves it."""
    settings = {"episodes": 8, "candidates": 1, "epochs": epochs, "samples": 4, "effort": "quick"}
    points = {"budgets": ["70%"], "seeds": [0, 1]}
    given = {"places": [str(model), str(data), str(folder)], "cluster": cluster, "settings": settings, **points}
    command = [sys.executable, "-c", _SWEEP, json.dumps(given)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=ENVIRONMENT, **pipes) as process:
        yield process
        process.kill()


def swept(model: Path, data: Path, folder: Path, cluster: str | None) -> str:
    """Sweep; return what was shown."""
    with sweep(model, data, folder, cluster) as process:
        told, _ = process.communicate(timeout=120)
    assert process.returncode == 0, told
    return told


def interrupted(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """End a sweep; return what was shown."""
    process.send_signal(number)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number, told
    assert "Traceback" not in told, told
    return told


def crew_at(address: str, threads: int = 1) -> AbstractContextManager[Crew]:
    """What would carry out no pieces, of a GiB each."""
    workload = Workload(print, {}, {}, Path(), threads, 1 << 30)
    return cluster_at(address).crew(address, workload, lambda line: None)


@contextmanager
def listening() -> Iterator[str]:
    """Something that accepts whoever comes and never says a word; yields its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:  # the system accepts for it
        yield f"127.0.0.1:{server.getsockname()[1]}"


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Wait for what a condition returns to be true; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def children_of(pid: int) -> list[int]:
    """The processes that a process has started; none of one that is gone."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for each in threads for child in (each / "children").read_text().split()]
    except OSError:
        return []


def pieces_of(pid: int) -> list[int]:
    """The processes below a node's that carry out a piece: loky's, with a session of their own."""
    found = []
    for child in children_of(pid):
        try:
            carries = os.getsid(child) == child and b"loky" in Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        found += [child] if carries else pieces_of(child)
    return found
