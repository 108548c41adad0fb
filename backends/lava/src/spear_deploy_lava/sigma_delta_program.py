"""Reads programs of sigma-delta neurons (HDF5, schema 1; all integers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from spear_deploy_lava.errors import BadInputError
from spear_deploy_lava.inputs import IntArray, Port

SCHEMA = 1
KINDS = ("delta", "sigma_delta", "sigma")
ACTIVATIONS = ("relu", "unit")
LARGEST_MIXED, LARGEST_OF_ONE_SIGN = 127, 255
"""Weights in 8 bits: of both signs up to 127, or even and up to 254; of one sign up to 255."""


@dataclass(frozen=True)
class Population:
    """``kind`` is Lava's process, ``shape`` (C, H, W) or (N,); ``bias`` is one number, (), or of that shape."""

    name: str
    kind: str
    shape: tuple[int, ...]
    threshold: int
    bias: IntArray
    activation: str
    cumulative_error: bool
    spike_exp: int
    state_exp: int

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Synapses:
    """Weights into a population: (target size, source size) of a matrix, flattened in C, H, W order.

    Those of a convolution are (Cout, Cin/groups, kH, kW) as a cross-correlation, with a ``geometry``: stride, padding
    and dilation, (y, x) each, and groups.
    """

    weight: IntArray
    geometry: Mapping[str, tuple[int, ...]] | None


@dataclass(frozen=True)
class Program:
    """A chain: the input, then ``populations``, each with its ``synapses``, or None for an encoder."""

    port: Port
    populations: tuple[Population, ...]
    synapses: Mapping[str, Synapses | None]


def read_program(path: Path) -> Program:
    """Read a program; :class:`BadInputError` if it is none, or if Lava would silently run it wrongly."""
    try:
        with h5py.File(path, "r") as file:
            if int(file.attrs["schema"]) != SCHEMA:
                raise BadInputError(f"{path}: schema {file.attrs['schema']}, this backend reads schema {SCHEMA}")
            given = file["input"].attrs
            port = Port(_text(given["name"]), _shape(given["shape"]), int(given["max_value"]))
            groups = [file["populations"][_text(name)] for name in file.attrs["order"]]
            populations = tuple(_population(group) for group in groups)
            synapses = {p.name: _synapses(group) for p, group in zip(populations, groups, strict=True)}
    except BadInputError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: not a sigma-delta program of schema {SCHEMA}: {error}") from error
    program = Program(port, populations, synapses)
    _check(program)
    return program


def _population(group: h5py.Group) -> Population:
    return Population(
        name=_text(group.name).rsplit("/", 1)[-1],
        kind=_text(group.attrs["kind"]),
        shape=_shape(group.attrs["shape"]),
        threshold=int(group.attrs["threshold"]),
        bias=np.asarray(group["bias"][()]),
        activation=_text(group.attrs["activation"]),
        cumulative_error=bool(group.attrs["cumulative_error"]),
        spike_exp=int(group.attrs["spike_exp"]),
        state_exp=int(group.attrs["state_exp"]),
    )


def _synapses(group: h5py.Group) -> Synapses | None:
    if "weight" not in group:
        return None
    attributes = group["weight"].attrs
    names = ("stride", "padding", "dilation", "groups")
    geometry = {name: _shape(np.atleast_1d(attributes[name])) for name in names} if "stride" in attributes else None
    return Synapses(group["weight"][()], geometry)


def _check(program: Program) -> None:
    if not program.populations:
        raise BadInputError("a program needs a population")
    for rank, population in enumerate(program.populations):
        name, synapses = population.name, program.synapses[population.name]
        if population.kind not in KINDS or population.activation not in ACTIVATIONS:
            raise BadInputError(f"population {name}: unknown kind {population.kind!r} or {population.activation!r}")
        if (population.kind == "delta") != (synapses is None) or (synapses is None and rank > 0):
            raise BadInputError(f"population {name}: an encoder stands first and has no synapses, all others have")
        if population.threshold < 0 or population.bias.shape not in ((), population.shape):
            raise BadInputError(f"population {name}: threshold {population.threshold}, bias {population.bias.shape}")
        if synapses is not None:
            _check_weight(name, synapses.weight)


def _check_weight(name: str, weight: IntArray) -> None:
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    scale = 1 if low >= 0 or high <= 0 else 2 if not np.any(weight % 2) else 1
    limit = (LARGEST_MIXED if low < 0 < high else LARGEST_OF_ONE_SIGN) * scale
    if not weight.size or max(-low, high) > limit + (scale == 2) * 2:
        raise BadInputError(f"population {name}: weights {low}..{high} do not fit 8 bits")


def _shape(values: IntArray) -> tuple[int, ...]:
    return tuple(int(size) for size in values)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
