"""Readers of single event files: the 5-byte events of N-MNIST, and AEDAT4 through faery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.folders import UnreadableFileError

Array = NDArray[Any]

_BYTES = 5
_OVERFLOW_Y, _OVERFLOW_US = 240, 1 << 13
_LEAST = 1 << 20
"""Events allowed in any AEDAT4 file, plus one per byte: its packets are compressed."""


@dataclass(frozen=True, eq=False)
class Events:
    """Events in order: times (microseconds), columns, rows and polarities (N,); width and height, where known."""

    t: Array
    x: Array
    y: Array
    p: Array
    size: tuple[int, int] | None = None


def _read_bin(file: Path) -> Events:
    """Read N-MNIST's events, of five bytes each; row 240 stands for 8.192 ms of the clock.

    Source: Orchard et al. 2015, and the reader of tonic (``tonic.io.read_mnist_file``).
    """
    data = np.fromfile(file, np.uint8)
    if len(data) % _BYTES:
        raise UnreadableFileError(f"{len(data)} bytes are not events of 5")
    x, y, high, middle, low = data.reshape(-1, _BYTES).T
    is_overflow = y == _OVERFLOW_Y
    t = (high.astype(np.int64) & 127) << 16 | middle.astype(np.int64) << 8 | low
    t += np.cumsum(is_overflow, dtype=np.int64) * _OVERFLOW_US
    kept = ~is_overflow
    return Events(t[kept], x[kept], y[kept], high[kept] >> 7)


def _read_aedat4(file: Path) -> Events:
    """Read the first event stream of an AEDAT4 file by faery.  Raises :class:`ModuleNotFoundError` without it."""
    import faery

    most = _LEAST + file.stat().st_size
    packets: list[Array] = []
    try:
        stream = faery.events_stream_from_file(file, file_type="aedat")
        width, height = stream.dimensions()
        for packet in stream:
            packets.append(packet)
            most -= len(packet)
            if most < 0:
                raise UnreadableFileError("its packets claim more events than a file of its size can hold")
    except (KeyboardInterrupt, SystemExit, MemoryError, UnreadableFileError):
        raise
    except BaseException as error:  # a panic of its Rust code is not an Exception
        raise UnreadableFileError(f"is not an AEDAT4 file with events, or damaged: {error}") from error
    events = np.concatenate(packets) if packets else np.zeros(0, faery.EVENTS_DTYPE)
    if len(events) and int(events["t"].max()) >= 1 << 62:
        raise UnreadableFileError("times are beyond 2**62 microseconds")
    return Events(events["t"].astype(np.int64), events["x"], events["y"], events["p"], (int(width), int(height)))


READERS: Mapping[str, Callable[[Path], Events]] = {".bin": _read_bin, ".aedat4": _read_aedat4}
"""Readers of files by suffix; they raise :class:`UnreadableFileError`."""
