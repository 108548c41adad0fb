"""A sweep whose points run side by side: the same bytes, and whatever ends a process of it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spear_deploy.api.sweep import run_plan
from spear_deploy.api.sweep_plan import plan_of
from spear_deploy.data import Dataset
from spear_deploy.deployment import memory
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported
from spear_deploy.progress import Progress
from spear_deploy.storage import sha256

FAST = {"episodes": 8, "candidates": 1, "epochs": 4.0, "samples": 4, "effort": "quick"}
BUDGETS, SEEDS = ("70%", "100%", "0.1%"), (0,)


def swept(imported: Imported, data: Dataset, folder: Path, jobs: int, **given: Any) -> tuple[Any, str]:
    """Sweep; return the result and what was shown."""
    stream = io.StringIO()
    plan = plan_of(given.pop("budgets", BUDGETS), given.pop("seeds", SEEDS), {**FAST, "jobs": jobs, **given})
    return run_plan(
        plan, imported, data, "loihi2", folder, Progress(Console(file=stream)), "the command"
    ), stream.getvalue()


@pytest.fixture(scope="module")
def alone(imported: Imported, tiny_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep whose points ran one after the other."""
    folder = tmp_path_factory.mktemp("alone") / "points"
    swept(imported, tiny_data, folder, 1)
    return folder


def untimed(report: Any) -> Any:
    """Return a report without what tells how long something took."""
    if isinstance(report, dict):
        return {key: untimed(value) for key, value in report.items() if "seconds" not in key}
    return [untimed(value) for value in report] if isinstance(report, list) else report


def same(one: Path, other: Path) -> None:
    """Bundles, sweep.json and its page are the same bytes; reports differ in how long something took alone."""
    names = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    assert names == {path.relative_to(other) for path in other.rglob("*") if path.is_file()}
    timed = {"report.json", "report.html"}
    assert {name for name in names if sha256(one / name) != sha256(other / name) and name.name not in timed} == set()
    for name in (name for name in names if name.name == "report.json"):
        first, second = (json.loads((folder / name).read_text()) for folder in (one, other))
        assert untimed(first) == untimed(second)


def test_the_same_bytes(alone: Path, imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Whatever the number of processes; what they say has the point's name in front, and how many are done."""
    _, shown = swept(imported, tiny_data, tmp_path / "points", 2)
    same(alone, tmp_path / "points")
    lines = shown.splitlines()
    assert lines[0] == "3 points, 2 at a time"
    assert any(line.startswith("100pct_seed_0: memory: up to") for line in lines)
    assert any(line.startswith("70pct_seed_0: search done in") for line in lines)
    assert any(line.startswith("points 2/3, about ") and line.endswith(" left") for line in lines)
    assert lines[-1] == "points 3/3"


# A sweep of two points at a time in a process of its own; its first argument is the folder.
_SWEEP = """
import json, signal, sys
from spear_deploy.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
sys.argv = ["spear-deploy", *json.loads(sys.argv[1])]
main()
"""


def workers_of(pid: int) -> list[int]:
    """The processes of a sweep that deploy a point: those below it with a session of their own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if os.getsid(int(child)) == int(child)]


@pytest.fixture
def arguments(tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> list[str]:
    given = {"--episodes": 8, "--candidates": 1, "--epochs": 40, "--samples": 4, "--effort": "quick", "--jobs": 2}
    options = [str(word) for option in given.items() for word in option]
    place = ["--chip", "loihi2", "--data", str(tiny_npz), "--synops", "60%,50%", "-o", str(tmp_path / "points")]
    return ["sweep", str(tiny_nir), *place, *options]


@pytest.fixture
def begun(arguments: list[str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A sweep both of whose points search."""
    command = [sys.executable, "-c", _SWEEP, json.dumps(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        journals = [tmp_path / "points" / f"{budget}pct_seed_0" / "search.jsonl" for budget in (60, 50)]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not all(path.is_file() for path in journals):
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


def run_again(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _SWEEP, json.dumps([*arguments, "--resume"])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGINT, signal.SIGKILL))],
)
def test_a_sweep_that_is_ended(
    number: signal.Signals, begun: subprocess.Popen[str], arguments: list[str], tmp_path: Path
) -> None:
    """Its processes end with it and leave nothing half-written; --resume goes on with both points."""
    workers = workers_of(begun.pid)
    assert len(workers) == 2
    begun.send_signal(number)
    told, _ = begun.communicate(timeout=60)
    assert begun.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number], told
    assert "Traceback" not in told
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in workers):
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert list((tmp_path / "points").rglob(".*")) == []
    again = run_again(arguments)
    assert again.returncode in (0, 4), again.stderr
    points = json.loads((tmp_path / "points" / "sweep.json").read_text())["points"]
    assert [(point["budget"], point["error"]) for point in points] == [("60%", None), ("50%", None)]


@pytest.mark.slow
def test_points_that_are_killed(begun: subprocess.Popen[str], arguments: list[str], tmp_path: Path) -> None:
    """A process that is killed has its point begun once more; killed again it is E068, and the other point is there."""
    killed: set[int] = set()
    journal = tmp_path / "points" / "50pct_seed_0"
    deadline = time.monotonic() + 90
    while begun.poll() is None and time.monotonic() < deadline and len(killed) < 2:
        for pid in set(workers_of(begun.pid)) - killed:
            if holds(pid, journal):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        time.sleep(0.02)
    told, _ = begun.communicate(timeout=90)
    assert len(killed) == 2
    assert begun.returncode == 2, told
    assert "50pct_seed_0: its process ended (SIGKILL(-9)), the point is started once more" in told
    assert "E068 50pct_seed_0: its process ended twice before the point was done, at last by SIGKILL" in told
    first, second = json.loads((tmp_path / "points" / "sweep.json").read_text())["points"]
    assert first["error"] is None
    assert second["val"] is None
    again = run_again(arguments)
    assert again.returncode in (0, 4), again.stderr
    assert "60pct_seed_0: done already" in again.stdout


def holds(pid: int, folder: Path) -> bool:
    """Whether a process has the folder of a point open, as one does that deploys it."""
    try:
        return any(os.path.realpath(entry) == str(folder.resolve()) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_fewer_points_where_the_memory_holds_no_more(
    imported: Imported, tiny_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound that is given is for all of them; else what is free is.  It is said, and the results are the same."""
    few = {"budgets": ("100%",), "seeds": (0, 1)}
    _, shown = swept(imported, tiny_data, tmp_path / "one", 2, memory="2GiB", **few)
    assert shown.startswith("memory: 1 point at a time in place of 2, for each takes up to 1")
    assert "--memory is for all of them" in shown
    monkeypatch.setattr(memory, "free_memory", lambda: int(1.5 * 2**30))
    _, shown = swept(imported, tiny_data, tmp_path / "two", 2, **few)
    assert "more is not free" in shown.splitlines()[0]


def test_what_refuses_every_point_is_told_before_any_is_begun(
    imported: Imported, tiny_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E019 as for one deployment, from this process; no point has a folder."""
    with pytest.raises(InputError, match="E019"):
        swept(imported, tiny_data, tmp_path / "points", 2, memory="100MiB")
    assert not list(tmp_path.glob("points/*"))


def test_points_of_two_machines(alone: Path, imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Sweeps over parts of the budgets, put together, are the sweep over all."""
    for number, budgets in enumerate((("70%",), ("100%", "0.1%"))):
        swept(imported, tiny_data, tmp_path / str(number), 2, budgets=budgets)
    for point in (tmp_path / "1").glob("*_seed_*"):
        point.rename(tmp_path / "0" / point.name)
    _, shown = swept(imported, tiny_data, tmp_path / "0", 1, resume=True)
    assert shown.count("done already") == 3
    same(alone, tmp_path / "0")
