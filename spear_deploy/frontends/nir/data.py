"""Read recordings that ``nir.write_data`` of nir 1.0.8 wrote (NIRGraphData), as golden traces.

Layout::

    attribute __type__                        "NIRGraphData"
    /nodes/<name>                             attribute __type__ "NIRNodeData", or again "NIRGraphData"
    /nodes/<name>/observables/<observable>    attribute __type__:
        "TimeGriddedData"                     data (samples, steps, neurons), attribute dt
        "EventData", "ValuedEventData"        idx, time (, value) (samples, events), attributes n_neurons, t_max;
                                              where there is no event, idx is -1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.untrusted import UnreadableError, hdf5
from spear_deploy.untrusted.hdf5 import Group, Value

Array: TypeAlias = NDArray[Any]
_KINDS = ("TimeGriddedData", "EventData", "ValuedEventData")
_MAX_BINS = 1 << 27


def read(path: Path, dt: float | None = None) -> dict[str, Array]:
    """Return the recording of each node, (samples, steps, neurons): its observable ``spikes``, or its only one.

    Nodes of nested graphs are named ``outer.inner``.  Events are counted, valued ones summed, on a grid of the
    other recordings' time step, or ``dt``.

    Raises :class:`UnreadableError`; :class:`OSError` for a file that cannot be opened.
    """
    root = hdf5.read(path)
    if _kind(root) != "NIRGraphData":
        raise UnreadableError("it is HDF5, but no NIRGraphData")
    observables = dict(_observables(root, ""))
    steps = {_number(group, "dt") for group in observables.values() if _kind(group) == "TimeGriddedData"}
    if len(steps) > 1:
        raise UnreadableError(f"its recordings have different time steps {sorted(steps)}")
    step = next(iter(steps), dt)
    return {name: _events_to_grid(name, group, step) for name, group in observables.items()}


def _observables(graph: Group, prefix: str) -> Iterator[tuple[str, Group]]:
    """Yield the recording of every node."""
    for name, node in _members(graph, "nodes").items():
        full = prefix + name
        if not isinstance(node, Group) or _kind(node) not in ("NIRGraphData", "NIRNodeData"):
            raise UnreadableError(f"node {full!r} is not NIRNodeData")
        if _kind(node) == "NIRGraphData":
            yield from _observables(node, f"{full}.")
            continue
        held = _members(node, "observables")
        chosen = held["spikes"] if "spikes" in held else next(iter(held.values())) if len(held) == 1 else None
        if not isinstance(chosen, Group) or _kind(chosen) not in _KINDS:
            raise UnreadableError(f"node {full!r} has no observable 'spikes' among {list(held)}")
        yield full, chosen


def _kind(group: Group) -> str:
    kind = group.attrs.get("__type__")
    return kind if isinstance(kind, str) else ""


def _members(group: Group, name: str) -> Mapping[str, Group | Value]:
    held = group.members.get(name)
    if not isinstance(held, Group):
        raise UnreadableError(f"a group {name!r} is missing")
    return held.members


def _events_to_grid(name: str, group: Group, dt: float | None) -> Array:
    if _kind(group) == "TimeGriddedData":
        return _array(name, group, "data", 3)
    if dt is None or dt <= 0:
        raise UnreadableError(f"node {name!r} holds events and no recording says the time step; give --dt")
    index, time = _array(name, group, "idx", 2), _array(name, group, "time", 2)
    value = _array(name, group, "value", 2) if "value" in group.members else np.ones_like(time)
    neurons, length = _number(group, "n_neurons"), _number(group, "t_max") / dt
    if not index.shape == time.shape == value.shape or not 0 < len(index) * neurons * length <= _MAX_BINS:
        raise UnreadableError(f"node {name!r}: {index.shape} events over {length:g} steps cannot be put on a grid")
    grid = np.zeros((len(index), round(length), int(neurons)), np.float32)
    sample, event = np.nonzero(index != -1)
    # Times are multiples of dt, plus a shift below dt: without rounding 3 dt / dt may come out below 3.
    step = np.floor(np.round(time[sample, event] / dt, 6))
    neuron = index[sample, event]
    inside = (step >= 0) & (step < grid.shape[1]) & (neuron >= 0) & (neuron < grid.shape[2])
    if not np.all(inside):
        size = f"{grid.shape[1]} steps or {grid.shape[2]} neurons"
        raise UnreadableError(f"node {name!r} holds events outside its {size}")
    np.add.at(grid, (sample, step.astype(np.intp), neuron.astype(np.intp)), value[sample, event])
    return grid


def _array(name: str, group: Group, key: str, ndim: int) -> Array:
    value = group.members.get(key)
    if not isinstance(value, np.ndarray) or value.ndim != ndim or value.dtype == object:
        raise UnreadableError(f"node {name!r}: {key!r} is not an array of numbers with {ndim} axes")
    return value


def _number(group: Group, key: str) -> float:
    value = group.attrs.get(key)
    number = float(value) if isinstance(value, np.number) else np.nan
    if not 0 < number < np.inf:
        raise UnreadableError(f"attribute {key!r} is not a positive number")
    return number
