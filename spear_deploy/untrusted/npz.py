"""Read an .npz without unpickling anything, after checking what its members claim to hold."""

from __future__ import annotations

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from spear_deploy.untrusted import UnreadableError

_DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, SyntaxError, RuntimeError, MemoryError, zlib.error)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SUFFIX = ".npy"


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays by name: numbers only, together at most 128 MiB and 128 times the file's size.

    Spikes compress well: an array with a spike in a thousand values takes a hundredth of its size.
    Raises :class:`UnreadableError` naming every bad member; :class:`OSError` if there is no such file.
    """
    left = 128 * ((1 << 20) + path.stat().st_size)
    arrays: dict[str, NDArray[Any]] = {}
    reasons: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(_SUFFIX)
                try:
                    arrays[name] = _array(archive, info, left)
                    left -= arrays[name].nbytes
                except _DAMAGE as error:
                    reasons.append(f"{name}: {error}")
    except (*_DAMAGE, zipfile.BadZipFile) as error:
        reasons.append(f"it is no .npz file, or damaged ({error})")
    if reasons:
        raise UnreadableError("; ".join(reasons))
    return arrays


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> NDArray[Any]:
    if info.compress_type not in _METHODS or not info.filename.endswith(_SUFFIX):
        raise ValueError("is no array that numpy.savez wrote")
    with archive.open(info) as stream:
        version = npy.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError("holds named fields instead of numbers")
        shape, is_fortran, dtype = _HEADERS[version](stream)
        if dtype.kind not in "biuf":
            raise ValueError(f"holds {'pickled objects' if dtype.hasobject else dtype} instead of numbers")
        size = prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size > limit:
            raise ValueError(f"claims to hold {size} bytes, {limit} of which are believed")
        data = bytearray(size)
        held: int = stream.readinto(data)  # type: ignore[attr-defined]
    if held < size:
        raise ValueError(f"holds {held} bytes instead of {size}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
