"""The child process of :mod:`spear_deploy.untrusted.hdf5`: reads an HDF5 file within limits.

It writes one line of JSON, then the bytes of all arrays in the order in which the JSON names them::

    group   {"attrs": {name: value}, "members": {name: group or value}}
    value   {"dtype": "<f4", "shape": [3, 4]}    its bytes follow
            {"texts": ["a", "b"], "shape": [2]}
            "text"    or null

or, where the command line names data sets, a value for each by its path, and lists of numbers among them::

    value   {"dtype": "<f2", "lengths": [5, 3]}  the bytes of all lists follow

If it refuses the file, it writes the reason to stderr and exits with status 3.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

_MAX_DEPTH = 100
_SMALL = 4096
_TEXT_COST = 64
"""Bytes that a text counts for: what a Python object takes."""


def main() -> None:
    """Read the file that the command line names, under the limits that it gives."""
    content, memory, seconds, path = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    names = sys.argv[5:]
    _limit(memory, seconds)
    try:
        _send(path, content, names)
    except _RefusedError as error:
        _fail(str(error))
    except MemoryError:
        _fail(f"it is damaged: reading it takes more than {memory >> 20} MiB of memory")
    except Exception as error:  # HDF5 reports damage in many ways, and to the caller they are one
        _fail(f"it is damaged or truncated ({error})" if h5py.is_hdf5(path) else "it is not an HDF5 file")
    os._exit(0)  # tearing down takes longer than reading


def _limit(memory: int, seconds: float) -> None:
    """Bound this process: the kernel ends it at the limits of time, and refuses memory beyond the present and that."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = Path("/proc/self/statm")
    if pages.exists():  # Linux
        bound = int(pages.read_text().split()[0]) * resource.getpagesize() + memory
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        bound = bound if most == resource.RLIM_INFINITY else min(bound, most)
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 20 + 10 * seconds)  # in case that it sleeps


def _send(path: str, content: int, names: list[str]) -> None:
    with h5py.File(path, "r") as file:
        walk = _Walk(content)
        told = {name: walk.column(file, name) for name in names} if names else walk.group(file, 0)
        sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
        for item in walk.arrays:
            array = np.ascontiguousarray(item[()])
            if array.nbytes:
                sys.stdout.buffer.write(array.reshape(-1).view(np.uint8).data)
        sys.stdout.buffer.flush()


def _fail(reason: str) -> None:
    sys.stderr.write(reason[:2000])
    sys.stderr.flush()
    os._exit(3)


class _RefusedError(Exception):
    """The file holds something that is not read."""


@dataclass
class _Walk:
    """Describes groups; gathers the arrays to send, and counts their bytes before any is read."""

    left: int
    arrays: list[Any] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def group(self, group: h5py.Group, depth: int) -> dict[str, Any]:
        if depth > _MAX_DEPTH:
            raise _RefusedError("its groups are nested too deeply")
        address = h5py.h5o.get_info(group.id).addr
        if address in self.seen:
            raise _RefusedError(f"group {group.name} is linked twice")
        self.seen.add(address)
        attrs = {name: self._attribute(group, name) for name in _names(group, group.attrs)} if _has_attrs(group) else {}
        return {"attrs": attrs, "members": {name: self._member(group, name, depth) for name in _names(group, group)}}

    def column(self, file: h5py.File, path: str) -> Any:
        """Describe the data set of a path; None where there is none."""
        item: Any = file
        for name in path.split("/"):
            if not isinstance(item, h5py.Group) or name not in item:
                return None
            where, item = _linked(item, name)
        if isinstance(item, h5py.Group):
            return None
        _refuse_elsewhere(where, item)
        numbers = h5py.check_vlen_dtype(item.dtype)
        return self._value(where, item) if numbers is None else self._lists(where, item, numbers)

    def _member(self, group: h5py.Group, name: str, depth: int) -> Any:
        where, item = _linked(group, name)
        if isinstance(item, h5py.Group):
            return self.group(item, depth + 1)
        _refuse_elsewhere(where, item)
        return self._value(where, item)

    def _lists(self, where: str, item: Any, dtype: np.dtype[Any]) -> Any:
        """Read lists one by one: what one of them takes is known when it is read."""
        if dtype.kind not in "biuf" or len(item.shape) != 1:
            raise _RefusedError(f"{where} holds {dtype} in {len(item.shape)} axes instead of lists of numbers")
        self._claim(where, len(item) * _TEXT_COST)
        lists = []
        for index in range(len(item)):
            lists.append(np.asarray(item[index], dtype))
            self._claim(where, lists[-1].nbytes)
        self.arrays.append(np.concatenate([np.zeros(0, dtype), *lists]))
        return {"dtype": dtype.str, "lengths": [len(each) for each in lists]}

    def _attribute(self, group: h5py.Group, name: str) -> Any:
        attribute = group.attrs.get_id(name)
        where = f"attribute {name} of {group.name}"
        return self._value(where, _Attribute(attribute.shape, attribute.dtype, group, name))

    def _value(self, where: str, item: Any) -> Any:
        if item.shape is None:
            return None
        is_text = h5py.check_string_dtype(item.dtype) is not None
        size = prod(item.shape) * (item.dtype.itemsize + _TEXT_COST * is_text)
        self._claim(where, size)
        if is_text:
            return _text(item)
        if item.dtype.kind not in "biuf":
            raise _RefusedError(f"{where} holds {item.dtype} instead of numbers or text")
        # Small ones are read now: HDF5 slows down with the number of open data sets.
        self.arrays.append(item if size > _SMALL else np.asarray(item[()]))
        return {"dtype": item.dtype.str, "shape": item.shape}

    def _claim(self, where: str, size: int) -> None:
        if size > self.left:
            raise _RefusedError(f"{where} claims to hold {size} bytes; {self.left} are allowed")
        self.left -= size


def _linked(group: h5py.Group, name: str) -> tuple[str, Any]:
    """Return the path of a member, and the member."""
    where = f"{group.name.rstrip('/')}/{name}"
    if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise _RefusedError(f"{where} is a link to another place or file")
    return where, group[name]


def _refuse_elsewhere(where: str, item: Any) -> None:
    if not isinstance(item, h5py.Dataset):
        raise _RefusedError(f"{where} is neither a group nor a data set")
    if item.is_virtual or item.external:
        raise _RefusedError(f"{where} refers to another file")


@dataclass(frozen=True)
class _Attribute:
    """An attribute, read as a data set is."""

    shape: tuple[int, ...]
    dtype: Any
    group: h5py.Group
    name: str

    def __getitem__(self, key: tuple[()]) -> Any:
        return self.group.attrs[self.name]


def _names(group: h5py.Group, named: Iterable[str | bytes]) -> list[str]:
    """Return names in order; h5py gives those as bytes that are not UTF-8."""
    names = list(named)
    for name in names:
        if isinstance(name, bytes):
            raise _RefusedError(f"group {group.name} holds a name that is not UTF-8: {name!a}")
    return sorted(str(name) for name in names)


def _has_attrs(group: h5py.Group) -> bool:
    return bool(h5py.h5a.get_num_attrs(group.id))


def _text(item: Any) -> Any:
    if not item.shape:
        return _decode(item[()])
    return {"texts": [_decode(text) for text in np.asarray(item[()]).reshape(-1)], "shape": item.shape}


def _decode(text: Any) -> str:
    raw: bytes = text if isinstance(text, bytes) else str(text).encode(errors="surrogateescape")
    return raw.decode()
