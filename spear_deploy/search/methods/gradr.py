"""Grad R: gradient rewiring of single weights (Chen et al., IJCAI 2021, arXiv:2105.04916), as in the authors' code.

Each weight is ``w = s relu(theta)`` with s = sign(w) fixed and theta = |w| at first.  In each step, with the gradient
``g = dL/dw`` of every synapse, missing ones included, and Adam's bias-corrected moments m and v of g::

    theta <- theta - lr s m / (sqrt(v) + eps) - lr / (1 - beta1^t) alpha sign(theta - mu)

with the sign of theta before the step.  The last term is that of a Laplace prior of rate alpha around mu, whose mass
below 0 is the wanted sparsity: ``mu = ln(2 (1 - sparsity)) / alpha`` for a sparsity of at least a half, and
``-ln(2 sparsity) / alpha`` below (our continuation; the authors' code asserts the former).
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spear_deploy.network import Network
from spear_deploy.search.protocol import Proposal
from spear_deploy.search.synapses import (
    SAMPLES,
    Array,
    Place,
    SynapseCosts,
    density,
    masked,
    parameter_names,
    scales_of,
    weights_of,
    with_weights,
)
from spear_deploy.search.toolkit.single_proposal import SingleProposal, all_units
from spear_deploy.search.toolkit.training import GradientAccumulator, batches, rate_at, steps_of
from spear_deploy.simulate.simulator import FloatSimulator

BETAS = (0.9, 0.999)
EPSILON = 1e-8
_NEW = 0.01
"""A synapse regrown after the last step starts at this share of its operation's root mean square (chosen)."""


class Rewired:
    """The theta of one operation's weights."""

    def __init__(self, weight: Tensor, alpha: float, mu: float) -> None:
        self.sign, self.theta = weight.sign(), weight.abs()
        self._alpha, self._mu = alpha, mu
        self._first, self._second, self._steps = torch.zeros_like(weight), torch.zeros_like(weight), 0

    @property
    def weight(self) -> Tensor:
        """The weights, in their original shape."""
        return self.sign * self.theta.clamp(min=0)

    def step(self, gradient: Tensor, rate: float) -> None:
        """Update theta by the gradient of the loss with respect to the weights, and by the prior."""
        self._steps += 1
        self._first.lerp_(gradient, 1 - BETAS[0])
        self._second.lerp_(gradient.square(), 1 - BETAS[1])
        first, second = (1 - beta**self._steps for beta in BETAS)
        moved = self.sign * (self._first / first) / ((self._second / second).sqrt() + EPSILON)
        prior = self._alpha / first * torch.sign(self.theta - self._mu)
        self.theta = self.theta - rate * (moved + prior)


def location(sparsity: float, alpha: float) -> float:
    """Return the location of a Laplace distribution of this rate with a mass of ``sparsity`` below 0."""
    return (log(2 * (1 - sparsity)) if sparsity >= 0.5 else -log(2 * sparsity)) / alpha


class GradR(SingleProposal):
    """Trains with rewiring, then keeps the synapses with the largest theta, as many as the target allows.

    Figures: alpha, the sparsities wanted and trained, and the share of the weights that is left.
    """

    def propose(self) -> Proposal:
        """Train and prune, and return the network."""
        task = self.task
        synapses = SynapseCosts.of(task.network, task.data.train.some(SAMPLES), task.execution)
        sparsity, alpha = self._prior(synapses)
        trained, thetas = self._trained(alpha, location(sparsity, alpha) if sparsity > 0 else 0.0)
        scales = scales_of(task.network)
        # Relative to the network's own scales: layers differ in scale by their fan-in, not by their worth.
        scores = {place: theta / scales[place] for place, theta in thetas.items()}
        masks = synapses.kept(scores, task.target)
        values = weights_of(trained)
        signs = {place: np.sign(weight) for place, weight in weights_of(task.network).items()}
        regrown = {place: np.where(w == 0, signs[place] * scales[place] * _NEW, w) for place, w in values.items()}
        positive = sum(int(np.sum(theta > 0)) for theta in thetas.values())
        self._figures = {
            "alpha": alpha,
            "sparsity_wanted": sparsity,
            "sparsity_trained": 1 - positive / max(1, sum(theta.size for theta in thetas.values())),
            "density": density(task.network, masks),
        }
        return Proposal(task.space.units, masked(with_weights(trained, regrown), masks), all_units(task))

    def _prior(self, synapses: SynapseCosts) -> tuple[float, float]:
        """Return the sparsity at which the largest weights meet the target, and alpha.

        Alpha is such that the prior alone moves theta, over the training, by the largest weight that is to be removed.
        """
        magnitudes = {place: np.abs(weight) for place, weight in weights_of(self.task.network).items()}
        masks = synapses.kept(magnitudes, self.task.target)
        every = np.sort(np.concatenate([m[m > 0] for m in magnitudes.values()] or [np.zeros(0)]))
        sparsity = 1 - density(self.task.network, masks)
        if not len(every) or sparsity <= 0:
            return 0.0, 0.0
        steps = range(steps_of(self.task))
        way = sum(rate_at(self.task, step) / (1 - BETAS[0] ** (step + 1)) for step in steps)
        return sparsity, float(every[min(len(every) - 1, int(sparsity * len(every)))] / way)

    def _trained(self, alpha: float, mu: float) -> tuple[Network, dict[Place, Array]]:
        """Return the network after the last step, and the theta of every weight."""
        simulator = FloatSimulator(self.task.network).to(self.task.execution.device)
        parameters: dict[Place, Any] = {
            place: simulator.get_parameter(name) for place, name in parameter_names(self.task.network).items()
        }
        rewired = {place: Rewired(weight.detach().clone(), alpha, mu) for place, weight in parameters.items()}
        ours = {id(parameter) for parameter in parameters.values()}
        others = [parameter for parameter in simulator.parameters() if id(parameter) not in ours]
        adam = torch.optim.Adam(others) if others else None
        descent = GradientAccumulator(self.task, simulator)
        for batch in batches(self.task):
            simulator.zero_grad(set_to_none=True)
            descent.add_gradients(batch)
            for place, weight in parameters.items():
                rewired[place].step(torch.zeros_like(weight) if weight.grad is None else weight.grad, batch.rate)
                weight.data.copy_(rewired[place].weight)
            if adam is not None:
                adam.param_groups[0]["lr"] = batch.rate
                adam.step()
        return simulator.to_network(), {place: r.theta.double().cpu().numpy() for place, r in rewired.items()}
