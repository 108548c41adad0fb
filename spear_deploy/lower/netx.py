"""Export to lava-dl's ``.net`` format (HDF5), which its netx loads: what an owner of Loihi 2 runs.

A ``.net`` file is a chain of layers, so only a chain of populations fits: each with a threshold, one
projection in and at most one out.  netx runs what is written here bit for bit as the emulator does, or the
export is refused.  Layout and limits: docs/netx.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.lower.compose import ConvSynapses, DenseSynapses
from spear_deploy.lower.program import ChipPopulation, ChipProgram, ChipProjection
from spear_deploy.storage import atomic

Layer: TypeAlias = Mapping[str, Any]
"""Data sets of one layer by name."""

_BIAS_EXPONENT = 6
"""netx gives every bias this exponent."""
_MAX_BIAS = 4095
_MIN_WEIGHT, _MAX_WEIGHT = -256, 254
_MAX_GEOMETRY = 127
"""Lava's model of a convolution keeps its geometry in int8."""


def write_net(path: Path, program: ChipProgram) -> None:
    """Write ``program`` as a ``.net`` file, atomically; equal programs give equal bytes.

    Raises :class:`UnsupportedError` (E038) with all that the format or netx cannot take.
    """
    findings = [*_chain_findings(program), *_value_findings(program)]
    if findings:
        raise UnsupportedError(findings)
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        for index, layer in enumerate(_layers(program)):
            for name, value in layer.items():
                file[f"layer/{index}/{name}"] = value


def _layers(program: ChipProgram) -> Iterator[Layer]:
    (port,) = program.inputs
    is_map = _feeds_convolution(program, port.name)
    yield {"type": _text("input"), "shape": port.shape if is_map else [prod(port.shape)]}
    for population in program.populations:
        (projection,) = program.into(population.name)
        if isinstance(projection.synapses, ConvSynapses):
            yield _convolution(projection.synapses, _effective(projection), population)
            is_map = True
            continue
        if is_map:
            yield {"type": _text("flatten"), "shape": [projection.synapses.weight.shape[1]]}
        yield _dense(_effective(projection), population)
        is_map = False


def _convolution(synapses: ConvSynapses, weight: NDArray[np.int32], population: ChipPopulation) -> Layer:
    return {
        "type": _text("conv"),
        "shape": population.shape,
        "inChannels": weight.shape[1] * synapses.groups,
        "outChannels": weight.shape[0],
        "kernelSize": weight.shape[2:],
        "stride": synapses.stride,
        "padding": synapses.padding,
        "dilation": synapses.dilation,
        "groups": synapses.groups,
        "weight": weight,
        **_neuron(population, is_map=True),
    }


def _dense(weight: NDArray[np.int32], population: ChipPopulation) -> Layer:
    return {
        "type": _text("dense"),
        "shape": [population.size],
        "inFeatures": weight.shape[1],
        "outFeatures": weight.shape[0],
        "weight": weight,
        **_neuron(population, is_map=False),
    }


def _neuron(population: ChipPopulation, *, is_map: bool) -> Layer:
    def laid_out(values: NDArray[np.int32]) -> NDArray[np.int32]:
        if values.ndim == 0 or not is_map:
            return values.reshape(-1) if values.ndim else values
        return values[:, 0, 0] if np.all(values == values[:, :1, :1]) else values.T  # (C,) or (W, H, C)

    fields = {
        "neuron/type": _text("CUBA"),
        "neuron/iDecay": laid_out(population.du + 1),
        "neuron/vDecay": laid_out(population.dv),
        "neuron/vThMant": laid_out(population.vth),
        "neuron/refDelay": 1,
        "neuron/gradedSpike": False,
    }
    bias = np.broadcast_to(_bias(population) >> _BIAS_EXPONENT, population.shape)
    return fields | ({"bias": laid_out(bias)} if bias.any() else {})


def _chain_findings(program: ChipProgram) -> Iterator[Finding]:
    """Find where the program is no chain of layers."""
    for port in program.inputs[1:]:
        yield _finding("input", port.name, "it is a second input; a .net file has one")
    for name in program.shapes:
        fed = [p.synapses.target for p in program.projections if p.synapses.source == name]
        if len(fed) > 1:
            yield _finding("population", name, f"it feeds {len(fed)} projections; a layer feeds the next one only")
    for population in program.populations:
        incoming = program.into(population.name)
        if len(incoming) != 1:
            message = f"it receives {len(incoming)} projections; a layer receives one, from the layer before"
            yield _finding("population", population.name, message)
        if population.kind == "readout":
            message = "it has no threshold; netx has no such neuron"
            yield _finding("population", population.name, message, "train an output that spikes")
    for projection in program.projections:
        synapses = projection.synapses
        if projection.delay:
            yield _finding("projection", synapses.name, f"it skips {projection.delay} levels; a .net file has no skips")
        if _feeds_convolution(program, synapses.target) and isinstance(synapses, DenseSynapses):
            message = "a dense layer makes a vector, which the convolution after it cannot take"
            yield _finding("projection", synapses.name, message)


def _value_findings(program: ChipProgram) -> Iterator[Finding]:
    """Find values that netx would change on loading."""
    for projection in program.projections:
        for message, fix in _weight_problems(projection):
            yield _finding("projection", projection.synapses.name, message, fix)
    for population in program.populations:
        bias = _bias(population)
        if np.any(bias % (1 << _BIAS_EXPONENT)):
            message = f"its bias is no multiple of {1 << _BIAS_EXPONENT}, the unit of a .net file"
            yield _finding("population", population.name, message, "train without a bias")
        elif np.abs(bias >> _BIAS_EXPONENT).max() > _MAX_BIAS:
            message = f"its bias exceeds {_MAX_BIAS} * {1 << _BIAS_EXPONENT}"
            yield _finding("population", population.name, message, "train with a smaller bias")


def _weight_problems(projection: ChipProjection) -> Iterator[tuple[str, str]]:
    """Yield a message and a fix for everything that keeps netx from these synapses.

    Effective weights of 8-bit mantissas within -256..254 are even where they exceed 127: they fit 8 bits.
    """
    synapses, weight = projection.synapses, _effective(projection)
    low, high = int(weight.min()), int(weight.max())
    if low < _MIN_WEIGHT or high > _MAX_WEIGHT:
        message = f"weights {low} to {high} lie outside {_MIN_WEIGHT} to {_MAX_WEIGHT}: netx has no weight exponent"
        yield message, "quantise with weight exponents of at most 1"
    if isinstance(synapses, ConvSynapses):
        kernel = synapses.weight.shape[2:]
        largest = max(*kernel, *synapses.stride, *synapses.padding, *synapses.dilation, synapses.groups)
        if largest > _MAX_GEOMETRY:
            yield f"a kernel, stride, padding, dilation or groups of {largest} exceeds {_MAX_GEOMETRY}", ""
    elif low == high == 0:
        yield "all its weights are zero, which netx cannot load", "prune less, or remove the layers behind"
    elif high <= 0 and -low & (-low - 1) == 0:
        yield f"its weights are all negative or zero and reach {low}, a power of two: netx clips it to {low + 1}", ""


def _feeds_convolution(program: ChipProgram, name: str) -> bool:
    return any(isinstance(p.synapses, ConvSynapses) for p in program.projections if p.synapses.source == name)


def _effective(projection: ChipProjection) -> NDArray[np.int32]:
    """Return the weights with their exponent applied."""
    weight: NDArray[np.int32] = projection.synapses.weight.astype(np.int32) << projection.exponent
    return weight


def _bias(population: ChipPopulation) -> NDArray[np.int32]:
    """Return what is added to v in every step."""
    bias: NDArray[np.int32] = population.bias_mant << population.bias_exp
    return bias


def _text(text: str) -> NDArray[np.bytes_]:
    """Return text as lava-dl stores it."""
    return np.array([text], "S10")


def _finding(kind: str, name: str, message: str, fix: str = "") -> Finding:
    return Finding("E038", f"{kind} {name!r}", message, fix)
