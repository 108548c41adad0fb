"""Runs a worker under guard: within a time limit, and noticing when it crashes.

Only the standard library is used here: this process must not crash with xylosim.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from typing import IO

from spear_deploy_xylo.errors import ExitCode

_HEARTBEAT = 2.0
"""Seconds after which progress is told again, so that who listens knows that this process lives."""
_LOG_TAIL = 4000
"""Characters of the worker's standard error that a failure quotes."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """One run of a ``program``: paths of it, of its input and of its output; ``states`` are wanted beside spikes."""

    program: str
    input: str
    output: str
    states: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a run failed: ``kind`` is input, exception, killed or timeout."""

    kind: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; ``failure`` is None if it succeeded or was interrupted by a signal."""

    code: int
    seconds: float
    failure: Failure | None = None


class _InterruptedError(Exception):
    """A signal that should end the run came."""


def supervise(job: Job, timeout: float | None, progress: Progress) -> Outcome:
    """Run ``job``; return after its process has ended.

    ``progress`` is called with the samples done and to do.  ``timeout`` is in seconds.  SIGINT, SIGTERM and SIGHUP end
    the run: the code is then 128 + the signal's number.  To be called in the main thread.
    """
    started = time.monotonic()
    with TemporaryFile() as log:
        worker = _start(job, log)
        try:
            with _interruptible():
                code, failure = _watch(worker, None if timeout is None else started + timeout, progress, log)
        except _InterruptedError as interruption:
            code, failure = 128 + int(interruption.args[0]), None
        finally:
            worker.kill()
            worker.wait()
    if code == ExitCode.TIMEOUT:
        failure = Failure("timeout", f"not finished after {timeout:g} s")
    return Outcome(code, time.monotonic() - started, failure)


def _start(job: Job, log: IO[bytes]) -> subprocess.Popen[bytes]:
    isolation = ["-I"] if sys.flags.isolated else []
    order = json.dumps({"job": asdict(job), "supervisor": os.getpid()})
    return subprocess.Popen(
        [sys.executable, *isolation, "-m", "spear_deploy_xylo.worker", order],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,  # a Ctrl-C of the terminal reaches the supervisor alone
    )


def _watch(
    worker: subprocess.Popen[bytes], deadline: float | None, progress: Progress, log: IO[bytes]
) -> tuple[int, Failure | None]:
    """Return the code and failure that a worker ends with, or is to be ended with."""
    assert worker.stdout is not None
    pipe, begun, done, failure = worker.stdout.fileno(), b"", (0, 0), None
    while True:
        left = _HEARTBEAT if deadline is None else min(_HEARTBEAT, deadline - time.monotonic())
        if left <= 0:
            return ExitCode.TIMEOUT, None
        if not select.select([pipe], [], [], left)[0]:
            progress(*done)
            continue
        block = os.read(pipe, 1 << 16)
        if not block:
            return _ended(worker, failure, log)
        *lines, begun = (begun + block).split(b"\n")
        for event in map(json.loads, lines):
            if event["event"] == "progress":
                done = event["done"], event["total"]
                progress(*done)
            else:
                failure = Failure(event["kind"], event["message"], event["traceback"])


def _ended(worker: subprocess.Popen[bytes], failure: Failure | None, log: IO[bytes]) -> tuple[int, Failure | None]:
    status = worker.wait()
    if status == 0 or (failure is not None and status > 0):
        return status, failure
    log.seek(0)
    reason = f"signal {-status}" if status < 0 else f"status {status}"
    tail = log.read().decode(errors="replace")[-_LOG_TAIL:]
    return ExitCode.KILLED, Failure("killed", f"the process that runs xylosim ended with {reason}", tail)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise :class:`_InterruptedError` for a signal that should end the run."""

    def interrupt(number: int, _: object) -> None:
        raise _InterruptedError(number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = [signal.signal(number, interrupt) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)
