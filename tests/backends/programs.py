"""Small programs, written as files and evaluated by plain numpy from the equations of Lava's neuron.

The evaluation runs in local time: a population's step depends on the same step of its sources, since
levels and delays align them.  All arithmetic is int64.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.int64]
_LIMIT = 1 << 23


@dataclass(frozen=True)
class Population:
    """A population; parameters are integers or arrays of its shape."""

    name: str
    kind: str
    shape: tuple[int, ...]
    level: int
    du: Any = 4095
    dv: Any = 0
    vth: Any = 100
    bias_mant: Any = 0
    bias_exp: Any = 0
    max_value: int = 1

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Projection:
    """A convolution if there is a ``stride``, otherwise dense."""

    source: str
    target: str
    weight: Array
    weight_exp: int = 0
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class Program:
    """Populations in execution order, and the projections between them."""

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


def write(program: Program, path: Path) -> Path:
    """Write ``program`` as program.h5 of schema 1."""
    names = {kind: [p.name for p in program.populations if p.kind == kind] for kind in ("input", "lif", "readout")}
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = 1
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
                for field in ("du", "dv", "vth", "bias_mant", "bias_exp"):
                    group[field] = np.asarray(getattr(population, field), np.int32)
        for index, projection in enumerate(program.projections):
            group = file.create_group(f"projections/{index}")
            source, target = program.population(projection.source), program.population(projection.target)
            group.attrs["kind"] = "conv" if projection.stride else "dense"
            group.attrs["source"], group.attrs["target"] = source.name, target.name
            group.attrs["delay"] = target.level - source.level - 1
            group.attrs["weight_exp"] = projection.weight_exp
            group["weight"] = projection.weight.astype(np.int16)
            if projection.stride:
                for field in ("stride", "padding", "dilation", "groups"):
                    group.attrs[field] = getattr(projection, field)
    return path


def evaluate(program: Program, inputs: dict[str, npt.NDArray[Any]]) -> Evaluation:
    """Evaluate ``program`` on ``inputs``: (samples, steps, *shape) for each input population."""
    sent = {name: values.astype(np.int64) for name, values in inputs.items()}
    evaluation = Evaluation({}, {}, {})
    for population in program.populations:
        if population.kind == "input":
            continue
        samples, steps = next(iter(sent.values())).shape[:2]
        arriving = np.zeros((samples, steps, *population.shape), np.int64)
        for projection in program.projections:
            if projection.target == population.name:
                arriving += _weighted(projection, sent[projection.source], population)
        u = v = np.zeros((samples, *population.shape), np.int64)
        output = np.zeros_like(arriving)
        for step in range(steps):
            u, v = _integrate(population, u, v, arriving[:, step])
            if population.kind == "lif":
                output[:, step] = v > np.asarray(population.vth) << 6
                v = np.where(output[:, step], 0, v)
            else:
                output[:, step] = v
        sent[population.name] = output
        flat = output.reshape(samples, steps, -1)
        (evaluation.spikes if population.kind == "lif" else evaluation.potentials)[population.name] = flat
        evaluation.final[population.name] = (u[-1].ravel(), v[-1].ravel())
    return evaluation


def _integrate(population: Population, u: Array, v: Array, arriving: Array) -> tuple[Array, Array]:
    u = _decayed(u, 4096 - (np.asarray(population.du) + 1)) + (arriving << 6)
    u = np.where(u > _LIMIT, u - 2 * _LIMIT, np.where(u <= -_LIMIT, u + 2 * _LIMIT, u))
    bias = np.asarray(population.bias_mant, np.int64) << np.asarray(population.bias_exp)
    v = np.clip(_decayed(v, 4096 - np.asarray(population.dv)) + u + bias, 1 - _LIMIT, _LIMIT - 1)
    return u, v


def _decayed(value: Array, factor: Any) -> Array:
    result: Array = np.sign(value) * ((np.abs(value) * factor) >> 12)
    return result


def _weighted(projection: Projection, sent: Array, target: Population) -> Array:
    weight = projection.weight.astype(np.int64) << projection.weight_exp
    if projection.stride is None:
        return (sent.reshape(*sent.shape[:2], -1) @ weight.T).reshape(*sent.shape[:2], *target.shape)
    (sy, sx), (py, px), (dy, dx) = projection.stride, projection.padding, projection.dilation
    padded = np.pad(sent, ((0, 0), (0, 0), (0, 0), (py, py), (px, px)))
    height, width = target.shape[1:]
    result = np.zeros((*sent.shape[:2], *target.shape), np.int64)
    made, taken = weight.shape[0] // projection.groups, weight.shape[1]
    for channel, y, x in np.ndindex(weight.shape[0], *weight.shape[2:]):
        first = channel // made * taken
        rows = slice(y * dy, y * dy + (height - 1) * sy + 1, sy)
        columns = slice(x * dx, x * dx + (width - 1) * sx + 1, sx)
        window = padded[:, :, first : first + taken, rows, columns]
        result[:, :, channel] += np.einsum("ntchw,c->nthw", window, weight[channel, :, y, x])
    return (result + _LIMIT) % (2 * _LIMIT) - _LIMIT
