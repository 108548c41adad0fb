"""The neurons of sigma-delta networks over all steps of a batch, in 64-bit integers on any device of torch's.

The equations are those of :mod:`spear_deploy.network.sigma_delta`.  Lava holds states in 32 bits and the chip in 24:
they are counted where they go beyond the chip's, and below Lava's everything is equal to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spear_deploy.network.sigma_delta import SigmaDeltaPopulation
from spear_deploy.targets.loihi.sigma_delta.program import LARGEST_STATE


@dataclass(frozen=True, eq=False)
class Sent:
    """The output of a population: ``out`` (T, B, *shape) are messages, or a decoder's sums.

    ``held`` (T, B, *shape) is what its states of that step stand for: the sums of a decoder and of a sigma-delta
    neuron, the values of an encoder.  ``final`` are states after the last step, (B, *shape); ``beyond`` counts bins,
    one neuron in one step, in which a state was beyond the chip's register.
    """

    out: Tensor
    held: Tensor
    final: dict[str, Tensor]
    beyond: int


def decode(arriving: Tensor) -> Sent:
    """Add up what arrives, (T, B, *shape): the decoder."""
    sigma = arriving.cumsum(0)
    return Sent(sigma, sigma, {"sigma": sigma[-1]}, _beyond(sigma))


def encode(population: SigmaDeltaPopulation, x: Tensor) -> Sent:
    """Encode integers ``x`` (T, B, *shape): the delta encoder."""
    return _send(population, x << population.shift, {})


def activate(population: SigmaDeltaPopulation, arriving: Tensor) -> Sent:
    """Add up what arrives, (T, B, *shape), activate it and send the changes: the sigma-delta neuron."""
    sigma = arriving.cumsum(0)
    bias = torch.as_tensor(np.array(population.bias), device=sigma.device)
    act = sigma + (bias << population.shift)
    if population.activation == "relu":
        act = act.clamp_min(0)
    return _send(population, act, {"sigma": sigma})


def _send(population: SigmaDeltaPopulation, acts: Tensor, held: dict[str, Tensor]) -> Sent:
    """Send the changes of ``acts``; ``held`` are states that are kept beside them, (T, B, *shape)."""
    threshold = population.threshold << population.shift
    out = torch.empty_like(acts)
    before, residue, error = (torch.zeros_like(acts[0]) for _ in range(3))
    most = torch.zeros_like(acts)
    for step, act in enumerate(acts):
        delta = act - before + residue
        judged = delta
        if population.cumulative_error:
            error = error + delta
            judged = error
        sent = torch.where(judged.abs() >= threshold, delta, 0)
        if population.cumulative_error:
            error = torch.where(sent != 0, 0, error)
        before, residue = act, delta - sent
        out[step] = sent >> population.state_exp
        most[step] = torch.maximum(delta.abs(), error.abs())
    states = {name: values[-1] for name, values in held.items()}
    final = {**states, "act": before, "residue": residue, "error": error}
    return Sent(out, held.get("sigma", acts), final, _beyond(acts, most, *held.values()))


def _beyond(*states: Tensor) -> int:
    out_of = torch.zeros_like(states[0], dtype=torch.bool)
    for state in states:
        out_of |= (state > LARGEST_STATE) | (state < -LARGEST_STATE - 1)
    return int(out_of.sum())
