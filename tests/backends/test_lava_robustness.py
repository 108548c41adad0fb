"""However a run of Lava ends, it ends soon, says why, and leaves no process and no shared memory behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spear_deploy.backends import supervised
from spear_deploy.backends.lava import run_lava
from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.errors import BackendError

from .programs import Population, Program, Projection, copy_of, evaluate, write

pytestmark = [pytest.mark.lava, pytest.mark.usefixtures("lava_python")]

ROOT = Path(__file__).resolve().parents[2]
MARK = "SPEAR_DEPLOY_TEST_RUN"
TRACKER = "multiprocessing.resource_tracker"
SOON = 30.0
"""Seconds within which a run must have ended; most of it is for a loaded machine."""

WEIGHT = np.arange(-12, 12).reshape(4, 6) * 9
PROGRAM = Program(
    (
        Population("input", "input", (6,), 0),
        Population("hidden", "lif", (4,), 1, dv=300, vth=50),
        Population("out", "readout", (2,), 2, du=1000),
    ),
    (Projection("input", "hidden", WEIGHT), Projection("hidden", "out", WEIGHT[:2, :4])),
)
CLIENT = """
import json
import shutil
import signal
import sys
from functools import partial
import numpy as np
from spear_deploy.backends.lava import run_lava

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it

def progress(done, total):
    print(json.dumps({"done": done}), flush=True)

run_lava(
    partial(shutil.copyfile, sys.argv[1]),
    {"input": np.ones((100, 1000, 6), np.uint8)},
    timeout=None,
    progress=progress,
)
"""


@dataclass
class Run:
    """A run started for a test; its processes are known by a variable in their environment."""

    process: subprocess.Popen[str]
    mark: str
    segments: set[Path] = field(default_factory=set)

    def pids(self) -> dict[int, int]:
        """Living processes of the run, with their parents."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                        found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, IndexError):
                    continue
        return found

    def child_of(self, pid: int) -> int:
        """The only child of a process."""
        (child,) = [child for child, parent in self.pids().items() if parent == pid]
        return child

    def lava_processes(self, worker: int) -> list[int]:
        """The processes that Lava forked: children of the worker, less the resource tracker."""
        children = [pid for pid, parent in self.pids().items() if parent == worker]
        return sorted(pid for pid in children if TRACKER not in _command(pid))

    def resource_tracker(self, worker: int) -> int:
        """The process that unlinks the run's shared memory when all else has ended."""
        (tracker,) = [pid for pid, parent in self.pids().items() if parent == worker and TRACKER in _command(pid)]
        return tracker

    def wait_until_running(self) -> None:
        """Wait for the first progress; note the shared memory in use."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if json.loads(line)["done"] > 0:
                break
        for pid in self.pids():
            for mapping in Path(f"/proc/{pid}/maps").read_text().splitlines():
                if "/dev/shm/psm_" in mapping:
                    self.segments.add(Path(mapping.split()[-1]))
        assert self.segments, "the run has no shared memory: the test would show nothing"

    def end(self) -> tuple[int, dict[str, Any]]:
        """Wait for the end; return the exit status and the last event."""
        output, _ = self.process.communicate(timeout=SOON)
        events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return self.process.returncode, events[-1] if events else {}

    def assert_nothing_left(self) -> None:
        """No process of the run lives, soon, and none of its shared memory is left."""
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline and (self.pids() or any(path.exists() for path in self.segments)):
            time.sleep(0.05)
        assert not self.pids()
        assert not [path for path in self.segments if path.exists()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")


class Starter:
    """Starts runs in a folder, and ends what is left of them if a test fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = write(PROGRAM, folder / "program.h5")
        self.runs: list[Run] = []

    def start(self, command: list[str], **environ: str) -> Run:
        """Start any command."""
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, MARK: mark, "TMPDIR": str(self.folder), **environ},
        )
        self.runs.append(Run(process, mark))
        return self.runs[-1]

    def backend(self, *options: str, samples: int = 100, command: list[str] | None = None, **environ: str) -> Run:
        """Start a run of the backend; 100 samples of 1000 steps take minutes."""
        with h5py.File(self.folder / f"input{samples}.h5", "w") as file:
            file["x/input"] = np.ones((samples, 1000, 6), np.uint8)
            path = file.filename
        files = ["--program", str(self.program), "--input", path, "--output", str(self.folder / "output.h5")]
        return self.start([*(command or ENVIRONMENT.command()), "run", *files, *options], **environ)


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    """Start runs that cannot outlive the test."""
    starter = Starter(tmp_path)
    yield starter
    for run in starter.runs:
        run.process.kill()
        run.process.communicate()
        run.assert_nothing_left()


def test_temporary_folder_with_a_long_name(starter: Starter) -> None:
    """The paths of multiprocessing's sockets stay within the system's limit wherever temporary files go."""
    folder = starter.folder / ("long" * 20)
    folder.mkdir()
    status, event = starter.backend(samples=1, TMPDIR=str(folder)).end()
    assert (status, event["event"]) == (0, "done")


def test_success(starter: Starter) -> None:
    """A run that succeeds says so, ends all its processes, and leaves no file but its output."""
    run = starter.backend(samples=1)
    run.wait_until_running()
    status, event = run.end()
    assert (status, event["event"]) == (0, "done")
    assert {path.name for path in starter.folder.iterdir()} == {"program.h5", "input1.h5", "output.h5"}
    run.assert_nothing_left()


@pytest.mark.parametrize("index", [0, 3, -1])
def test_lava_process_killed(starter: Starter, index: int) -> None:
    """The death of any process of Lava ends the run, although Lava would wait for it forever."""
    run = starter.backend()
    run.wait_until_running()
    os.kill(run.lava_processes(run.child_of(run.process.pid))[index], signal.SIGKILL)
    status, event = run.end()
    assert (status, event["kind"]) == (3, "child-died")
    run.assert_nothing_left()


def test_resource_tracker_killed(starter: Starter) -> None:
    """Shared memory is unlinked even if the process that should have done it is dead."""
    run = starter.backend()
    run.wait_until_running()
    os.kill(run.resource_tracker(run.child_of(run.process.pid)), signal.SIGKILL)
    status, event = run.end()
    assert (status, event["kind"]) == (3, "child-died")
    run.assert_nothing_left()


def test_worker_killed(starter: Starter) -> None:
    """The death of the process that Lava's processes are forked from ends them, and the run."""
    run = starter.backend()
    run.wait_until_running()
    os.kill(run.child_of(run.process.pid), signal.SIGKILL)
    status, event = run.end()
    assert (status, event["kind"]) == (3, "killed")
    run.assert_nothing_left()


def test_hang(starter: Starter) -> None:
    """A process of Lava that hangs without dying is ended by the time limit, and says how far it came."""
    run = starter.backend("--timeout", "5")
    run.wait_until_running()
    os.kill(run.lava_processes(run.child_of(run.process.pid))[2], signal.SIGSTOP)
    status, event = run.end()
    assert (status, event["kind"]) == (4, "timeout")
    assert "of 100002 steps" in event["message"]
    run.assert_nothing_left()


@pytest.mark.parametrize("which", ["lava", "worker"])
def test_process_that_is_stopped(starter: Starter, which: str) -> None:
    """Without any time limit too, a process that a signal stopped ends the run soon, by name."""
    run = starter.backend()
    run.wait_until_running()
    worker = run.child_of(run.process.pid)
    stopped = run.lava_processes(worker)[2] if which == "lava" else worker
    os.kill(stopped, signal.SIGSTOP)
    status, event = run.end()
    assert (status, event["kind"]) == (4, "stalled")
    assert f"process id {stopped}" in event["message"]
    run.assert_nothing_left()


def test_supervisor_that_is_stopped(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client notices that its supervisor has stopped, although that can keep no time limit any more: E062."""
    monkeypatch.setattr(supervised, "_SILENCE", 8.0)
    supervisors: list[int] = []

    def stop(done: int, total: int) -> None:
        if not supervisors:
            children = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
            supervisors.extend(
                pid for pid in children if _parent(pid) == os.getpid() and b"lava" in _command(pid).encode()
            )
            os.kill(supervisors[0], signal.SIGSTOP)

    started = time.monotonic()
    with pytest.raises(BackendError, match=r"E062.*said nothing for 8 s"):
        run_lava(copy_of(starter.program), {"input": np.ones((100, 1000, 6), np.uint8)}, timeout=None, progress=stop)
    assert time.monotonic() - started < SOON
    assert not Path(f"/proc/{supervisors[0]}").exists()


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_signal_to_supervisor(starter: Starter, number: signal.Signals, expected: int) -> None:
    """A signal to the supervisor ends everything below it, even one that it cannot handle."""
    run = starter.backend()
    run.wait_until_running()
    os.kill(run.process.pid, number)
    status, _ = run.end()
    assert status == expected
    run.assert_nothing_left()


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_supervisor_killed_while_starting(starter: Starter, delay: float) -> None:
    """There is no moment at which the death of the supervisor leaves something behind."""
    run = starter.backend()
    time.sleep(delay)
    os.kill(run.process.pid, signal.SIGKILL)
    run.end()
    run.assert_nothing_left()


def _client(starter: Starter) -> Run:
    command = [sys.executable, "-c", CLIENT, str(starter.program)]
    return starter.start(command, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))


def test_client_interrupted(starter: Starter) -> None:
    """Ctrl-C in the core ends the backend, removes the run's files, and goes on as KeyboardInterrupt."""
    before = set(starter.folder.iterdir())
    run = _client(starter)
    run.wait_until_running()
    os.kill(run.process.pid, signal.SIGINT)
    run.end()
    assert run.process.returncode in (-signal.SIGINT, 130)
    run.assert_nothing_left()
    assert set(starter.folder.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_client_killed(starter: Starter, number: signal.Signals) -> None:
    """The backend ends with the core, however the core ends, and removes what that cannot any more."""
    before = set(starter.folder.iterdir())
    run = _client(starter)
    run.wait_until_running()
    os.kill(run.process.pid, number)
    run.end()
    run.assert_nothing_left()
    if number == signal.SIGKILL:  # Python ends by the others as they are handled
        assert set(starter.folder.iterdir()) == before


def test_parent_that_is_already_dead(starter: Starter) -> None:
    """A backend whose parent died before it could ask to die with it does not start."""
    dead = starter.start([sys.executable, "-c", ""])
    dead.process.wait()
    run = starter.backend("--parent", str(dead.process.pid))
    status, _ = run.end()
    assert status == -signal.SIGTERM
    run.assert_nothing_left()


@pytest.mark.parametrize(
    ("module", "line"),
    [("source.py", "index = self.time_step - 1"), ("readout.py", '"""Send v."""')],
    ids=["first", "last"],
)
def test_exception_in_a_lava_process(starter: Starter, module: str, line: str) -> None:
    """An exception in a process of Lava ends the run with that process's traceback."""
    package = starter.folder / "modified" / "spear_deploy_lava"
    shutil.copytree(ROOT / "backends/lava/src/spear_deploy_lava", package)
    path = package / "processes" / module
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, f"{line}\n        assert self.time_step < 50, 'raised on purpose'"))
    command = [str(ENVIRONMENT.python()), "-m", "spear_deploy_lava"]
    run = starter.backend(command=command, PYTHONPATH=str(package.parent))
    status, event = run.end()
    assert (status, event["kind"]) == (1, "exception")
    assert "raised on purpose" in event["message"]
    assert module in event["traceback"]
    run.assert_nothing_left()


def test_exception_in_the_worker(starter: Starter) -> None:
    """An exception outside Lava's processes, such as an output that cannot be written, is told too."""
    run = starter.backend("--output", str(starter.folder / "missing" / "output.h5"), samples=1)
    status, event = run.end()
    assert (status, event["kind"]) == (1, "exception")
    assert "missing" in event["message"]
    run.assert_nothing_left()


def test_two_runs_at_once(starter: Starter) -> None:
    """The end of one run, by force, does not disturb another."""
    killed = starter.backend()
    killed.wait_until_running()
    inputs = {"input": np.random.default_rng(0).integers(0, 2, (20, 30, 6)).astype(np.uint8)}

    def kill(done: int, total: int) -> None:
        if killed.process.poll() is None:
            os.kill(killed.process.pid, signal.SIGKILL)

    record = run_lava(copy_of(starter.program), inputs, timeout=60, progress=kill)
    np.testing.assert_array_equal(record.potentials["out"], evaluate(PROGRAM, inputs).potentials["out"])
    assert killed.process.wait(SOON) == -signal.SIGKILL
    killed.assert_nothing_left()


def test_client_reports_the_time_limit(starter: Starter) -> None:
    """The client tells a run that was too slow from one that failed."""
    with pytest.raises(BackendError, match="E062"):
        run_lava(copy_of(starter.program), {"input": np.ones((100, 1000, 6), np.uint8)}, timeout=1.5)


def test_client_told_to_stop_by_its_callback(starter: Starter) -> None:
    """An exception in the progress callback ends the backend before it leaves the client."""

    def fail(done: int, total: int) -> None:
        raise LookupError("enough")

    started = time.monotonic()
    with pytest.raises(LookupError):
        run_lava(copy_of(starter.program), {"input": np.ones((100, 1000, 6), np.uint8)}, timeout=None, progress=fail)
    assert time.monotonic() - started < SOON
