"""Reads of a ``.net`` file of lava-dl what netx does not say of it (HDF5; its layout is in the README of netx).

The network itself is loaded by netx, so that what runs is the file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from spear_deploy_lava.errors import BadInputError
from spear_deploy_lava.inputs import Port

_WITH_SYNAPSES = ("conv", "dense", "dense_rec")
_LOADED = ("input", "flatten", *_WITH_SYNAPSES)
_NEURONS = ("CUBA", "LOIHI")
"""Two names of the same neuron, whose spikes are binary."""


@dataclass(frozen=True)
class Layer:
    """A layer with synapses, which netx makes a process of; ``size`` is its number of outputs.

    ``has_neurons`` is False where the file describes none: netx then takes some that never fire.
    """

    size: int
    has_neurons: bool


@dataclass(frozen=True)
class Chain:
    """The layers of a file in the order of execution, and the port into the first.

    ``remembers`` where a layer has delays or hears itself: a reset of its neurons then leaves spikes on their way.
    """

    port: Port
    layers: tuple[Layer, ...]
    remembers: bool


def read_net(path: Path, max_value: int) -> Chain:
    """Read a file whose input has payloads up to ``max_value``.

    :class:`BadInputError` if it is no ``.net`` file, if netx would leave out a layer of it, if its input layer has
    neurons, and if any neurons are not CUBA.
    """
    try:
        with h5py.File(path, "r") as file:
            group = file["layer"]
            return _chain([group[str(index)] for index in range(len(group))], max_value)
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}") from error
    except (OSError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BadInputError(f"{path}: not a .net file: {error}") from error


def _chain(groups: Sequence[h5py.Group], max_value: int) -> Chain:
    kinds = [_text(group["type"]) for group in groups]
    for index, (kind, group) in enumerate(zip(kinds, groups, strict=True)):
        _check(index, kind, group)
    with_synapses = [(kind, group) for kind, group in zip(kinds, groups, strict=True) if kind in _WITH_SYNAPSES]
    layers = tuple(Layer(math.prod(_shape(group)), "neuron" in group) for _, group in with_synapses)
    if not any(layer.has_neurons for layer in layers):
        raise BadInputError("no layer has neurons")
    remembers = any(kind == "dense_rec" or _has_delays(group) for kind, group in with_synapses)
    declared = _shape(groups[0]) if kinds[0] == "input" else None
    return Chain(_port(*with_synapses[0], declared, max_value), layers, remembers)


def _check(index: int, kind: str, group: h5py.Group) -> None:
    if kind not in _LOADED:
        raise BadInputError(f"layer {index}: netx does not load layers of type {kind!r}")
    if kind == "input" and index > 0:
        raise BadInputError(f"layer {index}: an input behind other layers")
    if kind == "input" and "neuron" in group:
        raise BadInputError(f"layer {index}: an input with neurons, which no spikes reach")
    if "neuron" in group and (neuron := _text(group["neuron"]["type"])) not in _NEURONS:
        raise BadInputError(f"layer {index}: neurons of type {neuron!r}; only CUBA neurons can be recorded")


def _port(kind: str, group: h5py.Group, declared: tuple[int, ...] | None, max_value: int) -> Port:
    """Return the port into the first layer with synapses; netx makes that of a matrix a vector."""
    if kind == "conv":
        if declared is None or len(declared) != 3:
            raise BadInputError("a convolution needs an input layer of shape (C, H, W) before it")
        return Port("input", declared, max_value)
    size = group["weight"].size // math.prod(_shape(group))
    if declared is not None and math.prod(declared) != size:
        raise BadInputError(f"the input layer has {math.prod(declared)} values, the layer behind it takes {size}")
    return Port("input", (size,), max_value, is_flat=True)


def _has_delays(group: h5py.Group) -> bool:
    return "delay" in group and bool(np.any(group["delay"][()]))


def _shape(group: h5py.Group) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(group["shape"][()]))


def _text(dataset: h5py.Dataset) -> str:
    """Decode a string, stored as such or as an array of one."""
    text: bytes = np.atleast_1d(dataset[()])[0]
    return text.decode("ascii")
