"""Export to lava-dl's ``.net`` format (HDF5), which its netx loads: what an owner of Loihi 2 runs.

A ``.net`` file is a chain of layers, so only a chain of populations fits: each with a threshold, fed by the one
before, possibly with delays, or by itself.  netx runs what is written here bit for bit as the emulator does, or the
export is refused.  Layout and limits: docs/netx.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.net import file as net_file
from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.frontends.net.limits import (
    BIAS_EXPONENT,
    MAX_BIAS_MANTISSA,
    MAX_DELAY,
    MAX_GEOMETRY,
    bits_problem,
    loading_problem,
    range_problem,
)
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.registers import LAVA


class NetExporter:
    """The format as an exporter of the target."""

    def findings(self, program: LoihiProgram) -> tuple[Finding, ...]:
        """Return what the format cannot hold (E038)."""
        return refusals(program)

    def write(self, path: Path, program: LoihiProgram) -> None:
        """Write the file; see :func:`write_net`."""
        write_net(path, program)


def write_net(path: Path, program: LoihiProgram) -> None:
    """Write ``program`` as a ``.net`` file, atomically; equal programs give equal bytes.

    Raises :class:`UnsupportedError` (E038) with all that the format or netx cannot take.
    """
    findings = refusals(program)
    if findings:
        raise UnsupportedError(findings)
    net_file.write(path, _layers(program, _stages(program)))


def refusals(program: LoihiProgram) -> tuple[Finding, ...]:
    """Find all that the format cannot hold, or that netx would not run bit for bit (E038)."""
    stages = _stages(program)
    if program.arithmetic != LAVA:
        return (_finding("chip", program.chip, "its registers have other widths than netx's neurons"),)
    findings = [*_chain_findings(program, stages), *_neuron_findings(program)]
    findings += [finding for stage in stages for finding in _synapse_findings(program, stage)]
    if not findings:  # only of a chain can it be told
        findings += _early_findings(program, stages)
    return tuple(findings)


@dataclass(frozen=True, eq=False)
class _Stage:
    """A population and the projections into it: from others (``forward``) and from itself."""

    population: LoihiPopulation
    forward: Sequence[LoihiProjection]
    recurrent: Sequence[LoihiProjection]

    @classmethod
    def of(cls, program: LoihiProgram, population: LoihiPopulation) -> _Stage:
        incoming = program.into(population.name)
        forward = [p for p in incoming if p.synapses.source != population.name]
        return cls(population, forward, [p for p in incoming if p.synapses.source == population.name])


def _stages(program: LoihiProgram) -> list[_Stage]:
    return [_Stage.of(program, population) for population in program.populations]


def _layers(program: LoihiProgram, stages: Sequence[_Stage]) -> Iterator[NetLayer]:
    (port,) = program.inputs
    is_map = isinstance(stages[0].forward[0].synapses, ConvSynapses)
    yield NetLayer("input", {"shape": port.shape if is_map else [prod(port.shape)]})
    for stage in stages:
        first = stage.forward[0]
        if isinstance(first.synapses, ConvSynapses):
            yield _convolution(first.synapses, _effective(first), stage.population)
            is_map = True
            continue
        layer = _dense(program, stage)
        if is_map:
            yield NetLayer("flatten", {"shape": [layer.values["inFeatures"]]})
        yield layer
        is_map = False


def _convolution(synapses: ConvSynapses, weight: NDArray[np.int32], population: LoihiPopulation) -> NetLayer:
    values = {
        "shape": population.shape,
        "inChannels": weight.shape[1] * synapses.groups,
        "outChannels": weight.shape[0],
        "kernelSize": weight.shape[2:],
        "stride": synapses.stride,
        "padding": synapses.padding,
        "dilation": synapses.dilation,
        "groups": synapses.groups,
        "weight": weight,
    }
    return NetLayer("conv", values | _neuron(population, is_map=True))


def _dense(program: LoihiProgram, stage: _Stage) -> NetLayer:
    """Return a dense layer; projections of different delays share its matrix."""
    weight = _joint(stage.forward)
    delay = np.zeros_like(weight)
    for projection in stage.forward:
        delay[projection.synapses.weight != 0] = program.lag(projection)
    values: dict[str, Any] = {
        "shape": [stage.population.size],
        "inFeatures": weight.shape[1],
        "outFeatures": weight.shape[0],
        "weight": weight,
    }
    if delay.any():
        values["delay"] = delay
    if stage.recurrent:
        values["weight_rec"] = _joint(stage.recurrent)
    kind = "dense_rec" if stage.recurrent else "dense"
    return NetLayer(kind, values | _neuron(stage.population, is_map=False))


def _neuron(population: LoihiPopulation, *, is_map: bool) -> dict[str, Any]:
    def lay_out(values: NDArray[np.int32]) -> NDArray[np.int32]:
        if values.ndim == 0 or not is_map:
            return values.reshape(-1) if values.ndim else values
        return values[:, 0, 0] if np.all(values == values[:, :1, :1]) else values.T  # (C,) or (W, H, C)

    fields = {
        "neuron/type": "CUBA",
        "neuron/iDecay": lay_out(population.du + 1),
        "neuron/vDecay": lay_out(population.dv),
        "neuron/vThMant": lay_out(population.vth),
        "neuron/refDelay": 1,
        "neuron/gradedSpike": False,
    }
    bias = np.broadcast_to(_bias(population) >> BIAS_EXPONENT, population.shape)
    return fields | ({"bias": lay_out(bias)} if bias.any() else {})


def _chain_findings(program: LoihiProgram, stages: Sequence[_Stage]) -> Iterator[Finding]:
    """Find where the program is not a chain of layers."""
    for port in program.inputs[1:]:
        yield _finding("input", port.name, "it is a second input; a .net file has one")
    for name in program.shapes:
        fed = {s.population.name for s in stages for p in s.forward if p.synapses.source == name}
        if len(fed) > 1:
            yield _finding("population", name, f"it feeds {len(fed)} populations; a layer feeds the next one only")
    for stage in stages:
        sources = {p.synapses.source for p in stage.forward}
        if len(sources) != 1:
            message = f"it is fed by {len(sources)} populations; a layer is fed by the one before"
            yield _finding("population", stage.population.name, message)
    for stage in stages:
        is_dense = any(isinstance(p.synapses, DenseSynapses) for p in stage.forward)
        after = [p for s in stages for p in s.forward if p.synapses.source == stage.population.name]
        if is_dense and any(isinstance(p.synapses, ConvSynapses) for p in after):
            message = "a dense layer makes a vector, which the convolution after it cannot take"
            yield _finding("population", stage.population.name, message)


def _neuron_findings(program: LoihiProgram) -> Iterator[Finding]:
    """Find neurons and biases that netx does not have."""
    for population in program.populations:
        bias = _bias(population)
        if population.kind == "readout":
            message = "it has no threshold; netx has no such neuron"
            yield _finding("population", population.name, message, "train an output that spikes")
        if population.reset != "value" or population.reset_delay:
            how = "by subtraction" if population.reset != "value" else "to zero"
            when = ", a step after the spike" if population.reset_delay else ""
            message = f"it resets {how}{when}; netx's neuron resets to zero in the step of the spike"
            yield _finding("population", population.name, message, "compile with --adapt, or train with that reset")
        if np.any(bias % (1 << BIAS_EXPONENT)):
            message = f"its bias is not a multiple of {1 << BIAS_EXPONENT}, the unit of a .net file"
            yield _finding("population", population.name, message, "compile with --net")
        elif np.abs(bias >> BIAS_EXPONENT).max() > MAX_BIAS_MANTISSA:
            message = f"its bias exceeds {MAX_BIAS_MANTISSA} * {1 << BIAS_EXPONENT}"
            yield _finding("population", population.name, message, "train with a smaller bias")


def _synapse_findings(program: LoihiProgram, stage: _Stage) -> Iterator[Finding]:
    """Find what keeps the projections of one stage from being a layer, else what netx would change of it."""
    if len({p.synapses.source for p in stage.forward}) > 1:
        return iter(())  # told already
    problems = [*_layer_problems(program, stage)] or [*_weight_problems(stage)]
    return (_finding("population", stage.population.name, message, fix) for message, fix in problems)


def _layer_problems(program: LoihiProgram, stage: _Stage) -> Iterator[tuple[str, str]]:
    """Yield a message and a fix for everything that makes a stage no layer."""
    lags, loops = {program.lag(p) for p in stage.forward}, {program.lag(p) for p in stage.recurrent}
    is_map = any(isinstance(p.synapses, ConvSynapses) for p in (*stage.forward, *stage.recurrent))
    if is_map and len(stage.forward) + len(stage.recurrent) > 1:
        yield "netx has recurrence and several delays as matrices only, no convolution among them", ""
    if is_map and lags - {0}:
        yield f"its spikes arrive {max(lags)} steps late; netx ignores delays of convolutions", "train without delays"
    if max(lags, default=0) > MAX_DELAY:
        yield (
            f"its spikes arrive {max(lags)} steps late; netx clamps delays to {MAX_DELAY}",
            "train with shorter delays",
        )
    if loops - {1}:
        yield f"it hears itself after {max(loops)} steps; a layer of netx does so after one", "train with that delay"
    if loops and lags - {0}:
        yield "netx loses the weight exponent of a recurrent layer with delays", "train without one of them"
    if not is_map and (_overlap(stage.forward) or _overlap(stage.recurrent)):
        yield "two of its projections join the same two neurons; a layer has one synapse for each pair", ""


def _weight_problems(stage: _Stage) -> Iterator[tuple[str, str]]:
    """Yield a message and a fix for everything that netx would change on loading, or hardware cannot hold."""
    first = stage.forward[0].synapses if stage.forward else None
    if isinstance(first, ConvSynapses):
        blocks = [_effective(stage.forward[0])]
        largest = max(*first.weight.shape[2:], *first.stride, *first.padding, *first.dilation, first.groups)
        if largest > MAX_GEOMETRY:
            yield f"a kernel, stride, padding, dilation or groups of {largest} exceeds {MAX_GEOMETRY}", ""
    else:
        blocks = [_joint(projections) for projections in (stage.forward, stage.recurrent) if projections]
    if not blocks:
        return
    if (problem := range_problem(*blocks)) or (problem := bits_problem(*blocks)):
        yield problem, "compile with --net"
    elif not isinstance(first, ConvSynapses) and (problem := loading_problem(*blocks)):
        yield problem, "prune less, or quantise with other bits"


def _early_findings(program: LoihiProgram, stages: Sequence[_Stage]) -> Iterator[Finding]:
    """Find biases whose spikes before a sample would arrive within it.

    A layer's first step of a sample is later than netx's first one, by as many as there are layers before it and one.
    netx clears u and v then, but no spikes on their way: those of delays and of recurrence.
    """
    waits = [
        i - (not s.recurrent) for i, s in enumerate(stages) if s.recurrent or {program.lag(p) for p in s.forward} - {0}
    ]
    for index, stage in enumerate(stages[: max(waits, default=-1) + 1]):
        if _fires_within(stage.population, index + 1):
            message = "its bias makes it fire before a sample begins, and netx cannot clear delayed or recurrent spikes"
            yield _finding("population", stage.population.name, message, "train with a smaller bias")


def _fires_within(population: LoihiPopulation, steps: int) -> bool:
    """Whether the bias alone makes a neuron fire within this many steps."""
    v = np.zeros(population.shape, np.int64)
    kept = LAVA.decay_unit - population.dv.astype(np.int64)
    for _ in range(steps):
        v = np.sign(v) * (np.abs(v) * kept >> LAVA.decay_bits) + _bias(population)
        if np.any(v > population.vth.astype(np.int64) << LAVA.shift):
            return True
    return False


def _overlap(projections: Sequence[LoihiProjection]) -> bool:
    """Whether two matrices have a weight at the same place."""
    return len(projections) > 1 and bool(np.any(sum((p.synapses.weight != 0).astype(int) for p in projections) > 1))


def _joint(projections: Sequence[LoihiProjection]) -> NDArray[np.int32]:
    """Return the matrix of projections between the same two populations."""
    weight: NDArray[np.int32] = np.sum([_effective(projection) for projection in projections], axis=0, dtype=np.int32)
    return weight


def _effective(projection: LoihiProjection) -> NDArray[np.int32]:
    """Return the weights with their exponent applied."""
    one = projection.as_one
    weight: NDArray[np.int32] = one.synapses.weight.astype(np.int32) << one.exponent
    return weight


def _bias(population: LoihiPopulation) -> NDArray[np.int32]:
    """Return what is added to v in every step."""
    bias: NDArray[np.int32] = population.bias_mant << population.bias_exp
    return bias


def _finding(kind: str, name: str, message: str, fix: str = "") -> Finding:
    return Finding("E038", f"{kind} {name!r}", message, fix)
