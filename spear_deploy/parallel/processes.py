"""Local processes, one per piece of work: those of loky, which is part of joblib.

They are spawned rather than forked, without running the caller's script again, and functions are pickled by value.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from concurrent.futures import wait
from multiprocessing import Pipe, connection
from typing import Any

from spear_deploy.parallel.child import run_piece, start
from spear_deploy.parallel.crew import Lost, Tell

_TICK = 0.1
"""Longest interval between two checks of the processes, in seconds."""
_GRACE = 30.0
"""Seconds for a process to clean up after it was asked to end: more than it gives its own backend."""


class Processes:
    """Local processes, one per piece, at most ``room`` at a time: a :class:`Crew`."""

    def __init__(self, work: Callable[[Any, Tell], Any], room: int) -> None:
        self.room = room
        self._work = work

    def begin(self, name: str, item: Any) -> _Process:
        """Begin a piece in a process of its own."""
        return _Process(self._work, item)

    def listen(self, running: Collection[_Process]) -> None:
        """Wait a moment, or until one of these pieces has sent a message."""
        speaking = [process.pipe for process in running if not process.pipe.closed]
        if not connection.wait(speaking, _TICK) and not speaking:
            time.sleep(_TICK)

    def end(self, running: Collection[_Process]) -> None:
        """End running pieces: ask first, and kill those that do not end in time."""
        for process in running:
            process.pipe.close()
        wait([process.future for process in running], _GRACE)
        for process in running:
            process.close(kill=True)


def _how(error: Exception) -> str:
    """Return how a process ended, such as SIGKILL(-9), from loky's message."""
    found = re.search(r"\{(.*?)\}", str(error))
    return found[1] if found else "it ended"


class _Process:
    """A process with one piece of work, and its ``future``.

    It sends messages through the ``pipe``; when the other end closes, it ends.
    """

    def __init__(self, work: Callable[[Any, Tell], Any], item: Any) -> None:
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        self.pipe, theirs = Pipe()
        self._executor = ProcessPoolExecutor(1, initializer=start, initargs=(theirs,))
        try:
            self.future = self._executor.submit(run_piece, work, item)
        finally:
            theirs.close()  # the process has its own, so that its death is the end of the messages

    def messages(self) -> list[Any]:
        """Return the messages since the last call."""
        found: list[Any] = []
        try:
            while not self.pipe.closed and self.pipe.poll():
                found.append(self.pipe.recv())
        except (EOFError, OSError):
            self.pipe.close()
        return found

    def ended(self) -> bool:
        """Whether the process has returned, or is gone."""
        return bool(self.future.done())

    def result(self) -> Any:
        """Return what the process did, or how it ended; raise what it raised."""
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        try:
            return self.future.result()
        except TerminatedWorkerError as error:
            return Lost(_how(error))
        except MemoryError:
            return Lost("out of memory")
        finally:
            self.close()

    def close(self, *, kill: bool = False) -> None:
        """Wait for the process to end, or kill it."""
        self._executor.shutdown(wait=True, kill_workers=kill)
        self.pipe.close()
