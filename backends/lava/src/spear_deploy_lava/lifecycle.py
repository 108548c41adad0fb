"""How processes live and die together (Linux only).

Lava starts one operating-system process for each of its processes and leaves them, and their shared
memory, behind when it is interrupted.  Two features of the kernel prevent that: a process can ask
to receive a signal when its parent dies, and a process can adopt its orphaned descendants.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36

_SHARED_MEMORY = Path("/dev/shm")
_SEGMENT_PREFIX = "psm_"  # of multiprocessing.shared_memory


@dataclass(frozen=True)
class Child:
    """A child process, and its state as the kernel has it, one letter."""

    pid: int
    name: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether it is dead but was not waited for."""
        return self.state in "ZX"

    @property
    def stopped(self) -> bool:
        """Whether a signal stopped it."""
        return self.state == "T"


def die_with_parent(number: signal.Signals, parent: int | None) -> None:
    """Ask the kernel to send signal ``number`` to this process when its parent thread ends.

    ``parent`` is the process id that the parent should have; None takes whichever it is now.  The
    parent may have died before the request was made: the signal is then sent at once.
    """
    expected = os.getppid() if parent is None else parent
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != expected:
        os.kill(os.getpid(), number)


def children_die_with_this_process() -> None:
    """Let every process forked from now on be killed when the forking thread ends."""
    this = os.getpid()
    os.register_at_fork(after_in_child=lambda: die_with_parent(signal.SIGKILL, this))


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that they can be waited for."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children_of(pid: int) -> list[Child]:
    """Return the child processes of ``pid``, dead but unreaped ones included."""
    children = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                stat = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # ended meanwhile
            # "pid (name) state parent ...": the name may itself contain brackets and blanks.
            head, _, rest = stat.rpartition(")")
            state, parent = rest.split(maxsplit=2)[:2]
            if int(parent) == pid:
                children.append(Child(int(entry.name), head.partition("(")[2], state))
    return children


def shared_memory_of(pid: int) -> set[Path]:
    """Return the files of the shared-memory segments that process ``pid`` has mapped."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    prefix = str(_SHARED_MEMORY / _SEGMENT_PREFIX)
    fields = (line.split(maxsplit=5) for line in lines)
    return {Path(path) for *_, path in fields if path.startswith(prefix) and not path.endswith(" (deleted)")}


def _prctl(option: int, argument: int) -> None:
    if not sys.platform.startswith("linux"):
        raise OSError("the Lava backend needs Linux: its clean-up relies on prctl(2) and /proc")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
