"""Independent pieces of work, several at a time, each in a process of its own.

What a piece returns does not depend on how many run beside it: each has a fresh process, nothing is shared, and results
are given back in the order that was asked for.  A process that is killed loses one piece and no other; when this
process ends, however it ends, so do the others.

The processes are those of loky, which joblib carries: started anew rather than forked, without running the caller's
script again, and given functions by value.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, connection
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Tell = Callable[[Any], None]
"""What a piece of work calls with anything that can be pickled, for the process that waits for it."""
Work = Callable[[Item, Tell], Result]

_TICK = 0.1
"""Most seconds between two looks at the processes."""
_GRACE = 30.0
"""Seconds that a process is given to clean up after it was told to end: more than a backend is given by it."""
_AGAIN = 0.5
"""Seconds after which a process interrupts itself again: a signal just before a system call does not wake it."""
_ATTEMPTS = 2
"""How often a piece is begun whose process ends before it returns."""


@dataclass(frozen=True)
class Lost:
    """What is left of a piece of work whose process ended twice before it returned; ``how`` it did the last time."""

    how: str


def run_all(
    work: Work[Item, Result],
    items: Mapping[str, Item],
    jobs: int,
    *,
    heard: Callable[[str, Any], None] = lambda name, message: None,
    done: Callable[[str, Any], None] = lambda name, result: None,
    again: Callable[[str, Lost], None] = lambda name, how: None,
) -> dict[str, Result | Lost]:
    """Return what ``work(item, tell)`` returns for each item, by the items' names, ``jobs`` of them at a time.

    ``heard`` is called here with the name and each message that a piece tells, ``done`` with the name and the result,
    as they come.  One piece, or one job, runs in this process.

    A process that is killed, or out of memory, has its piece begun once more (``again`` is called), then it is
    :class:`Lost` and the others go on.  Any other exception of a piece ends all, and is raised here; so is whatever
    interrupts this process.
    """
    if min(jobs, len(items)) < 2:
        return {name: _here(work, name, item, heard, done) for name, item in items.items()}
    crew = _Crew(work, items, heard)
    try:
        return crew.run(jobs, done, again)
    finally:
        crew.end()


def _here(
    work: Work[Item, Result],
    name: str,
    item: Item,
    heard: Callable[[str, Any], None],
    done: Callable[[str, Any], None],
) -> Result:
    result = work(item, lambda message: heard(name, message))
    done(name, result)
    return result


class _Crew(Generic[Item, Result]):
    """The processes at work, by the names of their pieces."""

    def __init__(self, work: Work[Item, Result], items: Mapping[str, Item], heard: Callable[[str, Any], None]) -> None:
        self._work, self._items, self._heard = work, items, heard
        self._running: dict[str, _Process] = {}

    def run(
        self, jobs: int, done: Callable[[str, Any], None], again: Callable[[str, Lost], None]
    ) -> dict[str, Result | Lost]:
        """Carry out all pieces; return the results in the order of the items."""
        waiting, begun = deque(self._items), Counter[str]()
        results: dict[str, Result | Lost] = {}
        while waiting or self._running:
            while waiting and len(self._running) < jobs:
                name = waiting.popleft()
                begun[name] += 1
                self._running[name] = _Process(self._work, self._items[name])
            self._listen()
            for name in [name for name, process in self._running.items() if process.future.done()]:
                result = self._result(name)
                if isinstance(result, Lost) and begun[name] < _ATTEMPTS:
                    waiting.appendleft(name)
                    again(name, result)
                    continue
                results[name] = result
                done(name, result)
        return {name: results[name] for name in self._items}

    def _listen(self) -> None:
        """Wait a moment for messages, and pass on those that there are."""
        speaking = [process.pipe for process in self._running.values() if not process.pipe.closed]
        if not connection.wait(speaking, _TICK) and not speaking:
            time.sleep(_TICK)
        for name, process in self._running.items():
            for message in process.messages():
                self._heard(name, message)

    def _result(self, name: str) -> Result | Lost:
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        process = self._running[name]
        for message in process.messages():
            self._heard(name, message)
        try:
            result: Result = process.future.result()
        except TerminatedWorkerError as error:
            return Lost(_how(error))
        except MemoryError:
            return Lost("out of memory")
        finally:
            process.close()
            del self._running[name]
        return result

    def end(self) -> None:
        """End what still runs: told to, and killed where it does not in time."""
        for process in self._running.values():
            process.pipe.close()
        wait([process.future for process in self._running.values()], _GRACE)
        for process in self._running.values():
            process.close(kill=True)
        self._running.clear()


def _how(error: Exception) -> str:
    """Return how a process ended, such as SIGKILL(-9), from what loky says of it."""
    found = re.search(r"\{(.*?)\}", str(error))
    return found[1] if found else "it ended"


class _Process:
    """A process with one piece of work, and its ``future``.

    By the ``pipe`` it tells messages, and learns from its end that it shall end: closed, or because this process did.
    """

    def __init__(self, work: Work[Any, Any], item: Any) -> None:
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        self.pipe, theirs = Pipe()
        self._executor = ProcessPoolExecutor(1, initializer=_begin, initargs=(theirs,))
        try:
            self.future = self._executor.submit(_carry_out, work, item)
        finally:
            theirs.close()  # the process has its own, so that its death is the end of the messages

    def messages(self) -> list[Any]:
        """Return what was told since."""
        found: list[Any] = []
        try:
            while not self.pipe.closed and self.pipe.poll():
                found.append(self.pipe.recv())
        except (EOFError, OSError):
            self.pipe.close()
        return found

    def close(self, *, kill: bool = False) -> None:
        """Wait for the process to end, or kill it."""
        self._executor.shutdown(wait=True, kill_workers=kill)
        self.pipe.close()


# What follows runs in the processes.

_pipe: list[connection.Connection] = []
"""This process's end, once it has begun."""
_telling = threading.Lock()
_at_work: list[bool] = []
"""Not empty while the piece is carried out."""
_interrupted: list[int] = []


def _begin(pipe: connection.Connection) -> None:
    """Hear no Ctrl-C of the terminal, which is for the parent, and clean up where this process is told to end."""
    os.setsid()
    signal.signal(signal.SIGTERM, _interrupt)
    _pipe.append(pipe)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Interrupt the main thread when the parent has closed its end of the pipe, or has ended."""
    try:
        _pipe[0].recv_bytes()
    except (EOFError, OSError):
        while True:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(_AGAIN)


def _interrupt(number: int, _: object) -> None:
    if not _at_work:  # there is nothing to clean up
        os._exit(128 + number)
    if not _interrupted:  # a second one must not cut short what the first began to clean up
        _interrupted.append(number)
        raise KeyboardInterrupt


def _tell(message: Any) -> None:
    with _telling, suppress(OSError):  # of a parent that hears no more: it ends this process
        _pipe[0].send(message)


def _carry_out(work: Work[Item, Result], item: Item) -> Result:
    try:
        _at_work.append(True)
        return work(item, _tell)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGTERM)  # rather than wait for more work of a parent that may be gone
    finally:
        _at_work.clear()
