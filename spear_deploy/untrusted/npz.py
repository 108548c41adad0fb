"""Read an .npz without unpickling anything, after checking what its members claim to hold."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from spear_deploy.untrusted import UnreadableError, believed

_DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, SyntaxError, RuntimeError, MemoryError, zlib.error)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SUFFIX = ".npy"
_BLOCK = 1 << 20


def read(path: Path, wanted: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return the arrays by name: numbers only, together at most 1 GiB and 128 times the file's size.

    With ``wanted`` names, nothing else is read.
    Raises :class:`UnreadableError` naming every bad member; :class:`OSError` if there is no such file.
    """
    left = believed(path.stat().st_size)
    arrays: dict[str, NDArray[Any]] = {}
    reasons: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(_SUFFIX)
                if wanted is not None and name not in wanted:
                    continue
                try:
                    arrays[name] = _array(archive, info, left)
                    left -= arrays[name].nbytes
                except _DAMAGE as error:
                    reasons.append(f"{name}: {error}")
    except (*_DAMAGE, zipfile.BadZipFile) as error:
        reasons.append(f"it is not a .npz file, or damaged ({error})")
    if reasons:
        raise UnreadableError("; ".join(reasons))
    return arrays


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays by name, as their headers claim them; nothing else is read.

    Raises :class:`UnreadableError` for what is no ``.npz``; :class:`OSError` if there is no such file.
    """
    path.stat()  # a missing file is not damage
    claimed: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                try:
                    with archive.open(info) as stream:
                        shape, _, _ = _HEADERS[npy.read_magic(stream)](stream)
                except _DAMAGE:  # told where the array is read
                    shape = ()
                claimed[info.filename.removesuffix(_SUFFIX)] = shape
    except (*_DAMAGE, zipfile.BadZipFile) as error:
        raise UnreadableError(f"it is not a .npz file, or damaged ({error})") from error
    return claimed


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> NDArray[Any]:
    if info.compress_type not in _METHODS or not info.filename.endswith(_SUFFIX):
        raise ValueError("is not an array that numpy.savez wrote")
    with archive.open(info) as stream:
        version = npy.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError("holds named fields instead of numbers")
        shape, is_fortran, dtype = _HEADERS[version](stream)
        if dtype.kind not in "biuf":
            raise ValueError(f"holds {'pickled objects' if dtype.hasobject else dtype} instead of numbers")
        size = prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size > limit:
            raise ValueError(f"claims to hold {size} bytes; {limit} are allowed")
        data, held = bytearray(size), 0
        with memoryview(data) as view:  # block by block: zipfile copies what is asked for
            while count := stream.readinto(view[held : held + _BLOCK]):  # type: ignore[attr-defined]
                held += count
    if held < size:
        raise ValueError(f"holds {held} bytes instead of {size}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
