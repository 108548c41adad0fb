"""Small programs, written as files and evaluated by plain numpy from the equations of Lava's neuron.

The evaluation runs in local time: what a population sends in its step t arrives in step ``t + lag`` of its
targets, and not at all if the sample is over by then.  All arithmetic is int64.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.int64]
_LIMIT = 1 << 23


@dataclass(frozen=True)
class Population:
    """A population; registers are integers or arrays of its shape."""

    name: str
    kind: str
    shape: tuple[int, ...]
    level: int
    du: Any = 4095
    dv: Any = 0
    vth: Any = 100
    bias_mant: Any = 0
    bias_exp: Any = 0
    reset: str = "value"
    late: bool = False
    compare: str = "gt"
    max_value: int = 1

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Projection:
    """A convolution if there is a ``stride``, otherwise dense; ``lag`` is in steps of local time."""

    source: str
    target: str
    weight: Array
    weight_exp: int = 0
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    lag: int = 0


@dataclass(frozen=True)
class Program:
    """Populations in execution order (sources first where there is no lag), and the projections between them."""

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]

    def population(self, name: str) -> Population:
        """Look a population up."""
        return next(population for population in self.populations if population.name == name)


@dataclass(frozen=True)
class Evaluation:
    """Spikes and potentials (samples, steps, neurons), the last sample's final (u, v); in C, H, W order."""

    spikes: dict[str, Array]
    potentials: dict[str, Array]
    final: dict[str, tuple[Array, Array]]


def copy_of(path: Path) -> Callable[[Path], object]:
    """Return what puts a copy of a file where a backend reads it."""
    return partial(shutil.copyfile, path)


def write(program: Program, path: Path) -> Path:
    """Write ``program`` as program.h5 of schema 3."""
    names = {kind: [p.name for p in program.populations if p.kind == kind] for kind in ("input", "lif", "readout")}
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = 3
        file.attrs["chip"] = "loihi2"
        file.attrs["inputs"] = names["input"]
        file.attrs["outputs"] = names["readout"]
        file.attrs["order"] = [population.name for population in program.populations]
        for population in program.populations:
            group = file.create_group(f"populations/{population.name}")
            group.attrs["kind"] = population.kind
            group.attrs["shape"] = population.shape
            group.attrs["level"] = population.level
            if population.kind == "input":
                group.attrs["max_value"] = population.max_value
            else:
                group.attrs["reset"], group.attrs["late"] = population.reset, population.late
                group.attrs["compare"] = population.compare
                for field in ("du", "dv", "vth", "bias_mant", "bias_exp"):
                    group[field] = np.asarray(getattr(population, field), np.int32)
        for index, projection in enumerate(program.projections):
            group = file.create_group(f"projections/{index}")
            source, target = program.population(projection.source), program.population(projection.target)
            group.attrs["kind"] = "conv" if projection.stride else "dense"
            group.attrs["source"], group.attrs["target"] = source.name, target.name
            group.attrs["delay"] = projection.lag - 1 + target.level - source.level
            group.attrs["weight_exp"] = projection.weight_exp
            group["weight"] = projection.weight.astype(np.int16)
            if projection.stride:
                for field in ("stride", "padding", "dilation", "groups"):
                    group.attrs[field] = getattr(projection, field)
    return path


def evaluate(program: Program, inputs: dict[str, npt.NDArray[Any]]) -> Evaluation:
    """Evaluate ``program`` on ``inputs``: (samples, steps, *shape) for each input population."""
    samples, steps = next(iter(inputs.values())).shape[:2]
    neurons = [population for population in program.populations if population.kind != "input"]
    sent = {name: values.astype(np.int64) for name, values in inputs.items()}
    sent |= {population.name: np.zeros((samples, steps, *population.shape), np.int64) for population in neurons}
    states = {population.name: _States.zero((samples, *population.shape)) for population in neurons}
    for step in range(steps):
        for population in neurons:
            arriving = np.zeros((samples, *population.shape), np.int64)
            for projection in program.projections:
                if projection.target == population.name and step >= projection.lag:
                    arriving += _weighted(projection, sent[projection.source][:, step - projection.lag], population)
            states[population.name], sent[population.name][:, step] = _step(
                population, states[population.name], arriving
            )
    flat = {population.name: sent[population.name].reshape(samples, steps, -1) for population in neurons}
    return Evaluation(
        spikes={population.name: flat[population.name] for population in neurons if population.kind == "lif"},
        potentials={population.name: flat[population.name] for population in neurons if population.kind == "readout"},
        final={name: (state.u[-1].ravel(), state.v[-1].ravel()) for name, state in states.items()},
    )


@dataclass(frozen=True)
class _States:
    """States (samples, *shape) after a step, and which neurons are still to be reset for a spike in it."""

    u: Array
    v: Array
    owed: Array

    @classmethod
    def zero(cls, shape: tuple[int, ...]) -> _States:
        return cls(*(np.zeros(shape, np.int64) for _ in range(3)))


def _step(population: Population, states: _States, arriving: Array) -> tuple[_States, Array]:
    """Integrate a step; return the states and what is sent."""
    threshold = np.asarray(population.vth, np.int64) << 6
    subtracts = population.reset == "subtract"
    u = _decayed(states.u, 4096 - (np.asarray(population.du) + 1)) + (arriving << 6)
    u = np.where(u > _LIMIT, u - 2 * _LIMIT, np.where(u <= -_LIMIT, u + 2 * _LIMIT, u))
    bias = np.asarray(population.bias_mant, np.int64) << np.asarray(population.bias_exp)
    v = _decayed(states.v, 4096 - np.asarray(population.dv)) + u + bias
    v = np.clip(v - states.owed * threshold if subtracts else v, 1 - _LIMIT, _LIMIT - 1)
    v = v if subtracts else np.where(states.owed, 0, v)
    if population.kind == "readout":
        return _States(u, v, states.owed), v
    fires = v >= threshold if population.compare == "ge" else v > threshold
    spikes = fires.astype(np.int64)
    if population.late:
        return _States(u, v, spikes), spikes
    return _States(u, v - spikes * threshold if subtracts else np.where(spikes, 0, v), states.owed), spikes


def _decayed(value: Array, factor: Any) -> Array:
    result: Array = np.sign(value) * ((np.abs(value) * factor) >> 12)
    return result


def _weighted(projection: Projection, sent: Array, target: Population) -> Array:
    """Apply the synapses to what was sent in a step (samples, *source shape)."""
    weight = projection.weight.astype(np.int64) << projection.weight_exp
    if projection.stride is None:
        result: Array = (sent.reshape(len(sent), -1) @ weight.T).reshape(-1, *target.shape)
        return result
    (sy, sx), (py, px), (dy, dx) = projection.stride, projection.padding, projection.dilation
    padded = np.pad(sent, ((0, 0), (0, 0), (py, py), (px, px)))
    height, width = target.shape[1:]
    result = np.zeros((len(sent), *target.shape), np.int64)
    made, taken = weight.shape[0] // projection.groups, weight.shape[1]
    for channel, y, x in np.ndindex(weight.shape[0], *weight.shape[2:]):
        first = channel // made * taken
        rows = slice(y * dy, y * dy + (height - 1) * sy + 1, sy)
        columns = slice(x * dx, x * dx + (width - 1) * sx + 1, sx)
        window = padded[:, first : first + taken, rows, columns]
        result[:, channel] += np.einsum("nchw,c->nhw", window, weight[channel, :, y, x])
    return (result + _LIMIT) % (2 * _LIMIT) - _LIMIT
