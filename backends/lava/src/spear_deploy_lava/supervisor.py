"""Runs a worker under guard: within a time limit, noticing dead processes, and leaving nothing behind.

Only the standard library is used here: this process must not fail or hang with Lava.

The worker is the only process that is ever killed.  The kernel then kills the Lava processes that it
forked, and multiprocessing's resource tracker, which outlives them, unlinks their shared memory.  All
of them are adopted by this process, which ends after the last of them.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory, TemporaryFile, gettempdir
from typing import IO

from spear_deploy_lava.errors import ExitCode
from spear_deploy_lava.job import CLOCK_BYTES, Failure, Job, Order
from spear_deploy_lava.lifecycle import adopt_orphans, children_of, shared_memory_of

_TICK = 0.05
"""Seconds between two looks at the worker."""
_PROGRESS_INTERVAL = 0.25
"""Least seconds between two calls of ``progress``."""
_CHILD_INTERVAL = 0.5
"""Seconds between two searches for dead children of the worker."""
_GRACE = 2.0
"""Seconds in which the worker may itself report why a child of it ended, or wait for the child."""
_CLEAN_UP_LIMIT = 10.0
"""Seconds after which processes that outlive the worker are killed."""
_LOG_TAIL = 4000
"""Characters of the worker's standard error that a failure quotes."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; ``failure`` is None if it succeeded or was interrupted by a signal."""

    code: int
    steps: int
    seconds: float
    failure: Failure | None = None


def supervise(job: Job, timeout: float | None, progress: Callable[[int, int], None]) -> Outcome:
    """Run ``job``; return after every process started for it has ended.

    ``progress`` is called with the steps done and to do.  ``timeout`` is in seconds.  SIGINT, SIGTERM
    and SIGHUP end the run: the code is then 128 + the signal's number.

    To be called in the main thread of a process that has no other children: all are waited for.
    """
    adopt_orphans()
    started = time.monotonic()
    with _interruption() as interruption, _files() as files:
        worker = _start(job, files)
        watch = _Watch(worker, files, interruption, timeout, progress)
        try:
            verdict = watch.until_end()
        finally:
            _clean_up(worker)
        if isinstance(verdict, _Exited):
            verdict = _verdict_of_exit(verdict.status, files)
        return Outcome(verdict.code, files.read_clock()[0], time.monotonic() - started, verdict.failure)


@dataclass(frozen=True)
class _Verdict:
    code: int
    failure: Failure | None = None


@dataclass(frozen=True)
class _Exited:
    status: int


_LONGEST_FOLDER = 60
"""A socket's path may have 107 characters, of which the worker's folder and multiprocessing take 45."""


def _short_folder() -> str | None:
    """Return where the worker's folder goes: the usual place (None), or /tmp where that has too long a name."""
    return "/tmp" if len(gettempdir()) > _LONGEST_FOLDER else None


@dataclass(frozen=True)
class _Files:
    """Nameless files that the worker inherits: its clock, its answer and all else that it prints.

    ``folder`` is where the worker's temporary files go: multiprocessing leaves a socket behind when it
    is killed.
    """

    clock: IO[bytes]
    answer: IO[bytes]
    log: IO[bytes]
    folder: str

    def read_clock(self) -> tuple[int, int]:
        """Return the steps done and the steps to do; 0 as long as they are not known."""
        done, total = struct.unpack("=qq", os.pread(self.clock.fileno(), CLOCK_BYTES, 0))
        return done, total


@contextmanager
def _files() -> Iterator[_Files]:
    with (
        TemporaryFile() as clock,
        TemporaryFile() as answer,
        TemporaryFile() as log,
        TemporaryDirectory(prefix="sd-", dir=_short_folder()) as folder,
    ):
        os.pwrite(clock.fileno(), bytes(CLOCK_BYTES), 0)
        yield _Files(clock, answer, log, folder)


@dataclass
class _Interruption:
    number: int | None = None


@dataclass
class _Watch:
    """Looks at a running worker until there is something to decide."""

    worker: subprocess.Popen[bytes]
    files: _Files
    interruption: _Interruption
    timeout: float | None
    progress: Callable[[int, int], None]
    started: float = field(default_factory=time.monotonic)

    def until_end(self) -> _Exited | _Verdict:
        """Return the worker's exit, or the code and failure with which it is to be ended."""
        next_progress = next_search = self.started
        reported = -1
        ended: dict[int, float] = {}
        while True:
            if self.interruption.number is not None:
                return _Verdict(128 + self.interruption.number)
            if (status := self.worker.poll()) is not None:
                return _Exited(status)
            now = time.monotonic()
            if self.timeout is not None and now - self.started > self.timeout:
                return _Verdict(ExitCode.TIMEOUT, self._timed_out())
            if now >= next_progress:
                next_progress = now + _PROGRESS_INTERVAL
                done, total = self.files.read_clock()
                if total and done != reported:
                    self.progress(done, total)
                    reported = done
            if now >= next_search:
                next_search = now + _CHILD_INTERVAL
                # Between two networks Lava waits for its processes one after the other: ended ones are soon gone then.
                dead = [child.pid for child in children_of(self.worker.pid) if child.ended]
                ended = {pid: ended.get(pid, now) for pid in dead}
                if overdue := [pid for pid, since in ended.items() if now - since > _GRACE]:
                    return _Verdict(ExitCode.CHILD_DIED, _died(overdue))
            time.sleep(_TICK)

    def _timed_out(self) -> Failure:
        done, total = self.files.read_clock()
        return Failure("timeout", f"not finished after {self.timeout:g} s: {done} of {total or '?'} steps done")


def _died(pids: list[int]) -> Failure:
    listed = ", ".join(f"process id {pid}" for pid in pids)
    return Failure("child-died", f"a process of Lava died ({listed})")


def _start(job: Job, files: _Files) -> subprocess.Popen[bytes]:
    order = Order(job, supervisor=os.getpid(), clock=files.clock.fileno())
    isolation = ["-I"] if sys.flags.isolated else []
    return subprocess.Popen(
        [sys.executable, *isolation, "-m", "spear_deploy_lava.worker", order.to_json()],
        stdin=subprocess.DEVNULL,
        stdout=files.answer,
        stderr=files.log,
        pass_fds=(files.clock.fileno(),),
        start_new_session=True,  # a Ctrl-C of the terminal reaches the supervisor alone
        # Lava's parallelism is its processes; threads of a BLAS would only make forking unsafe.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TMPDIR": files.folder},
    )


def _clean_up(worker: subprocess.Popen[bytes]) -> None:
    segments = shared_memory_of(worker.pid)
    worker.kill()
    worker.wait()
    deadline = time.monotonic() + _CLEAN_UP_LIMIT
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            if time.monotonic() > deadline:
                for child in children_of(os.getpid()):
                    os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.01)
    for segment in segments:  # nothing is left of them, unless the resource tracker was killed too
        segment.unlink(missing_ok=True)


def _verdict_of_exit(status: int, files: _Files) -> _Verdict:
    if status == 0:
        return _Verdict(ExitCode.DONE)
    files.answer.seek(0)
    answer = files.answer.read()
    if status > 0 and answer:
        return _Verdict(status, Failure(**json.loads(answer)))
    files.log.seek(0)
    tail = files.log.read().decode(errors="replace")[-_LOG_TAIL:]
    reason = f"signal {-status}" if status < 0 else f"status {status}"
    return _Verdict(ExitCode.CHILD_DIED, Failure("killed", f"the worker ended with {reason}", tail))


@contextmanager
def _interruption() -> Iterator[_Interruption]:
    """Note a signal that should end the run; later ones change nothing, so that the clean-up is never cut short."""
    interruption = _Interruption()

    def note(number: int, _: object) -> None:
        interruption.number = interruption.number or number

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = [signal.signal(number, note) for number in signals]
    try:
        yield interruption
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)
