"""snnTorch: every neuron that its exporter writes, with both resets, late and at once."""

from __future__ import annotations

from itertools import product

import numpy as np
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir
from torch import Tensor, nn

from spear_deploy.importers import from_snntorch
from tests.importers.live.recording import INPUTS, NEURONS, Case, linear

BETA = torch.linspace(0.1, 0.99, NEURONS)
ALPHA = torch.full((NEURONS,), 0.7)


def cases() -> list[Case]:
    """Return a case for each kind of neuron, reset and delay that runs."""
    kinds = product(("Leaky", "Synaptic", "RLeaky", "RSynaptic"), ("subtract", "zero"), (True, False))
    runs = [kind for kind in kinds if kind[0] != "RSynaptic" or kind[2]]  # RSynaptic at once raises in snnTorch 1.0
    return [case(*kind) for kind in runs]


def case(kind: str, reset: str, reset_delay: bool) -> Case:
    options = {
        "threshold": torch.ones(NEURONS),
        "reset_mechanism": reset,
        "reset_delay": reset_delay,
        "init_hidden": True,
    }
    options |= {"linear_features": NEURONS} if kind.startswith("R") else {}
    options |= {"alpha": ALPHA} if kind.endswith("Synaptic") else {}
    layer = getattr(snn, kind)(beta=BETA, **options)
    if kind.startswith("R"):
        weight = np.random.default_rng(3).normal(0, 0.08, (NEURONS, NEURONS))
        layer.recurrent.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float32))
        layer.recurrent.bias = nn.Parameter(torch.full((NEURONS,), 1 / 16))
    net = nn.Sequential(linear(0.5), layer)

    def run(x: Tensor) -> Tensor:
        layer.reset_mem()
        return torch.cat([net(step[None]) for step in x])

    sample = torch.zeros(1, INPUTS)
    name = f"{kind}-{reset}-{'late' if reset_delay else 'now'}"
    return Case(name, run, lambda: from_snntorch(net, sample), lambda: export_to_nir(net, sample, ignore_dims=[0]))
