"""How processes end together (Linux): the kernel sends a signal when a parent dies."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(number: signal.Signals, parent: int | None) -> None:
    """Ask the kernel to send signal ``number`` to this process when its parent thread ends.

    ``parent`` is the process id that the parent should have; None takes whichever it is now.  The parent may have died
    before the request was made: the signal is then sent at once.
    """
    if not sys.platform.startswith("linux"):
        raise OSError("the Xylo backend needs Linux: its clean-up relies on prctl(2)")
    expected = os.getppid() if parent is None else parent
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    if os.getppid() != expected:
        os.kill(os.getpid(), number)
