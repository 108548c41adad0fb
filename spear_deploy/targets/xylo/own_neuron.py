"""Give a network Xylo's own neuron in place of neurons that the chip does not have.

The neuron has a synaptic current, decays of 1 - 2^-d, a reset by subtraction in the step of the spike, several spikes
a step (outputs: one), and a membrane that starts at 0 and is not clipped.  Decays move to the nearest that there is,
and the gain with them, so that a lasting input drives a neuron as strongly as before.

A recurrent network that was trained with one spike a step runs away with several, and from there no training finds
back.  So its loops are weakened until it fires no more than it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spear_deploy.frontends import Semantics
from spear_deploy.network import Conv2d, Input, Linear, LinearOp, Network, Neuron, Population, Projection
from spear_deploy.targets.observation import observe
from spear_deploy.targets.ports import InputRange
from spear_deploy.targets.xylo.registers import Registers, kept, nearest_dash

_WEAKER = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""What the weights of loops are multiplied by, one after the other."""


def with_own_neurons(network: Network, registers: Registers, ranges: Mapping[str, InputRange]) -> Network:
    """Return the network with every firing neuron as the chip's own; populations that are so stay the same.

    ``ranges`` have the samples that activity is compared on.
    """
    populations = tuple(
        _own(population, population.name in network.outputs, registers) for population in network.populations
    )
    if all(own is before for own, before in zip(populations, network.populations, strict=True)):
        return network
    adapted = replace(network, populations=populations)
    runs_on = any(_fires_more(before, adapted) for before in network.neurons if _is_in_loop(before.name, network))
    return _calmed(adapted, _spikes(network, ranges), ranges) if runs_on else adapted


def own_semantics(semantics: Semantics) -> Semantics:
    """Return the semantics of such a network."""
    changed = {"reset": "subtract", "reset_delay": False, "compare": "ge", "spikes": "integer", "floor": None}
    return replace(semantics, start="reset", **changed)  # type: ignore[arg-type]


def _own(population: Input | Population, is_output: bool, registers: Registers) -> Input | Population:
    if isinstance(population, Input) or population.neuron.is_readout:
        return population
    neuron = population.neuron
    alpha = kept(nearest_dash(neuron.alpha, 1, registers.max_decay)).astype(np.float32)
    beta = kept(nearest_dash(neuron.beta, 0, registers.max_decay)).astype(np.float32)
    own = replace(
        neuron,
        alpha=alpha,
        beta=beta,
        gain=_as_strong(neuron, alpha, beta),
        reset_value=np.zeros_like(neuron.reset_value),
        reset="subtract",
        reset_delay=False,
        compare="ge",
        spikes="binary" if is_output else "integer",
        floor=None,
        start_value=None,
    )
    return population if own.is_alike(neuron) else replace(population, neuron=own, resolution=None)


def _calmed(network: Network, wanted: float, ranges: Mapping[str, InputRange]) -> Network:
    """Return the network with loops as strong as lets it fire no more than ``wanted``, or with the fewest spikes."""
    tried = []
    for share in _WEAKER:
        calmer = replace(network, projections=tuple(_weakened(p, share, network) for p in network.projections))
        spikes = _spikes(calmer, ranges)
        tried.append((spikes, calmer))
        if spikes <= wanted:
            return calmer
    return min(tried, key=lambda each: each[0])[1]


def _spikes(network: Network, ranges: Mapping[str, InputRange]) -> float:
    """Return the spikes of all neurons in float."""
    sent = observe(network, ranges).sent
    return float(sum(sent[p.name].sum(dtype=np.float64) for p in network.neurons if not p.neuron.is_readout))


def _weakened(projection: Projection, share: float, network: Network) -> Projection:
    if not any({projection.source, projection.target} <= set(loop) for loop in network.loops):
        return projection
    weighted = [index for index, op in enumerate(projection.ops) if isinstance(op, Linear | Conv2d)]
    ops = list[LinearOp](projection.ops)
    for index in weighted[-1:]:
        op = projection.ops[index]
        assert isinstance(op, Linear | Conv2d)
        ops[index] = replace(op, weight=(share * op.weight).astype(np.float32))
    return replace(projection, ops=tuple(ops))


def _fires_more(before: Population, adapted: Network) -> bool:
    own = adapted[before.name]
    assert isinstance(own, Population)
    return before.neuron.spikes == "binary" and own.neuron.spikes == "integer"


def _is_in_loop(name: str, network: Network) -> bool:
    return any(name in loop for loop in network.loops)


def _as_strong(neuron: Neuron, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return the gain at which a lasting input moves the membrane as far as before; as it is for one without leak."""
    gain = neuron.gain.astype(np.float64)
    for before, after in ((neuron.alpha, alpha), (neuron.beta, beta)):
        loses = before < 1
        gain = np.where(loses, gain * (1.0 - after) / np.where(loses, 1.0 - before.astype(np.float64), 1.0), gain)
    return gain.astype(np.float32)
