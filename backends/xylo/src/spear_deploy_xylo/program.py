"""Reads programs (HDF5, schema ``xylo 1``) and their input; all integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_xylo.errors import BadInputError

SCHEMA = "xylo 1"
REGISTERS = {"dash_syn": (0, 15), "dash_mem": (0, 15), "threshold": (1, 32767), "bias": (-32768, 32767)}
"""The registers of a population with their ranges."""
MOST_EVENTS = 15
"""Events of a channel in a step: xylosim takes more, and counts them as so many."""
_LARGEST_SHIFT = 8
"""Beyond, a shifted weight wraps."""

IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Population:
    """Neurons; registers are (neurons,).  ``depth`` is the number of steps by which their time lags."""

    name: str
    size: int
    is_output: bool
    depth: int
    registers: Mapping[str, IntArray]


@dataclass(frozen=True)
class Projection:
    """Synapses: weight (target neurons, source neurons)."""

    name: str
    source: str
    target: str
    weight: IntArray


@dataclass(frozen=True)
class Program:
    """``inputs`` are numbers of channels by name; populations are in the order of the chip's neurons."""

    inputs: Mapping[str, int]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    shifts: Mapping[str, int]

    @property
    def hidden(self) -> tuple[Population, ...]:
        """Populations of hidden neurons."""
        return tuple(population for population in self.populations if not population.is_output)

    @property
    def outputs(self) -> tuple[Population, ...]:
        """Populations of output neurons."""
        return tuple(population for population in self.populations if population.is_output)

    @property
    def lag(self) -> int:
        """Steps that the chip runs beyond those of a sample."""
        return max(population.depth for population in self.populations)


def read_program(path: Path) -> Program:
    """Read a program; :class:`BadInputError` if it is none, or one that xylosim would crash on or compute otherwise."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("schema") != SCHEMA:
                raise BadInputError(f"{path}: schema {file.attrs.get('schema')!r} is not {SCHEMA!r}")
            other = sorted({"state_bits", "hidden_spikes", "output_spikes"} & set(file.attrs))
            if other:
                raise BadInputError(f"{path}: its {', '.join(other)} are not xylosim's")
            names = [_text(name) for name in file.attrs["order"]]
            program = Program(
                {_text(n): prod(map(int, file["inputs"][n].attrs["shape"])) for n in file.attrs["inputs"]},
                tuple(_population(name, file["populations"][name]) for name in names),
                tuple(_projection(name, file["projections"][name]) for name in file.get("projections", {})),
                {kind: int(file.attrs[f"shift_{kind}"]) for kind in ("input", "recurrent", "output")},
            )
    except BadInputError:
        raise
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"{path}: no Xylo program: {error}") from error
    _check(program)
    return program


def read_inputs(path: Path, program: Program) -> IntArray:
    """Return the events (samples, steps, channels) of all inputs; :class:`BadInputError` if they do not fit."""
    try:
        with h5py.File(path, "r") as file:
            values = {name: np.asarray(file["x"][name][()]) for name in program.inputs}
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"{path}: not an input file of this program: {error}") from error
    for name, value in values.items():
        fits = value.ndim > 2 and prod(value.shape[2:]) == program.inputs[name] and value.size
        if not np.issubdtype(value.dtype, np.integer) or not fits:
            channels = program.inputs[name]
            raise BadInputError(f"{path}: input {name} is {value.dtype} {value.shape}, not integers (N, T, {channels})")
        if value.min() < 0 or value.max() > MOST_EVENTS:
            raise BadInputError(f"{path}: input {name} holds values beyond 0..{MOST_EVENTS}")
    if len({value.shape[:2] for value in values.values()}) != 1:
        raise BadInputError(f"{path}: inputs differ in samples or steps")
    return np.concatenate([value.reshape(*value.shape[:2], -1) for value in values.values()], axis=2)


def _population(name: str, group: h5py.Group) -> Population:
    size = prod(int(n) for n in group.attrs["shape"])
    registers = {register: np.asarray(group[register][()]) for register in REGISTERS}
    return Population(name, size, bool(group.attrs["is_output"]), int(group.attrs["depth"]), registers)


def _projection(name: str, group: h5py.Group) -> Projection:
    ends = _text(group.attrs["source"]), _text(group.attrs["target"])
    return Projection(name, *ends, np.asarray(group["weight"][()]))


def _check(program: Program) -> None:
    if not program.inputs or not program.hidden or not program.outputs:
        raise BadInputError("a program needs an input, a hidden population and an output")
    if [p.is_output for p in program.populations] != sorted(p.is_output for p in program.populations):
        raise BadInputError("output neurons come before hidden ones")
    if not all(0 <= shift <= _LARGEST_SHIFT for shift in program.shifts.values()):
        raise BadInputError(f"shifts {dict(program.shifts)} lie beyond 0..{_LARGEST_SHIFT}")
    for population in program.populations:
        _check_population(population)
    for projection in program.projections:
        _check_projection(projection, program)


def _check_population(population: Population) -> None:
    if population.depth < 0:
        raise BadInputError(f"population {population.name}: depth {population.depth}")
    for name, (low, high) in REGISTERS.items():
        value = population.registers[name]
        if value.dtype.kind not in "iu" or value.shape != (population.size,):
            raise BadInputError(f"population {population.name}: {name} is {value.dtype} {value.shape}")
        if value.min() < low or value.max() > high:
            raise BadInputError(f"population {population.name}: {name} lies beyond {low}..{high}")


def _check_projection(projection: Projection, program: Program) -> None:
    sizes = {**program.inputs, **{p.name: p.size for p in program.populations}}
    hidden, outputs = ({p.name for p in some} for some in (program.hidden, program.outputs))
    into_hidden = projection.source in program.inputs and projection.target in hidden
    between = projection.source in hidden and projection.target in hidden | outputs
    if not into_hidden and not between:
        raise BadInputError(f"projection {projection.name}: cannot join {projection.source} to {projection.target}")
    expected, weight = (sizes[projection.target], sizes[projection.source]), projection.weight
    if weight.dtype.kind not in "iu" or weight.shape != expected:
        raise BadInputError(f"projection {projection.name}: weight is {weight.dtype} {weight.shape}, not {expected}")
    if weight.size and (weight.min() < -128 or weight.max() > 127):
        raise BadInputError(f"projection {projection.name}: weights lie beyond -128..127")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
