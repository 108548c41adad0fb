"""The integer network of one chip, and the file ``program.h5`` in which a backend reads it.

The file (schema 2) is HDF5: populations and projections as groups, integers only; see ``docs/bundle.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Literal, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.network.neuron import ResetKind
from spear_deploy.network.ops import Conv2d, Pair, Shape
from spear_deploy.network.order import Link, components, loops
from spear_deploy.network.synapses import MAX_DENSE_ELEMENTS, ConvSynapses, DenseSynapses, Synapses
from spear_deploy.storage import atomic
from spear_deploy.untrusted import UnreadableError, hdf5
from spear_deploy.untrusted.hdf5 import Group

SCHEMA = 2
IntArray: TypeAlias = NDArray[np.int32]
_BELIEVED = 16 * 2 * MAX_DENSE_ELEMENTS
"""Bytes of weights that a small program may hold: matrices of pooling compress a hundredfold."""
REGISTERS = ("du", "dv", "vth", "bias_mant", "bias_exp")
"""The arrays of a :class:`ChipPopulation`."""


@dataclass(frozen=True)
class InputPort:
    """An input population: payloads 0..max_value (1: binary spikes); payload = round(value * scale)."""

    name: str
    shape: Shape
    max_value: int
    scale: float = 1.0

    def encode(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the integer payloads of values ``x`` (T, ...); a view that is constant over T stays one.

        Raises :class:`InputError` (E039) for values outside 0..max_value / scale, or that are no integers
        where the program takes spikes or counts.
        """
        if len(x) > 1 and x.strides[0] == 0:
            return np.broadcast_to(self.encode(x[:1]), x.shape)
        counts = self.scale == 1.0 and np.issubdtype(x.dtype, np.integer)
        integers = x if counts else np.rint(np.asarray(x, dtype=np.float64) * self.scale)
        if self.scale == 1.0 and not counts and np.any(integers != x):
            message = "values are no integers, but the program was compiled for spikes or counts"
            raise InputError.of("E039", f"input {self.name!r}", message, "code the data as for compiling")
        low, high = integers.min(initial=0), integers.max(initial=0)
        if low < 0 or high > self.max_value:
            message = (
                f"values {low / self.scale:g} to {high / self.scale:g} lie outside 0 to {self.max_value / self.scale:g}"
            )
            raise InputError.of("E039", f"input {self.name!r}", message, "compile with data that covers the range")
        return integers.astype(np.uint8 if self.max_value < 256 else np.int32, copy=False)


@dataclass(frozen=True, eq=False)
class ChipPopulation:
    """Neurons of Loihi's LIF equations; each register is a scalar () or of the population's shape.

    ``kind`` is ``lif``, or ``readout``: the same dynamics without firing, its output is v.
    ``level`` is the number of steps by which its time lags behind the input's (:mod:`spear_deploy.targets.loihi.timing`);
    ``scale`` is chip units of v >> 6 per float unit.  ``reset`` is what a spike does to v: ``value`` zeroes it,
    ``subtract`` takes vth << 6 off; ``late``: in the following step, as :class:`~spear_deploy.network.Neuron` has it.
    """

    name: str
    shape: Shape
    kind: Literal["lif", "readout"]
    level: int
    scale: float
    du: IntArray
    dv: IntArray
    vth: IntArray
    bias_mant: IntArray
    bias_exp: IntArray
    reset: ResetKind = "value"
    late: bool = False

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class ChipProjection:
    """Integer synapses: effective weight = mantissa * 2**exponent; ``delay`` counts steps beyond the chip's one."""

    synapses: Synapses
    exponent: int
    delay: int


@dataclass(frozen=True, eq=False)
class ChipProgram:
    """What a backend runs; populations in execution order."""

    chip: str
    inputs: tuple[InputPort, ...]
    populations: tuple[ChipPopulation, ...]
    projections: tuple[ChipProjection, ...]
    outputs: tuple[str, ...]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every population, inputs first."""
        ports = {port.name: port.shape for port in self.inputs}
        return ports | {population.name: population.shape for population in self.populations}

    def lag(self, projection: ChipProjection) -> int:
        """Return in how many steps of its own time the target sees a spike, counted from the source's step."""
        source, target = projection.synapses.source, projection.synapses.target
        return projection.delay + 1 + self._levels.get(source, 0) - self._levels[target]

    @cached_property
    def _levels(self) -> dict[str, int]:
        return {population.name: population.level for population in self.populations}

    @property
    def links(self) -> tuple[Link, ...]:
        """Projections by their ends and lag."""
        return tuple(Link(p.synapses.source, p.synapses.target, self.lag(p)) for p in self.projections)

    @cached_property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """Population names, inputs too, in order of execution; those that feed each other in a loop together."""
        return components(tuple(self.shapes), self.links)

    @cached_property
    def loops(self) -> frozenset[tuple[str, ...]]:
        """The recurrent ones of the :attr:`components`."""
        return loops(self.components, self.links)

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """Integer synapses (mantissas) of every projection."""
        return tuple(projection.synapses for projection in self.projections)

    def population(self, name: str) -> ChipPopulation:
        """Return the population of that name."""
        return next(p for p in self.populations if p.name == name)

    def into(self, target: str) -> tuple[ChipProjection, ...]:
        """Projections that end in ``target``."""
        return tuple(p for p in self.projections if p.synapses.target == target)


def write_program(path: Path, program: ChipProgram) -> None:
    """Write ``program.h5`` atomically; equal programs give equal bytes."""
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["chip"] = program.chip
        file.attrs["inputs"] = [port.name for port in program.inputs]
        file.attrs["outputs"] = list(program.outputs)
        file.attrs["order"] = list(program.shapes)
        for port in program.inputs:
            group = file.create_group(f"populations/{port.name}")
            group.attrs.update({"kind": "input", "shape": port.shape, "level": 0})
            group.attrs.update({"max_value": port.max_value, "scale": port.scale})
        for population in program.populations:
            group = file.create_group(f"populations/{population.name}")
            group.attrs.update({"kind": population.kind, "shape": population.shape, "level": population.level})
            group.attrs.update({"scale": population.scale, "reset": population.reset, "late": population.late})
            for register in REGISTERS:
                group.create_dataset(register, data=getattr(population, register))
        for projection in sorted(program.projections, key=lambda item: item.synapses.name):
            _write_projection(file.create_group(f"projections/{projection.synapses.name}"), projection)


def read_program(path: Path) -> ChipProgram:
    """Read ``program.h5``, in a process of its own (:mod:`spear_deploy.untrusted.hdf5`).

    Raises :class:`InputError` (E010) if it is no program or is damaged.
    """
    try:
        root = hdf5.read(path, _BELIEVED)
        attrs: Mapping[str, Any] = root.attrs
        if attrs["schema"] != SCHEMA:
            raise ValueError(f"schema {attrs['schema']} is not {SCHEMA}")
        groups = [(str(name), _group(root, "populations", name)) for name in attrs["order"]]
        ports = tuple(_read_port(n, g) for n, g in groups if g.attrs["kind"] == "input")
        populations = tuple(_read_population(n, g) for n, g in groups if g.attrs["kind"] != "input")
        names = _group(root, "projections").members
        projections = tuple(_read_projection(n, _group(root, "projections", n)) for n in names)
        outputs = tuple(str(name) for name in attrs["outputs"])
        program = ChipProgram(str(attrs["chip"]), ports, populations, projections, outputs)
        _check(program)
        return program
    except (OSError, UnreadableError, LookupError, ValueError, TypeError, OverflowError) as error:
        raise InputError.of("E010", path, f"cannot be read as a program: {error}", "compile again") from error


def _check(program: ChipProgram) -> None:
    """Check that registers and weights fit the populations, and that no spike arrives before it was sent."""
    shapes, targets = program.shapes, {p.name for p in program.populations}
    if not set(program.outputs) <= set(shapes):
        raise ValueError(f"an output of {program.outputs} is no population")
    for population in program.populations:
        for register in REGISTERS:
            if getattr(population, register).shape not in ((), population.shape):
                raise ValueError(f"{register} of population {population.name!r} does not fit its shape")
    for projection in program.projections:
        synapses = projection.synapses
        if synapses.source not in shapes or synapses.target not in targets:
            raise ValueError(f"projection {synapses.name!r} leads from {synapses.source!r} to {synapses.target!r}")
        if projection.delay < 0 or program.lag(projection) < 0:
            raise ValueError(f"projection {synapses.name!r} has a delay of {projection.delay}")
        if not _fits(synapses, shapes[synapses.source], shapes[synapses.target]):
            raise ValueError(f"projection {synapses.name!r} has a weight of shape {synapses.weight.shape}")


def _fits(synapses: Synapses, source: Shape, target: Shape) -> bool:
    """Say whether a weight joins populations of these shapes; raise :class:`ShapeError` if no window fits."""
    if isinstance(synapses, DenseSynapses):
        return synapses.weight.shape == (prod(target), prod(source))
    steps = (*synapses.stride, *synapses.dilation, synapses.groups)
    if synapses.weight.ndim != 4 or min(steps) < 1 or min(synapses.padding) < 0:
        return False
    geometry = (synapses.stride, synapses.padding, synapses.dilation, synapses.groups)
    is_divisible = synapses.weight.shape[0] % synapses.groups == 0
    return is_divisible and Conv2d(synapses.weight, None, *geometry).output_shape(source) == target


def _write_projection(group: h5py.Group, projection: ChipProjection) -> None:
    synapses = projection.synapses
    group.attrs.update({"source": synapses.source, "target": synapses.target})
    group.attrs.update({"delay": projection.delay, "weight_exp": projection.exponent})
    group.create_dataset("weight", data=synapses.weight.astype(np.int16), compression="gzip")
    if isinstance(synapses, DenseSynapses):
        group.attrs["kind"] = "dense"
        return
    group.attrs.update({"kind": "conv", "stride": synapses.stride, "padding": synapses.padding})
    group.attrs.update({"dilation": synapses.dilation, "groups": synapses.groups})


def _group(group: Group, *names: str) -> Group:
    """Return the group at a path of ``names``; raise KeyError if there is none."""
    for name in names:
        member = group.members[name]
        if not isinstance(member, Group):
            raise KeyError(f"{name} is no group")
        group = member
    return group


def _read_port(name: str, group: Group) -> InputPort:
    attrs: Mapping[str, Any] = group.attrs
    return InputPort(name, _shape(attrs), int(attrs["max_value"]), float(attrs["scale"]))


def _read_population(name: str, group: Group) -> ChipPopulation:
    attrs: Mapping[str, Any] = group.attrs
    registers = {register: _integers(group, register).astype(np.int32) for register in REGISTERS}
    kind: Literal["lif", "readout"] = "readout" if attrs["kind"] == "readout" else "lif"
    if attrs["kind"] != kind:
        raise ValueError(f"population {name!r} is of unknown kind {attrs['kind']!r}")
    reset: ResetKind = "subtract" if attrs["reset"] == "subtract" else "value"
    if attrs["reset"] != reset:
        raise ValueError(f"population {name!r} has the unknown reset {attrs['reset']!r}")
    level, scale, late = int(attrs["level"]), float(attrs["scale"]), bool(attrs["late"])
    return ChipPopulation(name, _shape(attrs), kind, level, scale, **registers, reset=reset, late=late)


def _read_projection(name: str, group: Group) -> ChipProjection:
    attrs: Mapping[str, Any] = group.attrs
    source, target, weight = str(attrs["source"]), str(attrs["target"]), _integers(group, "weight")
    if attrs["kind"] == "dense":
        synapses: Synapses = DenseSynapses(name, source, target, weight)
    elif attrs["kind"] == "conv":
        stride, padding, dilation = (_pair(attrs[key]) for key in ("stride", "padding", "dilation"))
        groups = int(attrs["groups"])
        synapses = ConvSynapses(name, source, target, weight, stride, padding, dilation, groups)
    else:
        raise ValueError(f"projection {name!r} is of unknown kind {attrs['kind']!r}")
    return ChipProjection(synapses, int(attrs["weight_exp"]), int(attrs["delay"]))


def _integers(group: Group, name: str) -> NDArray[np.integer]:
    array = np.asarray(group.members[name])
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} holds no integers")
    return array


def _shape(attrs: Mapping[str, Any]) -> Shape:
    return tuple(int(n) for n in attrs["shape"])


def _pair(value: Any) -> Pair:
    return int(value[0]), int(value[1])
