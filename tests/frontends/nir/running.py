"""Running an imported network on arrays."""

from __future__ import annotations

import numpy as np
import torch

from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator


def simulate(network: Network, *inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Run values (T, B, *shape), one array for each input in order of name, and return what each population gives."""
    values = {p.name: torch.from_numpy(x.astype(np.float32)) for p, x in zip(network.inputs, inputs, strict=True)}
    with torch.no_grad():
        return {name: out.numpy() for name, out in FloatSimulator(network)(values).items()}
