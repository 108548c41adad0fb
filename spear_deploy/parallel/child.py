"""The child process of a piece of work: it cleans up when asked to end, and ends with its parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from typing import Any, TypeVar

from spear_deploy.heap import keep_freed_memory
from spear_deploy.parallel.crew import Tell

Item = TypeVar("Item")
Result = TypeVar("Result")

_AGAIN = 0.5
"""Seconds after which a process interrupts itself again: a signal just before a system call is missed."""

_pipe: list[connection.Connection] = []
"""The end of this process, once requested."""
_telling = threading.Lock()
_at_work: list[bool] = []
"""Not empty while the piece is running."""
_interrupted: list[int] = []


def start(pipe: connection.Connection) -> None:
    """Ignore Ctrl-C, which is for the parent, and clean up when asked to end."""
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
    if not _interrupted:  # a second signal must not interrupt the cleaning up
        _interrupted.append(number)
        raise KeyboardInterrupt


def _tell(message: Any) -> None:
    with _telling, suppress(OSError):  # of a parent that hears no more: it ends this process
        _pipe[0].send(message)


def run_piece(work: Callable[[Item, Tell], Result], item: Item) -> Result:
    """Return what ``work(item, tell)`` returns."""
    try:
        _at_work.append(True)
        return work(item, _tell)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGTERM)  # rather than wait for more work of a parent that may be gone
    finally:
        _at_work.clear()
