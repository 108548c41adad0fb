"""Reads programs and their input (HDF5, schema 3; all integers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from spear_deploy_lava.errors import BadInputError
from spear_deploy_lava.inputs import Inputs, IntArray, Port, read_ports

SCHEMA = 3
REGISTERS = ("du", "dv", "vth", "bias_mant", "bias_exp")

LONGEST_DELAY = 62
"""Steps that a spike may be kept back, as in lava-dl."""
LARGEST_MIXED, LARGEST_OF_ONE_SIGN = 127, 255
"""Weight mantissas in 8 bits: among weights of both signs one bit is the sign."""


@dataclass(frozen=True)
class Neurons:
    """Registers of a population's neurons, each a scalar () or of the population's shape, and their reset.

    ``reset`` is what a spike does to v: ``value`` zeroes it, ``subtract`` takes ``vth << 6`` off.  It does so
    at once, or, if ``late``, in the following step.  ``compare`` is gt or, of neurons that are not Lava's own, ge:
    they fire at the threshold too.  Nothing of this matters for a readout.
    """

    du: IntArray
    dv: IntArray
    vth: IntArray
    bias_mant: IntArray
    bias_exp: IntArray
    reset: str
    late: bool
    compare: str


@dataclass(frozen=True)
class Population:
    """``kind`` is input, lif or readout; ``shape`` is (C, H, W) or (N,).

    ``level`` is the number of steps by which its local time lags behind the input's.  ``max_value``
    is the largest payload of an input (1: binary spikes); ``neurons`` is None for an input.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    level: int
    max_value: int
    neurons: Neurons | None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Convolution:
    """Geometry of a convolution; pairs are (y, x)."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int


@dataclass(frozen=True)
class Projection:
    """Synapses from ``source`` to ``target`` with the effective weight ``weight * 2**weight_exp``.

    ``weight_exp`` is one exponent, (), or that of each row of the weight.

    ``weight`` is (Cout, Cin/groups, kH, kW) as a cross-correlation if there is a ``convolution``,
    otherwise (target size, source size), both flattened in C, H, W order.  ``delay`` counts the
    steps besides the one that every synapse takes.
    """

    name: str
    source: str
    target: str
    delay: int
    weight_exp: IntArray
    weight: IntArray
    convolution: Convolution | None


@dataclass(frozen=True)
class Program:
    """Populations by name, in execution order, and the projections between them."""

    populations: Mapping[str, Population]
    projections: tuple[Projection, ...]

    @property
    def inputs(self) -> list[Population]:
        """The populations that the input file drives."""
        return [population for population in self.populations.values() if population.kind == "input"]

    @property
    def depth(self) -> int:
        """The largest level: the number of steps until the last population has seen the last input step."""
        return max(population.level for population in self.populations.values())

    def lag(self, projection: Projection) -> int:
        """Steps from the source's step to that in which the target sees its spikes, both in time of their own."""
        source, target = self.populations[projection.source], self.populations[projection.target]
        return projection.delay + 1 + source.level - target.level


def read_program(path: Path) -> Program:
    """Read a program; :class:`BadInputError` if it is none, or if Lava would silently run it wrongly."""
    try:
        with h5py.File(path, "r") as file:
            if int(file.attrs["schema"]) != SCHEMA:
                raise BadInputError(f"{path}: schema {file.attrs['schema']}, this backend reads schema {SCHEMA}")
            order = [_text(name) for name in file.attrs["order"]]
            populations = {name: _population(name, file["populations"][name]) for name in order}
            projections = tuple(_projection(name, group) for name, group in file.get("projections", {}).items())
    except BadInputError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: not a program of schema {SCHEMA}: {error}") from error
    program = Program(populations, projections)
    _check(program)
    return program


def read_inputs(path: Path, program: Program) -> Inputs:
    """Read the input of every input population; :class:`BadInputError` if it does not fit ``program``."""
    ports = [Port(population.name, population.shape, population.max_value) for population in program.inputs]
    return read_ports(path, ports)


def _population(name: str, group: h5py.Group) -> Population:
    kind = _text(group.attrs["kind"])
    if kind not in ("input", "lif", "readout"):
        raise BadInputError(f"population {name}: unknown kind {kind!r}")
    shape = tuple(int(size) for size in group.attrs["shape"])
    if len(shape) not in (1, 3):
        raise BadInputError(f"population {name}: shape {shape} is neither (C, H, W) nor (N,)")
    return Population(
        name=name,
        kind=kind,
        shape=shape,
        level=int(group.attrs["level"]),
        max_value=int(group.attrs["max_value"]) if kind == "input" else 1,
        neurons=None if kind == "input" else _neurons(group),
    )


def _neurons(group: h5py.Group) -> Neurons:
    registers = {register: np.asarray(group[register][()]) for register in REGISTERS}
    kinds = {name: _text(group.attrs[name]) for name in ("reset", "compare")}
    return Neurons(**registers, **kinds, late=bool(group.attrs["late"]))


def _projection(name: str, group: h5py.Group) -> Projection:
    kind = _text(group.attrs["kind"])
    if kind not in ("conv", "dense"):
        raise BadInputError(f"projection {name}: unknown kind {kind!r}")
    return Projection(
        name=name,
        source=_text(group.attrs["source"]),
        target=_text(group.attrs["target"]),
        delay=int(group.attrs["delay"]),
        weight_exp=np.asarray(group.attrs["weight_exp"]),
        weight=group["weight"][()],
        convolution=_convolution(group) if kind == "conv" else None,
    )


def _convolution(group: h5py.Group) -> Convolution:
    stride, padding, dilation = (
        (int(group.attrs[field][0]), int(group.attrs[field][1])) for field in ("stride", "padding", "dilation")
    )
    return Convolution(stride, padding, dilation, int(group.attrs["groups"]))


def _check(program: Program) -> None:
    """Refuse what Lava would accept and then compute something else."""
    if not program.inputs or len(program.inputs) == len(program.populations):
        raise BadInputError("a program needs an input and at least one other population")
    for population in program.populations.values():
        if population.level < 0 or (population.kind == "input" and population.level > 0):
            raise BadInputError(f"population {population.name}: level {population.level} of kind {population.kind}")
        if population.neurons is not None:
            _check_neurons(population, population.neurons)
    for projection in program.projections:
        _check_projection(program, projection)


def _check_neurons(population: Population, neurons: Neurons) -> None:
    if neurons.reset not in ("value", "subtract"):
        raise BadInputError(f"population {population.name}: unknown reset {neurons.reset!r}")
    own = neurons.reset == "subtract" or neurons.late
    if neurons.compare not in ("gt", "ge") or (neurons.compare == "ge" and not own):
        raise BadInputError(f"population {population.name}: compares by {neurons.compare!r}")
    limits = {"du": (0, 4095), "dv": (0, 4096), "vth": (0, 131071), "bias_mant": (-4096, 4095), "bias_exp": (0, 7)}
    for field, (low, high) in limits.items():
        value = getattr(neurons, field)
        if value.shape not in ((), population.shape):
            raise BadInputError(f"population {population.name}: {field} has the shape {value.shape}")
        if value.min() < low or value.max() > high:
            raise BadInputError(f"population {population.name}: {field} lies beyond {low}..{high}")


def _check_projection(program: Program, projection: Projection) -> None:
    def refuse(reason: str) -> None:
        raise BadInputError(f"projection {projection.name}: {reason}")

    source = program.populations.get(projection.source)
    target = program.populations.get(projection.target)
    if source is None or target is None or target.kind == "input" or source.kind == "readout":
        raise BadInputError(f"projection {projection.name}: cannot join {projection.source} to {projection.target}")
    if not 0 <= projection.delay <= LONGEST_DELAY:
        refuse(f"delay {projection.delay} lies beyond 0..{LONGEST_DELAY}")
    if program.lag(projection) < 0:
        refuse(f"delay {projection.delay} is too short to join level {source.level} to level {target.level}")
    if projection.weight.size == 0:
        refuse("no weights")
    if projection.weight_exp.shape not in ((), projection.weight.shape[:1]):
        refuse(f"weight_exp has the shape {projection.weight_exp.shape}")
    if projection.weight_exp.min() < 0:
        refuse(f"negative weight_exp {projection.weight_exp.min()}")
    low, high = int(projection.weight.min()), int(projection.weight.max())
    if max(-low, high) > (LARGEST_MIXED if low < 0 < high else LARGEST_OF_ONE_SIGN):
        refuse(f"weight mantissas {low}..{high} lie beyond -127..127, 0..255 and -255..0")
    geometry = projection.convolution
    if geometry is None:
        expected: tuple[int, ...] = (target.size, source.size)
    elif len(source.shape) != 3 or len(target.shape) != 3 or source.shape[0] % geometry.groups:
        raise BadInputError(f"projection {projection.name}: a convolution cannot join {source.shape} to {target.shape}")
    else:
        expected = (target.shape[0], source.shape[0] // geometry.groups, *projection.weight.shape[2:])
        _check_size(projection, geometry, source, target)
    if projection.weight.shape != expected:
        refuse(f"weight has the shape {projection.weight.shape}, expected {expected}")


def _check_size(projection: Projection, geometry: Convolution, source: Population, target: Population) -> None:
    sizes = zip(
        source.shape[1:], projection.weight.shape[2:], geometry.stride, geometry.padding, geometry.dilation, strict=True
    )
    produced = tuple((size + 2 * pad - dil * (kernel - 1) - 1) // step + 1 for size, kernel, step, pad, dil in sizes)
    if produced != target.shape[1:]:
        raise BadInputError(f"projection {projection.name}: makes {produced} of {source.shape}, not {target.shape[1:]}")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
