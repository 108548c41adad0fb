"""Independent pieces of work, several at a time, each in a process of its own.

What a piece returns does not depend on how many run beside it: each has a fresh process, nothing is shared, and results
are given back in the order that was asked for.  A process that is killed loses one piece and no other; when this
process ends, however it ends, so do the others.

The processes are those of loky, which joblib carries: started anew rather than forked, without running the caller's
script again, and given functions by value.  Pieces may run elsewhere too, on a :class:`Crew` of another kind.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, connection
from typing import Any, Protocol, TypeVar

from spear_deploy.heap import keep_freed_memory

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


class Piece(Protocol):
    """A piece of work that was begun."""

    def messages(self) -> list[Any]:
        """Return what it has told since the last call."""

    def ended(self) -> bool:
        """Say whether there is a result, or will never be one."""

    def result(self) -> Any:
        """Return the result of a piece that has ended, or :class:`Lost`; raise what it raised."""


class Crew(Protocol):
    """Whatever carries out pieces of work, ``room`` of them at a time at most."""

    @property
    def room(self) -> int:
        """How many pieces may be begun and not ended."""

    def begin(self, name: str, item: Any) -> Any:
        """Begin a piece, once; return it."""

    def listen(self, running: Collection[Any]) -> None:
        """Wait a moment, or until one of these pieces has told something."""

    def end(self, running: Collection[Any]) -> None:
        """End these pieces, and wait until each has cleaned up, or will."""


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

    ``heard``, ``done`` and ``again`` are called as by :func:`carry_out`.  One piece, or one job, runs in this process.

    A process that is killed, or out of memory, has its piece begun once more, then it is :class:`Lost` and the others
    go on.  Any other exception of a piece ends all, and is raised here; so is whatever interrupts this process.
    """
    if min(jobs, len(items)) < 2:
        return {name: _here(work, name, item, heard, done) for name, item in items.items()}
    return carry_out(Processes(work, jobs), items, heard=heard, done=done, again=again)


def carry_out(
    crew: Crew,
    items: Mapping[str, Any],
    *,
    heard: Callable[[str, Any], None] = lambda name, message: None,
    done: Callable[[str, Any], None] = lambda name, result: None,
    again: Callable[[str, Lost], None] = lambda name, how: None,
) -> dict[str, Any]:
    """Return the results of all items by name, or :class:`Lost`, in the order of the items.

    ``heard`` is called here with the name and each message that a piece tells, ``done`` with the name and the result,
    as they come, ``again`` before a piece that was lost is begun once more.  An exception of a piece ends all.
    """
    waiting, begun = deque(items), Counter[str]()
    running: dict[str, Any] = {}
    results: dict[str, Any] = {}
    try:
        while waiting or running:
            while waiting and len(running) < crew.room:
                name = waiting.popleft()
                begun[name] += 1
                running[name] = crew.begin(name, items[name])
            crew.listen(running.values())
            for name, piece in list(running.items()):
                ended = piece.ended()  # asked first: what it told before its end is heard before its result
                for message in piece.messages():
                    heard(name, message)
                if not ended:
                    continue
                del running[name]
                result = piece.result()
                if isinstance(result, Lost) and begun[name] < _ATTEMPTS:
                    waiting.appendleft(name)
                    again(name, result)
                    continue
                results[name] = result
                done(name, result)
    finally:
        crew.end(running.values())
    return {name: results[name] for name in items}


def run_apart(
    work: Work[Item, Result], item: Item, *, heard: Callable[[Any], None], wanted: Callable[[], bool]
) -> Result | Lost:
    """Return what ``work(item, tell)`` returns in a process of its own, or how that was lost.

    Once the result is not ``wanted`` any more the process is ended, which is such a way.
    """
    crew = Processes(work, 1)
    piece = crew.begin("", item)
    try:
        while not (ended := piece.ended()) and wanted():
            crew.listen([piece])
            for message in piece.messages():
                heard(message)
        for message in piece.messages():
            heard(message)
        return piece.result() if ended else Lost("being called off")
    finally:
        crew.end([piece])


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


class Processes:
    """Processes of this machine, one a piece, ``room`` of them at a time: a :class:`Crew`."""

    def __init__(self, work: Work[Any, Any], room: int) -> None:
        self.room = room
        self._work = work

    def begin(self, name: str, item: Any) -> _Process:
        """Begin a piece in a process of its own."""
        return _Process(self._work, item)

    def listen(self, running: Collection[_Process]) -> None:
        """Wait a moment, or until one of these pieces has told something."""
        speaking = [process.pipe for process in running if not process.pipe.closed]
        if not connection.wait(speaking, _TICK) and not speaking:
            time.sleep(_TICK)

    def end(self, running: Collection[_Process]) -> None:
        """End what still runs: told to, and killed where it does not in time."""
        for process in running:
            process.pipe.close()
        wait([process.future for process in running], _GRACE)
        for process in running:
            process.close(kill=True)


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

    def ended(self) -> bool:
        """Say whether the process has returned, or is gone."""
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
    keep_freed_memory()
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
