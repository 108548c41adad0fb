"""Sigma-delta networks in real numbers: their behaviour if no message were rounded.

All values are in units of the input's integers, so weights are those of the file over 2^state_exp; the equations are in
:mod:`spear_deploy.network.sigma_delta`.  Everything is float64: if states have no fractional bits, so that messages
lose nothing, the results equal those of the integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network.sigma_delta import SigmaDeltaNetwork, SigmaDeltaPopulation
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.recording import Recording


def simulate_sigma_delta(network: SigmaDeltaNetwork, x: NDArray[Any]) -> Recording:
    """Run integers ``x`` (steps, samples, *shape): values, or messages if the network has no encoder.

    Returns messages as ``spikes``, and as ``membrane`` the accumulated sum of every population (or the value of an
    encoder), by name: (steps, samples, *shape), float64, in units of the input's integers.
    """
    places = 0 if network.encoder is not None else network.populations[0].spike_exp
    sent = torch.as_tensor(np.array(x, np.float64)) / (1 << places)
    spikes: dict[str, NDArray[Any]] = {network.input.name: x}
    membrane: dict[str, NDArray[Any]] = {}
    incoming = {each.target: each for each in network.synapses}
    for population in network.populations:
        synapses = incoming.get(population.name)
        held = sent if synapses is None else _arriving(synapses, sent, population).cumsum(0)
        membrane[population.name] = held.numpy()
        if not population.is_readout:
            sent = _changes(population, held)
            spikes[population.name] = sent.numpy()
    return Recording(spikes, membrane)


def _arriving(synapses: Synapses, sent: Tensor, population: SigmaDeltaPopulation) -> Tensor:
    """Return the summed input of a population, one step later: (T, B, *shape)."""
    frames = torch.cat([torch.zeros_like(sent[:1]), sent[:-1]]).flatten(0, 1)
    weight = torch.as_tensor(np.asarray(synapses.weight, np.float64) / (1 << population.state_exp))
    if isinstance(synapses, ConvSynapses):
        geometry = (synapses.stride, synapses.padding, synapses.dilation, synapses.groups)
        sums = functional.conv2d(frames, weight, None, *geometry)
    else:
        sums = frames.flatten(1) @ weight.T
    return sums.reshape(*sent.shape[:2], *population.shape)


def _changes(population: SigmaDeltaPopulation, held: Tensor) -> Tensor:
    """Return the messages of neurons for their accumulated input (T, B, *shape)."""
    acts = held
    if population.kind == "sigma_delta":
        acts = held + torch.as_tensor(np.array(population.bias))
        acts = acts.clamp_min(0) if population.activation == "relu" else acts
    before, residue, error = (torch.zeros_like(acts[0]) for _ in range(3))
    sent = torch.empty_like(acts)
    for step, act in enumerate(acts):
        delta = act - before + residue
        error = error + delta
        judged = error if population.cumulative_error else delta
        sent[step] = torch.where(judged.abs() >= population.threshold, delta, 0.0)
        error = torch.where(sent[step] != 0, 0.0, error)
        before, residue = act, delta - sent[step]
    return sent
