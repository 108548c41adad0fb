"""Runs sigma-delta programs bit for bit, population after population over all steps of a batch.

Sums are products in float64, exact below 2^53; steps in which a population sends nothing cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network.ops import Shape
from spear_deploy.network.sigma_delta import SigmaDeltaPopulation
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.loihi.convolution import Geometry, conv2d
from spear_deploy.targets.loihi.sigma_delta.neurons import Sent, activate, decode, encode
from spear_deploy.targets.loihi.sigma_delta.program import LARGEST_MESSAGE, STATE_BITS, SigmaDeltaProgram

_BATCH_BYTES = 256 << 20
_ARRAYS = 8
"""Arrays of 64-bit integers, all steps of the largest population, that a run holds at once."""


class SigmaDeltaEmulator:
    """Runs a program on ``device``; all states start at zero for every sample, and no message is on its way."""

    def __init__(self, program: SigmaDeltaProgram, device: str | torch.device = "cpu") -> None:
        self.program, self.device = program, torch.device(device)

    def batch_size(self, steps: int) -> int:
        """Return how many samples of this many steps it runs at once within 256 MB."""
        largest = max(population.size for population in self.program.populations)
        return max(1, min(1024, _BATCH_BYTES // (8 * _ARRAYS * steps * largest)))

    def run(self, inputs: Mapping[str, NDArray[Any]], *, membranes: bool = False, clips: bool = False) -> Recording:
        """Run one batch: integers (T, B, *shape) for the input.

        ``spikes`` of the recording are messages, int32; the membrane of a decoder, and of others with ``membranes``, is
        what it has added up, that of an encoder the value that it holds.  ``clips`` counts sums of a step that
        wrap (``currents``), states beyond their register (``membranes``) and messages beyond theirs (``payloads``).
        """
        (port,) = self.program.inputs
        x = np.ascontiguousarray(inputs[port.name], np.int64)
        sent = torch.as_tensor(x, device=self.device)
        spikes: dict[str, NDArray[Any]] = dict(inputs)
        membrane: dict[str, NDArray[Any]] = {}
        final: dict[str, dict[str, NDArray[Any]]] = {}
        counts: dict[str, Clips] = {}
        synapses = {each.target: each for each in self.program.synapses}
        for population in self.program.populations:
            did, wrapped = self._step_on(population, synapses.get(population.name), sent)
            sent = did.out
            (membrane if population.is_readout else spikes)[population.name] = _numpy(did.out)
            if membranes:
                membrane[population.name] = _numpy(did.held)
            for state, values in did.final.items():
                final.setdefault(state, {})[population.name] = _numpy(values.flatten(1))
            if clips:
                too_long = 0 if population.is_readout else int((did.out.abs() > LARGEST_MESSAGE).sum())
                counts[population.name] = Clips(did.out.numel(), did.beyond, wrapped, too_long)
        return Recording(spikes, membrane, final, clips=counts)

    def _step_on(self, population: SigmaDeltaPopulation, synapses: Synapses | None, sent: Tensor) -> tuple[Sent, int]:
        """Return what a population does when its source has ``sent`` (T, B, *shape), and how many sums wrapped."""
        if synapses is None:
            return encode(population, sent), 0
        arriving, wrapped = _sums(synapses, sent, population.shape)
        return (decode(arriving) if population.is_readout else activate(population, arriving)), wrapped


def _sums(synapses: Synapses, sent: Tensor, shape: Shape) -> tuple[Tensor, int]:
    """Return what arrives one step after it was sent, (T, B, *shape), and how many of these sums wrapped.

    Lava's convolution wraps the sum of a step to 24 bits, its dense synapses do not.
    """
    steps, samples = sent.shape[:2]
    frames = sent[:-1].reshape(-1, *sent.shape[2:])
    active = (frames != 0).flatten(1).any(1)
    sums = torch.zeros((steps * samples, *shape), dtype=torch.int64, device=sent.device)
    weight = torch.as_tensor(np.asarray(synapses.weight, np.float64), device=sent.device)
    some = frames[active].to(torch.float64)
    if isinstance(synapses, ConvSynapses):
        exact = conv2d(some, weight, Geometry.of(synapses)).to(torch.int64)
        kept = _wrap(exact)
    else:
        exact = kept = (some.flatten(1) @ weight.T).to(torch.int64).reshape(-1, *shape)
    sums[samples:][active] = kept
    return sums.reshape(steps, samples, *shape), int((kept != exact).sum())


def _wrap(values: Tensor) -> Tensor:
    half = 1 << (STATE_BITS - 1)
    return ((values + half) & (2 * half - 1)) - half


def _numpy(values: Tensor) -> NDArray[np.int32]:
    return values.to(torch.int32).cpu().numpy()
