"""The file ``program.h5`` in which a backend reads a program.

The file (schema 3) is HDF5: populations and projections as groups, integers only; see ``docs/bundle.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.neuron import Comparison, ResetKind
from spear_deploy.network.synapses import MAX_DENSE_ELEMENTS, ConvSynapses, DenseSynapses, Synapses
from spear_deploy.storage import atomic_hdf5
from spear_deploy.targets.loihi.program import REGISTERS, LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.program_check import check_program
from spear_deploy.targets.loihi.registers import LAVA, Arithmetic
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.program_file import check_schema, integers, pair_of, refusing_damage, shape_of, subgroup
from spear_deploy.untrusted import hdf5
from spear_deploy.untrusted.hdf5 import Group

SCHEMA = 3
_MAX_WEIGHT_BYTES = 16 * 2 * MAX_DENSE_ELEMENTS
"""Bytes of weights that a small program may hold: matrices of pooling compress a hundredfold."""
_MOST_RAISED = 7
"""By how much exponents of a projection may differ: a mantissa of 255, shifted so far, is an int16."""


def write_program(path: Path, program: LoihiProgram) -> None:
    """Write ``program.h5`` atomically; equal programs give equal bytes."""
    with atomic_hdf5(path) as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["chip"] = program.chip
        file.attrs["inputs"] = [port.name for port in program.inputs]
        file.attrs["outputs"] = list(program.outputs)
        file.attrs["order"] = list(program.shapes)
        if program.arithmetic != LAVA:
            file.attrs.update(asdict(program.arithmetic))
        for port in program.inputs:
            group = file.create_group(f"populations/{port.name}")
            group.attrs.update({"kind": "input", "shape": port.shape, "level": 0})
            group.attrs.update({"max_value": port.max_value, "scale": port.scale})
            if port.largest is not None:
                group.attrs["largest"] = port.largest
        for population in program.populations:
            group = file.create_group(f"populations/{population.name}")
            group.attrs.update({"kind": population.kind, "shape": population.shape, "level": population.depth})
            group.attrs.update({"reset": population.reset, "late": population.reset_delay})
            group.attrs["compare"] = population.compare
            for register in ("scale", *REGISTERS):
                group.create_dataset(register, data=getattr(population, register))
        for projection in sorted(program.projections, key=lambda item: item.synapses.name):
            _write_projection(file.create_group(f"projections/{projection.synapses.name}"), projection)


def read_program(path: Path) -> LoihiProgram:
    """Read ``program.h5``, in a process of its own (:mod:`spear_deploy.untrusted.hdf5`).

    Raises :class:`InputError` (E010) if it is not a program or is damaged.
    """
    with refusing_damage(path):
        root = hdf5.read(path, _MAX_WEIGHT_BYTES)
        attrs: Mapping[str, Any] = root.attrs
        check_schema(root, SCHEMA)
        groups = [(str(name), subgroup(root, "populations", name)) for name in attrs["order"]]
        ports = tuple(_read_port(n, g) for n, g in groups if g.attrs["kind"] == "input")
        populations = tuple(_read_population(n, g) for n, g in groups if g.attrs["kind"] != "input")
        if [str(name) for name in attrs["inputs"]] != [port.name for port in ports]:
            raise ValueError(f"the inputs are not {attrs['inputs']}")
        names = subgroup(root, "projections").members
        projections = tuple(_read_projection(n, subgroup(root, "projections", n)) for n in names)
        outputs = tuple(str(name) for name in attrs["outputs"])
        arithmetic = Arithmetic(**{name: int(attrs.get(name, width)) for name, width in asdict(LAVA).items()})
        program = LoihiProgram(str(attrs["chip"]), ports, populations, projections, outputs, arithmetic)
        check_program(program)
        return program


def _write_projection(group: h5py.Group, projection: LoihiProjection) -> None:
    synapses = projection.synapses
    group.attrs.update({"source": synapses.source, "target": synapses.target})
    group.attrs.update({"delay": projection.delay, "weight_exp": projection.exponents})
    group.create_dataset("weight", data=synapses.weight.astype(np.int16), compression="gzip")
    if isinstance(synapses, DenseSynapses):
        group.attrs["kind"] = "dense"
        return
    group.attrs.update({"kind": "conv", "stride": synapses.stride, "padding": synapses.padding})
    group.attrs.update({"dilation": synapses.dilation, "groups": synapses.groups})


def _read_port(name: str, group: Group) -> InputPort:
    attrs: Mapping[str, Any] = group.attrs
    largest = float(attrs["largest"]) if "largest" in attrs else None
    return InputPort(name, shape_of(attrs["shape"]), int(attrs["max_value"]), float(attrs["scale"]), largest)


def _read_population(name: str, group: Group) -> LoihiPopulation:
    attrs: Mapping[str, Any] = group.attrs
    registers = {register: _register(group, register) for register in REGISTERS}
    kind: Literal["lif", "readout"] = "readout" if attrs["kind"] == "readout" else "lif"
    if attrs["kind"] != kind:
        raise ValueError(f"population {name!r} is of unknown kind {attrs['kind']!r}")
    reset: ResetKind = "subtract" if attrs["reset"] == "subtract" else "value"
    if attrs["reset"] != reset:
        raise ValueError(f"population {name!r} has the unknown reset {attrs['reset']!r}")
    compare: Comparison = "ge" if attrs["compare"] == "ge" else "gt"
    if attrs["compare"] != compare or (compare == "ge" and (reset, bool(attrs["late"])) == ("value", False)):
        raise ValueError(f"population {name!r} compares by {attrs['compare']!r}")
    depth, reset_delay = int(attrs["level"]), bool(attrs["late"])
    scale = np.asarray(group.members["scale"])
    if scale.dtype.kind not in "iuf":
        raise ValueError(f"the scale of population {name!r} holds no numbers")
    fields: dict[str, Any] = {**registers, "reset": reset, "reset_delay": reset_delay, "compare": compare}
    return LoihiPopulation(name, shape_of(attrs["shape"]), kind, depth, scale.astype(np.float64), **fields)


def _read_projection(name: str, group: Group) -> LoihiProjection:
    attrs: Mapping[str, Any] = group.attrs
    source, target, weight = str(attrs["source"]), str(attrs["target"]), integers(group, "weight")
    if attrs["kind"] == "dense":
        synapses: Synapses = DenseSynapses(name, source, target, weight)
    elif attrs["kind"] == "conv":
        stride, padding, dilation = (pair_of(attrs[key]) for key in ("stride", "padding", "dilation"))
        groups = int(attrs["groups"])
        synapses = ConvSynapses(name, source, target, weight, stride, padding, dilation, groups)
    else:
        raise ValueError(f"projection {name!r} is of unknown kind {attrs['kind']!r}")
    exponents = np.asarray(attrs["weight_exp"])
    exponent = int(exponents.min())
    raised = (exponents - exponent).astype(np.int8) if exponents.ndim else None
    if exponents.shape not in ((), weight.shape[:1]) or exponents.max() > exponent + _MOST_RAISED:
        raise ValueError(f"projection {name!r} has the exponents {exponents}")
    return LoihiProjection(synapses, exponent, int(attrs["delay"]), raised)


def _register(group: Group, name: str) -> NDArray[np.int32]:
    array = integers(group, name)
    if array.size and not -(1 << 31) <= int(array.min()) <= int(array.max()) < 1 << 31:
        raise ValueError(f"{name} is {array.min()} to {array.max()}")
    return array.astype(np.int32)
