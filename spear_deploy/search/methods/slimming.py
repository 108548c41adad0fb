"""Network Slimming (Liu et al., ICCV 2017) on spikes: an L1 penalty on a scale of each unit, one global threshold.

The paper's scales are those of batch normalisation, which is folded into a spiking network's weights before pruning.
Here each unit's outgoing spikes have a scale gamma, initially 1, that is folded into its outgoing weights at the end.
With the gradient g of the scale, and G the mean |g| over all units in the first tenth of the training, each step is
the proximal step of the loss with L1 strength G::

    m     <- 0.9 m + 0.1 g
    gamma <- soft(gamma - c m / G, c)          soft(x, c) = sign(x) max(|x| - c, 0)

where c falls as half a cosine and sums to 1: a scale without a gradient reaches 0 at the last step.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from spear_deploy.network.units import unit_groups
from spear_deploy.search.protocol import Proposal
from spear_deploy.search.space import counts_of
from spear_deploy.search.toolkit.factors import FactorSimulator, pruned_and_folded
from spear_deploy.search.toolkit.selection import select_units
from spear_deploy.search.toolkit.single_proposal import SingleProposal
from spear_deploy.search.toolkit.training import GradientAccumulator, batches, steps_of

_MEASURED = 0.1
"""Share of the steps in which gradients are measured and the scales stay fixed (chosen)."""
_MOMENTUM = 0.9


class Slimming(SingleProposal):
    """Trains weights and scales, then keeps the units with the largest scales, as many as the target allows.

    Figures: the scales' standard deviation, the smallest scale kept, and the predicted share of SynOps.
    """

    def propose(self) -> Proposal:
        """Train and prune, and return the network."""
        task, groups = self.task, unit_groups(self.task.network)
        simulator = FactorSimulator(task.network, groups).to(task.execution.device)
        scales = Scales({group.name: group.units for group in groups.groups}, task.execution.device)
        optimiser = torch.optim.Adam(simulator.parameters())
        total = steps_of(task)
        resting = max(1, round(_MEASURED * total))
        ways = np.array([1 + np.cos(np.pi * step / total) for step in range(total)])
        ways[:resting] = 0.0
        ways /= max(ways.sum(), 1e-12)
        descent = GradientAccumulator(task, simulator)
        for step, batch in enumerate(batches(task)):
            simulator.factors.update(scales.leaves())
            optimiser.param_groups[0]["lr"] = batch.rate
            optimiser.zero_grad(set_to_none=True)
            descent.add_gradients(batch)
            optimiser.step()
            scales.step(float(ways[step]))
        values = {name: gamma.double().cpu().numpy() for name, gamma in scales.values.items()}
        kept = select_units(task, {name: np.abs(gamma) for name, gamma in values.items()})
        every = np.concatenate([*values.values()]) if values else np.zeros(0)
        least = [float(np.abs(values[name][units]).min()) for name, units in kept.items()]
        self._figures = {
            # With a deviation of 0 the scales would rank nothing.
            "scale_sd": float(every.std()) if len(every) else 0.0,
            "threshold": min(least, default=0.0),
            "share": task.cost.share_of(kept),
        }
        return Proposal(counts_of(kept), pruned_and_folded(simulator.to_network(), kept, values), kept)


class Scales:
    """The scales of all units, and their proximal steps."""

    def __init__(self, units: Mapping[str, int], device: str = "cpu") -> None:
        self.values = {name: torch.ones(count, device=device) for name, count in units.items()}
        self._momentum = {name: torch.zeros(count, device=device) for name, count in units.items()}
        self._leaves: dict[str, Tensor] = {}
        self._sum, self._count = 0.0, 0

    def leaves(self) -> dict[str, Tensor]:
        """Return the scales as leaves of the autograd graph for the next pass."""
        self._leaves = {name: values.clone().requires_grad_() for name, values in self.values.items()}
        return self._leaves

    def step(self, way: float) -> None:
        """Take a step of size ``way`` (c above) with the leaves' gradients; at 0 they are only measured."""
        gradients = {n: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for n, leaf in self._leaves.items()}
        for name, gradient in gradients.items():
            self._momentum[name].lerp_(gradient, 1 - _MOMENTUM)
            if way == 0:
                self._sum += float(gradient.abs().sum())
                self._count += len(gradient)
        if way == 0:
            return
        strength = max(self._sum / max(1, self._count), 1e-12)
        for name, values in self.values.items():
            moved = values - way * self._momentum[name] / strength
            self.values[name] = moved.sign() * (moved.abs() - way).clamp(min=0)
