"""The file ``program.h5`` in which a backend reads a Xylo program: integers only; see ``docs/xylo.md``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.storage import atomic_hdf5
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.program_file import check_schema, integers, refusing_damage, shape_of, subgroup
from spear_deploy.targets.xylo.program import REGISTERS, Shifts, XyloPopulation, XyloProgram
from spear_deploy.targets.xylo.registers import XYLOSIM, Arithmetic
from spear_deploy.untrusted import hdf5
from spear_deploy.untrusted.hdf5 import Group

SCHEMA = "xylo 1"


def write_program(path: Path, program: XyloProgram) -> None:
    """Write ``program.h5`` atomically; equal programs give equal bytes."""
    with atomic_hdf5(path) as file:
        file.attrs.update({"schema": SCHEMA, "chip": program.chip, "outputs": list(program.outputs)})
        file.attrs["inputs"] = [port.name for port in program.inputs]
        file.attrs["order"] = [population.name for population in program.populations]
        file.attrs.update({f"shift_{name}": value for name, value in asdict(program.shifts).items()})
        if program.arithmetic != XYLOSIM:
            file.attrs.update(asdict(program.arithmetic))
        for port in program.inputs:
            group = file.create_group(f"inputs/{port.name}")
            group.attrs.update({"shape": port.shape, "max_value": port.max_value})
        for population in program.populations:
            group = file.create_group(f"populations/{population.name}")
            group.attrs.update({"shape": population.shape, "depth": population.depth})
            group.attrs["is_output"] = population.is_output
            for register in ("scale", *REGISTERS):
                group.create_dataset(register, data=getattr(population, register))
        for synapses in program.synapses:
            group = file.create_group(f"projections/{synapses.name}")
            group.attrs.update({"source": synapses.source, "target": synapses.target})
            group.create_dataset("weight", data=synapses.weight.astype(np.int8), compression="gzip")


def read_program(path: Path) -> XyloProgram:
    """Read ``program.h5``, in a process of its own (:mod:`spear_deploy.untrusted.hdf5`).

    Raises :class:`InputError` (E010) if it is not a Xylo program or is damaged.
    """
    with refusing_damage(path):
        root = hdf5.read(path)
        attrs: Mapping[str, Any] = root.attrs
        check_schema(root, SCHEMA)
        program = XyloProgram(
            str(attrs["chip"]),
            tuple(_read_port(str(name), subgroup(root, "inputs", str(name))) for name in attrs["inputs"]),
            tuple(_read_population(str(name), subgroup(root, "populations", str(name))) for name in attrs["order"]),
            tuple(_read_synapses(n, subgroup(root, "projections", n)) for n in subgroup(root, "projections").members),
            Shifts(**{name: int(attrs[f"shift_{name}"]) for name in asdict(Shifts())}),
            tuple(str(name) for name in attrs["outputs"]),
            Arithmetic(**{name: int(attrs.get(name, width)) for name, width in asdict(XYLOSIM).items()}),
        )
        _check(program)
        return program


def _check(program: XyloProgram) -> None:
    """Check that registers and weights fit the populations, and that the chip could hold such numbers."""
    shapes, limit = program.shapes, program.arithmetic.limit
    if len(shapes) != len(program.inputs) + len(program.populations) or not program.inputs or not program.populations:
        raise ValueError("names of inputs and populations are missing or clash")
    if {p.name for p in program.populations if p.is_output} != set(program.outputs) or not program.hidden:
        raise ValueError(f"its output neurons are not those of {program.outputs}")
    if [p.is_output for p in program.populations] != sorted(p.is_output for p in program.populations):
        raise ValueError("output neurons come before hidden ones")
    if not all(0 <= shift <= 8 for shift in asdict(program.shifts).values()):
        raise ValueError(f"{program.shifts} lie beyond 0..8")
    ranges = {"dash_syn": (0, 15), "dash_mem": (0, 15), "threshold": (1, limit), "bias": (-limit - 1, limit)}
    for population in program.populations:
        if population.depth < 0 or population.scale.shape != (population.size,):
            raise ValueError(f"scale or depth of population {population.name!r} does not fit")
        for name, (low, high) in ranges.items():
            register = getattr(population, name)
            if register.shape != (population.size,) or register.min() < low or register.max() > high:
                raise ValueError(f"{name} of population {population.name!r} does not fit")
    for synapses in program.synapses:
        _check_synapses(synapses, program)


def _check_synapses(each: DenseSynapses, program: XyloProgram) -> None:
    shapes, ports, outputs = program.shapes, {port.name for port in program.inputs}, set(program.outputs)
    if each.source not in shapes or each.source in outputs or each.target not in shapes or each.target in ports:
        raise ValueError(f"projection {each.name!r} leads from {each.source!r} to {each.target!r}")
    if each.source in ports and each.target in outputs:
        raise ValueError(f"projection {each.name!r} leads from an input to an output")
    if each.weight.shape != (prod(shapes[each.target]), prod(shapes[each.source])):
        raise ValueError(f"projection {each.name!r} has a weight of shape {each.weight.shape}")


def _read_port(name: str, group: Group) -> InputPort:
    attrs: Mapping[str, Any] = group.attrs
    most = int(attrs["max_value"])
    if not 1 <= most <= 255:
        raise ValueError(f"input {name!r} takes up to {most}")
    return InputPort(name, shape_of(attrs["shape"]), most)


def _read_population(name: str, group: Group) -> XyloPopulation:
    attrs: Mapping[str, Any] = group.attrs
    registers = {register: integers(group, register).astype(np.int32) for register in REGISTERS}
    shape, scale = shape_of(attrs["shape"]), np.asarray(group.members["scale"], np.float64)
    return XyloPopulation(name, shape, bool(attrs["is_output"]), int(attrs["depth"]), scale, **registers)


def _read_synapses(name: str, group: Group) -> DenseSynapses:
    attrs: Mapping[str, Any] = group.attrs
    return DenseSynapses(name, str(attrs["source"]), str(attrs["target"]), integers(group, "weight").astype(np.int32))
