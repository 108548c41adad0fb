"""Temporary folders: removed when their user is done, or by the next run if their user was killed.

Whoever has one holds a lock on a file in it, which the kernel releases when the process ends, however it ends.
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
"""A socket's path may have 107 characters, of which what backends put into such a folder takes 45."""
_MAKING = 60.0
"""Seconds after which a folder that nobody holds is no longer one that is being made."""


class Scratch:
    """A new temporary folder at :attr:`path`, removed by :meth:`close` or when nobody has it any more.

    Those that killed processes have left are removed first.  Raises :class:`~spear_deploy.errors.InputError` (E009) if
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
    """Return where temporary folders go: the usual place, or /tmp where that has too long a name."""
    usual = tempfile.gettempdir()
    return Path("/tmp" if len(usual) > _LONGEST and os.access("/tmp", os.W_OK) else usual)


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _sweep(place: Path) -> None:
    """Remove the folders whose lock nobody holds."""
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
