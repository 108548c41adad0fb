"""The HDF5 layout of lava-dl's ``.net`` files: reading an untrusted file, and writing one atomically.

Layout (lava-dl 0.6.0)::

    /layer/0, /layer/1, ...          in the order of execution
    /layer/<i>/type                  "conv", "dense", ...
    /layer/<i>/<field>               one data set a field
    /layer/<i>/neuron/<field>        the same for its neurons

A file is read in a process of its own and within bounds (:mod:`spear_deploy.untrusted.hdf5`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.storage import atomic_hdf5, is_file
from spear_deploy.untrusted import UnreadableError, hdf5
from spear_deploy.untrusted.hdf5 import Group, Value

_MAX_LAYERS = 1000
_FIX = "write it with export_hdf5 of lava-dl 0.6"


@dataclass(frozen=True, eq=False)
class NetLayer:
    """A layer as stored: ``type`` is lava-dl's name, ``values`` its data sets by path, as in ``neuron/vDecay``."""

    type: str
    values: Mapping[str, Any]


def read(path: Path) -> tuple[NetLayer, ...]:
    """Read the layers.

    Raises :class:`InputError`: E001 if there is no such file, E013 if it is no ``.net`` file or is truncated.
    """
    if not is_file(path):
        raise InputError.of("E001", path, "no such file", "check the path")
    try:
        return tuple(_layers(hdf5.read(path)))
    except OSError as error:
        raise InputError.of("E001", path, f"cannot be read: {error.strerror}", "check its permissions") from error
    except UnreadableError as error:
        raise InputError.of("E013", path, str(error), f"check the file; {_FIX}") from error


def write(path: Path, layers: Iterable[NetLayer]) -> None:
    """Write the layers so that netx reads them; equal layers give equal bytes."""
    with atomic_hdf5(path) as file:
        for index, layer in enumerate(layers):
            file[f"layer/{index}/type"] = _stored_text(layer.type)
            for name, value in layer.values.items():
                file[f"layer/{index}/{name}"] = _stored_text(value) if isinstance(value, str) else value


def _layers(root: Group) -> Iterator[NetLayer]:
    stored = root.members.get("layer")
    if not isinstance(stored, Group):
        raise UnreadableError("it is HDF5, but has no layers in /layer")
    names = [str(index) for index in range(len(stored.members))]
    if set(stored.members) != set(names) or not 0 < len(names) <= _MAX_LAYERS:
        raise UnreadableError(f"its layers are not numbered 0, 1, 2, ... (1 to {_MAX_LAYERS} of them)")
    for name in names:
        values = dict(_values(stored.members[name]))
        kind = values.pop("type", None)
        if not isinstance(kind, str):
            raise UnreadableError(f"layer {name} has no type")
        yield NetLayer(kind, values)


def _values(item: Group | Value, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield the data sets of a layer and of the groups within it by path."""
    if not isinstance(item, Group):
        yield prefix, _plain(item)
        return
    for name, member in item.members.items():
        yield from _values(member, f"{prefix}/{name}" if prefix else name)


def _plain(value: Value) -> Value:
    """Return a text, which lava-dl stores as an array of one."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        return str(value.item())
    return value


def _stored_text(text: str) -> NDArray[np.bytes_]:
    """Return text as lava-dl stores it."""
    return np.array([text], "S10")
