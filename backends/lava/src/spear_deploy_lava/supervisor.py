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
from dataclasses import dataclass
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
_WORD_INTERVAL = 5.0
"""Most seconds between two calls of ``progress``: who hears nothing for longer takes this process for stopped."""
_LONGEST_LOOK = 5.0
"""Seconds that may pass between two looks: what goes beyond, this process was stopped itself, and so was the clock."""
_STOPPED_LIMIT = 10.0
"""Seconds after which a process that a signal stopped is taken for one that nobody will continue."""
_STALL_FACTOR, _LEAST_STALL = 30, 120.0
"""No step for so many times the longest that one took, and so many seconds: the run stands still."""
_SILENT_LIMIT = 3600.0
"""The same before the first step and after the last, while networks are built and records are written."""
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

    ``progress`` is called with the steps done and to do, (0, 0) as long as they are not known, every few seconds.
    ``timeout`` is in seconds; a run that stands still is ended without one.  SIGINT, SIGTERM
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
    """Looks at a running worker until there is something to decide.

    ``seconds`` are those in which this process could look, ``moved`` is the last of them in which a step was done, and
    ``longest`` the longest that one took.
    """

    worker: subprocess.Popen[bytes]
    files: _Files
    interruption: _Interruption
    timeout: float | None
    progress: Callable[[int, int], None]
    seconds: float = 0.0
    moved: float = 0.0
    longest: float = 0.0
    done: int = 0

    def until_end(self) -> _Exited | _Verdict:
        """Return the worker's exit, or the code and failure with which it is to be ended."""
        looked, next_progress, next_search = time.monotonic(), 0.0, 0.0
        since: dict[tuple[int, str], float] = {}
        while True:
            if self.interruption.number is not None:
                return _Verdict(128 + self.interruption.number)
            if (status := self.worker.poll()) is not None:
                return _Exited(status)
            now = time.monotonic()
            looked, self.seconds = now, self.seconds + min(now - looked, _LONGEST_LOOK)
            if self.timeout is not None and self.seconds > self.timeout:
                return _Verdict(ExitCode.TIMEOUT, self._timed_out())
            if self.seconds >= next_progress and (self._has_moved() or self.seconds >= next_progress + _WORD_INTERVAL):
                next_progress = self.seconds + _PROGRESS_INTERVAL
                self.progress(*self.files.read_clock())
            if self.seconds >= next_search:
                next_search = self.seconds + _CHILD_INTERVAL
                since = self._troubled(since)
                if (verdict := self._verdict_on(since)) is not None:
                    return verdict
            time.sleep(_TICK)

    def _has_moved(self) -> bool:
        done, _ = self.files.read_clock()
        if done == self.done:
            return False
        if self.done:
            self.longest = max(self.longest, self.seconds - self.moved)
        self.done, self.moved = done, self.seconds
        return True

    def _troubled(self, since: dict[tuple[int, str], float]) -> dict[tuple[int, str], float]:
        """Return since when each child of the worker, and itself, has been dead or stopped."""
        states = {child.pid: child for child in children_of(self.worker.pid)}
        states |= {child.pid: child for child in children_of(os.getpid()) if child.pid == self.worker.pid}
        if self.worker.pid in states and states[self.worker.pid].ended:
            # Its first thread is gone, with which its children are killed; others end when a busy machine lets them.
            return {}
        found = [(pid, "dead") for pid, child in states.items() if child.ended and pid != self.worker.pid]
        found += [(pid, "stopped") for pid, child in states.items() if child.stopped]
        return {key: since.get(key, self.seconds) for key in found}

    def _verdict_on(self, since: dict[tuple[int, str], float]) -> _Verdict | None:
        """Return with what to end a run whose processes died, were stopped, or do nothing any more."""
        # Between two networks Lava waits for its processes one after the other: ended ones are soon gone then.
        dead = [pid for (pid, state), at in since.items() if state == "dead" and self.seconds - at > _GRACE]
        if dead:
            return _Verdict(ExitCode.CHILD_DIED, _died(dead))
        stopped = [
            pid for (pid, state), at in since.items() if state == "stopped" and self.seconds - at > _STOPPED_LIMIT
        ]
        done, total = self.files.read_clock()
        if stopped:
            listed = ", ".join(f"process id {pid}" for pid in stopped)
            message = f"a process of the run was stopped by a signal ({listed}): {done} of {total or '?'} steps done"
            return _Verdict(ExitCode.TIMEOUT, Failure("stalled", message))
        at_work = 0 < done < total
        limit = max(_LEAST_STALL, _STALL_FACTOR * self.longest) if at_work else _SILENT_LIMIT
        if self.seconds - self.moved > limit:
            message = f"no step was done for {limit:.0f} s: {done} of {total or '?'} steps done"
            return _Verdict(ExitCode.TIMEOUT, Failure("stalled", message))
        return None

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
