"""The file ``program.h5`` in which a backend reads a program: HDF5, one group a layer; see ``docs/speck.md``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Conv2d, Shape
from spear_deploy.storage import atomic_hdf5
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.program_file import check_schema, pair_of, refusing_damage, shape_of, subgroup
from spear_deploy.targets.speck.layers import as_map
from spear_deploy.targets.speck.program import Originals, Reset, Source, SpeckLayer, SpeckProgram
from spear_deploy.untrusted import hdf5
from spear_deploy.untrusted.hdf5 import Group

SCHEMA = 1
_MAX_BYTES = 1 << 26
"""Bytes of weights that a small file may hold: sixteen times what all cores do."""
_CODES = {"weight": np.int8, "bias": np.int8}


def write_program(path: Path, program: SpeckProgram) -> None:
    """Write ``program.h5`` atomically; equal programs give equal bytes."""
    with atomic_hdf5(path) as file:
        file.attrs.update({"schema": SCHEMA, "chip": program.chip, "outputs": list(program.outputs)})
        file.attrs["inputs"] = [port.name for port in program.inputs]
        file.attrs["order"] = [layer.name for layer in program.populations]
        for port in program.inputs:
            group = file.create_group(f"inputs/{port.name}")
            group.attrs.update({"shape": port.shape, "max_value": port.max_value})
        for layer in program.populations:
            _write_layer(file.create_group(f"layers/{layer.name}"), layer)


def _write_layer(group: h5py.Group, layer: SpeckLayer) -> None:
    group.attrs.update({"shape": layer.shape, "core": layer.core, "stride": layer.stride, "padding": layer.padding})
    group.attrs.update({"threshold": layer.threshold, "low": layer.low, "reset": layer.reset, "scale": layer.scale})
    group.attrs["projections"] = [source.projection for source in layer.sources]
    group.attrs["sources"] = [source.population for source in layer.sources]
    group.attrs["pools"] = [source.pool for source in layer.sources]
    original = group.create_group("float")
    original.attrs.update({"threshold": layer.originals.threshold, "low": layer.originals.low})
    for name, code in _CODES.items():
        values, floats = getattr(layer, name), getattr(layer.originals, name)
        if values is not None:
            group.create_dataset(name, data=values.astype(code), compression="gzip")
            original.create_dataset(name, data=floats, compression="gzip")


def read_program(path: Path) -> SpeckProgram:
    """Read ``program.h5``, in a process of its own (:mod:`spear_deploy.untrusted.hdf5`).

    Raises :class:`InputError` (E010) if it is not a program or is damaged.
    """
    with refusing_damage(path):
        root = hdf5.read(path, _MAX_BYTES)
        attrs: Mapping[str, Any] = root.attrs
        check_schema(root, SCHEMA)
        ports = tuple(_port(str(name), subgroup(root, "inputs", str(name))) for name in attrs["inputs"])
        layers = tuple(_layer(str(name), subgroup(root, "layers", str(name))) for name in attrs["order"])
        program = SpeckProgram(str(attrs["chip"]), ports, layers, tuple(str(name) for name in attrs["outputs"]))
        _check(program)
        return program


def _check(program: SpeckProgram) -> None:
    """Check that every kernel joins the populations at its ends, and that nothing is fed by what comes later."""
    shapes: dict[str, Shape] = {port.name: port.shape for port in program.inputs}
    if not set(program.outputs) <= {layer.name for layer in program.populations}:
        raise ValueError(f"an output of {program.outputs} is not a population")
    for layer in program.populations:
        kernel = Conv2d(layer.originals.weight, None, layer.stride, layer.padding)
        if layer.weight.ndim != 4 or min(layer.stride) < 1 or min(layer.padding) < 0 or layer.threshold < 1:
            raise ValueError(f"layer {layer.name!r} has no kernel or no threshold")
        if layer.weight.shape != layer.originals.weight.shape:
            raise ValueError(f"layer {layer.name!r} was made of weights of another shape")
        if layer.bias is not None and layer.bias.shape != layer.weight.shape[:1]:
            raise ValueError(f"layer {layer.name!r} has biases of shape {layer.bias.shape}")
        for source in layer.sources:
            channels, height, width = as_map(shapes[source.population])
            pooled = (channels, height // source.pool, width // source.pool)
            if kernel.output_shape(pooled) != as_map(layer.shape):
                raise ValueError(f"projection {source.projection!r} does not fit its ends")
        shapes[layer.name] = layer.shape


def _port(name: str, group: Group) -> InputPort:
    attrs: Mapping[str, Any] = group.attrs
    return InputPort(name, shape_of(attrs["shape"]), int(attrs["max_value"]))


def _layer(name: str, group: Group) -> SpeckLayer:
    attrs: Mapping[str, Any] = group.attrs
    original = subgroup(group, "float")
    reset: Reset = "zero" if attrs["reset"] == "zero" else "subtract"
    if attrs["reset"] != reset:
        raise ValueError(f"layer {name!r} has the unknown reset {attrs['reset']!r}")
    named = zip(attrs["projections"], attrs["sources"], attrs["pools"], strict=True)
    floats: Mapping[str, Any] = original.attrs
    return SpeckLayer(
        name=name,
        shape=shape_of(attrs["shape"]),
        core=int(attrs["core"]),
        sources=tuple(Source(str(projection), str(source), int(pool)) for projection, source, pool in named),
        weight=_integers(group, "weight"),
        bias=_integers(group, "bias") if "bias" in group.members else None,
        stride=pair_of(attrs["stride"]),
        padding=pair_of(attrs["padding"]),
        threshold=int(attrs["threshold"]),
        low=int(attrs["low"]),
        reset=reset,
        scale=float(attrs["scale"]),
        originals=Originals(
            np.asarray(original.members["weight"], np.float32),
            np.asarray(original.members["bias"], np.float32) if "bias" in original.members else None,
            float(floats["threshold"]),
            float(floats["low"]),
        ),
    )


def _integers(group: Group, name: str) -> NDArray[np.int32]:
    array = np.asarray(group.members[name])
    if array.dtype != np.int8:
        raise ValueError(f"{name} holds {array.dtype}, not int8")
    return array.astype(np.int32)
