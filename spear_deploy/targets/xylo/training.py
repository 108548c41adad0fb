"""A network in training that computes what its program computes: forward in integers, backward in float.

Forward is the emulator's own run of the program that the present weights are lowered to, so that it is exact by
construction.  Backward goes through time with the float neuron that the registers stand for; gradients pass straight
through what integers round and clip.  A spike count follows the membrane in thresholds, ``u``, and has the surrogate
gradient of the threshold nearest to it: an arctan around 1, 2, ... up to the most spikes of a step.  Nothing flows
through the reset, and a share alone through feedback, as for the float network.

A threshold is always near, so that even that share grows from step to step, by five orders of magnitude in 315 steps
of a trained loop, until a few samples decide a batch.  So the gradient that comes back through loops is limited in each
step, sample by sample, to ten times the length of what came from outside of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network import Input, Network, Population
from spear_deploy.network.fan_out import FanOut
from spear_deploy.simulate.cell import SURROGATE_SLOPE
from spear_deploy.simulate.scan_kernel import DAMPENING
from spear_deploy.simulate.simulator import Chain, NetworkSimulator
from spear_deploy.targets.xylo.core import Core, CoreRun, run_core
from spear_deploy.targets.xylo.emulator import chip_input
from spear_deploy.targets.xylo.layer import layers_of
from spear_deploy.targets.xylo.program import XyloPopulation, XyloProgram
from spear_deploy.targets.xylo.registers import Registers, kept
from spear_deploy.targets.xylo.rounding import round_trained

Floats = NDArray[np.float32]
Booleans = NDArray[np.bool_]

_MOST_OF_LOOPS = 10.0
"""So many times what came from outside may come back through loops; through 29 steps of JapaneseVowels it is less."""
_SHORTEST = np.float32(1e-30)
"""Least length of a gradient that is divided by."""


class XyloSimulator(NetworkSimulator):
    """Runs a network as the integers of its program; the underlying weights and biases are trainable floats.

    Scales, decays and thresholds stay what the program has; shifts follow the weights.  ``forward`` takes numbers of
    events, and gives the program's spikes, to the last one.
    """

    def __init__(self, network: Network, program: XyloProgram, registers: Registers) -> None:
        structure = _as_lowered(network, program)
        super().__init__(structure, {p.name: Chain(p.ops) for p in structure.projections}, {})
        self.counted = frozenset(port.name for port in structure.inputs)
        self._registers, self._program = registers, program
        self._layers = layers_of(structure, registers)

    def run(self, payloads: Mapping[str, Tensor], membranes: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Run numbers of events (T, B, *shape); ``membranes`` receives those of all populations, in float units.

        Raises :class:`~spear_deploy.errors.InputError` (E039) for other values.
        """
        program = self._settle()
        first = next(iter(payloads.values()))
        ports = {port.name: port for port in program.inputs}
        x = chip_input(program, {name: ports[name].encode(x.detach().cpu().numpy()) for name, x in payloads.items()})
        core = Core.of(program)
        run = run_core(core, x, states=True, threads=torch.get_num_threads())
        loops = self._loops(core)
        spikes: Tensor = IntegerRun.apply(*self._in_chip_units(core), core, x, run, loops)  # type: ignore[no-untyped-call]
        spikes = spikes.to(first.device)
        out = {}
        for population in program.populations:
            own, part = slice(population.depth, population.depth + len(first)), core.neurons[population.name]
            out[population.name] = spikes[own, :, part].unflatten(2, population.shape)
            if membranes is not None:
                v = torch.from_numpy(run.membranes[own, :, part] / population.scale).unflatten(2, population.shape)
                membranes[population.name] = v
        return out

    def fan_outs(self) -> tuple[FanOut, ...]:
        """Return how many synaptic operations a spike of each neuron causes; what rounds to 0 is not a synapse."""
        return self._settle().fan_outs

    def _settle(self) -> XyloProgram:
        """Return the program of the present weights."""
        program = round_trained(self.to_network(), self._registers)
        assert program is not None, "thresholds fit, and are not trained"
        return program

    def _in_chip_units(self, core: Core) -> tuple[Tensor, Tensor]:
        """Return weights (I + N, M) and biases (M,) in chip units, not rounded: what gradients go to."""
        weights, biases = torch.zeros(core.weights.shape, dtype=torch.float64), []
        for layer in self._layers:
            population, columns = self._program.population(layer.name), core.neurons[layer.name]
            constant = torch.zeros(population.size, dtype=torch.float64)
            for each in layer.incoming:
                matrix, offset = self._matrix(each.name, each.source)
                weights[core.rows(each.source), columns] = matrix * torch.from_numpy(layer.gain * population.scale)
                constant = constant + offset
            own = torch.from_numpy(layer.population.neuron.bias.astype(np.float64).reshape(-1))
            on_membrane = own + torch.from_numpy(layer.of_constant) * constant
            biases.append(on_membrane * torch.from_numpy(population.scale))
        return weights, torch.cat(biases)

    def _matrix(self, name: str, source: str) -> tuple[Tensor, Tensor]:
        """Return the synapses (source neurons, target neurons) of a projection, and what its biases add, (n,)."""
        chain, shape = self._chains[name], self.structure[source].shape
        size = int(np.prod(shape))
        device = next(self.parameters()).device
        units = torch.cat([torch.zeros(1, size), torch.eye(size)]).to(device).reshape(1, size + 1, *shape)
        mapped = chain(units)[0].flatten(1).double().cpu()
        return mapped[1:] - mapped[:1], mapped[0]

    def _loops(self, core: Core) -> Booleans:
        """Return which synapses between neurons are part of a loop: (N, M)."""
        within = np.zeros((core.hidden, core.weights.shape[1]), np.bool_)
        loop_of = {name: loop for loop in self.structure.loops for name in loop}
        for projection in self.structure.projections:
            if projection.source in loop_of and loop_of[projection.source] == loop_of.get(projection.target):
                within[core.neurons[projection.source], core.neurons[projection.target]] = True
        return within


class IntegerRun(torch.autograd.Function):
    """Spikes (T, B, M) of a run; gradients go to weights (I + N, M) and biases (M,) in chip units."""

    @staticmethod
    def forward(
        ctx: Any, weights: Tensor, bias: Tensor, core: Core, x: NDArray[np.uint8], run: CoreRun, loops: Booleans
    ) -> Tensor:
        """Keep the run for the backward pass."""
        ctx.core, ctx.x, ctx.run, ctx.loops = core, x, run, loops
        # Named to torch too, so that who counts what a pass keeps sees these.
        ctx.save_for_backward(torch.from_numpy(run.membranes), torch.from_numpy(run.spikes))
        return torch.from_numpy(run.spikes.astype(np.float32))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        """Go back through time."""
        core, run = ctx.core, ctx.run
        arrived, moved = _backward(gradients[0].cpu().numpy(), core, run, ctx.loops)
        spikes = run.spikes[:, :, : core.hidden].astype(np.float32)
        of_inputs = np.tensordot(ctx.x.astype(np.float32), arrived, ((0, 1), (0, 1)))
        of_hidden = np.tensordot(spikes[:-1], arrived[1:], ((0, 1), (0, 1)))
        weights = torch.from_numpy(np.concatenate([of_inputs, of_hidden])).double()
        return weights, torch.from_numpy(moved).double(), None, None, None, None


def _backward(grad: Floats, core: Core, run: CoreRun, loops: Booleans) -> tuple[Floats, Floats]:
    """Return the gradients of what arrived, (T, B, M), and of biases, (M,), in chip units; ``grad`` is of spikes."""
    slopes = _surrogate(core, run)
    keep_i, keep_v = (kept(dash).astype(np.float32) for dash in (core.registers.dash_syn, core.registers.dash_mem))
    weights = core.weights[core.inputs :]
    outside, within = ((weights * part).T.astype(np.float32) for part in (~loops, loops))
    arrived = np.empty_like(grad)
    of_v, of_i, later, bias = *(np.zeros_like(grad[0]) for _ in range(3)), np.zeros(grad.shape[2], np.float32)
    most = np.zeros((grad.shape[1], 1), np.float32)
    for t in range(len(grad) - 1, -1, -1):
        of_spikes = grad[t].copy()
        hidden = of_spikes[:, : core.hidden]
        hidden += later @ outside
        most = np.maximum(most, _length(hidden))
        hidden += _limited(DAMPENING * (later @ within), _MOST_OF_LOOPS * most)
        of_v = slopes[t] * of_spikes + keep_v * of_v
        of_i = of_v + keep_i * of_i
        later = arrived[t] = keep_i * of_i
        bias += of_v.sum(axis=0)
    return arrived, bias


def _limited(rows: Floats, most: Floats) -> Floats:
    """Return rows (B, n) that are no longer than ``most`` (B, 1), in the same directions."""
    return np.asarray(rows * (most / np.maximum(np.maximum(_length(rows), most), _SHORTEST)), np.float32)


def _length(rows: Floats) -> Floats:
    return np.asarray(np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _surrogate(core: Core, run: CoreRun) -> Floats:
    """Return d spikes / d membrane before the reset, in chip units: (T, B, M)."""
    threshold, most = (a.astype(np.float32) for a in (core.registers.threshold, core.registers.most))
    u = run.membranes.astype(np.float32) / threshold + run.spikes
    distance = u - np.clip(np.rint(u), 1, most)
    slope = np.float32(SURROGATE_SLOPE)
    peaked = (slope / 2) / (1 + np.square(np.float32(np.pi / 2) * slope * distance))
    return np.asarray(peaked / threshold, np.float32)


def _as_lowered(network: Network, program: XyloProgram) -> Network:
    """Return the network with the decays that the program has, and its scales as resolutions."""

    def lowered(population: Input | Population) -> Input | Population:
        if isinstance(population, Input):
            return population
        own = program.population(population.name)
        alpha, beta = (_full(kept(dash), own) for dash in (own.dash_syn, own.dash_mem))
        neuron = replace(population.neuron, alpha=alpha, beta=beta)
        return replace(population, neuron=neuron, resolution=own.scale.reshape(own.shape))

    return replace(network, populations=tuple(lowered(population) for population in network.populations))


def _full(values: NDArray[np.float64], population: XyloPopulation) -> Floats:
    return np.ascontiguousarray(values.reshape(population.shape), np.float32)
