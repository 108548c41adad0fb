"""Several pieces of work at a time: results, processes that die, and what is left when all of it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.errors import Finding, InputError
from spear_deploy.parallel import Lost, run_all

ROOT = Path(__file__).resolve().parents[2]
MARK = "SPEAR_DEPLOY_TEST_PARALLEL"


def triple(number: int, tell: Any) -> int:
    tell(("begun", number))
    time.sleep(0.1 if number else 0.4)  # the first ends last
    tell(("done", number))
    return 3 * number


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_results_are_in_the_order_of_the_items(jobs: int) -> None:
    """Whatever the number of processes and whichever ends first; all that is told arrives, in order, before the end."""
    heard: dict[str, list[Any]] = {}
    done: dict[str, tuple[int, int]] = {}
    items = {f"piece {number}": number for number in range(4)}
    found = run_all(
        triple,
        items,
        jobs,
        heard=lambda name, message: heard.setdefault(name, []).append(message),
        done=lambda name, result: done.update({name: (result, len(heard[name]))}),
    )
    assert list(found.items()) == [(name, 3 * number) for name, number in items.items()]
    assert heard == {name: [("begun", number), ("done", number)] for name, number in items.items()}
    assert done == {name: (3 * number, 2) for name, number in items.items()}


def process_of(number: int, tell: Any) -> tuple[int, int]:
    time.sleep(0.3)
    return os.getpid(), os.getpgid(0)


def test_processes() -> None:
    """Each piece has a fresh process, and a group of its own that no Ctrl-C of a terminal reaches; one job has none."""
    found = run_all(process_of, {"a": 0, "b": 1, "c": 2}, 2)
    assert len({os.getpid(), *(pid for pid, _ in found.values())}) == 4
    assert all(pid == group for pid, group in found.values())
    assert {pid for pid, _ in run_all(process_of, {"a": 0, "b": 1}, 1).values()} == {os.getpid()}
    assert {pid for pid, _ in run_all(process_of, {"a": 0}, 2).values()} == {os.getpid()}


def die(way: tuple[str, Path], tell: Any) -> str:
    kind, trace = way
    with trace.open("a") as stream:
        stream.write("begun\n")
    begun = trace.read_text().count("begun")
    if kind == "always" or (kind == "once" and begun == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "memory":
        raise MemoryError
    return kind


def test_processes_that_die(tmp_path: Path) -> None:
    """A piece is begun once more, then it is lost and says how; no other is touched."""
    items = {kind: (kind, tmp_path / kind) for kind in ("always", "once", "never", "memory")}
    again: list[tuple[str, Lost]] = []
    found = run_all(die, items, 2, again=lambda name, lost: again.append((name, lost)))
    expected = {"always": Lost("SIGKILL(-9)"), "once": "once", "never": "never", "memory": Lost("out of memory")}
    assert found == expected
    counts = {kind: (tmp_path / kind).read_text().count("begun") for kind in items}
    assert sorted(name for name, _ in again) == ["always", "memory", "once"]
    assert dict(again)["once"] == Lost("SIGKILL(-9)")
    assert counts == {"always": 2, "once": 2, "never": 1, "memory": 2}


def fail(seconds: float, tell: Any) -> None:
    if seconds:
        time.sleep(seconds)
        return
    raise InputError([Finding("E005", "data", "is bad", "mend it"), Finding("E006", "labels", "are bad")])


def test_an_exception_ends_all() -> None:
    """It is raised here, with all that it carries, and nobody waits for the others."""
    start = time.monotonic()
    with pytest.raises(InputError) as raised:
        run_all(fail, {"long": 60.0, "bad": 0.0}, 2)
    assert time.monotonic() - start < 20
    assert [finding.code for finding in raised.value.findings] == ["E005", "E006"]
    assert str(raised.value) == "E005 data: is bad\n     fix: mend it\nE006 labels: are bad"


# A process that others end: it has two pieces at work, each of which cleans up after itself.
_PARENT = """
import signal, sys, time
from pathlib import Path
from spear_deploy.cli.main import _terminated
from spear_deploy.parallel import run_all

def work(path, tell):
    try:
        path.touch()
        for number in range(60_000):
            tell(number)  # which nobody may hear any more
            time.sleep(0.001)
    finally:
        time.sleep(0.2)
        path.unlink()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
folder = Path(sys.argv[1])
with _terminated():
    try:
        run_all(work, {name: folder / name for name in ("a", "b")}, 2)
    except KeyboardInterrupt:
        sys.exit(3)
"""


def alive(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(condition: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(number: signal.Signals, tmp_path: Path) -> None:
    """However the parent ends, its processes clean up and end too."""
    mark = uuid.uuid4().hex
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, MARK: mark, "PYTHONPATH": paths}
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as parent:
        assert until(lambda: {path.name for path in tmp_path.iterdir()} == {"a", "b"}, 30)
        parent.send_signal(number)
        _, told = parent.communicate(timeout=30)
    assert parent.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 3)
    assert "Traceback" not in told
    assert until(lambda: not alive(mark), 20), told
    assert list(tmp_path.iterdir()) == []
