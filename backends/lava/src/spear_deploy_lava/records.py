"""Arrays in memory that this process and the processes it forks share."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt


def shared_array(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a zeroed array that processes forked from now on write for this one to read.

    It is backed by a file that has no name, so that nothing is left of it however the processes end,
    and whose space is reserved, so that a full disk is an :class:`OSError` here and not a fault later.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))
        buffer = mmap.mmap(file.fileno(), max(size, 1))
    return np.frombuffer(buffer, dtype=dtype, count=math.prod(shape)).reshape(shape)
