"""Temporary folders, removed by their process when it is done, or by the next run if it was killed.

The process holds a lock on a file in the folder, which the kernel releases when it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spear_deploy.storage import writing

_PREFIX, _LOCK = "spear-deploy-", ".in-use"
_LONGEST = 60
"""Longest path of the folder: a socket's path may have 107 characters, 45 of which are its name in the folder."""
_MAKING = 60.0
"""Age in seconds above which an unlocked folder is abandoned, and not just being made."""


class Scratch:
    """A new temporary folder at :attr:`path`, removed by :meth:`close` or when it is garbage-collected.

    Folders left by killed processes are removed first.  Raises :class:`~spear_deploy.errors.InputError` (E009) if
    it cannot be made.
    """

    def __init__(self) -> None:
        place = _place()
        with writing(place):
            _sweep(place)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        self.path = folder
        self.close = weakref.finalize(self, _remove, folder, lock)


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary folder while the block runs; raises as :class:`Scratch`."""
    made = Scratch()
    try:
        yield made.path
    finally:
        made.close()


def _place() -> Path:
    """Return the parent of temporary folders: the usual place, or /tmp if its path is too long."""
    usual = tempfile.gettempdir()
    return Path("/tmp" if len(usual) > _LONGEST and os.access("/tmp", os.W_OK) else usual)


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _sweep(place: Path) -> None:
    """Remove the folders that no process locks."""
    for lock in place.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            if lock.is_symlink() or time.time() - lock.stat().st_mtime < _MAKING:
                continue
            held = os.open(lock, os.O_RDWR)
        except OSError:  # another user's, or gone meanwhile
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(held)
