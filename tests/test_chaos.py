"""Chaos: whatever happens to a run at whatever moment, it ends with a code or is resumed to the same bytes.

Each moment is drawn from its seed: what happens (kill -9, -TERM, -STOP of any process of the run, a disk that fills up,
a folder that another run writes, clocks that jump), to which process, and when.  Nothing is left behind: no process,
and nothing in the folder of temporary files.  ``SPEAR_DEPLOY_MOMENTS=100`` draws a hundred.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.deployment.folder import held_folder
from spear_deploy.errors import BackendError
from spear_deploy.storage import sha256

pytestmark = pytest.mark.slow

MOMENTS = int(os.environ.get("SPEAR_DEPLOY_MOMENTS", "6"))
ROOT = Path(__file__).resolve().parents[1]
MARK = "SPEAR_DEPLOY_TEST_CHAOS"
LIMIT = 240.0
CODED = {0, 2, 4, 6, 129, 130, 143}
JUMPING = """
import random, time
real, drawn = time.time, random.Random(0)
time.time = lambda: real() + drawn.uniform(-1e6, 1e6)
"""


@dataclass(frozen=True)
class Ground:
    """What all moments share: the command, the bytes of a whole run, and the seconds that it takes."""

    arguments: tuple[str, ...]
    hashes: dict[str, str]
    seconds: float
    backend: str


def hashes(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in ("program.h5", "model.nir", "samples.npz")}


class Process:
    """A run in a process of its own, its descendants known by a variable in their environment."""

    def __init__(self, arguments: tuple[str, ...], place: Path, **options: object) -> None:
        self.mark, self.place = uuid.uuid4().hex, place
        place.mkdir(exist_ok=True)
        paths = [*([str(options.pop("first"))] if "first" in options else []), str(ROOT)]
        inherited = os.environ.get("PYTHONPATH")
        environment = {**os.environ, MARK: self.mark, "TMPDIR": str(place), "PYTHONWARNINGS": "default"}
        environment["PYTHONPATH"] = os.pathsep.join([*paths, *([inherited] if inherited else [])])
        command = [sys.executable, "-m", "spear_deploy", *arguments]
        self.log = (place.parent / f"{self.mark}.log").open("w+b")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment, **options)

    def pids(self) -> list[int]:
        """All living processes of the run, itself first."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit status and all output."""
        try:
            self.process.wait(LIMIT)
        finally:
            self.process.kill()
        with self.log as log:
            log.seek(0)
            return self.process.returncode, log.read().decode(errors="replace")

    def left(self) -> list[object]:
        """What is left of the run a little later; where it was killed itself, once another run has begun."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (self.pids() or list(self.place.iterdir())):
            time.sleep(0.1)
        if self.process.returncode == -signal.SIGKILL:
            # Its backend cleans up for it, unless that had just ended: then the next run of any kind does, a minute on.
            for lock in self.place.glob("*/.in-use"):
                os.utime(lock, (0, 0))
            another = "from spear_deploy.scratch import Scratch; Scratch().close()"
            place = {**os.environ, "TMPDIR": str(self.place)}
            subprocess.run([sys.executable, "-c", another], env=place, check=True, cwd=ROOT)
        return [*self.pids(), *self.place.rglob("*")]


@pytest.fixture(scope="module")
def ground(tiny_nir: Path, tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A run that nothing happens to."""
    try:
        ENVIRONMENT.python()
        backend = "lava"
    except BackendError:
        backend = "emulator"
    folder = tmp_path_factory.mktemp("ground")
    model = (str(tiny_nir), "--chip", "loihi2", "--data", str(tiny_npz), "--synops", "60%", "--samples", "4")
    search = ("--episodes", "8", "--candidates", "1", "--epochs", "20", "--backend", backend)
    start = time.monotonic()
    code, output = Process(("deploy", *model, *search, "-o", str(folder / "build")), folder / "tmp").end()
    assert code == 0, output
    return Ground(("deploy", *model, *search), hashes(folder / "build"), time.monotonic() - start, backend)


def send(number: signal.Signals) -> Callable[[Process, random.Random], None]:
    """Return what sends a signal to any process of a run."""

    def act(run: Process, rng: random.Random) -> None:
        try:
            os.kill(rng.choice(run.pids() or [run.process.pid]), number)
        except ProcessLookupError:
            return

    return act


def stop(run: Process, rng: random.Random) -> None:
    """Stop any process; the run itself goes on after a while, as from a shell, its helpers never do."""
    pid = rng.choice(run.pids() or [run.process.pid])
    try:
        os.kill(pid, signal.SIGSTOP)
        if pid == run.process.pid:
            time.sleep(rng.uniform(0.1, 3))
            os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


SIGNALS: dict[str, Callable[[Process, random.Random], None]] = {
    "kill": send(signal.SIGKILL),
    "terminate": send(signal.SIGTERM),
    "stop": stop,
}
AROUND = ("disk", "lock", "clock")


@contextmanager
def disturbed(what: str, rng: random.Random, folder: Path, tmp_path: Path) -> Iterator[dict[str, object]]:
    """Yield the options of a process that something is the matter with from the beginning."""
    if what == "disk":
        size = rng.choice([500, 3_000, 9_000, 30_000, 60_000])
        yield {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}
    elif what == "clock":
        (tmp_path / "jumps").mkdir()
        (tmp_path / "jumps" / "sitecustomize.py").write_text(JUMPING)
        yield {"first": tmp_path / "jumps"}
    elif what == "lock":
        with held_folder(folder):
            yield {}
    else:
        yield {}


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_moments(seed: int, ground: Ground, tmp_path: Path) -> None:
    """What happens is told by a code, or changes nothing; resumed, the run gives the bytes of one undisturbed."""
    rng = random.Random(seed)
    what = [*SIGNALS, *AROUND][seed % 6] if MOMENTS < 24 else rng.choice([*SIGNALS] * 4 + [*AROUND])
    folder = tmp_path / "build"
    command = (*ground.arguments, "-o", str(folder))
    with disturbed(what, rng, folder, tmp_path) as options:
        run = Process(command, tmp_path / "tmp", **options)
        if what in SIGNALS:
            time.sleep(rng.uniform(0.2, 1.05) * ground.seconds)
            SIGNALS[what](run, rng)
        code, output = run.end()
    killed = what == "kill" and code == -signal.SIGKILL
    early = what == "terminate" and code == -signal.SIGTERM  # before the first line of this tool
    assert killed or early or code in CODED, f"{what}: {code}\n{output}"
    assert "Traceback" not in output, f"{what}: {output}"
    assert run.left() == [], f"{what}: {code}\n{output}"
    expected = {"lock": ({2}, "E017"), "disk": ({0, 2}, ""), "clock": ({0}, "")}.get(what)
    assert expected is None or (code in expected[0] and expected[1] in output), f"{what}: {code}\n{output}"
    if code != 0:
        again = Process((*command, "--resume"), tmp_path / "tmp")
        code, output = again.end()
        assert code == 0, f"resumed after {what}: {output}"
        assert again.left() == []
    assert hashes(folder) == ground.hashes, what
    assert {"report.json", "report.html", "manifest.json"} <= {item.name for item in folder.iterdir()}
    assert not [item for item in folder.iterdir() if item.name.startswith(".")]
